"""Yahoo Finance on loopback, every host in one: cookie, crumb, quotes, chart, search, stream; misbehaving as told."""

import base64
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from tests.standins import pairs

NEW_YORK = ZoneInfo("America/New_York")
CRUMB = "crumb.test"
NAMES = {
    "AAPL": ("Apple Inc.", "EQUITY", "NMS", "NASDAQ", "Technology"),
    "MSFT": ("Microsoft Corporation", "EQUITY", "NMS", "NASDAQ", "Technology"),
    "NVDA": ("NVIDIA Corporation", "EQUITY", "NMS", "NASDAQ", "Technology"),
    "BRK-B": ("Berkshire Hathaway Inc.", "EQUITY", "NYQ", "NYSE", "Financial Services"),
    "SPY": ("SPDR S&P 500 ETF", "ETF", "PCX", "NYSEArca", ""),
    "^GSPC": ("S&P 500", "INDEX", "SNP", "SNP", ""),
    "SHOP": ("Shopify Inc.", "EQUITY", "NMS", "NASDAQ", "Technology"),
    "TSLA": ("Tesla, Inc.", "EQUITY", "NMS", "NASDAQ", "Consumer Cyclical"),
    "VOD.L": ("Vodafone Group", "EQUITY", "LSE", "London", ""),
}
PRICES = {"AAPL": 190.12, "MSFT": 410.5, "NVDA": 120.0, "BRK-B": 440.25, "SPY": 600.1, "^GSPC": 6000.12, "SHOP": 101.5}
PRICES |= {"TSLA": 250.5}
# Its own spelling of pairs and coins: `EURUSD=X`, `JPY=X`, `BTC-USD`.
THEIRS = {one: one if one in pairs.COINS else f"{one.removeprefix('USD-').replace('-', '')}=X" for one in pairs.PRICES}
PAIRS = {theirs: ours for ours, theirs in THEIRS.items()}
PRICES |= {THEIRS[ours]: price for ours, price in pairs.PRICES.items()}
# Another name of the same.
ALSO = {"USDJPY=X": "JPY=X"}


