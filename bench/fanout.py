"""The stream's fan-out against a bare `websockets` broadcast: 50 symbols, 10 batches a second, 500 and 1,000 sockets.

Server and load run in processes of their own. CPU per message is user + system time of the server process over the
messages that arrived; latency is from before encoding to the last byte's arrival in the load process.
"""

# ruff: noqa: T201, S603 - a bench prints, and starts its own processes
import asyncio
import base64
import json
import os
import re
import resource
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psutil

from bench.table import Row

SYMBOLS = tuple(f"S{number:02d}" for number in range(50))
BATCHES_PER_SEC = 10
WINDOW_SECS = 5.0
ROUNDS = 2
CPU_TARGET = 2.5
LATENCY_TARGET = 3.0
ORIGIN = "http://bench.test"
SENT = re.compile(rb'"sent_ns":"(\d+)"')


def run() -> list[Row]:
    """Both servers at both sizes, the better of two rounds each."""
    rows = []
    for sockets in (500, 1_000):
        ours = _best([_measure("stream", sockets) for _ in range(ROUNDS)])
        bare = _best([_measure("bare", sockets) for _ in range(ROUNDS)])
        rows += [
            Row(
                f"stream CPU per message, {sockets} sockets",
                f"{ours.cpu_us:.1f} us ({ours.messages_per_sec:.0f}/s)",
                f"{bare.cpu_us:.1f} us bare ({bare.messages_per_sec:.0f}/s)",
                ours.cpu_us / bare.cpu_us,
                CPU_TARGET,
            ),
            Row(
                f"stream latency p99, {sockets} sockets",
                f"{ours.p99_ms:.1f} ms (p50 {ours.p50_ms:.1f})",
                f"{bare.p99_ms:.1f} ms bare (p50 {bare.p50_ms:.1f})",
                ours.p99_ms / bare.p99_ms,
                LATENCY_TARGET,
            ),
        ]
    return rows


@dataclass(frozen=True, slots=True)
class Figures:
    cpu_us: float
    messages_per_sec: float
    p50_ms: float
    p99_ms: float


def _best(rounds: list[Figures]) -> Figures:
    return Figures(
        min(one.cpu_us for one in rounds),
        max(one.messages_per_sec for one in rounds),
        min(one.p50_ms for one in rounds),
        min(one.p99_ms for one in rounds),
    )


def _measure(kind: str, sockets: int) -> Figures:
    with _process("serve", kind) as server:
        port = _line(server)
        with _process("load", port, str(sockets)) as load:
            if _line(load) != "ready":
                raise RuntimeError("the load process could not connect")
            time.sleep(1.0)
            process = psutil.Process(server.pid)
            before = process.cpu_times()
            _tell(load, "start")
            time.sleep(WINDOW_SECS)
            _tell(load, "stop")
            after = process.cpu_times()
            found: dict[str, Any] = json.loads(_line(load))
    cpu_secs = (after.user - before.user) + (after.system - before.system)
    count = found["count"]
    if count < sockets * BATCHES_PER_SEC * WINDOW_SECS * 0.9:
        print(f"{kind}: only {count} messages arrived at {sockets} sockets", file=sys.stderr)
    return Figures(cpu_secs / count * 1e6, count / WINDOW_SECS, found["p50_ms"], found["p99_ms"])


@contextmanager
def _process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.fanout", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()


# --- the two servers --------------------------------------------------------------------------------------------------


def _batch(number: int) -> bytes:
    """One published batch: a quote of every symbol, with the moment of sending."""
    price = Decimal(10_000 + number % 500).scaleb(-2)
    fields = {
        "bid": str(price),
        "ask": str(price + Decimal("0.01")),
        "last": str(price),
        "bid_size": "300",
        "ask_size": "500",
        "volume": str(1_000_000 + number),
        "observed_at": "2021-03-01T15:04:22Z",
        "received_at": "2026-11-23T05:40:01.201Z",
        "provider": "replay",
        "prev_close": "99.50",
        "condition": "normal",
        "sent_ns": str(time.time_ns()),
    }
    return json.dumps([{"symbol": symbol, **fields} for symbol in SYMBOLS]).encode()


async def _beat(publish: Any) -> None:
    loop = asyncio.get_running_loop()
    due, number = loop.time(), 0
    while True:
        publish(number)
        number += 1
        due += 1 / BATCHES_PER_SEC
        await asyncio.sleep(max(0.0, due - loop.time()))


