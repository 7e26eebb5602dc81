"""The kill switch: nothing new, everything open asked back, whoever dies in between, and no way around it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import open_session
from starkmatter.accounts.sharing.service import share_account
from starkmatter.accounts.step_up import StepUpNeeded
from starkmatter.db.database import Database
from starkmatter.domain.orders import OPEN
from starkmatter.errors import InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.invariants import check_books
from starkmatter.trading.guarding import stops, sweeping
from starkmatter.trading.guarding.stops import find_stop, list_stops, turn_off, turn_on
from starkmatter.trading.guarding.sweeping import cancel_all, sweep_until
from starkmatter.trading.orders import list_orders, order_events
from starkmatter.trading.preview import preview_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, make_account, make_caller, make_desk, open_clock, order, quote
from tests.standins.alpaca_trading import AlpacaTrading
from tests.trading.broker_desk import always, eventually, make_seat

ACTIONS = "SELECT action FROM audit_event ORDER BY sequence"


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


async def signed_in(desk: Desk, *, minutes_ago: int = 0) -> Caller:
    """The desk's person in a session that saw a proof so long ago."""
    c = desk.caller
    caller, _ = await open_session(desk.b, c.user_id, c.role, c.email, c.display_name, ip="test", user_agent="test")
    age = timedelta(minutes=minutes_ago)
    await desk.b.db.run("UPDATE user_session SET proven_at = proven_at - %s WHERE id = %s", (age, caller.session_id))
    return caller


async def send(desk: Desk, text: str, key: str, account_id: UUID | None = None) -> OrderView:
    return await submit_order(
        desk.b, desk.caller, account_id or desk.account_id, order(text), key, acknowledged=ALL_READ
    )


async def still_open(desk: Desk) -> list[OrderView]:
    return await list_orders(desk.b, desk.caller, statuses=OPEN)


async def test_one_action_asks_open_orders_back_and_takes_no_new_ones(desk: Desk) -> None:
    await send(desk, "buy 10 AAPL", "filled-at-once")
    resting = await send(desk, "buy 10 AAPL @ 90.00 gtc", "resting-order-1")
    await desk.broker.drain()
    waiting = await send(desk, "sell 5 AAPL @ 110.00 gtc", "not-sent-yet-1")

    done = await turn_on(desk.b, desk.caller, "account", account_id=desk.account_id, reason="Not my day.")
    assert done.canceled == 2
    assert done.stop.swept_at is not None
    await desk.broker.drain()

    assert await still_open(desk) == []
    ended = {one.id: one.status for one in await list_orders(desk.b, desk.caller)}
    assert (ended[resting.id], ended[waiting.id]) == ("canceled", "not_sent")
    words = "The kill switch of this account is on: no new orders are taken. Its reason: Not my day."
    for side in ("buy", "sell"):
        refused = await send(desk, f"{side} 1 AAPL", f"after-it-{side}")
        assert (refused.status, refused.reject_reason) == ("risk_rejected", words)
    assert words in (await preview_order(desk.b, desk.caller, desk.account_id, order("buy 1 AAPL"))).refusals
    assert (await desk.b.db.value("SELECT reserved FROM account WHERE id = %s", (desk.account_id,))) == 0

    await turn_off(desk.b, await signed_in(desk), done.stop.id)
    assert (await send(desk, "buy 1 AAPL", "taken-again-1")).status == "pending_submit"
    actions = [row[0] for row in await desk.b.db.tuples(ACTIONS)]
    assert [one for one in actions if one.startswith(("switch", "order.all"))] == [
        "switch.turned_on",
        "order.all_cancels_asked",
        "switch.turned_off",
    ]


async def test_what_is_asked_back_is_told_at_the_venues_time_and_the_worker_is_woken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    woken: list[str] = []
    monkeypatch.setattr(sweeping, "announce_orders", lambda _, found: told.extend(found))
    monkeypatch.setattr(sweeping, "wake_worker", lambda _, venue: woken.append(venue))
    resting = await send(desk, "buy 10 AAPL @ 90.00 gtc", "resting-order-1")
    await desk.broker.drain()
    assert await cancel_all(desk.b, desk.caller) == 1
    news = {"order_id": resting.id, "status": "pending_cancel", "symbol": "AAPL"}
    assert (told, woken) == ([(desk.caller.user_id, news)], ["replay", "market"])
    last = (await order_events(desk.b, desk.caller, resting.id))[-1]
    assert (last.status, last.venue_at) == ("pending_cancel", open_clock().venue_now)


async def test_who_has_no_account_asks_nothing_back(desk: Desk) -> None:
    assert await cancel_all(desk.b, await make_caller(desk.b.db, "trader")) == 0


