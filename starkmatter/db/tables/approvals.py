"""Orders that somebody proposed and that wait for a confirmation."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, text
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, price_column, qty_column, reference_column


class Approval(SQLModel, table=True):
    """A proposed ticket. Confirmed it may be ordered until `valid_until`, once; its order carries its id as the key."""

    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint("source IN ('person', 'program', 'assistant')", name="approval_source_known"),
        CheckConstraint("decision IN ('confirmed', 'declined', 'withdrawn')", name="approval_decision_known"),
        CheckConstraint("(decision = 'confirmed') = (valid_until IS NOT NULL)", name="approval_confirmed_for_a_time"),
        Index("approval_of_account", "account_id", text("created_at DESC")),
    )

    id: UUID = Field(primary_key=True)
    account_id: UUID = reference_column("account.id")
    proposed_by: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    source: str
    symbol: str
    side: str
    type: str
    qty: Decimal = qty_column()
    limit_price: Decimal | None = price_column(nullable=True)
    time_in_force: str
    thesis: str
    invalidation: str
    ticket_hash: str
    reference_price: Decimal = price_column()
    created_at: datetime = instant_column()
    expires_at: datetime = instant_column()
    decision: str | None = None
    decided_by: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("app_user.id", ondelete="SET NULL"), nullable=True)
    )
    decided_at: datetime | None = instant_column(nullable=True)
    valid_until: datetime | None = instant_column(nullable=True)
    used_at: datetime | None = instant_column(nullable=True)
    order_id: UUID | None = reference_column("trade_order.id", nullable=True)
