"""Explaining a change: on days that were really recorded every cent belongs to an entry or a price (I12)."""

import random
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.explaining import Explanation, explain_change
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.snapshots import EquityRecorder
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, CLOSES_AT, OPENS_AT, Desk, make_desk, open_clock, order, quote
from tests.portfolio.days import tell
from tests.portfolio.history import give_bars, give_past, give_sessions
from tests.portfolio.test_performance import OPENED_AT, WEEK

CENT = Decimal("0.01")
ZERO = Decimal(0)
SESSION = "INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)"


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


def on_day(number: int, minutes: int):
    """The clock of the numbered trading day, so many minutes after its open."""
    shift = timedelta(days=number)
    return open_clock(
        venue_now=OPENS_AT + shift + timedelta(minutes=minutes),
        session_on=(OPENS_AT + shift).date(),
        next_open=OPENS_AT + shift + timedelta(days=1),
        next_close=CLOSES_AT + shift,
    )


def after_close(number: int):
    at = CLOSES_AT + timedelta(days=number, minutes=30)
    return open_clock(
        venue_now=at,
        state="closed",
        session_on=at.date(),
        next_open=OPENS_AT + timedelta(days=number + 1),
        next_close=CLOSES_AT + timedelta(days=number + 1),
    )


async def play(desk: Desk, days: int, seed: int) -> None:
    """Days of trading with deposits between, in and after the session, recorded as the worker records them."""
    chance, recorder = random.Random(seed), EquityRecorder(desk.b.db, "replay")
    held = {"AAPL": Decimal(0), "MSFT": Decimal(0)}
    for number in range(days):
        if number > 1:
            shift = timedelta(days=number)
            await desk.b.db.run(SESSION, ((OPENS_AT + shift).date(), OPENS_AT + shift, CLOSES_AT + shift))
        for step, minutes in enumerate((10, 200, 380)):
            prices = {symbol: Decimal(chance.randrange(8_000, 12_000)) / 100 for symbol in held}
            quotes = [quote(f"{symbol} {at}/{at + CENT}", size="5000") for symbol, at in prices.items()]
            await tell(desk, recorder, *quotes, clock=on_day(number, minutes))
            symbol = chance.choice(sorted(held))
            sells = held[symbol] > 0 and chance.random() < 0.45
            qty = Decimal(chance.randrange(1, 40_000)) / 1000
            qty = min(qty, held[symbol]) if sells else qty
            held[symbol] += -qty if sells else qty
            text = f"{'sell' if sells else 'buy'} {qty} {symbol}"
            key = f"key-{seed:02}-{number:03}-{step}"
            await submit_order(desk.b, desk.caller, desk.account_id, order(text), key, acknowledged=ALL_READ)
            await desk.broker.drain()
            if chance.random() < 0.3:
                amount = Decimal(chance.randrange(-90_000, 200_000)) / 100
                await deposit(desk.b, desk.caller, desk.account_id, amount or CENT)
        await tell(desk, recorder, clock=after_close(number))
        if chance.random() < 0.5:  # while the clock stands at the evening
            await deposit(desk.b, desk.caller, desk.account_id, Decimal(chance.randrange(1, 90_000)) / 100)


def check(found: Explanation) -> None:
    assert found.exact
    assert found.change == found.end_value - found.start_value == sum(one.value for one in found.steps)
    step = {one.key: one.value for one in found.steps}
    assert abs(step["rounding"]) <= CENT
    assert sum(one.gain for one in found.symbols) == step["realized"] + step["unrealized"]
    named = {entry for one in (*found.steps, *found.symbols) for entry in one.entry_ids}
    assert named == {one.id for one in found.entries}
    assert found.left_off == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_day_of_a_played_account_is_explained_to_the_cent(desk: Desk, seed: int) -> None:
    """I12: equity at the end less at the start = realized + change in unrealized + income - fees + net deposits."""
    await play(desk, 5, seed)
    days = [(OPENS_AT + timedelta(days=number)).date() for number in range(5)]
    whole = None
    for start, end in [*((day, day) for day in days[:-1]), (days[1], days[3]), (days[2], None), (None, None)]:
        found = await explain_change(desk.b, desk.caller, desk.account_id, start=start, end=end)
        measured = await measure_performance(desk.b, desk.caller, desk.account_id, start=start, end=end, benchmark="")
        check(found)
        assert (found.start_value, found.end_value) == (measured.start_value, measured.end_value)
        step = {one.key: one.value for one in found.steps}
        assert step["paid_in"] + step["taken_out"] == measured.flows
        assert -step["fees"] == measured.fees
        result = step["realized"] + step["unrealized"] + step["fees"] + step["rounding"]
        assert result == measured.pl
        whole = found
    assert whole is not None
    assert (whole.since_opening, whole.ends_now) == (True, True)
    assert whole.notes == []
    # From nothing to now, what prices brought is what the positions say, whose cost has the fees in it.
    positions = await list_positions(desk.b, desk.caller, desk.account_id)
    account = await get_account(desk.b, desk.caller, desk.account_id)
    fees = next(one.value for one in whole.steps if one.key == "fees")
    gained = sum((one.gain for one in whole.symbols), ZERO)
    assert abs(gained + fees - account.realized_pl - account.unrealized_pl) <= 3 * CENT
    assert {one.symbol: one.end.qty for one in whole.symbols} == {one.symbol: one.qty for one in positions}


