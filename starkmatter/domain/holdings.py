"""A holding as the fold of its fills at average cost, fees included; the oracle of what the database caches."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from starkmatter.domain.money import MICRO, ZERO, to_micros
from starkmatter.domain.orders import Side


@dataclass(frozen=True, slots=True)
class HoldingState:
    """`qty` shares held (below zero: short), what they cost together, and the profit of what was closed."""

    qty: Decimal = ZERO
    cost_basis: Decimal = ZERO
    realized_pl: Decimal = ZERO

    @property
    def avg_price(self) -> Decimal:
        """Cost per share; zero when nothing is held."""
        return to_micros(self.cost_basis / self.qty) if self.qty else ZERO


def after_fill(
    state: HoldingState, side: Side, qty: Decimal, cash: Decimal, *, may_short: bool = False
) -> HoldingState:
    """The holding after a fill that moved `cash` (negative for a purchase, fees included).

    What closes takes its part of the cost basis, rounded half away from zero to six decimals; closing all takes all of
    it, so no residue of cost can outlive the shares. What opens adds to it: a short has the cost of what came in for
    it, below zero. A fill that goes through zero does both, its cash in proportion. Raises ValueError when more is sold
    than held, unless the account `may_short`.
    """
    signed = qty if side == "buy" else -qty
    if side == "sell" and qty > max(state.qty, ZERO) and not may_short:
        raise ValueError(f"cannot sell {qty} of {state.qty}")
    closed = min(abs(state.qty), qty) if state.qty * signed < 0 else ZERO
    if closed == 0:
        return HoldingState(state.qty + signed, state.cost_basis - cash, state.realized_pl)
    whole = closed == abs(state.qty)
    basis = state.cost_basis if whole else _round_half_up(state.cost_basis * closed / abs(state.qty))
    closing_cash = cash if closed == qty else _round_half_up(cash * closed / qty)
    return HoldingState(
        state.qty + signed,
        state.cost_basis - basis - (cash - closing_cash),
        state.realized_pl + closing_cash - basis,
    )


def after_leaving(state: HoldingState, qty: Decimal) -> tuple[HoldingState, Decimal]:
    """The holding after `qty` (positive) shares went without a trade, and what part of the cost went along.

    It is rounded like a sale's; nothing is realized. More than is held goes below zero at no cost: a history may begin
    late.
    """
    leaving = min(qty, max(state.qty, ZERO))
    whole = leaving == state.qty
    basis = state.cost_basis if whole and leaving else ZERO
    if leaving and not whole:
        basis = _round_half_up(state.cost_basis * leaving / state.qty)
    return HoldingState(state.qty - qty, state.cost_basis - basis, state.realized_pl), basis


def after_coming(state: HoldingState, qty: Decimal, cost: Decimal) -> HoldingState:
    """The holding after `qty` (positive) shares came without a trade and brought what they had cost along."""
    return HoldingState(state.qty + qty, state.cost_basis + cost, state.realized_pl)


def _round_half_up(value: Decimal) -> Decimal:
    return value.quantize(MICRO, ROUND_HALF_UP)
