"""What goes over the wire about baskets."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Figure, Instant, Money, Qty, Request
from starkmatter.api.schemas_trading import PreviewOut
from starkmatter.domain.cautions import CODES, CautionCode
from starkmatter.trading.baskets.service import MAX_LINES, MAX_NAME_CHARS, MAX_SYMBOL_CHARS

HASH = r"^[0-9a-f]{64}$"


class BasketLineIn(Request):
    symbol: str = Field(min_length=1, max_length=MAX_SYMBOL_CHARS)
    side: Literal["buy", "sell"]
    type: Literal["market", "limit"] = "market"
    qty: Figure
    limit_price: Figure | None = None
    time_in_force: Literal["day", "gtc"] = "day"


class NewBasket(Request):
    account_id: UUID
    name: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    lines: list[BasketLineIn] = Field(min_length=1, max_length=MAX_LINES)


class ChangedBasket(Request):
    """All of its lines; the hash is that of the basket they replace."""

    basket_hash: str = Field(pattern=HASH)
    lines: list[BasketLineIn] = Field(min_length=1, max_length=MAX_LINES)


class ReadLine(Request):
    """The cautions of one line that were read."""

    place: int = Field(ge=1, le=MAX_LINES)
    codes: list[CautionCode] = Field(max_length=len(CODES))


class SeenPrice(Request):
    """The `est_price` of one line's preview, as it was looked at."""

    place: int = Field(ge=1, le=MAX_LINES)
    price: Figure


class SendBasket(Request):
    """Exactly the basket of that hash, at prices no further from those of the review than the account allows."""

    basket_hash: str = Field(pattern=HASH)
    prices: list[SeenPrice] = Field(max_length=MAX_LINES, description="Of each line that is to go")
    acknowledge: list[ReadLine] = Field(default_factory=list, max_length=MAX_LINES)


class BasketLineOut(Answer):
    place: int
    symbol: str
    side: str
    type: str
    qty: Qty
    limit_price: Money | None
    time_in_force: str
    order_id: UUID | None = Field(description="null before there is an order")
    status: str | None
    filled_qty: Qty | None
    avg_price: Money | None
    reject_reason: str | None
    words: str = Field(description="Why the last try to send it made no order")
    tried_at: Instant | None


class BasketOut(Answer):
    id: UUID
    account_id: UUID
    account_name: str
    name: str
    source: Literal["person", "program", "rebalance"]
    made_by_name: str
    created_at: Instant
    sent_at: Instant | None
    closed_at: Instant | None
    state: Literal["draft", "waiting", "sent", "closed"]
    basket_hash: str
    outcome: str = Field(description="How much was sent, and in words why the rest was not")
    may_send: bool
    lines: list[BasketLineOut]


class BasketLineReview(Answer):
    place: int
    preview: PreviewOut | None = Field(description="null for a line that has its order")
    refusals: list[str] = Field(description="Also for what the lines before it leave; empty: it would go")


class BasketReviewOut(Answer):
    """Before it is sent, in the order in which it would be."""

    basket: BasketOut
    currency: str
    lines: list[BasketLineReview]
    est_cost: Money
    est_fees: Money
    buying_power: Money | None = Field(description="null when nothing is left to send")
    buying_power_after: Money | None
    notes: list[str]
    missing: list[str]
