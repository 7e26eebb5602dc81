"""What the order pages and the API show: orders, fills with receipts, and the ticket's preview."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from starkmatter.domain.cautions import Caution
from starkmatter.domain.money import ZERO
from starkmatter.domain.order_groups import Role
from starkmatter.domain.orders import Condition, OrderRequest, OrderType, Relation, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order. Quantities in shares, prices per share; `avg_price` is None until something filled.

    `stop_price` of a trailing stop is where it lies now, `water` the best trade it followed. The quantity of an order
    by `notional` is what the newest price makes of the amount. `revision` counts how often its terms were set. A group
    is named by its first order; one that is `held` waits for its group or its condition.
    """

    id: UUID
    client_order_id: str
    account_id: UUID
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    filled_qty: Decimal
    avg_price: Decimal | None
    limit_price: Decimal | None
    time_in_force: TimeInForce
    status: str
    reject_reason: str | None
    reserved: Decimal
    created_at: datetime
    updated_at: datetime
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    water: Decimal | None = None
    triggered_at: datetime | None = None
    notional: Decimal | None = None
    expires_on: date | None = None
    extended_hours: bool = False
    revision: int = 1
    group_id: UUID | None = None
    role: Role | None = None
    held: bool = False
    cond_symbol: str | None = None
    cond_relation: Relation | None = None
    cond_price: Decimal | None = None
    allow_short: bool = False

    @property
    def condition(self) -> Condition | None:
        """What has to happen before it is sent."""
        if self.cond_symbol is None or self.cond_relation is None or self.cond_price is None:
            return None
        return Condition(self.cond_symbol, self.cond_relation, self.cond_price)

    @property
    def request(self) -> OrderRequest:
        """The order as it would be asked for with its present terms."""
        return OrderRequest(
            self.symbol,
            self.side,
            self.type,
            self.qty if self.notional is None else ZERO,
            self.time_in_force,
            limit_price=self.limit_price,
            stop_price=None if self.type == "trailing_stop" else self.stop_price,
            trail_amount=self.trail_amount,
            trail_percent=self.trail_percent,
            notional=self.notional,
            expires_on=self.expires_on,
            extended_hours=self.extended_hours,
            allow_short=self.allow_short,
            condition=self.condition,
        )


@dataclass(frozen=True, slots=True)
class OrderEventView:
    """One move of an order's state; `sequence` has no gaps."""

    sequence: int
    status: str
    reason: str | None
    venue_at: datetime
    booked_at: datetime


@dataclass(frozen=True, slots=True)
class FillView:
    """One execution. `fees` is the total in the account's currency; the lines are in the receipt."""

    id: UUID
    order_id: UUID
    account_id: UUID
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    fees: Decimal
    realized_pl: Decimal
    executed_at: datetime
    preset: str
    receipt: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What an order would do, before the click. Money in the account's currency.

    `est_cost` is what leaves cash (positive) or comes in (negative) including fees; `refusals` say in words why the
    order would not be taken (empty: it would), `warnings` what to think about first, `notes` what else follows from it,
    and `cautions` what has to be acknowledged by code with the order. In a margin account `reserve` and buying power
    count the shares that equity could buy, `sold_short` is how many of the shares are borrowed, and `equity_after` and
    `maintenance_after` are what the account would be worth and has to keep once it filled. `live` says, of an account
    of real money, what the order moves and where; `needs_factor` whether it takes a second factor of its own.
    """

    est_price: Decimal | None
    est_cost: Decimal | None
    est_fees: Decimal | None
    reserve: Decimal | None
    buying_power: Decimal
    buying_power_after: Decimal | None
    signed_qty: Decimal
    signed_qty_after: Decimal
    realized_pl: Decimal | None
    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cautions: list[Caution] = field(default_factory=list)
    sold_short: Decimal = ZERO
    equity_after: Decimal | None = None
    maintenance_after: Decimal | None = None
    live: str | None = None
    needs_factor: bool = False
