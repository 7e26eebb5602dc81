"""A million new bars: the product's own way in against a bare binary COPY into the same table, and SQLAlchemy Core.

One batch after the other against the COPY; two side by side against Core, since the feed runs errands for several
symbols at once, each with a connection of its own, and the server is what they wait for.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import create_engine, insert, pool

from bench.table import Row
from starkmatter.db.database import Database
from starkmatter.db.migrate import sqlalchemy_url
from starkmatter.db.tables.market import BarRow
from starkmatter.market.history import queries
from starkmatter.market.history.bars import COPY_TIMEOUT, BarTuple, merge_bars
from starkmatter.market.history.room import make_room
from tests.engines import engines_for_tests, fresh_database

ROWS = 1_000_000
BATCH_ROWS = 50_000
ROUNDS = 5
SYMBOLS = 100
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
SIDE_BY_SIDE = 2
COPY_SHARE = 0.7
CORE_TIMES = 5.0


def run() -> list[Row]:
    """Rows a second of each way, into a table that is emptied before."""
    with engines_for_tests() as engines, fresh_database(engines) as url:
        bare, alone, both = asyncio.run(_measure(url))
        core = max(_core(url) for _ in range(ROUNDS))
    floor = f"{core:,.0f} rows/s SQLAlchemy Core"
    return [
        Row(
            "ingest of 1 M bars", f"{alone:,.0f} rows/s", f"{bare:,.0f} rows/s bare COPY", bare / alone, 1 / COPY_SHARE
        ),
        Row("ingest, two symbols side by side", f"{both:,.0f} rows/s", floor, core / both, 1 / CORE_TIMES),
        Row("ingest, one after the other", f"{alone:,.0f} rows/s", floor),
    ]


def _bars(count: int) -> list[BarTuple]:
    """One symbol's minutes after the other's: prices that walk by cents, volumes without a pattern."""
    chance, each, found = random.Random(1), count // SYMBOLS, []  # noqa: S311 - made-up prices
    for number in range(SYMBOLS):
        close = 10_000 + 100 * number
        for minute in range(each):
            opened, close = close, max(close + chance.randint(-5, 5), 100)
            high, low = max(opened, close) + chance.randint(0, 3), min(opened, close) - chance.randint(0, 3)
            prices = (Decimal(cents) / 100 for cents in (opened, high, low, close))
            at = FIRST + timedelta(minutes=minute)
            volume = Decimal(chance.randint(100, 50_000))
            found.append(
                ("market", f"S{number:03}", "1m", 0, at, at + timedelta(minutes=1), *prices, volume, "bench", None)
            )
    return found


async def _measure(url: str) -> tuple[float, float, float]:
    rows = _bars(ROWS)
    batches = [rows[at : at + BATCH_ROWS] for at in range(0, len(rows), BATCH_ROWS)]
    db = Database(url, name="bench", max_size=SIDE_BY_SIDE)
    await db.open()
    try:
        await make_room(db, "bar_market_1m", rows[0][4], rows[-1][4])
        bare, alone, both = [], [], []
        for _ in range(ROUNDS):
            bare.append(await _rate(db, batches, lambda batch: _copy(db, batch)))
            alone.append(await _rate(db, batches, lambda batch: merge_bars(db, batch)))
            both.append(await _rate(db, batches, lambda batch: merge_bars(db, batch), SIDE_BY_SIDE))
    finally:
        await db.close()
    return max(bare), max(alone), max(both)


async def _rate(
    db: Database, batches: list[list[BarTuple]], write: Callable[[list[BarTuple]], Awaitable[None]], at_once: int = 1
) -> float:
    await db.run("TRUNCATE bar")
    places = asyncio.Semaphore(at_once)

    async def in_turn(batch: list[BarTuple]) -> None:
        async with places:
            await write(batch)

    started = time.perf_counter()
    await asyncio.gather(*(in_turn(batch) for batch in batches))
    return sum(map(len, batches)) / (time.perf_counter() - started)


async def _copy(db: Database, rows: list[BarTuple]) -> None:
    async with db.transaction() as connection:
        await connection.execute(COPY_TIMEOUT)
        async with connection.cursor() as cursor, cursor.copy(queries.COPY_BARS) as copy:
            copy.set_types(queries.BAR_TYPES)
            for row in rows:
                await copy.write_row(row)


def _core(url: str) -> float:
    names = [column.name for column in BarRow.__table__.columns]  # type: ignore[attr-defined]
    order = (
        "venue",
        "symbol",
        "interval",
        "seed",
        "starts_at",
        "ends_at",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "provider",
        "note",
    )
    assert set(names) == set(order)
    rows = [dict(zip(order, row, strict=True)) for row in _bars(ROWS)]
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE bar")
    started = time.perf_counter()
    for at in range(0, len(rows), BATCH_ROWS):
        with engine.begin() as connection:
            connection.execute(insert(BarRow), rows[at : at + BATCH_ROWS])
    return len(rows) / (time.perf_counter() - started)
