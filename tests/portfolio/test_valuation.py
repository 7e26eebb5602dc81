"""What accounts and positions are worth, and what of it came today: deposits aside, to the cent."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.portfolio.accounts import get_account, list_accounts
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import deposit, open_account
from starkmatter.portfolio.snapshots import EquityRecorder
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.submit import submit_order
from tests.builders import Desk, closed_clock, make_desk, order, quote
from tests.portfolio.days import later, tell, tomorrow


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


@pytest.fixture
def recorder(desk: Desk) -> EquityRecorder:
    return EquityRecorder(desk.b.db, "replay")


async def trade(desk: Desk, text: str) -> None:
    placed = await submit_order(desk.b, desk.caller, desk.account_id, order(text), f"key-{text.replace(' ', '-')}")
    assert placed.status == "pending_submit", placed.reject_reason
    await desk.broker.drain()


async def account(desk: Desk):
    return await get_account(desk.b, desk.caller, desk.account_id)


async def position(desk: Desk, symbol: str = "AAPL"):
    return next(one for one in await list_positions(desk.b, desk.caller, desk.account_id) if one.symbol == symbol)


async def test_the_days_result_starts_anew_at_the_open_and_counts_from_the_last_close(
    desk: Desk, recorder: EquityRecorder
) -> None:
    await trade(desk, "buy 10 AAPL")  # at 100.05
    await tell(desk, recorder, later("AAPL 110.00/110.05"))
    assert (await account(desk)).day_pl == Decimal("99.50")
    assert (await position(desk)).day_pl == Decimal("99.50")
    await tell(desk, recorder, clock=closed_clock())
    assert (await account(desk)).day_pl == Decimal("99.50")

    await tell(desk, recorder, later("AAPL 112.00/112.05", "110.00"), clock=tomorrow())
    now = await account(desk)
    assert (now.day_pl, now.unrealized_pl) == (Decimal("20.00"), Decimal("119.50"))
    assert (await position(desk)).day_pl == Decimal("20.00")


async def test_deposits_and_withdrawals_are_no_result_on_whichever_side_of_the_open(
    desk: Desk, recorder: EquityRecorder
) -> None:
    await trade(desk, "buy 10 AAPL")
    await tell(desk, recorder, later("AAPL 110.00/110.05"))
    await deposit(desk.b, desk.caller, desk.account_id, Decimal("500.00"))
    assert (await account(desk)).day_pl == Decimal("99.50")
    await tell(desk, recorder, clock=closed_clock())
    await deposit(desk.b, desk.caller, desk.account_id, Decimal("5000.00"))
    assert (await account(desk)).day_pl == Decimal("99.50")
    await tell(desk, recorder, later("AAPL 112.00/112.05", "110.00"), clock=tomorrow())
    await deposit(desk.b, desk.caller, desk.account_id, Decimal("-1234.56"))
    now = await account(desk)
    assert now.day_pl == Decimal("20.00")
    assert now.equity == Decimal("100119.50") + Decimal("500.00") + Decimal("5000.00") - Decimal("1234.56")


async def test_what_was_sold_today_counts_with_what_it_brought(desk: Desk, recorder: EquityRecorder) -> None:
    await trade(desk, "buy 10 AAPL")
    await tell(desk, recorder, later("AAPL 110.00/110.05"))
    await tell(desk, recorder, clock=closed_clock())
    await tell(desk, recorder, later("AAPL 112.00/112.05", "110.00"), clock=tomorrow())
    await trade(desk, "sell 4 AAPL")
    fees = Decimal("0.02") + Decimal("0.01")
    assert (await position(desk)).day_pl == Decimal("20.00") - fees
    assert (await account(desk)).day_pl == Decimal("20.00") - fees


async def test_an_account_opened_today_begins_its_day_with_what_was_paid_in(desk: Desk) -> None:
    opened = await open_account(desk.b, desk.caller, name="Second", cash=Decimal("2500.00"))
    await deposit(desk.b, desk.caller, opened.id, Decimal("100.00"))
    now = await get_account(desk.b, desk.caller, opened.id)
    assert (now.equity, now.day_pl) == (Decimal("2600.00"), 0)


async def test_a_holding_without_a_quote_stands_at_cost_and_says_so(desk: Desk) -> None:
    await trade(desk, "buy 10 AAPL")
    await desk.tell(quote("AAPL 110.00/110.05"))
    await desk.b.cache.flushall()
    now = await account(desk)
    assert now.stale
    assert (now.market_value, now.unrealized_pl) == (Decimal("1000.50"), 0)
    assert now.equity == Decimal("100000.00")
    held = await position(desk)
    assert (held.last, held.market_value, held.unrealized_pl) == (None, Decimal("1000.50"), 0)


async def test_a_closed_position_keeps_its_result_and_weighs_nothing(desk: Desk) -> None:
    await trade(desk, "buy 10 AAPL")
    await desk.tell(quote("AAPL 110.00/110.05"))
    await trade(desk, "sell 10 AAPL")
    fees = Decimal("0.04") + Decimal("0.01")
    held = await position(desk)
    assert (held.qty, held.avg_price, held.cost_basis, held.market_value, held.unrealized_pl) == (0, 0, 0, 0, 0)
    assert held.realized_pl == held.day_pl == Decimal("99.50") - fees
    await desk.b.cache.flushall()
    now = await account(desk)
    assert not now.stale
    assert (now.equity, now.market_value) == (now.cash, 0)
    assert now.cash == Decimal("100099.50") - fees


async def test_a_position_never_traded_is_not_listed_and_a_stranger_sees_nobodys(desk: Desk) -> None:
    assert await list_positions(desk.b, desk.caller, desk.account_id) == []
    stranger = await desk.person()
    assert [one.id for one in await list_accounts(desk.b, stranger.caller)] == [stranger.account_id]
