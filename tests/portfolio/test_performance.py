"""An account over a period, from what is stored: returns, flows, benchmark, and what is missing by name."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.allocation import allocate
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.records import Performance
from starkmatter.portfolio.runs import close_former_runs
from starkmatter.portfolio.snapshots import EquityRecorder
from starkmatter.trading.submit import submit_order
from tests.builders import OPENS_AT, RUN_ID, Desk, closed_clock, make_desk, open_clock, order, quote
from tests.portfolio.days import later, tell, tomorrow
from tests.portfolio.history import give_bars, give_past, give_sessions, past

OPENED_AT = datetime(2021, 2, 26, 15, tzinfo=UTC)
WEEK = past(
    "2021-02-26 101000",
    "2021-03-01 104000",
    "2021-03-02 156000 104000+50000",
    "2021-03-03 140400",
    "2021-03-04 147420",
)


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


@pytest.fixture
def stored(desk: Desk, database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def week(desk: Desk, stored: psycopg.Connection[Any]) -> Desk:
    """Five days: two up, 50,000.00 paid in on the third, one down, one up; now it is the evening of the fifth."""
    give_sessions(stored, WEEK)
    give_past(stored, desk.account_id, WEEK, opened_at=OPENED_AT)
    give_bars(
        stored, "^GSPC", "2021-02-25 4000", "2021-02-26 4040", "2021-03-01 4000", "2021-03-02 4100", "2021-03-04 4200"
    )
    evening = WEEK[-1].closes_at + timedelta(hours=1)
    await desk.tell(
        quote("AAPL 100.00/100.05"),
        clock=closed(evening, date(2021, 3, 4), evening + timedelta(hours=16)),
    )
    return desk


def closed(at: datetime, on: date, next_open: datetime):
    return open_clock(venue_now=at, state="closed", session_on=on, next_open=next_open, next_close=None)


def near(one: Decimal | None, other: Decimal) -> bool:
    return one is not None and abs(one - other) < Decimal("1e-20")


async def measure(desk: Desk, **asked: Any) -> Performance:
    return await measure_performance(desk.b, desk.caller, desk.account_id, **asked)


async def test_a_week_is_measured_from_its_opening_with_the_flow_left_out_of_the_time_weighted_return(
    week: Desk,
) -> None:
    found = await measure(week)
    assert (found.start_value, found.end_value) == (Decimal(100_000), Decimal(147_420))
    assert (found.flows, found.deposits, found.withdrawals) == (Decimal(50_000), Decimal(50_000), Decimal(0))
    assert found.pl == Decimal(-2_580)
    # 1.04 until the flow, then 154,000 becomes 147,420.
    assert near(found.twr, Decimal("1.04") * Decimal(147_420) / Decimal(154_000) - 1)
    assert found.simple == Decimal(-2_580) / Decimal(150_000)
    assert found.mwr is not None
    assert found.simple > found.mwr
    assert found.since_opening
    assert (found.twr_annual, found.mwr_annual) == (None, None)
    assert [day.on.day for day in found.days] == [26, 26, 1, 2, 3, 4]
    assert [day.flow for day in found.days] == [0, 0, 0, 50_000, 0, 0]
    assert found.drawdown is not None
    assert near(found.drawdown.depth, Decimal("-0.1"))
    assert (found.drawdown.peak_on, found.drawdown.trough_on) == (date(2021, 3, 2), date(2021, 3, 3))
    assert found.drawdown.recovered_on is None
    assert [(one.month, one.whole) for one in found.months] == [(2, False), (3, False)]


async def test_a_period_begins_at_the_close_before_it_and_ends_at_its_last_close(week: Desk) -> None:
    found = await measure(week, start=date(2021, 3, 1), end=date(2021, 3, 2))
    assert (found.start_value, found.end_value) == (Decimal(101_000), Decimal(156_000))
    assert found.flows == Decimal(50_000)
    assert not found.since_opening
    first = Decimal(104_000) / Decimal(101_000)
    assert near(found.twr, first * Decimal(156_000) / Decimal(154_000) - 1)
    weekend = await measure(week, start=date(2021, 2, 27), end=date(2021, 2, 28))
    assert weekend.twr is None
    assert "only one value" in " ".join(weekend.missing)


async def test_the_benchmark_runs_over_the_same_days_and_its_gap_is_named(week: Desk) -> None:
    found = await measure(week)
    assert found.benchmark is not None
    # The account was opened inside Feb 26, so the index starts from the close before.
    assert found.benchmark.symbol == "^GSPC"
    assert found.benchmark.twr == Decimal(4200) / 4000 - 1
    assert [day.benchmark_growth for day in found.days][-2:] == [None, Decimal(4200) / 4000]
    assert "^GSPC has no price on 2021-03-03." in found.missing
    none = await measure(week, benchmark="")
    assert none.benchmark is None
    assert none.missing == []
    without = await measure(week, benchmark="MSFT")
    assert without.benchmark is not None
    assert without.benchmark.twr is None
    assert "MSFT has no close at or before the start" in " ".join(without.missing)


async def test_days_without_a_value_are_named_and_linked_over(week: Desk, stored: psycopg.Connection[Any]) -> None:
    stored.execute("DELETE FROM equity_snapshot WHERE venue_at = %s", (WEEK[3].closes_at,))
    found = await measure(week, benchmark="")
    assert found.missing == ["No value was recorded on 2021-03-03: these days are part of the next one."]
    assert near(found.twr, Decimal("1.04") * Decimal(147_420) / Decimal(154_000) - 1)
    stored.execute(
        "UPDATE equity_snapshot SET venue_at = venue_at - interval '1 hour' WHERE venue_at = %s", (WEEK[1].closes_at,)
    )
    assert (
        "No value was recorded at the close of 2021-03-01: the last one before it is used."
        in (await measure(week, benchmark="")).missing
    )


async def test_what_is_somebody_elses_or_unknown_is_not_there(week: Desk) -> None:
    stranger = await week.person()
    with pytest.raises(NotFound):
        await measure_performance(week.b, stranger.caller, week.account_id)
    with pytest.raises(NotFound):
        await allocate(week.b, stranger.caller, week.account_id)
    with pytest.raises(NotFound):
        await measure(week, benchmark="NOPE")
    for asked in (
        {"start": date(2021, 3, 3), "end": date(2021, 3, 1)},
        {"start": date(2022, 1, 1)},
        {"end": date(2020, 1, 1)},
    ):
        with pytest.raises(InvalidInput):
            await measure(week, **asked)


async def test_a_deposit_today_is_no_result_even_before_the_next_point(week: Desk) -> None:
    before = await measure(week)
    await deposit(week.b, week.caller, week.account_id, Decimal("12345.67"))
    after = await measure(week)
    assert after.twr == before.twr
    assert after.pl == before.pl
    assert after.flows == before.flows + Decimal("12345.67")
    await deposit(week.b, week.caller, week.account_id, Decimal("-150000.00"))
    withdrawn = await measure(week)
    assert (withdrawn.twr, withdrawn.pl) == (before.twr, before.pl)


async def test_a_deposit_while_the_clock_stands_at_the_last_close_is_no_result(
    week: Desk, stored: psycopg.Connection[Any]
) -> None:
    """The replay's history can end: then venue time rests at the last close, where the last point lies."""
    at = WEEK[-1].closes_at
    await week.tell(
        clock=open_clock(venue_now=at, state="ended", session_on=at.date(), next_open=None, next_close=None)
    )
    before = await measure(week)
    for paid_in in ("20000.00", "-500.00"):
        await deposit(week.b, week.caller, week.account_id, Decimal(paid_in))
    after = await measure(week)
    assert near(after.twr, before.twr or Decimal(9))
    assert (after.pl, after.flows) == (before.pl, before.flows + 19_500)
    assert after.days[-1].value == before.days[-1].value + 19_500
    assert len(after.days) == len(before.days)


