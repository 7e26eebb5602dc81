"""Runs the timetable: each run claimed in PostgreSQL so that it happens once, its outcome kept, no failure spreads."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog
from apscheduler.events import EVENT_JOB_SUBMITTED, JobSubmissionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.errors import StarkMatterError, Unavailable
from starkmatter.jobs import queries
from starkmatter.jobs.schedule import Job, timetable
from starkmatter.ops.metrics import JOBS

MISFIRE_GRACE_SECS = 6 * 3600
ASKED_POLL_SECS = 1.0
MAX_WORDS = 300

log = structlog.get_logger("jobs")


class JobRunner:
    """The timetable of one leading worker, from `start` to `stop`."""

    def __init__(self, b: Backends, jobs: Sequence[Job] | None = None) -> None:
        self._b = b
        self._jobs = {job.name: job for job in (timetable() if jobs is None else jobs)}
        self._due: dict[str, datetime] = {}
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._asked: asyncio.Task[None] | None = None
        self._wishes: set[asyncio.Task[None]] = set()
        self._one_at_a_time = {name: asyncio.Lock() for name in self._jobs}

    async def start(self) -> None:
        """Close what a former worker left open, then schedule everything on the running loop."""
        await self._b.db.run(queries.END_INTERRUPTED, {"now": utc_now()})
        self._scheduler.add_listener(self._on_submitted, EVENT_JOB_SUBMITTED)
        for job in self._jobs.values():
            self._scheduler.add_job(
                partial(self._scheduled, job),
                job.trigger,
                id=job.name,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=MISFIRE_GRACE_SECS,
            )
        self._scheduler.start()
        self._asked = asyncio.create_task(self._serve_wishes())

    def stop(self) -> None:
        """Start nothing any more; what runs is cancelled with the loop."""
        self._scheduler.shutdown(wait=False)
        for task in (self._asked, *self._wishes):
            if task is not None:
                task.cancel()

    async def run_scheduled(self, job: Job, scheduled_for: datetime) -> bool:
        """Run it unless another worker has claimed this very run; whether it was ours."""
        run_id = await self._b.db.value(
            queries.CLAIM_SCHEDULED, {"job": job.name, "scheduled_for": scheduled_for, "now": utc_now()}
        )
        if run_id is None:
            return False
        await self._run(run_id, job)
        return True

    def _on_submitted(self, event: JobSubmissionEvent) -> None:
        self._due[event.job_id] = event.scheduled_run_times[-1]

    async def _scheduled(self, job: Job) -> None:
        due = self._due.get(job.name)
        scheduled_for = utc_now() if due is None or isinstance(job.trigger, DateTrigger) else due
        try:
            await self.run_scheduled(job, scheduled_for)
        except Unavailable:
            log.warning("job skipped", job=job.name, why="the database does not answer")

    async def _serve_wishes(self) -> None:
        """Run what an admin asked for."""
        while True:
            try:
                for run_id, name in await self._b.db.tuples(queries.CLAIM_ASKED, {"now": utc_now()}):
                    wish = asyncio.create_task(self._wished(run_id, name))
                    self._wishes.add(wish)
                    wish.add_done_callback(self._wishes.discard)
            except Unavailable:
                log.debug("wishes wait", why="the database does not answer")
            await asyncio.sleep(ASKED_POLL_SECS)

    async def _wished(self, run_id: int, name: str) -> None:
        if name in self._jobs:
            await self._run(run_id, self._jobs[name])
        else:
            await self._finish(run_id, "failed", "This version has no such job.", 0)

    async def _run(self, run_id: int, job: Job) -> None:
        async with self._one_at_a_time[job.name]:
            await self._run_alone(run_id, job)

    async def _run_alone(self, run_id: int, job: Job) -> None:
        started = monotonic_secs()
        try:
            words, outcome = await job.work(self._b), "done"
            log.info("job done", job=job.name, result=words, duration_ms=_ms_since(started))
        except StarkMatterError as error:
            words, outcome = error.text, "failed"
            log.warning("job failed", job=job.name, error=error.text[:200])
        except Exception as error:  # noqa: BLE001 - the one place where a job's failure ends
            words, outcome = f"{type(error).__name__}: see the log.", "failed"
            log.error("job failed", job=job.name, error=f"{type(error).__name__}: {error}"[:200])
        JOBS.labels(job=job.name, outcome=outcome).inc()
        await self._finish(run_id, outcome, words, _ms_since(started))

    async def _finish(self, run_id: int, outcome: str, words: str, duration_ms: int) -> None:
        await self._b.db.run(
            queries.FINISH_RUN,
            {
                "id": run_id,
                "outcome": outcome,
                "words": words[:MAX_WORDS],
                "duration_ms": duration_ms,
                "now": utc_now(),
            },
        )


def _ms_since(started: float) -> int:
    return round((monotonic_secs() - started) * 1000)
