"""Alpha Vantage with a key: closes, days, actions and search over HTTP. The key is in the query: tell no address.

Vendor address (STARKMATTER_VENDOR_URLS): `alphavantage`. It answers every question with 200 and says in words what is
wrong. Its days are not adjusted on the free plan: we do that, with the splits it tells.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from starkmatter.clock import utc_now
from starkmatter.domain.actions import CorporateAction, Dividend, EarningsDate, Split
from starkmatter.domain.adjusting import Factor, split_factor
from starkmatter.domain.money import to_micros
from starkmatter.domain.pairs import coin_of, pair_of
from starkmatter.domain.quotes import Bar, Interval, Quote
from starkmatter.domain.sessions import exchange_day
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.line import Line
from starkmatter.egress.plan import Plan, plan_of
from starkmatter.errors import InvalidInput
from starkmatter.market.ports import QUOTE_WAIT_SECS, Found, OnQuotes, Quotes
from starkmatter.market.providers.asking import QUIET_SECS, JsonVendor
from starkmatter.market.providers.figures import (
    CLOSE,
    NEVER,
    NO_DAY,
    asked_for,
    day_instant,
    instant_of_text,
    may_day,
    must_day,
    price,
    touch,
    written,
)
from starkmatter.settings import Settings

NAME = KIND = "alphavantage"
VENDOR = "Alpha Vantage"
REST_URL = "https://www.alphavantage.co"
READ_SECS = 10.0
FREE = Plan(per_min=5, per_day=25)
SYMBOL = re.compile(r"[A-Z]{1,6}(\.[A-Z])?")
KINDS: dict[str, Any] = {"Equity": "equity", "ETF": "etf"}
# The newest hundred days come in a short answer.
SHORT = timedelta(days=130)
PAIR_DAYS = ("Time Series FX (Daily)", "Time Series (Digital Currency Daily)")
PAID = re.compile(r"premium", re.IGNORECASE)
LIMITED = re.compile(r"rate limit|per day|per minute|per second|call frequency", re.IGNORECASE)

CAPABILITY = Capability(
    port="market data",
    adapter=NAME,
    vendor=VENDOR,
    client="httpx",
    connection=KIND,
    gives=("quotes", "bars", "actions", "search"),
    limits="free plan: 25 requests a day, 5 a minute",
    notes="US stocks and ETFs: a quote is the last close, bars are days. Pairs and coins with their rate of now. "
    "Asked last for quotes: the plan is too small.",
    classes=("share", "fx", "crypto"),
    streams=(),
)


class AlphaVantageProvider:
    """One key. Its plan says how much may be asked."""

    capability = CAPABILITY

    def __init__(
        self,
        settings: Settings,
        keys: Mapping[str, str],
        *,
        tries: int = 2,
        read_secs: float = READ_SECS,
        plan: Plan | None = None,
    ) -> None:
        self.plan = plan or plan_of(keys, FREE)
        self._key = keys["api_key"]
        self._line = Line(VENDOR, plan=self.plan, tries=tries, timeout_secs=read_secs * 2)
        self._there = JsonVendor(
            VENDOR, settings.vendor_urls.get(NAME, REST_URL), hide=[self._key], read_secs=read_secs
        )

    def every_secs(self, symbols: int) -> float:
        """See the port."""
        return self.plan.every_secs(symbols)

    async def ready(self) -> None:
        """See the port."""
        await self._there.ready()

    async def quotes(self, symbols: Sequence[str]) -> Quotes:
        """See the port. One question for each symbol; `observed_at` is the close of the day it is of."""
        found: Quotes = {}
        for symbol in symbols:
            if pair_of(symbol) is None and not SYMBOL.fullmatch(symbol):
                continue
            try:
                quote = await (self._share(symbol) if pair_of(symbol) is None else self._rate(symbol))
            except VendorFailure:
                if found:
                    break  # What was learned is learned; the next source is asked for the others.
                raise
            if quote is not None:
                found[symbol] = quote
        return found

    async def _share(self, symbol: str) -> Quote | None:
        answer = await self._ask("GLOBAL_QUOTE", QUOTE_WAIT_SECS, symbol=_theirs(symbol))
        fields = answer.get("Global Quote")
        if not isinstance(fields, dict):
            raise self._there.garbage(answer)
        return _quote(fields, utc_now()) if fields else None

    async def _rate(self, symbol: str) -> Quote | None:
        """What a pair or coin is at now. It tells no volume and no close of before."""
        base, priced_in = symbol.split("-")
        answer = await self._ask("CURRENCY_EXCHANGE_RATE", QUOTE_WAIT_SECS, from_currency=base, to_currency=priced_in)
        if not answer or "Error Message" in answer:
            return None
        fields = answer.get("Realtime Currency Exchange Rate")
        if not isinstance(fields, dict):
            raise self._there.garbage(answer)
        return _quote_of_rate(fields, utc_now()) if fields else None

    async def bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        """See the port. Days only: inside a day there are none."""
        if interval != "1d":
            return []
        if pair_of(symbol) is not None:
            return await self._days_of_pair(symbol, start)
        if not SYMBOL.fullmatch(symbol):
            return []
        size = "compact" if utc_now() - start < SHORT else "full"
        answer = await self._ask("TIME_SERIES_DAILY", symbol=_theirs(symbol), outputsize=size)
        if "Error Message" in answer:
            return []
        days = answer.get("Time Series (Daily)")
        if not isinstance(days, dict) or not all(isinstance(one, dict) for one in days.values()):
            raise self._there.garbage(answer)
        splits = await self._splits(symbol) if days else []
        if not all(one.numerator.is_finite() and one.numerator > 0 and one.ex_on != NO_DAY for one in splits):
            raise self._there.garbage(splits)
        shares = split_factor(splits, exchange_day(utc_now()))
        bars = [_bar(symbol, on, fields, shares) for on, fields in days.items()]
        return sorted((bar for bar in bars if start <= bar.starts_at), key=lambda bar: bar.starts_at)

    async def _days_of_pair(self, symbol: str, start: datetime) -> list[Bar]:
        base, priced_in = symbol.split("-")
        if coin_of(symbol) is not None:
            answer = await self._ask("DIGITAL_CURRENCY_DAILY", symbol=base, market=priced_in)
        else:
            size = "compact" if utc_now() - start < SHORT else "full"
            answer = await self._ask("FX_DAILY", from_symbol=base, to_symbol=priced_in, outputsize=size)
        if not answer or "Error Message" in answer:
            return []
        days = next((answer[name] for name in PAIR_DAYS if name in answer), None)
        if not isinstance(days, dict) or not all(isinstance(one, dict) for one in days.values()):
            raise self._there.garbage(answer)
        bars = [_bar(symbol, on, fields, lambda _: Fraction(1)) for on, fields in days.items()]
        return asked_for(bars, start)

    async def _splits(self, symbol: str) -> list[Split]:
        answer = await self._ask("SPLITS", symbol=_theirs(symbol))
        return [_split(symbol, row) for row in self._rows(answer)]

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """See the port. Two questions of a plan of few."""
        if not SYMBOL.fullmatch(symbol):
            return []
        splits = await self._splits(symbol)
        paid = self._rows(await self._ask("DIVIDENDS", symbol=_theirs(symbol)))
        return [*splits, *(_dividend(symbol, row) for row in paid)]

    def _rows(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """A symbol it does not know has an answer without anything in it, or words about that."""
        return [] if not answer or "Error Message" in answer else self._there.rows(answer, "data")

    async def earnings(self, symbol: str) -> list[EarningsDate]:
        """Not offered."""
        raise InvalidInput(f"{VENDOR} has no dates of earnings here.")

    async def search(self, text: str) -> list[Found]:
        """See the port: listed in the United States, priced in dollars."""
        answer = await self._ask("SYMBOL_SEARCH", keywords=text)
        found = (_found(row) for row in self._there.rows(answer, "bestMatches"))
        return [one for one in found if one is not None]

    async def stream(self, symbols: Sequence[str], on_quotes: OnQuotes) -> None:
        """Not offered."""
        raise InvalidInput(f"{VENDOR} has no stream.")

    async def _ask(self, function: str, wait_secs: float | None = None, **params: str) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            answer = await self._there.get("/query", {"function": function, **params, "apikey": self._key})
            self._check(answer)
            return answer

        await self.ready()
        return await self._line.read(ask, wait_secs=wait_secs)

    def _check(self, answer: Mapping[str, Any]) -> None:
        """What it says instead of an answer. The words may hold the key: they are not passed on."""
        words = str(answer.get("Note") or answer.get("Information") or "")
        if LIMITED.search(words):
            said = f"{VENDOR} limits how often it may be asked."
            raise VendorFailure(VENDOR, "rate_limited", said, retry_after_secs=QUIET_SECS)
        if PAID.search(words) or "apikey" in str(answer.get("Error Message", "")):
            raise VendorFailure(VENDOR, "refused", f"{VENDOR} refuses the key or the plan does not include this.")
        if words:
            raise self._there.garbage(answer)


def _quote(fields: Mapping[str, Any], received_at: datetime) -> Quote:
    closed_at = day_instant(fields.get("07. latest trading day"), CLOSE)
    today = exchange_day(closed_at) == exchange_day(received_at) if closed_at != NEVER else False
    return Quote(
        symbol=_ours(str(fields.get("01. symbol"))[:20]),
        bid=None,
        ask=None,
        last=price(written(fields.get("05. price"))),
        bid_size=None,
        ask_size=None,
        volume=written(fields.get("06. volume")),
        observed_at=min(closed_at, received_at) if today else closed_at,
        received_at=received_at,
        provider=NAME,
        prev_close=written(fields.get("08. previous close")),
    )


def _quote_of_rate(fields: Mapping[str, Any], received_at: datetime) -> Quote:
    """One rate. What is not told of bid and ask is a dash."""
    bid, ask = (
        None if fields.get(name) == "-" else written(fields.get(name)) for name in ("8. Bid Price", "9. Ask Price")
    )
    known = touch(bid, ask)
    return Quote(
        symbol=f"{fields.get('1. From_Currency Code')}-{fields.get('3. To_Currency Code')}"[:20],
        bid=known[0],
        ask=known[1],
        last=price(written(fields.get("5. Exchange Rate"))),
        bid_size=None,
        ask_size=None,
        volume=None,
        observed_at=instant_of_text(fields.get("6. Last Refreshed")),
        received_at=received_at,
        provider=NAME,
    )


def _bar(symbol: str, on: str, fields: Mapping[str, Any], shares: Factor) -> Bar:
    """One day, in shares of today."""
    starts_at = day_instant(on)
    names = ("1. open", "2. high", "3. low", "4. close")
    opened, high, low, close = (price(written(fields.get(name))) for name in names)
    volume = written(fields.get("5. volume"))
    factor = shares(exchange_day(starts_at)) if starts_at != NEVER else Fraction(1)
    if factor != 1:
        opened, high, low, close = (_divided(one, factor) for one in (opened, high, low, close))
        volume = volume * factor.numerator / factor.denominator if volume is not None and volume.is_finite() else volume
    return Bar(symbol, "1d", starts_at, opened, high, low, close, volume, NAME)


def _divided(figure: Decimal, factor: Fraction) -> Decimal:
    return to_micros(figure * factor.denominator / factor.numerator) if figure.is_finite() else figure


def _split(symbol: str, row: Mapping[str, Any]) -> Split:
    """It tells one number, the shares that one became."""
    return Split(symbol, must_day(row.get("effective_date")), price(written(row.get("split_factor"))), Decimal(1), NAME)


def _dividend(symbol: str, row: Mapping[str, Any]) -> Dividend:
    ex_on, pay_on = must_day(row.get("ex_dividend_date")), may_day(row.get("payment_date"))
    return Dividend(symbol, ex_on, price(written(row.get("amount"))), "USD", pay_on, NAME)


def _found(row: Mapping[str, Any]) -> Found | None:
    symbol, kind = _ours(str(row.get("1. symbol"))), KINDS.get(str(row.get("3. type")))
    if not SYMBOL.fullmatch(symbol) or kind is None:
        return None
    if row.get("4. region") != "United States" or row.get("8. currency") != "USD":
        return None
    return Found(symbol, str(row.get("2. name") or symbol)[:120], kind, "US", "USD")


def _ours(symbol: str) -> str:
    """Classes of shares are written with a hyphen."""
    return symbol.replace("-", ".")


def _theirs(symbol: str) -> str:
    return symbol.replace(".", "-")


async def test_keys(settings: Settings, keys: Mapping[str, str]) -> str:
    """Ask for one quote. What was learned, in words."""
    found = await AlphaVantageProvider(settings, keys, tries=1).quotes(["AAPL"])
    if "AAPL" not in found or not found["AAPL"].last.is_finite():
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} sent an answer without a price.")
    return f"AAPL closed at {found['AAPL'].last:,.2f} USD."
