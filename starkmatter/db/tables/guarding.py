"""What stops or bounds an account's orders by its owner's own will: switches, pauses and rules."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, UniqueConstraint
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import MONEY, instant_column


class TradingStop(SQLModel, table=True):
    """A switch that is on: of one account, of all of one person, of one broker, or of everybody (all NULL).

    `swept_at` is when the open orders it covers were asked back; NULL while that has to be done.
    """

    __tablename__ = "trading_stop"
    __table_args__ = (
        CheckConstraint("user_id IS NULL OR account_id IS NULL", name="trading_stop_one_scope"),
        UniqueConstraint(
            "user_id", "account_id", "broker", name="trading_stop_scope", postgresql_nulls_not_distinct=True
        ),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=True)
    )
    account_id: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("account.id", ondelete="CASCADE"), nullable=True)
    )
    broker: str | None = None
    allows_reducing: bool
    reason: str
    set_by: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    set_at: datetime = instant_column()
    swept_at: datetime | None = instant_column(nullable=True)


class TradingRule(SQLModel, table=True):
    """One rule of an account's owner, for one account or (NULL) for each of theirs; `value` NULL is no limit.

    A loosening that was asked for waits in `loosens_to` and counts from `loosens_at` on.
    """

    __tablename__ = "trading_rule"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('trades_per_day', 'loss_per_day', 'cooldown_mins', 'position_value', 'position_pct',"
            " 'no_averaging_down', 'live_per_day')",
            name="trading_rule_kind_known",
        ),
        UniqueConstraint("user_id", "account_id", "kind", name="trading_rule_key", postgresql_nulls_not_distinct=True),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    account_id: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("account.id", ondelete="CASCADE"), nullable=True)
    )
    kind: str
    value: Decimal | None = Field(default=None, sa_column=Column(MONEY, nullable=True))
    loosens_to: Decimal | None = Field(default=None, sa_column=Column(MONEY, nullable=True))
    loosens_at: datetime | None = instant_column(nullable=True)
    updated_at: datetime = instant_column()
