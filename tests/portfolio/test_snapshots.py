"""The value line: when a point is written, what it holds, and that restarts and deposits do not bend it."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.opening import deposit, open_account
from starkmatter.portfolio.runs import close_former_runs
from starkmatter.portfolio.snapshots import EquityRecorder
from starkmatter.portfolio.valuation import equity_series
from starkmatter.trading.submit import submit_order
from tests.builders import RUN_ID, Desk, closed_clock, make_desk, open_clock, order, quote
from tests.portfolio.days import later, tell, tomorrow


@pytest.fixture
async def desk(database: Database, cache: Redis) -> Desk:
    return await make_desk(database, cache)


@pytest.fixture
def recorder(desk: Desk) -> EquityRecorder:
    return EquityRecorder(desk.b.db, "replay")


async def line(desk: Desk) -> list[Decimal]:
    return [point.equity for point in await equity_series(desk.b, desk.caller, desk.account_id)]


async def test_a_point_is_written_every_five_venue_minutes_and_no_oftener(desk: Desk, recorder: EquityRecorder) -> None:
    for minutes in (10, 11, 14, 15, 16, 20):
        await tell(desk, recorder, quote("AAPL 100.00/100.05"), clock=open_clock(minutes))
    points = await equity_series(desk.b, desk.caller, desk.account_id)
    opened, *rest = [point.at for point in points]
    assert rest == [open_clock(minutes).venue_now for minutes in (10, 15, 20)]
    assert opened < rest[0]


async def test_a_point_holds_cash_and_shares_at_the_newest_price(desk: Desk, recorder: EquityRecorder) -> None:
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 10 AAPL"), "key-00000001")
    await desk.broker.drain()
    await tell(desk, recorder, quote("AAPL 110.00/110.05"))
    assert (await line(desk))[-1] == Decimal("98999.50") + Decimal("1100.00")


async def test_a_holding_without_a_price_counts_at_cost(desk: Desk, recorder: EquityRecorder) -> None:
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 10 AAPL"), "key-00000001")
    await desk.broker.drain()
    await recorder.on_quotes(open_clock(15), {"MSFT": quote("MSFT 200.00/200.10")})
    assert (await line(desk))[-1] == Decimal("100000.00")


async def test_the_close_is_a_point_and_nothing_is_written_until_the_next_open(
    desk: Desk, recorder: EquityRecorder
) -> None:
    await tell(desk, recorder, quote("AAPL 100.00/100.05"))
    before = len(await line(desk))
    await tell(desk, recorder, clock=closed_clock())
    for _ in range(3):
        await tell(desk, recorder, clock=closed_clock())
    assert len(await line(desk)) == before + 1
    await tell(desk, recorder, quote("AAPL 100.00/100.05"), clock=tomorrow(0))
    assert len(await line(desk)) == before + 2


async def test_a_restarted_worker_at_the_same_venue_time_corrects_its_point(
    desk: Desk, recorder: EquityRecorder
) -> None:
    await tell(desk, recorder, quote("AAPL 100.00/100.05"))
    before = len(await line(desk))
    await deposit(desk.b, desk.caller, desk.account_id, Decimal("5000.00"))
    await tell(desk, EquityRecorder(desk.b.db, "replay"), quote("AAPL 100.00/100.05"))
    assert len(await line(desk)) == before
    assert (await line(desk))[-1] == Decimal("105000.00")
    # The point knows what was paid in by then, so the next day does not take the deposit for a result.
    await tell(desk, recorder, later("AAPL 100.00/100.05"), clock=tomorrow())
    assert (await get_account(desk.b, desk.caller, desk.account_id)).day_pl == 0


async def test_an_account_of_a_former_run_gets_no_more_points(desk: Desk, recorder: EquityRecorder) -> None:
    await tell(desk, recorder, quote("AAPL 100.00/100.05"))
    before = await line(desk)
    await close_former_runs(desk.b.db, RUN_ID + 1, tomorrow().venue_now)
    await tell(desk, recorder, quote("AAPL 100.00/100.05"), clock=tomorrow())
    assert await line(desk) == before


async def instants(desk: Desk) -> list[datetime]:
    return [point.at for point in await equity_series(desk.b, desk.caller, desk.account_id)]


async def test_the_close_is_recorded_at_its_instant_at_the_sessions_own_last_price(
    desk: Desk, recorder: EquityRecorder
) -> None:
    """Also when the first batch afterwards already belongs to the next session: a stall skipped the night."""
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 10 AAPL"), "key-00000001")
    await desk.broker.drain()
    await tell(desk, recorder, quote("AAPL 110.00/110.05"), clock=open_clock(389))
    await tell(desk, recorder, later("AAPL 150.00/150.05", "110.00"), clock=tomorrow(1))
    assert (await instants(desk))[-2:] == [open_clock().next_close, tomorrow(1).venue_now]
    assert (await line(desk))[-2:] == [Decimal("100099.50"), Decimal("100499.50")]


async def test_a_jump_out_of_the_middle_of_a_session_is_no_close(desk: Desk, recorder: EquityRecorder) -> None:
    await tell(desk, recorder, quote("AAPL 110.00/110.05"), clock=open_clock(30))
    await tell(desk, recorder, later("AAPL 150.00/150.05", "110.00"), clock=tomorrow(0))
    assert open_clock().next_close not in await instants(desk)


async def test_another_run_begins_without_the_prices_and_the_close_of_the_one_before(
    desk: Desk, recorder: EquityRecorder
) -> None:
    await tell(desk, recorder, quote("AAPL 110.00/110.05"), clock=open_clock(389))
    await recorder.on_quotes(replace(tomorrow(0), run_id=RUN_ID + 1), {})
    assert open_clock().next_close not in await instants(desk)
    before = len(await instants(desk))
    # An earlier date than the former run's: points are due at once, not when that date comes round again.
    for minutes in (1, 6):
        await recorder.on_quotes(open_clock(minutes, run_id=RUN_ID + 1), {"AAPL": quote("AAPL 90.00/90.05")})
    assert len(await instants(desk)) == before + 2


async def test_a_worker_that_starts_after_the_close_still_records_it(desk: Desk) -> None:
    await desk.tell(quote("AAPL 110.00/110.05"), clock=closed_clock())
    await EquityRecorder(desk.b.db, "replay").on_quotes(closed_clock(), {"AAPL": quote("AAPL 110.00/110.05")})
    assert (await instants(desk))[-1] == closed_clock().venue_now


async def test_no_point_lies_before_an_accounts_opening(desk: Desk, recorder: EquityRecorder) -> None:
    await tell(desk, recorder, quote("AAPL 110.00/110.05"), clock=open_clock(389))
    await desk.tell(clock=closed_clock())
    opened = await open_account(desk.b, desk.caller, name="Evening", cash=Decimal("2500.00"))
    await recorder.on_quotes(closed_clock(), {})
    points = await equity_series(desk.b, desk.caller, opened.id)
    assert [point.at for point in points] == [closed_clock().venue_now]
