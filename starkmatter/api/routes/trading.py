"""Orders, fills and receipts."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from starlette.responses import StreamingResponse

from starkmatter.accounts.records import Caller
from starkmatter.api.csv_text import Cell, csv_text
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_trading import ChangedOrder, FillOut, NewOrder, OrderEventOut, OrderOut, PreviewOut
from starkmatter.api.security import B, Signed
from starkmatter.backends import Backends
from starkmatter.domain.orders import OPEN, Condition, OrderRequest, OrderStatus, StopLoss, TakeProfit
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.accounts import get_account
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import MAX_LIMIT, get_fill, get_order, list_fills, list_orders, order_events
from starkmatter.trading.preview import preview_order
from starkmatter.trading.replace import Terms, replace_order
from starkmatter.trading.submit import submit_order

router = APIRouter(prefix=API_PREFIX, tags=["Trading"])
CSV_HEAD = (
    "id",
    "created_at",
    "symbol",
    "side",
    "type",
    "qty",
    "limit_price",
    "time_in_force",
    "status",
    "filled_qty",
    "avg_price",
    "reject_reason",
    "updated_at",
)


def _request(body: NewOrder) -> OrderRequest:
    if (body.qty is None) == (body.notional is None):
        raise InvalidInput("qty: needed, unless the order is by an amount of money (notional).")
    if (body.type in {"limit", "stop_limit"}) != (body.limit_price is not None):
        raise InvalidInput("limit_price: needed for a limit or stop_limit order, and for no other.")
    if (body.type in {"stop", "stop_limit"}) != (body.stop_price is not None):
        raise InvalidInput("stop_price: needed for a stop or stop_limit order, and for no other.")
    trails = (body.trail_amount is not None) + (body.trail_percent is not None)
    if trails != (body.type == "trailing_stop"):
        raise InvalidInput("trail_amount or trail_percent: one is needed for a trailing_stop, and for no other.")
    when = body.condition
    return OrderRequest(
        body.symbol.upper(),
        body.side,
        body.type,
        Decimal(0) if body.qty is None else body.qty,
        body.time_in_force,
        limit_price=body.limit_price,
        stop_price=body.stop_price,
        trail_amount=body.trail_amount,
        trail_percent=body.trail_percent,
        notional=body.notional,
        expires_on=body.expires_on,
        extended_hours=body.extended_hours,
        allow_short=body.allow_short,
        order_class=body.order_class,
        take_profit=None if body.take_profit is None else TakeProfit(body.take_profit.limit_price),
        stop_loss=None if body.stop_loss is None else StopLoss(body.stop_loss.stop_price, body.stop_loss.limit_price),
        condition=None if when is None else Condition(when.symbol.upper(), when.relation, when.price),
    )


@router.post("/orders", status_code=201)
async def submit(
    body: NewOrder,
    caller: Signed,
    b: B,
    idempotency_key: Annotated[str, Header(min_length=8, max_length=128)],
) -> OrderOut:
    """Place an order. The same Idempotency-Key with the same body gives the same order; another body is refused.

    An order that risk refuses comes back as `risk_rejected` with the reason in words. 409 `warnings_unacknowledged`
    names what has to be read first: send the order again with those codes in `acknowledge`.
    """
    order = await submit_order(
        b, caller, body.account_id, _request(body), idempotency_key, acknowledged=body.acknowledge
    )
    return OrderOut.model_validate(order)


@router.post("/orders/preview")
async def preview(body: NewOrder, caller: Signed, b: B) -> PreviewOut:
    """What the order would cost and change; nothing is stored."""
    return PreviewOut.model_validate(await preview_order(b, caller, body.account_id, _request(body)))


@router.get("/orders")
async def orders(
    caller: Signed,
    b: B,
    account_id: UUID | None = None,
    status: Annotated[str | None, Query(max_length=300)] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[OrderOut]:
    """The newest first. `status`: one or more states separated by commas, or `open`."""
    found = await list_orders(b, caller, account_id, _statuses(status), limit, _before(cursor))
    following = _cursor(found[-1].created_at, found[-1].id) if len(found) == limit else None
    return Page(items=[OrderOut.model_validate(one) for one in found], next_cursor=following)


@router.get("/orders.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def orders_csv(caller: Signed, b: B, account_id: UUID) -> StreamingResponse:
    """Every order of the account as CSV, the newest first."""
    await get_account(b, caller, account_id)
    named = {"content-disposition": f'attachment; filename="starkmatter-orders-{account_id}.csv"'}
    return StreamingResponse(_csv_of(b, caller, account_id), media_type="text/csv; charset=utf-8", headers=named)


async def _csv_of(b: Backends, caller: Caller, account_id: UUID) -> AsyncIterator[str]:
    yield csv_text([CSV_HEAD])
    before: tuple[datetime, UUID] | None = None
    while found := await list_orders(b, caller, account_id, limit=MAX_LIMIT, before=before):
        yield csv_text([[_cell(getattr(one, name)) for name in CSV_HEAD] for one in found])
        before = (found[-1].created_at, found[-1].id)


def _cell(value: Any) -> Cell:
    return str(value) if isinstance(value, UUID) else value


@router.get("/orders/{order_id}")
async def order(order_id: UUID, caller: Signed, b: B) -> OrderOut:
    """One order."""
    return OrderOut.model_validate(await get_order(b, caller, order_id))


@router.delete("/orders/{order_id}", status_code=202)
async def cancel(order_id: UUID, caller: Signed, b: B) -> OrderOut:
    """Ask for the order back; it may still fill until the cancel is confirmed."""
    return OrderOut.model_validate(await cancel_order(b, caller, order_id))


@router.patch("/orders/{order_id}")
async def change(order_id: UUID, body: ChangedOrder, caller: Signed, b: B) -> OrderOut:
    """Change quantity or prices of a resting order in its place; what it has filled stays.

    A quantity at or below what has filled ends it as filled. 409 when it has ended or was changed meanwhile.
    """
    terms = Terms(body.qty, body.limit_price, body.stop_price, body.trail_amount, body.trail_percent)
    return OrderOut.model_validate(await replace_order(b, caller, order_id, terms))


@router.get("/orders/{order_id}/events")
async def events(order_id: UUID, caller: Signed, b: B) -> Page[OrderEventOut]:
    """The order's state history, oldest first."""
    return Page(items=[OrderEventOut.model_validate(one) for one in await order_events(b, caller, order_id)])


