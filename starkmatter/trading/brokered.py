"""Our orders at a broker as they are stored, and the ids that they carry there."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import OrderRequest, OrderStatus, OrderType, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class BrokeredOrder:
    """One of our orders at a broker, as stored, locked by whoever reads it in a transaction."""

    id: UUID
    account_id: UUID
    user_id: UUID
    currency: str
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    session_on: date
    status: OrderStatus
    sequence: int
    filled_qty: Decimal
    filled_value: Decimal
    reserved: Decimal
    reserve_per_share: Decimal
    cancel_requested_at: datetime | None
    created_at: datetime
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_percent: Decimal | None
    notional: Decimal | None
    expires_on: date | None
    extended_hours: bool

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> "BrokeredOrder":
        """From the columns of the queries about orders at brokers."""
        fields = dict(zip(cls.__slots__, row, strict=True))
        return cls(**(fields | {"status": OrderStatus(fields["status"])}))

    @property
    def request(self) -> OrderRequest:
        """What was asked for, whole: what goes over the wire to the broker."""
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
        )

    @property
    def client_order_id(self) -> str:
        """The id it carries at the broker: derived from ours, so that a repetition carries the same."""
        return client_order_id(self.id)


def client_order_id(order_id: UUID) -> str:
    """At most 48 characters of A-Z, a-z, 0-9 and hyphen."""
    return f"sm-{order_id}"
