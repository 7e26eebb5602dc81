"""Purchases that fill whole are booked together by one statement, and end as they do when each is looked at alone."""

from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.portfolio.invariants import check_books
from starkmatter.trading import queries
from starkmatter.trading.brokers.paper_work import Work
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, make_desk, order

Item = dict[str, Any]
ORDERS = ("buy 10 AAPL", "buy 5 AAPL @ 101.00", "buy 1.5 AAPL", "buy 7 MSFT")
BOOKED = (
    "SELECT o.symbol, o.qty, o.status, o.sequence, o.filled_qty, o.filled_value, o.reserved,"
    " (SELECT array_agg(e.status || e.sequence || coalesce(e.reason, '') ORDER BY e.sequence)"
    "    FROM order_event e WHERE e.order_id = o.id),"
    " f.execution, f.side, f.qty, f.price, f.fees, f.realized_pl, f.preset,"
    " f.receipt - 'quote' - 'alternatives' - 'cap',"
    " j.kind, j.description, j.accounts, j.commodities, j.amounts, j.fill_id = f.id"
    " FROM trade_order o LEFT JOIN fill f ON f.order_id = o.id LEFT JOIN ledger_entry j ON j.order_id = o.id"
    " WHERE o.account_id = %s ORDER BY o.symbol, o.qty"
)
HELD = "SELECT symbol, signed_qty, cost_basis, realized_pl, reserved_qty FROM holding WHERE account_id = %s ORDER BY 1"
MONEY = "SELECT cash, reserved FROM account WHERE id = %s"


@pytest.fixture
async def desk(database: Database, cache: Redis) -> Desk:
    return await make_desk(database, cache)


async def _news(desk: Desk, seat: Desk) -> list[Item]:
    """What the broker is about to book for four purchases of the seat."""
    for number, text in enumerate(ORDERS):
        asked = order(text)
        await submit_order(
            desk.b, seat.caller, seat.account_id, asked, f"key-{number}-{seat.account_id}", acknowledged=ALL_READ
        )
    works = await desk.b.db.all(Work, queries.PENDING_WORK, ("replay", 0, 64))
    await desk.broker._learn({work.symbol for work in works})
    return [desk.broker._answer(work, desk.clock).item for work in works if work.account_id == seat.account_id]


async def _book(db: Database, items: list[Item]) -> list[tuple[UUID, bool, str | None]]:
    rows = await db.tuples(queries.BOOK, (orjson.dumps(items).decode(), utc_now()))
    return [(row[0], row[1], row[2]) for row in rows]


async def _state(db: Database, account_id: UUID) -> list[Any]:
    return [await db.tuples(sql, (account_id,)) for sql in (BOOKED, HELD, MONEY)]


async def test_a_batch_of_purchases_ends_as_one_with_a_stranger_that_is_booked_one_by_one(desk: Desk) -> None:
    db = desk.b.db
    together, apart = await desk.person(), await desk.person()
    items = await _news(desk, together)
    assert await _book(db, items) == [(one["order"], True, "filled") for one in items]
    others = await _news(desk, apart)
    stranger = others[0] | {"order": uuid4(), "fill": uuid4(), "outbox": None}
    told = await _book(db, [*others, stranger])
    assert told == [*((one["order"], True, "filled") for one in others), (stranger["order"], False, None)]
    assert await _state(db, together.account_id) == await _state(db, apart.account_id)
    assert await db.value("SELECT count(*) FROM outbox") == 0
    assert await check_books(db) == []


async def test_only_a_batch_of_nothing_but_plain_purchases_is_booked_as_one(desk: Desk) -> None:
    db = desk.b.db
    seat = await desk.person()
    items = await _news(desk, seat)
    alone = "SELECT book_plain_purchases(%s::jsonb, now())"
    for wrong in ({"revision": 2}, {"qty": "9"}, {"end_as": "canceled"}, {"cash": "-1.00"}, {"execution": None}):
        assert await db.value(alone, (orjson.dumps([items[0] | wrong, *items[1:]]).decode(),)) is False
    assert (await _state(db, seat.account_id))[1] == []
    assert await db.value(alone, (orjson.dumps(items).decode(),)) is True
    assert await db.value(alone, (orjson.dumps(items).decode(),)) is False
    assert await check_books(db) == []


async def test_what_was_booked_is_not_booked_again(desk: Desk) -> None:
    db = desk.b.db
    seat = await desk.person()
    items = await _news(desk, seat)
    await _book(db, items[:2])
    before = await _state(db, seat.account_id)
    assert await _book(db, items[:2]) == [(one["order"], False, "filled") for one in items[:2]]
    assert await _state(db, seat.account_id) == before
    assert [booked for _, booked, _ in await _book(db, items)] == [False, False, True, True]
    assert await check_books(db) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cash": "-1.00"}, "but the legs say otherwise"),
        ({"cash": "-90000", "amounts": ["-90000", "1000.5", "10", "-10"]}, "is reserved"),
        ({"amounts": ["-1000.5", "1000.4", "10", "-10"]}, "does not balance"),
        ({"accounts": ["assets:cash"]}, "two complete legs"),
    ],
)
async def test_a_wrong_item_of_a_batch_is_refused_with_the_batch(desk: Desk, wrong: Item, words: str) -> None:
    db = desk.b.db
    seat = await desk.person()
    items = await _news(desk, seat)
    before = await _state(db, seat.account_id)
    with pytest.raises(psycopg.Error, match=words):
        await _book(db, [items[0] | wrong, *items[1:]])
    assert await _state(db, seat.account_id) == before
    assert all(booked for _, booked, _ in await _book(db, items))
    assert await check_books(db) == []


@pytest.mark.parametrize("changed", [{"revision": 2}, {"qty": "11"}])
async def test_an_order_that_changed_meanwhile_takes_nothing_and_the_others_do(desk: Desk, changed: Item) -> None:
    db = desk.b.db
    seat = await desk.person()
    items = await _news(desk, seat)
    assert [booked for _, booked, _ in await _book(db, [items[0] | changed, *items[1:]])] == [False, True, True, True]
    assert await check_books(db) == []
