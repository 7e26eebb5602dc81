"""Orders of real money: where they are turned on, what a second factor was given for, and what was allowed.

Written by the functions and triggers of `alembic/sql/0045_live.sql`, by the database's clock.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Numeric, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, money_column


class LiveTrading(SQLModel, table=True):
    """An account whose owner turned live trading on, with a second factor that was fresh. Off: there is no row.

    Orders worth more than `most` take a second factor each; a higher limit waits a day (`raises_to`, `raises_at`).
    """

    __tablename__ = "live_trading"
    __table_args__ = (
        CheckConstraint(
            "on_since >= factor_at AND on_since <= factor_at + interval '120 seconds'", name="live_trading_was_proven"
        ),
        CheckConstraint("most >= 0", name="live_trading_limit_not_negative"),
        CheckConstraint(
            "(raises_to IS NULL) = (raises_at IS NULL) AND (raises_to IS NULL OR raises_to > most)",
            name="live_trading_raise_is_whole",
        ),
    )

    account_id: UUID = Field(foreign_key="account.id", primary_key=True)
    turned_on_by: UUID = Field(foreign_key="app_user.id")
    factor_at: datetime = instant_column()
    on_since: datetime = instant_column()
    most: Decimal = money_column(server_default=text("0"))
    raises_to: Decimal | None = money_column(nullable=True)
    raises_at: datetime | None = instant_column(nullable=True)


class LiveApproval(SQLModel, table=True):
    """The ticket a person saw before giving a second factor for it; approved it counts once, for two minutes."""

    __tablename__ = "live_approval"
    __table_args__ = (
        CheckConstraint("(approved_at IS NULL) = (valid_until IS NULL)", name="live_approval_is_for_a_time"),
        CheckConstraint(
            "valid_until <= approved_at + interval '120 seconds' AND approved_at >= asked_at",
            name="live_approval_two_minutes_at_most",
        ),
        CheckConstraint("used_at IS NULL OR approved_at IS NOT NULL", name="live_approval_used_after_approved"),
        Index("live_approval_asked", "asked_at"),
    )

    order_id: UUID = Field(primary_key=True)
    account_id: UUID = Field(foreign_key="account.id")
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    session_id: UUID
    terms: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    ticket_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    reference_price: Decimal | None = money_column(nullable=True)
    asked_at: datetime = instant_column()
    approved_at: datetime | None = instant_column(nullable=True)
    valid_until: datetime | None = instant_column(nullable=True)
    used_at: datetime | None = instant_column(nullable=True)


class LivePermit(SQLModel, table=True):
    """An order of real money that was allowed: what it may move at most, the limit then, and by which of the two."""

    __tablename__ = "live_permit"
    __table_args__ = (
        CheckConstraint("with_factor OR worth <= most", name="live_permit_has_a_reason"),
        Index("live_permit_allowed", "account_id", "allowed_at"),
    )

    order_id: UUID = Field(foreign_key="trade_order.id", primary_key=True)
    account_id: UUID = Field(foreign_key="account.id")
    terms: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    worth: Decimal | None = Field(default=None, sa_column=Column(Numeric(), nullable=True))
    most: Decimal = money_column()
    with_factor: bool
    allowed_at: datetime = instant_column()
