"""Margin accounts on the real database: what they may open, what is booked below zero, power that is not exceeded."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import connect
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.margin import Position, margin_state
from starkmatter.domain.orders import StopLoss, TakeProfit
from starkmatter.errors import InvalidInput, NotFound, Refused
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.opening import deposit, open_account
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.lending.state import margin_of
from starkmatter.trading.orders import get_order, list_fills
from starkmatter.trading.preview import preview_order
from starkmatter.trading.replace import Terms, replace_order
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, make_desk, order, quote


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await (await make_desk(database, cache)).person(cash="10000", kind="margin")
    yield made
    assert await check_books(database) == []


async def send(desk: Desk, text: str, **changes: Any):
    request = replace(order(text), **changes)
    return await submit_order(desk.b, desk.caller, desk.account_id, request, f"key-{uuid4()}", acknowledged=ALL_READ)


async def filled(desk: Desk, text: str):
    placed = await send(desk, text)
    await desk.broker.drain()
    done = await get_order(desk.b, desk.caller, placed.id)
    assert done.status == "filled", (done.status, done.reject_reason)
    return done


async def account(desk: Desk):
    return await get_account(desk.b, desk.caller, desk.account_id)


async def position(desk: Desk, symbol: str = "AAPL"):
    found = [one for one in await list_positions(desk.b, desk.caller, desk.account_id) if one.symbol == symbol]
    return found[0] if found else None


async def test_twice_the_equity_can_be_bought_and_the_rest_is_borrowed(desk: Desk) -> None:
    assert (await account(desk)).buying_power == 20_000
    refused = await send(desk, "buy 200 AAPL")
    assert (refused.status, refused.reject_reason) == (
        "risk_rejected",
        "Buying power is 20,000.00 USD and this order needs 21,012.00 USD.",
    )
    placed = await send(desk, "buy 180 AAPL @ 100.05")
    assert placed.reserved == Decimal("18009.00")
    assert (await account(desk)).buying_power == Decimal("1991.00")
    await desk.broker.drain()
    now = await account(desk)
    assert (now.cash, now.reserved) == (Decimal("-8009.00"), 0)
    assert now.margin is not None
    assert (now.margin.debit, now.margin.maintenance, now.equity) == (Decimal(8009), Decimal(4500), Decimal(9991))
    # (9,991 - 9,000) / 50 %
    assert now.buying_power == Decimal(1982)


async def test_a_short_sale_has_to_be_asked_for_and_is_booked_below_zero(desk: Desk) -> None:
    plain = await send(desk, "sell 10 AAPL")
    assert plain.reject_reason == (
        "You can sell 0 AAPL at most: selling more opens a short position, which the order has to ask for."
    )
    placed = await send(desk, "sell 10 AAPL short")
    assert (placed.status, placed.allow_short) == ("pending_submit", True)
    # 10 x 103.06 (3 % above the ask) count as shares that could be bought, and each cent of fees twice
    assert placed.reserved == Decimal("1030.60") + 2 * Decimal("0.04")
    await desk.broker.drain()
    held = await position(desk)
    assert held is not None
    assert (held.qty, held.cost_basis, held.avg_price) == (-10, Decimal("-999.96"), Decimal("99.996"))
    assert (held.market_value, held.unrealized_pl) == (Decimal("-1000.00"), Decimal("-0.04"))
    now = await account(desk)
    assert (now.cash, now.reserved, now.equity) == (Decimal("10999.96"), 0, Decimal("9999.96"))
    assert now.margin is not None
    assert (now.margin.short_value, now.margin.maintenance) == (1000, 300)


async def test_buying_back_realizes_the_difference_and_needs_no_buying_power(desk: Desk) -> None:
    short = await filled(desk, "sell 90 AAPL short")
    await desk.tell(quote("AAPL 130.00/130.05"))
    # 10,000 - 2,704.50 of loss: half of 11,700 stands behind the short, a little is left
    covering = await send(desk, "buy 40 AAPL")
    assert (covering.status, covering.reserved) == ("pending_submit", 0)
    await desk.broker.drain()
    [fill] = await list_fills(desk.b, desk.caller, order_id=covering.id)
    held = await position(desk)
    assert held is not None
    [sold] = await list_fills(desk.b, desk.caller, order_id=short.id)
    part = ((9000 - sold.fees) * 40 / 90).quantize(Decimal("0.000001"))
    assert abs(fill.realized_pl - (part - 40 * Decimal("130.05"))) <= Decimal("0.000001")
    assert held.qty == -50
    whole = await filled(desk, "buy 50 AAPL")
    assert (await position(desk)).qty == 0  # type: ignore[union-attr]
    flat = await account(desk)
    assert flat.realized_pl == flat.cash - 10_000 == flat.equity - 10_000
    assert whole.status == "filled"


async def test_a_sale_may_go_through_zero_and_a_purchase_back(desk: Desk) -> None:
    await filled(desk, "buy 30 AAPL")
    sold = await filled(desk, "sell 50 AAPL short")
    held = await position(desk)
    assert held is not None
    assert held.qty == -20
    [fill] = await list_fills(desk.b, desk.caller, order_id=sold.id)
    whole = HoldingState(Decimal(30), Decimal("3001.50"))
    expected = after_fill(whole, "sell", Decimal(50), Decimal(5000) - fill.fees, may_short=True)
    assert (held.cost_basis, held.realized_pl) == (expected.cost_basis, expected.realized_pl)
    assert fill.realized_pl == expected.realized_pl
    await filled(desk, "buy 45 AAPL")
    held = await position(desk)
    assert held is not None
    assert (held.qty, held.cost_basis) == (25, Decimal("2501.25"))


async def test_orders_that_close_and_orders_that_open_are_not_mixed(desk: Desk) -> None:
    await filled(desk, "buy 20 AAPL")
    way_out = await send(desk, "sell 20 AAPL @ 110.00 gtc")
    refused = await send(desk, "sell 5 AAPL short")
    assert refused.reject_reason == "Open sales of AAPL take what you hold of it: cancel them before you sell short."
    await desk.broker.drain()
    await cancel_order(desk.b, desk.caller, way_out.id)
    await desk.broker.drain()
    await filled(desk, "sell 50 AAPL short")
    back = await send(desk, "buy 20 AAPL @ 90.00 gtc")
    assert back.reserved == 0
    refused = await send(desk, "buy 11 AAPL @ 90.00 gtc")
    assert refused.reject_reason == (
        "Open purchases of AAPL close your short position: cancel them before you buy more."
    )
    rest = await send(desk, "buy 10 AAPL @ 90.00 gtc")
    assert (rest.status, rest.reserved) == ("pending_submit", 0)
    by_amount = await send(desk, "buy 0 AAPL usd=100.00")
    assert by_amount.reject_reason == "You are short 30 AAPL: close that with a plain order by quantity first."
    group = {"order_class": "bracket", "take_profit": TakeProfit(Decimal(120)), "stop_loss": StopLoss(Decimal(80))}
    assert (await send(desk, "buy 5 AAPL", **group)).reject_reason == by_amount.reject_reason
    await desk.broker.drain()


async def test_a_sale_with_orders_behind_it_and_what_nobody_lends_are_refused(desk: Desk, database: Database) -> None:
    group = {"order_class": "oco", "stop_loss": StopLoss(Decimal(90))}
    refused = await send(desk, "sell 5 AAPL @ 110.00 short", **group)
    assert "A short sale is an order of its own" in (refused.reject_reason or "")
    parts = await send(desk, "sell 0.5 AAPL short")
    assert "Shares are borrowed whole" in (parts.reject_reason or "")
    await database.run("UPDATE instrument SET borrowable = false WHERE symbol = 'MSFT'")
    rare = await send(desk, "sell 5 MSFT short")
    assert rare.reject_reason == "Shares of MSFT cannot be borrowed now, so it cannot be sold short."


async def test_a_cash_account_cannot_sell_short(desk: Desk) -> None:
    cash = await desk.person()
    for text in ("sell 10 AAPL short", "sell 10 AAPL"):
        refused = await send(cash, text)
        assert (refused.status, "hort selling is not offered on this account" in (refused.reject_reason or "")) == (
            "risk_rejected",
            True,
        )
    with pytest.raises(NotFound):
        await margin_of(cash.b, cash.caller, cash.account_id)


async def test_below_two_thousand_nothing_is_lent(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="begins with at least 2,000 USD"):
        await open_account(desk.b, desk.caller, name="Small", venue="market", cash=Decimal(1999), kind="margin")
    small = await desk.person(cash="1999", kind="margin")
    assert (await account(small)).buying_power == 1999
    refused = await send(small, "sell 1 AAPL short")
    assert refused.reject_reason == "Your equity is 1,999.00 USD: below 2,000.00 USD no shares are lent."
    assert (await send(small, "buy 20 AAPL")).status == "risk_rejected"
    assert (await filled(small, "buy 15 AAPL")).status == "filled"


async def test_racing_orders_do_not_exceed_the_power(desk: Desk) -> None:
    """Power for exactly twelve sales short and six purchases: whoever comes too late is refused, whatever the order."""
    texts = ["sell 10 AAPL short", "buy 10 MSFT @ 200.10"] * 40
    placed = await asyncio.gather(*(send(desk, text) for text in texts))
    taken = [one for one in placed if one.status == "pending_submit"]
    sums = sum((one.reserved for one in taken), Decimal(0))
    now = await account(desk)
    assert now.reserved == sums <= 20_000
    least = min(Decimal("1030.68"), Decimal("2001.00"))
    assert 20_000 - sums < max(Decimal("1030.68"), Decimal("2001.00"))
    assert len(taken) >= 20_000 // Decimal("2001.00")
    assert sums + least > 20_000 - Decimal("2001.00")
    while await desk.broker.drain():
        pass
    state = (await margin_of(desk.b, desk.caller, desk.account_id)).state
    assert state.equity - state.initial >= -5  # the spread of what was traded is all that can be missing


async def test_a_short_limit_order_is_changed_in_its_place_by_its_power(desk: Desk) -> None:
    placed = await send(desk, "sell 10 AAPL @ 110.00 gtc short")
    await desk.broker.drain()
    changed = await replace_order(desk.b, desk.caller, placed.id, Terms(qty=Decimal(20)))
    assert (placed.reserved, changed.reserved) == (Decimal("1100.08"), Decimal("2200.12"))
    with pytest.raises(Refused, match="Buying power is 17,7"):
        await replace_order(desk.b, desk.caller, placed.id, Terms(qty=Decimal(200)))
    await desk.broker.drain()
    await desk.tell(quote("AAPL 110.00/110.05"))
    assert (await get_order(desk.b, desk.caller, placed.id)).filled_qty == 20
    cover = await send(desk, "buy 5 AAPL @ 90.00 gtc")
    await desk.broker.drain()
    more = await replace_order(desk.b, desk.caller, cover.id, Terms(qty=Decimal(20)))
    assert (more.qty, more.reserved) == (20, 0)
    with pytest.raises(Refused, match="more than close your short position"):
        await replace_order(desk.b, desk.caller, cover.id, Terms(qty=Decimal(21)))


async def test_an_order_in_parts_keeps_the_power_of_what_is_left(desk: Desk) -> None:
    placed = await send(desk, "sell 60 AAPL @ 100.00 gtc short")
    await desk.tell(quote("AAPL 100.00/100.05", size="20"))
    await desk.broker.drain()
    seen = await get_order(desk.b, desk.caller, placed.id)
    assert (seen.status, seen.filled_qty) == ("partial", 20)
    assert abs(seen.reserved - placed.reserved * 2 / 3) < Decimal("0.10")
    await cancel_order(desk.b, desk.caller, placed.id)
    await desk.broker.drain()
    now = await account(desk)
    assert now.reserved == 0
    assert (await position(desk)).qty == -20  # type: ignore[union-attr]
    assert (await send(desk, "sell 1 AAPL")).status == "risk_rejected"


async def test_a_bracket_in_a_margin_account_works_as_in_any(desk: Desk) -> None:
    group = {"order_class": "bracket", "take_profit": TakeProfit(Decimal(120)), "stop_loss": StopLoss(Decimal(80))}
    await send(desk, "buy 10 AAPL", **group)
    await desk.broker.drain()
    await desk.tell(quote("AAPL 120.00/120.05"))
    assert (await position(desk)).qty == 0  # type: ignore[union-attr]
    assert (await account(desk)).reserved == 0


async def test_cash_is_taken_out_as_far_as_it_is_ones_own(desk: Desk) -> None:
    await filled(desk, "sell 90 AAPL short")
    with pytest.raises(InvalidInput, match="free to take out"):
        await deposit(desk.b, desk.caller, desk.account_id, Decimal(-6000))
    after = await deposit(desk.b, desk.caller, desk.account_id, Decimal(-5000))
    assert after.equity == Decimal("4999.72")
    await filled(desk, "buy 90 AAPL")
    await filled(desk, "buy 60 AAPL")
    with pytest.raises(InvalidInput, match=r"Only 0\.00 USD are free"):
        await deposit(desk.b, desk.caller, desk.account_id, Decimal("-0.01"))
    assert (await deposit(desk.b, desk.caller, desk.account_id, Decimal(100))).cash < 0


async def test_the_preview_says_what_is_borrowed_and_what_has_to_be_kept(desk: Desk) -> None:
    seen = await preview_order(desk.b, desk.caller, desk.account_id, order("sell 10 AAPL short"))
    assert (seen.refusals, seen.sold_short, seen.signed_qty_after) == ([], 10, -10)
    assert (seen.equity_after, seen.maintenance_after) == (Decimal("9999.96"), 300)
    assert seen.notes == [
        "It sells 10 AAPL short: they are borrowed and have to be bought back. 500.00 USD of your equity stands behind "
        "them, and borrowing costs 0.09 USD a night at this price.",
        "A short position loses when the price rises, and there is no limit to how far it can.",
        "After it 300.00 USD of 9,999.96 USD equity have to be kept: below that, positions are closed for you unless "
        "you add cash in time.",
    ]
    lent = await preview_order(desk.b, desk.caller, desk.account_id, order("buy 150 AAPL"))
    assert "It leaves you owing 5,007.50 USD: interest is 0.84 USD a night at 6 % a year." in lent.notes
    assert lent.buying_power == 20_000
    too_much = await preview_order(desk.b, desk.caller, desk.account_id, order("buy 300 AAPL"))
    assert too_much.refusals == ["Buying power is 20,000.00 USD and this order needs 31,518.00 USD."]
    await filled(desk, "sell 10 AAPL short")
    cover = await preview_order(desk.b, desk.caller, desk.account_id, order("buy 4 AAPL"))
    assert (cover.reserve, cover.realized_pl) == (0, Decimal("-0.216"))
    assert "It buys back 4 of the 10 AAPL that you are short." in cover.notes


async def test_every_entry_of_a_short_balances_and_reads_like_any_other(desk: Desk) -> None:
    await filled(desk, "sell 10 AAPL short")
    newest = (await list_entries(desk.b, desk.caller, desk.account_id))[0]
    assert newest.description == "Sold 10 AAPL at 100.00 USD"
    held = [one.amount for one in newest.postings if one.account == "assets:holding"]
    assert held == [-10]


PRICES = st.decimals("0.50", "500", places=2)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cash=st.decimals("-50000", "50000", places=2),
    held=st.lists(st.tuples(st.integers(-500, 500).filter(bool), PRICES), max_size=4),
)
def test_the_database_and_the_domain_agree_about_margin(database_url: str, cash, held) -> None:
    positions = [Position(f"S{n}", Decimal(qty), price) for n, (qty, price) in enumerate(held)]
    expected = margin_state(cash, positions)
    with connect(database_url) as connection:
        account_id = _stored(connection, cash, positions)
        marks = orjson.dumps({one.symbol: str(one.price) for one in positions}).decode()
        row = connection.execute(
            "SELECT m.* FROM account a, margin_state_of(a, %s::jsonb) m WHERE a.id = %s", (marks, account_id)
        ).fetchone()
        connection.rollback()
    assert row == (expected.equity, expected.initial, expected.maintenance, expected.buying_power)


def _stored(connection: Any, cash: Decimal, positions: list[Position]) -> Any:
    user, account_id = uuid4(), uuid4()
    connection.execute(
        "INSERT INTO app_user (id, email, display_name, role, passphrase_hash, created_at) "
        "VALUES (%s, %s, 'T', 'trader', 'none', now())",
        (user, f"{user}@example.org"),
    )
    connection.execute(
        "INSERT INTO account (id, user_id, name, venue, broker, mode, currency, preset, cash, reserved, created_at, "
        "opened_venue_at, kind) VALUES (%s, %s, 'M', 'replay', 'paper', 'paper', 'USD', 'realistic', %s, 0, now(), "
        "now(), 'margin')",
        (account_id, user, cash),
    )
    for one in positions:
        connection.execute(
            "INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, "
            "updated_at) VALUES (%s, %s, %s, %s, 0, 0, now(), now())",
            (account_id, one.symbol, one.signed_qty, one.signed_qty),
        )
    return account_id


FILLS = st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 900), st.decimals("0.01", "90000", places=2))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fills=st.lists(FILLS, min_size=1, max_size=6))
def test_the_database_and_the_domain_agree_about_holdings_through_zero(database_url: str, fills) -> None:
    state = HoldingState()
    with connect(database_url) as connection:
        for side, thirds, cash in fills:
            qty = Decimal(thirds) / 4
            moved = -cash if side == "buy" else cash
            expected = after_fill(state, side, qty, moved, may_short=True)
            row = connection.execute(
                "SELECT * FROM holding_after(%s, %s, %s, %s, %s)", (state.qty, state.cost_basis, side, qty, moved)
            ).fetchone()
            assert row == (expected.qty, expected.cost_basis, expected.realized_pl - state.realized_pl)
            assert expected.cost_basis * expected.qty >= 0
            assert (expected.qty == 0) <= (expected.cost_basis == 0)
            state = expected
