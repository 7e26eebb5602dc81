"""Writes what a dry run showed into the journal, and takes it back by reversing entries: whole or not at all.

Entries go in by thousands in one transaction under the account's lock; cash and holdings, which are folds of them, are
told anew at its end, and the state of the import changes in it. A worker that dies leaves nothing, and the next one
begins again. One that was overtaken finds another claim on the import and writes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import orjson
from psycopg.rows import class_row

from starkmatter.accounts.audit.records import Actor
from starkmatter.accounts.audit.trail import note
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import Conflict, InvalidInput
from starkmatter.portfolio.importers.bounds import canceled
from starkmatter.portfolio.importing import queries
from starkmatter.portfolio.importing.folding import Held, Standing, holdings_and_costs
from starkmatter.portfolio.importing.pairing import pair_sides, part_sides
from starkmatter.trading.importing import book_next, reverse_next

AT_ONCE = 2_000
WORKER = Actor("job")
NAMED_SYMBOLS = 5
# Accounts that are told anew after one: shares that went round and round on one day would have no end.
MOST_FOLLOWED = 200
# How the words of an import end that was booked; others say why it could not be taken back.
BOOKED = "booked."

# Told how many entries were written; raises when somebody asked to stop or another worker has taken over.
Told = Callable[[int], Awaitable[None]]


class Overtaken(Exception):
    """Another worker has the import now: nothing of this one's work is kept."""


async def book_import(b: Backends, import_id: UUID, account_id: UUID, claim: UUID, told: Told) -> int:
    """Write every entry of the dry run that is not known by now; how many. Raises what `told` raises, nothing kept.

    Conflict when the account is closed or frozen meanwhile, or everything was booked by another import.
    """
    now = utc_now()
    async with b.db.transaction() as connection:
        await _lock(connection, account_id)
        asked = {"import": import_id, "account": account_id}
        known = await (await connection.execute(queries.DROP_KNOWN_SINCE, asked)).fetchall()
        if known:
            places = sorted({row[0] for row in known})
            await connection.execute(queries.MARK_KNOWN_SINCE, {"import": import_id, "places": places})
        row = await (await connection.execute(queries.LAST_TURN, (import_id,))).fetchone()
        if row is None or not row[1]:
            raise Conflict("Everything in it was booked by another import meanwhile.")
        written = 0
        for start in range(0, row[0] + 1, AT_ONCE):
            written += await book_next(connection, import_id, start, start + AT_ONCE, now)
            await told(written)
        paired = await pair_sides(connection, account_id, now)
        await refold(connection, account_id, now, paired)
        await _finish(connection, import_id, claim, "booked", f"{_entries(written)} {BOOKED}", now)
        about = {"account": account_id, "entries": written}
        await note(connection, WORKER, "import.booked", ("import", import_id), after=about)
    return written


async def undo_import_booking(b: Backends, import_id: UUID, account_id: UUID, claim: UUID, told: Told) -> int:
    """Write an entry against each one that the import wrote, at the instant of that one; how many.

    Conflict in words when shares that it brought were sold by entries that stay.
    """
    now = utc_now()
    async with b.db.transaction() as connection:
        await _lock(connection, account_id)
        before = await below_zero(connection, import_id, account_id, takes=False)
        after = await below_zero(connection, import_id, account_id, takes=True)
        if lacking := [one for one in after if one[0] not in {symbol for symbol, _, _ in before}]:
            raise Conflict(_rests_on_it(lacking))
        written = 0
        while count := await reverse_next(connection, import_id, AT_ONCE, now):
            written += count
            await told(written)
        parted = await part_sides(connection, account_id, now)
        await refold(connection, account_id, now, parted)
        await _finish(connection, import_id, claim, "undone", f"{_entries(written)} taken back.", now)
        about = {"account": account_id, "entries": written}
        await note(connection, WORKER, "import.undone", ("import", import_id), after=about)
    return written


async def below_zero(
    connection: Connection,
    import_id: UUID | None,
    account_id: UUID,
    *,
    takes: bool = False,
    adds: bool = False,
    symbol: str | None = None,
) -> list[tuple[str, Decimal, datetime]]:
    """Symbols (or this one) whose shares go below zero at some time: with what the import adds, or without what it
    brought.
    """
    asked = {"import": import_id, "account": account_id, "takes": takes, "adds": adds, "symbol": symbol}
    return await (
        await connection.execute(queries.BELOW_ZERO if symbol is None else queries.BELOW_ZERO_OF, asked)
    ).fetchall()


async def refold(
    connection: Connection,
    account_id: UUID,
    now: datetime,
    others: Collection[UUID] = (),
    *,
    symbol: str | None = None,
) -> None:
    """Cash and holdings from every entry that stands; values of former days are to be told anew.

    So are `others`, and accounts that its shares went on to where these have cost something else than was thought.
    With a `symbol`, where only its shares moved, that holding alone: no other's fold has changed.
    """
    waiting = [account_id, *(one for one in others if one != account_id)]
    for _ in range(MOST_FOLLOWED):
        if not waiting:
            return
        for following in await _refold_one(connection, waiting.pop(0), now, symbol):
            if following not in waiting:
                waiting.append(following)


