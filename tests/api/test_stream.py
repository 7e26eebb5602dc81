"""The live socket from outside: raw handshakes and frames against uvicorn, as the product serves it."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from starkmatter.api import stream as stream_module
from starkmatter.api.stream import make_stream_app
from starkmatter.market.hub import Hub
from tests.market.test_border import NOW
from tests.market.test_hub import batch

ORIGIN = "https://trade.example.org"


@dataclass
class Person:
    user_id: UUID = field(default_factory=uuid4)
    session_id: UUID = field(default_factory=uuid4)
    role: str = "trader"
    proven_at: datetime | None = None


@dataclass
class Served:
    """A running stream, its hub, and who its cookies belong to."""

    url: str
    hub: Hub
    people: dict[str, Person]

    def connect(self, cookie: str = "session=alice", origin: str | None = ORIGIN, **options):
        headers = {"Cookie": cookie} if cookie else {}
        if origin is not None:
            headers["Origin"] = origin
        return connect(self.url, additional_headers=headers, compression=None, proxy=None, **options)


@pytest.fixture
async def served(cache):
    people = {"alice": Person(), "bob": Person()}
    hub = Hub(cache, lambda: NOW + timedelta(milliseconds=10))

    async def authenticate(cookies):
        return people.get(cookies.get("session", ""))

    async def live_sessions(asked):
        return {one.session_id: one.proven_at for one in people.values() if one.session_id in asked}

    app = make_stream_app(hub, authenticate, (ORIGIN, "http://127.0.0.1:3000"), live_sessions=live_sessions)
    async with running(app) as url:
        stop = asyncio.Event()
        watching = asyncio.create_task(app.watch_sessions(stop))
        yield Served(url, hub, people)
        stop.set()
        await watching


@asynccontextmanager
async def running(app):
    config = uvicorn.Config(
        app, port=0, ws="websockets-sansio", ws_per_message_deflate=False, log_level="error", lifespan="off"
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"ws://127.0.0.1:{port}/api/v1/stream"
    server.should_exit = True
    await serving


async def say(socket, **message):
    await socket.send(json.dumps(message))


async def hear(socket, channel: str):
    """The content of the next frame of `channel`."""
    async with asyncio.timeout(10):
        while True:
            frame = json.loads(await socket.recv())
            if frame["ch"] == channel:
                return frame["d"]


async def close_code_of(socket) -> int:
    async with asyncio.timeout(10):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code


BAD_ORIGINS = [
    "https://evil.example.org",
    "null",
    "https://trade.example.org.evil.example",
    "https://eviltrade.example.org",
    "https://trade.example.org:8443",
    "http://trade.example.org",
    "wss://trade.example.org",
    "https://TRADE.example.org",
    "https://trade.example.org.",
    "https://trade.example.org@evil.example",
    "https://user@trade.example.org",
    "https://trade.example.org/",
    "https://sub.trade.example.org",
    "https://trade.example.org, https://evil.example",
    "https://tràde.example.org",
    "*",
    "",
    None,
]


@pytest.mark.parametrize("origin", BAD_ORIGINS)
async def test_a_foreign_origin_is_refused_before_the_socket_opens_even_with_a_good_cookie(served, origin):
    with pytest.raises(InvalidStatus) as refused:
        async with served.connect(origin=origin and origin.encode("utf-8").decode("latin-1")):
            pass
    assert refused.value.response.status_code == 403
    assert not any(name.lower().startswith("access-control") for name, _ in refused.value.response.headers.raw_items())
    assert served.hub.clients == set()


async def test_two_different_origins_in_one_handshake_are_refused(served):
    headers = [("Origin", ORIGIN), ("Origin", "https://evil.example.org"), ("Cookie", "session=alice")]
    with pytest.raises(InvalidStatus) as refused:
        async with connect(served.url, additional_headers=headers, proxy=None):
            pass
    assert refused.value.response.status_code in (400, 403)


@pytest.mark.parametrize("cookie", ["", "session=", "session=mallory", "other=alice", "alice", "session =alice"])
async def test_without_a_live_session_the_socket_is_refused(served, cookie):
    with pytest.raises(InvalidStatus) as refused:
        async with served.connect(cookie=cookie):
            pass
    assert refused.value.response.status_code == 401


async def test_subscribing_brings_a_snapshot_and_then_changes(served):
    served.hub.take_quotes("replay", batch("AAPL 100.01", "MSFT 200.00"))
    async with served.connect(cookie='theme=dark; session="alice"') as socket:
        await say(socket, op="subscribe", venue="replay", channels=["quotes:AAPL", "quotes:NOPE", "orders"])
        assert await hear(socket, "subscribed") == [
            {"venue": "replay", "symbols": 2, "bars": 0, "depth": 0, "channels": ["orders"]}
        ]
        (snapshot,) = await hear(socket, "quotes")
        assert snapshot == {
            "symbol": "AAPL",
            "bid": "99.99",
            "ask": "100.01",
            "last": "100.01",
            "bid_size": "100",
            "ask_size": "200",
            "volume": "12345",
            "observed_at": "2021-03-01T15:00:00Z",
            "received_at": "2021-03-01T15:00:00.003Z",
            "provider": "replay",
            "prev_close": "98.50",
            "condition": "normal",
            "age_ms": 7,
        }
        served.hub.take_quotes("replay", batch("AAPL 100.02", "MSFT 200.01"))
        assert [q["last"] for q in await hear(socket, "quotes")] == ["100.02"]
        served.hub.take_event("orders", served.people["alice"].user_id, '{"id": "1", "status": "working"}')
        assert await hear(socket, "orders") == [{"id": "1", "status": "working"}]
        await say(socket, op="unsubscribe", venue="replay", channels=["quotes:AAPL", "orders"])
        assert await hear(socket, "subscribed") == [
            {"venue": "replay", "symbols": 1, "bars": 0, "depth": 0, "channels": []}
        ]
        served.hub.take_quotes("replay", batch("AAPL 100.03"))
        served.hub.take_event("orders", served.people["alice"].user_id, '{"id": "2"}')
        await say(socket, op="ping")
        assert json.loads(await socket.recv()) == {"ch": "pong", "d": []}


async def test_nobody_hears_the_orders_of_another(served):
    async with served.connect() as alice, served.connect(cookie="session=bob") as bob:
        for socket in (alice, bob):
            await say(socket, op="subscribe", channels=["orders"])
            await hear(socket, "subscribed")
        served.hub.take_event("orders", served.people["bob"].user_id, '{"id": "1"}')
        assert await hear(bob, "orders") == [{"id": "1"}]
        await say(alice, op="ping")
        assert json.loads(await alice.recv())["ch"] == "pong"


async def test_a_revoked_session_is_closed_within_seconds(served):
    async with served.connect() as alice, served.connect(cookie="session=bob") as bob:
        await say(alice, op="ping")
        await hear(alice, "pong")
        started = time.monotonic()
        del served.people["alice"]
        assert await close_code_of(alice) == 4401
        assert time.monotonic() - started < 5
        await say(bob, op="ping")
        await hear(bob, "pong")


async def test_a_closed_socket_is_forgotten(served):
    async with served.connect() as socket:
        await say(socket, op="subscribe", channels=["quotes:AAPL"])
        await hear(socket, "subscribed")
        assert len(served.hub.clients) == 1
    deadline = time.monotonic() + 10
    while served.hub.clients and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert served.hub.clients == set()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "bad_message"),
        ("[]", "bad_message"),
        ('"subscribe"', "bad_message"),
        ("{}", "unknown_op"),
        ('{"op": ["subscribe"]}', "unknown_op"),
        ('{"op": "subscribe"}', "bad_message"),
        ('{"op": "subscribe", "channels": "quotes:AAPL"}', "bad_message"),
        ('{"op": "subscribe", "channels": [1]}', "bad_message"),
        ('{"op": "subscribe", "channels": ["quotes:"]}', "unknown_channel"),
        ('{"op": "subscribe", "channels": ["quotes:<script>"]}', "unknown_channel"),
        ('{"op": "subscribe", "channels": ["orders:somebody"]}', "unknown_channel"),
        ('{"op": "subscribe", "venue": "moon", "channels": []}', "unknown_venue"),
        ('{"op": "subscribe", "venue": ["replay"], "channels": []}', "unknown_venue"),
    ],
)
async def test_a_malformed_message_is_answered_in_words_and_the_fifth_closes(served, text, code):
    async with served.connect() as socket:
        for _ in range(4):
            await socket.send(text)
            (error,) = await hear(socket, "error")
            assert error["code"] == code
        await socket.send(text)
        assert await close_code_of(socket) == 4400


async def test_at_most_200_symbols_over_both_venues(served):
    async with served.connect() as socket:
        await say(socket, op="subscribe", channels=[f"quotes:S{n}" for n in range(150)])
        await hear(socket, "subscribed")
        await say(socket, op="subscribe", venue="market", channels=[f"quotes:S{n}" for n in range(51)])
        assert (await hear(socket, "error"))[0]["code"] == "too_many_symbols"
        await say(socket, op="subscribe", venue="market", channels=[f"quotes:S{n}" for n in range(50)])
        assert (await hear(socket, "subscribed"))[0]["symbols"] == 50


async def test_at_most_800_symbols_over_all_sockets_of_a_person_and_a_closed_one_makes_room(served):
    full = [f"quotes:S{n}" for n in range(200)]
    sockets = [await served.connect() for _ in range(4)]
    for socket in sockets:
        await say(socket, op="subscribe", channels=full)
        assert (await hear(socket, "subscribed"))[0]["symbols"] == 200
    async with served.connect() as fifth, served.connect(cookie="session=bob") as another:
        await say(fifth, op="subscribe", channels=full[:1])
        told = (await hear(fifth, "error"))[0]
        assert told["code"] == "too_many_symbols"
        assert "all your connections" in told["text"]
        await say(another, op="subscribe", channels=full)
        assert (await hear(another, "subscribed"))[0]["symbols"] == 200
        await say(sockets[0], op="unsubscribe", channels=full[:1])
        await hear(sockets[0], "subscribed")
        await say(fifth, op="subscribe", channels=full[:1])
        assert (await hear(fifth, "subscribed"))[0]["symbols"] == 1
    for socket in sockets:
        await socket.close()


async def test_a_message_over_64_kb_closes(served):
    async with served.connect() as socket:
        await socket.send("x" * 65_537)
        assert await close_code_of(socket) == 1009


async def test_a_flood_of_messages_closes(served):
    async with served.connect() as socket:
        for _ in range(100):
            await say(socket, op="ping")
        assert await close_code_of(socket) == 4429


async def test_at_most_ten_sockets_per_person_and_a_place_is_free_again_after_one_closes(served):
    sockets = [await served.connect() for _ in range(10)]
    with pytest.raises(InvalidStatus) as refused:
        async with served.connect():
            pass
    assert refused.value.response.status_code == 429
    async with served.connect(cookie="session=bob"):
        pass
    await sockets.pop().close()
    deadline = time.monotonic() + 10
    while len(served.hub.clients) > 9 and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    async with served.connect():
        pass
    for socket in sockets:
        await socket.close()


async def test_bars_and_books_are_asked_for_by_name_and_count_like_symbols(served, monkeypatch):
    monkeypatch.setattr(stream_module, "MAX_SYMBOLS", 3)
    async with served.connect() as socket:
        await say(socket, op="subscribe", venue="market", channels=["bars:BRK.B:5m", "depth:BTC-USD", "quotes:BTC-USD"])
        (said,) = await hear(socket, "subscribed")
        assert said == {"venue": "market", "symbols": 1, "bars": 1, "depth": 1, "channels": []}
        for wrong in ("bars:AAPL", "bars:AAPL:2m", "bars:AAPL:1m:1m"):
            await say(socket, op="subscribe", venue="market", channels=[wrong, "clock"])
            assert (await hear(socket, "error"))[0]["code"] == "unknown_channel"
        await say(socket, op="subscribe", venue="replay", channels=["bars:AAPL:1m"])
        assert (await hear(socket, "error"))[0]["code"] == "too_many_symbols"
        await say(socket, op="unsubscribe", venue="market", channels=["bars:BRK.B:5m"])
        (said,) = await hear(socket, "subscribed")
        assert said == {"venue": "market", "symbols": 1, "bars": 0, "depth": 1, "channels": []}
    async with served.connect() as socket:
        for wrong in ("depth:", "bars", "depth:btc-usd"):
            await say(socket, op="subscribe", venue="market", channels=[wrong, "clock"])
            assert (await hear(socket, "error"))[0]["code"] == "unknown_channel"


async def test_at_most_fifty_sockets_per_address(served, monkeypatch):
    monkeypatch.setattr(stream_module, "MAX_SOCKETS_PER_ADDRESS", 2)
    async with served.connect(), served.connect(cookie="session=bob"):
        with pytest.raises(InvalidStatus) as refused:
            async with served.connect(cookie="session=bob"):
                pass
        assert refused.value.response.status_code == 429


async def test_a_reader_that_stops_reading_is_given_the_newest_value_later_and_others_notice_nothing(served):
    symbols = [f"S{n}" for n in range(200)]
    async with served.connect(max_queue=1) as slow, served.connect(cookie="session=bob") as fast:
        for socket in (slow, fast):
            await say(socket, op="subscribe", channels=[f"quotes:{symbol}" for symbol in symbols])
            await hear(socket, "subscribed")
        slow.transport.pause_reading()
        rounds = 400
        for number in range(rounds):
            served.hub.take_quotes("replay", batch(*(f"{symbol} {100 + number}.00" for symbol in symbols)))
            await hear(fast, "quotes")
        busy = [client for client in served.hub.clients if client.busy]
        assert len(busy) == 1
        slow.transport.resume_reading()
        taken, newest = 0, ""
        while newest != f"{100 + rounds - 1}.00":
            newest = (await hear(slow, "quotes"))[0]["last"]
            taken += 1
        assert taken < rounds
