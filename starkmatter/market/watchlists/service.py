"""Making, changing and reading watchlists: only ever those of the person named. Symbols have to be known to the venue.

Every change is made on the locked row, so that two windows of one person do not undo each other's.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from psycopg.rows import class_row
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Connection, Database
from starkmatter.domain.pairs import meant_by
from starkmatter.domain.quotes import Venue
from starkmatter.errors import Conflict, InvalidInput, NotFound, Unavailable
from starkmatter.market.lookup import SYMBOL, know_symbol
from starkmatter.market.service import instruments_named
from starkmatter.market.watchlists import queries
from starkmatter.market.watchlists.records import (
    MAX_LISTS,
    MAX_NAME_CHARS,
    MAX_SYMBOLS,
    Imported,
    RefusedLine,
    Watchlist,
)
from starkmatter.market.watchlists.text import parse_symbols

FIRST_NAME = "Watchlist"
FIRST_SYMBOLS = 40
MAX_LOOKED_UP = 10

NO_SUCH_LIST = "There is no such watchlist."


async def list_watchlists(db: Database, user_id: UUID, venue: Venue) -> list[Watchlist]:
    """The person's lists in their order. Whoever has none gets a first one with what the venue knows."""
    found = await _lists(db, user_id, venue)
    if not found:
        params = {
            "id": uuid4(),
            "user": user_id,
            "venue": venue,
            "name": FIRST_NAME,
            "limit": FIRST_SYMBOLS,
            "now": utc_now(),
        }
        await db.run(queries.FIRST_LIST, params)
        found = await _lists(db, user_id, venue)
    return found


async def _lists(db: Database, user_id: UUID, venue: Venue) -> list[Watchlist]:
    return await db.all(Watchlist, queries.LISTS, {"user": user_id, "venue": venue})


async def get_watchlist(db: Database, user_id: UUID, list_id: UUID) -> Watchlist:
    """One list; NotFound when it is absent or somebody else's."""
    found = await db.one(Watchlist, queries.LIST, {"id": list_id, "user": user_id})
    if found is None:
        raise NotFound(NO_SUCH_LIST)
    return found


async def make_watchlist(
    db: Database, cache: Redis, user_id: UUID, venue: Venue, name: str, symbols: Sequence[str] = ()
) -> Watchlist:
    """A new list at the end. InvalidInput for a name or symbols that cannot be, Conflict for a name that is taken."""
    list_id = uuid4()
    made = {"id": list_id, "user": user_id, "venue": venue, "name": checked_name(name), "now": utc_now()}
    wanted = await _all_known(db, cache, venue, symbols)
    if await db.value(queries.COUNT_LISTS, made) >= MAX_LISTS:
        raise InvalidInput(f"One person can have {MAX_LISTS} watchlists on a market. Delete one first.")
    if not await db.run(queries.NEW_LIST, made | {"symbols": wanted}):
        raise Conflict(f"You have a watchlist “{made['name']}” already.")
    return await get_watchlist(db, user_id, list_id)


async def change_watchlist(
    db: Database,
    cache: Redis,
    user_id: UUID,
    list_id: UUID,
    *,
    name: str | None = None,
    symbols: Sequence[str] | None = None,
    place: int | None = None,
) -> Watchlist:
    """Change what is given: the name, all symbols in a new order, or the list's place among the others (0 is first)."""
    before = await get_watchlist(db, user_id, list_id)
    wanted = None if symbols is None else await _all_known(db, cache, before.venue, symbols)
    chosen = None if name is None else checked_name(name)
    async with _locked(db, user_id, list_id) as (connection, one):
        row = {"id": list_id, "user": user_id, "venue": one.venue, "now": utc_now()}
        if chosen is not None:
            taken = await (await connection.execute(queries.NAME_TAKEN, row | {"name": chosen})).fetchone()
            if taken and taken[0]:
                raise Conflict(f"You have a watchlist “{chosen}” already.")
            await connection.execute(queries.RENAME, row | {"name": chosen})
        if wanted is not None:
            await connection.execute(queries.PUT_SYMBOLS, row | {"symbols": wanted})
        if place is not None:
            rows = await (await connection.execute(queries.LISTS, row)).fetchall()
            ids = [found[0] for found in rows if found[0] != list_id]
            ids.insert(max(0, min(place, MAX_LISTS)), list_id)
            await connection.execute(queries.ORDER_LISTS, {"ids": ids, "user": user_id})
    return await get_watchlist(db, user_id, list_id)


async def delete_watchlist(db: Database, user_id: UUID, list_id: UUID) -> None:
    """Forget a list; Conflict for the last one of a market, which can be emptied instead."""
    one = await get_watchlist(db, user_id, list_id)
    if await db.value(queries.COUNT_LISTS, {"user": user_id, "venue": one.venue}) <= 1:
        raise Conflict("This is your last watchlist on this market. Rename or empty it instead.")
    if not await db.run(queries.DELETE_LIST, {"id": list_id, "user": user_id}):
        raise NotFound(NO_SUCH_LIST)