@router.get("/orders/{order_id}/fills")
async def fills(order_id: UUID, caller: Signed, b: B) -> Page[FillOut]:
    """The order's executions, the newest first."""
    await get_order(b, caller, order_id)
    return Page(items=[FillOut.model_validate(one) for one in await list_fills(b, caller, order_id=order_id)])


@router.get("/fills/{fill_id}/receipt")
async def receipt(fill_id: UUID, caller: Signed, b: B) -> dict[str, Any]:
    """Why this fill happened at this price, and what it cost."""
    return (await get_fill(b, caller, fill_id)).receipt


def _statuses(text: str | None) -> list[str] | None:
    if not text:
        return None
    found: set[str] = set()
    for name in text.split(","):
        if name == "open":
            found |= OPEN
        elif name in set(OrderStatus):
            found.add(name)
        else:
            raise InvalidInput(f"status: there is no state {name[:40]!r}.")
    return sorted(found)


def _cursor(at: datetime, order_id: UUID) -> str:
    return urlsafe_b64encode(f"{at.isoformat()}|{order_id}".encode()).decode()


def _before(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    try:
        at, _, order_id = urlsafe_b64decode(cursor.encode()).decode().partition("|")
        return datetime.fromisoformat(at), UUID(order_id)
    except ValueError:
        raise InvalidInput("cursor: not one of ours.") from None
