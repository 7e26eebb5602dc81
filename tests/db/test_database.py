"""What counts as a database that is away: nothing may be judged by the words of a server that is going or gone."""

import psycopg
import pytest
from psycopg import errors

from starkmatter.db.database import Database
from starkmatter.errors import Unavailable

AWAY = (
    errors.AdminShutdown("57P01: terminating connection due to administrator command"),
    errors.CrashShutdown("57P02: terminating connection because of crash of another server process"),
    errors.CannotConnectNow("57P03: the database system is starting up"),
    errors.ReadOnlySqlTransaction("25006: cannot execute INSERT in a read-only transaction"),
    errors.ConnectionFailure("08006"),
    errors.DiskFull("53100"),
    errors.QueryCanceled("57014"),
    errors.LockNotAvailable("55P03"),
    errors.SerializationFailure("40001"),
    psycopg.OperationalError("consuming input failed: server closed the connection unexpectedly"),
    psycopg.DatabaseError("server closed the connection unexpectedly"),  # as libpq tells it: without an SQLSTATE
)
REFUSED = (errors.CheckViolation("23514"), errors.RaiseException("P0001"), errors.UndefinedTable("42P01"))


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
async def test_a_server_that_goes_is_away_and_nothing_else(database: Database, error: psycopg.Error) -> None:
    with pytest.raises(Unavailable, match="The database does not answer"):
        async with database.connection():
            raise error


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: type(error).__name__)
async def test_what_the_server_refuses_is_told_as_it_is(database: Database, error: psycopg.Error) -> None:
    with pytest.raises(type(error)):
        async with database.connection():
            raise error


async def test_a_standby_that_may_only_read_is_away(database: Database) -> None:
    async with database.own_connection() as own:
        await own.tuples("SELECT set_config('default_transaction_read_only', 'on', false)")
        with pytest.raises(Unavailable):
            await own.tuples("SELECT nextval('outbox_id_seq')")


async def test_a_connection_that_was_ended_is_away_and_the_next_one_works(database: Database) -> None:
    async with database.own_connection() as own:
        [(pid,)] = await own.tuples("SELECT pg_backend_pid()")
        await database.run("SELECT pg_terminate_backend(%s)", (pid,))
        with pytest.raises(Unavailable):
            await own.tuples("SELECT 1")
        assert await own.tuples("SELECT 1") == [(1,)]