async def serve_stream() -> None:
    """The product's hub and stream app under uvicorn, set up as the product sets it up."""
    import uvicorn
    from redis.asyncio import Redis

    from starkmatter import clock
    from starkmatter.api import stream
    from starkmatter.market.board import batch_of
    from starkmatter.market.hub import Hub

    @dataclass
    class Anyone:
        user_id: UUID
        session_id: UUID
        role: str = "viewer"
        proven_at: datetime | None = None

    async def authenticate(cookies: dict[str, str]) -> Anyone:
        return Anyone(uuid4(), uuid4())

    async def live_sessions(asked: set[UUID]) -> dict[UUID, datetime | None]:
        return dict.fromkeys(asked)

    stream.MAX_SOCKETS_PER_ADDRESS = 100_000
    hub = Hub(Redis(), clock.utc_now)
    app = stream.make_stream_app(hub, authenticate, (ORIGIN,), live_sessions=live_sessions)
    config = uvicorn.Config(
        app, port=0, ws="websockets-sansio", ws_per_message_deflate=False, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    watching = asyncio.create_task(app.watch_sessions(asyncio.Event()))
    await asyncio.gather(serving, watching, _beat(lambda number: hub.take_quotes("replay", batch_of(_batch(number)))))


async def serve_bare() -> None:
    """`websockets` alone: the same text to every connection."""
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    connections: set[ServerConnection] = set()

    async def hold(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()
        connections.discard(connection)

    def publish(number: int) -> None:
        quotes = json.loads(_batch(number))
        for quote in quotes:
            quote["age_ms"] = 1
        broadcast(connections, json.dumps({"ch": "quotes", "venue": "replay", "d": quotes}, separators=(",", ":")))

    async with serve(hold, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await _beat(publish)


# --- the load ---------------------------------------------------------------------------------------------------------


class Reader(asyncio.Protocol):
    """One socket that counts frames and notes how long the newest took; as cheap as Python allows."""

    recording = False
    latencies_ms: list[float] = []

    def __init__(self, ready: asyncio.Future[None]) -> None:
        self._ready = ready
        self._buffer = bytearray()
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /api/v1/stream HTTP/1.1\r\nHost: bench.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nOrigin: {ORIGIN}\r\nCookie: s=1\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._open:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not buffer.startswith(b"HTTP/1.1 101"):
                self._ready.set_exception(ConnectionError(bytes(buffer[:80]).decode()))
                return
            del buffer[: end + 4]
            self._open = True
            self._subscribe()
        while len(buffer) >= 4:
            length, head = buffer[1] & 0x7F, 2
            if length == 126:
                length, head = struct.unpack_from("!H", buffer, 2)[0], 4
            elif length == 127:
                if len(buffer) < 10:
                    return
                length, head = struct.unpack_from("!Q", buffer, 2)[0], 10
            if len(buffer) < head + length:
                return
            if buffer[0] & 0x0F == 1:
                self._take(bytes(buffer[head : head + 400]))
            del buffer[: head + length]

    def _subscribe(self) -> None:
        text = json.dumps({"op": "subscribe", "channels": [f"quotes:{symbol}" for symbol in SYMBOLS]}).encode()
        head = struct.pack("!BBH", 0x81, 0x80 | 126, len(text))
        self._transport.write(head + b"\0\0\0\0" + text)  # a mask of zeros leaves the text as it is

    def _take(self, start: bytes) -> None:
        found = SENT.search(start)
        if found is None:
            return
        if not self._ready.done():
            self._ready.set_result(None)
        if Reader.recording:
            Reader.latencies_ms.append((time.time_ns() - int(found[1])) / 1e6)


async def load(port: int, sockets: int) -> None:
    loop = asyncio.get_running_loop()
    waiting = []
    for _ in range(sockets):
        ready: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda ready=ready: Reader(ready), "127.0.0.1", port)  # type: ignore[misc]
        waiting.append(ready)
    await asyncio.wait_for(asyncio.gather(*waiting), 60)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    Reader.recording = True
    await loop.run_in_executor(None, sys.stdin.readline)
    Reader.recording = False
    taken = sorted(Reader.latencies_ms)
    found = {"count": len(taken), "p50_ms": taken[len(taken) // 2], "p99_ms": taken[int(len(taken) * 0.99)]}
    print(json.dumps(found), flush=True)


def main(arguments: list[str]) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    match arguments:
        case ["serve", "stream"]:
            asyncio.run(serve_stream())
        case ["serve", "bare"]:
            asyncio.run(serve_bare())
        case ["load", port, sockets]:
            asyncio.run(load(int(port), int(sockets)))


if __name__ == "__main__":
    main(sys.argv[1:])
