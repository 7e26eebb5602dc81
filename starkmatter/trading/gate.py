"""Where submissions meet the database: one round trip, shared by orders that arrive while one is under way.

A lone order is sent at once. Orders that come while a call is in flight go together in the next one, each still judged
and stored on its own, so a burst costs few commits. A batch that fails as a whole is repeated one by one, which is safe
because an order's id is its idempotency. A batch has each id once, so that an answer belongs to one request: of two
with one key the second goes in a later call and is told what became of the first.
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
from starkmatter.db.database import Database, OwnConnection
from starkmatter.errors import Refused, StarkMatterError, Unavailable
from starkmatter.trading import queries
from starkmatter.trading.live.standing import STOPPED_BY_DATABASE

MAX_BATCH = 32
IDLE_SECS = 60.0
UNCERTAIN = "The order may not have been stored. Send it again with the same key to find out."


@dataclass(frozen=True, slots=True)
class Outcome:
    """taken | refused | repeated | other_body | no_account, with the refusal in words."""

    outcome: str
    reason: str | None


Waiting = tuple[dict[str, Any], "asyncio.Future[Outcome]"]


class SubmitGate:
    """Collects submissions and sends them in batches, one call at a time, over a connection of its own."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: deque[Waiting] = deque()
        self._came = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

    async def submit(self, item: dict[str, Any]) -> Outcome:
        """Send one order; raises Unavailable when the database does not answer (the caller may repeat the key)."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._came.set()
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_until_idle())
        return await future

    async def _send_until_idle(self) -> None:
        """One task sends for everybody; it ends, and gives its connection back, when nobody came for a while."""
        batch: list[Waiting] = []
        try:
            async with self._db.own_connection() as own:
                while True:
                    while self._waiting:
                        batch = self._next_batch()
                        await self._send(own, batch)
                    self._came.clear()
                    try:
                        async with asyncio.timeout(IDLE_SECS):
                            await self._came.wait()
                    except TimeoutError:
                        if not self._waiting:
                            return
        finally:
            # It ends out of turn only: whoever still waits would wait until somebody else comes.
            _fail([*batch, *self._waiting], Unavailable(UNCERTAIN))
            self._waiting.clear()

    def _next_batch(self) -> list[Waiting]:
        """The first that wait, each id once, in one order of locking for everybody: by account."""
        batch: dict[UUID, Waiting] = {}
        later: list[Waiting] = []
        while self._waiting and len(batch) < MAX_BATCH:
            pair = self._waiting.popleft()
            if batch.setdefault(pair[0]["id"], pair) is not pair:
                later.append(pair)
        self._waiting.extendleft(reversed(later))
        return sorted(batch.values(), key=lambda pair: str(pair[0]["account_id"]))

    async def _send(self, own: OwnConnection, batch: list[Waiting]) -> None:
        """Answer every order of the batch, whatever happens."""
        try:
            outcomes = await self._call(own, [item for item, _ in batch])
        except (DatabaseError, StarkMatterError, TypeError, ValueError) as error:
            if len(batch) > 1:
                for pair in batch:
                    await self._send(own, [pair])
            else:
                _fail(batch, _known(error))
            return
        for item, future in batch:
            if not future.done():
                future.set_result(outcomes[item["id"]])

    async def _call(self, own: OwnConnection, items: list[dict[str, Any]]) -> dict[UUID, Outcome]:
        rows = await own.tuples(queries.SUBMIT, (orjson.dumps(items).decode(), utc_now()))
        return {row[0]: Outcome(row[1], row[2]) for row in rows}


def _fail(batch: list[Waiting], error: StarkMatterError) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)


def _known(error: Exception) -> StarkMatterError:
    """The error a person sees when their order could not be stored."""
    if isinstance(error, StarkMatterError):
        return error
    if isinstance(error, DatabaseError) and error.sqlstate == STOPPED_BY_DATABASE:
        return Refused(error.diag.message_primary or "Nothing was ordered.", code="not_live")
    known = Unavailable("The order could not be stored and was not sent. Try again: the same key cannot order twice.")
    known.__cause__ = error
    return known


_gates: "WeakKeyDictionary[Database, SubmitGate]" = WeakKeyDictionary()


def gate_of(db: Database) -> SubmitGate:
    """The one gate of a database in this process."""
    gate = _gates.get(db)
    if gate is None:
        gate = _gates[db] = SubmitGate(db)
    return gate
