"""Twelve Data on loopback: quotes, time series and search, in its wire format."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.standins import pairs
from tests.standins.json_vendor import JsonVendor, serving
from tests.standins.yahoo import NEW_YORK

KEY = "twelvedata-canary-key-5518"
MINS = {"1min": 1, "5min": 5, "15min": 15, "1h": 60}


@dataclass
class TwelveData(JsonVendor):
    """Figures are written as text."""

    key: str = KEY

    @property
    def urls(self) -> dict[str, str]:
        return {"twelvedata": self.url}

    def authorized(self, headers: Any, asked: dict[str, str]) -> bool:
        return bool(headers["Authorization"] == f"apikey {self.key}")

    def refused(self) -> tuple[int, Any]:
        return 401, {"code": 401, "message": "**apikey** parameter is incorrect or not specified", "status": "error"}

    def limited(self) -> tuple[int, Any]:
        return 429, {"code": 429, "message": "You have run out of API credits", "status": "error"}

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        if path == "/quote":
            names = asked["symbol"].split(",")
            answers = {name: self.one(name.replace("/", "-")) for name in names}
            if len(names) == 1:
                return (404 if "code" in answers[names[0]] else 200), answers[names[0]]
            return 200, answers
        if path == "/time_series":
            return self.series(asked)
        if path == "/symbol_search":
            rows = [] if self.fault == "empty" else [self.match(*one) for one in self.found(asked["symbol"])]
            return 200, {"data": rows, "status": "ok"}
        if path in {"/splits", "/dividends", "/earnings"}:
            return self.actions(path.removeprefix("/"), asked)
        return 404, {"code": 404, "message": "not found", "status": "error"}

    def one(self, symbol: str) -> dict[str, Any]:
        if symbol not in self.prices or self.fault == "empty":
            return {"code": 404, "message": f"**symbol** not found: {symbol}", "status": "error"}
        price, at = self.prices[symbol], int(self.now().timestamp())
        if symbol in pairs.PRICES:
            return {
                "symbol": symbol.replace("-", "/"),
                "name": "a pair",
                "exchange": "Forex",
                "timestamp": at,
                "last_quote_at": at,
                "close": f"{price:.8f}",
                "previous_close": f"{price * 0.98:.8f}",
                "is_market_open": True,
            }
        return {
            "symbol": symbol,
            "name": symbol,
            "exchange": "NASDAQ",
            "currency": "USD",
            "datetime": f"{self.now():%Y-%m-%d}",
            "timestamp": at - 3_600,
            "last_quote_at": at,
            "open": f"{price:.5f}",
            "high": f"{price + 1:.5f}",
            "low": f"{price - 1:.5f}",
            "close": f"{price:.5f}",
            "volume": "5000",
            "previous_close": f"{price * 0.98:.5f}",
            "is_market_open": True,
        }

    def series(self, asked: dict[str, str]) -> tuple[int, Any]:
        symbol, interval = asked["symbol"].replace("/", "-"), asked["interval"]
        if symbol not in self.prices:
            return 404, {"code": 404, "message": f"**symbol** not found: {symbol}", "status": "error"}
        start, end = (datetime.fromisoformat(asked[name]).replace(tzinfo=UTC) for name in ("start_date", "end_date"))
        daily = interval == "1day"
        stamps = self.stamps("1d" if daily else interval, MINS.get(interval, 1), start, end, symbol)
        if not stamps:
            said = "No data is available on the specified dates. Try setting different start/end dates."
            return 400, {"code": 400, "message": said, "status": "error"}
        rows = []
        for at in stamps[::-1]:
            close = self.close(symbol, at, adjusted=asked.get("adjust") == "splits")
            reach, pair = self.range_of(close), symbol in pairs.PRICES
            figures = {"open": close, "high": close + reach, "low": close - reach, "close": close}
            on = at if pair else at.astimezone(NEW_YORK)
            text = f"{on:%Y-%m-%d}" if daily else f"{at:%Y-%m-%d %H:%M:%S}"
            told = {name: f"{one:.{8 if pair else 5}f}" for name, one in figures.items()}
            rows.append({"datetime": text, **told, **({} if pair else {"volume": "500"})})
        meta = {"symbol": symbol, "interval": interval, "currency": "USD", "exchange": "NASDAQ"}
        return 200, {"meta": meta, "values": rows, "status": "ok"}

    def actions(self, name: str, asked: dict[str, str]) -> tuple[int, Any]:
        symbol = asked["symbol"]
        if symbol not in self.prices:
            return 404, {"code": 404, "message": f"**symbol** not found: {symbol}", "status": "error"}
        rows: list[dict[str, Any]]
        if name == "splits":
            rows = [
                {
                    "date": on,
                    "description": "a split",
                    "ratio": round(old / new, 5),
                    "from_factor": new,
                    "to_factor": old,
                }
                for on, new, old in self.splits.get(symbol, [])
            ]
        elif name == "dividends":
            assert asked["adjust"] == "false"
            rows = [{"ex_date": on, "amount": amount} for on, _, amount in self.dividends.get(symbol, [])]
        else:
            hours = {"bmo": "Pre Market", "amc": "After Hours", "": "Time Not Supplied"}
            rows = [
                {"date": on, "time": hours[hour], "eps_estimate": 1.1, "eps_actual": None}
                for on, hour in self.earnings.get(symbol, [])
            ]
        meta = {"symbol": symbol, "name": symbol, "currency": "USD", "exchange": "NASDAQ"}
        return 200, {"meta": meta, name: [] if self.fault == "empty" else rows, "status": "ok"}

    def match(self, symbol: str, name: str, kind: str) -> dict[str, Any]:
        foreign = kind == "foreign"
        return {
            "symbol": symbol.replace(".L", "") if foreign else symbol,
            "instrument_name": name,
            "exchange": "LSE" if foreign else "NASDAQ",
            "mic_code": "XLON" if foreign else "XNAS",
            "instrument_type": "ETF" if kind == "etf" else "Common Stock",
            "country": "United Kingdom" if foreign else "United States",
            "currency": "GBp" if foreign else "USD",
        }


@contextmanager
def twelvedata(**options: Any) -> Iterator[TwelveData]:
    """Twelve Data, until the block ends."""
    with serving(TwelveData(**options)) as there:
        yield there
