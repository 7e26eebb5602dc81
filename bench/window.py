"""A daily window of one symbol, 2,500 rows: the service against reads of the same rows by ADBC, pandas and DuckDB.

All read the same PostgreSQL rows or a copy of them in the same run; medians of warm reads.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import pandas as pd
from sqlalchemy import create_engine, text

from bench.table import Row
from starkmatter.db.database import Database
from starkmatter.db.migrate import sqlalchemy_url
from starkmatter.market.providers.replay import load_history
from starkmatter.market.replay_runs import prepare_market
from starkmatter.market.service import load_bars, load_bars_json
from tests.engines import engines_for_tests, fresh_database

ROWS = 2_500
READS = 60
TARGET = 1.5
PANDAS_TARGET = 0.5
SYMBOL = "AAPL"
UNTIL = datetime(2023, 12, 31, tzinfo=UTC)
SAME_ROWS = f"""SELECT starts_at, open, high, low, close, volume, provider, note FROM bar
 WHERE venue = 'replay' AND symbol = '{SYMBOL}' AND interval = '1d' AND seed = 0
 ORDER BY starts_at DESC LIMIT {ROWS}"""  # noqa: S608 - constants of this file


def run() -> list[Row]:
    """The list of bars and the ready JSON, each against ADBC; pandas and DuckDB for comparison."""
    with engines_for_tests() as engines, fresh_database(engines) as url:
        return asyncio.run(_rows(url))


async def _rows(url: str) -> list[Row]:
    db = Database(url, name="bench", max_size=2)
    await db.open()
    try:
        started = time.perf_counter()
        await prepare_market(db, load_history(), datetime.combine(date(2026, 1, 1), datetime.min.time(), UTC))
        loaded_secs = time.perf_counter() - started
        await db.run("ANALYZE bar")
        adbc_ms, pandas_ms, duckdb_ms = await _adbc_ms(url), await _pandas_ms(url), await _duckdb_ms(db)
        bars_ms = await _median_ms(lambda: load_bars(db, "replay", SYMBOL, "1d", limit=ROWS, until=UNTIL))
        json_ms = await _median_ms(lambda: load_bars_json(db, "replay", SYMBOL, "1d", limit=ROWS, until=UNTIL))
    finally:
        await db.close()
    floor = f"{adbc_ms:.2f} ms ADBC"
    return [
        Row("daily window, list of bars", f"{bars_ms:.2f} ms", floor, bars_ms / adbc_ms, TARGET),
        Row("daily window, ready JSON", f"{json_ms:.2f} ms", floor, json_ms / adbc_ms, TARGET),
        Row(
            "daily window, list of bars vs pandas.read_sql",
            f"{bars_ms:.2f} ms",
            f"{pandas_ms:.2f} ms pandas",
            bars_ms / pandas_ms,
            PANDAS_TARGET,
        ),
        Row(
            "daily window, ready JSON vs DuckDB", f"{json_ms:.2f} ms", f"{duckdb_ms:.2f} ms DuckDB", json_ms / duckdb_ms
        ),
        Row("first start: sessions, instruments, 66,514 days", f"{loaded_secs:.2f} s", ""),
    ]


async def _median_ms(read: Callable[[], Awaitable[object]]) -> float:
    for _ in range(8):
        await read()
    taken = []
    for _ in range(READS):
        started = time.perf_counter()
        await read()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e3


async def _adbc_ms(url: str) -> float:
    with adbc.connect(url) as connection:

        async def read() -> object:
            with connection.cursor() as cursor:
                cursor.execute(SAME_ROWS)
                return cursor.fetch_arrow_table()

        return await _median_ms(read)


async def _pandas_ms(url: str) -> float:
    engine = create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:

        async def read() -> object:
            return pd.read_sql(text(SAME_ROWS), connection)

        taken = await _median_ms(read)
    engine.dispose()
    return taken


async def _duckdb_ms(db: Database) -> float:
    rows = await db.tuples(
        "SELECT symbol, starts_at AT TIME ZONE 'UTC', open, high, low, close, volume, provider, note"
        " FROM bar WHERE symbol = %(symbol)s",
        {"symbol": SYMBOL},
    )
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE bar (symbol VARCHAR, starts_at TIMESTAMP, open DECIMAL(18,6), high DECIMAL(18,6), "
            "low DECIMAL(18,6), close DECIMAL(18,6), volume DECIMAL(18,0), provider VARCHAR, note VARCHAR)"
        )
        connection.executemany("INSERT INTO bar VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

        async def read() -> object:
            return connection.execute(
                "SELECT * FROM bar WHERE symbol = ? ORDER BY starts_at DESC LIMIT ?", [SYMBOL, ROWS]
            ).fetchall()

        return await _median_ms(read)
