"""The promises of the books are seen to be broken when they are: what all other tests of money end with can fail."""

import psycopg
import pytest
from psycopg import sql
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.portfolio.invariants import check_books
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, make_desk, order, quote
from tests.engines import TestEngines

# By whom nothing stands against it: rule, what the finding says of it, and the change.
BROKEN = {
    "an entry that does not add up": (
        "I1",
        "USD off by",
        "UPDATE ledger_entry SET amounts[1] = amounts[1] + 0.01 WHERE kind = 'fill'",
    ),
    "an entry that is not taken back whole": (
        "I1",
        "back whole",
        "INSERT INTO ledger_entry"
        " (account_id, kind, description, venue_at, booked_at, accounts, commodities, amounts, reverses)"
        " SELECT account_id, kind, description, venue_at, booked_at, accounts, commodities, amounts, id"
        " FROM ledger_entry WHERE kind = 'fill' ORDER BY id LIMIT 1",
    ),
    "an order that closes and holds money": ("I4", "closes a position and holds", "UPDATE account SET kind = 'margin'"),
    "cash that came from nowhere": ("I2", "the journal says", "UPDATE account SET cash = cash + 0.01"),
    "shares that came from nowhere": ("I3", "fills say", "UPDATE holding SET signed_qty = signed_qty + 1"),
    "a fill that was lost": ("I3", "fills say", "DELETE FROM fill WHERE side = 'sell'"),
    "more set aside than there is": ("I4", "does not cover", "UPDATE account SET reserved = cash + 1"),
    "a cash account that is short": ("I4", "is short", "UPDATE holding SET signed_qty = -1"),
    "money held for nothing": ("I5", "its orders hold", "UPDATE account SET reserved = reserved + 1"),
    "shares held for nothing": ("I5", "set aside", "UPDATE holding SET reserved_qty = reserved_qty + 1"),
    "an ended order that holds money": (
        "I5",
        "but still holds",
        "UPDATE trade_order SET reserved = 1 WHERE status = 'filled'",
    ),
    "ways out that sold too much": (
        "I5",
        "more than they may",
        "UPDATE trade_order SET filled_qty = qty WHERE group_id IS NOT NULL",
    ),
    "an order that filled without a fill": (
        "I6",
        "fills and what changed them",
        "UPDATE trade_order SET filled_qty = 1, filled_value = 95 WHERE status = 'working' AND side = 'buy'",
    ),
    "an order with another value than its fills": (
        "I6",
        "fills and what changed them",
        "UPDATE trade_order SET filled_value = filled_value + 0.00001 WHERE status = 'filled'",
    ),
    "a fill that is in no order": (
        "I6",
        "fills and what changed them",
        "DELETE FROM fill WHERE side = 'buy'",
    ),
    "a state that nobody noted": ("I8", "events", "UPDATE trade_order SET sequence = sequence + 1"),
    "a note that was lost": ("I8", "events", "DELETE FROM order_event WHERE status = 'submitting'"),
}


@pytest.fixture
async def desk(database: Database, cache: Redis) -> Desk:
    """Shares bought, some sold again, a purchase and a sale that rest, and a pair of ways out."""
    made = await make_desk(database, cache)
    for number, text in enumerate(
        (
            "buy 20 AAPL",
            "sell 5 AAPL",
            "buy 3 AAPL @ 95.00 gtc",
            "sell 4 AAPL @ 120.00 gtc",
            "sell 6 AAPL @ 130.00 sl=80 oco gtc",
        )
    ):
        await submit_order(made.b, made.caller, made.account_id, order(text), f"key-{number:08}", acknowledged=ALL_READ)
        await made.broker.drain()
        await made.tell(quote("AAPL 100.00/100.05"))
    return made


async def test_books_that_are_right_break_none(desk: Desk) -> None:
    assert await check_books(desk.b.db) == []


@pytest.mark.parametrize("what", BROKEN)
async def test_what_is_broken_is_found(engines: TestEngines, database_url: str, desk: Desk, what: str) -> None:
    rule, words, statement = BROKEN[what]
    name = database_url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(engines.superuser_url, dbname=name, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no trigger fires
        assert connection.execute(sql.SQL(statement)).rowcount  # type: ignore[arg-type]
    found = await check_books(desk.b.db)
    assert [one for one in found if one.rule == rule and words in one.detail], found
