"""The timetable: what runs when, in UTC. The feeds, the brokers and the outbox run all the time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from starkmatter.accounts.sessions import delete_old_sessions
from starkmatter.alerts import queries as alert_queries
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.jobs import queries
from starkmatter.jobs.books import audit_books
from starkmatter.jobs.summary import post_summaries
from starkmatter.news.collect import collect_news, forget_old_news, write_samples

KEEP_SESSIONS = timedelta(days=30)
KEEP_ALERTS = timedelta(days=90)
KEEP_RUNS = timedelta(days=30)
COLLECT_NEWS = "collect news"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the timetable. `work` returns one sentence or figure for the history."""

    name: str
    when: str
    trigger: BaseTrigger
    about: str
    work: Callable[[Backends], Awaitable[str]]


def at_start() -> BaseTrigger:
    """Once, as soon as the worker leads."""
    return DateTrigger()


def daily(hour: int, minute: int, zone: str = "UTC") -> BaseTrigger:
    """Each day at that time of day."""
    return CronTrigger(hour=hour, minute=minute, timezone=zone)


def every(**period: int) -> BaseTrigger:
    """At the same instants on every worker, whenever it was started: `every(minutes=15)`."""
    return IntervalTrigger(start_date=EPOCH, timezone=UTC, **period)


def timetable() -> list[Job]:
    """Every job; a run that was missed while the machine slept happens once, late."""
    return [
        Job("audit books at start", "at start", at_start(), "Checks every promise of the ledger.", _audit),
        Job("audit books", "daily 03:10", daily(3, 10), "Checks every promise of the ledger.", _audit),
        Job("forget old sessions", "daily 03:40", daily(3, 40), "Deletes sign-ins that ended.", _forget_sessions),
        Job(
            "daily summary",
            "weekdays 17:00 in New York",
            CronTrigger(day_of_week="mon-fri", hour=17, minute=0, timezone="America/New_York"),
            "Mails the day's summary to those who asked for it.",
            post_summaries,
        ),
        Job("forget old alerts", "daily 03:45", daily(3, 45), "Keeps fired alerts and mails 90 days.", _forget_alerts),
        Job(
            "collect news",
            "every 15 min",
            every(minutes=15),
            "Asks every source of news for new stories.",
            collect_news,
        ),
        Job(
            "sample news", "every 15 min", every(minutes=15), "Writes what a close of the replay missed.", write_samples
        ),
        Job("forget old news", "daily 03:55", daily(3, 55), "Keeps market news 90 days.", forget_old_news),
        Job("forget old runs", "daily 03:50", daily(3, 50), "Keeps this history to thirty days.", _forget_runs),
    ]


async def _audit(b: Backends) -> str:
    found = await audit_books(b.db)
    return "the books add up" if not found else f"{len(found)} broken: {found[0].rule} {found[0].subject}"


async def _forget_sessions(b: Backends) -> str:
    return f"{await delete_old_sessions(b, KEEP_SESSIONS)} ended sessions deleted"


async def _forget_alerts(b: Backends) -> str:
    before = utc_now() - KEEP_ALERTS
    mails = await b.db.run(alert_queries.FORGET_MAILS, (before,))
    return f"{await b.db.run(alert_queries.FORGET_EVENTS, (before,))} crossings and {mails} mails forgotten"


async def _forget_runs(b: Backends) -> str:
    return f"{await b.db.run(queries.FORGET_RUNS, (utc_now() - KEEP_RUNS,))} runs forgotten"
