"""Another order in place of a resting one: the old one is canceled first, and only then may the new one be sent.

Never both at once: while a cancel is not through, the old order can still fill.
"""

import asyncio
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.orders import OPEN, OrderStatus
from starkmatter.errors import Conflict, Unavailable
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import get_order
from starkmatter.trading.records import OrderView

WAIT_SECS = 5.0
LOOK_EVERY_SECS = 0.1


async def cancel_before_replacing(
    b: Backends, caller: Caller, order_id: UUID, filled_qty: Decimal, *, wait_secs: float = WAIT_SECS
) -> OrderView:
    """Cancel the order and wait until that is certain; the order as it ended, with nothing filled beyond `filled_qty`.

    Conflict when it filled meanwhile or had ended before, Unavailable when the cancel is not through in time: then
    nothing may be sent in its place.
    """
    order = await get_order(b, caller, order_id)
    if order.status in OPEN:
        order = await cancel_order(b, caller, order_id)
    waited = 0.0
    while order.status in OPEN and waited < wait_secs:
        await asyncio.sleep(LOOK_EVERY_SECS)
        waited += LOOK_EVERY_SECS
        order = await get_order(b, caller, order_id)
    if order.status in OPEN:
        raise Unavailable(
            "The resting order was asked back, but that is not certain yet. Nothing was sent in its place."
        )
    if order.filled_qty != filled_qty:
        raise Conflict("The resting order filled meanwhile. Nothing was sent in its place.", code="order_ended")
    if order.status != OrderStatus.CANCELED:
        raise Conflict(
            f"The resting order had ended as {order.status.replace('_', ' ')}. Nothing was sent in its place.",
            code="order_ended",
        )
    return order
