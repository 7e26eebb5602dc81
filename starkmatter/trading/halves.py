"""Half a group at a broker: what arrived of it alone protects nothing of what the person saw, so it is asked back."""

from uuid import UUID

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.orders import OrderStatus
from starkmatter.trading import broker_queries
from starkmatter.trading.brokered import BrokeredOrder

STILL_WHOLE = {OrderStatus.ACCEPTED, OrderStatus.WORKING}
NEVER_THERE = {OrderStatus.SUBMITTING, OrderStatus.UNKNOWN}


async def ask_back_the_rest(db: Database, first_id: UUID, title: str) -> BrokeredOrder | None:
    """Ask for the first of a group back when others of it never arrived; the order as it was, None where nothing is.

    Only while it has not filled: of one that has, a person decides. The wish waits in the outbox like anybody's.
    """
    reason = f"Only a part of the group arrived at {title}, the line broke meanwhile: what is there is taken back."
    now = utc_now()
    async with db.transaction() as connection:
        rows = await (await connection.execute(broker_queries.LOCK_MEMBERS, {"order": first_id})).fetchall()
        members = [BrokeredOrder.of_row(row) for row in rows]
        first = next((one for one in members if one.id == first_id), None)
        if first is None or first.status not in STILL_WHOLE or first.filled_qty:
            return None
        if not any(one.status in NEVER_THERE for one in members):
            return None
        moved = {"order": first_id, "steps": [str(OrderStatus.PENDING_CANCEL)], "from": [str(first.status)]}
        await connection.execute(broker_queries.MOVE_ORDER, moved | {"reason": reason, "at": now, "now": now})
        await connection.execute(broker_queries.ASK_BACK, {"order": first_id, "now": now})
    return first
