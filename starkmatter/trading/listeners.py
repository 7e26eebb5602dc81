"""Who hears of an account's orders besides its owner: those it is shared with, as of a few seconds ago."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from uuid import UUID

from starkmatter.accounts.sharing import queries
from starkmatter.db.database import Database
from starkmatter.errors import Unavailable

READ_EVERY_SECS = 5.0

_listeners: dict[UUID, tuple[UUID, ...]] = {}


def listeners_of(account_id: UUID) -> tuple[UUID, ...]:
    """The people an account is shared with; nobody in a process that does not watch."""
    return _listeners.get(account_id, ())


async def watch_listeners_until(db: Database, stop: asyncio.Event) -> None:
    """Read the shares again and again. What is announced is a hint: who may see the order is asked when it is read."""
    while not stop.is_set():
        with suppress(Unavailable):
            await read_listeners(db)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), READ_EVERY_SECS)


async def read_listeners(db: Database) -> None:
    """Take over who listens to what now."""
    found: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for account_id, user_id in await db.tuples(queries.LISTENERS):
        found[account_id].append(user_id)
    _listeners.clear()
    _listeners.update({account_id: tuple(people) for account_id, people in found.items()})
