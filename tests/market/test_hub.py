"""The hub: one encoding per group, the newest value for the slow, events in order, the dead noticed."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import orjson
import pytest

from starkmatter.domain.depth import Depth, Level
from starkmatter.domain.quotes import Bar, VenueClock
from starkmatter.market import stream_client
from starkmatter.market.board import QuoteBoard
from starkmatter.market.hub import Hub
from starkmatter.market.stream_client import CLOSE_TOO_SLOW, MAX_EVENTS_WAITING, HubClient, Topic
from starkmatter.market.told import bar_fields, tell_bars, tell_depth
from starkmatter.market.wanted import wishes_of
from starkmatter.market.wire import clock_json, quote_fields
from tests.market.test_border import NOW, quote

CLOCK = VenueClock("replay", NOW, "open", NOW.date(), None, NOW + timedelta(hours=6), run_id=1, seed=7)


class Socket:
    """The far end of one socket: takes frames at once until it is told to be slow."""

    def __init__(self) -> None:
        self.frames: list[dict] = []
        self.messages: list[dict] = []
        self.closed_with: int | None = None
        self.dead = False
        self._writable = asyncio.Event()
        self._writable.set()

    def slow_down(self) -> None:
        self._writable.clear()

    def catch_up(self) -> None:
        self._writable.set()

    async def send(self, message) -> None:
        await self._writable.wait()
        if self.dead:
            raise OSError("gone")
        if message["type"] == "websocket.close":
            self.closed_with = message["code"]
        else:
            self.messages.append(message)
            self.frames.append(orjson.loads(message["text"]))

    def last_of(self, symbol: str) -> str:
        return [q["last"] for frame in self.frames for q in frame["d"] if q.get("symbol") == symbol][-1]


@pytest.fixture
def hub(cache) -> Hub:
    return Hub(cache, lambda: NOW + timedelta(milliseconds=10))


@pytest.fixture
def join(hub) -> Callable[..., tuple[Socket, HubClient]]:
    def joined(*symbols: str, user_id=None, session_id=None) -> tuple[Socket, HubClient]:
        socket = Socket()
        client = HubClient(socket.send, user_id or uuid4(), session_id or uuid4())
        hub.join(client)
        hub.resubscribe(client, Topic("quotes", "replay"), set(symbols))
        return socket, client

    return joined


def batch(*prices: str) -> list[dict]:
    """`AAPL 100.01` → the published form of a quote."""
    return [quote_fields(quote(price, symbol=symbol)) for symbol, price in (text.split() for text in prices)]


async def test_a_socket_gets_only_what_it_asked_for(hub, join):
    apple, _ = join("AAPL")
    both, _ = join("AAPL", "MSFT")
    nothing, _ = join()
    hub.take_quotes("replay", batch("AAPL 100.01", "MSFT 200.00", "XOM 50.00"))
    hub.take_quotes("market", batch("AAPL 1.00"))
    assert [q["symbol"] for q in apple.frames[0]["d"]] == ["AAPL"]
    assert [q["symbol"] for q in both.frames[0]["d"]] == ["AAPL", "MSFT"]
    assert len(apple.frames) == 1
    assert nothing.frames == []
    assert apple.frames[0]["d"][0]["age_ms"] == 7


async def test_a_message_is_encoded_once_for_all_with_the_same_subscription(hub, join):
    sockets = [join("AAPL", "MSFT")[0] for _ in range(5)] + [join("MSFT", "AAPL")[0]]
    hub.take_quotes("replay", batch("AAPL 100.01"))
    assert len({id(socket.messages[0]) for socket in sockets}) == 1


async def test_a_batch_without_a_subscribed_symbol_sends_nothing(hub, join):
    socket, _ = join("AAPL")
    hub.take_quotes("replay", batch("MSFT 200.00"))
    assert socket.frames == []


async def test_a_slow_socket_gets_the_newest_value_of_each_symbol_and_no_queue(hub, join):
    slow, client = join("AAPL", "MSFT")
    slow.slow_down()
    hub.take_quotes("replay", batch("AAPL 100.00", "MSFT 200.00"))
    assert client.busy
    for cents in range(1, 60):
        hub.take_quotes("replay", batch(f"AAPL 100.{cents:02d}"))
    hub.take_quotes("replay", batch("MSFT 200.07"))
    slow.catch_up()
    await asyncio.sleep(0.01)
    assert len(slow.frames) == 2
    assert (slow.last_of("AAPL"), slow.last_of("MSFT")) == ("100.59", "200.07")
    assert not client.busy
    hub.take_quotes("replay", batch("AAPL 101.00"))
    assert slow.last_of("AAPL") == "101.00"


async def test_a_slow_socket_does_not_delay_the_others(hub, join):
    slow, _ = join("AAPL")
    fast, _ = join("AAPL")
    slow.slow_down()
    for cents in range(10, 15):
        hub.take_quotes("replay", batch(f"AAPL 100.{cents}"))
    assert len(fast.frames) == 5


async def test_events_of_a_person_go_to_their_sockets_that_asked_in_order_and_unmerged(hub, join):
    alice = uuid4()
    first, client = join(user_id=alice)
    second, _ = join(user_id=alice)
    other, other_client = join()
    client.lists.add("orders")
    other_client.lists.add("orders")
    first.slow_down()
    for number in range(4):
        hub.take_event("orders", alice, f'{{"id": {number}}}')
    hub.take_event("orders", alice, '[{"id": 4}, {"id": 5}]')
    first.catch_up()
    await asyncio.sleep(0.01)
    assert [event["id"] for frame in first.frames for event in frame["d"]] == [0, 1, 2, 3, 4, 5]
    assert {frame["ch"] for frame in first.frames} == {"orders"}
    assert second.frames == []
    assert other.frames == []


async def test_a_socket_hopelessly_behind_on_events_is_closed_to_load_afresh(hub, join):
    alice = uuid4()
    socket, client = join(user_id=alice)
    client.lists.add("orders")
    socket.slow_down()
    for _ in range(MAX_EVENTS_WAITING + 2):
        hub.take_event("orders", alice, "{}")
    assert client.close_code == CLOSE_TOO_SLOW
    socket.catch_up()
    await asyncio.sleep(0.01)
    assert socket.closed_with == CLOSE_TOO_SLOW
    assert socket.frames == []


async def test_a_socket_that_takes_nothing_for_long_is_closed(hub, join, monkeypatch):
    socket, client = join("AAPL")
    socket.slow_down()
    hub.take_quotes("replay", batch("AAPL 100.00"))
    hub.close_stuck()
    assert client.close_code is None
    monkeypatch.setattr(stream_client, "STUCK_SECS", -1.0)
    hub.close_stuck()
    assert client.close_code == CLOSE_TOO_SLOW


async def test_a_dead_socket_harms_nobody_and_leaves_no_task(hub, join):
    dead, client = join("AAPL")
    alive, _ = join("AAPL")
    dead.dead = True
    hub.take_quotes("replay", batch("AAPL 100.01"))
    assert alive.last_of("AAPL") == "100.01"
    hub.leave(client)
    hub.leave(client)
    assert client not in hub.clients
    hub.take_quotes("replay", batch("AAPL 100.02"))
    assert dead.frames == []
    assert len(asyncio.all_tasks()) == 1


async def test_leaving_while_a_write_waits_ends_the_write(hub, join):
    slow, client = join("AAPL")
    slow.slow_down()
    hub.take_quotes("replay", batch("AAPL 100.01"))
    hub.leave(client)
    await asyncio.sleep(0.01)
    assert not client.busy
    assert len(asyncio.all_tasks()) == 1


async def test_only_the_sockets_of_a_revoked_session_are_closed(hub, join):
    session_id = uuid4()
    revoked, _ = join("AAPL", session_id=session_id)
    waiting, _ = join("AAPL", session_id=session_id)
    kept, _ = join("AAPL")
    waiting.slow_down()
    hub.take_quotes("replay", batch("AAPL 100.01"))
    assert hub.close_session(session_id) == 2
    waiting.catch_up()
    await asyncio.sleep(0.01)
    assert (revoked.closed_with, waiting.closed_with, kept.closed_with) == (4401, 4401, None)


async def test_a_snapshot_holds_the_newest_of_what_is_known(hub, join):
    hub.take_quotes("replay", batch("AAPL 100.01", "MSFT 200.00"))
    hub.take_quotes("replay", batch("AAPL 100.02"))
    socket, client = join("AAPL", "XOM")
    hub.send_snapshot(client, Topic("quotes", "replay"), ["AAPL", "XOM"])
    assert [(q["symbol"], q["last"]) for q in socket.frames[0]["d"]] == [("AAPL", "100.02")]
    hub.send_snapshot(client, Topic("quotes", "market"), ["AAPL"])
    assert len(socket.frames) == 1


async def test_a_new_run_forgets_the_quotes_of_the_former_one(hub, join):
    hub.take_clock("replay", clock_json(CLOCK))
    hub.take_quotes("replay", batch("AAPL 100.01"))
    later = VenueClock("replay", NOW, "open", NOW.date(), None, None, run_id=2, seed=7)
    hub.take_clock("replay", clock_json(later))
    socket, client = join("AAPL")
    hub.send_snapshot(client, Topic("quotes", "replay"), ["AAPL"])
    assert socket.frames == []


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert condition()


async def test_the_hub_follows_valkey_and_starts_from_the_board(cache):
    board, stop = QuoteBoard(cache), asyncio.Event()
    await board.publish("replay", {"AAPL": quote("100.01")}, clock=CLOCK, now=NOW)
    hub = Hub(cache, lambda: datetime.now(UTC))
    running = asyncio.create_task(hub.run(stop))
    await asyncio.wait_for(hub.listening.wait(), 10)
    alice, session_id, socket = uuid4(), uuid4(), Socket()
    client = HubClient(socket.send, alice, session_id)
    hub.join(client)
    hub.resubscribe(client, Topic("quotes", "replay"), {"AAPL"})
    client.lists.add("alerts")
    client.wants_clock.add("replay")
    hub.send_snapshot(client, Topic("quotes", "replay"), ["AAPL"])
    assert socket.last_of("AAPL") == "100.01"
    await board.publish("replay", {"AAPL": quote("100.02")}, clock=CLOCK, now=NOW)
    await cache.publish("quotes:replay", b"<html>")
    await cache.publish(f"alerts:{alice}", b'{"rule": "AAPL above 100"}')
    await cache.publish(f"alerts:{uuid4()}", b'{"rule": "not yours"}')
    await until(lambda: {"quotes", "clock", "alerts"} <= {frame["ch"] for frame in socket.frames})
    assert socket.last_of("AAPL") == "100.02"
    assert [frame["d"] for frame in socket.frames if frame["ch"] == "alerts"] == [[{"rule": "AAPL above 100"}]]
    await cache.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    for cents in range(10, 60):  # until the hub listens again
        await board.publish("replay", {"AAPL": quote(f"100.{cents}")}, clock=CLOCK, now=NOW)
        await asyncio.sleep(0.05)
        if socket.last_of("AAPL") != "100.02" and hub.listening.is_set():
            break
    assert socket.last_of("AAPL") != "100.02"
    await cache.publish("sessions:revoked", str(session_id))
    await until(lambda: socket.closed_with == 4401)
    stop.set()
    await running


def told(*bars: tuple[str, int, str, bool]) -> bytes:
    """`("AAPL", 3, "100.01", True)` → a bar of a minute that began at 15:03 and closed there, or has got so far."""
    return orjson.dumps(
        [
            bar_fields(
                Bar(symbol, "1m", NOW + timedelta(minutes=minute), *[Decimal(close)] * 4, None, "replay"), finished=done
            )
            for symbol, minute, close, done in bars
        ]
    )


async def test_a_finished_bar_is_never_lost_to_the_one_that_grows_after_it(hub, join):
    socket, client = join()
    topic = Topic("bars", "replay")
    hub.resubscribe(client, topic, {"AAPL:1m"})
    socket.slow_down()
    hub.take_told(topic, told(("AAPL", 0, "100.00", False), ("MSFT", 0, "200.00", False)))
    hub.take_told(topic, told(("AAPL", 0, "100.01", True), ("AAPL", 1, "100.02", False)))
    hub.take_told(topic, told(("AAPL", 1, "100.03", True), ("AAPL", 2, "100.04", False)))
    socket.catch_up()
    await asyncio.sleep(0.05)
    heard = [(bar["starts_at"][14:16], bar["close"], bar["finished"]) for frame in socket.frames for bar in frame["d"]]
    assert heard[0] == ("00", "100.00", False)
    assert sorted(heard[1:]) == [("00", "100.01", True), ("01", "100.03", True), ("02", "100.04", False)]
    hub.send_snapshot(client, topic, ["AAPL:1m", "MSFT:1m", "MSFT:5m"])
    assert {bar["symbol"]: bar["close"] for bar in socket.frames[-1]["d"]} == {"AAPL": "100.04", "MSFT": "200.00"}


async def test_bars_of_a_former_run_are_forgotten(hub, join):
    socket, client = join()
    topic = Topic("bars", "replay")
    hub.take_clock("replay", clock_json(CLOCK))
    hub.take_told(topic, told(("AAPL", 0, "100.00", False)))
    hub.take_clock("replay", clock_json(replace(CLOCK, run_id=2)))
    hub.send_snapshot(client, topic, ["AAPL:1m"])
    assert socket.frames == []


async def test_what_is_published_of_bars_and_books_reaches_those_who_asked(hub, join, cache):
    socket, client = join()
    nobody, _ = join("AAPL", "BTC-USD")
    hub.resubscribe(client, Topic("bars", "replay"), {"AAPL:1m"})
    hub.resubscribe(client, Topic("depth", "market"), {"BTC-USD"})
    stop = asyncio.Event()
    running = asyncio.create_task(hub.run(stop))
    await asyncio.wait_for(hub.listening.wait(), 10)
    bar = Bar("AAPL", "1m", NOW, *map(Decimal, ("1", "3", "0.5", "2")), Decimal(70), "replay", "note")
    await tell_bars(cache, "replay", [], [bar])
    book = Depth("BTC-USD", (Level(Decimal("9.5"), Decimal("0.25")),), (), NOW, NOW, "alpaca")
    await tell_depth(cache, "market", {"BTC-USD": book})
    async with asyncio.timeout(10):
        while len(socket.frames) < 2:
            await asyncio.sleep(0.01)
    stop.set()
    await running
    at = NOW.isoformat().replace("+00:00", "Z")
    bars, books = sorted(socket.frames, key=lambda frame: frame["ch"])
    figures = {"open": "1", "high": "3", "low": "0.5", "close": "2", "volume": "70"}
    assert bars == {
        "ch": "bars",
        "venue": "replay",
        "d": [
            {"symbol": "AAPL", "interval": "1m", "starts_at": at, **figures}
            | {"provider": "replay", "note": "note", "finished": False}
        ],
    }
    assert books == {
        "ch": "depth",
        "venue": "market",
        "d": [
            {"symbol": "BTC-USD", "bids": [["9.5", "0.25"]], "asks": [], "observed_at": at, "received_at": at}
            | {"provider": "alpaca"}
        ],
    }
    assert nobody.frames == []


async def test_what_sockets_ask_for_is_wanted_of_the_market(hub, join):
    _, client = join()
    assert wishes_of(hub) == set()
    hub.resubscribe(client, Topic("bars", "market"), {"MSFT:1m", "MSFT:1d"})
    hub.resubscribe(client, Topic("depth", "market"), {"BTC-USD"})
    hub.resubscribe(client, Topic("quotes", "market"), {"SPY"})
    hub.resubscribe(client, Topic("quotes", "replay"), {"AAPL"})
    assert wishes_of(hub) == {"SPY", "MSFT", "depth:BTC-USD"}
