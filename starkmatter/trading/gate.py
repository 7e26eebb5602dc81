"""Where submissions meet the database: one round trip, shared by orders that arrive while one is under way.

A lone order is sent at once. Orders that come while a call is in flight go together in the next one, each still judged
and stored on its own, so a burst costs few commits. A batch that fails as a whole is repeated one by one, which is safe
because an order's id is its idempotency.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
from psycopg import Error as DatabaseError

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import StarkMatterError, Unavailable
from starkmatter.trading import queries

MAX_BATCH = 32


@dataclass(frozen=True, slots=True)
class Outcome:
    """taken | refused | repeated | other_body | no_account, with the refusal in words."""

    outcome: str
    reason: str | None


class SubmitGate:
    """Collects submissions and sends them in batches, one call at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: deque[tuple[dict[str, Any], asyncio.Future[Outcome]]] = deque()
        self._flush: asyncio.Task[None] | None = None

    async def submit(self, item: dict[str, Any]) -> Outcome:
        """Send one order; raises Unavailable when the database does not answer (the caller may repeat the key)."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._flush is None or self._flush.done():
            self._flush = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            # One order of locking for everybody: by account.
            batch.sort(key=lambda pair: str(pair[0]["account_id"]))
            await self._send(batch)

    async def _send(self, batch: list[tuple[dict[str, Any], asyncio.Future[Outcome]]]) -> None:
        try:
            outcomes = await self._call([item for item, _ in batch])
        except (DatabaseError, StarkMatterError) as error:
            if len(batch) > 1:
                for pair in batch:
                    await self._send([pair])
                return
            future = batch[0][1]
            if not future.done():
                known = (
                    error
                    if isinstance(error, StarkMatterError)
                    else Unavailable(
                        "The order could not be stored and was not sent. Try again: the same key cannot order twice."
                    )
                )
                known.__cause__ = None if known is error else error
                future.set_exception(known)
            return
        for item, future in batch:
            if not future.done():
                future.set_result(outcomes[item["id"]])

    async def _call(self, items: list[dict[str, Any]]) -> dict[UUID, Outcome]:
        rows = await self._db.tuples(queries.SUBMIT, (orjson.dumps(items, default=str).decode(), utc_now()))
        return {row[0]: Outcome(row[1], row[2]) for row in rows}


_gates: "WeakKeyDictionary[Database, SubmitGate]" = WeakKeyDictionary()


def gate_of(db: Database) -> SubmitGate:
    """The one gate of a database in this process."""
    gate = _gates.get(db)
    if gate is None:
        gate = _gates[db] = SubmitGate(db)
    return gate
