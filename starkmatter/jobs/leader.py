"""Exactly one worker is active: the one that holds an advisory lock on a connection of its own."""

import asyncio

import psycopg
import structlog

from starkmatter.clock import monotonic_secs

LEADER_LOCK_KEY = 0x5354_4152_4B03
RETRY_SECS = 1.0
CHECK_SECS = 2.0
SURE_SECS = 3.0

log = structlog.get_logger("worker")


class Leadership:
    """`await win()` returns once this process leads; `await lost()` returns when it does not lead any more.

    A process that was asleep (stopped, swapped out, suspended) may wake up after another one took over. So nothing that
    only the leader may do happens before `confirm()` has returned, and that asks again when the last proof is old.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._gone = asyncio.Event()
        self._proved_at = float("-inf")

    async def win(self, stop: asyncio.Event) -> bool:
        """Wait for the lock; False when `stop` was set first."""
        waiting = False
        while not stop.is_set():
            try:
                if self._connection is None:
                    self._connection = await psycopg.AsyncConnection.connect(
                        self._url, autocommit=True, application_name="starkmatter leader", connect_timeout=5
                    )
                row = await (
                    await self._connection.execute("SELECT pg_try_advisory_lock(%s)", (LEADER_LOCK_KEY,))
                ).fetchone()
                if row is not None and row[0]:
                    self._proved_at = monotonic_secs()
                    return True
                if not waiting:
                    log.info("standing by", why="another worker leads")
                    waiting = True
            except psycopg.Error as error:
                log.warning("no leader lock", error=type(error).__name__)
                await self.resign()
            try:
                await asyncio.wait_for(stop.wait(), RETRY_SECS)
            except TimeoutError:
                continue
        return False

    async def lost(self) -> None:
        """Returns when the connection that holds the lock is gone: the caller must stop at once."""
        while not self._gone.is_set():
            try:
                async with asyncio.timeout(CHECK_SECS):
                    await self._gone.wait()
            except TimeoutError:
                await self._prove()

    async def confirm(self) -> None:
        """Returns while this process leads, at once in the usual case; never when it does not lead any more."""
        if monotonic_secs() - self._proved_at > SURE_SECS:
            await self._prove()
        if self._gone.is_set():
            await asyncio.Event().wait()

    async def _prove(self) -> None:
        """Ask the connection that holds the lock whether it lives."""
        asked_at = monotonic_secs()
        try:
            async with asyncio.timeout(CHECK_SECS * 2):
                if self._connection is None:
                    self._gone.set()
                else:
                    await self._connection.execute("SELECT 1")
                    self._proved_at = asked_at
        except (psycopg.Error, TimeoutError):
            self._gone.set()

    async def resign(self) -> None:
        """Give the lock back by closing the connection that holds it."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
