"""Runs the timetable: one job at a time per name, every outcome logged and counted, no failure reaches another job."""

from functools import partial

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs
from starkmatter.jobs.schedule import Job, timetable
from starkmatter.ops.metrics import JOBS

MISFIRE_GRACE_SECS = 6 * 3600

log = structlog.get_logger("jobs")


def start_jobs(b: Backends) -> AsyncIOScheduler:
    """Schedule the timetable on the running loop; `shutdown(wait=False)` ends it."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    for job in timetable():
        scheduler.add_job(
            partial(run_job, b, job),
            job.trigger,
            id=job.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=MISFIRE_GRACE_SECS,
        )
    scheduler.start()
    return scheduler


async def run_job(b: Backends, job: Job) -> None:
    """One run of one job."""
    started = monotonic_secs()
    try:
        result = await job.work(b)
    except Exception as error:  # noqa: BLE001 - the one place where a job's failure ends
        JOBS.labels(job=job.name, outcome="failed").inc()
        log.error("job failed", job=job.name, error=f"{type(error).__name__}: {error}"[:200])
        return
    JOBS.labels(job=job.name, outcome="done").inc()
    log.info("job done", job=job.name, result=result, duration_ms=round((monotonic_secs() - started) * 1000))
