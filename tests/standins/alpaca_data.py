"""Alpaca's market data on loopback: REST as JSON and the stream as msgpack, in its wire format, misbehaving as told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgpack
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from tests.standins import pairs
from tests.standins.yahoo import opens_before

KEY_ID, SECRET = "PKDATACANARY118", "alpaca-data-canary-secret-9034"
PRICES = {"AAPL": 190.3, "MSFT": 410.7, "NVDA": 120.2, "BRK.B": 440.4, "SPY": 600.3, **pairs.PRICES}


def ours(symbol: str) -> str:
    """Our spelling of a coin; what is no coin of theirs has none."""
    spelled = symbol.replace("/", "-")
    return spelled if spelled in pairs.COINS else ""


@dataclass
class AlpacaData:
    """`fault` as Yahoo's stand-in; `stream_fault`: `406`, `405`, `mute`, `drop`, `garbage`. Either until changed."""

    prices: dict[str, float] = field(default_factory=lambda: dict(PRICES))
    fault: int | str | None = None
    stream_fault: str | None = None
    late_secs: float = 0.0
    hang_secs: float = 2.0
    asked: list[str] = field(default_factory=list)
    subscribed: list[list[str]] = field(default_factory=list)
    days: list[datetime] = field(default_factory=list)
    port: int = 0
    stream_port: int = 0
    on_subscribe: Callable[[], None] | None = None
    split: tuple[datetime, int] | None = None
    spoil: Callable[[bytes], bytes] | None = None
    splits: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    dividends: dict[str, list[tuple[str, str | None, float]]] = field(default_factory=dict)
    earnings: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _sockets: set[ServerConnection] = field(default_factory=set)

    @property
    def urls(self) -> dict[str, str]:
        stream = f"ws://127.0.0.1:{self.stream_port}/v2/iex"
        return {"alpaca-data": f"http://127.0.0.1:{self.port}", "alpaca-stream": stream}

    def snapshot(self, symbol: str) -> dict[str, Any]:
        price = self.prices[symbol]
        at = (datetime.now(UTC) - timedelta(seconds=self.late_secs)).isoformat().replace("+00:00", "123Z")
        bar = {"o": price, "h": price, "l": price, "c": price, "v": 5_000, "t": at}
        return {
            "latestTrade": {"t": at, "p": price, "s": 100, "x": "V"},
            "latestQuote": {"t": at, "bp": round(price - 0.01, 2), "ap": round(price + 0.01, 2), "bs": 200, "as": 300},
            "minuteBar": bar,
            "dailyBar": bar,
            "prevDailyBar": bar | {"c": round(price * 0.98, 2)},
        }

    def snapshot_of_coin(self, symbol: str) -> dict[str, Any]:
        price = self.prices[symbol]
        told = self.snapshot(symbol)
        told["latestQuote"] |= {"bp": price * 0.9999, "ap": price * 1.0001, "bs": 0.5, "as": 0.75}
        told["prevDailyBar"] |= {"c": price * 0.98}
        return told

    def book_of_coin(self, symbol: str) -> dict[str, Any]:
        """Sixty levels on either side, a hundredth of a percent apart, and one that has just been emptied."""
        price, at = self.prices[symbol], (datetime.now(UTC) - timedelta(seconds=self.late_secs)).isoformat()
        bids = [{"p": price * (1 - 0.0001 * step), "s": 0.5 * step} for step in range(1, 61)]
        asks = [{"p": price * (1 + 0.0001 * step), "s": 0.25 * step} for step in range(1, 61)]
        return {"t": at.replace("+00:00", "123Z"), "b": [{"p": price, "s": 0}, *bids], "a": asks}

    def bars_of_coin(self, symbol: str, asked: dict[str, str]) -> list[dict[str, Any]]:
        start, end = (datetime.fromisoformat(asked[name]) for name in ("start", "end"))
        start, end = (at.replace(tzinfo=UTC) if at.tzinfo is None else at for at in (start, end))
        now, close = datetime.now(UTC), self.prices[symbol]
        mins = {"1Min": 1, "5Min": 5, "15Min": 15, "1Hour": 60}
        if asked["timeframe"] == "1Day":
            stamps = pairs.days(symbol, now)
        else:
            stamps = pairs.steps(symbol, mins[asked["timeframe"]], now)
        figures = {"o": close, "h": close * 1.01, "l": close * 0.99, "c": close, "v": 0.25}
        return [{"t": at.isoformat().replace("+00:00", "Z"), **figures} for at in stamps if start <= at < end]

    def bars(self, symbol: str, asked: dict[str, str]) -> list[dict[str, Any]]:
        start, end = (datetime.fromisoformat(asked[name]) for name in ("start", "end"))
        start, end = (at.replace(tzinfo=UTC) if at.tzinfo is None else at for at in (start, end))
        price = self.prices[symbol]
        if asked["timeframe"] == "1Day":
            stamps = [at.replace(hour=5, minute=0) for at in self.days]
        else:
            mins = int(asked["timeframe"].removesuffix("Min"))
            # Alpaca tells of the hour before the open as well.
            steps = range(-60, 390, mins)
            stamps = [at + timedelta(minutes=step) for at in self.days[-3:] for step in steps]
        found = []
        for at in stamps:
            if not start <= at < end:
                continue
            old = self.split is not None and at.date() < self.split[0].date() and asked["adjustment"] != "split"
            close = round(price * self.split[1], 2) if self.split is not None and old else price
            figures = {"o": close, "h": close + 1, "l": close - 1, "c": close, "v": 500}
            found.append({"t": at.isoformat().replace("+00:00", "Z"), **figures})
        return found

    def actions(self, symbol: str) -> dict[str, Any]:
        """Corporate actions by kind; kinds without any are left out."""
        found: dict[str, list[dict[str, Any]]] = {}
        for on, new, old in self.splits.get(symbol, []):
            kind = "forward_splits" if new > old else "reverse_splits"
            row = {"symbol": symbol, "new_rate": new, "old_rate": old, "ex_date": on, "process_date": on, "id": on}
            found.setdefault(kind, []).append(row)
        for on, pay_on, amount in self.dividends.get(symbol, []):
            row = {"symbol": symbol, "rate": amount, "ex_date": on, "special": False, "foreign": False, "id": on}
            row |= {"process_date": pay_on or on} | ({"payable_date": pay_on} if pay_on else {})
            found.setdefault("cash_dividends", []).append(row)
        return found

    def trade(self, symbol: str, price: float, size: int = 100) -> None:
        """Tell of a trade on the stream, and remember its price."""
        self.prices[symbol] = price
        self._tell(
            [{"T": "t", "S": symbol, "p": price, "s": size, "t": _stamp(), "x": "V", "i": 1, "c": ["@"], "z": "C"}]
        )

    def quote(self, symbol: str, bid: float, ask: float) -> None:
        """Tell of a new bid and ask on the stream."""
        quote = {"T": "q", "S": symbol, "bp": bid, "ap": ask, "bs": 200, "as": 300, "bx": "V", "ax": "V"}
        self._tell([quote | {"t": _stamp(), "c": ["R"], "z": "C"}])

    def drop_stream(self) -> None:
        """Break every connection of the stream."""
        for socket in list(self._sockets):
            socket.close()

    def _tell(self, messages: list[dict[str, Any]]) -> None:
        raw = msgpack.packb(messages)
        for socket in list(self._sockets):
            try:
                socket.send(raw)
            except ConnectionClosed:
                self._sockets.discard(socket)

    def listen(self, socket: ServerConnection) -> None:
        """The stream: greet, authorize, subscribe, then data."""

        def say(*messages: dict[str, Any]) -> None:
            socket.send(msgpack.packb(list(messages)))

        try:
            say({"T": "success", "msg": "connected"})
            asked = msgpack.unpackb(socket.recv())
            if (asked.get("key"), asked.get("secret")) != (KEY_ID, SECRET):
                say({"T": "error", "code": 402, "msg": "auth failed"})
                return
            if self.stream_fault == "406":
                say({"T": "error", "code": 406, "msg": "connection limit exceeded"})
                return
            say({"T": "success", "msg": "authenticated"})
            asked = msgpack.unpackb(socket.recv())
            self.subscribed.append(sorted(asked.get("quotes", [])))
            if self.on_subscribe is not None:
                self.on_subscribe()
            if self.stream_fault == "405":
                say({"T": "error", "code": 405, "msg": "symbol limit exceeded"})
            elif self.stream_fault == "garbage":
                socket.send(b"\xc1 not msgpack")
            else:
                if self.stream_fault != "mute":
                    self._sockets.add(socket)
                say({"T": "subscription", "trades": asked.get("trades", []), "quotes": asked.get("quotes", [])})
            if self.stream_fault == "drop":
                return
            for _ in socket:
                pass
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)


