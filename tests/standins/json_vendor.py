"""What stand-ins of market-data vendors that speak JSON have in common: a server, faults, bars and a socket."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from tests.standins import pairs
from tests.standins.yahoo import NAMES, opens_before

Splits = dict[str, list[tuple[str, int, int]]]
Dividends = dict[str, list[tuple[str, str | None, float]]]
Earnings = dict[str, list[tuple[str, str]]]
PRICES = {"AAPL": 190.2, "MSFT": 410.6, "NVDA": 120.1, "BRK.B": 440.3, "SPY": 600.2, **pairs.PRICES}
KINDS = {"EQUITY": "equity", "ETF": "etf"}


@dataclass
class JsonVendor:
    """`fault`: an HTTP status, or `hang`, `drop`, `garbage`, `wrong`, `empty`; `stream_fault` as Alpaca's stand-in.

    `split`: on that day each share became so many. `spoil` may change the body of a good answer. Actions by symbol:
    `splits` (ex-date, new shares, old shares), `dividends` (ex-date, pay date, amount as declared), `earnings` (day,
    `bmo`, `amc` or nothing).
    """

    key: str = ""
    prices: dict[str, float] = field(default_factory=lambda: dict(PRICES))
    fault: int | str | None = None
    stream_fault: str | None = None
    late_secs: float = 0.0
    hang_secs: float = 2.0
    asked: list[str] = field(default_factory=list)
    subscribed: list[list[str]] = field(default_factory=list)
    days: list[datetime] = field(default_factory=list)
    split: tuple[datetime, int] | None = None
    spoil: Callable[[bytes], bytes] | None = None
    splits: Splits = field(default_factory=dict)
    dividends: Dividends = field(default_factory=dict)
    earnings: Earnings = field(default_factory=dict)
    port: int = 0
    stream_port: int = 0
    on_subscribe: Callable[[], None] | None = None
    _sockets: set[ServerConnection] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self.stream_port}"

    def now(self) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=self.late_secs)

    def stamps(self, interval: str, step_mins: int, start: datetime, end: datetime, symbol: str = "") -> list[datetime]:
        """Starts of bars between the two: each day's open, or the steps of the newest days' sessions."""
        if symbol in pairs.PRICES:
            now = datetime.now(UTC)
            found = pairs.days(symbol, now) if interval == "1d" else pairs.steps(symbol, step_mins, now)
        elif interval == "1d":
            found = self.days
        else:
            steps = range(0, 390, step_mins)
            found = [at + timedelta(minutes=step) for at in self.days[-3:] for step in steps]
        return [at for at in found if start <= at < end and self.fault != "empty"]

    def range_of(self, close: float) -> float:
        """How far a bar reaches to either side: of a small price a hundredth of it."""
        return 1.0 if close > 2 else close / 100

    def close(self, symbol: str, at: datetime, *, adjusted: bool) -> float:
        """The close of a bar: as it was, or in shares of today."""
        price = self.prices[symbol]
        if self.split is None or adjusted or at >= self.split[0]:
            return price
        return round(price * self.split[1], 2)

    def found(self, text: str) -> list[tuple[str, str, str]]:
        """Symbol, name and kind of what a search finds; what is not of the United States comes as `foreign`."""
        return [
            (symbol.replace("-", "."), name, "foreign" if exchange == "LSE" else KINDS[kind])
            for symbol, (name, kind, exchange, _, _) in NAMES.items()
            if kind in KINDS and (text.lower() in symbol.lower() or text.lower() in name.lower())
        ]

    def refused(self) -> tuple[int, Any]:
        """What a wrong key is told."""
        return 401, {"error": "Invalid API key"}

    def authorized(self, headers: Any, asked: dict[str, str]) -> bool:
        raise NotImplementedError

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        raise NotImplementedError

    def content(self, path: str) -> bytes:
        """What lies at a path, of a vendor that does not answer in JSON."""
        return b""

    def limited(self) -> tuple[int, Any]:
        """What one who asks too often is told."""
        return 429, {"error": "too many requests"}

    def listen(self, socket: ServerConnection) -> None:
        """The stream, where there is one."""

    def remember(self, socket: ServerConnection, symbols: list[str]) -> None:
        """It has subscribed: serve it until it goes, or as the fault says."""
        self.subscribed.append(sorted(symbols))
        if self.on_subscribe is not None:
            self.on_subscribe()
        if self.stream_fault == "garbage":
            socket.send("<html>")
        if self.stream_fault == "drop":
            return
        if self.stream_fault is None:
            self._sockets.add(socket)
        for _ in socket:
            pass

    def tell(self, message: Any) -> None:
        raw = json.dumps(message) if not isinstance(message, str) else message
        for socket in list(self._sockets):
            try:
                socket.send(raw)
            except ConnectionClosed:
                self._sockets.discard(socket)

    def drop_stream(self) -> None:
        """Break every connection of the stream."""
        for socket in list(self._sockets):
            socket.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    there: JsonVendor

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _say(self, status: int, body: Any, kind: str = "application/json") -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_POST(self) -> None:
        self.do_GET(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def do_GET(self, told: str = "") -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()} | ({"body": told} if told else {})
        there, fault = self.there, self.there.fault
        there.asked.append(parts.path)
        if not there.authorized(self.headers, asked):
            self._say(*there.refused())
        elif fault == "hang":
            threading.Event().wait(there.hang_secs)
            self.close_connection = True
        elif fault == "drop":
            self.close_connection = True
        elif fault == "garbage":
            self._say(200, b"<html>not what you asked for", kind="text/html")
        elif fault == "wrong":
            self._say(200, {"surprise": [1, 2, 3]})
        elif fault == 429:
            self._say(*there.limited())
        elif isinstance(fault, int):
            self._say(fault, {"error": "a fault of the test"})
        elif content := there.content(parts.path):
            self._say(200, content, kind="application/octet-stream")
        else:
            status, body = there.answer(parts.path, asked)
            raw = json.dumps(body).encode()
            self._say(status, there.spoil(raw) if there.spoil is not None else raw)


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that gave up is part of the test."""


T = TypeVar("T", bound=JsonVendor)


@contextmanager
def serving(there: T) -> Iterator[T]:
    """The vendor on loopback, until the block ends."""
    if not there.days:
        there.days = opens_before(datetime.now(UTC), 60)

    def listen(socket: ServerConnection) -> None:
        try:
            there.listen(socket)
        except ConnectionClosed:
            pass
        finally:
            there._sockets.discard(socket)

    server = Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"there": there}))
    stream: Server = serve(listen, "127.0.0.1", 0, close_timeout=0.2)
    there.port, there.stream_port = server.server_address[1], stream.socket.getsockname()[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    threading.Thread(target=stream.serve_forever, daemon=True).start()
    try:
        yield there
    finally:
        there.drop_stream()
        stream.shutdown()
        server.shutdown()
        server.server_close()
