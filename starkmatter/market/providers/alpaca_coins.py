"""Coins from Alpaca through its SDK's client of them: `BTC/USD` there. Their stream is another one, not used here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starkmatter.domain.depth import Depth, Level
from starkmatter.domain.pairs import DOLLAR, coin_of
from starkmatter.domain.quotes import Interval
from starkmatter.market.providers.alpaca_rest import garbage, object_of
from starkmatter.market.providers.figures import number, price

if TYPE_CHECKING:
    from alpaca.data.historical.crypto import CryptoHistoricalDataClient


MAX_LEVELS = 50


def theirs(symbol: str) -> str:
    """Alpaca's spelling of a coin."""
    return f"{coin_of(symbol)}/{DOLLAR}"


def ours(symbol: str) -> str:
    """Our spelling of Alpaca's."""
    return symbol.replace("/", "-")


def snapshots(client: "CryptoHistoricalDataClient", symbols: Sequence[str]) -> Any:
    """The newest of each coin, as the vendor tells it, by its own spelling."""
    from alpaca.data.requests import CryptoSnapshotRequest

    return client.get_crypto_snapshot(CryptoSnapshotRequest(symbol_or_symbols=[theirs(one) for one in symbols]))


def books(client: "CryptoHistoricalDataClient", symbols: Sequence[str]) -> Any:
    """What waits for each coin, as the vendor tells it, by its own spelling."""
    from alpaca.data.requests import CryptoLatestOrderbookRequest

    asked = CryptoLatestOrderbookRequest(symbol_or_symbols=[theirs(one) for one in symbols])
    return client.get_crypto_latest_orderbook(asked)


def books_of(
    provider: str, raw: Mapping[str, Any], received_at: datetime, instant: Callable[[Any], datetime]
) -> Iterator[Depth]:
    """The books of an answer; a level without a size is none. `instant` reads the vendor's clock."""

    def side(rows: Any) -> tuple[Level, ...]:
        if not isinstance(rows, list):
            raise garbage("orderbooks")
        levels = (Level(price(number(row.get("p"))), price(number(row.get("s")))) for row in map(object_of, rows))
        return tuple(level for level in levels if level.size != 0)[:MAX_LEVELS]

    for there, told in object_of(raw.get("orderbooks", raw)).items():
        book = object_of(told)
        bids, asks = side(book.get("b", [])), side(book.get("a", []))
        yield Depth(ours(there), bids, asks, instant(book.get("t")), received_at, provider)


def bars(client: "CryptoHistoricalDataClient", symbol: str, interval: Interval, start: datetime, end: datetime) -> Any:
    """Bars of a coin, by its own spelling. Its hours are whole ones, as ours are."""
    from alpaca.data.requests import CryptoBarsRequest
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

    frames = {
        "1m": TimeFrame(1, TimeFrameUnit.Minute),
        "5m": TimeFrame(5, TimeFrameUnit.Minute),
        "15m": TimeFrame(15, TimeFrameUnit.Minute),
        "1h": TimeFrame(1, TimeFrameUnit.Hour),
        "1d": TimeFrame(1, TimeFrameUnit.Day),
    }
    asked = CryptoBarsRequest(symbol_or_symbols=theirs(symbol), timeframe=frames[interval], start=start, end=end)
    return client.get_crypto_bars(asked)
