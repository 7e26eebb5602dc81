"""Cash and holdings of a tracked account as the fold of its entries that stand, in the order of time.

Its entries are booked in any order (an older file after a newer one), so that nothing of it can be carried on from the
last one: what is cached is told anew from the whole journal. All pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import Side
from starkmatter.domain.sessions import exchange_day


@dataclass(frozen=True, slots=True)
class Standing:
    """An entry that stands. `cash` it moved, `paid_in` of that came from outside, `worth` the trading leg's money,
    and the shares it moved, signed, by symbol."""

    id: int
    kind: str
    venue_at: datetime
    cash: Decimal
    paid_in: Decimal
    worth: Decimal
    symbols: list[str]
    qtys: list[Decimal]

    @property
    def shares(self) -> Iterator[tuple[str, Decimal]]:
        return zip(self.symbols, self.qtys, strict=True)


@dataclass(slots=True)
class Held:
    """A symbol's fold, and when its shares first came."""

    since: datetime
    state: HoldingState = field(default_factory=HoldingState)


def holdings(entries: Iterable[Standing]) -> dict[str, Held]:
    """Every symbol at average cost, in the order in which lots are told: by the exchange's day, then as booked."""
    found: dict[str, Held] = {}
    for one in sorted(entries, key=lambda entry: (exchange_day(entry.venue_at), entry.id)):
        apply_entry(found, one)
    return found


def apply_entry(held: dict[str, Held], one: Standing) -> None:
    """Shares of a trade at its cash, of an arrival at what it was worth; a split changes their number alone."""
    for symbol, qty in one.shares:
        holding = held.setdefault(symbol, Held(one.venue_at))
        state = holding.state
        if one.kind == "fill":
            side: Side = "buy" if qty > 0 else "sell"
            holding.state = after_fill(state, side, abs(qty), one.cash, may_short=True)
        else:
            cost = one.worth if len(one.symbols) == 1 else ZERO
            holding.state = HoldingState(state.qty + qty, state.cost_basis + cost, state.realized_pl)
