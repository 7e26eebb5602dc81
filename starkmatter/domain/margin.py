"""A margin account: what it may buy, what it has to keep, and what has to be sold when it does not keep it.

equity = cash + long value - short value (cash counts the proceeds of short sales)

* Initial (Regulation T, 12 CFR 220.12): 50 % of long value; short sales 150 %, of which the proceeds are 100 %, so 50 %
  of short value in equity.
* Maintenance (FINRA rule 4210(c); Regulatory Notice 11-16): 25 % of long value; short 30 % of value and 5 USD a share
  at least, of shares below 5 USD their whole value and 2.50 USD a share at least.
* Below 2,000 USD of equity nothing is lent (FINRA rule 4210(b)).

Values are exact; whoever shows them rounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import Side


@dataclass(frozen=True, slots=True)
class MarginRules:
    """Ratios of value and amounts per share, in the account's currency."""

    initial_long_ratio: Decimal = Decimal("0.50")
    initial_short_ratio: Decimal = Decimal("1.50")
    maintenance_long_ratio: Decimal = Decimal("0.25")
    maintenance_short_ratio: Decimal = Decimal("0.30")
    short_per_share: Decimal = Decimal("5.00")
    cheap_below: Decimal = Decimal("5.00")
    cheap_short_per_share: Decimal = Decimal("2.50")
    min_equity: Decimal = Decimal(2_000)


REG_T = MarginRules()


@dataclass(frozen=True, slots=True)
class Position:
    """`signed_qty` shares (negative: short) at the market's price, in lots of `lot_size`."""

    symbol: str
    signed_qty: Decimal
    price: Decimal
    lot_size: Decimal = Decimal(1)

    @property
    def value(self) -> Decimal:
        """Market value, never negative."""
        return abs(self.signed_qty) * self.price


@dataclass(frozen=True, slots=True)
class MarginState:
    """Where a margin account stands. `debit` is what it owes; figures but `cash`, `equity`, `excess` are not negative.

    `excess` is what equity has above maintenance, `call` what is missing to it. `buying_power`: the value of shares
    that could be bought now.
    """

    cash: Decimal
    long_value: Decimal
    short_value: Decimal
    equity: Decimal
    debit: Decimal
    initial: Decimal
    maintenance: Decimal
    buying_power: Decimal

    @property
    def excess(self) -> Decimal:
        return self.equity - self.maintenance

    @property
    def call(self) -> Decimal:
        return max(ZERO, -self.excess)


@dataclass(frozen=True, slots=True)
class Closing:
    """A trade at the market that makes a position smaller."""

    symbol: str
    side: Side
    qty: Decimal


def maintenance_of(position: Position, rules: MarginRules = REG_T) -> Decimal:
    """The equity that one position has to be kept with."""
    if position.signed_qty >= 0:
        return position.value * rules.maintenance_long_ratio
    qty = -position.signed_qty
    if position.price < rules.cheap_below:
        return max(position.value, qty * rules.cheap_short_per_share)
    return max(position.value * rules.maintenance_short_ratio, qty * rules.short_per_share)


def margin_state(cash: Decimal, positions: Sequence[Position], rules: MarginRules = REG_T) -> MarginState:
    """The account's margin. `cash` is signed (negative: borrowed) and holds the proceeds of short sales."""
    long_value = sum((one.value for one in positions if one.signed_qty > 0), ZERO)
    short_value = sum((one.value for one in positions if one.signed_qty < 0), ZERO)
    equity = cash + long_value - short_value
    initial = long_value * rules.initial_long_ratio + short_value * (rules.initial_short_ratio - 1)
    maintenance = sum((maintenance_of(one, rules) for one in positions), ZERO)
    power = (equity - initial) / rules.initial_long_ratio
    power = max(ZERO, min(power, (equity - maintenance) / rules.maintenance_long_ratio))
    if equity < rules.min_equity:
        power = min(power, max(ZERO, cash - short_value * rules.initial_short_ratio))
    return MarginState(cash, long_value, short_value, equity, max(ZERO, -cash), initial, maintenance, power)


def short_equity_needed(qty: Decimal, price: Decimal, rules: MarginRules = REG_T) -> Decimal:
    """The equity that opening a short of `qty` shares at `price` needs beside its own proceeds."""
    by_value = qty * price * (rules.initial_short_ratio - 1)
    return max(by_value, maintenance_of(Position("", -qty, price), rules))


def liquidation(cash: Decimal, positions: Sequence[Position], rules: MarginRules = REG_T) -> list[Closing]:
    """What to close so that the call is met, touching as few positions as can be; empty without a call.

    Closing a position frees what it has to be kept with. Those that free most go first (then by symbol), which is the
    fewest; of the last one only as many lots as it takes. When closing everything is not enough, everything is closed.
    """
    missing = margin_state(cash, positions, rules).call
    found: list[Closing] = []
    by_relief = sorted(
        (one for one in positions if one.signed_qty), key=lambda one: (-maintenance_of(one, rules), one.symbol)
    )
    for one in by_relief:
        if missing <= 0:
            break
        relief, held = maintenance_of(one, rules), abs(one.signed_qty)
        qty = held
        if relief > missing:
            # What a position has to be kept with is in proportion to its shares.
            lots = (missing * held / relief / one.lot_size).to_integral_value(ROUND_CEILING)
            qty = min(held, lots * one.lot_size)
        found.append(Closing(one.symbol, "sell" if one.signed_qty > 0 else "buy", qty))
        missing -= relief
    return found
