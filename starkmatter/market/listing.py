"""Which symbols of the wall-clock market are known: those a watchlist begins with, and those somebody looked up."""

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal

from starkmatter.db.database import Database
from starkmatter.domain.instruments import COIN_MARKET, PAIR_MARKET, Instrument, class_of, tick_of
from starkmatter.domain.pairs import name_of, pair_of
from starkmatter.market import queries
from starkmatter.market.ports import Found

COIN_STEP = Decimal("0.00000001")

FIRST = (
    Found("SPY", "SPDR S&P 500 ETF Trust", "etf", "NYSE Arca", "USD"),
    Found("QQQ", "Invesco QQQ Trust", "etf", "Nasdaq", "USD"),
    Found("AAPL", "Apple Inc.", "equity", "Nasdaq", "USD", "Technology"),
    Found("MSFT", "Microsoft Corporation", "equity", "Nasdaq", "USD", "Technology"),
    Found("NVDA", "NVIDIA Corporation", "equity", "Nasdaq", "USD", "Technology"),
    Found("AMZN", "Amazon.com, Inc.", "equity", "Nasdaq", "USD", "Consumer Cyclical"),
    Found("GOOGL", "Alphabet Inc.", "equity", "Nasdaq", "USD", "Communication Services"),
    Found("JPM", "JPMorgan Chase & Co.", "equity", "NYSE", "USD", "Financial Services"),
    Found("XOM", "Exxon Mobil Corporation", "equity", "NYSE", "USD", "Energy"),
    Found("JNJ", "Johnson & Johnson", "equity", "NYSE", "USD", "Healthcare"),
    Found("^GSPC", "S&P 500", "index", "Index", "USD"),
)


def described(symbol: str) -> Found | None:
    """A pair or coin that is known by name here, whatever any source offers; None for every other symbol."""
    pair, name = pair_of(symbol), name_of(symbol)
    if pair is None or name is None:
        return None
    if class_of(symbol) == "fx":
        return Found(symbol, name, "fx", PAIR_MARKET, pair.quote)
    return Found(symbol, name, "crypto", COIN_MARKET, pair.quote)


async def add_instruments(db: Database, found: Sequence[Found], last: Decimal | None = None) -> None:
    """Store what a source describes; only shares and funds can be traded.

    `last` is what one costs where that is known: the steps of a coin's price follow from it.
    """
    for one in found:
        instrument = Instrument(
            symbol=one.symbol,
            name=one.name,
            kind=one.kind,
            exchange=one.exchange,
            currency=one.currency,
            tick_size=tick_of(one.symbol, last),
            lot_size=COIN_STEP if one.kind == "crypto" else Decimal(1),
            sector=one.sector,
            data_quality="ohlcv",
            data_note="",
            source="",
            data_starts_on=None,
            data_ends_on=None,
            tradable=class_of(one.symbol) == "share",
            isin=one.isin,
            figi=one.figi,
        )
        await db.run(queries.PUT_INSTRUMENT, asdict(instrument) | {"venue": "market"})


async def call_instrument(db: Database, symbol: str, *, isin: str | None, figi: str | None) -> None:
    """Remember what a symbol is called elsewhere; what is not told stays as it was."""
    await db.run(queries.CALL_INSTRUMENT, {"symbol": symbol, "isin": isin, "figi": figi})
