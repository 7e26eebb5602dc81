"""The venues at work: quotes come in, paper orders are matched, value is recorded."""

import asyncio
import contextlib

import structlog
from redis.exceptions import RedisError

from starkmatter.alerts import queries as alert_queries
from starkmatter.alerts.watch import AlertWatch
from starkmatter.backends import Backends
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.errors import Unavailable
from starkmatter.jobs.leader import Leadership
from starkmatter.jobs.lending import tell_owners
from starkmatter.jobs.sources import MarketSources
from starkmatter.market.market_feed import MarketFeed
from starkmatter.market.pace import InPlay
from starkmatter.market.providers.openfigi import OpenFigi
from starkmatter.market.replay_feed import run_replay_feed
from starkmatter.news.samples import SampleWriter
from starkmatter.portfolio.runs import close_former_runs
from starkmatter.portfolio.snapshots import EquityRecorder
from starkmatter.trading.brokers.paper import PaperBroker
from starkmatter.trading.corporate.desk import ActionDesk
from starkmatter.trading.events import WAKE_CHANNEL
from starkmatter.trading.in_play import in_play
from starkmatter.trading.lending.desk import LendingDesk

POLL_SECS = 0.25
GATHER_SECS = 0.004
RETRY_SECS = 1.0
AFTER_FAILURE_SECS = 5.0

log = structlog.get_logger("worker")


class VenueAtWork:
    """What both venues share: the paper broker with its outbox, the lender, the line of values and the alerts."""

    def __init__(self, b: Backends, leadership: Leadership, venue: Venue) -> None:
        self._b = b
        self._leadership = leadership
        self._venue: Venue = venue
        self._broker = PaperBroker(b.db, b.cache, venue)
        self._recorder = EquityRecorder(b.db, venue)
        self._alerts = AlertWatch(b, venue)
        self._lending = LendingDesk(b, venue)
        self._actions = ActionDesk(b, venue)

    async def _on_batch(self, clock: VenueClock, quotes: dict[str, Quote]) -> None:
        await self._leadership.confirm()
        # Nights are charged by what was held through them; then shares are those of the day, before anything of it is
        # called in, traded or valued.
        await self._lending.charge(clock)
        looked = await self._actions.on_quotes(clock, quotes)
        if looked is None:
            return
        if looked.orders_changed:
            self._broker.forget()
        await tell_owners(self._b, looked.heard)
        await tell_owners(self._b, await self._lending.on_quotes(clock, quotes))
        await self._broker.on_quotes(clock, quotes)
        await self._recorder.on_quotes(clock, quotes)
        await self._alerts.on_quotes(clock, quotes)

    async def _drain_until(self, stop: asyncio.Event) -> None:
        """Take the outbox as soon as somebody says it has work, and look by ourselves now and then."""
        while not stop.is_set():
            pubsub = self._b.cache.pubsub(ignore_subscribe_messages=True)
            try:
                await pubsub.subscribe(WAKE_CHANNEL.format(venue=self._venue))
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


class ReplayMarket(VenueAtWork):
    """The replay, with runs that follow each other."""

    def __init__(self, b: Backends, leadership: Leadership) -> None:
        super().__init__(b, leadership, "replay")
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
        await super()._on_batch(clock, quotes)
        self._samples.on_clock(clock)


class MarketVenue(VenueAtWork):
    """The wall-clock market. Whatever goes wrong in it, it is begun anew and nothing else is touched."""

    def __init__(self, b: Backends, leadership: Leadership) -> None:
        super().__init__(b, leadership, "market")
        self._sources = MarketSources(b)
        self._identifiers = OpenFigi(b.settings)
        self._started = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            self._started = False
            attempt = asyncio.create_task(self._run(stop))
            try:
                [error] = await asyncio.gather(attempt, return_exceptions=True)
            finally:
                attempt.cancel()
            if isinstance(error, BaseException) and not stop.is_set():
                log.error("market begins anew", error=_words(error))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), AFTER_FAILURE_SECS)

    async def _run(self, stop: asyncio.Event) -> None:
        feed = MarketFeed(
            self._b.db,
            self._b.cache,
            self._sources.current,
            self._in_play,
            self._on_batch,
            self._leadership.confirm,
            health=self._sources.health,
            identifiers=self._identifiers,
        )
        async with asyncio.TaskGroup() as parts:
            draining = parts.create_task(self._drain_until(stop))
            await feed.run(stop)
            draining.cancel()

    async def _in_play(self) -> InPlay:
        found = await in_play(self._b.db, self._venue)
        watched = await self._b.db.tuples(alert_queries.WATCHED_SYMBOLS, (self._venue,))
        symbols = [*found.symbols, *(symbol for (symbol,) in watched)]
        return InPlay(symbols, accounts=found.accounts, tracked=found.tracked)

    async def _on_batch(self, clock: VenueClock, quotes: dict[str, Quote]) -> None:
        if not self._started:
            await self._broker.start()
            self._started = True
        await super()._on_batch(clock, quotes)


def _words(error: BaseException) -> str:
    """The innermost failure of a group, by name and text."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:200]
