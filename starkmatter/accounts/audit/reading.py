"""Reads the audit log: for admins with filters, and as a whole to check it."""

import asyncio

from starkmatter.accounts.audit import queries
from starkmatter.accounts.audit.chain import ChainCheck
from starkmatter.accounts.audit.records import Anchor, AuditView, ChainRow, Filter, Verdict
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput, NotAllowed

MAX_LIMIT = 500
MAX_SEQUENCE = 2**63 - 1
ROWS_AT_A_TIME = 1_000
EVERYTHING = Filter()


async def list_events(
    b: Backends, caller: Caller, which: Filter = EVERYTHING, limit: int = 100, before: int | None = None
) -> list[AuditView]:
    """The newest first; `before` is the sequence of the last one already seen. Admins only."""
    if not caller.is_admin:
        raise NotAllowed("Only an admin reads the audit log.")
    if before is not None and not 0 < before <= MAX_SEQUENCE:
        raise InvalidInput("cursor: not one of ours.")
    for name, at in (("start", which.start), ("end", which.end)):
        if at is not None and at.tzinfo is None:
            raise InvalidInput(f"{name}: give the instant with a time zone, such as 2026-03-01T14:30:00Z.")
    subject_type, _, subject_id = which.subject.partition("/")
    escaped = which.action.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await b.db.all(
        AuditView,
        queries.EVENTS,
        {
            "action": f"{escaped}%" if escaped else None,
            "person": which.person,
            "subject_type": subject_type or None,
            "subject_id": subject_id or None,
            "start": which.start,
            "end": which.end,
            "before": before,
            "limit": max(1, min(limit, MAX_LIMIT)),
        },
    )


async def newest_sequence(b: Backends, caller: Caller) -> int:
    """How many events there are. Admins only."""
    if not caller.is_admin:
        raise NotAllowed("Only an admin reads the audit log.")
    return int(await b.db.value(queries.HEAD) or 0)


async def check_log(db: Database, anchors: list[Anchor]) -> Verdict:
    """Read every row, a few at a time, and hold it against its neighbors and the anchors."""
    check = ChainCheck(anchors)
    while not check.broken:
        rows = await db.all(ChainRow, queries.CHAIN_AFTER, (check.last_sequence, ROWS_AT_A_TIME))
        check.take(rows)
        if len(rows) < ROWS_AT_A_TIME:
            break
        await asyncio.sleep(0)  # whoever shares this loop has their turn
    return check.end()
