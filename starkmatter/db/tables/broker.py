"""What we know of a real broker's side: its account, and how far each order has come there."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, money_column, qty_column


class BrokerAccount(SQLModel, table=True):
    """The account at the broker behind one of ours.

    `state`: `opening` until its book was read for the first time, `ready` while both books agree, `away` while the
    broker cannot be asked, `signed_out` when it can but the person has to sign in there again, `apart` when the books
    differ and a person must look. `differences` lists in words how.
    """

    __tablename__ = "broker_account"
    __table_args__ = (
        CheckConstraint(
            "state IN ('opening', 'ready', 'away', 'signed_out', 'apart')", name="broker_account_state_known"
        ),
        Index("broker_account_number", "broker", "number", unique=True, postgresql_where=text("closed_at IS NULL")),
    )

    account_id: UUID = Field(sa_column=Column(ForeignKey("account.id"), primary_key=True))
    broker: str
    number: str | None = None
    state: str
    words: str = Field(default="", sa_column_kwargs={"server_default": ""})
    differences: list[Any] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    external_orders: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    checked_at: datetime | None = instant_column(nullable=True)
    activity_id: str | None = None
    activity_at: datetime | None = instant_column(nullable=True)
    accept_asked_at: datetime | None = instant_column(nullable=True)
    closed_at: datetime | None = instant_column(nullable=True)


class BrokerOrder(SQLModel, table=True):
    """One of our orders on its way to a broker or there. `fence` counts the claims, `looks` the searches for it.

    `reported_at` is the broker's instant of its newest report, `told_…` what that one said of the order in all.
    """

    __tablename__ = "broker_order"
    __table_args__ = (Index("broker_order_look_at", "look_at", postgresql_where=text("look_at IS NOT NULL")),)

    order_id: UUID = Field(sa_column=Column(ForeignKey("trade_order.id"), primary_key=True))
    broker_order_id: str | None = None
    status_text: str = Field(default="", sa_column_kwargs={"server_default": ""})
    fence: int = Field(sa_column=Column(SmallInteger, nullable=False))
    looks: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    claimed_at: datetime = instant_column()
    look_at: datetime | None = instant_column(nullable=True)
    reported_at: datetime | None = instant_column(nullable=True)
    told_qty: Decimal | None = qty_column(nullable=True)
    told_value: Decimal | None = money_column(nullable=True)
    told_status: str | None = None


class BrokerActivity(SQLModel, table=True):
    """A cash movement the broker told of and we booked: once, by its own id."""

    __tablename__ = "broker_activity"

    account_id: UUID = Field(sa_column=Column(ForeignKey("account.id"), primary_key=True))
    activity_id: str = Field(primary_key=True)
    kind: str
    happened_at: datetime = instant_column()
    booked_at: datetime = instant_column()
