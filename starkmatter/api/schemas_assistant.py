"""What the analyst's routes take and give: conversations, proposals, briefs, spending."""

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Instant, Money, Qty, Request
from starkmatter.domain.quotes import Venue


class NewChat(Request):
    title: str = Field("", max_length=200)


class ChatChange(Request):
    title: str = Field(max_length=200)


class Question(Request):
    text: str = Field(max_length=8_000)


class BriefWish(Request):
    symbol: str = Field(max_length=20)
    venue: Venue = "replay"


class ChatOut(Answer):
    id: UUID
    title: str
    created_at: Instant
    updated_at: Instant
    has_outside_text: bool = Field(description="strangers' words were read in it, so it proposes no orders any more")
    answering: bool


class ToolUseOut(Answer):
    id: str
    name: str
    title: str
    args: dict[str, Any]
    facts: list[dict[str, Any]]
    problem: str
    outside_text: bool


class FootnoteOut(Answer):
    number: int
    tool_id: str
    words: str


class ExchangeOut(Answer):
    id: int
    question: str
    asked_at: Instant
    html: str = Field(description="sanitized")
    problem: str
    tools: list[ToolUseOut]
    footnotes: list[FootnoteOut]
    dropped: int = Field(description="footnotes that pointed to nothing and were taken out")
    model: str | None
    cost_usd: Money | None
    saved_usd: Money | None
    answered_at: Instant | None


class ProposalOut(Answer):
    id: UUID
    chat_id: UUID
    account_id: UUID
    account_name: str
    symbol: str
    side: str
    type: str
    qty: Qty
    limit_price: Money | None
    time_in_force: str
    why: str
    preview: dict[str, Any]
    created_at: Instant
    expires_at: Instant
    state: str = Field(description="open, used or expired")
    order_id: UUID | None


class ConversationOut(Answer):
    chat: ChatOut
    exchanges: list[ExchangeOut]
    proposals: list[ProposalOut]
    partial: str = Field(description="what is being said at this moment, as plain text")


class BriefOut(Answer):
    venue: Venue
    symbol: str
    session_on: date | None
    model: str | None = Field(description="null: the local brief, computed here, no AI")
    html: str
    own: str
    cost_usd: Money
    can_ask: bool


class UsageOut(Answer):
    connected: bool
    model: str | None
    budget_usd: Money | None
    counted_usd: Money
    own_usd: Money
    own_calls: int
    month: date
