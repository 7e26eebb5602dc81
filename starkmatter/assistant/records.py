"""What the analyst's pages and the API show: conversations, answers with their tool calls, proposals, spending."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from starkmatter.assistant.ports import Block
from starkmatter.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from starkmatter.domain.quotes import Venue

ProposalState = Literal["open", "used", "expired"]


@dataclass(frozen=True, slots=True)
class ChatView:
    """One conversation. `has_outside_text`: strangers' words were read in it, so it proposes no orders any more."""

    id: UUID
    title: str
    created_at: datetime
    updated_at: datetime
    has_outside_text: bool
    answering: bool


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as stored. `role` is user, assistant or tools (what the tools gave back)."""

    id: int
    role: Literal["user", "assistant", "tools"]
    content: list[Block]
    said: str
    problem: str
    created_at: datetime
    model: str | None
    setup: str | None
    stop_reason: str | None
    usage: dict[str, int] | None
    cost_usd: Decimal | None
    saved_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One call of a tool and what it gave. `facts` carry their footnote number as `ref`; `problem` when it failed."""

    id: str
    name: str
    title: str
    args: dict[str, Any]
    facts: list[dict[str, Any]]
    problem: str
    outside_text: bool


@dataclass(frozen=True, slots=True)
class Footnote:
    """What a number in an answer points to: the call `tool_id`, and the fact in short words."""

    number: int
    tool_id: str
    words: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer. `html` is safe to show. Money in USD; `cost_usd` is None until something was paid.

    `dropped` counts numbers the model invented, which were taken out.
    """

    id: int
    question: str
    asked_at: datetime
    html: str
    problem: str
    tools: list[ToolUse]
    footnotes: list[Footnote]
    dropped: int
    model: str | None
    cost_usd: Decimal | None
    saved_usd: Decimal | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A ticket the analyst filled in, with what it would have done when it was proposed."""

    id: UUID
    chat_id: UUID
    account_id: UUID
    account_name: str
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    why: str
    ticket_hash: str
    preview: dict[str, Any]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    order_id: UUID | None

    def state_at(self, now: datetime) -> ProposalState:
        """Whether it can still be taken."""
        if self.used_at is not None:
            return "used"
        return "open" if now < self.expires_at else "expired"

    @property
    def request(self) -> OrderRequest:
        """The ticket."""
        return OrderRequest(self.symbol, self.side, self.type, self.qty, self.time_in_force, self.limit_price)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A whole conversation. `partial` is what is being said at this moment."""

    chat: ChatView
    exchanges: list[Exchange]
    proposals: list[Proposal] = field(default_factory=list)
    partial: str = ""


@dataclass(frozen=True, slots=True)
class AnalystStatus:
    """Whether a model is connected, which, and what this month has cost; without a key there is no budget."""

    connected: bool
    model: str | None
    budget_usd: Decimal | None
    counted_usd: Decimal
    own_usd: Decimal
    own_calls: int
    month: date


@dataclass(frozen=True, slots=True)
class BriefView:
    """A brief of a symbol. `model` is None for the local one; `own` says what the caller holds of it."""

    venue: Venue
    symbol: str
    session_on: date | None
    model: str | None
    html: str
    own: str
    cost_usd: Decimal
    can_ask: bool