async def test_of_orders_that_race_with_the_switch_none_is_open_afterwards(desk: Desk) -> None:
    begun = asyncio.Event()

    async def flood(trader: int) -> list[str]:
        statuses = []
        while not statuses.count("risk_rejected"):
            text = "buy 1 AAPL @ 90.00 gtc" if trader % 2 else "buy 1 MSFT @ 150.00 gtc"
            statuses.append((await send(desk, text, f"racing-{trader}-{len(statuses)}")).status)
            begun.set()
        return statuses

    async def working() -> None:
        while not switched.done():
            await desk.broker.drain()
            await asyncio.sleep(0.002)

    orders = asyncio.gather(*(flood(trader) for trader in range(12)))
    await begun.wait()
    switched = asyncio.create_task(turn_on(desk.b, desk.caller, "mine"))
    _, found, done = await asyncio.gather(working(), orders, switched)
    taken = [status for statuses in found for status in statuses]
    await desk.broker.drain()
    assert await still_open(desk) == []
    ended = [one.status for one in await list_orders(desk.b, desk.caller)]
    assert ended.count("canceled") + ended.count("not_sent") == taken.count("pending_submit") >= done.canceled > 0
    assert ended.count("risk_rejected") == taken.count("risk_rejected") == 12


async def test_what_only_reduces_a_position_may_still_be_ordered_by_choice(desk: Desk) -> None:
    await send(desk, "buy 10 AAPL", "position-1")
    await desk.broker.drain()
    await turn_on(desk.b, desk.caller, "account", account_id=desk.account_id, allows_reducing=True)

    refused = await send(desk, "buy 1 AAPL", "no-purchase-1")
    assert refused.reject_reason is not None
    assert refused.reject_reason.endswith("only orders that reduce a position are taken.")
    assert (await send(desk, "sell 11 AAPL @ 101.00", "more-than-held")).status == "risk_rejected"
    taken = [(await send(desk, f"sell {qty} AAPL @ 101.00 gtc", f"a-part-{qty}")).status for qty in (6, 5, 4)]
    assert taken == ["pending_submit", "risk_rejected", "pending_submit"]
    await desk.tell(quote("AAPL 101.50/101.55"))
    await desk.broker.drain()
    assert await desk.b.db.value("SELECT signed_qty FROM holding WHERE account_id = %s", (desk.account_id,)) == 0


async def test_a_switch_that_is_on_only_becomes_stricter(desk: Desk) -> None:
    first = await turn_on(desk.b, desk.caller, "mine", allows_reducing=False)
    again = await turn_on(desk.b, desk.caller, "mine", allows_reducing=True)
    assert again.stop.id == first.stop.id
    assert not again.stop.allows_reducing


