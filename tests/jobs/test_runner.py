"""The timetable's runs: each once, whatever the number of workers, and each with its outcome."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import Conflict, NotAllowed, NotFound, Refused
from starkmatter.jobs.history import ask_for_run, list_jobs, list_runs
from starkmatter.jobs.runner import JobRunner
from starkmatter.jobs.schedule import Job, at_start, daily, every, timetable
from starkmatter.settings import load_settings
from tests.builders import make_caller

DUE = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RUNS = "SELECT job, outcome, words FROM job_run ORDER BY id"


@pytest.fixture
async def b(database: Database, cache: Redis) -> Backends:
    return Backends(load_settings(), database, cache)


def job(work: Callable[[Backends], Awaitable[str]], name: str = "count", trigger=None) -> Job:
    return Job(name, "daily 01:00", trigger or daily(1, 0), "Counts.", work)


class Counter:
    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self, b: Backends) -> str:
        self.runs += 1
        await asyncio.sleep(0.01)
        return f"run {self.runs}"


async def until(done: Callable[[], bool]) -> None:
    for _ in range(400):
        if done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def test_five_workers_and_one_due_time_make_one_run(b: Backends) -> None:
    counter = Counter()
    line = job(counter)
    runners = [JobRunner(b, [line]) for _ in range(5)]
    for tick in range(10):
        due = DUE + timedelta(seconds=tick)
        ours = await asyncio.gather(*[one.run_scheduled(line, due) for one in runners])
        assert sum(ours) == 1
    assert counter.runs == 10
    assert {outcome for _, outcome, _ in await b.db.tuples(RUNS)} == {"done"}


async def test_what_fails_says_so_and_the_next_run_happens(b: Backends) -> None:
    async def refuse(_: Backends) -> str:
        raise Refused("The vendor wants a key.")

    async def burst(_: Backends) -> str:
        raise ZeroDivisionError("secret figure 42")

    for n, work in enumerate((refuse, burst, Counter())):
        line = job(work)
        await JobRunner(b, [line]).run_scheduled(line, DUE + timedelta(hours=n))
    assert await b.db.tuples(RUNS) == [
        ("count", "failed", "The vendor wants a key."),
        ("count", "failed", "ZeroDivisionError: see the log."),
        ("count", "done", "run 1"),
    ]


async def test_a_trigger_that_fires_is_claimed_for_the_time_it_was_due(b: Backends) -> None:
    counter = Counter()
    runner = JobRunner(b, [job(counter, trigger=every(seconds=1)), job(counter, "once", at_start())])
    await runner.start()
    await until(lambda: counter.runs >= 3)
    runner.stop()
    dues = [row[0] for row in await b.db.tuples("SELECT scheduled_for FROM job_run WHERE job = 'count'")]
    assert dues
    assert all(due.microsecond == 0 for due in dues)


async def test_a_wish_of_an_admin_is_run_and_kept(b: Backends) -> None:
    admin = await make_caller(b.db, "admin")
    counter = Counter()
    name = "audit books"
    runner = JobRunner(b, [job(counter, name)])
    await ask_for_run(b, admin, name)
    with pytest.raises(Conflict):
        await ask_for_run(b, admin, name)
    await runner.start()
    await until(lambda: counter.runs == 1)
    await asyncio.sleep(0.1)
    runner.stop()
    [run] = await list_runs(b, admin, name)
    assert (run.outcome, run.words, run.asked) == ("done", "run 1", True)
    assert run.duration_ms is not None
    listed = {one.name: one for one in await list_jobs(b, admin)}
    assert listed[name].latest == run
    assert listed[name].next_at is not None
    assert listed[name].next_at > utc_now()


async def test_a_run_that_the_worker_did_not_survive_is_called_interrupted(b: Backends) -> None:
    await b.db.run("INSERT INTO job_run (job, scheduled_for, asked_at, claimed_at) VALUES ('x', now(), now(), now())")
    runner = JobRunner(b, [])
    await runner.start()
    runner.stop()
    assert [outcome for _, outcome, _ in await b.db.tuples(RUNS)] == ["interrupted"]


async def test_only_an_admin_sees_or_steers_the_timetable(b: Backends) -> None:
    for role in ("trader", "viewer"):
        caller = await make_caller(b.db, role)
        for call in (list_jobs(b, caller), list_runs(b, caller, "audit books"), ask_for_run(b, caller, "audit books")):
            with pytest.raises(NotAllowed):
                await call


async def test_a_job_that_does_not_exist_is_not_found(b: Backends) -> None:
    admin = await make_caller(b.db, "admin")
    with pytest.raises(NotFound):
        await ask_for_run(b, admin, "drop everything")


def test_every_line_of_the_timetable_has_a_name_of_its_own_and_a_sentence() -> None:
    lines = timetable()
    assert len({line.name for line in lines}) == len(lines)
    assert all(line.about.endswith(".") for line in lines)