async def add_symbol_to(db: Database, cache: Redis, user_id: UUID, list_id: UUID, symbol: str) -> Watchlist:
    """Put a symbol at the end; one that is there already stays where it is."""
    before = await get_watchlist(db, user_id, list_id)
    [wanted] = await _all_known(db, cache, before.venue, [symbol])
    async with _locked(db, user_id, list_id) as (connection, one):
        if wanted not in one.symbols:
            if len(one.symbols) >= MAX_SYMBOLS:
                raise InvalidInput(f"A watchlist has {MAX_SYMBOLS} symbols at most. Take some out first.")
            await _put(connection, user_id, one, [*one.symbols, wanted])
    return await get_watchlist(db, user_id, list_id)


async def remove_symbol_from(db: Database, user_id: UUID, list_id: UUID, symbol: str) -> Watchlist:
    """Take a symbol out; one that is not there is no failure."""
    async with _locked(db, user_id, list_id) as (connection, one):
        await _put(connection, user_id, one, [known for known in one.symbols if known != symbol])
    return await get_watchlist(db, user_id, list_id)


async def move_symbol_in(db: Database, user_id: UUID, list_id: UUID, symbol: str, place: int) -> Watchlist:
    """Put a symbol of the list at another place of it (0 is first); places beyond the ends are the ends."""
    async with _locked(db, user_id, list_id) as (connection, one):
        if symbol not in one.symbols:
            raise NotFound(f"{symbol[:20]} is not in this watchlist.")
        others = [known for known in one.symbols if known != symbol]
        others.insert(max(0, min(place, MAX_SYMBOLS)), symbol)
        await _put(connection, user_id, one, others)
    return await get_watchlist(db, user_id, list_id)


async def import_symbols(db: Database, cache: Redis, user_id: UUID, list_id: UUID, text: str) -> Imported:
    """Add what a text names, CSV or plain; whatever is not taken is named with its line and the reason."""
    before = await get_watchlist(db, user_id, list_id)
    parsed, refused = parse_symbols(text)
    lines = [(line, meant_by(symbol)) for line, symbol in parsed]
    known, problems = await known_symbols(db, cache, before.venue, [symbol for _, symbol in lines])
    added: list[str] = []
    async with _locked(db, user_id, list_id) as (connection, one):
        after = list(one.symbols)
        for line, symbol in lines:
            why = ""
            if symbol not in known:
                why = problems[symbol]
            elif symbol in after:
                why = "it is in the list already"
            elif len(after) >= MAX_SYMBOLS:
                why = f"the list is full: {MAX_SYMBOLS} symbols"
            if why:
                refused.append(RefusedLine(line, symbol, why))
            else:
                after.append(symbol)
                added.append(symbol)
        await _put(connection, user_id, one, after)
    refused.sort(key=lambda one: one.line)
    return Imported(await get_watchlist(db, user_id, list_id), added, refused)


async def known_symbols(
    db: Database, cache: Redis, venue: Venue, symbols: Sequence[str]
) -> tuple[set[str], dict[str, str]]:
    """Which of `symbols` the venue knows, and of the others why not.

    On the wall-clock market the first ten that are not known yet are looked up at a source.
    """
    known = set(await instruments_named(db, venue, list(dict.fromkeys(symbols))))
    problems: dict[str, str] = {}
    asked = 0
    for symbol in symbols:
        if symbol in known or symbol in problems:
            continue
        problems[symbol] = f"there is no such symbol on the {venue} market"
        if venue != "market" or not SYMBOL.fullmatch(symbol):
            continue
        asked += 1
        if asked > MAX_LOOKED_UP:
            problems[symbol] = "it is not known here yet; look it up with the search"
            continue
        try:
            if await know_symbol(db, cache, symbol):
                known.add(symbol)
                del problems[symbol]
        except Unavailable as error:
            problems[symbol] = f"it is not known here yet, and no source could be asked: {error.text}"
            asked = MAX_LOOKED_UP  # silent once, silent for all
    return known, problems


def checked_name(name: str) -> str:
    """A list's name with single blanks; InvalidInput when it is none."""
    text = " ".join(name.split())
    if not 1 <= len(text) <= MAX_NAME_CHARS or not text.isprintable():
        raise InvalidInput(f"A name has 1 to {MAX_NAME_CHARS} printable characters.")
    return text


async def _all_known(db: Database, cache: Redis, venue: Venue, symbols: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(meant_by(symbol) for symbol in symbols))
    if len(wanted) > MAX_SYMBOLS:
        raise InvalidInput(f"A watchlist has {MAX_SYMBOLS} symbols at most.")
    _, problems = await known_symbols(db, cache, venue, wanted)
    if problems:
        symbol, why = next(iter(problems.items()))
        raise InvalidInput(f"{symbol[:20]}: {why}.")
    return wanted


async def _put(connection: Connection, user_id: UUID, one: Watchlist, symbols: list[str]) -> None:
    params = {"id": one.id, "user": user_id, "symbols": symbols, "now": utc_now()}
    if symbols != one.symbols:
        await connection.execute(queries.PUT_SYMBOLS, params)


@asynccontextmanager
async def _locked(db: Database, user_id: UUID, list_id: UUID) -> AsyncIterator[tuple[Connection, Watchlist]]:
    """The list as it is now, nobody else changing it until the end of the block."""
    async with db.transaction() as connection:
        async with connection.cursor(row_factory=class_row(Watchlist)) as cursor:
            await cursor.execute(queries.LOCK_LIST, {"id": list_id, "user": user_id})
            one = await cursor.fetchone()
        if one is None:
            raise NotFound(NO_SUCH_LIST)
        yield connection, one
