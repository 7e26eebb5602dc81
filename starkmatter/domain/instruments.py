"""Instruments: what can be quoted, how it is priced and how far its data can be trusted."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from starkmatter.domain.pairs import coin_of, currencies_of

InstrumentKind = Literal["equity", "etf", "index", "fx", "crypto"]
AssetClass = Literal["share", "index", "fx", "crypto"]
DataQuality = Literal["ohlcv", "close_only"]

CLASS_WORDS: dict[AssetClass, str] = {
    "share": "shares and funds",
    "index": "indices",
    "fx": "currency pairs",
    "crypto": "coins",
}
CENTS = 2
# Neither has one exchange: banks trade with each other, and each of a coin's exchanges has a price of its own.
PAIR_MARKET, COIN_MARKET = "Currencies", "Coins"
# Currencies of which a unit is worth so little that pairs priced in them are quoted with three decimals, not five.
SMALL_UNITS = frozenset({"JPY", "HUF", "KRW", "INR", "THB"})
MOST_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol. Prices move in steps of `tick_size`, quantities in steps of `lot_size` shares.

    `data_quality` is `close_only` when the source has closes alone, so that the replay's open, high and low are
    synthesized; `data_note` says that in words. `tradable` is False for what can only be watched. `isin`
    and `figi` (of all its listings in one country) are None until somebody has told them. Shares that are not
    `borrowable` cannot be sold short.
    """

    symbol: str
    name: str
    kind: InstrumentKind
    exchange: str
    currency: str
    tick_size: Decimal
    lot_size: Decimal
    sector: str
    data_quality: DataQuality
    data_note: str
    source: str
    data_starts_on: date | None
    data_ends_on: date | None
    tradable: bool
    isin: str | None = None
    figi: str | None = None
    borrowable: bool = True


def class_of(symbol: str) -> AssetClass:
    """What a symbol stands for: an index begins with ^, pairs and coins have a hyphen, the others are shares."""
    if symbol.startswith("^"):
        return "index"
    if currencies_of(symbol) is not None:
        return "fx"
    return "crypto" if coin_of(symbol) is not None else "share"


def price_decimals(symbol: str, price: Decimal | None = None) -> int:
    """How many decimals a price of the symbol is shown with. A coin's depend on what one costs; unknown: eight."""
    pair = currencies_of(symbol)
    if pair is not None:
        return 3 if pair.quote in SMALL_UNITS else 5
    if coin_of(symbol) is None:
        return CENTS
    if price is None:
        return MOST_DECIMALS
    return next((decimals for least, decimals in ((100, 2), (1, 4)) if abs(price) >= least), _of_small(price))


def _of_small(price: Decimal) -> int:
    return 6 if abs(price) >= Decimal("0.01") else MOST_DECIMALS


def tick_of(symbol: str, price: Decimal | None = None) -> Decimal:
    """The step in which prices of the symbol are shown to move."""
    return Decimal(1).scaleb(-price_decimals(symbol, price))


def untradable_words(symbol: str) -> str:
    """Why a symbol can be watched and not traded, as a sentence."""
    match class_of(symbol):
        case "fx":
            return f"{symbol} is a currency pair: orders for pairs are not offered yet. It can be watched."
        case "crypto":
            return f"{symbol} is a coin: orders for coins are not offered yet. It can be watched."
    return f"{symbol} is an index: it can be watched but not traded."
