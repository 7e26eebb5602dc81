"""A person with a tracked account, and the worker's part of imports as one call."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.db.database import Database
from starkmatter.portfolio.importing.records import ImportView
from starkmatter.portfolio.importing.service import confirm_import, get_import, start_import, undo_import
from starkmatter.portfolio.importing.work import work_once
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.tracked import open_tracked
from starkmatter.settings import load_settings
from tests.builders import make_caller

SAMPLES = Path(__file__).parent / "samples"
SESSION = """
INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)
    ON CONFLICT DO NOTHING
"""
INSTRUMENT = """
INSERT INTO instrument (venue, symbol, name, kind, exchange, currency, tick_size, lot_size, sector, data_quality,
                        data_note, source, tradable)
VALUES ('market', %s, %s, 'equity', 'XNYS', 'USD', 0.01, 1, 'Technology', 'ohlcv', '', 'test', true)
    ON CONFLICT DO NOTHING
"""
BAR = """
INSERT INTO bar (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, volume, provider)
VALUES ('market', %s, '1d', 0, %s, %s, %s, %s, %s, %s, NULL, 'test')
"""
HEAD = "at,kind,symbol,qty,price,amount,fees,tax,currency,text,source_id"


async def always() -> None:
    """This worker leads."""


@dataclass
class Importer:
    """One person, one tracked account, and a worker."""

    b: Backends
    caller: Caller
    account_id: UUID

    async def work(self) -> None:
        """Let the worker do everything that waits."""
        while await work_once(self.b, always):
            pass

    async def read(self, content: bytes, name: str = "file.csv") -> ImportView:
        """Upload and dry run."""
        started = await start_import(self.b, self.caller, self.account_id, content, file_name=name)
        await self.work()
        return await get_import(self.b, self.caller, started.id)

    async def book(self, content: bytes) -> ImportView:
        """Upload, dry run, confirm, booked."""
        read = await self.read(content)
        assert read.state == "read", read.words
        return await self.confirm(read.id)

    async def confirm(self, import_id: UUID) -> ImportView:
        await confirm_import(self.b, self.caller, import_id)
        await self.work()
        return await get_import(self.b, self.caller, import_id)

    async def undo(self, import_id: UUID) -> ImportView:
        await undo_import(self.b, self.caller, import_id)
        await self.work()
        return await get_import(self.b, self.caller, import_id)

    async def cash(self) -> Decimal:
        found: Decimal = await self.b.db.value("SELECT cash FROM account WHERE id = %s", (self.account_id,))
        return found

    async def held(self) -> dict[str, Decimal]:
        """Open shares by symbol."""
        rows = await self.b.db.tuples(
            "SELECT symbol, signed_qty FROM holding WHERE account_id = %s AND signed_qty <> 0", (self.account_id,)
        )
        return dict(rows)

    async def promises_kept(self) -> None:
        """I1 to I8, cash and holdings as the folds of the journal."""
        assert await check_books(self.b.db) == []

    async def entries(self) -> int:
        return int(await self.b.db.value("SELECT count(*) FROM ledger_entry WHERE account_id = %s", (self.account_id,)))


async def make_importer(db: Database, cache: Redis, *, currency: str = "USD", caller: Caller | None = None) -> Importer:
    """A tracked account in `currency`."""
    b = Backends(load_settings(), db, cache)
    who = caller or await make_caller(db)
    account = await open_tracked(b, who, name="Elsewhere", currency=currency)
    return Importer(b, who, account.id)


async def put_sessions(db: Database, start: date, days: int) -> None:
    """Weekdays with a close at 21:00 UTC."""
    for number in range(days):
        on = start + timedelta(days=number)
        if on.weekday() < 5:
            noon = datetime(on.year, on.month, on.day, tzinfo=UTC)
            await db.run(SESSION, (on, noon + timedelta(hours=14, minutes=30), noon + timedelta(hours=21)))


async def put_closes(db: Database, symbol: str, start: date, *closes: str) -> None:
    """Daily closes on the weekdays from `start` on."""
    await db.run(INSTRUMENT, (symbol, symbol))
    on = start
    for close in closes:
        while on.weekday() > 4:
            on += timedelta(days=1)
        at = datetime(on.year, on.month, on.day, 14, 30, tzinfo=UTC)
        await db.run(BAR, (symbol, at, at + timedelta(hours=6, minutes=30), *[Decimal(close)] * 4))
        on += timedelta(days=1)


def table(*rows: str) -> bytes:
    """A table in our own columns; each row as `at,kind,symbol,qty,price,amount,fees,tax,text`."""
    lines = [HEAD]
    for row in rows:
        at, kind, symbol, qty, price, amount, fees, tax, *text = row.split(",")
        lines.append(",".join([at, kind, symbol, qty, price, amount, fees, tax, "USD", "".join(text), ""]))
    return "\n".join(lines).encode()