@dataclass
class Yahoo:
    """`fault`: an HTTP status, or `hang`, `drop`, `garbage`, `wrong`, `empty`; in force until changed.

    `stream_fault`: `mute`, `drop` or `garbage`. `spoil` may change the body of a good answer. Bars know no splits.
    `splits`, `dividends` and `earnings` as the other stand-ins; dividends are told in shares of today.
    """

    prices: dict[str, float] = field(default_factory=lambda: dict(PRICES))
    fault: int | str | None = None
    late_secs: float = 0.0
    with_touch: bool = True
    hang_secs: float = 2.0
    asked: list[str] = field(default_factory=list)
    days: list[datetime] = field(default_factory=list)
    port: int = 0
    stream_port: int = 0
    stream_fault: str | None = None
    subscribed: list[list[str]] = field(default_factory=list)
    split: tuple[datetime, int] | None = None
    spoil: Callable[[bytes], bytes] | None = None
    splits: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    dividends: dict[str, list[tuple[str, str | None, float]]] = field(default_factory=dict)
    earnings: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    on_subscribe: Callable[[], None] | None = None
    _sockets: set[ServerConnection] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def urls(self) -> dict[str, str]:
        return {"yahoo": self.url, "yahoo-stream": f"ws://127.0.0.1:{self.stream_port}"}

    def listen(self, socket: ServerConnection) -> None:
        """The stream: a list of symbols comes, and again every few seconds; then trades as protobuf."""
        try:
            for raw in socket:
                self.subscribed.append(sorted(json.loads(raw)["subscribe"]))
                if self.on_subscribe is not None:
                    self.on_subscribe()
                if self.stream_fault == "garbage":
                    socket.send("<html>")
                if self.stream_fault == "drop":
                    return
                if self.stream_fault is None:
                    self._sockets.add(socket)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)

    def trade(self, symbol: str, price: float, size: int = 100) -> None:
        """Tell of a trade on the stream, and remember its price."""
        from yfinance.pricing_pb2 import PricingData

        self.prices[symbol] = price
        told = PricingData(
            id=symbol, price=price, time=int(time.time() * 1_000), currency="USD", exchange="NMS", last_size=size
        )
        raw = json.dumps({"type": "pricing", "message": base64.b64encode(told.SerializeToString()).decode()})
        for socket in list(self._sockets):
            try:
                socket.send(raw)
            except ConnectionClosed:
                self._sockets.discard(socket)

    def drop_stream(self) -> None:
        """Break every connection of the stream."""
        for socket in list(self._sockets):
            socket.close()

    def quotes(self, symbols: list[str]) -> list[dict[str, Any]]:
        at = int(time.time() - self.late_secs)
        found = []
        for symbol in (ALSO.get(one, one) for one in symbols):
            if symbol not in self.prices:
                continue
            price = self.prices[symbol]
            if symbol in PAIRS:
                found.append(self.pair(symbol, price, at))
                continue
            earnings = [_noon(on, *HOURS[hour]) for on, hour in self.earnings.get(symbol, [])]
            one: dict[str, Any] = {
                **({"earningsTimestamp": earnings[0], "isEarningsDateEstimate": True} if earnings else {}),
                "symbol": symbol,
                "quoteType": NAMES.get(symbol, ("", "EQUITY"))[1],
                "currency": "USD",
                "regularMarketPrice": price,
                "regularMarketTime": at,
                "regularMarketPreviousClose": round(PRICES.get(symbol, price) * 0.99, 2),
                "regularMarketVolume": 1_000_000 + at % 1_000_000,
                "marketState": "REGULAR",
            }
            if self.with_touch and not symbol.startswith("^"):
                one |= {"bid": round(price - 0.02, 2), "ask": round(price + 0.02, 2), "bidSize": 3, "askSize": 4}
            found.append(one)
        return found

    def pair(self, symbol: str, price: float, at: int) -> dict[str, Any]:
        """A pair has no sizes, and a volume of nothing; a coin's is in dollars and it has no bid and ask."""
        coin = PAIRS[symbol] in pairs.COINS
        one: dict[str, Any] = {
            "symbol": symbol,
            "quoteType": "CRYPTOCURRENCY" if coin else "CURRENCY",
            "currency": PAIRS[symbol][-3:],
            "regularMarketPrice": price,
            "regularMarketTime": at,
            "regularMarketPreviousClose": price * 0.99,
            "regularMarketVolume": 31_000_000_000 if coin else 0,
            "marketState": "REGULAR",
        }
        return one if coin else one | {"bid": price * 0.9999, "ask": price * 1.0001, "bidSize": 0, "askSize": 0}

    def chart(self, symbol: str, asked: dict[str, str]) -> dict[str, Any]:
        symbol = ALSO.get(symbol, symbol)
        if symbol not in self.prices:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return {"chart": {"result": None, "error": error}}
        if "events" in asked and asked["interval"] == "3mo":
            meta = {"currency": "USD", "symbol": symbol, "exchangeTimezoneName": "America/New_York"}
            events = {} if self.fault == "empty" else {"events": self.events(symbol)}
            nothing = {"quote": [{}], "adjclose": [{}]}
            return {"chart": {"result": [{"meta": meta, **events, "indicators": nothing}], "error": None}}
        start, end = int(asked.get("period1", 0)), int(asked.get("period2", time.time()))
        every = (
            self.stamps_of_pair(PAIRS[symbol], asked["interval"]) if symbol in PAIRS else self.stamps(asked["interval"])
        )
        stamps = [at for at in every if start <= at < end and self.fault != "empty"]
        closes = [self.prices[symbol] * (1 - 0.0001 * i) for i in range(len(stamps))][::-1]
        single = _single if symbol not in PAIRS else _float32
        row = {
            "open": [single(close * 0.999) for close in closes],
            "high": [single(close * 1.01) for close in closes],
            "low": [single(close * 0.99) for close in closes],
            "close": [single(close) for close in closes],
            "volume": [1000 + i for i in range(len(closes))],
        }
        meta = {
            "currency": PAIRS.get(symbol, "USD")[-3:],
            "symbol": symbol,
            "exchangeName": "NMS" if symbol not in PAIRS else "CCY",
            "instrumentType": "EQUITY" if symbol not in PAIRS else "CURRENCY",
            "exchangeTimezoneName": self.zone_of(symbol),
            "timezone": "EST" if symbol not in PAIRS else "UTC",
            "gmtoffset": -18000 if symbol not in PAIRS else 0,
            "priceHint": 2,
            "dataGranularity": asked["interval"],
            "range": asked.get("range", ""),
            "regularMarketPrice": self.prices[symbol],
            "currentTradingPeriod": {
                part: {"timezone": "EST", "gmtoffset": -18000, "start": end - 100, "end": end}
                for part in ("pre", "regular", "post")
            },
            "validRanges": ["1d", "5d", "1mo", "max"],
        }
        if asked["interval"] != "1d":
            opens, length = (self.days[-3:], 23_400) if symbol not in PAIRS else (_midnights(), 86_340)
            zone = {"timezone": meta["timezone"], "gmtoffset": meta["gmtoffset"]}
            periods = [(int(at.timestamp()), int(at.timestamp()) + length) for at in opens]
            meta["tradingPeriods"] = [[zone | {"start": start, "end": end}] for start, end in periods]
        indicators = {"quote": [row], "adjclose": [{"adjclose": row["close"]}]}
        result = {"meta": meta, "timestamp": stamps, "indicators": indicators}
        if not stamps:
            result = {"meta": meta, "indicators": {"quote": [{}], "adjclose": [{}]}}
        return {"chart": {"result": [result], "error": None}}

    def events(self, symbol: str) -> dict[str, Any]:
        """What the shares have been through, by the instant of the open."""
        splits = {
            str(_noon(on, 9, 30)): {
                "date": _noon(on, 9, 30),
                "numerator": float(new),
                "denominator": float(old),
                "splitRatio": f"{new}:{old}",
            }
            for on, new, old in self.splits.get(symbol, [])
        }
        dividends = {}
        for on, _, amount in self.dividends.get(symbol, []):
            for later, new, old in self.splits.get(symbol, []):
                amount = amount * old / new if later > on else amount
            dividends[str(_noon(on, 9, 30))] = {"amount": round(amount, 6), "date": _noon(on, 9, 30)}
        return {"splits": splits, "dividends": dividends}

    def stamps(self, interval: str) -> list[int]:
        """Starts of bars: each day at the open, or every step of each day's session. `days` are opens."""
        if interval == "1d":
            return [int(at.timestamp()) for at in self.days]
        step = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600}[interval]
        return [int(at.timestamp()) + i for at in self.days[-3:] for i in range(0, 23_400, step)]

    def zone_of(self, symbol: str) -> str:
        """Where the days of a symbol begin."""
        if symbol not in PAIRS:
            return "America/New_York"
        return "UTC" if PAIRS[symbol] in pairs.COINS else "Europe/London"

    def stamps_of_pair(self, ours: str, interval: str) -> list[int]:
        """Days begin at midnight: London's, or of coins UTC's."""
        now = datetime.now(UTC)
        if interval == "1d":
            found = pairs.days(ours, now, None if ours in pairs.COINS else ZoneInfo("Europe/London"))
        else:
            found = pairs.steps(ours, {"1m": 1, "5m": 5, "15m": 15, "1h": 60}[interval], now)
        return [int(at.timestamp()) for at in found]

    def search(self, text: str) -> list[dict[str, Any]]:
        return [
            {
                "symbol": symbol,
                "longname": name,
                "shortname": name,
                "quoteType": kind,
                "exchange": exchange,
                "exchDisp": shown,
                "sector": sector,
                "isYahooFinance": True,
            }
            for symbol, (name, kind, exchange, shown, sector) in NAMES.items()
            if text.lower() in symbol.lower() or text.lower() in name.lower()
        ]


