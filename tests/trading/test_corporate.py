"""Corporate actions on paper accounts: booked on their day, corrected, taken back; what every page makes of them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.corporate.terms import Told
from starkmatter.domain.money import plain
from starkmatter.domain.quotes import VenueClock
from starkmatter.market.actions.telling import tell_actions
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.corporate.desk import ActionDesk, Looked
from starkmatter.trading.orders import list_orders, order_events
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, CLOSES_AT, OPENS_AT, Desk, closed_clock, make_desk, open_clock, order, quote
from tests.domain.corporate_text import terms

A_DAY = timedelta(days=1)
EX_ON = OPENS_AT.date() + A_DAY
D = Decimal


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await (await make_desk(database, cache)).person(cash="10000")
    yield made
    assert await check_books(database) == []


def told(text: str, on: date = EX_ON, *, id_: str = "a1", revision: int = 1) -> Told:
    symbol, words = text.split(" ", 1)
    return Told(id_, revision, symbol, on, "USD", terms(words), "test")


async def say(desk: Desk, *actions: Told) -> None:
    async with desk.b.db.transaction() as connection:
        await tell_actions(connection, "replay", actions, utc_now())


def on_day(days: int, state: str = "open") -> VenueClock:
    """The clock that many days after the first one, an hour into the session or before it."""
    clock = open_clock() if state == "open" else closed_clock()
    at = OPENS_AT + days * A_DAY + (timedelta(hours=1) if state == "open" else -timedelta(hours=3))
    return replace(clock, venue_now=at, session_on=at.date(), next_close=CLOSES_AT + days * A_DAY)


async def look(desk: Desk, days: int = 1, *quotes: str, worker: ActionDesk | None = None) -> Looked:
    """A batch comes that many days later: actions first, then the broker, as in the worker."""
    clock = on_day(days)
    fresh = [quote(one, at=clock.venue_now) for one in quotes]
    looked = await (worker or ActionDesk(desk.b, "replay")).on_quotes(clock, {one.symbol: one for one in fresh})
    assert looked is not None
    if looked.orders_changed:
        desk.broker.forget()
    await desk.tell(*fresh, clock=clock)
    return looked


async def send(desk: Desk, text: str):
    return await submit_order(
        desk.b, desk.caller, desk.account_id, order(text), f"key-{uuid4()}", acknowledged=ALL_READ
    )


async def filled(desk: Desk, text: str) -> None:
    assert (await send(desk, text)).status == "pending_submit"
    await desk.broker.drain()


async def held(desk: Desk) -> dict[str, str]:
    """Shares, cost and realized result by symbol."""
    found = await list_positions(desk.b, desk.caller, desk.account_id)
    return {one.symbol: f"{plain(one.qty)} {plain(one.cost_basis)} {plain(one.realized_pl)}" for one in found}


async def cash(desk: Desk) -> Decimal:
    return (await get_account(desk.b, desk.caller, desk.account_id)).cash


async def frozen(desk: Desk) -> str:
    why = await desk.b.db.value("SELECT frozen_reason FROM account WHERE id = %s", (desk.account_id,))
    return why or ""


async def kinds(desk: Desk) -> Sequence[str]:
    return [one.kind for one in reversed(await list_entries(desk.b, desk.caller, desk.account_id))]


async def test_a_split_keeps_cash_and_cost_and_is_booked_once(desk: Desk) -> None:
    await filled(desk, "buy 10 AAPL")
    await say(desk, told("AAPL split 4:1"))
    before = await cash(desk)
    assert (await look(desk, 0)).heard == ()
    looked = await look(desk, 1, "AAPL 25.00/25.01")
    assert [one.words for one in looked.heard] == [
        "AAPL split 4:1 on 2021-03-02: 10 AAPL became 40. Together they cost 1000.50 USD as before, a share 25.0125 "
        "instead of 100.05."
    ]
    assert await held(desk) == {"AAPL": "40 1000.5 0"}
    assert await cash(desk) == before
    assert await kinds(desk) == ["deposit", "fill", "split"]
    assert (await look(desk, 1, "AAPL 25.00/25.01")).heard == ()
    assert await kinds(desk) == ["deposit", "fill", "split"]


async def test_dividends_come_to_holders_and_are_paid_by_who_borrowed(desk: Desk, database: Database) -> None:
    short = await desk.person(cash="10000", kind="margin")
    await filled(desk, "buy 10 AAPL")
    await filled(short, "sell 7 AAPL short")
    await say(desk, told("AAPL dividend 0.205"))
    had = await cash(desk), await cash(short)
    looked = await look(desk, 1, "AAPL 99.80/99.85")
    assert await cash(desk) == had[0] + D("2.05")
    assert await cash(short) == had[1] - D("1.44")  # 1.435, half to even
    assert {one.words for one in looked.heard} == {
        "AAPL dividend of 0.205 USD a share on 2021-03-02: 2.05 USD came for 10 AAPL.",
        "AAPL dividend of 0.205 USD a share on 2021-03-02: 7 AAPL were borrowed: 1.44 USD were paid to whoever lent "
        "them.",
    }
    assert await kinds(short) == ["deposit", "fill", "dividend"]


async def test_a_split_while_short_owes_more_shares(desk: Desk) -> None:
    short = await desk.person(cash="10000", kind="margin")
    await filled(short, "sell 7 AAPL short")
    before = await held(short)
    await say(desk, told("AAPL split 3:1"))
    await look(desk, 1, "AAPL 33.00/33.05")
    assert before == {"AAPL": "-7 " + before["AAPL"].split(" ", 1)[1]}
    assert await held(short) == {"AAPL": "-21 " + before["AAPL"].split(" ", 1)[1]}


async def test_a_reverse_split_pays_parts_at_the_first_trade_of_the_day(desk: Desk) -> None:
    await filled(desk, "buy 10 AAPL")
    await say(desk, told("AAPL split 1:4"))
    before = await cash(desk)
    looked = await look(desk, 1, "AAPL 400.00/400.10")
    assert await held(desk) == {"AAPL": "2.5 1000.5 0"}
    assert "stay until somebody says what is paid" in looked.heard[0].words
    [again] = (await look(desk, 1, "AAPL 401.00/401.10")).heard
    assert "200.50 USD came in lieu of 0.5 AAPL, which realized 0.40." in again.words
    assert await held(desk) == {"AAPL": "2 800.4 0.4"}
    assert await cash(desk) == before + D("200.50")
    assert await kinds(desk) == ["deposit", "fill", "split", "split", "split", "cash_in_lieu"]


async def test_another_symbol_a_spin_off_and_an_end(desk: Desk) -> None:
    await filled(desk, "buy 10 AAPL")
    await filled(desk, "buy 4 MSFT")
    await say(
        desk,
        told("AAPL symbol PEAR", id_="a1"),
        told("PEAR spin CORE 1:2 20", EX_ON + A_DAY, id_="a2"),
        told("MSFT delisted 3.10", id_="a3"),
    )
    before = await cash(desk)
    await look(desk, 1)
    assert (await held(desk))["PEAR"] == "10 1000.5 0"
    await look(desk, 2)
    now = await held(desk)
    assert now["PEAR"] == "10 800.4 0"
    assert now["CORE"] == "5 200.1 0"
    assert now["MSFT"].startswith("0 0 -")
    assert await cash(desk) == before + D("12.40")


async def test_what_is_heard_late_counts_from_its_day_and_a_correction_is_as_if_told_rightly(
    desk: Desk, database: Database
) -> None:
    right = await desk.person(cash="10000")
    for one in (desk, right):
        await filled(one, "buy 10 AAPL")
    await say(desk, told("AAPL split 2:1"))
    await look(desk, 1, "AAPL 25.00/25.01")
    assert await held(desk) == {"AAPL": "20 1000.5 0"}
    await filled(desk, "sell 5 AAPL")
    await filled(right, "sell 5 AAPL")
    await say(desk, told("AAPL split 4:1", revision=2))
    await look(desk, 2, "AAPL 25.00/25.01")
    cost, sold = D("1000.50"), D("125")
    state = await held(desk)
    qty, basis, realized = (D(part) for part in state["AAPL"].split())
    assert (qty, basis) == (35, cost * 35 / 40)
    assert abs(realized - (sold - cost * 5 / 40)) < D("0.10")  # its fees
    assert await held(desk) == await held(right)
    assert await kinds(desk) == ["deposit", "fill", "split", "fill", "split", "split"]


async def test_a_withdrawal_takes_back_and_who_spent_the_money_is_asked(desk: Desk, database: Database) -> None:
    await filled(desk, "buy 10 AAPL")
    await say(desk, told("AAPL dividend 1.00"))
    await look(desk, 1, "AAPL 99.00/99.05")
    free = await cash(desk)
    await say(desk, told("AAPL withdrawn", revision=2))
    await look(desk, 1, "AAPL 99.00/99.05")
    assert await cash(desk) == free - 10
    assert await kinds(desk) == ["deposit", "fill", "dividend", "dividend"]


async def test_money_that_was_spent_freezes_until_it_is_there(desk: Desk, database: Database) -> None:
    await filled(desk, "buy 90 AAPL")
    await say(desk, told("AAPL dividend 10.00"))
    await look(desk, 1, "AAPL 90.00/90.05")
    await filled(desk, "buy 19 AAPL")
    await say(desk, told("AAPL withdrawn", revision=2))
    [heard] = (await look(desk, 1, "AAPL 90.00/90.05")).heard
    assert "900.00 USD are to be taken back" in heard.words
    assert (await frozen(desk)).startswith("A corporate action waits")
    assert (await look(desk, 1, "AAPL 90.00/90.05")).heard == ()
    await deposit(desk.b, desk.caller, desk.account_id, D("900"))
    await look(desk, 1, "AAPL 90.00/90.05")
    assert await frozen(desk) == ""
    assert (await kinds(desk))[-1] == "dividend"


async def test_open_orders_follow_a_split_and_fill_in_new_shares(desk: Desk, database: Database) -> None:
    await filled(desk, "buy 10 AAPL")
    stop = await send(desk, "sell 10 AAPL stp=80.00 gtc")
    limit = await send(desk, "buy 10 AAPL @ 60.01 gtc")
    await desk.broker.drain()
    await say(desk, told("AAPL split 4:1"))
    looked = await look(desk, 1, "AAPL 25.00/25.01")
    assert looked.orders_changed
    rows = {one.id: one for one in await list_orders(desk.b, desk.caller, desk.account_id)}
    assert (rows[stop.id].qty, rows[stop.id].stop_price) == (40, 20)
    assert (rows[limit.id].qty, rows[limit.id].limit_price) == (40, 15)
    last = (await order_events(desk.b, desk.caller, limit.id))[-1]
    assert last.reason == "AAPL split 4:1 on 2021-03-02: 10 at limit 60.01 became 40 at limit 15.00."
    assert await check_books(database) == []
    await look(desk, 1, "AAPL 19.90/19.95")
    await look(desk, 1, "AAPL 19.90/19.95")
    assert (await held(desk))["AAPL"].startswith("0 0 ")
    await cancel_order(desk.b, desk.caller, limit.id)
    await desk.broker.drain()
