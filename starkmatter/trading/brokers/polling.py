"""Follows an account by asking for its orders again and again, at brokers without a stream that can be relied on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from starkmatter.trading.ports import BrokerOrder, OnConnected, OnOrder


async def follow_by_asking(
    read: Callable[[], Awaitable[Sequence[BrokerOrder]]],
    on_order: OnOrder,
    on_connected: OnConnected,
    *,
    every_secs: float,
) -> NoReturn:
    """Tell of each of our orders that changed since the last look, until `read` fails.

    Orders that are not ours are left out. What is told once more after a failure is booked once all the same.
    """
    told: dict[str, BrokerOrder] = {}
    connected = False
    while True:
        orders = await read()
        for one in orders:
            if one.client_order_id and told.get(one.broker_order_id) != one:
                await on_order(one)
                told[one.broker_order_id] = one
        listed = {one.broker_order_id for one in orders}
        told = {order_id: one for order_id, one in told.items() if order_id in listed}
        if not connected:
            connected = True
            await on_connected()
        await asyncio.sleep(every_secs)
