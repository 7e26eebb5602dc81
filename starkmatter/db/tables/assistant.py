"""The analyst's conversations, what its calls cost, the orders it proposed and the briefs it wrote."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, money_column, price_column, qty_column, reference_column


def _owner() -> Any:
    return Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))


class Chat(SQLModel, table=True):
    """One conversation of one person. Once `has_outside_text` is set, no order is proposed in it any more.

    `answering_until` is set while an answer is made and moved on by whoever makes it: a crash frees it.
    """

    __tablename__ = "chat"
    __table_args__ = (Index("chat_newest", "owner_id", text("updated_at DESC")),)

    id: UUID = Field(primary_key=True)
    owner_id: UUID = _owner()
    title: str
    created_at: datetime = instant_column()
    updated_at: datetime = instant_column()
    has_outside_text: bool = False
    answering_until: datetime | None = instant_column(nullable=True)
    stop_asked: bool = False


class ChatMessage(SQLModel, table=True):
    """One message. `content` is what goes to the model again, `said` what the person reads, `problem` what failed."""

    __tablename__ = "chat_message"
    __table_args__ = (Index("chat_message_order", "chat_id", "id"),)

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    chat_id: UUID = Field(sa_column=Column(ForeignKey("chat.id", ondelete="CASCADE"), nullable=False))
    role: str
    content: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    said: str
    problem: str
    created_at: datetime = instant_column()
    model: str | None = None
    setup: str | None = None
    stop_reason: str | None = None
    usage: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    cost_usd: Decimal | None = money_column(nullable=True)
    saved_usd: Decimal | None = money_column(nullable=True)


class AiMonth(SQLModel, table=True):
    """What a month (UTC) has cost so far, open reservations included: the row that parallel calls queue for."""

    __tablename__ = "ai_month"

    month: date = Field(primary_key=True)
    counted_usd: Decimal = money_column()


class AiCall(SQLModel, table=True):
    """One paid call: the worst case reserved before it, what it did cost after it. Outlives the conversation."""

    __tablename__ = "ai_call"
    __table_args__ = (
        Index("ai_call_of_person", "owner_id", "month"),
        Index("ai_call_open", "created_at", postgresql_where=text("settled_at IS NULL")),
    )

    id: UUID = Field(primary_key=True)
    owner_id: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("app_user.id", ondelete="SET NULL"), nullable=True)
    )
    month: date = reference_column("ai_month.month")
    purpose: str
    model: str
    reserved_usd: Decimal = money_column()
    spent_usd: Decimal | None = money_column(nullable=True)
    usage: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    created_at: datetime = instant_column()
    settled_at: datetime | None = instant_column(nullable=True)
    outcome: str | None = None


class OrderProposal(SQLModel, table=True):
    """A ticket the analyst filled in: taken once, by its person, before it expires, exactly as it is or not at all."""

    __tablename__ = "order_proposal"
    __table_args__ = (Index("order_proposal_of_chat", "chat_id"), Index("order_proposal_expiry", "expires_at"))

    id: UUID = Field(primary_key=True)
    owner_id: UUID = _owner()
    chat_id: UUID = Field(sa_column=Column(ForeignKey("chat.id", ondelete="CASCADE"), nullable=False))
    account_id: UUID = reference_column("account.id")
    symbol: str
    side: str
    type: str
    qty: Decimal = qty_column()
    limit_price: Decimal | None = price_column(nullable=True)
    time_in_force: str
    why: str
    ticket_hash: str
    preview: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = instant_column()
    expires_at: datetime = instant_column()
    used_at: datetime | None = instant_column(nullable=True)
    order_id: UUID | None = reference_column("trade_order.id", nullable=True)


class SymbolBrief(SQLModel, table=True):
    """A brief of one symbol after one session: `model` is who wrote it, or `local`. It holds nothing of a person."""

    __tablename__ = "symbol_brief"

    venue: str = Field(primary_key=True)
    symbol: str = Field(primary_key=True)
    session_on: date = Field(primary_key=True)
    model: str = Field(primary_key=True)
    said: str
    cost_usd: Decimal = money_column()
    created_at: datetime = instant_column()