async def test_the_worker_sends_nothing_of_a_stopped_account_and_finishes_the_sweep(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting = await send(desk, "buy 1 AAPL @ 90.00 gtc", "resting-order-2")
    await desk.broker.drain()
    unsent = await send(desk, "buy 1 AAPL", "not-sent-yet-2")

    async def dies(*_: object) -> int:
        raise SystemExit

    monkeypatch.setattr(stops, "sweep", dies)
    with pytest.raises(SystemExit):
        await turn_on(desk.b, desk.caller, "mine")
    monkeypatch.undo()

    await desk.broker.drain()
    assert [one.status for one in await order_events(desk.b, desk.caller, unsent.id)][-1] == "not_sent"
    assert [one.id for one in await still_open(desk)] == [resting.id]
    monkeypatch.setattr(sweeping, "LEFT_ALONE_FOR", timedelta(0))
    over = asyncio.Event()
    worker = asyncio.create_task(sweep_until(desk.b, over, always))

    async def swept() -> bool:
        await desk.broker.drain()
        return not await still_open(desk)

    await eventually(swept, "the resting order to be asked back")
    over.set()
    await worker
    assert (await find_stop(desk.b, desk.caller, "mine")).swept_at is not None


async def test_turning_it_off_takes_a_fresh_proof_and_the_right_person(desk: Desk) -> None:
    friend = await desk.person("trader")
    await share_account(desk.b, desk.caller, desk.account_id, friend.caller.email, "trade")
    theirs = replace(friend, account_id=desk.account_id)
    stop = (await turn_on(desk.b, friend.caller, "account", account_id=desk.account_id)).stop
    assert [one.id for one in await list_stops(desk.b, desk.caller)] == [stop.id]
    with pytest.raises(StepUpNeeded):
        await turn_off(desk.b, await signed_in(desk, minutes_ago=6), stop.id)
    with pytest.raises(NotFound):
        await turn_off(desk.b, await signed_in(theirs), stop.id)
    await turn_off(desk.b, await signed_in(desk), stop.id)
    with pytest.raises(NotFound):
        await turn_off(desk.b, await signed_in(desk), stop.id)


async def test_a_stranger_neither_stops_nor_sees_nor_cancels(desk: Desk) -> None:
    stranger, viewer = await desk.person("trader"), await desk.person("viewer")
    await share_account(desk.b, desk.caller, desk.account_id, viewer.caller.email, "view")
    await send(desk, "buy 1 AAPL @ 90.00 gtc", "resting-order-3")
    for caller, error in ((stranger.caller, NotFound), (viewer.caller, NotAllowed)):
        with pytest.raises(error):
            await turn_on(desk.b, caller, "account", account_id=desk.account_id)
        with pytest.raises(NotFound):
            await cancel_all(desk.b, caller, desk.account_id)
        assert await cancel_all(desk.b, caller) == 0
        with pytest.raises(NotAllowed, match="Only an admin"):
            await turn_on(desk.b, caller, "everybody")
    await turn_on(desk.b, stranger.caller, "mine")
    assert await list_stops(desk.b, desk.caller) == []
    assert len(await still_open(desk)) == 1
    assert (await send(desk, "buy 1 AAPL", "not-concerned-1")).status == "pending_submit"
    with pytest.raises(InvalidInput):
        await turn_on(desk.b, desk.caller, "mine", account_id=desk.account_id)


async def test_everybody_is_stopped_by_an_admin_also_who_comes_later(desk: Desk) -> None:
    other = await desk.person("trader")
    await submit_order(
        desk.b, other.caller, other.account_id, order("buy 1 AAPL @ 90.00 gtc"), "theirs-00001", acknowledged=ALL_READ
    )
    await desk.broker.drain()
    assert (await turn_on(desk.b, desk.caller, "everybody")).canceled == 1
    later = await desk.person("trader")
    for person in (other, later):
        refused = await submit_order(
            desk.b, person.caller, person.account_id, order("buy 1 AAPL"), "after-it-0001", acknowledged=ALL_READ
        )
        assert refused.reject_reason == "The kill switch of the whole installation is on: no new orders are taken."
    with pytest.raises(NotAllowed):
        await turn_off(desk.b, await signed_in(other), (await list_stops(desk.b, other.caller))[0].id)


async def test_accounts_opened_while_the_persons_switch_is_on_are_stopped_too(desk: Desk) -> None:
    await turn_on(desk.b, desk.caller, "mine")
    opened = await make_account(desk.b.db, desk.caller)
    assert (await send(desk, "buy 1 AAPL", "new-account-1", opened)).status == "risk_rejected"


async def test_cancel_all_asks_for_many_and_for_nobody_elses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 4)
    other = await desk.person("trader")
    await submit_order(
        desk.b, other.caller, other.account_id, order("buy 1 AAPL @ 90.00 gtc"), "theirs-00002", acknowledged=ALL_READ
    )
    for number in range(10):
        await send(desk, f"buy 1 AAPL @ {90 - number}.00 gtc", f"resting-many-{number}")
    await desk.broker.drain()
    assert await cancel_all(desk.b, desk.caller, desk.account_id) == 10
    assert await cancel_all(desk.b, desk.caller) == 0
    await desk.broker.drain()
    assert await still_open(desk) == []
    assert len(await still_open(other)) == 1


async def test_a_paused_broker_gets_nothing_and_the_others_go_on(
    database: Database, cache: Redis, tmp_path: Path, alpaca: AlpacaTrading
) -> None:
    seat = await make_seat(database, cache, tmp_path, alpaca)
    async with seat.house():
        await seat.until_state("ready")
        resting = await seat.order("buy 1 AAPL @ 90.00 gtc")
        await seat.until(resting, "working", "accepted")
    waiting = await seat.order("buy 1 AAPL")
    with pytest.raises(NotFound):
        await turn_on(seat.b, seat.caller, "mine", broker="ib")
    paused = await turn_on(seat.b, seat.caller, "mine", broker="alpaca")
    assert paused.canceled == 0
    assert (await seat.order("buy 1 AAPL")).reject_reason == "Orders to Alpaca are paused: no new orders are taken."
    async with seat.house():
        ended = await seat.until(waiting, "not_sent")
        assert ended.reject_reason == "Orders to Alpaca are paused: no new orders are taken."
        assert (await seat.now(resting)).status in {"working", "accepted"}
        await cancel_all(seat.b, seat.caller)
        await seat.until(resting, "canceled")
    assert [one["client_order_id"] for one in seat.there.orders.values()] == [resting.client_order_id]
