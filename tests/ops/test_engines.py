"""The engines that tests and the product share: private, durable settings, and isolated per test."""

import psycopg
import pytest
from psycopg import sql
from redis.asyncio import Redis

from starkmatter.db.database import Database


async def test_database_fixture_is_open_and_its_role_is_no_superuser(database: Database) -> None:
    assert await database.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_test_gets_a_database_without_the_tables_of_the_one_before(database_url: str, attempt: int) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE left_behind (attempt int)")


@pytest.mark.parametrize("attempt", [1, 2])
async def test_each_test_gets_an_empty_cache(cache: Redis, attempt: int) -> None:
    assert await cache.dbsize() == 0
    await cache.set("left", "behind")


def test_cluster_has_checksums_and_listens_on_no_port(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        for name, expected in {"data_checksums": "on", "listen_addresses": "", "jit": "off"}.items():
            row = connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
            assert row == (expected,)


def test_database_refuses_a_wrong_password(database_url: str) -> None:
    wrong = database_url.replace("starkmatter:", "starkmatter:x", 1)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
