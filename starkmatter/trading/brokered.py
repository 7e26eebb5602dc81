"""Our orders at a broker as they are stored, alone or in groups, and the ids that they carry there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from starkmatter.domain.money import ZERO
from starkmatter.domain.order_groups import Role
from starkmatter.domain.orders import (
    Condition,
    OrderClass,
    OrderRequest,
    OrderStatus,
    OrderType,
    Relation,
    Side,
    StopLoss,
    TakeProfit,
    TimeInForce,
)

PREFIX = "sm-"


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
    group_id: UUID | None
    role: Role | None
    cond_symbol: str | None
    cond_relation: Relation | None
    cond_price: Decimal | None

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> "BrokeredOrder":
        """From the columns of the queries about orders at brokers."""
        fields = dict(zip(cls.__slots__, row, strict=True))
        return cls(**(fields | {"status": OrderStatus(fields["status"])}))

    @property
    def request(self) -> OrderRequest:
        """What was asked for by itself; of a group, `group_request` has the whole."""
        condition = None
        if self.cond_symbol is not None and self.cond_relation is not None and self.cond_price is not None:
            condition = Condition(self.cond_symbol, self.cond_relation, self.cond_price)
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
            condition=condition,
        )

    @property
    def is_leg(self) -> bool:
        """Whether it belongs to another order, with which it is sent and looked for."""
        return self.group_id is not None and self.group_id != self.id

    @property
    def client_order_id(self) -> str:
        """The id it carries at the broker: derived from ours, so that a repetition carries the same."""
        return client_order_id(self.id)


def client_order_id(order_id: UUID) -> str:
    """At most 48 characters of A-Z, a-z, 0-9 and hyphen."""
    return f"{PREFIX}{order_id}"


def order_id_of(client_id: str) -> UUID | None:
    """Our order behind a client id; None when it is not one of ours."""
    try:
        return UUID(client_id.removeprefix(PREFIX)) if client_id.startswith(PREFIX) else None
    except ValueError:
        return None


def leg_id(first_client_id: str, role: Role) -> str:
    """The id of another order of a group, by the first's: known, as that one is, before anything was sent.

    ValueError when the first is not one of ours.
    """
    first = order_id_of(first_client_id)
    if first is None:
        raise ValueError(f"{first_client_id} is not an order of ours")
    return client_order_id(uuid5(first, role))


def group_request(members: Sequence[BrokeredOrder]) -> OrderRequest:
    """What was asked for, whole: what goes over the wire to the broker for an order and those that belong to it."""
    first = next(one for one in members if not one.is_leg)
    legs = {one.role: one for one in members if one.is_leg}
    if not legs:
        return first.request
    target, stop = legs.get("target"), legs.get("stop")
    kind: OrderClass = "oco" if first.role == "target" else "bracket" if target and stop else "oto"
    return replace(
        first.request,
        order_class=kind,
        take_profit=None if target is None or target.limit_price is None else TakeProfit(target.limit_price),
        stop_loss=None if stop is None or stop.stop_price is None else StopLoss(stop.stop_price, stop.limit_price),
    )
