"""Orders that our own line to the broker did not let go: in no doubt, looked for by nobody, sent once when it opens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiolimiter import AsyncLimiter
from redis.asyncio import Redis

from starkmatter.accounts.vault import Secrets
from starkmatter.db.database import Database
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.line import BREAKER_THRESHOLD, Line
from starkmatter.portfolio.accounts import get_account
from starkmatter.settings import load_settings
from starkmatter.trading.brokers import alpaca
from starkmatter.trading.brokers.alpaca import AlpacaBroker
from starkmatter.trading.brokers.catalog import OPENERS
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.desk import OrderDesk
from starkmatter.trading.order_steps import Claimed
from starkmatter.trading.orders import order_events
from starkmatter.trading.ports import OnConnected, OnOrder, OrderUnsent
from starkmatter.trading.records import OrderView
from tests.builders import order
from tests.standins.alpaca_trading import KEY_ID, SECRET, AlpacaTrading
from tests.trading.broker_desk import QUICK, BrokerSeat, always, eventually, make_seat
from tests.trading.sides import NOBODY

PAUSE_SECS = 1.0
TAKEN = ("working", "accepted")


@pytest.fixture
async def seat(database: Database, cache: Redis, tmp_path: Path, alpaca: AlpacaTrading) -> BrokerSeat:
    return await make_seat(database, cache, tmp_path, alpaca)


class Followed(AlpacaBroker):
    """Tells whether its stream was there."""

    connected = False

    async def listen(self, on_order: OnOrder, on_connected: OnConnected) -> None:
        async def heard() -> None:
            await on_connected()
            self.connected = True

        await super().listen(on_order, heard)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The brokers that desks open from here on; a line that failed too often rests for a second instead of thirty."""
    found: list[Any] = []

    def keep(*args: Any) -> AlpacaBroker:
        found.append(Followed(*args))
        return found[-1]

    monkeypatch.setattr(alpaca, "Line", partial(Line, pause_secs=PAUSE_SECS))
    monkeypatch.setitem(OPENERS, "alpaca", keep)
    return found


@asynccontextmanager
async def steady(seat: BrokerSeat, opened: list[Any]) -> AsyncIterator[Any]:
    """The broker of a desk that follows the stream and has compared the books since: nothing of it is due."""
    async with seat.house() as house:

        async def is_steady() -> bool:
            desks = [desk for _, desk, _ in house._desks.values()]
            return bool(opened and opened[0].connected and desks[0]._agreed and not desks[0]._check.is_set())

        await eventually(is_steady, "the books compared after the stream was there")
        yield opened[0]


async def _fail() -> None:
    raise VendorFailure("Alpaca", "broken", "Alpaca has a problem of its own.")


async def break_line(broker: Any) -> None:
    """Alpaca fails so often in a row that our line rests."""
    for _ in range(BREAKER_THRESHOLD):
        with pytest.raises(VendorFailure):
            await broker._line.send(_fail)


async def history(seat: BrokerSeat, placed: OrderView) -> list[str]:
    return [one.status for one in await order_events(seat.b, seat.caller, placed.id)]


def sent_ids(seat: BrokerSeat) -> list[str]:
    return [post["client_order_id"] for post in seat.there.posts]


