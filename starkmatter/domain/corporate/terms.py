"""What a source says a company did, as it can be told again, corrected or withdrawn; what makes no sense is refused.

Ratios and amounts are per share as it was before the ex-date, prices per share as it is from then on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from starkmatter.domain.money import ZERO, plain


class CorporateError(ValueError):
    """An action that cannot be carried out as it was told, in a sentence: a person has to look."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """A holder of `denominator` shares has `numerator`: 4 and 1 for four to one, 1 and 6 in reverse.

    `lieu_price` is what a whole new share is worth where parts of one are paid in cash; None while nobody has said it.
    """

    numerator: Decimal
    denominator: Decimal
    lieu_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class StockDividend:
    """`ratio` new shares for each one held (0.05 for five percent), without a cost of their own."""

    ratio: Decimal
    lieu_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CashDividend:
    """Cash per share; somebody who borrowed the shares pays it."""

    per_share: Decimal


@dataclass(frozen=True, slots=True)
class SymbolChange:
    """The shares go on under another symbol."""

    to_symbol: str


@dataclass(frozen=True, slots=True)
class Delisting:
    """The shares end at `price` each; at nothing when they are worthless (None)."""

    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SpinOff:
    """For `denominator` shares held come `numerator` of `to_symbol`, which take `cost_pct` (0..100) of the cost along.

    None for a cost that nobody has told yet: the new shares cost nothing until a later revision says it.
    """

    to_symbol: str
    numerator: Decimal
    denominator: Decimal
    cost_pct: Decimal | None = None
    lieu_price: Decimal | None = None


Terms = Splitting | StockDividend | CashDividend | SymbolChange | Delisting | SpinOff


@dataclass(frozen=True, slots=True)
class Told:
    """One revision of one action. `terms` is None when it was withdrawn: it has not happened.

    It concerns who held shares before `ex_on`, a day of the exchange. `currency` is that of all its amounts.
    Raises CorporateError when its figures can be none.
    """

    action_id: str
    revision: int
    symbol: str
    ex_on: date
    currency: str
    terms: Terms | None
    provider: str

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise CorporateError(f"{self.action_id} of {self.symbol}: {problem}")


def _problem(told: Told) -> str:
    """What of the terms can be none, or nothing."""
    if told.revision < 1:
        return "revisions are counted from 1."
    for name, value in _figures(told.terms):
        if value is not None and not (value.is_finite() and value > 0):
            return f"{name} must be more than zero, not {value}."
    match told.terms:
        case SpinOff(cost_pct=cost) if cost is not None and not 0 <= cost <= 100:
            return f"the part of the cost must be 0 to 100 percent, not {cost}."
        case SymbolChange(to_symbol=other) | SpinOff(to_symbol=other) if other in ("", told.symbol):
            return "it needs another symbol."
    return ""


def _figures(terms: Terms | None) -> Iterable[tuple[str, Decimal | None]]:
    match terms:
        case Splitting(up, down, lieu) | SpinOff(numerator=up, denominator=down, lieu_price=lieu):
            return (("a ratio", up), ("a ratio", down), ("the price of a part", lieu))
        case StockDividend(ratio, lieu):
            return (("a ratio", ratio), ("the price of a part", lieu))
        case CashDividend(per_share):
            return (("a dividend", per_share),)
        case Delisting(price):
            return (("a last price", price),)
    return ()


def ratio_of(terms: Terms | None) -> tuple[Decimal, Decimal] | None:
    """Numerator and denominator of what becomes of one share; None where its number stays."""
    match terms:
        case Splitting(up, down):
            return up, down
        case StockDividend(ratio):
            return 1 + ratio, Decimal(1)
    return None


def action_words(told: Told) -> str:
    """What happened, without an account: `AAPL split 4:1 on 2020-08-31`."""
    match told.terms:
        case None:
            return f"{told.symbol}: what was told of {told.ex_on.isoformat()} has been withdrawn"
        case Splitting(up, down):
            what = f"split {plain(up)}:{plain(down)}"
        case StockDividend(ratio):
            what = f"stock dividend of {plain(ratio)} a share"
        case CashDividend(per_share):
            what = f"dividend of {plain(per_share)} {told.currency} a share"
        case SymbolChange(other):
            what = f"is {other} now"
        case Delisting(None):
            what = "delisted as worthless"
        case Delisting(price):
            what = f"delisted at {plain(price or ZERO)} {told.currency}"
        case SpinOff(other, up, down):
            what = f"spun off {plain(up)} {other} for {plain(down)}"
    return f"{told.symbol} {what} on {told.ex_on.isoformat()}"


def newest(told: Iterable[Told]) -> list[Told]:
    """Each action as its highest revision says, in the order in which they were heard of first.

    An older revision that arrives late says nothing any more. CorporateError when one revision says two things.
    """
    found: dict[str, Told] = {}
    said: dict[tuple[str, int], Told] = {}
    for one in told:
        if said.setdefault((one.action_id, one.revision), one) != one:
            raise CorporateError(f"{one.action_id} says two things as its revision {one.revision}.")
        if one.action_id not in found or found[one.action_id].revision < one.revision:
            found[one.action_id] = one
    return list(found.values())
