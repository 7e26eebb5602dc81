"""A basket, what its lines became, and the look at all of it before it is sent. Money in the account's currency."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Literal
from uuid import UUID

from starkmatter.domain.money import plain
from starkmatter.domain.orders import OrderRequest, OrderType, Side, TimeInForce, parts_of
from starkmatter.trading.records import OrderPreview

Source = Literal["person", "program", "rebalance"]
State = Literal["draft", "waiting", "sent", "closed"]


@dataclass(frozen=True, slots=True)
class BasketLine:
    """One order of a basket. `status` and what follows are its order's, None before there is one.

    `words` says why the last try to send it made no order.
    """

    basket_id: UUID
    place: int
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    order_id: UUID
    words: str
    tried_at: datetime | None
    status: str | None
    filled_qty: Decimal | None
    avg_price: Decimal | None
    reject_reason: str | None

    @property
    def request(self) -> OrderRequest:
        """The order it asks for."""
        return OrderRequest(self.symbol, self.side, self.type, self.qty, self.time_in_force, self.limit_price)

    @property
    def sent(self) -> bool:
        """Whether there is an order of it."""
        return self.status is not None

    @property
    def ticket(self) -> str:
        """What it is, in words."""
        return f"{self.side} {plain(self.qty)} {self.symbol}"


@dataclass(frozen=True, slots=True)
class BasketHead:
    """The basket without its lines. `may_send`: the caller trades on the account."""

    id: UUID
    account_id: UUID
    made_by: UUID
    source: Source
    name: str
    created_at: datetime
    sent_at: datetime | None
    closed_at: datetime | None
    account_name: str
    made_by_name: str
    may_send: bool


@dataclass(frozen=True, slots=True)
class Basket:
    """A basket with its lines in the order in which they were put in."""

    head: BasketHead
    lines: list[BasketLine]

    @property
    def hash(self) -> str:
        """SHA-256 over everything that makes the basket what it is; who sends it names the one they saw."""
        return hash_of(self.head.account_id, [one.request for one in self.lines])

    @property
    def state(self) -> State:
        """`waiting`: it was sent, and some line made no order yet."""
        if self.head.closed_at is not None:
            return "closed"
        if self.head.sent_at is None:
            return "draft"
        return "sent" if all(one.sent for one in self.lines) else "waiting"

    @property
    def outcome(self) -> str:
        """What became of it in words: how much was sent, and why the rest was not. Empty before it was sent."""
        if self.head.sent_at is None:
            return ""
        refused = [one for one in self.lines if one.status in {"risk_rejected", "rejected"}]
        left = [one for one in self.lines if not one.sent]
        done = len(self.lines) - len(left) - len(refused)
        said = [f"{done} of {len(self.lines)} orders were taken."]
        said += [f"Refused, {one.ticket}: {one.reject_reason or 'without a reason.'}" for one in refused]
        said += [f"Not sent, {one.ticket}: {one.words or 'nobody tried yet.'}" for one in left]
        return " ".join(said)


@dataclass(frozen=True, slots=True)
class LineReview:
    """What one line would do. `refusals` also say when the lines before it leave too little; empty: it would go.

    `preview` is None for a line that has its order already.
    """

    line: BasketLine
    preview: OrderPreview | None
    refusals: list[str]


@dataclass(frozen=True, slots=True)
class BasketReview:
    """The whole basket before it is sent, sales first. The sums count the lines that would go.

    `est_cost` is what leaves cash (negative: what comes in), fees included. `buying_power_after` is when everything
    that would go has filled at the prices now; None when a price is missing. Both are None when nothing is left to
    send. `missing` names what has no price.
    """

    basket: Basket
    currency: str
    lines: list[LineReview]
    est_cost: Decimal
    est_fees: Decimal
    buying_power: Decimal | None
    buying_power_after: Decimal | None
    notes: list[str]
    missing: list[str]


def hash_of(account_id: UUID, requests: list[OrderRequest]) -> str:
    """SHA-256 over the account and its orders in their order."""
    parts = [str(account_id)] + ["|".join(parts_of(one)) for one in requests]
    return sha256("\n".join(parts).encode()).hexdigest()