def opens_before(now: datetime, count: int) -> list[datetime]:
    """The opens of the last weekdays in exchange time, without holidays: 9:30 on each, the oldest first."""
    found: list[datetime] = []
    day = now.astimezone(NEW_YORK).date()
    while len(found) < count:
        if day.weekday() < 5:
            found.append(datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK).astimezone(UTC))
        day -= timedelta(days=1)
    return found[::-1]


def _midnights() -> list[datetime]:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [today - timedelta(days=back) for back in range(pairs.INSIDE, -1, -1)]


HOURS = {"bmo": (7, 0), "amc": (16, 30), "": (0, 0)}


def _noon(on: str, hour: int, minute: int) -> int:
    """The instant of a day in New York, in seconds."""
    return int(datetime.fromisoformat(on).replace(hour=hour, minute=minute, tzinfo=NEW_YORK).timestamp())


def _single(value: float) -> float:
    """As Yahoo writes bars, of a figure in cents."""
    return _float32(round(value, 2))


def _float32(value: float) -> float:
    """The double that stands for a single-precision figure."""
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    yahoo: Yahoo

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _say(self, status: int, body: Any, *, kind: str = "application/json", cookie: str = "") -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        yahoo, path = self.yahoo, parts.path
        yahoo.asked.append(path)
        if path in {"", "/"}:
            self._say(404, b"Will not be found", kind="text/plain", cookie="A3=test; Max-Age=31557600; Path=/")
        elif path == "/v1/test/getcrumb":
            self._say(200, CRUMB.encode(), kind="text/plain")
        elif not self._spoiled():
            self._answer(path, asked)

    def _answer(self, path: str, asked: dict[str, str]) -> None:
        yahoo = self.yahoo
        if path == "/v7/finance/quote":
            if asked.get("crumb") != CRUMB:
                self._say(401, {"finance": {"result": None, "error": {"code": "Unauthorized"}}})
                return
            found = [] if yahoo.fault == "empty" else yahoo.quotes(asked["symbols"].split(","))
            self._say(200, self._spoilt({"quoteResponse": {"result": found, "error": None}}))
        elif path.startswith("/v8/finance/chart/"):
            body = yahoo.chart(path.rpartition("/")[2].replace("%5E", "^"), asked)
            self._say(200 if body["chart"]["error"] is None else 404, self._spoilt(body))
        elif path == "/v1/finance/search":
            found = [] if yahoo.fault == "empty" else yahoo.search(asked["q"])
            self._say(200, self._spoilt({"quotes": found, "news": []}))
        else:
            self._say(404, b"no such thing", kind="text/plain")

    def _spoilt(self, body: Any) -> bytes:
        raw = json.dumps(body).encode()
        return self.yahoo.spoil(raw) if self.yahoo.spoil is not None else raw

    def _spoiled(self) -> bool:
        fault = self.yahoo.fault
        if fault is None or fault == "empty":
            return False
        if fault == "hang":
            threading.Event().wait(self.yahoo.hang_secs)
            self.close_connection = True
        elif fault == "drop":
            self.close_connection = True
        elif fault == "garbage":
            self._say(200, b"<html>not what you asked for", kind="text/html")
        elif fault == "wrong":
            self._say(200, {"surprise": [1, 2, 3], "chart": "?", "quotes": "?", "quoteResponse": {"result": "?"}})
        else:
            self._say(int(fault), b"a fault of the test", kind="text/plain")
        return True


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that gave up is part of the test."""


@contextmanager
def yahoo_finance(**options: Any) -> Iterator[Yahoo]:
    """Yahoo, until the block ends."""
    yahoo = Yahoo(**options)
    if not yahoo.days:
        yahoo.days = opens_before(datetime.now(UTC), 60)
    server = _Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"yahoo": yahoo}))
    stream: Server = serve(yahoo.listen, "127.0.0.1", 0, close_timeout=0.2)
    yahoo.port, yahoo.stream_port = server.server_address[1], stream.socket.getsockname()[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    threading.Thread(target=stream.serve_forever, daemon=True).start()
    try:
        yield yahoo
    finally:
        yahoo.drop_stream()
        stream.shutdown()
        server.shutdown()
        server.server_close()
