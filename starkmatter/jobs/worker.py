"""The worker process: leads or stands by, runs the venues, the brokers and the timetable."""

import asyncio
import contextlib
import os
import signal
import threading

import structlog
from redis.exceptions import RedisError

from starkmatter.alerts.mailroom import deliver_until
from starkmatter.backends import Backends, close_backends, open_backends
from starkmatter.egress.reports import report_until
from starkmatter.errors import Unavailable
from starkmatter.jobs.leader import Leadership
from starkmatter.jobs.runner import JobRunner
from starkmatter.jobs.venues import MarketVenue, ReplayMarket
from starkmatter.market.screener.desk import ScreenDesk
from starkmatter.ops.health import HEARTBEAT_EVERY_SECS, beat
from starkmatter.portfolio.importing.work import import_until
from starkmatter.portfolio.optimizing.work import optimize_until
from starkmatter.settings import Settings
from starkmatter.trading.audit.journals import carry_over_until
from starkmatter.trading.guarding.sweeping import sweep_until
from starkmatter.trading.house import BrokerHouse
from starkmatter.trading.listeners import watch_listeners_until

STOP_WITHIN_SECS = 3
LOST_EXIT_CODE = 4

log = structlog.get_logger("worker")


def main(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; the exit code is not zero when leadership was lost, so that it is restarted."""
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        # Whatever a lost server makes us wait for: the kernel ends us then. Unfinished work is found in the outbox.
        signal.alarm(STOP_WITHIN_SECS)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    b = await open_backends(settings, "starkmatter worker")
    beating = asyncio.gather(_beat_until(b, stop), report_until(b.cache, "worker", stop))
    leadership = Leadership(settings.database_url.get_secret_value() if settings.database_url else "")
    try:
        if not await leadership.win(stop):
            return 0
        log.info("leading")
        return await _lead(b, leadership, stop)
    finally:
        stop.set()
        await beating
        await leadership.resign()
        await close_backends(b)


async def _lead(b: Backends, leadership: Leadership, stop: asyncio.Event) -> int:
    jobs = JobRunner(b)
    try:
        await jobs.start()
    except Unavailable:
        return LOST_EXIT_CODE
    lost = asyncio.create_task(leadership.lost())
    stopping = asyncio.create_task(stop.wait())
    work = asyncio.create_task(_run_all(b, stop, leadership))
    try:
        await asyncio.wait({lost, stopping, work}, return_when=asyncio.FIRST_COMPLETED)
        if lost.done() or (work.done() and not stop.is_set() and _database_gone(work)):
            log.error("leadership lost", why="the connection that holds the lock is gone")
            work.cancel()
            return LOST_EXIT_CODE
        if work.done() and not stop.is_set():
            work.result()
        # Who has lost the lead meanwhile waits for ever in `confirm`.
        await asyncio.wait({lost, work}, return_when=asyncio.FIRST_COMPLETED)
        return 0
    finally:
        _end_soon()
        jobs.stop()
        for task in (lost, stopping, work):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(lost, stopping, work, return_exceptions=True)


async def _run_all(b: Backends, stop: asyncio.Event, leadership: Leadership) -> None:
    """Everything that runs all the time, side by side."""
    async with asyncio.TaskGroup() as parts:
        parts.create_task(BrokerHouse(b, leadership.confirm).run(stop))
        parts.create_task(deliver_until(b, stop, leadership.confirm))
        parts.create_task(watch_listeners_until(b.db, stop))
        parts.create_task(carry_over_until(b, stop, leadership.confirm))
        parts.create_task(sweep_until(b, stop, leadership.confirm))
        parts.create_task(import_until(b, stop, leadership.confirm))
        parts.create_task(optimize_until(b, stop, leadership.confirm))
        parts.create_task(MarketVenue(b, leadership).run(stop))
        parts.create_task(ScreenDesk(b.db, b.cache).run(stop))
        await ReplayMarket(b, leadership).run(stop)


def _end_soon() -> None:
    """Leave even when a part will not end: else this process stays, beats and trades nothing, and none comes after it.

    What is unfinished then is found in the outbox.
    """
    ending = threading.Timer(STOP_WITHIN_SECS, os._exit, (LOST_EXIT_CODE,))
    ending.daemon = True
    ending.start()


def _database_gone(work: asyncio.Task[None]) -> bool:
    """Whether the work ended for no other reason than that the database does not answer."""
    error = work.exception()
    return isinstance(error, BaseExceptionGroup) and error.split(Unavailable)[1] is None


async def _beat_until(b: Backends, stop: asyncio.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(RedisError, OSError):
            await beat(b.cache)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), HEARTBEAT_EVERY_SECS)
