"""Massive on loopback: snapshots, aggregates, tickers and the stream, in its wire format."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from websockets.sync.server import ServerConnection

from tests.standins import pairs
from tests.standins.json_vendor import JsonVendor, serving

KEY = "massive-canary-key-4471"
OURS = {f"{'C' if one in pairs.PAIRS else 'X'}:{one.replace('-', '')}": one for one in pairs.PRICES}


@dataclass
class Massive(JsonVendor):
    """`stream_fault` 406: another stream is open; 405: the plan has none."""

    key: str = KEY

    @property
    def urls(self) -> dict[str, str]:
        return {"massive": self.url, "massive-stream": self.stream_url}

    def authorized(self, headers: Any, asked: dict[str, str]) -> bool:
        return bool(headers["Authorization"] == f"Bearer {self.key}")

    def refused(self) -> tuple[int, Any]:
        return 401, {"status": "ERROR", "error": "Unknown API Key"}

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        if path == "/v2/snapshot/locale/us/markets/stocks/tickers":
            names = [name for name in asked["tickers"].split(",") if name in self.prices and self.fault != "empty"]
            return 200, {"status": "OK", "count": len(names), "tickers": [self.snapshot(name) for name in names]}
        if path in {f"/v2/snapshot/locale/global/markets/{market}/tickers" for market in ("forex", "crypto")}:
            letter = "C:" if "forex" in path else "X:"
            names = [name for name in asked["tickers"].split(",") if name in OURS and name.startswith(letter)]
            names = [] if self.fault == "empty" else names
            return 200, {"status": "OK", "count": len(names), "tickers": [self.snapshot_of_pair(one) for one in names]}
        if path.startswith("/v2/aggs/ticker/"):
            return 200, self.aggregates(path.split("/"), asked)
        if path == "/v3/reference/tickers":
            rows = [] if self.fault == "empty" else [self.ticker(*one) for one in self.found(asked["search"])]
            return 200, {"status": "OK", "count": len(rows), "results": rows}
        if path == "/stocks/v1/splits":
            rows = [
                {
                    "ticker": asked["ticker"],
                    "execution_date": on,
                    "split_from": old,
                    "split_to": new,
                    "adjustment_type": "forward_split" if new > old else "reverse_split",
                    "historical_adjustment_factor": old / new,
                }
                for on, new, old in self.splits.get(asked["ticker"], [])
            ]
            return 200, {"status": "OK", "request_id": "1", "results": [] if self.fault == "empty" else rows}
        if path == "/stocks/v1/dividends":
            rows = [
                {
                    "ticker": asked["ticker"],
                    "ex_dividend_date": on,
                    "cash_amount": amount,
                    "currency": "USD",
                    "distribution_type": "recurring",
                    **({"pay_date": pay_on} if pay_on else {}),
                }
                for on, pay_on, amount in self.dividends.get(asked["ticker"], [])
            ]
            return 200, {"status": "OK", "request_id": "1", "results": [] if self.fault == "empty" else rows}
        return 404, {"status": "ERROR", "error": "Not found."}

    def snapshot(self, symbol: str) -> dict[str, Any]:
        price, at = self.prices[symbol], self.now().timestamp()
        bar = {"o": price, "h": price, "l": price, "c": price, "v": 5_000, "vw": price}
        return {
            "ticker": symbol,
            "todaysChangePerc": 0.5,
            "todaysChange": 1.0,
            "updated": int(at * 1e9),
            "day": bar,
            "lastQuote": {"P": price + 0.01, "S": 3, "p": price - 0.01, "s": 2, "t": int(at * 1e9)},
            "lastTrade": {"c": [14], "i": "1", "p": price, "s": 100, "t": int(at * 1e9), "x": 11},
            "min": bar | {"t": int(at // 60 * 60_000), "av": 5_000, "n": 20},
            "prevDay": bar | {"c": round(price * 0.98, 2)},
        }

    def snapshot_of_pair(self, ticker: str) -> dict[str, Any]:
        """Instants in milliseconds; a pair has a quote, a coin a trade."""
        price, at = self.prices[OURS[ticker]], int(self.now().timestamp() * 1_000)
        bar = {"o": price, "h": price, "l": price, "c": price, "v": 5_000.25}
        quote = {"a": price * 1.0001, "b": price * 0.9999, "t": at, "x": 48}
        told = {"lastTrade": {"c": [1], "i": "1", "p": price, "s": 0.5, "t": at, "x": 1}}
        told = {"lastQuote": quote} if ticker.startswith("C:") else told
        return {"ticker": ticker, "day": bar, "min": bar, "prevDay": bar | {"c": price * 0.98}, "updated": at, **told}

    def aggregates(self, parts: list[str], asked: dict[str, str]) -> dict[str, Any]:
        _, _, _, _, ticker, _, count, unit, since, until = parts
        ticker = ticker.replace("%3A", ":")
        symbol = OURS.get(ticker, ticker)
        start, end = (datetime.fromtimestamp(int(text) / 1_000, UTC) for text in (since, until))
        adjusted = asked.get("adjusted") == "true"
        answer = {"ticker": symbol, "adjusted": adjusted, "status": "OK", "request_id": "1"}
        if symbol not in self.prices or self.fault == "empty":
            return answer | {"queryCount": 0, "resultsCount": 0}
        stamps = self.stamps("1d" if unit == "day" else unit, int(count), start, end, symbol)
        rows = []
        for at in stamps:
            close = self.close(symbol, at, adjusted=adjusted)
            reach = self.range_of(close)
            figures = {"o": close, "h": close + reach, "l": close - reach, "c": close, "v": 500, "vw": close, "n": 7}
            rows.append(figures | {"t": int(at.timestamp() * 1_000)})
        return answer | {"queryCount": len(rows), "resultsCount": len(rows), "results": rows}

    def ticker(self, symbol: str, name: str, kind: str) -> dict[str, Any]:
        return {
            "ticker": symbol,
            "name": name,
            "market": "stocks",
            "locale": "global" if kind == "foreign" else "us",
            "primary_exchange": "XNAS",
            "type": "ETF" if kind == "etf" else "CS",
            "active": True,
            "currency_name": "usd",
            **({"composite_figi": "BBG000B9XRY4"} if symbol == "AAPL" else {}),
        }

    def listen(self, socket: ServerConnection) -> None:
        def say(status: str, message: str) -> None:
            socket.send(json.dumps([{"ev": "status", "status": status, "message": message}]))

        say("connected", "Connected Successfully")
        asked = json.loads(socket.recv())
        if asked != {"action": "auth", "params": self.key}:
            say("auth_failed", "authentication failed")
            return
        if self.stream_fault == "406":
            say("max_connections", "Maximum number of websocket connections exceeded.")
            return
        say("auth_success", "authenticated")
        topics = json.loads(socket.recv())["params"].split(",")
        if self.stream_fault == "405":
            say("error", "Your plan doesn't include websocket access.")
            return
        say("success", "subscribed to: " + ",".join(topics))
        self.remember(socket, sorted({topic.split(".", 1)[1] for topic in topics}))

    def trade(self, symbol: str, price: float, size: int = 100) -> None:
        """Tell of a trade on the stream, and remember its price."""
        self.prices[symbol] = price
        at = int(datetime.now(UTC).timestamp() * 1_000)
        self.tell([{"ev": "T", "sym": symbol, "x": 4, "i": "1", "z": 3, "p": price, "s": size, "t": at, "q": 1}])

    def quote(self, symbol: str, bid: float, ask: float) -> None:
        """Tell of a new bid and ask on the stream."""
        at = int(datetime.now(UTC).timestamp() * 1_000)
        best = {"bp": bid, "bs": 2, "ap": ask, "as": 3}
        self.tell([{"ev": "Q", "sym": symbol, "bx": 4, "ax": 7, "c": 0, "t": at, "q": 1, "z": 3, **best}])


@contextmanager
def massive(**options: Any) -> Iterator[Massive]:
    """Massive, until the block ends."""
    with serving(Massive(**options)) as there:
        yield there
