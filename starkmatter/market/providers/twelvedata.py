"""Twelve Data with a key: quotes in batches, bars, actions and search, over HTTP. The key goes in a header.

Vendor address (STARKMATTER_VENDOR_URLS): `twelvedata`. Its own SDK asks once more than needed at first use, which costs
a credit. Each symbol of a batch is counted as one request.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from starkmatter.clock import utc_now
from starkmatter.domain.actions import CorporateAction, Dividend, EarningsDate, ReportHour, Split
from starkmatter.domain.pairs import pair_of
from starkmatter.domain.quotes import Bar, Interval, Quote
from starkmatter.domain.sessions import exchange_day
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.line import Line
from starkmatter.egress.plan import Plan, plan_of
from starkmatter.errors import InvalidInput
from starkmatter.market.ports import QUOTE_WAIT_SECS, Found, OnQuotes, Quotes
from starkmatter.market.providers.asking import QUIET_SECS, JsonVendor
from starkmatter.market.providers.figures import (
    NAN,
    asked_for,
    code,
    day_instant,
    instant,
    instant_of_text,
    must_day,
    number,
    price,
    written,
)
from starkmatter.settings import Settings

NAME = KIND = "twelvedata"
VENDOR = "Twelve Data"
REST_URL = "https://api.twelvedata.com"
READ_SECS = 8.0
FREE = Plan(per_min=8, per_day=800)
BATCH = 50
MAX_ROWS = 5_000
SYMBOL = re.compile(r"[A-Z]{1,6}(\.[A-Z])?")
INTERVALS: dict[Interval, str] = {"1m": "1min", "5m": "5min", "15m": "15min", "1h": "1h", "1d": "1day"}
KINDS: dict[str, Any] = {"Common Stock": "equity", "American Depositary Receipt": "equity", "ETF": "etf"}
HOURS: dict[str, ReportHour] = {"Pre Market": "before_open", "After Hours": "after_close"}
ACTIONS_COST = 20
MAX_RATIO_SLIP = Decimal("0.01")
NO_BARS = re.compile(r"no data is available", re.IGNORECASE)

CAPABILITY = Capability(
    port="market data",
    adapter=NAME,
    vendor=VENDOR,
    client="httpx",
    connection=KIND,
    gives=("quotes", "bars", "actions", "earnings", "search"),
    limits="free plan: 8 credits a minute and 800 a day, one for each symbol; actions and earnings need a paid plan",
    notes="US stocks and ETFs, currency pairs and coins. Quotes have no bid and ask; on the free plan few symbols can "
    "be followed live.",
    classes=("share", "fx", "crypto"),
    streams=(),
)


class TwelveDataProvider:
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
        self._line = Line(VENDOR, plan=self.plan, tries=tries, timeout_secs=read_secs * 2)
        self._there = JsonVendor(
            VENDOR,
            settings.vendor_urls.get(NAME, REST_URL),
            hide=[keys["api_key"]],
            read_secs=read_secs,
            headers={"Authorization": f"apikey {keys['api_key']}"},
            speaks=frozenset({200, 400, 404}),
        )

    def every_secs(self, symbols: int) -> float:
        """See the port."""
        return self.plan.every_secs(symbols)

    async def ready(self) -> None:
        """See the port."""
        await self._there.ready()

    async def quotes(self, symbols: Sequence[str]) -> Quotes:
        """See the port. As many symbols at once as the plan lets out; bid and ask are never known."""
        asked = {there: symbol for symbol in symbols if (there := _theirs(symbol)) is not None}
        found: Quotes = {}
        size = max(1, min(BATCH, int(self.plan.burst)))
        for start in range(0, len(asked), size):
            batch = list(asked)[start : start + size]
            answer = await self._ask("/quote", {"symbol": ",".join(batch)}, len(batch), QUOTE_WAIT_SECS)
            received_at = utc_now()
            rows = {batch[0]: answer} if (len(batch) == 1 and "symbol" in answer) or "code" in answer else answer
            for there, fields in rows.items():
                if not isinstance(fields, dict):
                    raise self._there.garbage(answer)
                if not _is_unknown(fields):
                    quote = _quote(fields, received_at)
                    found[asked.get(there, there)] = quote
        return found

    async def bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        """See the port. At most MAX_ROWS, the newest ones."""
        there = _theirs(symbol)
        if there is None:
            return []
        asked = {
            "symbol": there,
            "interval": INTERVALS[interval],
            "start_date": f"{start.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "end_date": f"{end.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "timezone": "UTC",
            "adjust": "splits",
            "outputsize": str(MAX_ROWS),
        }
        answer = await self._ask("/time_series", asked)
        if _is_unknown(answer) or NO_BARS.search(str(answer.get("message", ""))):
            return []
        bars = [_bar(symbol, interval, row) for row in self._there.rows(answer, "values")]
        return asked_for(bars, start)

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """See the port. Dividends without the day they are paid on. Only with a paid plan."""
        splits = await self._told("/splits", symbol, "splits")
        paid = await self._told("/dividends", symbol, "dividends", adjust="false")
        found: list[CorporateAction] = [_split(symbol, row) for row in splits[1]]
        return [*found, *(_dividend(symbol, row, paid[0]) for row in paid[1])]

    async def earnings(self, symbol: str) -> list[EarningsDate]:
        """See the port. Only with a paid plan."""
        today = exchange_day(utc_now())
        return [_earnings(symbol, row, today) for row in (await self._told("/earnings", symbol, "earnings"))[1]]

    async def _told(self, path: str, symbol: str, name: str, **more: str) -> tuple[str, list[dict[str, Any]]]:
        """The currency and the rows; none for a symbol it does not know."""
        if not SYMBOL.fullmatch(symbol):
            return "", []
        if self.plan.per_min < ACTIONS_COST:
            raise VendorFailure(VENDOR, "refused", f"{VENDOR}: a plan of so few credits does not include this.")
        asked = {"symbol": symbol, **({"range": "full"} if name != "earnings" else {}), **more}
        answer = await self._ask(path, asked, ACTIONS_COST)
        if _is_unknown(answer):
            return "", []
        meta = answer.get("meta")
        return code(meta.get("currency") if isinstance(meta, dict) else None), self._there.rows(answer, name)

    async def search(self, text: str) -> list[Found]:
        """See the port: listed in the United States, priced in dollars."""
        answer = await self._ask("/symbol_search", {"symbol": text, "outputsize": "30"})
        found = (_found(row) for row in self._there.rows(answer, "data"))
        return list({one.symbol: one for one in found if one is not None}.values())[:10]

    async def stream(self, symbols: Sequence[str], on_quotes: OnQuotes) -> None:
        """Not offered."""
        raise InvalidInput(f"{VENDOR} has no stream here.")

    async def _ask(
        self, path: str, params: Mapping[str, str], cost: int = 1, wait_secs: float | None = None
    ) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            answer = await self._there.get(path, params)
            self._check(answer)
            return answer

        await self.ready()
        return await self._line.read(ask, cost=cost, wait_secs=wait_secs)

    def _check(self, answer: Mapping[str, Any]) -> None:
        """Errors come as an object with `code`, with the same status or with 200."""
        code = answer.get("code")
        if answer.get("status") != "error" or code == 404 or not isinstance(code, int):
            return
        if code == 400 and NO_BARS.search(str(answer.get("message", ""))):
            return
        if 400 < code < 600:
            raise failure_of_status(VENDOR, code, retry_after_secs=QUIET_SECS if code == 429 else None)
        raise self._there.garbage(answer)


def _is_unknown(fields: Mapping[str, Any]) -> bool:
    return fields.get("status") == "error" and fields.get("code") == 404


def _quote(fields: Mapping[str, Any], received_at: datetime) -> Quote:
    at = fields.get("last_quote_at")
    return Quote(
        symbol=_ours(str(fields.get("symbol"))[:20]),
        bid=None,
        ask=None,
        last=price(written(fields.get("close"))),
        bid_size=None,
        ask_size=None,
        volume=written(fields.get("volume")),
        observed_at=instant(fields.get("timestamp") if at is None else at),
        received_at=received_at,
        provider=NAME,
        prev_close=written(fields.get("previous_close")),
    )


def _bar(symbol: str, interval: Interval, row: Mapping[str, Any]) -> Bar:
    at = row.get("datetime")
    starts_at = day_instant(at) if interval == "1d" else instant_of_text(at)
    opened, high, low, close = (price(written(row.get(name))) for name in ("open", "high", "low", "close"))
    return Bar(symbol, interval, starts_at, opened, high, low, close, written(row.get("volume")), NAME)


def _ours(symbol: str) -> str:
    """Pairs and coins are written with a slash."""
    return symbol.replace("/", "-")


def _theirs(symbol: str) -> str | None:
    """None for what it is never asked for."""
    pair = pair_of(symbol)
    if pair is not None:
        return f"{pair.base}/{pair.quote}"
    return symbol if SYMBOL.fullmatch(symbol) else None


def _split(symbol: str, row: Mapping[str, Any]) -> Split:
    """`ratio` is what a price is multiplied by. Which of the two factors is which is taken from it."""
    one, other = price(number(row.get("from_factor"))), price(number(row.get("to_factor")))
    ratio = price(number(row.get("ratio")))
    if not (ratio.is_finite() and ratio > 0 and one.is_finite() and other.is_finite() and one > 0 and other > 0):
        return Split(symbol, must_day(row.get("date")), NAN, NAN, NAME)
    new, old = (max(one, other), min(one, other)) if ratio < 1 else (min(one, other), max(one, other))
    if abs(old / new - ratio) > MAX_RATIO_SLIP * ratio:
        new = old = NAN  # It contradicts itself.
    return Split(symbol, must_day(row.get("date")), new, old, NAME)


def _dividend(symbol: str, row: Mapping[str, Any], currency: str) -> Dividend:
    amount = price(number(row.get("amount")))
    return Dividend(symbol, must_day(row.get("ex_date")), amount, currency, None, NAME)


def _earnings(symbol: str, row: Mapping[str, Any], today: date) -> EarningsDate:
    on = must_day(row.get("date"))
    return EarningsDate(symbol, on, HOURS.get(str(row.get("time")), "unknown"), on > today, NAME)


def _found(row: Mapping[str, Any]) -> Found | None:
    symbol, kind = row.get("symbol"), KINDS.get(str(row.get("instrument_type")))
    if not isinstance(symbol, str) or not SYMBOL.fullmatch(symbol) or kind is None:
        return None
    if row.get("country") != "United States" or row.get("currency") != "USD":
        return None
    return Found(symbol, str(row.get("instrument_name") or symbol)[:120], kind, str(row.get("exchange"))[:40], "USD")


async def test_keys(settings: Settings, keys: Mapping[str, str]) -> str:
    """Ask for one quote. What was learned, in words."""
    found = await TwelveDataProvider(settings, keys, tries=1).quotes(["AAPL"])
    if "AAPL" not in found or not found["AAPL"].last.is_finite():
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} sent an answer without a price.")
    return f"AAPL at {found['AAPL'].last:,.2f} USD."
