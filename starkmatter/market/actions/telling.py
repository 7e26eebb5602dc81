"""What was told of corporate actions, each time: revisions are added and never changed, so that a correction is seen.

A source names a split or a dividend by its symbol and ex-date; what it tells otherwise is the next revision, what it
announced and announces no more is withdrawn. A person's word stands until the source itself says something new.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from starkmatter.db.database import Connection, Database
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
from starkmatter.domain.quotes import Venue
from starkmatter.market.actions import queries

ONE = Decimal(1)
OPERATOR, OPENING_PRICE = "operator", "opening price"
# Whose word about an action is not a source's: it is not held against what the source says next.
NOT_A_SOURCE = (OPERATOR, OPENING_PRICE)


@dataclass(frozen=True, slots=True)
class ToldRow:
    """A revision as it is stored; `id` grows with every telling."""

    id: int
    action_id: str
    revision: int
    symbol: str
    ex_on: date
    currency: str
    kind: str | None
    numerator: Decimal | None
    denominator: Decimal | None
    price: Decimal | None
    cost_pct: Decimal | None
    to_symbol: str | None
    provider: str
    told_at: datetime

    @property
    def told(self) -> Told:
        """As the domain takes it. Raises CorporateError when its figures can be none."""
        return Told(self.action_id, self.revision, self.symbol, self.ex_on, self.currency, self._terms(), self.provider)

    def _terms(self) -> Terms | None:
        up, down, other = self.numerator or ONE, self.denominator or ONE, self.to_symbol or ""
        match self.kind:
            case "split":
                return Splitting(up, down, self.price)
            case "stock_dividend":
                return StockDividend(up / down, self.price)
            case "dividend":
                return CashDividend(self.price or Decimal(0))
            case "symbol_change":
                return SymbolChange(other)
            case "delisting":
                return Delisting(self.price)
            case "spin_off":
                return SpinOff(other, up, down, self.cost_pct, self.price)
        return None


def kind_of(terms: Terms | None) -> str | None:
    """The word for a kind of action in tables and over the wire; None for one that was withdrawn."""
    names: dict[type, str] = {
        Splitting: "split", StockDividend: "stock_dividend", CashDividend: "dividend", SymbolChange: "symbol_change",
        Delisting: "delisting", SpinOff: "spin_off",
    }  # fmt: skip
    return None if terms is None else names[type(terms)]


async def tell_actions(connection: Connection, venue: Venue, told: Iterable[Told], now: datetime) -> int:
    """Add these revisions; how many of them were new. What is there already stays as it is."""
    added = 0
    for one in told:
        ratio, price, cost, other = _columns(one.terms)
        row = {
            "venue": venue,
            "action_id": one.action_id,
            "revision": one.revision,
            "symbol": one.symbol,
            "ex_on": one.ex_on,
            "currency": one.currency,
            "kind": kind_of(one.terms),
            "numerator": ratio[0],
            "denominator": ratio[1],
            "price": price,
            "cost_pct": cost,
            "to_symbol": other,
            "provider": one.provider,
            "now": now,
        }
        added += (await connection.execute(queries.TELL, row)).rowcount
    return added


def _columns(
    terms: Terms | None,
) -> tuple[tuple[Decimal | None, Decimal | None], Decimal | None, Decimal | None, str | None]:
    """Ratio, price, part of the cost and other symbol, as the table keeps them."""
    match terms:
        case Splitting(up, down, lieu):
            return (up, down), lieu, None, None
        case StockDividend(ratio, lieu):
            return (ratio, ONE), lieu, None, None
        case CashDividend(per_share):
            return (None, None), per_share, None, None
        case SymbolChange(other):
            return (None, None), None, None, other
        case Delisting(price):
            return (None, None), price, None, None
        case SpinOff(other, up, down, cost, lieu):
            return (up, down), lieu, cost, other
    return (None, None), None, None, None


async def tell_what_changed(connection: Connection, symbol: str, today: date, now: datetime) -> int:
    """Hold a symbol's stored splits and dividends against what was told; how many revisions were added."""
    about = {"symbol": symbol, "today": today, "now": now, "not_a_source": list(NOT_A_SOURCE)}
    added = 0
    for statement in (queries.TELL_SPLITS, queries.TELL_DIVIDENDS, queries.TELL_WITHDRAWN):
        added += (await connection.execute(statement, about)).rowcount
    return added


async def newest_telling(db: Database) -> int:
    """The number of the last thing that was told; 0 before anything was."""
    return int(await db.value(queries.NEWEST_TELLING))


async def told_of_symbols(connection: Connection, venue: Venue, symbols: Sequence[str], after: date) -> list[ToldRow]:
    """Every revision of actions of these symbols with an ex-date after that day in any of them, in order of telling."""
    asked = {"venue": venue, "symbols": list(symbols), "after": after}
    return [ToldRow(*row) for row in await (await connection.execute(queries.TOLD_OF, asked)).fetchall()]