async def test_a_deposit_at_the_instant_of_the_opening_is_known(desk: Desk) -> None:
    fresh = await desk.person()
    await desk.tell(clock=open_clock(venue_now=OPENS_AT - timedelta(hours=1), state="pre"))
    await deposit(desk.b, fresh.caller, fresh.account_id, Decimal("500.00"))
    found = await measure_performance(desk.b, fresh.caller, fresh.account_id)
    assert (found.end_value, found.flows, found.pl, found.twr) == (100_500, 500, 0, 0)
    assert "no time has passed" in " ".join(found.missing)


async def test_what_the_worker_records_measures_the_same_as_the_account_says(desk: Desk) -> None:
    """Two real days: a purchase, a rise, a close, another day; fees and result agree with the positions."""
    recorder = EquityRecorder(desk.b.db, "replay")
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 100 AAPL"), "key-00000001")
    await desk.broker.drain()
    for minutes, price in ((10, "100.00/100.05"), (389, "110.00/110.05")):
        await tell(desk, recorder, later(f"AAPL {price}"), clock=open_clock(minutes))
    await tell(desk, recorder, clock=closed_clock())
    await tell(desk, recorder, later("AAPL 112.00/112.05", "110.00"), clock=tomorrow())
    await submit_order(desk.b, desk.caller, desk.account_id, order("sell 40 AAPL"), "key-00000002")
    await desk.broker.drain()
    found = await measure(desk, benchmark="")
    assert found.missing == []
    assert found.fees == Decimal("0.13") + Decimal("0.01")
    assert found.pl == Decimal("1195.00") - found.fees
    assert found.end_value == Decimal(100_000) + found.pl
    assert [(day.on.day, day.value) for day in found.days] == [
        (1, Decimal(100_000)),
        (1, Decimal("100995.00")),
        (2, Decimal(100_000) + found.pl),
    ]
    assert found.days[1].at == open_clock().next_close
    assert near(found.twr, found.pl / 100_000)


