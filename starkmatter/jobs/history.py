"""What ran, when, how it ended and when it runs next; and the wish of an admin that it run now."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from apscheduler.triggers.date import DateTrigger

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import Conflict, NotAllowed, NotFound
from starkmatter.jobs import queries
from starkmatter.jobs.schedule import COLLECT_NEWS, Job, timetable

MAX_RUNS = 200


@dataclass(frozen=True, slots=True)
class JobRunView:
    """One run. `outcome` is None while it waits or runs; `asked` says that a person wanted it."""

    job: str
    id: int
    scheduled_for: datetime
    asked_at: datetime
    claimed_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    words: str
    duration_ms: int | None
    asked: bool


@dataclass(frozen=True, slots=True)
class JobView:
    """One line of the timetable with its newest run; `next_at` is None for what runs only at the start."""

    name: str
    about: str
    when: str
    next_at: datetime | None
    latest: JobRunView | None


async def list_jobs(b: Backends, caller: Caller) -> list[JobView]:
    """Every job, in the timetable's order. Admins only."""
    _check(caller)
    now = utc_now()
    latest = {run.job: run for run in await b.db.all(JobRunView, queries.LATEST_RUNS)}
    return [JobView(job.name, job.about, job.when, _next_at(job, now), latest.get(job.name)) for job in timetable()]


async def list_runs(b: Backends, caller: Caller, name: str, limit: int = 50) -> list[JobRunView]:
    """The newest runs of one job; NotFound when there is no such job."""
    _check(caller)
    job = _named(name)
    return await b.db.all(JobRunView, queries.RUNS_OF, {"job": job.name, "limit": max(1, min(limit, MAX_RUNS))})


async def last_run(b: Backends, caller: Caller, names: tuple[str, ...]) -> JobRunView | None:
    """The run of any of these that ended last; None when none has."""
    _check(caller)
    return await b.db.one(JobRunView, queries.LAST_RUN, (list(names),))


async def ask_for_run(b: Backends, caller: Caller, name: str) -> int:
    """Have the worker run it within a second or two; the run's id. Conflict when a wish for it waits already."""
    _check(caller)
    job = _named(name)
    run_id = await b.db.value(queries.ASK_FOR_RUN, {"job": job.name, "asked_by": caller.user_id, "now": utc_now()})
    if run_id is None:
        raise Conflict(f"'{job.name}' waits for the worker already.")
    await note(b, caller, "job.asked", ("job", job.name))
    return int(run_id)


async def ask_for_news(b: Backends, caller: Caller) -> None:
    """Have the news collected now, so that a source an admin has just added shows what it has."""
    await ask_soon(b, caller, COLLECT_NEWS)


async def ask_soon(b: Backends, caller: Caller, name: str) -> None:
    """As `ask_for_run`, content with a wish that waits already."""
    with suppress(Conflict):
        await ask_for_run(b, caller, name)


def _next_at(job: Job, now: datetime) -> datetime | None:
    if isinstance(job.trigger, DateTrigger):
        return None
    at: datetime | None = job.trigger.get_next_fire_time(None, now)
    return at


def _named(name: str) -> Job:
    found = next((job for job in timetable() if job.name == name), None)
    if found is None:
        raise NotFound("There is no such job.")
    return found


def _check(caller: Caller) -> None:
    if not caller.is_admin:
        raise NotAllowed("Only an admin sees the timetable.")
