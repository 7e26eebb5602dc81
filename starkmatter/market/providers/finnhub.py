"""Finnhub with a key: quotes, bars, actions, search and the stream of trades, over plain HTTP and a plain WebSocket.

Vendor addresses (STARKMATTER_VENDOR_URLS): `finnhub` for REST, `finnhub-stream` for the stream. Over REST the key goes
in a header; the stream takes it in the address only, which is told to nobody.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote as escaped

import orjson

from starkmatter.clock import utc_now
from starkmatter.domain.actions import CorporateAction, Dividend, EarningsDate, ReportHour, Split
from starkmatter.domain.instruments import class_of
from starkmatter.domain.pairs import pair_of
from starkmatter.domain.quotes import Bar, Interval, Quote
from starkmatter.domain.sessions import exchange_day
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.line import Line
from starkmatter.egress.plan import Plan, plan_of
from starkmatter.market.border import ANNOUNCED_AHEAD
from starkmatter.market.ports import QUOTE_WAIT_SECS, Found, OnQuotes, Quotes
from starkmatter.market.providers.asking import JsonVendor
from starkmatter.market.providers.figures import asked_for, code, instant, may_day, must_day, number, price
from starkmatter.market.providers.sockets import Socket, streamed
from starkmatter.market.providers.tape import Tape
from starkmatter.settings import Settings

NAME = KIND = "finnhub"
VENDOR = "Finnhub"
REST_URL = "https://finnhub.io"
STREAM_URL = "wss://ws.finnhub.io"
READ_SECS = 6.0
MUTE_SECS = 90.0
FREE = Plan(per_min=60)
AT_ONCE = 4
STREAM_SYMBOLS = 50
SYMBOL = re.compile(r"[A-Z]{1,6}(\.[A-Z])?")
INTERVALS: dict[Interval, str] = {"1m": "1", "5m": "5", "15m": "15", "1h": "30", "1d": "D"}
HOURS: dict[str, ReportHour] = {"bmo": "before_open", "amc": "after_close"}
ACTIONS_SINCE = date(1980, 1, 1)
EARNINGS_BACK = timedelta(days=400)
CANDLES = {
    "share": "/api/v1/stock/candle",
    "fx": "/api/v1/forex/candle",
    "crypto": "/api/v1/crypto/candle",
}
KINDS: dict[str, Any] = {"Common Stock": "equity", "ADR": "equity", "ETP": "etf"}

CAPABILITY = Capability(
    port="market data",
    adapter=NAME,
    vendor=VENDOR,
    client="httpx, websockets",
    connection=KIND,
    gives=("quotes", "bars", "actions", "earnings", "search", "stream"),
    limits="free plan: 60 requests a minute, one for each symbol, and a stream with 50 symbols; bars, splits and "
    "dividends need a paid plan",
    notes="US stocks and ETFs, coins at Coinbase, currency pairs at OANDA. Quotes have neither bid and ask nor volume; "
    "the stream tells of trades. Over REST pairs need a paid plan; the stream has them on every one.",
    classes=("share", "fx", "crypto"),
    streams=("share", "crypto"),
)


class FinnhubProvider:
    """One key. Its plan says how much may be asked."""

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
        self._key, self._mute_secs = keys["api_key"], mute_secs
        self._stream_url = settings.vendor_urls.get("finnhub-stream", STREAM_URL)
        self._line = Line(VENDOR, plan=self.plan, tries=tries, timeout_secs=read_secs * 2)
        self._there = JsonVendor(
            VENDOR,
            settings.vendor_urls.get(NAME, REST_URL),
            hide=[self._key],
            read_secs=read_secs,
            headers={"X-Finnhub-Token": self._key},
        )

    def every_secs(self, symbols: int) -> float:
        """See the port."""
        return self.plan.every_secs(symbols)

    async def ready(self) -> None:
        """See the port."""
        await self._there.ready()

    async def quotes(self, symbols: Sequence[str]) -> Quotes:
        """See the port. One question for each symbol, a few at once."""
        places = asyncio.Semaphore(AT_ONCE)
        asked = [symbol for symbol in symbols if _theirs(symbol) is not None]

        async def one(symbol: str) -> Quote | None:
            try:
                async with places:
                    fields = await self._ask("/api/v1/quote", {"symbol": _theirs(symbol) or ""}, QUOTE_WAIT_SECS)
            except VendorFailure as failure:
                if failure.kind == "refused" and class_of(symbol) == "fx":
                    return None  # Not in this plan, which says nothing of the others: the next source is asked.
                raise
            if "c" not in fields:
                raise self._there.garbage(fields)
            return _quote(symbol, fields, utc_now())

        answers = await asyncio.gather(*(one(symbol) for symbol in asked), return_exceptions=True)
        found: Quotes = {}
        failures = []
        for symbol, answer in zip(asked, answers, strict=True):
            if isinstance(answer, VendorFailure):
                failures.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            elif answer is not None:
                found[symbol] = answer
        if failures and not found:
            raise failures[0]
        return found

    async def bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        """See the port. An hour comes as two halves. Only with a paid plan."""
        there = _theirs(symbol)
        if there is None:
            return []
        asked = {
            "symbol": there,
            "resolution": INTERVALS[interval],
            "from": str(int(start.timestamp())),
            "to": str(int(end.timestamp())),
        }
        answer = await self._ask(CANDLES[class_of(symbol)], asked)
        if answer.get("s") == "no_data":
            return []
        columns = [answer.get(name) for name in ("t", "o", "h", "l", "c", "v")]
        lists = [column for column in columns if isinstance(column, list)]
        if answer.get("s") != "ok" or len(lists) != len(columns) or len({len(column) for column in lists}) != 1:
            raise self._there.garbage(answer)
        bars = [_bar(symbol, interval, row) for row in zip(*lists, strict=True)]
        return asked_for(bars, start)

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """See the port. Only with a paid plan."""
        if not SYMBOL.fullmatch(symbol):
            return []
        splits = await self._rows("/api/v1/stock/split", self._span(symbol))
        paid = await self._rows("/api/v1/stock/dividend", self._span(symbol))
        return [*map(_split, splits), *map(_dividend, paid)]

    async def earnings(self, symbol: str) -> list[EarningsDate]:
        """See the port. The last months and what is expected."""
        if not SYMBOL.fullmatch(symbol):
            return []
        answer = await self._ask("/api/v1/calendar/earnings", self._span(symbol, EARNINGS_BACK))
        today = exchange_day(utc_now())
        return [_earnings(row, today) for row in self._there.rows(answer, "earningsCalendar")]

    def _span(self, symbol: str, back: timedelta | None = None) -> dict[str, str]:
        today = exchange_day(utc_now())
        since = ACTIONS_SINCE if back is None else today - back
        return {"symbol": symbol, "from": since.isoformat(), "to": (today + ANNOUNCED_AHEAD).isoformat()}

    async def search(self, text: str) -> list[Found]:
        """See the port: listed in the United States."""
        answer = await self._ask("/api/v1/search", {"q": text, "exchange": "US"})
        found = (_found(row) for row in self._there.rows(answer, "result"))
        return [one for one in found if one is not None][:10]

    async def stream(self, symbols: Sequence[str], on_quotes: OnQuotes) -> None:
        """See the port. Trades of at most STREAM_SYMBOLS symbols."""
        ours = {there: one for one in symbols if (there := _theirs(one)) is not None}
        ours = dict(list(ours.items())[:STREAM_SYMBOLS])
        wanted = list(ours.values())
        tape = Tape()

        async def begin(socket: Socket) -> None:
            for there in ours:
                await socket.send(orjson.dumps({"type": "subscribe", "symbol": there}).decode())

        def take(raw: bytes) -> None:
            self._take(tape, raw, ours)

        address = f"{self._stream_url}/?token={escaped(self._key, safe='')}"
        await streamed(
            VENDOR,
            address,
            begin=begin,
            take=take,
            ask=lambda: self.quotes(wanted),
            tape=tape,
            on_quotes=on_quotes,
            mute_secs=self._mute_secs,
        )

    def _take(self, tape: Tape, raw: bytes, ours: Mapping[str, str]) -> None:
        message = orjson.loads(raw)
        if not isinstance(message, dict):
            raise self._there.garbage(raw)
        kind = message.get("type")
        if kind == "error":
            refused = f"{VENDOR} does not accept this key or so many symbols for its stream."
            raise VendorFailure(VENDOR, "refused", refused)
        if kind == "ping":
            return
        if kind != "trade":
            raise self._there.garbage(raw)
        for trade in self._there.rows(message, "data"):
            at, there = instant(trade.get("t"), 1_000), str(trade.get("s"))
            tape.take_trade(
                ours.get(there, there), at, price(number(trade.get("p"))), number(trade.get("v")), alone=True
            )

    async def _rows(self, path: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        await self.ready()
        return await self._line.read(lambda: self._there.get_rows(path, params))

    async def _ask(self, path: str, params: Mapping[str, str], wait_secs: float | None = None) -> dict[str, Any]:
        await self.ready()
        return await self._line.read(lambda: self._there.get(path, params), wait_secs=wait_secs)


def _quote(symbol: str, fields: Mapping[str, Any], received_at: datetime) -> Quote | None:
    """One answer; None for a symbol it does not know, of which every figure is zero and the change is none."""
    if "t" in fields and fields["t"] == 0 and fields.get("d") is None:
        return None
    return Quote(
        symbol=symbol,
        bid=None,
        ask=None,
        last=price(number(fields.get("c"))),
        bid_size=None,
        ask_size=None,
        volume=None,
        observed_at=instant(fields.get("t")),
        received_at=received_at,
        provider=NAME,
        prev_close=number(fields.get("pc")),
    )


def _bar(symbol: str, interval: Interval, row: Sequence[Any]) -> Bar:
    opened, high, low, close = (price(number(one)) for one in row[1:5])
    volume = number(row[5]) if class_of(symbol) != "fx" else None  # It counts changes of the price, not money.
    return Bar(symbol, interval, instant(row[0]), opened, high, low, close, volume, NAME)


def _theirs(symbol: str) -> str | None:
    """Pairs and coins have the name of a market before them. None for what it is never asked for."""
    pair = pair_of(symbol)
    if pair is None:
        return symbol if SYMBOL.fullmatch(symbol) else None
    return f"OANDA:{pair.base}_{pair.quote}" if class_of(symbol) == "fx" else f"COINBASE:{symbol}"


def _split(row: Mapping[str, Any]) -> Split:
    new, old = price(number(row.get("toFactor"))), price(number(row.get("fromFactor")))
    return Split(str(row.get("symbol"))[:20], must_day(row.get("date")), new, old, NAME)


def _dividend(row: Mapping[str, Any]) -> Dividend:
    """`adjustedAmount` beside the amount is in shares of today."""
    return Dividend(
        symbol=str(row.get("symbol"))[:20],
        ex_on=must_day(row.get("date")),
        amount=price(number(row.get("amount"))),
        currency=code(row.get("currency")),
        pay_on=may_day(row.get("payDate")),
        provider=NAME,
    )


def _earnings(row: Mapping[str, Any], today: date) -> EarningsDate:
    on = must_day(row.get("date"))
    return EarningsDate(str(row.get("symbol"))[:20], on, HOURS.get(str(row.get("hour")), "unknown"), on > today, NAME)


def _found(row: Mapping[str, Any]) -> Found | None:
    symbol, kind = row.get("symbol"), KINDS.get(str(row.get("type")))
    if not isinstance(symbol, str) or not SYMBOL.fullmatch(symbol) or kind is None:
        return None
    return Found(symbol, str(row.get("description") or symbol)[:120], kind, "US", "USD")


async def test_keys(settings: Settings, keys: Mapping[str, str]) -> str:
    """Ask for one quote. What was learned, in words."""
    found = await FinnhubProvider(settings, keys, tries=1).quotes(["AAPL"])
    if "AAPL" not in found or not found["AAPL"].last.is_finite():
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} sent an answer without a price.")
    return f"AAPL at {found['AAPL'].last:,.2f} USD."
