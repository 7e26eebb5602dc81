"""Alpaca's paper trading on loopback: REST and the account's stream, in its wire format, misbehaving as told.

It lives in the test's process and so survives a worker that is killed: its `orders` are the broker's book.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

KEY_ID, SECRET = "PKCANARYKEY7781", "alpaca-canary-secret-5521"
LIVE_KEY_ID = "AKCANARYKEY7782"
OPEN = {"new", "accepted", "partially_filled", "pending_new", "held", "pending_cancel", "done_for_day"}
# How the next request of a kind ends: an HTTP status, or one of the words.
Fault = int | str


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "987Z")


@dataclass
class AlpacaTrading:
    """One account. `faults[kind]` is used up front to back; kinds: account, positions, orders, find, submit, cancel,
    activities. Words: `hang`, `drop`, `garbage`, `empty`, `accept-504`, `accept-drop`, `html-403`."""

    cash: Decimal = Decimal("100000")
    number: str = field(default_factory=lambda: str(uuid4()))
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    positions: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    activities: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    posts: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    prices: dict[str, Decimal] = field(default_factory=dict)
    fills_at_once: bool = False
    blocked: bool = False
    live: bool = False
    hang_secs: float = 1.0
    port: int = 0
    stream_port: int = 0
    on_post: Callable[[dict[str, Any]], None] | None = None
    groups: dict[str, list[str]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _sockets: set[ServerConnection] = field(default_factory=set)

    @property
    def urls(self) -> dict[str, str]:
        """For STARKMATTER_VENDOR_URLS; nothing stands at the addresses of the other kind of account."""
        name = "alpaca-live-trading" if self.live else "alpaca-trading"
        return {name: f"http://127.0.0.1:{self.port}", f"{name}-stream": f"ws://127.0.0.1:{self.stream_port}/stream"}

    @property
    def key_id(self) -> str:
        return LIVE_KEY_ID if self.live else KEY_ID

    @property
    def listeners(self) -> int:
        return len(self._sockets)

    def fault(self, kind: str, *faults: Fault) -> None:
        """What the next requests of that kind meet."""
        with self._lock:
            self.faults.setdefault(kind, []).extend(faults)

    def take_fault(self, kind: str) -> Fault | None:
        with self._lock:
            waiting = self.faults.get(kind)
            return waiting.pop(0) if waiting else None

    def submit(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """Take an order, or a group of them; None when its id was used before."""
        with self._lock:
            client_id = body["client_order_id"]
            if client_id in self.orders:
                return None
            kind = body.get("order_class") or "simple"
            target, stop = body.get("take_profit"), body.get("stop_loss")
            if kind == "oco":
                body = body | {"limit_price": target["limit_price"]}
            order = self._entered(body)
            self.orders[client_id] = order
            exit_side = body["side"] if kind == "oco" else {"buy": "sell", "sell": "buy"}[body["side"]]
            common = {"symbol": body["symbol"], "qty": body.get("qty"), "side": exit_side}
            common |= {"time_in_force": body["time_in_force"], "order_class": kind}
            legs = []
            if kind != "oco" and target:
                legs.append(self._entered(common | target | {"type": "limit", "status": "held"}))
            if stop:
                name = "stop_limit" if stop.get("limit_price") else "stop"
                legs.append(self._entered(common | stop | {"type": name, "status": "held"}))
            for leg in legs:
                self.orders[leg["client_order_id"]] = leg
            self.groups[client_id] = [leg["client_order_id"] for leg in legs]
        if self.fills_at_once and kind != "oco":
            price = self.prices.get(order["symbol"], Decimal(100))
            qty = order["qty"] or str(round(Decimal(order["notional"]) / price, 9))
            self.fill(client_id, qty, str(price))
        else:
            self.tell(client_id, "new", status="new")
        return order

    def nested(self, order: dict[str, Any]) -> dict[str, Any]:
        """The order with those that belong to it, as the answer to a new one and a nested look have them."""
        legs = [self.orders[one] for one in self.groups.get(order["client_order_id"], [])]
        return order | {"legs": legs or None}

    def leg(self, first: str, kind: str) -> str:
        """The broker's own id of that kind of order (limit, stop) in the group of ours."""
        return next(one for one in self.groups[first] if self.orders[one]["type"].startswith(kind))

    def _after_end(self, client_id: str, *, filled: bool) -> None:
        """What the end of one order of a group means for the others there."""
        first = next((one for one, legs in self.groups.items() if client_id == one or client_id in legs), None)
        if first is None:
            return
        legs, kind = self.groups[first], self.orders[first]["order_class"]
        entry = kind != "oco" and client_id == first
        others = [one for one in (first, *legs) if one != client_id and self.orders[one]["status"] in OPEN]
        for one in others:
            if entry and filled:
                # One is worked at a time: the target is in the market, the stop is held beside it.
                alone = len(legs) == 1 or self.orders[one]["type"] == "limit"
                self.tell(one, "new" if alone else "held", status="new" if alone else "held")
            else:
                self.tell(one, "canceled", status="canceled")

    def _entered(self, body: dict[str, Any]) -> dict[str, Any]:
        client_id = body.get("client_order_id") or str(uuid4())
        return {
            "id": str(uuid4()),
            "client_order_id": client_id,
            "created_at": _now(),
            "updated_at": _now(),
            "submitted_at": _now(),
            "symbol": body["symbol"],
            "qty": None if body.get("qty") is None else str(body["qty"]),
            "notional": None if body.get("notional") is None else str(body["notional"]),
            "side": body["side"],
            "type": body["type"],
            "order_type": body["type"],
            "time_in_force": body["time_in_force"],
            **{
                name: None if body.get(name) is None else str(body[name])
                for name in ("limit_price", "stop_price", "trail_price", "trail_percent")
            },
            "extended_hours": bool(body.get("extended_hours")),
            "status": body.get("status", "accepted"),
            "order_class": body.get("order_class") or "simple",
            "filled_qty": "0",
            "filled_avg_price": None,
            "legs": None,
        }

    def fill(self, client_id: str, qty: str, price: str, *, tell: bool = True) -> None:
        """Execute so many shares at that price."""
        with self._lock:
            order = self.orders[client_id]
            shares, paid = Decimal(qty), Decimal(qty) * Decimal(price)
            before = Decimal(order["filled_qty"])
            value = before * Decimal(order["filled_avg_price"] or 0) + paid
            order["filled_qty"] = str(before + shares)
            order["filled_avg_price"] = str(value / (before + shares))
            if order["qty"] is not None:
                whole = before + shares >= Decimal(order["qty"])
            else:
                whole = value >= Decimal(order["notional"]) - Decimal("0.01")
            order["status"], order["updated_at"] = "filled" if whole else "partially_filled", _now()
            sign = 1 if order["side"] == "buy" else -1
            held, cost = self.positions.get(order["symbol"], (Decimal(0), Decimal(0)))
            self.positions[order["symbol"]] = (held + sign * shares, cost + sign * paid)
            if not self.positions[order["symbol"]][0]:
                del self.positions[order["symbol"]]
            self.cash -= sign * paid
        if tell:
            self.tell(client_id, "fill" if whole else "partial_fill", qty=qty, price=price)
        if whole:
            self._after_end(client_id, filled=True)

    def take_back(
        self, client_id: str, qty: str, price: str, status: str, *, right: str | None = None
    ) -> dict[str, str]:
        """Cancel the trade of so many shares at that price, or correct its price (`right`); the event's own fields."""
        with self._lock:
            order = self.orders[client_id]
            shares, before = Decimal(qty), Decimal(order["filled_qty"])
            value, left = before * Decimal(order["filled_avg_price"] or 0) - shares * Decimal(price), before - shares
            if right is not None:
                value, left = value + shares * Decimal(right), before
            order["filled_qty"], order["status"], order["updated_at"] = str(left), status, _now()
            order["filled_avg_price"] = str(value / left) if left else None
            sign = 1 if order["side"] == "buy" else -1
            held, cost = self.positions.get(order["symbol"], (Decimal(0), Decimal(0)))
            back = shares * (Decimal(price) - Decimal(right or 0))
            self.positions[order["symbol"]] = (held - sign * (before - left), cost - sign * back)
            if not self.positions[order["symbol"]][0]:
                del self.positions[order["symbol"]]
            self.cash += sign * back
        return {"execution_id": str(uuid4()), "qty": qty, "price": right or price}

    def tell(self, client_id: str, event: str, *, status: str | None = None, **more: Any) -> None:
        """Send an event of the order on the stream, with the order as it is now."""
        with self._lock:
            order = self.orders[client_id]
            if status is not None:
                order["status"], order["updated_at"] = status, _now()
            data = {"event": event, "execution_id": str(uuid4()), "timestamp": _now(), "order": dict(order), **more}
            message = json.dumps({"stream": "trade_updates", "data": data}).encode()
            sockets = list(self._sockets)
        for socket in sockets:
            try:
                socket.send(message)
            except ConnectionClosed:
                self._sockets.discard(socket)

    def cancel(self, order_id: str) -> bool:
        """Whether the order could still be canceled; it is."""
        with self._lock:
            order = next((one for one in self.orders.values() if one["id"] == order_id), None)
            if order is None or order["status"] not in OPEN:
                return False
        self.tell(order["client_order_id"], "canceled", status="canceled")
        self._after_end(order["client_order_id"], filled=False)
        return True

    def drop_stream(self) -> None:
        """Break every connection of the stream."""
        for socket in list(self._sockets):
            socket.close()

    def account(self) -> dict[str, Any]:
        return {
            "id": self.number,
            "account_number": "PA3TEST",
            "currency": "USD",
            "cash": str(self.cash),
            "buying_power": str(self.cash * 4),
            "trading_blocked": self.blocked,
            "account_blocked": False,
        }

    def position_list(self) -> list[dict[str, Any]]:
        return [
            {
                "symbol": symbol,
                "qty": str(qty),
                "side": "long" if qty > 0 else "short",
                "cost_basis": str(cost),
                "market_value": str(qty * self.prices.get(symbol, cost / qty)),
            }
            for symbol, (qty, cost) in self.positions.items()
        ]

    def listen(self, socket: ServerConnection) -> None:
        """The account's stream: authorize, listen, then events as bytes."""
        try:
            asked = json.loads(socket.recv())
            good = asked["data"] == {"key_id": self.key_id, "secret_key": SECRET}
            status = "authorized" if good else "unauthorized"
            socket.send(json.dumps({"stream": "authorization", "data": {"status": status}}).encode())
            if not good:
                return
            socket.recv()
            socket.send(json.dumps({"stream": "listening", "data": {"streams": ["trade_updates"]}}).encode())
            self._sockets.add(socket)
            for _ in socket:
                pass
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    broker: AlpacaTrading

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _say(self, status: int, body: Any, *, kind: str = "application/json") -> None:
        raw = b"" if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(raw)

    def _error(self, status: int, message: str) -> None:
        self._say(status, {"code": status * 100_000 + 10_000, "message": message})

    def _spoiled(self, kind: str) -> bool:
        """Whether a fault of that kind was waiting, and was carried out."""
        fault = self.broker.take_fault(kind)
        if fault is None or fault in {"accept-504", "accept-drop"}:
            self._after = fault
            return False
        if fault == "hang":
            threading.Event().wait(self.broker.hang_secs)
            self.close_connection = True
        elif fault == "drop":
            self.close_connection = True
        elif fault == "garbage":
            self._say(200, b"<html>not what you asked for", kind="text/html")
        elif fault == "empty":
            self._say(200, None)
        elif fault == "html-403":
            self._say(403, b"<html>a proxy says no</html>", kind="text/html")
        else:
            self._error(int(fault), "a fault of the test")
        return True

    def _signed(self) -> bool:
        if (self.headers["APCA-API-KEY-ID"], self.headers["APCA-API-SECRET-KEY"]) == (self.broker.key_id, SECRET):
            return True
        self._error(401, "request is not authorized")
        return False

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        broker, path = self.broker, parts.path.removeprefix("/v2")
        broker.asked.append(path)
        if not self._signed():
            return
        kinds = {"/account": "account", "/positions": "positions", "/orders": "orders"}
        kind = kinds.get(path, "activities" if path.startswith("/account/activities") else "find")
        if self._spoiled(kind):
            return
        if kind == "account":
            self._say(200, broker.account())
        elif kind == "positions":
            self._say(200, broker.position_list())
        elif kind == "orders":
            # A stop that is held beside its target is not among the open ones.
            self._say(200, [one for one in broker.orders.values() if one["status"] in OPEN - {"held"}])
        elif kind == "activities":
            after = asked.get("page_token")
            ids = [one["id"] for one in broker.activities]
            start = ids.index(after) + 1 if after in ids else 0
            self._say(200, broker.activities[start : start + int(asked["page_size"])])
        elif path.startswith("/orders/"):
            by_id = next((one for one in broker.orders.values() if one["id"] == path.rpartition("/")[2]), None)
            if by_id is None:
                self._error(404, "order not found")
            else:
                self._say(200, broker.nested(by_id) if asked.get("nested") == "true" else by_id)
        else:
            found = broker.orders.get(asked.get("client_order_id", ""))
            if found is None:
                self._error(404, "order not found for that id")
            else:
                self._say(200, found)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.broker.posts.append(body)
        if self.broker.on_post is not None:
            self.broker.on_post(body)
        if not self._signed() or self._spoiled("submit"):
            return
        order = self.broker.submit(body)
        if self._after == "accept-504":
            self._error(504, "gateway time-out")
        elif self._after == "accept-drop":
            self.close_connection = True
        elif order is None:
            self._error(422, "client_order_id must be unique")
        else:
            self._say(200, self.broker.nested(order))

    def do_DELETE(self) -> None:
        if not self._signed() or self._spoiled("cancel"):
            return
        if self.broker.cancel(urlsplit(self.path).path.rpartition("/")[2]):
            self._say(204, None)
        else:
            self._error(422, "order is not cancelable")


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is part of the test."""


@contextmanager
def alpaca_trading(**options: Any) -> Iterator[AlpacaTrading]:
    """The broker, until the block ends."""
    broker = AlpacaTrading(**options)
    handler = type("Handler", (_Handler,), {"broker": broker})
    server = _Quiet(("127.0.0.1", 0), handler)
    stream: Server = serve(broker.listen, "127.0.0.1", 0)
    broker.port, broker.stream_port = server.server_address[1], stream.socket.getsockname()[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    threading.Thread(target=stream.serve_forever, daemon=True).start()
    try:
        yield broker
    finally:
        broker.drop_stream()
        stream.shutdown()
        server.shutdown()
        server.server_close()
