"""Steps that the desk takes by itself with orders at real brokers: under the rows' locks, and told to people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from redis.asyncio import Redis

from starkmatter.db.database import Connection
from starkmatter.domain.money import ZERO, money_text, plain
from starkmatter.domain.orders import OrderStatus
from starkmatter.trading import broker_queries
from starkmatter.trading.brokered import BrokeredOrder
from starkmatter.trading.events import announce_orders
from starkmatter.trading.listeners import listeners_of
from starkmatter.trading.reports import Applied


@dataclass(frozen=True, slots=True)
class Claimed:
    """An order and those that belong to it, claimed to be sent: in which state they were, and by which claim."""

    members: list[BrokeredOrder]
    was: OrderStatus
    fence: int

    @property
    def first(self) -> BrokeredOrder:
        """With which the others go out."""
        return next(one for one in self.members if not one.is_leg)


async def claim(connection: Connection, order_id: UUID, now: datetime) -> int:
    """Store that it is about to be sent; the number of this claim, which no later one has."""
    row = await (await connection.execute(broker_queries.CLAIM, {"order": order_id, "now": now})).fetchone()
    return int(row[0]) if row else 0


async def still_claimed(connection: Connection, order_id: UUID, fence: int) -> bool:
    """Whether nobody has claimed it since."""
    row = await (await connection.execute(broker_queries.FENCE, (order_id,))).fetchone()
    return bool(row and row[0] == fence)


async def lock_members(connection: Connection, order_id: UUID) -> list[BrokeredOrder]:
    """The order and those that belong to it, under their row locks."""
    rows = await (await connection.execute(broker_queries.LOCK_MEMBERS, {"order": order_id})).fetchall()
    return [BrokeredOrder.of_row(row) for row in rows]


async def move(
    connection: Connection, order: BrokeredOrder, steps: Sequence[OrderStatus], reason: str | None, now: datetime
) -> bool:
    """Lead the order from where it was read to be through these states; False when it is not there any more."""
    row = await (
        await connection.execute(
            broker_queries.MOVE_ORDER,
            {
                "order": order.id,
                "steps": [str(step) for step in steps],
                "from": [str(order.status)],
                "reason": reason,
                "at": now,
                "now": now,
            },
        )
    ).fetchone()
    return bool(row and row[0])


def announce_all(cache: Redis, orders: Sequence[BrokeredOrder], status: OrderStatus) -> None:
    """Tell that these, as they were, have this state now."""
    for one in orders:
        announce(cache, Applied(one, status, ZERO, None))


def announce(cache: Redis, applied: Applied | None) -> None:
    """Tell everybody who sees the account what has become of an order, if anything has."""
    if applied is None or not applied.changed:
        return
    order = applied.order
    body = {
        "order_id": order.id,
        "status": str(applied.status),
        "symbol": order.symbol,
        "side": order.side,
        "filled_qty": plain(applied.filled_qty) if applied.filled_qty else None,
        "price": money_text(applied.price) if applied.price is not None else None,
    }
    audience = (order.user_id, *listeners_of(order.account_id))
    announce_orders(cache, [(who, body) for who in audience])
