"""Corporate actions on accounts and orders, and what an operator tells of them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_actions import (
    AccountActionOut,
    AccountActionsOut,
    NewTelling,
    OrderActionOut,
    ToldOut,
    WaivedOut,
)
from starkmatter.api.security import B, Signed
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.accounts import get_account
from starkmatter.trading.corporate.operator import Telling, tell_by_hand, told_about
from starkmatter.trading.corporate.reading import (
    leave_as_it_is,
    list_actions,
    list_order_actions,
    order_account,
    problem_of,
)

router = APIRouter(prefix=API_PREFIX, tags=["Portfolio"])
Symbol = Annotated[str, Query(min_length=1, max_length=20)]


@router.get("/accounts/{account_id}/actions")
async def account_actions(
    account_id: UUID,
    caller: Signed,
    b: B,
    symbol: Annotated[str | None, Query(max_length=20)] = None,
    cursor: Annotated[str | None, Query(max_length=18)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> AccountActionsOut:
    """What corporate actions did to the account, before and after, the newest first."""
    await get_account(b, caller, account_id)
    if cursor is not None and not cursor.isdecimal():
        raise InvalidInput("cursor: not one of ours.")
    before = int(cursor) if cursor else None
    named = symbol.strip().upper() if symbol else None
    found = await list_actions(b, caller, account_id, symbol=named, limit=limit, before_id=before)
    return AccountActionsOut(
        items=[AccountActionOut.model_validate(one) for one in found],
        next_cursor=str(found[-1].id) if len(found) == limit else None,
        problem=await problem_of(b, caller, account_id),
    )


@router.post("/accounts/{account_id}/actions/waive")
async def waive(account_id: UUID, caller: Signed, b: B) -> WaivedOut:
    """Let what cannot be booked not count for this account, so that it trades on; what was booked stays."""
    return WaivedOut(account_id=account_id, waived=await leave_as_it_is(b, caller, account_id))


@router.get("/orders/{order_id}/actions")
async def order_actions(order_id: UUID, caller: Signed, b: B) -> Page[OrderActionOut]:
    """What corporate actions made of an order, the newest first."""
    account_id = await order_account(b, caller, order_id)
    found = await list_order_actions(b, caller, account_id, order_id=order_id)
    return Page(items=[OrderActionOut.model_validate(one) for one in found])


@router.get("/admin/corporate-actions", tags=["Administration"])
async def told(caller: Signed, b: B, symbol: Symbol) -> Page[ToldOut]:
    """Every revision that was told about a symbol of the market, the newest first."""
    return Page(items=[ToldOut.model_validate(one) for one in await told_about(b, caller, symbol)])


@router.post("/admin/corporate-actions", status_code=201, tags=["Administration"])
async def tell(body: NewTelling, caller: Signed, b: B) -> ToldOut:
    """Tell an action that no source names, correct or withdraw one: booked on every account that it concerns."""
    return ToldOut.model_validate(await tell_by_hand(b, caller, Telling(**body.model_dump())))
