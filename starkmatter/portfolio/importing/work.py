"""The worker's part of imports: reads, books and takes back what waits, one at a time, and tells values anew.

What is under way belongs to a worker that is gone, since only the leader looks: it is claimed anew and done from its
beginning. Nothing of an unfinished step was kept, so that nothing is booked twice.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import LiteralString
from uuid import UUID, uuid4

import structlog
from psycopg import DataError

from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import StarkMatterError, Unavailable
from starkmatter.portfolio.importing import queries
from starkmatter.portfolio.importing.booking import (
    Overtaken,
    book_import,
    check_progress,
    undo_import_booking,
)
from starkmatter.portfolio.importing.reading import Due, read_import
from starkmatter.portfolio.importing.valuing import fetch_history, next_stale, tell_values

LOOK_SECS = 0.5
MOST_TRIES = 20
KEEP_UNDECIDED = timedelta(days=1)
KEEP_FAILED = timedelta(hours=1)
# From which state a step begins, and the state it is in while it runs.
RUNNING = {
    "uploaded": "reading", "reading": "reading", "confirmed": "booking", "booking": "booking", "undoing": "undoing",
}  # fmt: skip
BROKEN = "It could not be finished: the log of the worker says why. Nothing of it was kept."

TOO_LARGE = "A figure in it, or what it comes to, is larger than the books keep. Nothing of it was kept."
NOT_TOLD = "Values of former days could not be told: the log of the worker says why."

Confirm = Callable[[], Awaitable[None]]

log = structlog.get_logger("imports")
_tries: Counter[UUID] = Counter()


async def import_until(b: Backends, stop: asyncio.Event, confirm: Confirm) -> None:
    """Work on whatever waits until the worker stops."""
    while not stop.is_set():
        await confirm()
        try:
            if await work_once(b, confirm):
                continue
        except Unavailable:
            log.debug("imports wait", why="the database does not answer")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECS)


async def work_once(b: Backends, confirm: Confirm) -> bool:
    """The next thing that waits; whether there was any."""
    due = await b.db.one(Due, queries.DUE)
    if due is not None:
        await _take(b, due, confirm)
        return True
    stale = await next_stale(b)
    if stale is None:
        return False
    await confirm()
    try:
        points = await tell_values(b, stale)
        log.info("values told", account=str(stale.account_id), points=points)
    except StarkMatterError:
        raise
    except Exception as error:  # noqa: BLE001 - figures that no column takes must not end the worker
        log.error("values not told", account=str(stale.account_id), error=f"{type(error).__name__}: {error}"[:200])
        await b.db.run(queries.NOT_VALUED, {"account": stale.account_id, "words": [NOT_TOLD]})
    return True


async def forget_old_imports(b: Backends) -> str:
    """A job's work: files and dry runs that nobody went on with, and what is left of those that ended."""
    now = utc_now()
    left = await b.db.run(queries.FORGET_STALE, {"before": now - KEEP_UNDECIDED, "now": now})
    ended: tuple[LiteralString, ...] = (
        queries.DROP_ENDED_FILES, queries.DROP_ENDED_LINES, queries.DROP_ENDED_BOOKINGS
    )  # fmt: skip
    files, lines, _ = [await b.db.run(one, {"before": now - KEEP_FAILED}) for one in ended]
    return f"{left} imports left for a day, {files} files and {lines} lines forgotten"


async def tell_all_values(b: Backends) -> str:
    """A job's work, after the day's bars have come: every tracked account's values told anew, late prices included."""
    return f"{await b.db.run(queries.MARK_ALL_STALE, {'now': utc_now()})} tracked accounts to be valued anew"


async def _take(b: Backends, due: Due, confirm: Confirm) -> None:
    claim, running = uuid4(), RUNNING[due.state]
    asked = {"import": due.id, "claim": claim, "from": due.state, "to": running, "now": utc_now()}
    if await b.db.run(queries.CLAIM, asked) != 1:
        return

    async def told(done: int) -> None:
        await confirm()
        await check_progress(b, due.id, claim, done, may_cancel=running != "undoing")

    try:
        await told(0)
        if running == "reading":
            await read_import(b, due, claim, told)
        elif running == "booking":
            await book_import(b, due.id, due.account_id, claim, told)
            _fetch_beside(b, due.account_id)
        else:
            await undo_import_booking(b, due.id, due.account_id, claim, told)
        _tries.pop(due.id, None)
        log.info("import", step=running, id=str(due.id))
    except Overtaken:
        log.warning("import left", step=running, id=str(due.id), why="another worker has it")
    except Unavailable:
        # It waits for the database to be back; what asks too much of it again and again must not hold up all others.
        _tries[due.id] += 1
        if _tries[due.id] < MOST_TRIES:
            raise
        log.error("import given up", step=running, id=str(due.id), tries=MOST_TRIES)
        await _end(b, due.id, claim, "booked" if running == "undoing" else "failed", BROKEN)
    except StarkMatterError as error:
        ended = "canceled" if error.code == "import_canceled" else "booked" if running == "undoing" else "failed"
        await _end(b, due.id, claim, ended, error.text)
    except DataError as error:
        log.warning("import refused", step=running, id=str(due.id), error=type(error).__name__)
        await _end(b, due.id, claim, "booked" if running == "undoing" else "failed", TOO_LARGE)
    except Exception as error:  # noqa: BLE001 - a file must never end the worker
        log.error("import failed", step=running, id=str(due.id), error=f"{type(error).__name__}: {error}"[:200])
        await _end(b, due.id, claim, "booked" if running == "undoing" else "failed", BROKEN)


async def _end(b: Backends, import_id: UUID, claim: UUID, state: str, words: str) -> None:
    ended = {"import": import_id, "claim": claim, "state": state, "words": words, "now": utc_now()}
    await b.db.run(queries.FINISH, ended | {"format": None, "columns": None, "summary": None})


_fetching: set[asyncio.Task[None]] = set()


def _fetch_beside(b: Backends, account_id: UUID) -> None:
    """Ask for prices of former days without holding anything up; when some came, the values are told once more."""

    async def fetch() -> None:
        with contextlib.suppress(StarkMatterError):
            if await fetch_history(b, account_id):
                await b.db.run(queries.MARK_STALE, {"account": account_id, "now": utc_now()})

    task = asyncio.create_task(fetch())
    _fetching.add(task)
    task.add_done_callback(_fetching.discard)
