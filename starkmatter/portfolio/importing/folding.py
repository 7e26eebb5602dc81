"""Cash and holdings of a tracked account as the fold of its entries that stand, in the order of time.

Its entries are booked in any order (an older file after a newer one), so that nothing of it can be carried on from the
last one: what is cached is told anew from the whole journal. All pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from starkmatter.domain.holdings import HoldingState, after_coming, after_fill, after_leaving
from starkmatter.domain.ledger import MOVED_IN, MOVED_OUT
from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import Side


@dataclass(frozen=True, slots=True)
class Standing:
    """An entry that stands. `cash` it moved, `paid_in` came from outside (shares at what they were worth), `worth` the
    trading leg's money or what shares of an account of one's own had cost, and the shares it moved, signed, by symbol.
    """

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
    """Every symbol at average cost, in the order in which lots are told: by the instant, then as booked."""
    return holdings_and_costs(entries)[0]


def holdings_and_costs(entries: Iterable[Standing]) -> tuple[dict[str, Held], dict[int, Decimal]]:
    """The same, and what the shares that left without a trade had cost, by the entry that says so."""
    found: dict[str, Held] = {}
    left: dict[int, Decimal] = {}
    for one in sorted(entries, key=lambda entry: (entry.venue_at, entry.id)):
        cost = apply_entry(found, one)
        if cost is not None:
            left[one.id] = cost
    return found, left


def apply_entry(held: dict[str, Held], one: Standing) -> Decimal | None:
    """Shares of a trade at its cash, of an arrival at what they had cost or were worth; a split changes their number
    alone. What shares that left without a trade had cost; None for any other entry."""
    left: Decimal | None = None
    for symbol, qty in one.shares:
        holding = held.setdefault(symbol, Held(one.venue_at))
        state = holding.state
        if one.kind == "fill":
            side: Side = "buy" if qty > 0 else "sell"
            holding.state = after_fill(state, side, abs(qty), one.cash, may_short=True)
        elif one.kind == MOVED_OUT and qty < 0:
            holding.state, left = after_leaving(state, -qty)
        elif one.kind == MOVED_IN and qty > 0:
            holding.state = after_coming(state, qty, one.worth)
        else:
            cost = one.worth if len(one.symbols) == 1 else ZERO
            holding.state = HoldingState(state.qty + qty, state.cost_basis + cost, state.realized_pl)
    return left
