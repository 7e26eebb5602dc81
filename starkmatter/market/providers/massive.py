"""Massive (formerly Polygon.io) with a key: snapshots, bars, actions, search, a stream, through its SDK.

Vendor addresses (STARKMATTER_VENDOR_URLS): `massive` for REST, `massive-stream` for the stream. The SDK's answers are
taken as they came, so that every figure is judged here; it retries nothing and follows nowhere. It brings no pandas.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from starkmatter.clock import utc_now
from starkmatter.domain.actions import CorporateAction, Dividend, EarningsDate, Split
from starkmatter.domain.instruments import class_of
from starkmatter.domain.pairs import pair_of
from starkmatter.domain.quotes import Bar, Interval, Quote
from starkmatter.egress.capability import Capability
from starkmatter.egress.excerpt import excerpt_of
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import retry_after_secs
from starkmatter.egress.line import Line
from starkmatter.egress.plan import Plan, plan_of
from starkmatter.egress.sdk import load
from starkmatter.errors import InvalidInput
from starkmatter.market.identifiers import FIGI
from starkmatter.market.ports import QUOTE_WAIT_SECS, Found, OnQuotes, Quotes
from starkmatter.market.providers.asking import CONNECT_SECS, MAX_BYTES, QUIET_SECS
from starkmatter.market.providers.figures import (
    NEVER,
    asked_for,
    code,
    instant,
    may_day,
    must_day,
    number,
    price,
    touch,
)
from starkmatter.market.providers.massive_stream import stream_until_lost
from starkmatter.market.providers.massive_symbols import SYMBOL, by_market, ours, part, quote_of_pair, theirs
from starkmatter.market.providers.tape import Tape
from starkmatter.settings import Settings

if TYPE_CHECKING:
    from massive import RESTClient

NAME = KIND = "massive"
VENDOR = "Massive"
REST_URL = "https://api.massive.com"
STREAM_URL = "wss://socket.massive.com"
READ_SECS = 8.0
MUTE_SECS = 60.0
FREE = Plan(per_min=5)
BATCH = 100
MAX_ROWS = 50_000
MAX_ACTIONS = 1_000
STREAM_SYMBOLS = 100
NANOS = 1_000_000_000
INTERVALS: dict[Interval, tuple[int, str]] = {
    "1m": (1, "minute"),
    "5m": (5, "minute"),
    "15m": (15, "minute"),
    "1h": (30, "minute"),
    "1d": (1, "day"),
}
KINDS: dict[str, Any] = {"CS": "equity", "ADRC": "equity", "ETF": "etf"}

CAPABILITY = Capability(
    port="market data",
    adapter=NAME,
    vendor=VENDOR,
    client="massive",
    connection=KIND,
    gives=("quotes", "bars", "actions", "search", "stream"),
    limits="free plan: 5 requests a minute, bars of finished days; quotes and the stream need a paid plan",
    notes="Polygon.io's present name. US stocks and ETFs, currency pairs and coins (each kind is a plan of its own); "
    "bid and ask where the plan has them. The stream has stocks and ETFs.",
    classes=("share", "fx", "crypto"),
)


class MassiveProvider:
    """One key. Every method may be called from the event loop; the SDK's REST side blocks in threads."""

    capability = CAPABILITY

    def __init__(
        self,
        settings: Settings,
        keys: Mapping[str, str],
        *,
        tries: int = 2,
        read_secs: float = READ_SECS,
        mute_secs: float = MUTE_SECS,
        plan: Plan | None = None,
    ) -> None:
        self.plan = plan or plan_of(keys, FREE)
        self._key = keys["api_key"]
        self._url = settings.vendor_urls.get(NAME, REST_URL).rstrip("/")
        self._stream_url = settings.vendor_urls.get("massive-stream", STREAM_URL)
        self._read_secs, self._mute_secs = read_secs, mute_secs
        self._line = Line(VENDOR, plan=self.plan, tries=tries, timeout_secs=read_secs + CONNECT_SECS)
        self._client: RESTClient | None = None

    def every_secs(self, symbols: int) -> float:
        """See the port."""
        return self.plan.every_secs(-(-symbols // BATCH))

    async def ready(self) -> None:
        """See the port."""
        if self._client is None:
            self._client = await asyncio.to_thread(make_client, self._url, self._key, self._read_secs)

    async def quotes(self, symbols: Sequence[str]) -> Quotes:
        """See the port. `last` is the last trade, or the last minute's close on plans that have no trades."""
        found: Quotes = {}
        failures = []
        for market, asked in by_market(symbols).items():
            try:
                found |= await self._snapshots(market, asked)
            except VendorFailure as failure:
                failures.append(failure)
        if failures and not found:
            raise failures[0]
        return found

    async def _snapshots(self, market: str, asked: Sequence[str]) -> Quotes:
        """Each kind of symbol has a market of its own there, and a plan that may not include it."""
        found: Quotes = {}
        for start in range(0, len(asked), BATCH):
            batch = asked[start : start + BATCH]
            answer = await self._ask(
                lambda client, batch=batch: client.get_snapshot_all(market, tickers=batch, raw=True),  # type: ignore[misc]
                QUOTE_WAIT_SECS,
            )
            received_at = utc_now()
            for row in self._rows(answer, "tickers"):
                quote = _quote(row, received_at)
                found[quote.symbol] = quote
        return found

    async def bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        """See the port. An hour comes as two halves, since hours are counted from midnight."""
        there = theirs(symbol)
        if there is None:
            return []
        count, unit = INTERVALS[interval]
        since, until = (int(at.timestamp() * 1_000) for at in (start, end))
        answer = await self._ask(
            lambda client: client.get_aggs(
                there, count, unit, since, until, adjusted=True, sort="asc", limit=MAX_ROWS, raw=True
            )
        )
        if answer.get("results") is None and answer.get("resultsCount", answer.get("queryCount")) == 0:
            return []
        bars = [_bar(symbol, interval, row) for row in self._rows(answer, "results")]
        return asked_for(bars, start)

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """See the port. Stock dividends among the splits are left out: bars are not adjusted for them."""
        if not SYMBOL.fullmatch(symbol):
            return []
        splits = await self._ask(
            lambda client: client.list_stocks_splits(ticker=symbol, limit=MAX_ACTIONS, sort="execution_date", raw=True)
        )
        paid = await self._ask(
            lambda client: client.list_stocks_dividends(
                ticker=symbol, limit=MAX_ACTIONS, sort="ex_dividend_date.desc", raw=True
            )
        )
        told = [row for row in self._rows(splits, "results") if row.get("adjustment_type") != "stock_dividend"]
        return [*map(_split, told), *map(_dividend, self._rows(paid, "results"))]

    async def earnings(self, symbol: str) -> list[EarningsDate]:
        """Not offered."""
        raise InvalidInput(f"{VENDOR} has no dates of earnings here.")

    async def search(self, text: str) -> list[Found]:
        """See the port: listed in the United States, priced in dollars."""
        answer = await self._ask(
            lambda client: client.list_tickers(search=text, market="stocks", active=True, limit=20, raw=True)
        )
        found = (_found(row) for row in self._rows(answer, "results"))
        return [one for one in found if one is not None][:10]

    async def stream(self, symbols: Sequence[str], on_quotes: OnQuotes) -> None:
        """See the port. Trades and quotes of at most STREAM_SYMBOLS symbols."""
        wanted = [symbol for symbol in symbols if SYMBOL.fullmatch(symbol)][:STREAM_SYMBOLS]
        await stream_until_lost(
            VENDOR,
            self._key,
            self._stream_url,
            wanted,
            Tape(),
            ask=lambda: self.quotes(wanted),
            on_quotes=on_quotes,
            mute_secs=self._mute_secs,
        )

    async def _ask(self, work: Callable[["RESTClient"], Any], wait_secs: float | None = None) -> dict[str, Any]:
        await self.ready()
        client = self._client
        assert client is not None
        return await self._line.read(
            lambda: asyncio.to_thread(_translated, lambda: work(client), self._key), wait_secs=wait_secs
        )

    def _rows(self, answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        rows = answer.get(name)
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            raise _garbage(repr(answer), self._key)
        return rows


class _Status(Exception):
    """An HTTP status other than 200: the SDK would tell of the body only."""

    def __init__(self, status: int, wait_secs: float | None) -> None:
        super().__init__(str(status))
        self.status, self.wait_secs = status, wait_secs


class _Answer:
    """What the SDK hands over of an answer, and what it looks at itself."""

    def __init__(self, data: bytes) -> None:
        self.status, self.data = 200, data
        self.headers: dict[str, str] = {}


def make_client(url: str, key: str, read_secs: float) -> "RESTClient":
    """The SDK's client: nothing is asked twice, no redirect is followed, no answer is longer than it may be."""
    load("massive")
    from massive import RESTClient

    for name in ("RESTClient", "WebSocketClient"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    client = RESTClient(
        key, connect_timeout=CONNECT_SECS, read_timeout=read_secs, retries=0, base=url, pagination=False, trace=False
    )
    send = client.client.request

    def request(method: str, address: str, **options: Any) -> Any:
        answer = send(method, address, **options, preload_content=False, redirect=False, retries=False)
        try:
            if answer.status != 200:
                headers = {name.lower(): text for name, text in answer.headers.items()}
                raise _Status(answer.status, retry_after_secs(headers))
            data = answer.read(MAX_BYTES + 1, decode_content=True)
        finally:
            answer.close()
        if len(data) > MAX_BYTES:
            raise _garbage(data, key)
        return _Answer(data)

    client.client.request = request
    return client


def _translated(work: Callable[[], Any], key: str) -> dict[str, Any]:
    from urllib3.exceptions import DecodeError, HTTPError, NewConnectionError, TimeoutError

    try:
        data = work().data
    except _Status as error:
        quiet = error.wait_secs or (QUIET_SECS if error.status == 429 else None)
        raise failure_of_status(VENDOR, error.status, retry_after_secs=quiet) from None
    except DecodeError:
        raise _garbage("", key) from None
    except HTTPError as error:
        late = isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError)
        words = f"{VENDOR} did not answer in time." if late else f"{VENDOR} cannot be reached."
        raise VendorFailure(VENDOR, "unreachable", words) from None
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise _garbage(data, key) from None
    if not isinstance(found, dict):
        raise _garbage(data, key)
    return found


def _garbage(sent: bytes | str, key: str) -> VendorFailure:
    words = f"{VENDOR} sent something that is not an answer."
    return VendorFailure(VENDOR, "garbage", words, excerpt=excerpt_of(sent, [key]))


def _quote(row: Mapping[str, Any], received_at: datetime) -> Quote:
    trade, minute, day, before, best = (part(row, name) for name in ("lastTrade", "min", "day", "prevDay", "lastQuote"))
    bid, ask = touch(number(best.get("p")), number(best.get("P")))
    symbol = ours(str(row.get("ticker"))[:20])
    if pair_of(symbol) is not None:
        return quote_of_pair(NAME, symbol, row, received_at)
    if trade:
        last, at = price(number(trade.get("p"))), instant(trade.get("t"), NANOS)
    else:
        last, at = price(number(minute.get("c"))), instant(minute.get("t"), 1_000)
    if bid is not None and at != NEVER:
        at = max(at, instant(best.get("t"), NANOS))
    return Quote(
        symbol=symbol,
        bid=bid,
        ask=ask,
        last=last,
        bid_size=_lots(best.get("s")) if bid is not None else None,
        ask_size=_lots(best.get("S")) if bid is not None else None,
        volume=number(day.get("v")),
        observed_at=at,
        received_at=received_at,
        provider=NAME,
        prev_close=number(before.get("c")),
    )


def _lots(value: Any) -> Decimal | None:
    """Shares of a size that is counted in round lots."""
    lots = number(value)
    return lots * 100 if lots is not None else None


def _bar(symbol: str, interval: Interval, row: Mapping[str, Any]) -> Bar:
    opened, high, low, close = (price(number(row.get(name))) for name in ("o", "h", "l", "c"))
    at = instant(row.get("t"), 1_000).astimezone(UTC)
    volume = number(row.get("v")) if class_of(symbol) != "fx" else None  # It counts changes of the price, not money.
    return Bar(symbol, interval, at, opened, high, low, close, volume, NAME)


def _split(row: Mapping[str, Any]) -> Split:
    to, since = price(number(row.get("split_to"))), price(number(row.get("split_from")))
    return Split(str(row.get("ticker"))[:20], must_day(row.get("execution_date")), to, since, NAME)


def _dividend(row: Mapping[str, Any]) -> Dividend:
    return Dividend(
        symbol=str(row.get("ticker"))[:20],
        ex_on=must_day(row.get("ex_dividend_date")),
        amount=price(number(row.get("cash_amount"))),
        currency=code(row.get("currency")),
        pay_on=may_day(row.get("pay_date")),
        provider=NAME,
    )


def _found(row: Mapping[str, Any]) -> Found | None:
    symbol, kind = row.get("ticker"), KINDS.get(str(row.get("type")))
    if not isinstance(symbol, str) or not SYMBOL.fullmatch(symbol) or kind is None:
        return None
    if row.get("locale") != "us" or str(row.get("currency_name", "usd")).lower() != "usd":
        return None
    told = row.get("composite_figi")
    figi = told if isinstance(told, str) and FIGI.fullmatch(told) else None
    name, exchange = str(row.get("name") or symbol)[:120], str(row.get("primary_exchange"))[:40]
    return Found(symbol, name, kind, exchange, "USD", figi=figi)


async def test_keys(settings: Settings, keys: Mapping[str, str]) -> str:
    """Ask for a name, which every plan may. What was learned, in words."""
    found = await MassiveProvider(settings, keys, tries=1).search("AAPL")
    if not found:
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} sent an answer without a symbol.")
    return f"{found[0].symbol}: {found[0].name}"
