"""Carries orders that came or ended and every entry of the ledger into the audit log, each once, within seconds.

The path of an order writes its own journals, which only grow, and waits for nothing more; the leading worker reads
them. How far it came is remembered; it looks back a little further than that, since of two transactions the later one
may commit first, and `source` keeps what is in the log already from coming twice.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from starkmatter.accounts.audit.records import Actor
from starkmatter.accounts.audit.trail import append, event
from starkmatter.accounts.records import Via
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import Unavailable
from starkmatter.trading.audit import queries

EVERY_SECS = 1.0
LOOK_BACK = timedelta(seconds=15)  # longer than a transaction of ours usually lives; the hourly check looks back a day
ROWS_AT_A_TIME = 500
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
ACTIONS = {
    "pending_submit": "order.submitted",
    "risk_rejected": "order.refused",
    "fill": "order.filled",
    "deposit": "cash.deposited",
    "withdrawal": "cash.withdrawn",
    "transfer_in": "shares.moved_in",
    "transfer_out": "shares.moved_out",
    "adjustment": "cash.adjusted",
    "fee": "cash.fee",
    "dividend": "cash.dividend",
    "interest": "cash.interest",
}

log = structlog.get_logger("audit")


@dataclass(frozen=True, slots=True)
class _Found:
    source: str
    booked_at: datetime
    user_id: UUID
    display_name: str
    ip: str | None
    via: Via | None
    what: str
    order_id: UUID | None
    account_id: UUID
    words: str | None
    facts: dict[str, Any]


async def carry_over(b: Backends, look_back: timedelta = LOOK_BACK) -> int:
    """Bring the log up to date with the journals; how many events were new."""
    count = 0
    position = await b.db.value(queries.POSITION)
    since = BEGINNING if position is None else min(position, utc_now()) - look_back
    while True:
        found = await b.db.all(_Found, queries.NOT_IN_THE_LOG, {"since": since, "limit": ROWS_AT_A_TIME})
        if found:
            async with b.db.transaction() as connection:
                await connection.execute(queries.PUT_POSITION, (found[-1].booked_at,))
                count += await append(connection, [_event(one) for one in found])
            since = found[-1].booked_at
        if len(found) < ROWS_AT_A_TIME:
            return count


async def carry_over_until(b: Backends, stop: asyncio.Event, confirm: Callable[[], Awaitable[None]]) -> None:
    """Once a second until `stop` is set; only the leader does."""
    while not stop.is_set():
        await confirm()
        try:
            await carry_over(b)
        except Unavailable:
            log.debug("journals wait", why="the database does not answer")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_SECS)


def _event(one: _Found) -> dict[str, Any]:
    actor = Actor(one.via or "system", one.ip or "", one.user_id, one.display_name)
    on_order = one.order_id is not None
    return event(
        actor,
        ACTIONS.get(one.what) or f"{'order' if on_order else 'cash'}.{one.what}",
        ("order", one.order_id) if on_order else ("account", one.account_id),
        after={name: value for name, value in (one.facts | {"words": one.words}).items() if value is not None},
        source=one.source,
        at=one.booked_at,
    )
