"""Alerts and what they fired."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from starkmatter.alerts import service
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_alerts import AlertChange, AlertEventOut, AlertOut, NewAlert
from starkmatter.api.security import B, Signed
from starkmatter.errors import InvalidInput

router = APIRouter(prefix=f"{API_PREFIX}/alerts", tags=["Alerts"])


@router.get("")
async def alerts(caller: Signed, b: B) -> Page[AlertOut]:
    """The caller's alerts, those that are watched first."""
    return Page(items=[AlertOut.model_validate(one) for one in await service.list_alerts(b, caller)])


@router.post("", status_code=201)
async def new_alert(body: NewAlert, caller: Signed, b: B) -> AlertOut:
    """Watch a symbol; the alert fires at its next crossing."""
    return AlertOut.model_validate(await service.make_alert(b, caller, **body.model_dump()))


@router.get("/events")
async def events(
    caller: Signed,
    b: B,
    cursor: Annotated[str | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[AlertEventOut]:
    """What fired, the newest first."""
    if cursor is not None and not cursor.isdecimal():
        raise InvalidInput("cursor: not one of ours.")
    found = await service.list_alert_events(b, caller, limit, int(cursor) if cursor else None)
    following = str(found[-1].id) if len(found) == limit else None
    return Page(items=[AlertEventOut.model_validate(one) for one in found], next_cursor=following)


@router.patch("/{alert_id}")
async def change(alert_id: UUID, body: AlertChange, caller: Signed, b: B) -> AlertOut:
    """Change what is given."""
    return AlertOut.model_validate(await service.change_alert(b, caller, alert_id, **body.model_dump()))


@router.delete("/{alert_id}", status_code=204)
async def forget(alert_id: UUID, caller: Signed, b: B) -> None:
    """Delete an alert; what it fired stays."""
    await service.delete_alert(b, caller, alert_id)