async def test_a_breaker_that_opens_with_ten_orders_waiting_leaves_none_in_doubt(
    seat: BrokerSeat, opened: list[Any]
) -> None:
    """Five failures open it: these five are in doubt. The ten behind them never left, and go out once, in turn."""
    seat.pace = replace(QUICK, look_after_secs=(0.9, 0.9, 0.9, 0.9))
    async with seat.house():
        await seat.until_state("ready")
    seat.there.fault("submit", *[500] * BREAKER_THRESHOLD)
    placed = [await seat.order(f"buy 1 AAPL @ {80 + number} gtc") for number in range(BREAKER_THRESHOLD + 10)]
    async with seat.house():
        for one in placed:
            await seat.until(one, *TAKEN)
    in_doubt = [one for one in placed if "unknown" in await history(seat, one)]
    assert in_doubt == placed[:BREAKER_THRESHOLD]
    sent = sent_ids(seat)
    assert [sent.count(one.client_order_id) for one in placed] == [2] * BREAKER_THRESHOLD + [1] * 10
    assert len(seat.there.orders) == len(placed)
    first, *others = [await history(seat, one) for one in placed[BREAKER_THRESHOLD:]]
    assert first[:4] == ["pending_submit", "submitting", "pending_submit", "submitting"]
    for one in others:  # While it rests, only one order at a time tries whether it still does.
        assert one[:2] == ["pending_submit", "submitting"]
        assert "pending_submit" not in one[2:]
    await seat.books_add_up()