def _stamp() -> msgpack.Timestamp:
    return msgpack.Timestamp.from_datetime(datetime.now(UTC))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    there: AlpacaData

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _say(self, status: int, body: Any, *, kind: str = "application/json") -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        there = self.there
        there.asked.append(parts.path)
        if (self.headers["APCA-API-KEY-ID"], self.headers["APCA-API-SECRET-KEY"]) != (KEY_ID, SECRET):
            self._say(403, {"message": "forbidden."})
        elif self._spoiled():
            return
        elif parts.path == "/v2/stocks/snapshots":
            names = asked["symbols"].split(",")
            if any(name.startswith("^") for name in names):
                self._say(400, {"message": "invalid symbol: ^"})
                return
            known = [] if there.fault == "empty" else [name for name in names if name in there.prices]
            self._say(200, self._spoilt({name: there.snapshot(name) for name in known}))
        elif parts.path == "/v2/stocks/bars":
            name = asked["symbols"]
            found = there.bars(name, asked) if name in there.prices and there.fault != "empty" else []
            self._say(200, self._spoilt({"bars": {name: found} if found else {}, "next_page_token": None}))
        elif parts.path == "/v1beta3/crypto/us/snapshots":
            names = (
                []
                if there.fault == "empty"
                else [one for one in asked["symbols"].split(",") if ours(one) in there.prices]
            )
            self._say(200, self._spoilt({"snapshots": {name: there.snapshot_of_coin(ours(name)) for name in names}}))
        elif parts.path == "/v1beta3/crypto/us/latest/orderbooks":
            names = [one for one in asked["symbols"].split(",") if ours(one) in there.prices and there.fault != "empty"]
            self._say(200, self._spoilt({"orderbooks": {name: there.book_of_coin(ours(name)) for name in names}}))
        elif parts.path == "/v1beta3/crypto/us/bars":
            name = asked["symbols"]
            found = (
                there.bars_of_coin(ours(name), asked) if ours(name) in there.prices and there.fault != "empty" else []
            )
            self._say(200, self._spoilt({"bars": {name: found} if found else {}, "next_page_token": None}))
        elif parts.path == "/v1/corporate-actions":
            known = {} if there.fault == "empty" else there.actions(asked["symbols"])
            self._say(200, self._spoilt({"corporate_actions": known, "next_page_token": None}))
        else:
            self._say(404, {"message": "endpoint not found"})

    def _spoilt(self, body: Any) -> bytes:
        raw = json.dumps(body).encode()
        return self.there.spoil(raw) if self.there.spoil is not None else raw

    def _spoiled(self) -> bool:
        fault = self.there.fault
        if fault is None or fault == "empty":
            return False
        if fault == "hang":
            threading.Event().wait(self.there.hang_secs)
            self.close_connection = True
        elif fault == "drop":
            self.close_connection = True
        elif fault == "garbage":
            self._say(200, b"<html>not what you asked for", kind="text/html")
        elif fault == "wrong":
            self._say(200, ["surprise"])
        else:
            self._say(int(fault), {"message": "a fault of the test"})
        return True


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that gave up is part of the test."""


@contextmanager
def alpaca_data(**options: Any) -> Iterator[AlpacaData]:
    """Alpaca's data, until the block ends; with `port` and `stream_port` where another one was."""
    there = AlpacaData(**options)
    if not there.days:
        there.days = opens_before(datetime.now(UTC), 60)
    server = _Quiet(("127.0.0.1", there.port), type("Handler", (_Handler,), {"there": there}))
    stream: Server = serve(there.listen, "127.0.0.1", there.stream_port, close_timeout=0.2)
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