async def _refold_one(connection: Connection, account_id: UUID, now: datetime, symbol: str | None) -> list[UUID]:
    """The account itself; those that it moved shares to whose cost is another now."""
    entries = await standing(connection, account_id, symbol)
    found, left = await asyncio.to_thread(holdings_and_costs, entries)
    if symbol is None:
        opened = entries[0].venue_at if entries else None
        cash = sum((one.cash for one in entries), ZERO)
        await connection.execute(queries.PUT_CASH, {"account": account_id, "cash": cash, "opened": opened})
    else:
        await connection.execute(queries.PUT_OPENED, {"account": account_id})
        # Another symbol's fold is not whole here: an entry that moves two is there with both.
        found = {name: one for name, one in found.items() if name == symbol}
    await connection.execute(queries.CLEAR_HOLDINGS, {"account": account_id, "symbol": symbol})
    kept = [(name, one) for name, one in sorted(found.items()) if one.state.qty or one.state.realized_pl]
    await connection.execute(queries.PUT_HOLDINGS, _columns(account_id, kept, now))
    await connection.execute(queries.DROP_ACTION_MARK, (account_id,))
    await connection.execute(queries.MARK_STALE, {"account": account_id, "now": now})
    told = {"entries": list(left), "costs": list(left.values())}
    return [row[0] for row in await (await connection.execute(queries.RETELL_COSTS, told)).fetchall()]


async def standing(connection: Connection, account_id: UUID, symbol: str | None = None) -> list[Standing]:
    """Every entry of the account (that moved the symbol) that stands, in the order of time; taken over in parts: others
    work beside us.
    """
    entries: list[Standing] = []
    async with connection.cursor(row_factory=class_row(Standing)) as cursor:
        statement = queries.STANDING if symbol is None else queries.STANDING_OF
        await cursor.execute(statement, {"account": account_id, "symbol": symbol})
        while part := await cursor.fetchmany(AT_ONCE):
            entries += part
            await asyncio.sleep(0)
    return entries


def _columns(account_id: UUID, kept: Sequence[tuple[str, Held]], now: datetime) -> dict[str, object]:
    return {
        "account": account_id,
        "now": now,
        "symbols": [symbol for symbol, _ in kept],
        "qtys": [one.state.qty for _, one in kept],
        "costs": [one.state.cost_basis for _, one in kept],
        "realized": [one.state.realized_pl for _, one in kept],
        "since": [one.since for _, one in kept],
    }


async def _lock(connection: Connection, account_id: UUID) -> None:
    await connection.execute(queries.LOCK_FOLLOWING, {"account": account_id})
    row = await (await connection.execute(queries.LOCK_ACCOUNT, (account_id,))).fetchone()
    if row is None:
        raise InvalidInput("The account is not a tracked one.")
    _, closed, frozen = row
    if closed or frozen:
        raise Conflict("This account is closed or frozen and can only be read.")


async def _finish(connection: Connection, import_id: UUID, claim: UUID, state: str, words: str, now: datetime) -> None:
    ended = {"import": import_id, "claim": claim, "state": state, "words": words, "now": now}
    done = await connection.execute(queries.FINISH, ended | {"format": None, "columns": None, "summary": None})
    if done.rowcount != 1:
        raise Overtaken
    await connection.execute(queries.DROP_FILE, (import_id,))


def _entries(count: int) -> str:
    return "1 entry was" if count == 1 else f"{count:,} entries were"


def _rests_on_it(lacking: Sequence[tuple[str, Decimal, datetime]]) -> str:
    named = [f"{plain(-least)} {symbol} by {exchange_day(since)}" for symbol, least, since in lacking[:NAMED_SYMBOLS]]
    more = f" and {len(lacking) - NAMED_SYMBOLS} more" if len(lacking) > NAMED_SYMBOLS else ""
    return (
        f"Shares that it brought were sold by entries that stay: without it {', '.join(named)}{more} would be missing. "
        "Take those later imports back first."
    )


async def check_progress(b: Backends, import_id: UUID, claim: UUID, done: int, *, may_cancel: bool = True) -> None:
    """Write how far it has come. Raises Overtaken for another's claim, InvalidInput when it is to be canceled."""
    asked = {"import": import_id, "claim": claim, "done": done, "now": utc_now()}
    rows = await b.db.tuples(queries.PROGRESS, asked)
    if not rows:
        raise Overtaken
    if rows[0][0] and may_cancel:
        raise canceled()


def json_text(value: object) -> str:
    """As a parameter of type jsonb."""
    return orjson.dumps(value).decode()