@pytest.mark.parametrize("how", ["paused", "told to wait", "too often", "nobody there"])
async def test_what_never_left_waits_and_is_sent_once(
    how: str, seat: BrokerSeat, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with steady(seat, opened) as broker:
        url, bucket = broker._client._base_url, broker._line._bucket
        if how == "paused":
            await break_line(broker)
        elif how == "told to wait":
            broker._line._quiet_until = asyncio.get_running_loop().time() + PAUSE_SECS
        elif how == "too often":
            monkeypatch.setattr("starkmatter.egress.line.WAIT_FOR_TURN_SECS", 0.05)
            broker._line._bucket = AsyncLimiter(1, 3600)
            await broker._line._bucket.acquire()
        else:
            broker._client._base_url = NOBODY
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc")

        async def put_back() -> bool:
            return (await history(seat, placed))[:3] == ["pending_submit", "submitting", "pending_submit"]

        await eventually(put_back, "the order to be put back")
        broker._client._base_url, broker._line._bucket = url, bucket
        await seat.until(placed, *TAKEN)
    assert "unknown" not in await history(seat, placed)
    assert sent_ids(seat) == [placed.client_order_id]
    assert "/orders:by_client_order_id" not in seat.there.asked, "nobody looked for it"
    reasons = [one.reason for one in await order_events(seat.b, seat.caller, placed.id)]
    assert reasons[2] is not None
    assert reasons[2].endswith("It has not left.")
    await seat.books_add_up()


async def test_what_never_leaves_in_time_ends_and_says_so(seat: BrokerSeat, opened: list[Any]) -> None:
    seat.pace = replace(QUICK, other_valid=timedelta(seconds=1))
    async with steady(seat, opened) as broker:
        broker._line._quiet_until = float(2**31)
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc")
        ended = await seat.until(placed, "not_sent")
    assert ended.reject_reason == "It could not be sent in time and was not: nothing was ordered."
    assert seat.there.posts == []
    assert (await get_account(seat.b, seat.caller, seat.account_id)).reserved == 0
    assert "unknown" not in await history(seat, placed)
    await seat.books_add_up()


async def test_one_asked_back_while_the_line_held_it_is_not_sent(
    seat: BrokerSeat, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with steady(seat, opened) as broker:

        async def refuse(*_: object) -> None:
            # It is on its way to the line: the wish is kept, since nobody knows yet that it will not leave.
            await cancel_order(seat.b, seat.caller, placed.id)
            raise OrderUnsent(VendorFailure("Alpaca", "paused", "Alpaca is asked again shortly.", unsent=True))

        monkeypatch.setattr(broker, "submit", refuse)
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc")
        ended = await seat.until(placed, "not_sent")
    assert ended.reject_reason == "Canceled before it was sent."
    assert await seat.b.db.value("SELECT count(*) FROM outbox") == 0
    assert (await get_account(seat.b, seat.caller, seat.account_id)).reserved == 0
    assert seat.there.posts == []
    await seat.books_add_up()


async def test_a_repetition_that_never_left_leaves_its_first_attempt_in_doubt(
    seat: BrokerSeat, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the first attempt nobody knows whether it left: no wish may end the order as if it had not."""
    async with seat.house():
        await seat.until_state("ready")
        submit, tries = opened[0].submit, 0

        async def second_is_held(client_id: str, request: Any) -> Any:
            nonlocal tries
            tries += 1
            if tries == 2:
                raise OrderUnsent(VendorFailure("Alpaca", "paused", "Alpaca is asked again shortly.", unsent=True))
            return await submit(client_id, request)

        monkeypatch.setattr(opened[0], "submit", second_is_held)
        seat.there.fault("submit", "drop")
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc")
        await seat.until(placed, *TAKEN)
    way = await history(seat, placed)
    assert way[:6] == ["pending_submit", "submitting", "unknown", "submitting", "unknown", "submitting"]
    assert sent_ids(seat) == [placed.client_order_id] * 2
    assert len(seat.there.orders) == 1
    await seat.books_add_up()


async def test_one_in_doubt_that_is_asked_back_is_not_sent_again(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", "drop")
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc")
        await seat.until(placed, "unknown")
        await cancel_order(seat.b, seat.caller, placed.id)
        ended = await seat.until(placed, "not_sent")
    assert ended.reject_reason == "Canceled before it was sent."
    assert (len(seat.there.posts), seat.there.orders) == (1, {})
    assert await seat.b.db.value("SELECT count(*) FROM outbox") == 0
    await seat.books_add_up()


async def test_a_group_waits_and_goes_out_whole(seat: BrokerSeat, opened: list[Any]) -> None:
    async with steady(seat, opened) as broker:
        await break_line(broker)
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc tp=110 sl=90")
        roles = "SELECT role FROM trade_order WHERE status IN ('working', 'accepted') ORDER BY role"

        async def whole() -> bool:
            return [role for (role,) in await seat.b.db.tuples(roles)] == ["entry", "stop", "target"]

        await eventually(whole, "the whole group at the broker")
    assert sent_ids(seat) == [placed.client_order_id]
    assert len(seat.there.orders) == 3
    assert not await seat.b.db.value("SELECT count(*) FROM order_event WHERE status = 'unknown'")
    await seat.books_add_up()


async def test_what_another_worker_has_claimed_since_is_not_put_back(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
    placed = await seat.order("buy 10 AAPL @ 99.00 gtc")
    desk = OrderDesk(seat.b, seat.account_id, AlpacaBroker(seat.b.settings, KEYS), always, QUICK)
    failure = VendorFailure("Alpaca", "paused", "Alpaca is asked again shortly.", unsent=True)
    claims: list[Claimed] = []

    async def keep(claimed: Claimed) -> None:
        claims.append(claimed)

    desk._send = keep  # type: ignore[method-assign]
    await desk.drain(sending=True)
    await seat.b.db.run("UPDATE broker_order SET fence = fence + 1")
    await desk._put_back(claims[0], OrderUnsent(failure))
    assert (await seat.now(placed)).status == "submitting"
    await seat.b.db.run("UPDATE broker_order SET fence = fence - 1")
    await desk._put_back(claims[0], OrderUnsent(failure))
    assert (await seat.now(placed)).status == "pending_submit"


async def test_an_id_that_is_known_there_is_never_an_order_that_has_not_left(
    alpaca: AlpacaTrading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look for it may be held back by our line; the order itself is there."""
    broker = AlpacaBroker(load_settings({"STARKMATTER_VENDOR_URLS": alpaca.urls}), KEYS, tries=1)
    await broker.submit("sm-1", order("buy 1 AAPL"))

    async def held(_: str) -> None:
        raise VendorFailure("Alpaca", "paused", "Alpaca is asked again shortly.", unsent=True)

    monkeypatch.setattr(broker, "find", held)
    with pytest.raises(VendorFailure):
        await broker.submit("sm-1", order("buy 1 AAPL"))
    await broker.close()


KEYS = Secrets({"key_id": KEY_ID, "secret": SECRET})
