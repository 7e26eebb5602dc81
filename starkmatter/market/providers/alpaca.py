"""Alpaca's market data with a key: snapshots, bars, actions and the stream, through alpaca-py without its retries.

Vendor addresses (STARKMATTER_VENDOR_URLS): `alpaca-data` for REST, `alpaca-stream` for the whole address of the stream
with its feed. The SDK is imported on first use and only by the worker: it brings pandas.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from starkmatter.clock import utc_now
from starkmatter.domain.actions import CorporateAction, EarningsDate
from starkmatter.domain.depth import Depth
from starkmatter.domain.pairs import coin_of
from starkmatter.domain.quotes import Bar, Interval, Quote
from starkmatter.domain.sessions import exchange_day
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import authorities
from starkmatter.egress.line import Line
from starkmatter.egress.plan import Plan, plan_of
from starkmatter.errors import InvalidInput
from starkmatter.market.ports import QUOTE_WAIT_SECS, Found, OnQuotes, Quotes
from starkmatter.market.providers import alpaca_coins
from starkmatter.market.providers.alpaca_actions import actions_of, ask_actions
from starkmatter.market.providers.alpaca_rest import (
    CONNECT_SECS,
    VENDOR,
    garbage,
    make_actions_client,
    make_bars_client,
    make_coins_client,
    object_of,
    translated,
)
from starkmatter.market.providers.alpaca_stream import close, consume, make_stream
from starkmatter.market.providers.figures import NEVER, asked_for, number, price, touch
from starkmatter.market.providers.tape import Tape
from starkmatter.settings import Settings

if TYPE_CHECKING:
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.data.historical.crypto import CryptoHistoricalDataClient
    from alpaca.data.historical.stock import StockHistoricalDataClient

KIND = "alpaca-data"
NAME = "alpaca"
REST_URL = "https://data.alpaca.markets"
STREAM_URL = "wss://stream.data.alpaca.markets/v2/{feed}"
FEEDS = ("iex", "sip", "delayed_sip")
FREE = Plan(per_min=200)
READ_SECS = 10.0
MUTE_SECS = 30.0
BATCH = 100
STREAM_SYMBOLS = 30
# Every plan may read consolidated bars once they are a quarter of an hour old.
FREE_AFTER = timedelta(minutes=16)
SYMBOL = re.compile(r"[A-Z]{1,6}(\.[A-Z])?")

CAPABILITY = Capability(
    port="market data",
    adapter=NAME,
    vendor=VENDOR,
    client="alpaca-py",
    connection=KIND,
    gives=("quotes", "bars", "actions", "stream", "depth"),
    limits="free plan: 200 requests a minute, one stream with 30 symbols, quotes of one exchange (IEX)",
    notes="Stocks, ETFs and coins, no indices and no currency pairs. On the free plan volume and last trade of a quote "
    "are IEX's alone. Coins and their books are those of Alpaca's own market and are asked for, not streamed.",
    classes=("share", "crypto"),
)

T = TypeVar("T")


class AlpacaProvider:
    """One pair of keys. Every method may be called from the event loop; the SDK's REST side blocks in threads."""

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
        self._keys = keys
        self._feed = keys.get("feed") or FEEDS[0]
        self._url = settings.vendor_urls.get("alpaca-data", REST_URL).rstrip("/")
        self._stream_url = settings.vendor_urls.get("alpaca-stream", STREAM_URL.format(feed=self._feed))
        self._read_secs, self._mute_secs = read_secs, mute_secs
        self._line = Line(VENDOR, plan=self.plan, tries=tries, timeout_secs=read_secs + CONNECT_SECS)
        self._client: StockHistoricalDataClient | None = None
        self._actions_client: CorporateActionsClient | None = None
        self._coins_client: CryptoHistoricalDataClient | None = None

    def every_secs(self, symbols: int) -> float:
        """See the port."""
        return self.plan.every_secs(-(-symbols // BATCH))

    async def ready(self) -> None:
        """See the port."""
        if self._client is None:
            made = (self._url, self._keys, self._read_secs)
            self._actions_client = await asyncio.to_thread(make_actions_client, *made)
            self._coins_client = await asyncio.to_thread(make_coins_client, *made)
            self._client = await asyncio.to_thread(make_bars_client, *made)

    async def quotes(self, symbols: Sequence[str]) -> Quotes:
        """See the port. Indices and what else is no stock's symbol are never asked for."""
        asked = [symbol for symbol in symbols if SYMBOL.fullmatch(symbol)]
        found: Quotes = {}
        for start in range(0, len(asked), BATCH):
            batch = asked[start : start + BATCH]
            raw = await self._ask(lambda batch=batch: self._snapshots(batch), QUOTE_WAIT_SECS)  # type: ignore[misc]
            received_at = utc_now()
            for symbol, fields in object_of(raw).items():
                found[symbol] = _quote(symbol, fields, received_at)
        coins = [symbol for symbol in symbols if coin_of(symbol) is not None]
        return found | await self._quotes_of_coins(coins) if coins else found

    async def _quotes_of_coins(self, coins: Sequence[str]) -> Quotes:
        await self.ready()
        client = self._coins_client
        assert client is not None
        raw = object_of(await self._ask(lambda: alpaca_coins.snapshots(client, coins), QUOTE_WAIT_SECS))
        received_at = utc_now()
        rows = object_of(raw.get("snapshots", raw))
        found = ((alpaca_coins.ours(there), fields) for there, fields in rows.items())
        return {symbol: _quote(symbol, fields, received_at) for symbol, fields in found}

    async def depth(self, symbols: Sequence[str]) -> dict[str, Depth]:
        """See the port: the books of its own market of coins."""
        coins = [symbol for symbol in symbols if coin_of(symbol) is not None]
        if not coins:
            return {}
        await self.ready()
        client = self._coins_client
        assert client is not None
        raw = object_of(await self._ask(lambda: alpaca_coins.books(client, coins), QUOTE_WAIT_SECS))
        return {one.symbol: one for one in alpaca_coins.books_of(NAME, raw, utc_now(), _instant)}

    async def bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        """See the port. An hour of shares comes as two halves, since Alpaca counts hours from midnight."""
        if coin_of(symbol) is not None:
            return await self._bars_of_coin(symbol, interval, start, end)
        if not SYMBOL.fullmatch(symbol):
            return []
        consolidated = self._feed != "sip"
        last = min(end, utc_now() - FREE_AFTER) if consolidated else end
        if last <= start:
            return []
        raw = object_of(await self._ask(lambda: self._bars(symbol, interval, start, last)))
        rows = raw.get(symbol)
        if rows is None:
            return []
        if not isinstance(rows, list):
            raise garbage("bars")
        return [_bar(symbol, interval, object_of(row)) for row in rows]

    async def _bars_of_coin(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        await self.ready()
        client = self._coins_client
        assert client is not None
        raw = object_of(await self._ask(lambda: alpaca_coins.bars(client, symbol, interval, start, end)))
        rows = raw.get(alpaca_coins.theirs(symbol), [])
        if not isinstance(rows, list):
            raise garbage("bars")
        return asked_for([_bar(symbol, interval, object_of(row)) for row in rows], start)

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """See the port. Since 2020."""
        if not SYMBOL.fullmatch(symbol):
            return []
        await self.ready()
        client, today = self._actions_client, exchange_day(utc_now())
        assert client is not None
        return actions_of(await self._ask(lambda: ask_actions(client, symbol, today)))

    async def earnings(self, symbol: str) -> list[EarningsDate]:
        """Not offered."""
        raise InvalidInput(f"{VENDOR} has no dates of earnings.")

    async def search(self, text: str) -> list[Found]:
        """Not offered."""
        raise InvalidInput(f"{VENDOR} has no search here.")

    async def stream(self, symbols: Sequence[str], on_quotes: OnQuotes) -> None:
        """See the port. One connection for at most STREAM_SYMBOLS symbols; mute for MUTE_SECS counts as lost."""
        wanted = [symbol for symbol in symbols if SYMBOL.fullmatch(symbol)][:STREAM_SYMBOLS]
        tape = Tape()
        subscribed = asyncio.Event()
        stream = await asyncio.to_thread(
            make_stream, self._keys, self._stream_url, subscribed, mute_secs=self._mute_secs
        )

        async def on_quote(message: Mapping[str, Any]) -> None:
            best = touch(number(message.get("bp")), number(message.get("ap")))
            sizes = (number(message.get("bs")), number(message.get("as")))
            tape.take_touch(str(message.get("S")), _instant(message.get("t")), best, sizes)

        async def on_trade(message: Mapping[str, Any]) -> None:
            at, last = _instant(message.get("t")), price(number(message.get("p")))
            tape.take_trade(str(message.get("S")), at, last, number(message.get("s")))

        stream.subscribe_quotes(on_quote, *wanted)  # type: ignore[arg-type]
        stream.subscribe_trades(on_trade, *wanted)  # type: ignore[arg-type]
        telling = asyncio.create_task(self._tell(tape, wanted, on_quotes, subscribed))
        consuming = asyncio.create_task(consume(stream))
        try:
            await asyncio.wait({telling, consuming}, return_when=asyncio.FIRST_COMPLETED)
            for task in (telling, consuming):
                if task.done():
                    task.result()
            raise VendorFailure(VENDOR, "unreachable", f"The stream of {VENDOR} was mute.")
        finally:
            for task in (telling, consuming):
                task.cancel()
            await asyncio.gather(telling, consuming, return_exceptions=True)
            await close(stream)

    async def _tell(self, tape: Tape, wanted: Sequence[str], on_quotes: OnQuotes, subscribed: asyncio.Event) -> None:
        """What is known once the subscription holds, so that nothing falls between; then every change."""
        await subscribed.wait()
        tape.know(await self.quotes(wanted))
        await tape.tell(on_quotes)

    async def _ask(self, work: Callable[[], T], wait_secs: float | None = None) -> T:
        await self.ready()
        return await self._line.read(lambda: asyncio.to_thread(translated, work), wait_secs=wait_secs)

    def _snapshots(self, symbols: Sequence[str]) -> Any:
        from alpaca.data.enums import DataFeed
        from alpaca.data.requests import StockSnapshotRequest

        assert self._client is not None
        asked = StockSnapshotRequest(symbol_or_symbols=list(symbols), feed=DataFeed(self._feed))
        return self._client.get_stock_snapshot(asked)

    def _bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> Any:
        from alpaca.data.enums import Adjustment, DataFeed
        from alpaca.data.requests import StockBarsRequest
        from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

        assert self._client is not None
        minutes = {"1m": 1, "5m": 5, "15m": 15, "1h": 30}
        frame = (
            TimeFrame(1, TimeFrameUnit.Day) if interval == "1d" else TimeFrame(minutes[interval], TimeFrameUnit.Minute)
        )
        asked = StockBarsRequest(
            symbol_or_symbols=symbol,
            timeframe=frame,
            start=start,
            end=end,
            adjustment=Adjustment.SPLIT,
            feed=DataFeed.SIP,
        )
        return self._client.get_stock_bars(asked)


def _part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part that may be absent; one that is none has nothing in it."""
    part = fields.get(name)
    return part if isinstance(part, dict) else {}


def _quote(symbol: str, fields: Any, received_at: datetime) -> Quote:
    """One snapshot. Without a trade it has no price, which the border sees."""
    if not isinstance(fields, dict):
        fields = {}
    trade, best, day, before = (
        _part(fields, name) for name in ("latestTrade", "latestQuote", "dailyBar", "prevDailyBar")
    )
    last = price(number(trade.get("p")))
    bid, ask = touch(number(best.get("bp")), number(best.get("ap")))
    traded_at = _instant(trade.get("t"))
    if bid is not None and traded_at != NEVER:
        traded_at = max(traded_at, _instant(best.get("t")))
    return Quote(
        symbol=symbol,
        bid=bid,
        ask=ask,
        last=last,
        bid_size=number(best.get("bs")) if bid is not None else None,
        ask_size=number(best.get("as")) if bid is not None else None,
        volume=number(day.get("v")),
        observed_at=traded_at,
        received_at=received_at,
        provider=NAME,
        prev_close=number(before.get("c")),
    )


def _bar(symbol: str, interval: Interval, fields: Mapping[str, Any]) -> Bar:
    opened, high, low, close = (price(number(fields.get(name))) for name in ("o", "h", "l", "c"))
    return Bar(symbol, interval, _instant(fields.get("t")), opened, high, low, close, number(fields.get("v")), NAME)


def _instant(value: Any) -> datetime:
    """Alpaca gives nanoseconds, as text over REST and as msgpack's timestamp on the stream; we keep microseconds.

    NEVER when it is neither.
    """
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
        elif not isinstance(value, datetime):
            value = value.to_datetime()
        at: datetime = value.astimezone(UTC)
        return at
    except (TypeError, ValueError, AttributeError, OverflowError):
        return NEVER


async def test_keys(settings: Settings, keys: Mapping[str, str]) -> str:
    """Ask one snapshot, without the SDK: the web process stays small. What was learned, in words."""
    url = settings.vendor_urls.get("alpaca-data", REST_URL).rstrip("/")
    headers = {"APCA-API-KEY-ID": keys["key_id"], "APCA-API-SECRET-KEY": keys["secret"]}
    feed = keys.get("feed") or FEEDS[0]

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(verify=authorities(), timeout=READ_SECS, trust_env=False) as client:
            try:
                asked = {"symbols": "AAPL", "feed": feed}
                return await client.get(f"{url}/v2/stocks/snapshots", params=asked, headers=headers)
            except httpx.TransportError:
                raise VendorFailure(VENDOR, "unreachable", f"{VENDOR} cannot be reached.") from None

    answer = await Line(VENDOR, plan=plan_of(keys, FREE), tries=1).read(ask)
    if answer.status_code != 200:
        raise failure_of_status(VENDOR, answer.status_code)
    try:
        quote = _quote("AAPL", object_of(answer.json()).get("AAPL"), utc_now())
    except ValueError:
        raise garbage("content") from None
    if not quote.last.is_finite():
        raise garbage("price")
    return f"AAPL at {quote.last:,.2f} USD from the feed {feed}."
