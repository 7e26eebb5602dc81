"""What stand-ins of brokers have in common: a book that outlives a worker, and a server that misbehaves as told.

Orders are known by the broker's own number, since these brokers keep no other.
"""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

# How the next request of a kind ends: an HTTP status, or one of the words.
Fault = int | str


@dataclass
class Kept:
    """One order; `asked` is what was sent, `parts` are its executions: shares, price, instant."""

    number: str
    symbol: str
    side: str
    qty: Decimal
    asked: dict[str, Any]
    status: str
    entered_at: datetime
    parts: list[tuple[Decimal, Decimal, datetime]] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        return sum((qty for qty, _, _ in self.parts), Decimal(0))

    @property
    def average(self) -> Decimal | None:
        if not self.parts:
            return None
        return sum((qty * price for qty, price, _ in self.parts), Decimal(0)) / self.filled


@dataclass
class Book:
    """One account at a broker. `faults[kind]` is used up front to back; words: `hang`, `drop`, `garbage`, `empty`,
    `html-403`, `accept-504`, `accept-drop`, `lose` (refuses nothing, keeps nothing)."""

    cash: Decimal = Decimal("100000")
    number: str = "84001234"
    orders: dict[str, Kept] = field(default_factory=dict)
    positions: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    activities: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    posts: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    prices: dict[str, Decimal] = field(default_factory=dict)
    fills_at_once: bool = False
    hang_secs: float = 1.0
    port: int = 0
    on_post: Callable[[Any], None] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1_000_000_001))

    # Its words for states.
    NEW = "WORKING"
    FILLED = "FILLED"
    CANCELED = "CANCELED"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fault(self, kind: str, *faults: Fault) -> None:
        """What the next requests of that kind meet."""
        with self.lock:
            self.faults.setdefault(kind, []).extend(faults)

    def take_fault(self, kind: str) -> Fault | None:
        with self.lock:
            waiting = self.faults.get(kind)
            return waiting.pop(0) if waiting else None

    def take(self, symbol: str, side: str, qty: Decimal, asked: dict[str, Any]) -> Kept:
        """A new order in the book."""
        with self.lock:
            number = str(next(self.numbers))
            at = datetime.now(UTC)
            kept = self.orders[number] = Kept(number, symbol, side, qty, asked, self.NEW, at)
        if self.fills_at_once:
            self.fill(number, str(qty), str(self.prices.get(symbol, Decimal(100))))
        return kept

    def fill(self, number: str, qty: str, price: str) -> None:
        """Execute so many shares at that price."""
        with self.lock:
            kept, shares, paid = self.orders[number], Decimal(qty), Decimal(qty) * Decimal(price)
            kept.parts.append((shares, Decimal(price), datetime.now(UTC)))
            if kept.filled >= kept.qty:
                kept.status = self.FILLED
            sign = 1 if kept.side == "buy" else -1
            held, cost = self.positions.get(kept.symbol, (Decimal(0), Decimal(0)))
            self.positions[kept.symbol] = (held + sign * shares, cost + sign * paid)
            if not self.positions[kept.symbol][0]:
                del self.positions[kept.symbol]
            self.cash -= sign * paid

    def cancel(self, number: str) -> bool:
        """Whether the order could still be canceled; it is."""
        with self.lock:
            kept = self.orders.get(number)
            if kept is None or not self.is_open(kept):
                return False
            kept.status = self.CANCELED
        return True

    def is_open(self, kept: Kept) -> bool:
        return kept.status == self.NEW


class BookHandler(BaseHTTPRequestHandler):
    """One request at a time; what a vendor's stand-in answers is in its subclass."""

    protocol_version = "HTTP/1.1"
    there: Any
    after: Fault | None = None

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def say(
        self, status: int, body: Any, *, kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body, default=_figure).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(raw)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def error(self, status: int, message: str) -> None:
        """In the vendor's form."""
        self.say(status, {"message": message})

    def spoiled(self, kind: str) -> bool:
        """Whether a fault of that kind was waiting, and was carried out."""
        fault = self.there.take_fault(kind)
        self.after = None
        if fault is None or fault in {"accept-504", "accept-drop"}:
            self.after = fault
            return False
        if fault == "hang":
            threading.Event().wait(self.there.hang_secs)
            self.close_connection = True
        elif fault in {"drop", "lose"}:
            self.close_connection = True
        elif fault == "garbage":
            self.say(200, b"<html>not what you asked for", kind="text/html")
        elif fault == "empty":
            self.say(200, None)
        elif fault == "html-403":
            self.say(403, b"<html>a proxy says no</html>", kind="text/html")
        else:
            self.error(int(fault), "a fault of the test")
        return True

    def accepted(self) -> bool:
        """Whether an order was taken and its answer is lost as the fault says."""
        if self.after == "accept-504":
            self.error(504, "gateway time-out")
        elif self.after == "accept-drop":
            self.close_connection = True
        return self.after is not None


def _figure(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value))


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is part of the test."""


B = TypeVar("B", bound=Book)


@contextmanager
def serving(there: B, handler: type[BookHandler]) -> Iterator[B]:
    """The broker on loopback, until the block ends."""
    server = Quiet(("127.0.0.1", 0), type("Handler", (handler,), {"there": there}))
    there.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
