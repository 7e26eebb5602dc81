"""The pool of PostgreSQL connections: psycopg, autocommit, explicit transactions, hard time-outs."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, TypeVar
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, DatabaseError, OperationalError
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.rows import class_row, tuple_row
from psycopg_pool import AsyncConnectionPool

from starkmatter.clock import monotonic_secs
from starkmatter.db.actor import current_actor
from starkmatter.errors import Unavailable

Params = Sequence[Any] | Mapping[str, Any]
Connection = AsyncConnection[tuple[Any, ...]]
T = TypeVar("T")

STATEMENT_TIMEOUT_MS = 5_000
LOCK_TIMEOUT_MS = 2_000
IDLE_IN_TRANSACTION_MS = 30_000
CONNECT_WAIT_SECS = 5.0
CHECK_IDLE_SECS = 1.0
SET_ACTOR: LiteralString = "SELECT set_config('starkmatter.actor', %s, false)"

NO_ANSWER = "The database does not answer. Nothing was changed; try again shortly."

_seen_alive: "WeakKeyDictionary[Connection, float]" = WeakKeyDictionary()


async def _check_when_idle(connection: Connection) -> None:
    """Ask a connection that lay idle whether it still lives; a busy one just proved it and costs no round trip."""
    now = monotonic_secs()
    if now - _seen_alive.get(connection, 0.0) > CHECK_IDLE_SECS:
        await AsyncConnectionPool.check_connection(connection)
    _seen_alive[connection] = now


def _is_away(error: DatabaseError) -> bool:
    """Whether the server could not do it now, rather than would not do it at all.

    That is what psycopg calls operational (the pool's own errors too), a server that has become a standby and may only
    read, and a connection that broke without a word of the server: only what the server says has an SQLSTATE.
    """
    if isinstance(error, OperationalError | ReadOnlySqlTransaction):
        return True
    return type(error) is DatabaseError and error.diag.sqlstate is None


class Database:
    """Opens and lends connections. One per process; `await open()` before use, `await close()` at the end.

    A walled one tells PostgreSQL for whom each statement runs (see `db.actor`): row-level security then hides all else.
    """

    def __init__(self, url: str, *, name: str, max_size: int = 10, walled: bool = False) -> None:
        self._url = url
        self._walled = walled
        self._acting_for: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()
        self._options: dict[str, Any] = {
            "autocommit": True,
            "row_factory": tuple_row,
            "application_name": name,
            "options": (
                f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
                f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS} -c timezone=UTC"
            ),
        }
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=max_size,
            open=False,
            timeout=CONNECT_WAIT_SECS,
            check=_check_when_idle,
            # Pauses between attempts double until then: a longer one would keep us waiting for a server that is back.
            reconnect_timeout=CONNECT_WAIT_SECS,
            kwargs=self._options,
        )

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode; raises Unavailable when none can be had."""
        try:
            async with self._pool.connection() as connection:
                if self._walled:
                    await self._tell_actor(connection)
                yield connection
        except DatabaseError as error:
            if _is_away(error):
                raise Unavailable(NO_ANSWER) from error
            raise

    async def _tell_actor(self, connection: Connection) -> None:
        """One round trip when the connection worked for somebody else before, none otherwise."""
        actor = current_actor()
        if self._acting_for.get(connection) != actor:
            self._acting_for.pop(connection, None)
            await connection.execute(SET_ACTOR, (actor,))
            self._acting_for[connection] = actor

    @asynccontextmanager
    async def own_connection(self) -> AsyncIterator["OwnConnection"]:
        """A connection outside the pool for a caller that uses it all the time; closed at the end of the block.

        It works for everybody, so its statements have to name their caller themselves.
        """
        own = OwnConnection(self._url, self._options)
        try:
            yield own
        finally:
            await own.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction: committed at the end, rolled back on any error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def all(self, row: type[T], sql: LiteralString, params: Params = ()) -> list[T]:
        """Every row as an instance of `row`, built by column name."""
        async with self.connection() as connection, connection.cursor(row_factory=class_row(row)) as cursor:
            await cursor.execute(sql, params)
            return await cursor.fetchall()

    async def made(self, make: Callable[[Sequence[Any]], T], sql: LiteralString, params: Params = ()) -> list[T]:
        """What `make` does of each row's values: for very many rows, of which nothing else is to be kept meanwhile."""
        async with self.connection() as connection, connection.cursor(row_factory=lambda _: make) as cursor:
            await cursor.execute(sql, params)
            return await cursor.fetchall()

    async def one(self, row: type[T], sql: LiteralString, params: Params = ()) -> T | None:
        """The first row as an instance of `row`, or None when there is none."""
        async with self.connection() as connection, connection.cursor(row_factory=class_row(row)) as cursor:
            await cursor.execute(sql, params)
            return await cursor.fetchone()

    async def tuples(self, sql: LiteralString, params: Params = ()) -> list[tuple[Any, ...]]:
        """Every row as a plain tuple."""
        async with self.connection() as connection:
            cursor = await connection.execute(sql, params)
            return await cursor.fetchall()

    async def value(self, sql: LiteralString, params: Params = ()) -> Any:
        """The first column of the first row, or None when there is no row."""
        async with self.connection() as connection:
            row = await (await connection.execute(sql, params)).fetchone()
        return None if row is None else row[0]

    async def run(self, sql: LiteralString, params: Params = ()) -> int:
        """Execute one statement; the number of rows it touched."""
        async with self.connection() as connection:
            return (await connection.execute(sql, params)).rowcount


class OwnConnection:
    """One connection for one task, opened on first use and opened anew after it broke."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._url = url
        self._options = options
        self._connection: Connection | None = None

    async def tuples(self, sql: LiteralString, params: Params = ()) -> list[tuple[Any, ...]]:
        """Every row of one statement, committed; raises Unavailable when the database does not answer."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = await AsyncConnection.connect(
                    self._url, connect_timeout=int(CONNECT_WAIT_SECS), **self._options
                )
            return await (await self._connection.execute(sql, params)).fetchall()
        except DatabaseError as error:
            if self._connection is not None and self._connection.closed:
                self._connection = None
            if _is_away(error):
                raise Unavailable(NO_ANSWER) from error
            raise

    async def close(self) -> None:
        """Close it, if it was opened."""
        if self._connection is not None:
            await self._connection.close()
