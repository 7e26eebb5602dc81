"""A holding as the fold of its fills at average cost, fees included; the oracle of what the database caches."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from starkmatter.domain.money import MICRO, ZERO, to_micros
from starkmatter.domain.orders import Side


@dataclass(frozen=True, slots=True)
class HoldingState:
    """`qty` shares held, what they cost together, and the profit of what was sold."""

    qty: Decimal = ZERO
    cost_basis: Decimal = ZERO
    realized_pl: Decimal = ZERO

    @property
    def avg_price(self) -> Decimal:
        """Cost per share; zero when nothing is held."""
        return to_micros(self.cost_basis / self.qty) if self.qty else ZERO


def after_fill(state: HoldingState, side: Side, qty: Decimal, cash: Decimal) -> HoldingState:
    """The holding after a fill that moved `cash` (negative for a purchase, fees included).

    Selling part takes the same part of the cost basis, rounded half away from zero to six decimals; selling all takes
    all of it, so no residue of cost can outlive the shares. Raises ValueError when more is sold than held.
    """
    if side == "buy":
        return HoldingState(state.qty + qty, state.cost_basis - cash, state.realized_pl)
    if qty > state.qty:
        raise ValueError(f"cannot sell {qty} of {state.qty}")
    basis = state.cost_basis if qty == state.qty else _round_half_up(state.cost_basis * qty / state.qty)
    return HoldingState(state.qty - qty, state.cost_basis - basis, state.realized_pl + cash - basis)


def _round_half_up(value: Decimal) -> Decimal:
    return value.quantize(MICRO, ROUND_HALF_UP)
