"""A proposed order as pages and the API show it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from starkmatter.domain.orders import OrderRequest, OrderType, Side, TimeInForce

Source = Literal["person", "program", "assistant"]
State = Literal["waiting", "confirmed", "ordered", "declined", "withdrawn", "expired"]


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """One proposal with its reasons. `thesis` says why, `invalidation` what would show that it was wrong.

    `reference_price` is what a share cost when it was proposed; `drift_pct` how far the price may move until somebody
    confirms. `may_confirm`: the caller trades on the account.
    """

    id: UUID
    account_id: UUID
    proposed_by: UUID
    source: Source
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    thesis: str
    invalidation: str
    ticket_hash: str
    reference_price: Decimal
    created_at: datetime
    expires_at: datetime
    decision: Literal["confirmed", "declined", "withdrawn"] | None
    decided_by: UUID | None
    decided_at: datetime | None
    valid_until: datetime | None
    used_at: datetime | None
    order_id: UUID | None
    account_name: str
    drift_pct: Decimal
    proposed_by_name: str
    decided_by_name: str
    may_confirm: bool

    @property
    def request(self) -> OrderRequest:
        """The order as proposed."""
        return OrderRequest(self.symbol, self.side, self.type, self.qty, self.time_in_force, self.limit_price)

    def state_at(self, now: datetime) -> State:
        """Where it stands: one that was confirmed and not ordered in time has expired."""
        if self.used_at is not None:
            return "ordered"
        if self.decision == "confirmed":
            return "confirmed" if self.valid_until is not None and self.valid_until > now else "expired"
        if self.decision is not None:
            return self.decision
        return "waiting" if self.expires_at > now else "expired"