async def test_somebody_elses_account_is_not_there_and_periods_are_judged(desk: Desk) -> None:
    stranger = await desk.person()
    with pytest.raises(NotFound):
        await explain_change(desk.b, stranger.caller, desk.account_id)
    with pytest.raises(InvalidInput):
        await explain_change(desk.b, desk.caller, desk.account_id, start=date(2021, 3, 2), end=date(2021, 3, 1))


async def test_an_account_of_this_minute_has_nothing_to_explain(desk: Desk) -> None:
    found = await explain_change(desk.b, desk.caller, desk.account_id)
    assert (found.change, found.symbols, found.entries) == (0, [], [])
    check(found)
    await deposit(desk.b, desk.caller, desk.account_id, Decimal("250.00"))
    found = await explain_change(desk.b, desk.caller, desk.account_id)
    assert (found.change, [one.kind for one in found.entries]) == (250, ["deposit"])
    check(found)


async def test_what_was_not_kept_is_named_and_official_closes_stand_in(desk: Desk, database_url: str) -> None:
    await play(desk, 3, 4)
    days = [(OPENS_AT + timedelta(days=number)).date() for number in range(3)]
    kept = await explain_change(desk.b, desk.caller, desk.account_id, start=days[1], end=days[1])
    with psycopg.connect(database_url, autocommit=True) as connection:
        worth = connection.execute("SELECT symbols, qtys, worths, venue_at FROM account_close ORDER BY 4").fetchall()
        connection.execute("DELETE FROM account_close")
        for symbols, qtys, worths, at in worth[:3:2]:
            for symbol, qty, value in zip(symbols, qtys, worths, strict=True):
                give_bars(connection, symbol, f"{at:%Y-%m-%d} {value / qty:.6f}")
    found = await explain_change(desk.b, desk.caller, desk.account_id, start=days[1], end=days[1])
    assert (found.start_value, found.end_value) == (kept.start_value, kept.end_value)
    assert sum(one.value for one in found.steps) == found.change
    assert "was not kept" in found.notes[0]
    assert {one.key: one.value for one in found.steps if one.key in ("paid_in", "taken_out", "fees")} == {
        one.key: one.value for one in kept.steps if one.key in ("paid_in", "taken_out", "fees")
    }


async def test_a_value_without_entries_and_prices_is_unassigned_and_says_so(desk: Desk, database_url: str) -> None:
    """A past that somebody wrote: its values move without positions."""
    with psycopg.connect(database_url, autocommit=True) as stored:
        give_sessions(stored, WEEK)
        give_past(stored, desk.account_id, WEEK, opened_at=OPENED_AT)
    evening = WEEK[-1].closes_at + timedelta(hours=1)
    await desk.tell(
        quote("AAPL 100.00/100.05"),
        clock=open_clock(venue_now=evening, state="closed", session_on=date(2021, 3, 4), next_close=None),
    )
    found = await explain_change(desk.b, desk.caller, desk.account_id, start=date(2021, 3, 3), end=date(2021, 3, 3))
    step = {one.key: one.value for one in found.steps if one.value}
    assert step == {"unassigned": Decimal(-15_600)}
    assert not found.exact
    assert "belongs to no entry and no price that was kept" in " ".join(found.notes)
