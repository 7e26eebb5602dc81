"""50,000 rows within twenty seconds, with progress all the way."""

import random
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.portfolio.importing.service import confirm_import, get_import, start_import
from starkmatter.portfolio.importing.work import work_once
from tests.portfolio.importing import make_importer, put_sessions, table

ROWS, SYMBOLS, WITHIN_SECS = 50_000, 500, 20


def ten_years() -> bytes:
    """Trades of many symbols over ten years, no more sold than was bought."""
    chance = random.Random(1)
    held = {f"S{number}": 0 for number in range(SYMBOLS)}
    rows = ["2016-01-04T15:00:00Z,deposit,,,,100000000.00,,,"]
    at = datetime(2016, 1, 4, 16, tzinfo=UTC)
    while len(rows) < ROWS:
        at += timedelta(minutes=100)
        symbol, qty, cents = chance.choice(list(held)), chance.randint(1, 50), chance.randint(1_000, 20_000)
        sells = held[symbol] >= qty and chance.random() < 0.45
        held[symbol] += -qty if sells else qty
        cash = qty * cents - 100 if sells else -qty * cents - 100
        price, cash_text = f"{cents / 100:.2f}", f"{cash / 100:.2f}"
        rows.append(f"{at.isoformat()},{'sell' if sells else 'buy'},{symbol},{qty},{price},{cash_text},1.00,,")
    return table(*rows)


@pytest.mark.nightly
async def test_fifty_thousand_rows_are_read_and_booked_within_twenty_seconds(database: Database, cache: Redis) -> None:
    importer = await make_importer(database, cache)
    await put_sessions(database, date(2016, 1, 4), 3_650)
    sent = await start_import(importer.b, importer.caller, importer.account_id, ten_years(), file_name="large.csv")
    steps: list[tuple[str, int]] = []

    async def watches() -> None:
        found = await get_import(importer.b, importer.caller, sent.id)
        steps.append((found.state, found.done_count))

    started = time.monotonic()
    assert await work_once(importer.b, watches)
    await confirm_import(importer.b, importer.caller, sent.id)
    assert await work_once(importer.b, watches)
    took = time.monotonic() - started
    booked = await get_import(importer.b, importer.caller, sent.id)
    assert booked.state == "booked", booked.words
    assert await importer.entries() == ROWS
    for state in ("reading", "booking"):
        assert len({done for name, done in steps if name == state}) >= 10, "it shows how far it has come"
    assert took <= WITHIN_SECS, f"{took:.1f} s"
    await importer.work()
    await importer.promises_kept()
