"""Open orders through corporate actions: in new shares, ended with a reason, or as they were."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.orders import StopLoss, TakeProfit
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.corporate.desk import ActionDesk
from starkmatter.trading.orders import list_orders, order_events
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, make_desk, order, quote
from tests.trading.acting import (
    D,
    filled,
    held,
    look,
    on_day,
    say,
    send,
    told,
)


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await (await make_desk(database, cache)).person(cash="10000")
    yield made
    assert await check_books(database) == []


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


async def test_a_partly_filled_order_goes_on_in_new_shares(desk: Desk, database: Database) -> None:
    await desk.tell(quote("AAPL 100.00/100.05", size="40"))
    sent = await send(desk, "buy 60 AAPL @ 100.05 gtc")
    await desk.broker.drain()
    [before] = await list_orders(desk.b, desk.caller, desk.account_id)
    assert (before.status, before.filled_qty) == ("partial", 40)
    await say(desk, told("AAPL split 2:1"))
    await look(desk, 1)
    [after] = await list_orders(desk.b, desk.caller, desk.account_id)
    assert (after.qty, after.filled_qty, after.limit_price, after.avg_price) == (120, 80, D("50.02"), D("50.025"))
    assert await check_books(database) == []
    await say(desk, told("AAPL split 4:1", revision=2))
    await look(desk, 1)
    [after] = await list_orders(desk.b, desk.caller, desk.account_id)
    assert (after.qty, after.filled_qty, after.limit_price) == (240, 160, D("25.01"))
    await look(desk, 1, "AAPL 24.90/24.95")
    [after] = await list_orders(desk.b, desk.caller, desk.account_id)
    assert (after.status, after.filled_qty, after.id) == ("filled", 240, sent.id)


async def test_a_bracket_follows_with_its_exits(desk: Desk, database: Database) -> None:
    wish = replace(order("buy 10 AAPL gtc"), order_class="bracket", take_profit=TakeProfit(D("120")),
                   stop_loss=StopLoss(D("80")))  # fmt: skip
    await submit_order(desk.b, desk.caller, desk.account_id, wish, "key-bracket", acknowledged=ALL_READ)
    await desk.broker.drain()
    await desk.tell(quote("AAPL 100.00/100.05"))
    await desk.broker.drain()
    await say(desk, told("AAPL split 4:1"))
    await look(desk, 1, "AAPL 25.00/25.01")
    rows = {one.role: one for one in await list_orders(desk.b, desk.caller, desk.account_id)}
    assert (rows["entry"].status, rows["entry"].filled_qty) == ("filled", 40)
    assert (rows["target"].qty, rows["target"].limit_price) == (40, 30)
    assert (rows["stop"].qty, rows["stop"].stop_price) == (40, 20)
    assert await check_books(database) == []
    await look(desk, 1, "AAPL 30.50/30.55")
    await desk.broker.drain()
    rows = {one.role: one for one in await list_orders(desk.b, desk.caller, desk.account_id)}
    assert (rows["target"].status, rows["stop"].status) == ("filled", "canceled")
    assert (await held(desk))["AAPL"].startswith("0 0 ")


async def test_an_end_cancels_orders_with_a_reason_and_gives_back_what_they_held(
    desk: Desk, database: Database
) -> None:
    await filled(desk, "buy 10 AAPL")
    await send(desk, "sell 10 AAPL @ 150.00 gtc")
    sent = await send(desk, "buy 10 AAPL @ 60.00 gtc")
    await desk.broker.drain()
    await say(desk, told("AAPL delisted 3.10"))
    looked = await look(desk, 1)
    rows = await list_orders(desk.b, desk.caller, desk.account_id)
    assert [one.status for one in rows] == ["canceled", "canceled", "filled"]
    last = (await order_events(desk.b, desk.caller, sent.id))[-1]
    assert last.reason == "AAPL delisted at 3.1 USD on 2021-03-02: it does not trade any more."
    assert len([one for one in looked.heard if "order ended" in one.subject]) == 2
    account = await get_account(desk.b, desk.caller, desk.account_id)
    assert account.reserved == 0
    assert await check_books(database) == []


async def test_an_order_of_the_ex_date_was_meant_in_new_shares(desk: Desk) -> None:
    await say(desk, told("AAPL split 4:1"))
    desk.clock = on_day(1)
    await desk.tell(quote("AAPL 25.00/25.01", at=desk.clock.venue_now), clock=on_day(1))
    await send(desk, "buy 10 AAPL @ 20.00 gtc")
    await desk.broker.drain()
    await look(desk, 1)
    [one] = await list_orders(desk.b, desk.caller, desk.account_id)
    assert (one.qty, one.limit_price) == (10, 20)


async def test_fills_and_actions_at_the_same_moment_keep_every_promise(desk: Desk, database: Database) -> None:
    for number in range(6):
        await filled(desk, f"buy {number + 1} AAPL")
    resting = [await send(desk, f"buy {number + 2} AAPL @ {60 + number}.00 gtc") for number in range(6)]
    await desk.broker.drain()
    await say(desk, told("AAPL split 3:1"))
    clock = on_day(1)
    fresh = {"AAPL": quote("AAPL 20.00/20.01", at=clock.venue_now)}
    worker = ActionDesk(desk.b, "replay")
    await asyncio.gather(worker.on_quotes(clock, fresh), desk.broker.on_quotes(clock, fresh), desk.broker.drain())
    desk.broker.forget()
    await desk.tell(*fresh.values(), clock=clock)
    rows = {one.id: one for one in await list_orders(desk.b, desk.caller, desk.account_id)}
    assert {rows[one.id].status for one in resting} == {"filled"}
    assert await check_books(database) == []
