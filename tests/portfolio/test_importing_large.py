"""50,000 rows are read and booked whole, with progress all the way. How fast: `python -m bench portfolio`."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.portfolio.importing.booking import standing
from starkmatter.portfolio.importing.folding import holdings
from starkmatter.portfolio.importing.service import confirm_import, get_import, start_import
from starkmatter.portfolio.importing.work import work_once
from starkmatter.portfolio.transfers.records import Asked
from starkmatter.portfolio.transfers.service import move_shares
from tests.portfolio.importing import make_importer, put_sessions
from tests.portfolio.large import ten_years

ROWS, SYMBOLS = 50_000, 500
LATE = datetime(2025, 12, 22, 17, tzinfo=UTC)


@pytest.mark.nightly
async def test_fifty_thousand_rows_are_read_and_booked_with_progress(database: Database, cache: Redis) -> None:
    importer = await make_importer(database, cache)
    await put_sessions(database, date(2016, 1, 4), 3_650)
    content = ten_years(ROWS, SYMBOLS)
    sent = await start_import(importer.b, importer.caller, importer.account_id, content, file_name="large.csv")
    steps: list[tuple[str, int]] = []

    async def watches() -> None:
        found = await get_import(importer.b, importer.caller, sent.id)
        steps.append((found.state, found.done_count))

    assert await work_once(importer.b, watches)
    await confirm_import(importer.b, importer.caller, sent.id)
    assert await work_once(importer.b, watches)
    booked = await get_import(importer.b, importer.caller, sent.id)
    assert booked.state == "booked", booked.words
    assert await importer.entries() == ROWS
    for state in ("reading", "booking"):
        assert len({done for name, done in steps if name == state}) >= 10, "it shows how far it has come"
    await importer.work()
    await importer.promises_kept()
    # A move folds its own symbol alone; what is cached is what all of the journal says, in both accounts.
    other = await make_importer(database, cache, caller=importer.caller)
    held = await importer.held()
    symbol = max(held, key=lambda one: held[one])
    asked = Asked(importer.account_id, other.account_id, symbol, Decimal(1), at=LATE, price=Decimal(50))
    await move_shares(importer.b, importer.caller, asked)
    for one in (importer, other):
        async with database.connection() as connection:
            told = holdings(await standing(connection, one.account_id))
        assert await one.held() == {name: found.state.qty for name, found in told.items() if found.state.qty}
    cost = await database.value("SELECT cost_basis FROM holding WHERE account_id = %s", (other.account_id,))
    assert cost == told[symbol].state.cost_basis
    await other.promises_kept()
