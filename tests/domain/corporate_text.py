"""Actions, trades and holdings from short texts, and accounts that actions are tried on."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from starkmatter.domain.corporate import story
from starkmatter.domain.corporate.positions import Holder
from starkmatter.domain.corporate.terms import (
    CashDividend,
    Delisting,
    SpinOff,
    Splitting,
    StockDividend,
    SymbolChange,
    Terms,
    Told,
)
from starkmatter.domain.holdings import HoldingState
from starkmatter.domain.lots import LotTrade

FIRST = date(2024, 3, 1)
MAIN = Holder("main", "USD", may_short=True)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def held(text: str) -> HoldingState:
    """`10 for 1000.00`: signed shares and what they cost, with the same sign."""
    qty, _, cost = text.split()
    return HoldingState(Decimal(qty), Decimal(cost))


def terms(text: str) -> Terms | None:
    """`split 1:6 lieu 12.50`, `stock 0.05`, `dividend 0.24`, `symbol NEW`, `delisted [3.10]`, `spin NEW 1:4 20`."""
    words = text.split()
    lieu = Decimal(words[words.index("lieu") + 1]) if "lieu" in words else None
    match words:
        case ["withdrawn"]:
            return None
        case ["split", ratio, *_]:
            up, down = map(Decimal, ratio.split(":"))
            return Splitting(up, down, lieu)
        case ["stock", ratio, *_]:
            return StockDividend(Decimal(ratio), lieu)
        case ["dividend", amount]:
            return CashDividend(Decimal(amount))
        case ["symbol", other]:
            return SymbolChange(other)
        case ["delisted", *price]:
            return Delisting(Decimal(price[0]) if price else None)
        case ["spin", other, ratio, cost, *_]:
            up, down = map(Decimal, ratio.split(":"))
            return SpinOff(other, up, down, None if cost == "?" else Decimal(cost), lieu)
    raise ValueError(text)


def told(text: str, on: int = 0, *, id_: str = "a1", revision: int = 1, currency: str = "USD") -> Told:
    """`AAPL split 4:1`: the first revision of an action unless another is said."""
    symbol, _, rest = text.partition(" ")
    return Told(id_, revision, symbol, day(on), currency, terms(rest), "test")


def trade(text: str, on: int = 0, *, id_: str = "", account: str = "main") -> LotTrade:
    """`buy 10 AAPL for 1000.00`: cash with fees."""
    verb, qty, symbol, _, cash = text.split()
    sign = 1 if verb == "buy" else -1
    return LotTrade(id_ or f"{text} {on}", account, symbol, day(on), sign * Decimal(qty), -sign * Decimal(cash))


def tell(
    holders: Sequence[Holder],
    begin: Mapping[story.Place, HoldingState],
    moments: Sequence[story.Moment],
    looked_at: Collection[str] = (),
) -> story.Story:
    """The story long after all of its days."""
    return story.tell(holders, begin, moments, day(1000), looked_at)
