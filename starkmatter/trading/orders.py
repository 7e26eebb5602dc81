"""Reading orders, their history and their fills: those of accounts the caller may see."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.errors import NotFound
from starkmatter.trading import queries
from starkmatter.trading.records import FillView, OrderEventView, OrderView

MAX_LIMIT = 500


async def get_order(b: Backends, caller: Caller, order_id: UUID) -> OrderView:
    """One order; NotFound when it is absent or somebody else's."""
    order = await b.db.one(OrderView, queries.ORDER_BY_ID, {"order": order_id, "user": caller.user_id})
    if order is None:
        raise NotFound("There is no such order.")
    return order


async def list_orders(
    b: Backends,
    caller: Caller,
    account_id: UUID | None = None,
    statuses: Iterable[str] | None = None,
    limit: int = 100,
    before: tuple[datetime, UUID] | None = None,
) -> list[OrderView]:
    """The newest first; `before` is the (created_at, id) of the last one already seen."""
    return await b.db.all(
        OrderView,
        queries.ORDERS,
        {
            "user": caller.user_id,
            "account": account_id,
            "statuses": None if statuses is None else [str(status) for status in statuses],
            "before": before[0] if before else None,
            "before_id": before[1] if before else None,
            "limit": max(1, min(limit, MAX_LIMIT)),
        },
    )


async def order_events(b: Backends, caller: Caller, order_id: UUID) -> list[OrderEventView]:
    """The order's state history, oldest first; NotFound when it is not the caller's."""
    await get_order(b, caller, order_id)
    return await b.db.all(OrderEventView, queries.ORDER_EVENTS, {"order": order_id, "user": caller.user_id})


async def get_fill(b: Backends, caller: Caller, fill_id: UUID) -> FillView:
    """One fill with its receipt; NotFound when it is absent or somebody else's."""
    fill = await b.db.one(FillView, queries.FILL_BY_ID, {"fill": fill_id, "user": caller.user_id})
    if fill is None:
        raise NotFound("There is no such fill.")
    return fill


async def list_fills(
    b: Backends,
    caller: Caller,
    *,
    order_id: UUID | None = None,
    account_id: UUID | None = None,
    symbol: str | None = None,
    limit: int = 100,
) -> list[FillView]:
    """The newest first."""
    return await b.db.all(
        FillView,
        queries.FILLS,
        {
            "user": caller.user_id,
            "account": account_id,
            "order": order_id,
            "symbol": symbol,
            "limit": max(1, min(limit, MAX_LIMIT)),
        },
    )
