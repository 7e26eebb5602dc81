"""Finnhub on loopback: quotes, candles, search and the stream of trades, in its wire format."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.sync.server import ServerConnection

from tests.standins import pairs
from tests.standins.json_vendor import JsonVendor, serving

KEY = "finnhub-canary-key-7703"
OURS = {f"OANDA:{one.replace('-', '_')}": one for one in pairs.PAIRS} | {f"COINBASE:{one}": one for one in pairs.COINS}
MINS = {"1": 1, "5": 5, "15": 15, "30": 30}


@dataclass
class Finnhub(JsonVendor):
    """A symbol it does not know has zeros for figures."""

    key: str = KEY
    paid: bool = True

    @property
    def urls(self) -> dict[str, str]:
        return {"finnhub": self.url, "finnhub-stream": self.stream_url}

    def authorized(self, headers: Any, asked: dict[str, str]) -> bool:
        return "token" not in asked and bool(headers["X-Finnhub-Token"] == self.key)

    def limited(self) -> tuple[int, Any]:
        return 429, {"error": "API limit reached. Please try again later. Remaining Limit: 0"}

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        if path == "/api/v1/quote":
            if asked["symbol"].startswith("OANDA:") and not self.paid:
                return 403, {"error": "You don't have access to this resource."}
            return 200, self.one(OURS.get(asked["symbol"], asked["symbol"]))
        if path in {f"/api/v1/{kind}/candle" for kind in ("stock", "forex", "crypto")}:
            there = asked["symbol"]
            kind = "forex" if there.startswith("OANDA:") else "crypto" if there.startswith("COINBASE:") else "stock"
            right = path == f"/api/v1/{kind}/candle"
            return 200, self.candles(asked | {"symbol": OURS.get(there, there)}) if right else {"s": "no_data"}
        if path == "/api/v1/search":
            rows = [] if self.fault == "empty" else [self.match(*one) for one in self.found(asked["q"])]
            return 200, {"count": len(rows), "result": rows}
        known = "" if self.fault == "empty" else asked.get("symbol", "")
        if path == "/api/v1/stock/split":
            return 200, [
                {"symbol": known, "date": on, "fromFactor": old, "toFactor": new}
                for on, new, old in self.splits.get(known, [])
            ]
        if path == "/api/v1/stock/dividend":
            return 200, [
                {
                    "symbol": known,
                    "date": on,
                    "amount": amount,
                    "adjustedAmount": amount / 7,
                    "currency": "USD",
                    "declarationDate": "",
                    "recordDate": "",
                    "payDate": pay_on or "",
                    "freq": "4",
                }
                for on, pay_on, amount in self.dividends.get(known, [])
            ]
        if path == "/api/v1/calendar/earnings":
            rows = [
                {"symbol": known, "date": on, "hour": hour, "quarter": 1, "year": 2026, "epsEstimate": 1.1}
                for on, hour in self.earnings.get(known, [])
            ]
            return 200, {"earningsCalendar": rows}
        return 404, {"error": "not found"}

    def one(self, symbol: str) -> dict[str, Any]:
        if symbol not in self.prices or self.fault == "empty":
            return {"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0}
        price = self.prices[symbol]
        moved = {"d": 1.2, "dp": 0.6, "h": price, "l": price, "o": price, "pc": round(price * 0.98, 8)}
        return {"c": price, **moved, "t": int(self.now().timestamp())}

    def candles(self, asked: dict[str, str]) -> dict[str, Any]:
        symbol, resolution = asked["symbol"], asked["resolution"]
        start, end = (datetime.fromtimestamp(int(asked[name]), UTC) for name in ("from", "to"))
        stamps: list[datetime] = []
        if symbol in self.prices:
            stamps = self.stamps("1d" if resolution == "D" else resolution, MINS.get(resolution, 1), start, end, symbol)
        if not stamps:
            return {"s": "no_data"}
        closes = [self.close(symbol, at, adjusted=True) for at in stamps]
        return {
            "c": closes,
            "h": [one + self.range_of(one) for one in closes],
            "l": [one - self.range_of(one) for one in closes],
            "o": closes,
            "s": "ok",
            "t": [int(at.timestamp()) for at in stamps],
            "v": [500] * len(closes),
        }

    def match(self, symbol: str, name: str, kind: str) -> dict[str, str]:
        described = {"equity": "Common Stock", "etf": "ETP", "foreign": "Common Stock"}[kind]
        return {"description": name.upper(), "displaySymbol": symbol, "symbol": symbol, "type": described}

    def found(self, text: str) -> list[tuple[str, str, str]]:
        """Asked for the exchanges of the United States, it knows no others."""
        return [one for one in super().found(text) if one[2] != "foreign"]

    def listen(self, socket: ServerConnection) -> None:
        asked = parse_qs(urlsplit(socket.request.path if socket.request else "").query)
        if asked.get("token") != [self.key]:
            socket.send(json.dumps({"type": "error", "msg": "Invalid API key"}))
            return
        if self.stream_fault == "406":
            socket.send(json.dumps({"type": "error", "msg": "Too many connections"}))
            return
        first = json.loads(socket.recv())
        if self.stream_fault == "405":
            socket.send(json.dumps({"type": "error", "msg": "Subscribing to too many symbols"}))
            return
        socket.send(json.dumps({"type": "ping"}))
        self.remember(socket, [first["symbol"]])

    def trade(self, symbol: str, price: float, size: int = 100) -> None:
        """Tell of a trade on the stream, and remember its price."""
        self.prices[OURS.get(symbol, symbol)] = price
        at = int(datetime.now(UTC).timestamp() * 1_000)
        self.tell({"type": "trade", "data": [{"c": ["1"], "p": price, "s": symbol, "t": at, "v": size}]})


@contextmanager
def finnhub(**options: Any) -> Iterator[Finnhub]:
    """Finnhub, until the block ends."""
    with serving(Finnhub(**options)) as there:
        yield there