async def test_a_former_runs_account_ends_where_its_run_ended(week: Desk) -> None:
    before = await measure(week, benchmark="")
    await close_former_runs(week.b.db, RUN_ID + 1, OPENS_AT)
    after = await measure(week, benchmark="")
    assert (after.twr, after.simple, after.end_value) == (before.twr, before.simple, before.end_value)


async def test_an_account_of_this_minute_says_that_there_is_nothing_to_measure(desk: Desk) -> None:
    fresh = await desk.person()
    await desk.tell(clock=open_clock(venue_now=OPENS_AT - timedelta(hours=1), state="pre"))
    found = await measure_performance(desk.b, fresh.caller, fresh.account_id)
    assert (found.twr, found.mwr, found.simple) == (None, None, None)
    assert "only one value" in " ".join(found.missing)
    assert found.pl == 0


async def test_a_missing_clock_or_price_is_said(week: Desk) -> None:
    await submit_order(week.b, week.caller, week.account_id, order("buy 1 AAPL"), "key-00000003")
    await QuoteBoard(week.b.cache).publish(
        "replay",
        {"AAPL": replace(quote("AAPL 100.00/100.05"), received_at=utc_now())},
        clock=open_clock(),
        now=utc_now(),
    )
    await week.b.cache.flushall()
    found = await measure(week, benchmark="")
    assert "clock does not answer" in " ".join(found.missing)
    assert found.end_value == Decimal(147_420)


async def test_the_parts_of_an_account_sum_to_its_equity(desk: Desk) -> None:
    whole = await allocate(desk.b, desk.caller, desk.account_id)
    assert (whole.cash.weight, whole.symbols, whole.sectors) == (1, [], [])
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 100 AAPL"), "key-00000001")
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 100 MSFT"), "key-00000002")
    await desk.broker.drain()
    found = await allocate(desk.b, desk.caller, desk.account_id)
    assert [(one.name, one.value) for one in found.symbols] == [("MSFT", Decimal(20_000)), ("AAPL", Decimal(10_000))]
    assert [(one.name, one.value) for one in found.sectors] == [("Technology", Decimal(30_000))]
    for slices in (found.symbols, found.sectors):
        assert sum(one.value for one in slices) + found.cash.value == found.equity
        assert abs(sum(one.weight or 0 for one in slices) + (found.cash.weight or 0) - 1) < Decimal("1e-20")
    await desk.b.cache.flushall()
    assert "AAPL has no quote and stands at its cost." in (await allocate(desk.b, desk.caller, desk.account_id)).missing
