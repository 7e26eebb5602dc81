"""What goes over the wire about accounts, orders, fills and the ledger."""

from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import MAX_TEXT, Answer, Figure, Instant, Money, Qty, Request
from starkmatter.domain.cautions import CODES, CautionCode
from starkmatter.domain.quotes import Venue


class NewAccount(Request):
    name: str = Field(max_length=MAX_TEXT)
    venue: Venue = "replay"
    broker: str = Field("paper", max_length=20)
    currency: str = Field("USD", min_length=3, max_length=3)
    cash: Figure = Decimal("100000")


class DifferenceOut(Answer):
    subject: str
    ours: str
    theirs: str
    words: str


class BrokerOut(Answer):
    account_id: UUID
    broker: str
    state: str
    words: str
    differences: list[DifferenceOut]
    external_orders: int
    checked_at: Instant | None
    accept_asked_at: Instant | None


class Deposit(Request):
    amount: Figure


class AccountOut(Answer):
    id: UUID
    name: str
    venue: Venue
    broker: str
    mode: str
    currency: str
    cash: Money
    reserved: Money
    buying_power: Money
    market_value: Money
    equity: Money
    day_pl: Money
    unrealized_pl: Money
    realized_pl: Money
    read_only: bool
    stale: bool
    created_at: Instant
    access: Literal["own", "trade", "view"]
    owner_name: str


class NewOrder(Request):
    account_id: UUID
    symbol: str = Field(min_length=1, max_length=20)
    side: Literal["buy", "sell"]
    type: Literal["market", "limit"]
    qty: Figure
    limit_price: Figure | None = None
    time_in_force: Literal["day", "gtc"] = "day"
    acknowledge: list[CautionCode] = Field(default_factory=list, max_length=len(CODES))


class OrderOut(Answer):
    id: UUID
    client_order_id: str
    account_id: UUID
    symbol: str
    side: str
    type: str
    qty: Qty
    notional: Money | None = None
    filled_qty: Qty
    avg_price: Money | None
    limit_price: Money | None
    stop_price: Money | None = None
    time_in_force: str
    status: str
    reject_reason: str | None
    reserved: Money
    created_at: Instant
    updated_at: Instant


class OrderEventOut(Answer):
    sequence: int
    status: str
    reason: str | None
    venue_at: Instant
    booked_at: Instant


class CautionOut(Answer):
    code: CautionCode
    text: str


class PreviewOut(Answer):
    est_price: Money | None
    est_cost: Money | None
    est_fees: Money | None
    reserve: Money | None
    buying_power: Money
    buying_power_after: Money | None
    signed_qty: Qty
    signed_qty_after: Qty
    realized_pl: Money | None
    refusals: list[str]
    warnings: list[str]
    cautions: list[CautionOut]


class FillOut(Answer):
    id: UUID
    order_id: UUID
    account_id: UUID
    symbol: str
    side: str
    qty: Qty
    price: Money
    fees: Money
    realized_pl: Money
    executed_at: Instant
    preset: str


class PositionOut(Answer):
    account_id: UUID
    symbol: str
    qty: Qty
    avg_price: Money
    cost_basis: Money
    last: Money | None
    market_value: Money
    unrealized_pl: Money
    realized_pl: Money
    day_pl: Money


class PostingOut(Answer):
    account: str
    commodity: str
    amount: Money


class EntryOut(Answer):
    id: int
    booked_at: Instant
    venue_at: Instant
    kind: str
    description: str
    order_id: UUID | None
    postings: list[PostingOut]
