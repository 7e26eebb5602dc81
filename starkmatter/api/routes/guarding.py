"""The kill switch, all cancels at once, and the owner's own rules."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_guarding import (
    CancelAll,
    CanceledOut,
    NewRule,
    NewStop,
    RuleOut,
    Scope,
    StopOut,
    TurnedOnOut,
)
from starkmatter.api.security import B, Signed
from starkmatter.domain.limits import LimitKind
from starkmatter.trading.guarding.rules import list_rules, set_rule, withdraw_loosening
from starkmatter.trading.guarding.stops import find_stop, list_stops, turn_off, turn_on
from starkmatter.trading.guarding.sweeping import cancel_all

router = APIRouter(prefix=API_PREFIX, tags=["Risk"])


@router.get("/kill-switch")
async def stops(caller: Signed, b: B) -> Page[StopOut]:
    """The switches that are on for the caller's accounts, the widest first; none: orders are taken."""
    return Page(items=[StopOut.model_validate(one) for one in await list_stops(b, caller)])


@router.post("/kill-switch", status_code=201)
async def stop(body: NewStop, caller: Signed, b: B) -> TurnedOnOut:
    """Take no new orders and ask every open one back. A switch that is on already only becomes stricter."""
    done = await turn_on(
        b,
        caller,
        body.scope,
        account_id=body.account_id,
        broker=body.broker,
        allows_reducing=body.allow_reducing,
        reason=body.reason,
    )
    return TurnedOnOut.model_validate(done)


@router.delete("/kill-switch", status_code=204)
async def go_on(
    caller: Signed,
    b: B,
    scope: Scope = "mine",
    account_id: UUID | None = None,
    broker: Annotated[str | None, Query(max_length=20)] = None,
) -> None:
    """Take orders again; 404 when that switch is off."""
    await turn_off(b, caller, (await find_stop(b, caller, scope, account_id, broker)).id)


@router.post("/orders/cancel-all", status_code=202)
async def cancel_every_order(body: CancelAll, caller: Signed, b: B) -> CanceledOut:
    """Ask for every open order back, on one account or on all the caller may trade on."""
    return CanceledOut(canceled=await cancel_all(b, caller, body.account_id))


@router.get("/limits")
async def rules(caller: Signed, b: B, account_id: UUID | None = None) -> Page[RuleOut]:
    """The caller's own rules; a loosening that waits shows when it counts."""
    return Page(items=[RuleOut.model_validate(one) for one in await list_rules(b, caller, account_id)])


@router.put("/limits/{kind}")
async def put_rule(kind: LimitKind, body: NewRule, caller: Signed, b: B) -> RuleOut:
    """Set a rule for one account, or for each: what is tighter counts at once, what is looser after 24 hours."""
    return RuleOut.model_validate(await set_rule(b, caller, kind, body.value, body.account_id))


@router.delete("/limits/{kind}/loosening")
async def withdraw(kind: LimitKind, caller: Signed, b: B, account_id: UUID | None = None) -> RuleOut:
    """Take back a loosening that waits."""
    return RuleOut.model_validate(await withdraw_loosening(b, caller, kind, account_id))
