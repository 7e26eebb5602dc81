"""The timetable: what runs when, in UTC. The feed, the paper broker and the outbox run all the time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger

from starkmatter.accounts.sessions import delete_old_sessions
from starkmatter.backends import Backends
from starkmatter.jobs.books import audit_books

KEEP_SESSIONS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the timetable. `work` returns one sentence or figure for the log."""

    name: str
    trigger: BaseTrigger
    work: Callable[[Backends], Awaitable[str]]


async def _audit(b: Backends) -> str:
    found = await audit_books(b.db)
    return "the books add up" if not found else f"{len(found)} broken: {found[0].rule} {found[0].subject}"


async def _forget_sessions(b: Backends) -> str:
    return f"{await delete_old_sessions(b, KEEP_SESSIONS)} ended sessions deleted"


def timetable() -> list[Job]:
    """Every job; a run that was missed while the machine slept happens once, late."""
    return [
        Job("audit books at start", DateTrigger(), _audit),
        Job("audit books", CronTrigger(hour=3, minute=10, timezone="UTC"), _audit),
        Job("forget old sessions", CronTrigger(hour=3, minute=40, timezone="UTC"), _forget_sessions),
    ]
