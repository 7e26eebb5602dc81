"""Trades that a broker takes back or corrects: facts beside the fills, booked where they can be, else shown."""

from decimal import Decimal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.at_broker import accept_brokers_book
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.lots.service import open_lots
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.orders import list_fills, order_events
from tests.standins.alpaca_trading import AlpacaTrading
from tests.trading.broker_desk import BrokerSeat, eventually, make_seat


@pytest.fixture
async def seat(database: Database, cache: Redis, tmp_path: Path, alpaca: AlpacaTrading) -> BrokerSeat:
    return await make_seat(database, cache, tmp_path, alpaca)


async def test_a_busted_trade_gives_money_and_shares_back_and_the_order_works_again(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 101.00 gtc")
        await seat.until(placed, "working", "accepted")
        cash = seat.there.cash
        seat.there.fill(placed.client_order_id, "4", "100.10")
        await seat.until(placed, "partial")
        seat.there.fill(placed.client_order_id, "6", "100.20")
        await seat.until(placed, "filled")
        event = seat.there.take_back(placed.client_order_id, "6", "100.20", "partially_filled")
        for _ in range(2):  # what comes twice is booked once
            seat.there.tell(placed.client_order_id, "trade_bust", **event)
        reopened = await seat.until(placed, "partial")
        assert (reopened.filled_qty, reopened.avg_price, reopened.reserved) == (4, Decimal("100.1"), 606)
        assert seat.there.cash == cash - Decimal("400.40") == (await account_of(seat)).cash
        lots = [one for one in (await open_lots(seat.b, seat.caller, seat.account_id)).lots if one.symbol == "AAPL"]
        assert [(one.qty, one.cost) for one in lots if one.acquired_on is not None] == [(4, Decimal("400.4"))]
        last = (await order_events(seat.b, seat.caller, placed.id))[-1]
        assert last.reason == "The broker took back the fill of 6 AAPL, 4 at 100.10 stand."
        fills = await list_fills(seat.b, seat.caller, order_id=placed.id)
        assert {tuple(one.receipt["taken_back"]) for one in fills} == {(last.reason,)}
        assert len(fills) == 2
        await seat.books_add_up()
        seat.there.fill(placed.client_order_id, "6", "100.50")
        done = await seat.until(placed, "filled")
        assert done.reserved == 0
    entries = await list_entries(seat.b, seat.caller, seat.account_id)
    assert [one.kind for one in entries][:4] == ["fill", "bust", "fill", "fill"]
    await seat.books_add_up()


async def test_a_whole_sale_that_is_busted_after_its_day_leaves_what_was_before(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        bought = await seat.order("buy 10 AAPL")
        await seat.until(bought, "working", "accepted")
        seat.there.fill(bought.client_order_id, "10", "100.15")
        await seat.until(bought, "filled")
        before = await position_of(seat)
        sold = await seat.order("sell 3 AAPL")
        await seat.until(sold, "working", "accepted")
        seat.there.fill(sold.client_order_id, "3", "101.33")
        await seat.until(sold, "filled")
        event = seat.there.take_back(sold.client_order_id, "3", "101.33", "canceled")
        seat.there.tell(sold.client_order_id, "trade_bust", **event)
        ended = await seat.until(sold, "canceled")
        assert ended.filled_qty == 0
        assert await position_of(seat) == before
        assert (await account_of(seat)).cash == seat.there.cash
    await seat.books_add_up()


async def test_a_corrected_price_moves_the_money_alone(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL")
        await seat.until(placed, "working", "accepted")
        seat.there.fill(placed.client_order_id, "10", "100.20")
        await seat.until(placed, "filled")
        event = seat.there.take_back(placed.client_order_id, "10", "100.20", "filled", right="99.70")
        seat.there.tell(placed.client_order_id, "trade_correct", **event)

        async def corrected() -> bool:
            return (await seat.now(placed)).avg_price == Decimal("99.7")

        await eventually(corrected, "the correction")
        assert (await seat.now(placed)).status == "filled"
        assert (await account_of(seat)).cash == seat.there.cash
        lots = [one for one in (await open_lots(seat.b, seat.caller, seat.account_id)).lots if one.symbol == "AAPL"]
        assert Decimal(997) in {one.cost for one in lots}
    assert (await list_entries(seat.b, seat.caller, seat.account_id))[0].kind == "correction"
    await seat.books_add_up()


async def test_a_bust_of_shares_that_were_sold_since_waits_for_a_person(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        bought = await seat.order("buy 10 AAPL")
        await seat.until(bought, "working", "accepted")
        seat.there.fill(bought.client_order_id, "10", "100.00")
        await seat.until(bought, "filled")
        sold = await seat.order("sell 5 AAPL")
        await seat.until(sold, "working", "accepted")
        seat.there.fill(sold.client_order_id, "5", "101.00")
        await seat.until(sold, "filled")
        event = seat.there.take_back(bought.client_order_id, "2", "100.00", "filled")
        seat.there.tell(bought.client_order_id, "trade_bust", **event)
    async with seat.house():  # it compares at its start
        status = await seat.until_state("apart")
        assert {one["subject"] for one in status.differences} == {"cash", "AAPL"}
        await accept_brokers_book(seat.b, seat.caller, seat.account_id)
        await seat.until_state("ready")
        assert (await account_of(seat)).cash == seat.there.cash
    await seat.books_add_up()


async def account_of(seat: BrokerSeat) -> AccountView:
    return await get_account(seat.b, seat.caller, seat.account_id)


async def position_of(seat: BrokerSeat) -> tuple[Decimal, Decimal, Decimal]:
    found = await list_positions(seat.b, seat.caller, seat.account_id)
    [one] = [position for position in found if position.symbol == "AAPL"]
    return one.qty, one.cost_basis, one.realized_pl
