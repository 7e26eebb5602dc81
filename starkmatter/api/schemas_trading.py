"""What goes over the wire about accounts, orders, fills and the ledger."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from starkmatter.api.schemas import MAX_TEXT, Answer, Figure, Instant, Money, Qty, Ratio, Request
from starkmatter.domain.cautions import CODES, CautionCode
from starkmatter.domain.orders import AccountKind, OrderClass, OrderType, Relation, TimeInForce
from starkmatter.domain.presets import PresetName
from starkmatter.domain.quotes import Venue


def _filled_in(value: Any) -> Any:
    """What a form leaves empty is left out."""
    return None if value == "" else value


class NewAccount(Request):
    name: str = Field(max_length=MAX_TEXT)
    venue: Venue = "replay"
    broker: str = Field("paper", max_length=20)
    currency: str = Field("USD", min_length=3, max_length=3)
    cash: Figure = Decimal("100000")
    preset: PresetName = Field("realistic", description="How hard the paper market is; it stays with the account.")
    kind: AccountKind = Field("cash", description="Whether it may borrow money and shares; it stays with the account.")


class NewBeginning(Request):
    confirm: str = Field(max_length=MAX_TEXT, description="The account's name: it ends and begins anew.")
    cash: Figure | None = Field(None, description="What it begins with; left out, what was first paid in.")


class NewBranch(Request):
    name: str = Field(max_length=MAX_TEXT)
    on: Annotated[date | None, BeforeValidator(_filled_in)] = Field(
        None, description="As it was at the close of this day; left out, as it is now."
    )
    preset: Annotated[PresetName | None, BeforeValidator(_filled_in)] = Field(
        None, description="Left out, the parent's."
    )


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
    preset: str = Field(description="How hard the paper market is, with the version that fills are stamped with.")
    kind: AccountKind
    call_state: str | None = Field(description="A call for more equity that is running: open, or closing positions.")
    call_due_at: Instant | None
    settled_cash: Money | None = Field(description="Of a paper cash account: cash that no trade still has to settle.")
    unsettled_cash: Money | None = Field(description="Proceeds of sales that have yet to arrive (T+1).")
    settled_on: date | None = Field(description="When the last of them comes.")
    parent_id: UUID | None = Field(description="The account that it follows (reset) or branches from (fork).")
    parent_name: str | None
    branch: Literal["reset", "fork"] | None
    as_of: Instant | None = Field(description="The instant whose cash and shares a fork began with, in venue time.")


class TakeProfitIn(Request):
    limit_price: Figure


class StopLossIn(Request):
    stop_price: Figure
    limit_price: Figure | None = None


class OrderConditionIn(Request):
    symbol: str = Field(min_length=1, max_length=20)
    relation: Relation
    price: Figure


class NewOrder(Request):
    account_id: UUID
    symbol: str = Field(min_length=1, max_length=20)
    side: Literal["buy", "sell"]
    type: OrderType
    qty: Figure | None = Field(None, description="Shares; left out when the order is by `notional`.")
    notional: Figure | None = Field(None, description="Money to spend or to receive before fees, instead of `qty`.")
    limit_price: Figure | None = None
    stop_price: Figure | None = None
    trail_amount: Figure | None = Field(None, description="How far a trailing stop follows, in money per share.")
    trail_percent: Figure | None = Field(None, description="How far a trailing stop follows: 1.5 is 1.5 %.")
    time_in_force: TimeInForce = "day"
    expires_on: date | None = Field(None, description="The last day of an order that is good till a date (`gtd`).")
    extended_hours: bool = False
    allow_short: bool = Field(False, description="A sale may go below what is held, in a margin account.")
    order_class: OrderClass = Field(
        "simple",
        description="`bracket` (target and stop) and `oto` (one of them) follow the order as it fills; an `oco` is a "
        "limit order with a stop beside it, which share their shares.",
    )
    take_profit: TakeProfitIn | None = None
    stop_loss: StopLossIn | None = None
    condition: OrderConditionIn | None = Field(None, description="Send it once another symbol's last trade is there.")
    acknowledge: list[CautionCode] = Field(default_factory=list, max_length=len(CODES))


class ChangedOrder(Request):
    """What is left out stays as it is."""

    qty: Figure | None = Field(None, description="The new whole quantity, what has filled included.")
    limit_price: Figure | None = None
    stop_price: Figure | None = None
    trail_amount: Figure | None = None
    trail_percent: Figure | None = None


class OrderConditionOut(Answer):
    symbol: str
    relation: str
    price: Money


class OrderOut(Answer):
    id: UUID
    client_order_id: str
    account_id: UUID
    symbol: str
    side: str
    type: str
    qty: Qty
    notional: Money | None
    filled_qty: Qty
    avg_price: Money | None
    limit_price: Money | None
    stop_price: Money | None
    trail_amount: Money | None
    trail_percent: Qty | None
    water: Money | None = Field(description="The best trade that a trailing stop has followed.")
    triggered_at: Instant | None = Field(description="When the stop was reached, in the venue's time.")
    time_in_force: str
    expires_on: date | None
    extended_hours: bool
    allow_short: bool
    status: str
    reject_reason: str | None
    reserved: Money
    created_at: Instant
    updated_at: Instant
    revision: int
    group_id: UUID | None = Field(description="The first order of its group.")
    role: str | None
    held: bool = Field(description="Not sent yet: it waits for its group or its condition.")
    condition: OrderConditionOut | None


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
    notes: list[str]
    sold_short: Qty = Field(description="How many of the shares would be borrowed.")
    equity_after: Money | None = Field(description="Of a margin account, once the order has filled.")
    maintenance_after: Money | None = Field(description="What a margin account would have to keep then.")
    cautions: list[CautionOut]
    live: str | None = Field(description="Of an account of real money: what the order moves, and where.")
    needs_factor: bool = Field(description="It takes a second factor of its own, asked for when it is sent.")


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


class MarginCallOut(Answer):
    id: UUID
    called_at: Instant
    due_at: Instant
    ended_at: Instant | None
    state: str
    equity: Money
    maintenance: Money
    missing: Money
    words: str


class MarginOut(Answer):
    """A margin account at the newest prices; `call` is what is missing to what it has to keep. Rates are yearly."""

    account_id: UUID
    currency: str
    cash: Money
    equity: Money
    long_value: Money
    short_value: Money
    debit: Money
    initial: Money
    maintenance: Money
    excess: Money
    call: Money
    reserved: Money = Field(description="Buying power that open orders take.")
    buying_power: Money
    interest_ratio: Ratio
    borrow_ratio: Ratio
    charged_through: date | None = Field(description="The last session whose nights were charged.")
    unpriced: list[str]
    calls: list[MarginCallOut]


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
