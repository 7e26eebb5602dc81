"""Alpha Vantage on loopback: whatever is wrong is said with status 200, in words that hold the key."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.standins import pairs
from tests.standins.json_vendor import JsonVendor, serving
from tests.standins.yahoo import NEW_YORK

KEY = "ALPHACANARY6629"


@dataclass
class AlphaVantage(JsonVendor):
    """Days as they were, and the splits beside them."""

    key: str = KEY

    @property
    def urls(self) -> dict[str, str]:
        return {"alphavantage": self.url}

    def authorized(self, headers: Any, asked: dict[str, str]) -> bool:
        return asked.get("apikey") == self.key

    def refused(self) -> tuple[int, Any]:
        return 200, {"Error Message": "the parameter apikey is invalid or missing."}

    def limited(self) -> tuple[int, Any]:
        said = f"We have detected your API key as {self.key} and our standard API rate limit is 25 requests per day."
        return 200, {"Information": said}

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        symbol = asked.get("symbol", "").replace("-", ".")
        match asked["function"]:
            case "GLOBAL_QUOTE":
                known = symbol in self.prices and self.fault != "empty"
                return 200, {"Global Quote": self.one(symbol) if known else {}}
            case "CURRENCY_EXCHANGE_RATE":
                return 200, self.rate(f"{asked['from_currency']}-{asked['to_currency']}")
            case "FX_DAILY":
                return 200, self.days_of_pair(f"{asked['from_symbol']}-{asked['to_symbol']}", "Time Series FX (Daily)")
            case "DIGITAL_CURRENCY_DAILY":
                name = "Time Series (Digital Currency Daily)"
                return 200, self.days_of_pair(f"{asked['symbol']}-{asked['market']}", name)
            case "TIME_SERIES_DAILY":
                return 200, self.days_of(symbol, asked)
            case "SPLITS":
                rows = [
                    {"effective_date": on, "split_factor": f"{new / old:.4f}"}
                    for on, new, old in self.splits.get(symbol, [])
                    if self.fault != "empty"
                ]
                if self.split is not None:
                    on = f"{self.split[0].astimezone(NEW_YORK):%Y-%m-%d}"
                    rows = [{"effective_date": on, "split_factor": f"{self.split[1]}.0000"}]
                return 200, {"symbol": symbol, "data": rows}
            case "DIVIDENDS":
                paid = [
                    {
                        "ex_dividend_date": on,
                        "declaration_date": "None",
                        "record_date": on,
                        "payment_date": pay_on or "None",
                        "amount": str(amount),
                    }
                    for on, pay_on, amount in self.dividends.get(symbol, [])
                    if self.fault != "empty"
                ]
                return 200, {"symbol": symbol, "data": paid}
            case "SYMBOL_SEARCH":
                rows = [] if self.fault == "empty" else [self.match(*one) for one in self.found(asked["keywords"])]
                return 200, {"bestMatches": rows}
        return 200, {"Error Message": "This API function does not exist."}

    def one(self, symbol: str) -> dict[str, str]:
        price = self.prices[symbol]
        return {
            "01. symbol": symbol.replace(".", "-"),
            "02. open": f"{price:.4f}",
            "03. high": f"{price:.4f}",
            "04. low": f"{price:.4f}",
            "05. price": f"{price:.4f}",
            "06. volume": "5000",
            "07. latest trading day": f"{self.days[-2].astimezone(NEW_YORK):%Y-%m-%d}",
            "08. previous close": f"{price * 0.98:.4f}",
            "09. change": "1.0",
            "10. change percent": "0.5%",
        }

    def rate(self, symbol: str) -> dict[str, Any]:
        if symbol not in pairs.PRICES or self.fault == "empty":
            return {"Error Message": "Invalid API call. Please retry or visit the documentation."}
        price = self.prices[symbol]
        bid, ask = (f"{price * 0.9999:.8f}", f"{price * 1.0001:.8f}") if symbol in pairs.PAIRS else ("-", "-")
        return {
            "Realtime Currency Exchange Rate": {
                "1. From_Currency Code": symbol[:-4],
                "2. From_Currency Name": "a currency",
                "3. To_Currency Code": symbol[-3:],
                "4. To_Currency Name": "another",
                "5. Exchange Rate": f"{price:.8f}",
                "6. Last Refreshed": f"{self.now():%Y-%m-%d %H:%M:%S}",
                "7. Time Zone": "UTC",
                "8. Bid Price": bid,
                "9. Ask Price": ask,
            }
        }

    def days_of_pair(self, symbol: str, name: str) -> dict[str, Any]:
        if symbol not in pairs.PRICES or self.fault == "empty":
            return {"Error Message": "Invalid API call. Please retry or visit the documentation."}
        rows = {}
        for on in pairs.dates(symbol, datetime.now(UTC))[::-1]:
            close = self.prices[symbol]
            reach = self.range_of(close)
            figures = {"1. open": close, "2. high": close + reach, "3. low": close - reach, "4. close": close}
            rows[f"{on}"] = {name: f"{one:.8f}" for name, one in figures.items()}
            if symbol in pairs.COINS:
                rows[f"{on}"]["5. volume"] = "12.5"
        return {"Meta Data": {"1. Information": "days"}, name: rows}

    def days_of(self, symbol: str, asked: dict[str, str]) -> dict[str, Any]:
        if symbol not in self.prices:
            return {"Error Message": "Invalid API call. Please retry or visit the documentation for TIME_SERIES_DAILY."}
        stamps = self.stamps("1d", 1, self.days[0], datetime.now(UTC))
        stamps = stamps[-100:] if asked.get("outputsize") == "compact" else stamps
        rows = {}
        for at in stamps[::-1]:
            close = self.close(symbol, at, adjusted=False)
            figures = {"1. open": close, "2. high": close + 1, "3. low": close - 1, "4. close": close}
            texts = {name: f"{one:.4f}" for name, one in figures.items()}
            rows[f"{at.astimezone(NEW_YORK):%Y-%m-%d}"] = texts | {"5. volume": "500"}
        return {"Meta Data": {"2. Symbol": symbol}, "Time Series (Daily)": rows}

    def match(self, symbol: str, name: str, kind: str) -> dict[str, str]:
        foreign = kind == "foreign"
        return {
            "1. symbol": symbol.replace(".L", ".LON") if foreign else symbol.replace(".", "-"),
            "2. name": name,
            "3. type": "ETF" if kind == "etf" else "Equity",
            "4. region": "United Kingdom" if foreign else "United States",
            "8. currency": "GBX" if foreign else "USD",
            "9. matchScore": "0.9",
        }


@contextmanager
def alphavantage(**options: Any) -> Iterator[AlphaVantage]:
    """Alpha Vantage, until the block ends."""
    with serving(AlphaVantage(**options)) as there:
        yield there
