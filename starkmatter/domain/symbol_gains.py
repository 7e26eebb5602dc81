"""What one symbol brought over a period, by average cost, told apart into price and currency.

Shares can be quoted in another currency than the book's (Karnosky and Singer, "Global Asset Management and Performance
Attribution", 1994; the arithmetic form with the cross product as a part of the currency's: Bacon, "Practical Portfolio
Performance Measurement and Attribution", 2nd ed. 2008, on multi-currency attribution). With a cost of G in the book's
currency and g in the quoted one, and proceeds or worth of P and p,

* price     (p - g) G / g: the gain in the quoted currency at the rate that was paid at (at the start: that day's),
* currency  p (P / p - G / g): what is there in the end by the change of the rate, so that the cross term is in it.

They sum to P - G exactly. Where no rate is known at a trade or an end the gain is not told apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from starkmatter.domain.lots import share
from starkmatter.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Worth:
    """Shares (signed) and what they are worth together."""

    qty: Decimal
    value: Decimal


# What one unit of the currency a symbol is quoted in costs in the book's at an instant; None where that is not known.
RateAt = Callable[[datetime], Decimal | None]


@dataclass(frozen=True, slots=True)
class SymbolGain:
    """What one symbol brought: by its price `realized` and `unrealized`, by exchange rates `fx`.

    `bought` and `sold` are the cash of its trades, fees aside, not negative.
    """

    symbol: str
    start: Worth
    end: Worth
    bought: Decimal
    sold: Decimal
    realized: Decimal
    unrealized: Decimal
    entry_ids: tuple[int, ...]
    fx: Decimal = ZERO

    @property
    def gain(self) -> Decimal:
        return self.realized + self.unrealized + self.fx


@dataclass(slots=True)
class Position:
    """A symbol's fold: average cost from the start's worth on; `local` is that cost in the quoted currency."""

    start: Worth
    qty: Decimal
    basis: Decimal
    rate: RateAt | None = None
    local: Decimal = ZERO
    realized: Decimal = ZERO
    fx: Decimal = ZERO
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    entry_ids: list[int] = field(default_factory=list)

    def trade(self, qty: Decimal, cash: Decimal, at: datetime) -> None:
        """`qty` signed shares for `cash` (negative when paid)."""
        if cash < 0:
            self.bought -= cash
        else:
            self.sold += cash
        local = self.in_local(cash, at)
        closing = min(abs(qty), abs(self.qty)) if qty * self.qty < 0 else ZERO
        if closing:
            gone, local_gone = share(self.basis, closing, abs(self.qty)), self.share_of_local(closing)
            part, local_part = share(cash, closing, abs(qty)), local * closing / abs(qty)
            by_rate = self.by_rate(part, local_part, gone, local_gone)
            self.realized += part - gone - by_rate
            self.fx += by_rate
            self.basis -= gone
            self.local -= local_gone
            cash -= part
            local -= local_part
        self.qty += qty
        self.basis -= cash
        self.local -= local

    def in_local(self, value: Decimal, at: datetime | None) -> Decimal:
        """A value of the book's currency in the quoted one. Without a rate nothing is told apart from then on."""
        rate = self.rate(at) if self.rate is not None and at is not None else None
        if rate is None:
            self.rate = None
            return ZERO
        return value / rate

    def share_of_local(self, qty: Decimal) -> Decimal:
        return self.local * qty / abs(self.qty) if self.qty else ZERO

    def by_rate(self, value: Decimal, local: Decimal, basis: Decimal, local_basis: Decimal) -> Decimal:
        """The currency's part of `value` - `basis`: the local value by the change of the rate since it was paid."""
        if self.rate is None or local_basis == 0:
            return ZERO
        return value - local * basis / local_basis


def gain_of(symbol: str, position: Position, end: Worth, end_at: datetime | None) -> SymbolGain:
    """What came of the position by the end, when it is worth `end`."""
    by_rate = ZERO
    if end.qty:
        local = position.in_local(end.value, end_at)
        by_rate = position.by_rate(end.value, local, position.basis, position.local)
    return SymbolGain(
        symbol,
        position.start,
        end,
        position.bought,
        position.sold,
        position.realized,
        end.value - position.basis - by_rate,
        tuple(position.entry_ids),
        position.fx + by_rate,
    )


def together(one: SymbolGain, other: SymbolGain) -> SymbolGain:
    """The same symbol's gain in two accounts."""
    return SymbolGain(
        one.symbol,
        Worth(one.start.qty + other.start.qty, one.start.value + other.start.value),
        Worth(one.end.qty + other.end.qty, one.end.value + other.end.value),
        one.bought + other.bought,
        one.sold + other.sold,
        one.realized + other.realized,
        one.unrealized + other.unrealized,
        one.entry_ids + other.entry_ids,
        one.fx + other.fx,
    )
