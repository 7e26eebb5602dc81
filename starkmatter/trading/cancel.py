"""Asking for an order back. A cancel is a request: until the broker confirms it, the order may still fill."""

from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import Conflict, NotAllowed, NotFound, Unavailable
from starkmatter.market.clocks import venue_clock
from starkmatter.trading import queries
from starkmatter.trading.events import announce_order, wake_worker
from starkmatter.trading.facts import account_facts
from starkmatter.trading.orders import get_order
from starkmatter.trading.records import OrderView


async def cancel_order(b: Backends, caller: Caller, order_id: UUID) -> OrderView:
    """Request the cancel of an open order; the order as it stands now (`pending_cancel`, or ended already).

    Asking twice is harmless. Raises Conflict when the order has ended, NotFound when it is not the caller's.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not trade.")
    order = await get_order(b, caller, order_id)
    account = await account_facts(b.db, caller, order.account_id)
    now = utc_now()
    try:
        clock = await venue_clock(b.db, b.cache, account.venue, now)
    except Unavailable:
        clock = None
    async with b.db.transaction() as connection:
        asked = (order_id, caller.user_id, clock.venue_now if clock else now, now)
        row = await (await connection.execute(queries.REQUEST_CANCEL, asked)).fetchone()
        if row is None:
            raise NotFound("There is no such order.")
        outcome = row[0]
        if outcome == "asked":
            await note(connection, caller, "order.cancel_asked", ("order", order_id), before={"status": order.status})
    order = await get_order(b, caller, order_id)
    if outcome == "too_late":
        raise Conflict(f"This order has already ended as {order.status.replace('_', ' ')}.", code="order_ended")
    wake_worker(b.cache, account.venue)
    announce_order(b.cache, {caller.user_id, account.user_id}, order.id, order.status, order.symbol)
    return order
