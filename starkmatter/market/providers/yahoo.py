"""Yahoo Finance without a key: quotes in batches, bars, actions, search, stream, through yfinance with hard time-outs.

Pairs are `EURUSD=X` there, coins `BTC-USD` as here. A pair's day is London's, which begins two hours after ours.
Vendor addresses (STARKMATTER_VENDOR_URLS): `yahoo`, which stands for each of Yahoo's hosts, and `yahoo-stream`. The SDK
blocks in threads where it is no stream. It is imported on first
use and only by the worker: it brings pandas. The session given to it tells a limit or a failure at once, so that the
SDK never asks twice.
"""

import asyncio
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar

from starkmatter.clock import utc_now
from starkmatter.domain.actions import CorporateAction, EarningsDate
from starkmatter.domain.instruments import COIN_MARKET, class_of
from starkmatter.domain.pairs import DOLLAR, coin_of, currencies_of, pair_of
from starkmatter.domain.quotes import Bar, Interval, Quote
from starkmatter.domain.sessions import EXCHANGE_ZONE, exchange_day
from starkmatter.egress.capability import Capability
from starkmatter.egress.line import Line
from starkmatter.egress.plan import Plan
from starkmatter.market.ports import QUOTE_WAIT_SECS, Found, OnQuotes, Quotes
from starkmatter.market.providers.figures import NAN, asked_for, instant, number, price, touch
from starkmatter.market.providers.yahoo_actions import CHART_URL, actions_of, asked_actions, earnings_of
from starkmatter.market.providers.yahoo_rest import (
    VENDOR,
    check_stamps,
    forget_answers,
    garbage,
    make_session,
    translated,
)
from starkmatter.market.providers.yahoo_stream import STREAM_SYMBOLS, stream_until_lost
from starkmatter.settings import Settings

if TYPE_CHECKING:
    from curl_cffi.requests import Session

NAME = "yahoo"
# No contract says so: what it has borne so far, shared with the charts' bars.
FREE = Plan(per_min=75)
READ_SECS = 8.0
BATCH = 100
MUTE_SECS = 90.0
STREAM_URL = "wss://streamer.finance.yahoo.com/?version=2"
QUOTE_URL = "https://query1.finance.yahoo.com/v7/finance/quote"
INTERVALS: dict[Interval, str] = {"1m": "1m", "5m": "5m", "15m": "15m", "1h": "1h", "1d": "1d"}
KINDS: dict[str, Any] = {"EQUITY": "equity", "ETF": "etf", "INDEX": "index"}
COIN = "CRYPTOCURRENCY"
# Whose midnight the days of a kind of symbol begin at.
ZONES = {"fx": "Europe/London", "crypto": "UTC"}
PAIR = re.compile(r"([A-Z]{3})?([A-Z]{3})=X")
US_EXCHANGES = frozenset(
    {"NMS", "NYQ", "PCX", "NGM", "NCM", "ASE", "BTS", "SNP", "DJI", "NIM", "CBO", "WCB", "NYS", "CXI"}
)
CLASS_OF_SHARES = re.compile(r"[A-Z]{1,6}\.[A-Z]")
# yfinance gives bars as single-precision figures: seven digits of each are the vendor's.
SIGNIFICANT_DIGITS = 7

CAPABILITY = Capability(
    port="market data",
    adapter=NAME,
    vendor=VENDOR,
    client="yfinance",
    connection=None,
    gives=("quotes", "bars", "actions", "earnings", "search", "stream"),
    limits="no contract: bursts are answered with 429 for minutes to hours; minute bars of the last days only",
    notes="Needs no key, for personal use. Some quotes come without bid and ask or late; each shows its age. "
    "The stream tells of trades. Coins come without volume, which Yahoo counts in dollars.",
    classes=("share", "index", "fx", "crypto"),
    streams=("share", "fx", "crypto"),
)

T = TypeVar("T")


