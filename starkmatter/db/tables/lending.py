"""Calls for more equity in margin accounts."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, money_column, reference_column


class MarginCall(SQLModel, table=True):
    """One call, in venue time: what the account was worth and had to keep when it came, until when it is to be met.

    `open` until it is met or due, `closing` while the worker closes positions for it; one at a time for an account.
    """

    __tablename__ = "margin_call"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'closing', 'met', 'closed')", name="margin_call_state_known"),
        CheckConstraint("(state IN ('met', 'closed')) = (ended_at IS NOT NULL)", name="margin_call_ends_once"),
        Index("margin_call_open", "account_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("margin_call_account", "account_id", text("called_at DESC")),
    )

    id: UUID = Field(primary_key=True)
    account_id: UUID = reference_column("account.id")
    called_at: datetime = instant_column()
    due_at: datetime = instant_column()
    equity: Decimal = money_column()
    maintenance: Decimal = money_column()
    state: str
    words: str = Field(default="", sa_column_kwargs={"server_default": ""})
    ended_at: datetime | None = instant_column(nullable=True)
    created_at: datetime = instant_column()
