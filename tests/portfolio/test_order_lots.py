"""How one order finds its lots: chosen for it alone, until the day of its last sale ends."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from redis.asyncio import Redis

from starkmatter.accounts.sharing.service import share_account
from starkmatter.db.database import Database
from starkmatter.domain.lots import LotPick
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.branching import fork_account, reset_account
from starkmatter.portfolio.lots import book as kept
from starkmatter.portfolio.lots.book import fold, folded_lots
from starkmatter.portfolio.lots.events import Choices, Move
from starkmatter.portfolio.lots.ordering import choose_for_order, order_lots
from starkmatter.portfolio.lots.picking import pick_lots
from starkmatter.portfolio.lots.records import MethodChoice, OrderChoice
from starkmatter.portfolio.lots.service import choose_method, open_lots, realized_gains
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, OPENS_AT, Desk, make_desk, open_clock, order, quote
from tests.portfolio.days import tomorrow

ZERO = Decimal(0)
PRICES = ("100.00", "130.00", "110.00")


@pytest.fixture
async def desk(database: Database, cache: Redis) -> Desk:
    """10 AAPL at 100.05, 10 at 130.05 and 10 at 110.05, now at 140.00: no loss waits anywhere."""
    desk = await make_desk(database, cache)
    for number, bid in enumerate(PRICES):
        await desk.tell(quote(f"AAPL {bid}/{Decimal(bid) + Decimal('0.05')}"), clock=open_clock(10 + number))
        await send(desk, "buy 10 AAPL")
    await desk.tell(quote("AAPL 140.00/140.05"), clock=open_clock(20))
    return desk


async def send(desk: Desk, text: str) -> UUID:
    placed = await submit_order(
        desk.b, desk.caller, desk.account_id, order(text), f"key-{uuid4()}", acknowledged=ALL_READ
    )
    await desk.broker.drain()
    return placed.id


async def taken_by(desk: Desk) -> list[tuple[str, Decimal]]:
    """Method and cost basis of each sale, in their order."""
    found = await realized_gains(desk.b, desk.caller, desk.account_id)
    cost = {sale.entry_id: ZERO for sale in found.sales}
    for line in found.lines:
        cost[int(line.trade_id)] += line.cost
    return [(sale.method, cost[sale.entry_id]) for sale in reversed(found.sales)]


async def test_an_order_takes_its_own_method_and_the_others_keep_the_accounts(desk: Desk) -> None:
    first = await send(desk, "sell 4 AAPL")
    second = await send(desk, "sell 4 AAPL")
    assert await taken_by(desk) == [("fifo", Decimal("400.20"))] * 2
    found = await order_lots(desk.b, desk.caller, first)
    assert (found.account_method, found.chosen, found.closes, found.may_choose) == ("fifo", None, True, True)
    chosen = await choose_for_order(desk.b, desk.caller, first, "hifo")
    assert chosen == replace(found, chosen="hifo")
    assert await taken_by(desk) == [("hifo", Decimal("520.20")), ("fifo", Decimal("400.20"))]
    await choose_for_order(desk.b, desk.caller, second, "lifo")
    assert await taken_by(desk) == [("hifo", Decimal("520.20")), ("lifo", Decimal("440.20"))]
    assert sum(lot.cost for lot in (await open_lots(desk.b, desk.caller, desk.account_id)).lots) == Decimal("2441.10")
    await choose_for_order(desk.b, desk.caller, first, None)
    assert await taken_by(desk) == [("fifo", Decimal("400.20")), ("lifo", Decimal("440.20"))]
    told = await desk.b.db.tuples(
        "SELECT after FROM audit_event WHERE action = 'order.lot_method_chosen' ORDER BY sequence"
    )
    assert [row[0] for row in told] == [{"method": "hifo"}, {"method": "lifo"}, {"method": None}]


async def test_the_kept_book_and_one_told_anew_agree(desk: Desk) -> None:
    first = await send(desk, "sell 4 AAPL")
    await folded_lots(desk.b, desk.caller, desk.account_id)
    await choose_for_order(desk.b, desk.caller, first, "hifo")
    await send(desk, "sell 1 AAPL")
    was = await folded_lots(desk.b, desk.caller, desk.account_id)
    kept._books.clear()
    assert await folded_lots(desk.b, desk.caller, desk.account_id) == was


async def test_it_is_chosen_before_the_order_fills_and_comes_before_a_later_method_of_the_account(desk: Desk) -> None:
    waits = await send(desk, "sell 4 AAPL @ 145.00 gtc")
    assert (await order_lots(desk.b, desk.caller, waits)).closes
    await choose_for_order(desk.b, desk.caller, waits, "lifo")
    await choose_method(desk.b, desk.caller, desk.account_id, "hifo")
    await desk.tell(quote("AAPL 146.00/146.05"), clock=open_clock(30))
    await desk.broker.drain()
    await send(desk, "sell 4 AAPL")
    assert await taken_by(desk) == [("lifo", Decimal("440.20")), ("hifo", Decimal("520.20"))]


async def test_picked_lots_come_before_it(desk: Desk) -> None:
    sold = await send(desk, "sell 4 AAPL")
    await choose_for_order(desk.b, desk.caller, sold, "hifo")
    [sale] = (await realized_gains(desk.b, desk.caller, desk.account_id)).sales
    oldest = (await open_lots(desk.b, desk.caller, desk.account_id)).lots[0]
    await pick_lots(desk.b, desk.caller, desk.account_id, sale.entry_id, [LotPick(oldest.id, Decimal(4))])
    assert await taken_by(desk) == [("specific", Decimal("400.20"))]


async def test_after_its_day_the_lots_of_a_sale_stay(desk: Desk) -> None:
    sold = await send(desk, "sell 4 AAPL")
    gone = await send(desk, "sell 1 AAPL @ 500 gtc")
    await cancel_order(desk.b, desk.caller, gone)
    await desk.broker.drain()
    assert "sold nothing" in (await order_lots(desk.b, desk.caller, gone)).why_not
    await desk.tell(quote("AAPL 140.00/140.05"), clock=tomorrow(10))
    found = await order_lots(desk.b, desk.caller, sold)
    assert (found.may_choose, found.why_not) == (
        False,
        "The lots of a sale are chosen on its day. This order sold for the last time on 2021-03-01.",
    )
    for over in (sold, gone):
        with pytest.raises(Conflict):
            await choose_for_order(desk.b, desk.caller, over, "hifo")
    assert await taken_by(desk) == [("fifo", Decimal("400.20"))]


def test_what_an_order_sold_on_a_former_day_keeps_its_lots() -> None:
    """An order fills over two days and its method is chosen on the second."""
    account, sale = UUID(int=1), UUID(int=2)
    bought = [
        Move(number, account, "fill", OPENS_AT, "AAPL", Decimal(10), Decimal(-cost), ZERO, None)
        for number, cost in ((1, 1000), (2, 1300))
    ]
    sold = [
        Move(
            number,
            account,
            "fill",
            OPENS_AT + timedelta(days=days),
            "AAPL",
            Decimal(-2),
            Decimal(240),
            ZERO,
            None,
            sale,
        )
        for number, days in ((3, 1), (4, 2), (5, 2), (6, 3))
    ]
    second, third = date(2021, 3, 3), date(2021, 3, 4)
    said = [OrderChoice(sale, "hifo", second), OrderChoice(sale, "lifo", second), OrderChoice(sale, None, third)]
    method = MethodChoice(1, account, "fifo", 0, OPENS_AT, OPENS_AT)
    for choices, costs in (
        (said[:1], [200, 260, 260, 260]),
        (said[:2], [200, 260, 260, 260]),
        (said, [200, 260, 260, 200]),
        ([], [200] * 4),
    ):
        _, folded = fold([*bought, *sold], Choices([method], {}, {sale: choices}), wash_sales=False)
        assert [one.lot.basis for one in folded.realized] == costs
        assert folded.notes == []


async def test_only_a_method_that_an_order_can_have_and_only_by_its_owner(desk: Desk) -> None:
    sold = await send(desk, "sell 4 AAPL")
    for wrong in ("average", "specific", "", "FIFO"):
        with pytest.raises(InvalidInput, match="fifo, lifo, hifo, or none"):
            await choose_for_order(desk.b, desk.caller, sold, wrong)
    friend = await desk.person()
    with pytest.raises(NotFound):
        await order_lots(desk.b, friend.caller, sold)
    await share_account(desk.b, desk.caller, desk.account_id, friend.caller.email, "trade")
    seen = await order_lots(desk.b, friend.caller, sold)
    assert (seen.may_choose, seen.closes) == (False, True)
    with pytest.raises(NotAllowed, match="Only its owner"):
        await choose_for_order(desk.b, friend.caller, sold, "hifo")
    with pytest.raises(NotFound):
        await choose_for_order(desk.b, desk.caller, uuid4(), "hifo")
    assert await taken_by(desk) == [("fifo", Decimal("400.20"))]


async def test_a_purchase_takes_no_lots(desk: Desk) -> None:
    bought = await send(desk, "buy 1 AAPL")
    assert not (await order_lots(desk.b, desk.caller, bought)).closes


async def test_what_was_said_of_an_order_can_only_be_added_to(desk: Desk, database_url: str) -> None:
    sold = await send(desk, "sell 4 AAPL")
    await choose_for_order(desk.b, desk.caller, sold, "hifo")
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in ("UPDATE order_lots SET method = 'fifo'", "DELETE FROM order_lots"):
            assert connection.execute(statement).rowcount == 0
    assert await taken_by(desk) == [("hifo", Decimal("520.20"))]


async def test_a_new_beginning_and_a_branch_go_on_by_the_accounts_method(desk: Desk) -> None:
    await choose_method(desk.b, desk.caller, desk.account_id, "lifo")
    await choose_method(desk.b, desk.caller, desk.account_id, "hifo")
    branch = await fork_account(desk.b, desk.caller, desk.account_id, name="Branch")
    anew = await reset_account(desk.b, desk.caller, desk.account_id, confirm="Practice")
    for one in (branch, anew):
        assert (await open_lots(desk.b, desk.caller, one.id)).method == "hifo"
