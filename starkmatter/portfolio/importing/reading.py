"""Has a file read in a process of its own and keeps its dry run: what the process says goes into tables."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import orjson

from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.quotes import Venue
from starkmatter.errors import InvalidInput
from starkmatter.ops.outside import finds_our_code
from starkmatter.portfolio.importers.bounds import too_large, unreadable
from starkmatter.portfolio.importing import pair_queries, queries
from starkmatter.portfolio.importing.booking import Overtaken, below_zero, json_text
from starkmatter.portfolio.importing.dry_run import Said
from starkmatter.portfolio.importing.files import kept_file
from starkmatter.portfolio.importing.moves import price_moves

WITHIN_SECS = 60.0
MAX_LINE_BYTES = 1_000_000
TOLD_EVERY = 2_000
AT_ONCE = 1_000
MODULE = "starkmatter.portfolio.importing.child"
OPEN_QUESTION = "import_unreadable"

# How a line of either kind is kept, and the names of what is said of it, in that order.
TABLES: dict[str, tuple[LiteralString, tuple[str, ...]]] = {
    "line": (
        queries.PUT_LINES,
        (
            "outcome", "place", "line_no", "kind", "at", "symbol", "qty", "price", "cash", "currency", "said",
            "is_repeat", "words",
        ),
    ),
    "booking": (
        queries.PUT_BOOKINGS,
        (
            "place", "part", "turn", "fingerprint", "kind", "description", "venue_at", "accounts", "commodities",
            "amounts", "reverses", "said_id", "moved",
        ),
    ),
}  # fmt: skip

Told = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Due:
    """An import that waits for the worker."""

    id: UUID
    account_id: UUID
    user_id: UUID
    state: str
    origin: str
    format_asked: str | None
    mapping: dict[str, Any] | None
    symbols: dict[str, str]
    currency: str
    venue: Venue


async def read_import(b: Backends, due: Due, claim: UUID, told: Told) -> str:
    """Read the file and keep its dry run in place of a former one; the state the import is in then.

    Raises InvalidInput for a file that is refused as a whole, and what `told` raises; nothing is kept then.
    """
    content = await kept_file(b, due.id)
    known = [row[0] for row in await b.db.tuples(queries.KNOWN, (due.account_id,))]
    asked = {"currency": due.currency, "format": due.format_asked, "mapping": due.mapping, "known": known}
    asked |= {"symbols": await _names(b, due), "now": utc_now().isoformat()}
    columns: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    async with b.db.transaction() as connection:
        for statement in queries.FORGET_READING:
            await connection.execute(statement, (due.id,))
        rows = _Rows(connection, due)
        count = 0
        async with contextlib.aclosing(said_of(orjson.dumps(asked) + b"\n" + content)) as said:
            async for what, *rest in said:
                if what == "progress":
                    await told(rest[0])
                elif what == "columns":
                    columns = rest[0]
                elif what == "summary":
                    summary = rest[0]
                elif what == "problem":
                    code, words = rest
                    if columns is not None and code == OPEN_QUESTION:
                        # A table that cannot be read as it is can be by a mapping: the person is asked for one.
                        await _finish(connection, due.id, claim, "needs_mapping", words, columns, None)
                        return "needs_mapping"
                    raise InvalidInput(words, code=code)
                else:
                    await rows.take(what, rest)
                    count += 1
                    if count % TOLD_EVERY == 0:
                        await told(count)
        await rows.flush()
        if summary is None:
            raise too_large("The file takes more time or memory than one file may. Export a shorter period.")
        await price_moves(b.db, connection, due.id, due.venue, due.currency, summary)
        before = {symbol: least for symbol, least, _ in await below_zero(connection, due.id, due.account_id)}
        lacking = await below_zero(connection, due.id, due.account_id, adds=True)
        summary["below_zero"] = [
            [symbol, plain(least), since.isoformat()]
            for symbol, least, since in lacking
            if least < before.get(symbol, ZERO)
        ]
        alone = await (await connection.execute(pair_queries.ALONE, {"import": due.id})).fetchall()
        summary["moves_alone"] = [[name, count] for name, count in alone]
        await _finish(connection, due.id, claim, "read", "", columns, summary)
    return "read"


async def _names(b: Backends, due: Due) -> dict[str, str]:
    """What securities are called: by their ISIN, by what the person said of former files, and of this one."""
    names = {str(isin): str(symbol) for isin, symbol in await b.db.tuples(queries.BY_ISIN, (due.venue,))}
    for (before,) in reversed(await b.db.tuples(queries.NAMED_BEFORE, (due.user_id,))):
        names |= before
    return names | due.symbols


async def said_of(given: bytes, within_secs: float = WITHIN_SECS) -> AsyncGenerator[Said, None]:
    """What the reader's process says of a file, line by line; it is ended when nobody listens or time is up."""
    # It gets no secret and no address: only where our own code is.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", MODULE,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=finds_our_code(), start_new_session=True,
        limit=MAX_LINE_BYTES,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    feeding = asyncio.create_task(_feed(process.stdin, given))
    try:
        async with asyncio.timeout(within_secs):
            async for line in process.stdout:
                yield orjson.loads(line)
            await process.wait()
    except TimeoutError:
        return
    except ValueError:
        raise unreadable("The file has a line that is too long to be shown.") from None
    finally:
        feeding.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _feed(to: asyncio.StreamWriter, given: bytes) -> None:
    with contextlib.suppress(OSError):
        to.write(given)
        await to.drain()
        to.close()


class _Rows:
    """Lines and bookings on their way into their tables, some hundred at a time."""

    def __init__(self, connection: Connection, due: Due) -> None:
        self._connection, self._due = connection, due
        self._waiting: dict[str, list[Said]] = {what: [] for what in TABLES}

    async def take(self, what: str, said: Said) -> None:
        rows = self._waiting[what]
        rows.append(said)
        if len(rows) >= AT_ONCE:
            await self._put(what)

    async def flush(self) -> None:
        for what in TABLES:
            await self._put(what)

    async def _put(self, what: str) -> None:
        await keep_rows(self._connection, self._due.id, self._due.account_id, what, self._waiting[what])
        self._waiting[what].clear()


async def keep_rows(connection: Connection, import_id: UUID, account_id: UUID, what: str, rows: Sequence[Said]) -> None:
    """Lines (`what` is line) or entries to be written (booking) of an import into their table."""
    statement, names = TABLES[what]
    given = {"import": import_id, "account": account_id}
    as_objects = [dict(zip(names, row, strict=True)) for row in rows]
    await connection.execute(statement, given | {"rows": json_text(as_objects)})


async def _finish(
    connection: Connection,
    import_id: UUID,
    claim: UUID,
    state: str,
    words: str,
    columns: dict[str, Any] | None,
    summary: dict[str, Any] | None,
) -> None:
    ended = {
        "import": import_id,
        "claim": claim,
        "state": state,
        "words": words,
        "now": utc_now(),
        "format": None if summary is None else summary["format"],
        "columns": None if columns is None else json_text(columns),
        "summary": None if summary is None else json_text(summary),
    }
    if (await connection.execute(queries.FINISH, ended)).rowcount != 1:
        raise Overtaken
