"""What goes over the wire about proposed orders."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Figure, Instant, Money, Qty, Request
from starkmatter.domain.cautions import CODES, CautionCode
from starkmatter.trading.approvals.service import MAX_TEXT_CHARS

HASH = r"^[0-9a-f]{64}$"


class NewApproval(Request):
    """`thesis` says why, `invalidation` what would show that it was wrong; it waits for `lives_hours`."""

    account_id: UUID
    symbol: str = Field(min_length=1, max_length=20)
    side: Literal["buy", "sell"]
    type: Literal["market", "limit"] = "market"
    qty: Figure
    limit_price: Figure | None = None
    time_in_force: Literal["day", "gtc"] = "day"
    thesis: str = Field(min_length=1, max_length=MAX_TEXT_CHARS)
    invalidation: str = Field(min_length=1, max_length=MAX_TEXT_CHARS)
    lives_hours: int = Field(24, ge=1, le=168)


class Decision(Request):
    """About exactly the ticket of that hash."""

    ticket_hash: str = Field(pattern=HASH)


class Confirmation(Decision):
    acknowledge: list[CautionCode] = Field(default_factory=list, max_length=len(CODES))


class FromProposal(Request):
    invalidation: str = Field(min_length=1, max_length=MAX_TEXT_CHARS)


class NewDrift(Request):
    drift_pct: Figure


class ApprovalOut(Answer):
    id: UUID
    account_id: UUID
    account_name: str
    source: Literal["person", "program", "assistant"]
    proposed_by_name: str
    symbol: str
    side: str
    type: str
    qty: Qty
    limit_price: Money | None
    time_in_force: str
    thesis: str
    invalidation: str
    ticket_hash: str
    reference_price: Money
    drift_pct: Qty
    created_at: Instant
    expires_at: Instant
    state: Literal["waiting", "confirmed", "ordered", "declined", "withdrawn", "expired"]
    decided_by_name: str
    decided_at: Instant | None
    valid_until: Instant | None
    order_id: UUID | None
    may_confirm: bool
