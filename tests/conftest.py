"""The fixtures every room's tests share: real engines, one fresh database and one empty cache per test."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from tests.engines import TestEngines, engines_for_tests, fresh_database


@pytest.fixture(scope="session")
def engines() -> Iterator[TestEngines]:
    """The PostgreSQL and the Valkey of this run, started when a test first needs one."""
    with engines_for_tests() as started:
        yield started


@pytest.fixture
def database_url(engines: TestEngines) -> Iterator[str]:
    """A fresh, migrated database, as the product's role (no superuser)."""
    with fresh_database(engines) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open Database on a fresh, migrated database."""
    opened = Database(database_url, name="test", max_size=4)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def redis_url(engines: TestEngines) -> str:
    """The address of the run's Valkey; `cache` empties it."""
    return engines.redis_url


@pytest.fixture
async def cache(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty Valkey, answering bytes."""
    client = Redis.from_url(redis_url)
    await client.flushall()
    yield client
    await client.aclose()
