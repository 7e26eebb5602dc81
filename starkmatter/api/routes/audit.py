"""The audit log, for admins: as pages of JSON, and as one CSV."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from starkmatter.accounts.audit.reading import MAX_LIMIT, list_events
from starkmatter.accounts.audit.records import AuditView, Filter
from starkmatter.accounts.records import Caller
from starkmatter.api.csv_text import csv_text
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_audit import AuditOut
from starkmatter.api.security import B, Signed
from starkmatter.backends import Backends
from starkmatter.errors import InvalidInput

CSV = "text/csv; charset=utf-8"
HEAD = (
    "sequence",
    "at",
    "actor_id",
    "actor_name",
    "via",
    "ip",
    "action",
    "subject_type",
    "subject_id",
    "before",
    "after",
    "hash",
)

router = APIRouter(prefix=API_PREFIX, tags=["Audit"])


def which(
    action: Annotated[str, Query(max_length=60, description="The beginning of an action, such as `session.`")] = "",
    person: Annotated[UUID | None, Query(description="Who acted, or was acted upon")] = None,
    subject: Annotated[str, Query(max_length=200, description="`order`, or `order/` and an id")] = "",
    start: datetime | None = None,
    end: datetime | None = None,
) -> Filter:
    """What the caller wants to see; from `start` until before `end`."""
    return Filter(action, person, subject, start, end)


Which = Annotated[Filter, Depends(which)]


@router.get("/audit")
async def audit(
    caller: Signed,
    b: B,
    wanted: Which,
    cursor: Annotated[str | None, Query(max_length=19)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
) -> Page[AuditOut]:
    """Who did what, when and from where: the newest event first."""
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal()):
        raise InvalidInput("cursor: not one of ours.")
    found = await list_events(b, caller, wanted, limit, int(cursor) if cursor else None)
    following = str(found[-1].sequence) if len(found) == limit else None
    return Page(items=[AuditOut.model_validate(one) for one in found], next_cursor=following)


@router.get("/audit.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def audit_csv(caller: Signed, b: B, wanted: Which) -> StreamingResponse:
    """All of the same events, the newest first."""
    first = await list_events(b, caller, wanted, MAX_LIMIT)
    name = {"content-disposition": 'attachment; filename="starkmatter-audit.csv"'}
    return StreamingResponse(_pages(b, caller, wanted, first), media_type=CSV, headers=name)


async def _pages(b: Backends, caller: Caller, wanted: Filter, found: list[AuditView]) -> AsyncIterator[str]:
    yield csv_text([HEAD])
    while found:
        yield csv_text(
            (
                one.sequence,
                one.at,
                str(one.actor_id or ""),
                one.actor_name,
                one.via,
                one.ip,
                one.action,
                one.subject_type,
                one.subject_id,
                _json(one.before),
                _json(one.after),
                one.hash.hex(),
            )
            for one in found
        )
        found = [] if len(found) < MAX_LIMIT else await list_events(b, caller, wanted, MAX_LIMIT, found[-1].sequence)


def _json(fields: dict[str, object] | None) -> str:
    return "" if fields is None else json.dumps(fields, ensure_ascii=False, sort_keys=True)
