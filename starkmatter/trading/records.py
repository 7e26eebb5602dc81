"""What the order pages and the API show: orders, fills with receipts, and the ticket's preview."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from starkmatter.domain.cautions import Caution
from starkmatter.domain.orders import OrderType, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order. Quantities in shares, prices per share; `avg_price` is None until something filled."""

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
    order would not be taken (empty: it would), `warnings` what to think about first, and
    `cautions` what has to be acknowledged by code with the order.
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
    cautions: list[Caution] = field(default_factory=list)
