"""The worker process: leads or stands by, runs the feed, the paper broker, the outbox and the timetable."""

import asyncio
import contextlib
import signal

import structlog
from redis.exceptions import RedisError

from starkmatter.alerts.mailroom import deliver_until
from starkmatter.alerts.watch import AlertWatch
from starkmatter.backends import Backends, close_backends, open_backends
from starkmatter.domain.quotes import Quote, VenueClock
from starkmatter.egress.reports import report_until
from starkmatter.errors import Unavailable
from starkmatter.jobs.leader import Leadership
from starkmatter.jobs.runner import JobRunner
from starkmatter.market.replay_feed import run_replay_feed
from starkmatter.news.samples import SampleWriter
from starkmatter.ops.health import HEARTBEAT_EVERY_SECS, beat
from starkmatter.portfolio.runs import close_former_runs
from starkmatter.portfolio.snapshots import EquityRecorder
from starkmatter.settings import Settings
from starkmatter.trading.brokers.paper import PaperBroker
from starkmatter.trading.events import WAKE_CHANNEL
from starkmatter.trading.house import BrokerHouse

POLL_SECS = 0.25
GATHER_SECS = 0.004
RETRY_SECS = 1.0
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
    market = ReplayMarket(b, leadership)
    jobs = JobRunner(b)
    try:
        await jobs.start()
    except Unavailable:
        return LOST_EXIT_CODE
    lost = asyncio.create_task(leadership.lost())
    stopping = asyncio.create_task(stop.wait())
    work = asyncio.create_task(_run_all(b, stop, market, leadership))
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
        jobs.stop()
        for task in (lost, stopping, work):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(lost, stopping, work, return_exceptions=True)


async def _run_all(b: Backends, stop: asyncio.Event, market: "ReplayMarket", leadership: Leadership) -> None:
    """Everything that runs all the time, side by side."""
    async with asyncio.TaskGroup() as parts:
        parts.create_task(BrokerHouse(b, leadership.confirm).run(stop))
        parts.create_task(deliver_until(b, stop, leadership.confirm))
        await market.run(stop)


class ReplayMarket:
    """The replay venue at work: quotes come in, orders are matched, value is recorded, runs follow each other."""

    def __init__(self, b: Backends, leadership: Leadership) -> None:
        self._b = b
        self._leadership = leadership
        self._broker = PaperBroker(b.db, b.cache, "replay")
        self._recorder = EquityRecorder(b.db, "replay")
        self._alerts = AlertWatch(b, "replay")
        self._samples = SampleWriter(b)
        self._run_id: int | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. What goes wrong for good in one part ends the whole, so that it is started anew."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._drain_until(stop))
            await run_replay_feed(
                self._b.db, self._b.cache, self._b.settings, stop, self._on_batch, self._leadership.confirm
            )
            stop.set()

    async def _on_batch(self, clock: VenueClock, quotes: dict[str, Quote]) -> None:
        await self._leadership.confirm()
        if clock.run_id != self._run_id and clock.run_id is not None:
            await close_former_runs(self._b.db, clock.run_id, clock.venue_now)
            await self._broker.start()
            self._run_id = clock.run_id
        await self._broker.on_quotes(clock, quotes)
        await self._recorder.on_quotes(clock, quotes)
        await self._alerts.on_quotes(clock, quotes)
        self._samples.on_clock(clock)

    async def _drain_until(self, stop: asyncio.Event) -> None:
        """Take the outbox as soon as somebody says it has work, and look by ourselves now and then."""
        while not stop.is_set():
            pubsub = self._b.cache.pubsub(ignore_subscribe_messages=True)
            try:
                await pubsub.subscribe(WAKE_CHANNEL.format(venue="replay"))
                while not stop.is_set():
                    await self._leadership.confirm()
                    await self._broker.drain()
                    if await pubsub.get_message(timeout=POLL_SECS) is not None:
                        # Orders that come together are booked together: one commit instead of many.
                        await asyncio.sleep(GATHER_SECS)
                        while await pubsub.get_message(timeout=0) is not None:
                            pass
            except (RedisError, OSError):
                await self._drain_without_cache(stop)
            except Unavailable:
                await asyncio.sleep(RETRY_SECS)
            finally:
                with contextlib.suppress(RedisError, OSError):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _drain_without_cache(self, stop: asyncio.Event) -> None:
        """Trading goes on while the cache is away."""
        for _ in range(round(RETRY_SECS / POLL_SECS)):
            if stop.is_set():
                return
            await self._leadership.confirm()
            with contextlib.suppress(Unavailable):
                await self._broker.drain()
            await asyncio.sleep(POLL_SECS)


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
