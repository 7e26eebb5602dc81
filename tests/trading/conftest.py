"""What several files of this room begin with: a broker on loopback, orders that are stored as they are told."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import psycopg
import pytest
from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.db.database import Database
from starkmatter.portfolio.invariants import check_books
from tests.builders import Desk, make_desk
from tests.standins.alpaca_trading import AlpacaTrading, alpaca_trading
from tests.trading.stored_orders import Seat, make_people


@pytest.fixture
def alpaca() -> Iterator[AlpacaTrading]:
    with alpaca_trading() as broker:
        yield broker


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    """A desk whose books are in order at the end."""
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


@pytest.fixture
async def people(database: Database) -> tuple[list[Caller], list[UUID]]:
    return await make_people(database)


@pytest.fixture
def seat(database_url: str, people: tuple[list[Caller], list[UUID]]) -> Iterator[Seat]:
    with psycopg.connect(database_url) as look:
        yield Seat(look, *people)
        look.rollback()
