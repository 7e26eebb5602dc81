"""Trades that a broker takes back or corrects: facts beside the fills, booked where they can be, else shown."""

import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.orders import OrderStatus
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.at_broker import accept_brokers_book
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.lots.service import open_lots
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.orders import list_fills, order_events
from starkmatter.trading.ports import BrokerOrder
from starkmatter.trading.records import OrderView
from starkmatter.trading.reports import apply_report
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


async def test_any_history_of_fills_busts_and_corrections_ends_as_the_broker_has_it(seat: BrokerSeat) -> None:
    """Told twice, late or in another order: after the broker's last word both books are one."""
    sent = []
    async with seat.house():
        await seat.until_state("ready")
        for _ in range(10):
            sent.append(await seat.order("buy 30 AAPL @ 101.00 gtc"))
            await seat.until(sent[-1], "working", "accepted")
    for seed, placed in enumerate(sent):
        drawn = random.Random(seed)
        before = (await account_of(seat)).cash
        trades: dict[str, tuple[Decimal, Decimal]] = {}
        reports: list[BrokerOrder] = []
        for number in range(drawn.randint(2, 9)):
            name, taking = f"e{seed}-{number}", drawn.choice(["fill", "fill", "bust", "correct"])
            known = drawn.choice(list(trades)) if trades else ""
            if taking == "bust" and known:
                del trades[known]
            elif taking == "correct" and known:
                trades[known] = trades[known][0], trades[known][1] - Decimal("0.13")
            else:
                taking, price = "fill", Decimal(drawn.randint(9900, 10100)) / 100
                trades[name] = Decimal(drawn.randint(1, 3)), price
            reports.append(report_of(placed, trades, takes_back="" if taking == "fill" else name))
        for one in jumbled(reports, drawn):
            await apply_report(seat.b.db, seat.account_id, one)
        last = report_of(placed, trades)
        await apply_report(seat.b.db, seat.account_id, replace(last, takes_back=f"e{seed}-last"))
        await apply_report(seat.b.db, seat.account_id, last)
        now = await seat.now(placed)
        value = sum((qty * price for qty, price in trades.values()), Decimal(0))
        assert now.filled_qty == sum((qty for qty, _ in trades.values()), Decimal(0)), seed
        # each report moves whole cents: half of one is left open by each at most
        assert abs(before - (await account_of(seat)).cash - value) <= Decimal("0.01") * len(reports), seed
        assert now.status in (("partial",) if now.filled_qty else ("working", "accepted")), seed
        await seat.books_add_up()


def jumbled(reports: list[BrokerOrder], drawn: random.Random) -> list[BrokerOrder]:
    """Some of them twice, some a little late."""
    again = [*reports, *drawn.sample(reports, k=min(2, len(reports)))]
    order = sorted(range(len(again)), key=lambda at: at + drawn.choice([0, 0, 0, 2.5]))
    return [again[at] for at in order]


def report_of(placed: OrderView, trades: dict[str, tuple[Decimal, Decimal]], *, takes_back: str = "") -> BrokerOrder:
    filled = sum((qty for qty, _ in trades.values()), Decimal(0))
    value = sum((qty * price for qty, price in trades.values()), Decimal(0))
    status = OrderStatus.PARTIAL if filled else OrderStatus.WORKING
    average = value / filled if filled else None
    return BrokerOrder(
        f"b-{placed.id}", placed.client_order_id, "AAPL", "buy", status, str(status), filled, average, utc_now(),
        takes_back=takes_back,
    )  # fmt: skip