class YahooProvider:
    """Every method may be called from the event loop; the SDK blocks in threads."""

    capability = CAPABILITY

    def __init__(
        self,
        settings: Settings,
        *,
        tries: int = 2,
        read_secs: float = READ_SECS,
        mute_secs: float = MUTE_SECS,
        plan: Plan = FREE,
    ) -> None:
        self._url = settings.vendor_urls.get(NAME)
        self._cache_dir = settings.home / "cache" / "yfinance"
        self._stream_url = settings.vendor_urls.get("yahoo-stream", STREAM_URL)
        self._read_secs, self._mute_secs = read_secs, mute_secs
        self.plan = plan
        self._line = Line(VENDOR, plan=plan, tries=tries, timeout_secs=read_secs * 2)
        self._session: Session[Any] | None = None
        self._charts: list[bytes] = []
        self._one_at_a_time = asyncio.Lock()

    def every_secs(self, symbols: int) -> float:
        """See the port."""
        return self.plan.every_secs(-(-symbols // BATCH))

    async def ready(self) -> None:
        """See the port."""
        await asyncio.to_thread(self._ready)

    async def quotes(self, symbols: Sequence[str]) -> Quotes:
        """See the port. `bid` and `ask` are None where Yahoo has none, or nonsense."""
        found: Quotes = {}
        for start in range(0, len(symbols), BATCH):
            batch = symbols[start : start + BATCH]
            raw = await self._ask(lambda batch=batch: self._quotes(batch), QUOTE_WAIT_SECS)  # type: ignore[misc]
            received_at = utc_now()
            for fields in _results(raw, "quoteResponse"):
                quote = _quote(fields, received_at)
                if quote is not None:
                    found[quote.symbol] = quote
        return found

    async def bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        """See the port. The growing bar of the present day is the last one."""
        return await self._ask(lambda: self._bars(symbol, interval, start, end))

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """See the port. Dividends without the day they are paid on, and none that are only announced."""
        now = utc_now()
        raw = await self._ask(lambda: self._actions(symbol, now))
        return [] if raw is None else actions_of(raw, symbol, exchange_day(now), garbage)

    async def earnings(self, symbol: str) -> list[EarningsDate]:
        """See the port. One date: the next, or the last while none is known."""
        raw = await self._ask(lambda: self._quotes([symbol]))
        return [one for fields in _results(raw, "quoteResponse")[:1] for one in earnings_of(fields, symbol)]

    async def search(self, text: str) -> list[Found]:
        """See the port: listed in the United States, priced in dollars."""
        found = (_found(fields) for fields in await self._ask(lambda: self._search(text)))
        return [one for one in found if one is not None]

    async def stream(self, symbols: Sequence[str], on_quotes: OnQuotes) -> None:
        """See the port. Trades of at most STREAM_SYMBOLS symbols."""
        wanted = list(symbols)[:STREAM_SYMBOLS]
        await self.ready()
        await stream_until_lost(
            VENDOR,
            self._stream_url,
            {_theirs(symbol): symbol for symbol in wanted},
            ask=lambda: self.quotes(wanted),
            on_quotes=on_quotes,
            mute_secs=self._mute_secs,
        )

    async def _ask(self, work: Callable[[], T], wait_secs: float | None = None) -> T:
        """Run one call of the SDK in a thread; what it or the vendor says becomes a VendorFailure."""
        await self.ready()
        return await self._line.read(lambda: self._in_thread(work), wait_secs=wait_secs)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        # The SDK shares one session and one cookie: two questions at once would fetch both twice.
        async with self._one_at_a_time:
            return await asyncio.to_thread(translated, work)

    def _ready(self) -> "Session[Any]":
        if self._session is None:
            self._session = make_session(self._url, self._cache_dir, self._read_secs, self._charts)
        return self._session

    def _quotes(self, symbols: Sequence[str]) -> Any:
        from yfinance.data import YfData

        asked = {"symbols": ",".join(_theirs(one) for one in symbols), "formatted": "false", "lang": "en-US"}
        return YfData(session=self._ready()).get_raw_json(QUOTE_URL, params=asked, timeout=self._read_secs)

    def _bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        import yfinance
        from yfinance.data import YfData
        from yfinance.exceptions import YFPricesMissingError

        ticker = yfinance.Ticker(_theirs(symbol), session=self._ready())
        ticker._tz = ZONES.get(
            class_of(symbol), EXCHANGE_ZONE.key
        )  # else it asks for each symbol's zone first, and thrice for an unknown one
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the SDK's own, about its use of pandas
                frame = ticker.history(
                    start=start,
                    end=end,
                    interval=INTERVALS[interval],
                    auto_adjust=False,
                    actions=False,
                    timeout=self._read_secs,
                )
        except YFPricesMissingError:
            check_stamps(self._charts)
            return []
        finally:
            forget_answers(YfData)
        check_stamps(self._charts)
        columns = (frame[name].tolist() for name in ("Open", "High", "Low", "Close", "Volume"))
        rows = zip((at.to_pydatetime().astimezone(UTC) for at in frame.index), *columns, strict=True)
        bars = (_bar(symbol, interval, *row) for row in rows)
        return asked_for((bar for bar in bars if bar is not None), start)

    def _actions(self, symbol: str, now: datetime) -> Any:
        """The raw answer; None when Yahoo knows no such symbol."""
        from curl_cffi.requests.exceptions import HTTPError
        from yfinance.data import YfData

        there = CHART_URL.format(symbol=_theirs(symbol))
        try:
            data = YfData(session=self._ready())
            return data.get_raw_json(there, params=asked_actions(now), timeout=self._read_secs)
        except HTTPError as error:
            if getattr(error.response, "status_code", 0) == 404:
                return None
            raise
        finally:
            self._charts.clear()

    def _search(self, text: str) -> Any:
        import yfinance
        from yfinance.data import YfData

        try:
            found = yfinance.Search(
                _theirs(text) if CLASS_OF_SHARES.fullmatch(text) else text,
                max_results=10,
                news_count=0,
                lists_count=0,
                recommended=0,
                session=self._ready(),
                timeout=self._read_secs,
            )
        finally:
            forget_answers(YfData)
        if not isinstance(found.response.get("quotes"), list):
            raise garbage()  # The SDK takes what it cannot read for nothing found.
        return found.quotes


def _results(raw: Any, name: str) -> list[Mapping[str, Any]]:
    body = raw.get(name) if isinstance(raw, dict) else None
    found = body.get("result") if isinstance(body, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise garbage(raw)
    return found


def _quote(fields: Mapping[str, Any], received_at: datetime) -> Quote | None:
    """One result; None when it is not priced in dollars, or a pair not in its second currency."""
    symbol = _ours(str(fields.get("symbol"))[:20])
    pair = pair_of(symbol)
    priced_in = pair.quote if pair is not None else DOLLAR
    if fields.get("currency", priced_in) != priced_in:
        return None
    bid, ask = touch(number(fields.get("bid")), number(fields.get("ask")))
    known = bid is not None
    return Quote(
        symbol=symbol,
        bid=bid,
        ask=ask,
        last=price(number(fields.get("regularMarketPrice"))),
        bid_size=_size(fields, "bidSize") if known and pair is None else None,
        ask_size=_size(fields, "askSize") if known and pair is None else None,
        volume=number(fields.get("regularMarketVolume")) if pair is None else None,
        observed_at=instant(fields.get("regularMarketTime")),
        received_at=received_at,
        provider=NAME,
        prev_close=number(fields.get("regularMarketPreviousClose")),
    )


def _size(fields: Mapping[str, Any], name: str) -> Decimal | None:
    """Shares at the touch; Yahoo counts round lots, and zero means that it does not know."""
    lots = number(fields.get(name))
    return lots * 100 if lots is not None and lots != 0 else None


def _bar(symbol: str, interval: Interval, at: datetime, *figures: float) -> Bar | None:
    """A row of the SDK's table; None for a day without any figure, as Yahoo has them."""
    if all(value != value for value in figures[:4]):
        return None
    try:
        opened, high, low, close = (Decimal(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in figures[:4])
        told = figures[4] == figures[4] and pair_of(symbol) is None
        volume = Decimal(int(figures[4])) if told else None
    except (InvalidOperation, ValueError, OverflowError, TypeError):
        opened = high = low = close = NAN
        volume = None
    return Bar(symbol, interval, at, opened, high, low, close, volume, NAME)


def _found(fields: Mapping[str, Any]) -> Found | None:
    symbol, kind = fields.get("symbol"), KINDS.get(str(fields.get("quoteType")))
    exchange = str(fields.get("exchange", ""))
    if isinstance(symbol, str) and fields.get("quoteType") == COIN and coin_of(symbol) is not None:
        name = str(fields.get("longname") or fields.get("shortname") or symbol)
        return Found(symbol, name[:120], "crypto", COIN_MARKET, DOLLAR)
    if not isinstance(symbol, str) or kind is None or exchange not in US_EXCHANGES:
        return None
    name = fields.get("longname") or fields.get("shortname") or symbol
    where = fields.get("exchDisp") or exchange
    return Found(_ours(symbol), str(name)[:120], kind, str(where)[:40], "USD", str(fields.get("sector") or "")[:60])


def _ours(symbol: str) -> str:
    """Yahoo writes classes of shares with a hyphen, and pairs of the dollar without it: `JPY=X`."""
    pair = PAIR.fullmatch(symbol)
    if pair is not None:
        return f"{pair[1] or DOLLAR}-{pair[2]}"
    return symbol if coin_of(symbol) is not None else symbol.replace("-", ".")


def _theirs(symbol: str) -> str:
    pair = currencies_of(symbol)
    return f"{pair.base}{pair.quote}=X" if pair is not None else symbol.replace(".", "-")
