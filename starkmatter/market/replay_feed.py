"""Runs the replay market in the worker: its clock, ticks, bars, checkpoints and the commands of admins.

Venue time never goes backward within a run: the worker promises a horizon to the database every few seconds and never
passes it, so whoever takes over continues there. Without the database the clock stands still at the horizon; a
suspended machine or a stopped worker is a pause, not lost time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

import structlog
from redis.asyncio import Redis

from starkmatter import clock
from starkmatter.db.database import Database
from starkmatter.domain.quotes import Bar, Interval, Quote, VenueClock
from starkmatter.domain.replay import price_of
from starkmatter.domain.replay_clock import ClockAnchor, reanchor, venue_time
from starkmatter.domain.sessions import Session, SessionCalendar
from starkmatter.errors import StarkMatterError, Unavailable
from starkmatter.market import queries
from starkmatter.market.board import QuoteBoard
from starkmatter.market.border import Corridor
from starkmatter.market.clocks import replay_clock
from starkmatter.market.feed import Feed
from starkmatter.market.history import bars
from starkmatter.market.providers.replay import ReplayDay, ReplayHistory, build_day, load_history
from starkmatter.market.records import ReplayRunView
from starkmatter.market.replay_runs import prepare_market, resume_or_start, start_run
from starkmatter.market.told import tell_bars
from starkmatter.settings import Settings

OnBatch = Callable[[VenueClock, dict[str, Quote]], Awaitable[None]]
OnBars = Callable[[list[Bar], list[Bar]], Awaitable[None]]
Confirm = Callable[[], Awaitable[None]]

WAKE_SECS = 0.1
COMMANDS_SECS = 0.5
CHECKPOINT_SECS = 4.0
HORIZON = timedelta(seconds=10)
BARS_SECS = 1.0
PRUNE_SECS = 300.0
RETRY_SECS = 2.0
BACKFILL_SESSIONS: dict[Interval, int] = {"1m": 5, "5m": 5, "15m": 40, "1h": 40}

log = structlog.get_logger(__name__)


async def _alone() -> None:
    """The answer where no other process can run the replay."""


async def _untold(_finished: list[Bar], _growing: list[Bar]) -> None:
    """Where nobody listens to bars."""


async def run_replay_feed(
    db: Database,
    cache: Redis,
    settings: Settings,
    stop: asyncio.Event,
    on_batch: OnBatch | None = None,
    confirm: Confirm = _alone,
) -> None:
    """Run the replay until `stop` is set. `on_batch` is given the clock and the changed quotes of every venue second.

    Batches come in order of venue time and are never skipped: at 60x there are sixty a second. One without quotes says
    that the session's state changed (a close, an open, the end of the data). A StarkMatterError from `on_batch` is
    logged and the market goes on; any other exception ends the feed. `confirm` is awaited before anything is shown or
    stored and does not return once another process runs the replay.
    """
    history = await asyncio.to_thread(load_history)
    calendar = await prepare_market(db, history, clock.utc_now())
    run = await resume_or_start(db, settings, history, calendar)
    feed = Feed("replay", QuoteBoard(cache), clock.utc_now)
    replay = Replay(db, feed, history, calendar, run, on_batch, partial(tell_bars, cache, "replay"))
    await replay.open(clock.utc_now())
    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(feed.publish_until(stop, confirm))
        tasks.create_task(_every(CHECKPOINT_SECS, stop, replay.checkpoint, confirm))
        tasks.create_task(_every(COMMANDS_SECS, stop, replay.obey, confirm))
        tasks.create_task(_every(BARS_SECS, stop, replay.store_bars, confirm))
        tasks.create_task(_every(PRUNE_SECS, stop, replay.prune, confirm))
        backfilling = tasks.create_task(replay.backfill())
        while not stop.is_set():
            await confirm()
            await replay.advance(clock.utc_now())
            feed.announce()
            await asyncio.sleep(WAKE_SECS)
        backfilling.cancel()
        publishing.cancel()
    await replay.close(clock.utc_now())


async def _every(
    interval_secs: float, stop: asyncio.Event, work: Callable[[], Awaitable[None]], confirm: Confirm
) -> None:
    """Repeat `work`; a part that is down is tried again at the next turn."""
    while not stop.is_set():
        await confirm()
        try:
            await work()
        except Unavailable as error:
            log.warning("replay_waits", work=getattr(work, "__name__", "work"), reason=error.text)
        try:
            await asyncio.wait_for(stop.wait(), interval_secs)
        except TimeoutError:
            continue


@dataclass(frozen=True, slots=True)
class _Command:
    id: int
    seed: int | None
    start_on: date | None
    speed: int | None
    paused: bool | None
    skip_closed: bool | None


class Replay:
    """One run in progress: which second has been played, which bars are stored, how far the clock may go."""

    def __init__(
        self,
        db: Database,
        feed: Feed,
        history: ReplayHistory,
        calendar: SessionCalendar,
        run: ReplayRunView,
        on_batch: OnBatch | None,
        on_bars: OnBars = _untold,
    ) -> None:
        self._db = db
        self._feed = feed
        self._history = history
        self._calendar = calendar
        self._closed_at = {one.session_on: one.closes_at for one in calendar.sessions}
        self._on_batch = on_batch
        self._on_bars = on_bars
        self._lock = asyncio.Lock()
        self._storing = asyncio.Lock()
        self._backfill_wanted = asyncio.Event()
        self._backfill_wanted.set()
        self._take(run)

    def _take(self, run: ReplayRunView) -> None:
        self._run = run
        self._horizon = max(run.horizon_venue_at, run.anchor_venue_at)
        self._anchor = ClockAnchor(self._horizon, clock.utc_now(), run.speed, run.paused, run.skip_closed)
        self._venue_now = self._horizon
        self._day: ReplayDay | None = None
        self._corridors: dict[str, Corridor] = {}
        self._told_state = ""
        self._session_index = -2
        self._step = -1
        self._stored_step = 0
        self._unstored: list[tuple[ReplayDay, int]] = []

    @property
    def venue_now(self) -> datetime:
        return self._venue_now

    @property
    def run(self) -> ReplayRunView:
        return self._run

    async def open(self, now: datetime) -> None:
        """Enter the run where it stands: the board gets the newest quote of every symbol."""
        self._feed.forget()
        await self.checkpoint()
        async with self._lock:
            await self._enter_session(self._calendar.index_at(self._venue_now), now)
            if self._day is not None:
                self._step = self._day.step_at(self._venue_now)
                if self._step >= 0:
                    await self._emit(self._day.snapshot(self._step, now), self._venue_now)
            await self._tell_clock()

    def clock_at(self, venue_now: datetime) -> VenueClock:
        """What the venue's clock shows at `venue_now` in this run."""
        return replay_clock(self._run, self._anchor, self._calendar, venue_now, self._history.ends_on)

    async def advance(self, now: datetime) -> None:
        """Play every second up to the venue's now."""
        async with self._lock:
            target = venue_time(self._anchor, self._calendar, now)
            if target > self._horizon:
                target = self._horizon
                self._anchor = ClockAnchor(
                    target, now, self._anchor.speed, self._anchor.paused, self._anchor.skip_closed
                )
            target = max(target, self._venue_now)
            index = self._calendar.index_at(target)
            while self._session_index < index:
                if self._day is not None:
                    await self._play(self._day, self._day.last_step, now)
                await self._enter_session(self._session_index + 1, now)
                self._anchor = reanchor(self._anchor, self._calendar, now)
            if self._day is not None:
                await self._play(self._day, self._day.step_at(target), now)
            self._venue_now = target
            await self._tell_clock()

    async def _enter_session(self, index: int, now: datetime) -> None:
        if self._day is not None:
            self._unstored.append((self._day, self._stored_step))
        self._session_index, self._step, self._stored_step, self._day = index, -1, 0, None
        if index < 0:
            return
        session = self._calendar.sessions[index]
        self._day = await asyncio.to_thread(build_day, self._history, self._run.seed, session)
        self._corridors = self._corridors_of(session)
        halted = self._day.halted_quotes(self._closed_at, now)
        if halted:
            await self._emit(halted, max(session.opens_at, self._venue_now))

    def _corridors_of(self, session: Session) -> dict[str, Corridor]:
        """The day's real range is the second source for jumps: an overnight gap that happened is not suspect."""
        found = {symbol: one.on(session.session_on) for symbol, one in self._history.symbols.items()}
        return {
            symbol: Corridor(price_of(figures.low), price_of(figures.high))
            for symbol, figures in found.items()
            if figures is not None
        }

    async def _play(self, day: ReplayDay, until_step: int, now: datetime) -> None:
        while self._step < until_step:
            self._step += 1
            quotes = day.ticks(self._step, now)
            if quotes:
                await self._emit(quotes, day.session.opens_at + timedelta(seconds=self._step))

    async def _emit(self, quotes: dict[str, Quote], venue_now: datetime) -> None:
        admitted = self._feed.admit(quotes, venue_now, self._corridors)
        if admitted:
            await self._hand_over(self.clock_at(venue_now), admitted)

    async def _tell_clock(self) -> None:
        shown = self.clock_at(self._venue_now)
        self._feed.tell_clock(shown)
        if shown.state != self._told_state:
            await self._hand_over(shown, {})

    async def _hand_over(self, shown: VenueClock, quotes: dict[str, Quote]) -> None:
        self._told_state = shown.state
        if self._on_batch is not None:
            try:
                await self._on_batch(shown, quotes)
            except StarkMatterError as error:
                log.warning("batch_refused", venue="replay", reason=error.text)

    async def checkpoint(self) -> None:
        """Promise the database a horizon a few seconds ahead, and write down where the clock is."""
        run, now = self._run, clock.utc_now()
        ahead = max(self._horizon, venue_time(self._anchor, self._calendar, now + HORIZON))
        venue_at = min(self._horizon, venue_time(self._anchor, self._calendar, now))
        await self._write(venue_at, now, ahead)
        if run is self._run:
            self._horizon = max(self._horizon, ahead)

    async def _write(self, venue_at: datetime, wall_at: datetime, horizon: datetime) -> None:
        params = {
            "id": self._run.id,
            "speed": self._anchor.speed,
            "paused": self._anchor.paused,
            "skip_closed": self._anchor.skip_closed,
            "venue_at": venue_at,
            "wall_at": wall_at,
            "horizon": horizon,
            "configured": self._run.configured,
        }
        await self._db.run(queries.CHECKPOINT_RUN, params)

    async def close(self, now: datetime) -> None:
        """Leave the run exactly where it is, so that the next worker continues without a gap."""
        try:
            await self.store_bars()
            await self._write(self._venue_now, now, self._venue_now)
        except Unavailable as error:
            log.warning("replay_left_at_its_horizon", reason=error.text)

    async def obey(self) -> None:
        """Carry out what admins asked for since the last look."""
        for command in await self._db.all(_Command, queries.OPEN_COMMANDS):
            await self._carry_out(command)
            closed = {"id": command.id, "at": clock.utc_now(), "run_id": self._run.id}
            await self._db.run(queries.CLOSE_COMMAND, closed)

    async def _carry_out(self, command: _Command) -> None:
        async with self._lock:
            now = clock.utc_now()
            anchor = reanchor(
                self._anchor,
                self._calendar,
                now,
                speed=command.speed,
                paused=command.paused,
                skip_closed=command.skip_closed,
            )
            new_seed = command.seed is not None and command.seed != self._run.seed
            target = self._calendar.on_or_after(command.start_on) if command.start_on is not None else None
            if new_seed or (target is not None and target.opens_at <= self._venue_now):
                await self._begin_again(command, anchor)
            else:
                self._anchor = anchor
                if target is not None:
                    await self._jump(target, now)
        await self.checkpoint()

    async def _begin_again(self, command: _Command, anchor: ClockAnchor) -> None:
        async with self._storing:
            run = await start_run(
                self._db,
                self._calendar,
                command.start_on or self._run.start_on,
                self._run.seed if command.seed is None else command.seed,
                anchor.speed,
                self._run.configured,
                skip_closed=anchor.skip_closed,
            )
            self._feed.forget()
            self._take(run)
        self._anchor = ClockAnchor(
            self._anchor.venue_at, self._anchor.wall_at, anchor.speed, bool(command.paused), anchor.skip_closed
        )
        now = clock.utc_now()
        await self._enter_session(self._calendar.index_at(self._venue_now), now)
        await self._tell_clock()
        self._backfill_wanted.set()

    async def _jump(self, session: Session, now: datetime) -> None:
        self._anchor = ClockAnchor(
            session.opens_at, now, self._anchor.speed, self._anchor.paused, self._anchor.skip_closed
        )
        self._venue_now = self._horizon = session.opens_at
        await self._enter_session(self._calendar.index_at(session.opens_at), now)
        self._backfill_wanted.set()

    async def store_bars(self) -> None:
        """Store the bars that finished since the last call, and what the unfinished ones hold so far."""
        async with self._storing:
            await self._store_bars()

    async def _store_bars(self) -> None:
        run, day, until_step, after_step = self._run, self._day, self._step + 1, self._stored_step
        for entry in tuple(self._unstored):
            left, left_after = entry
            rows = bars.closed_bar_rows(
                left.session, left.paths, run.seed, after_step=left_after, until_step=left.last_step + 1
            )
            await bars.merge_bars(self._db, rows)
            await self._on_bars(bars.bars_of(rows), [])
            if entry in self._unstored:
                self._unstored.remove(entry)
        if day is None or until_step == after_step:
            return
        rows = bars.closed_bar_rows(day.session, day.paths, run.seed, after_step=after_step, until_step=until_step)
        await bars.merge_bars(self._db, rows)
        growing = bars.forming_bars(day, until_step)
        await bars.store_forming(self._db, growing)
        await self._on_bars(bars.bars_of(rows), growing.as_bars())
        if day is self._day:
            self._stored_step = until_step

    async def prune(self) -> None:
        """Drop bars inside a day that are older than what is kept, and those of former seeds."""
        await bars.prune_bars(self._db, self._calendar, self._run.seed, self._venue_now)

    async def backfill(self) -> None:
        """Fill the sessions before the venue's now, newest first, whenever a run starts or jumps."""
        while True:
            await self._backfill_wanted.wait()
            self._backfill_wanted.clear()
            try:
                await self._fill(self._run)
            except Unavailable as error:
                log.warning("replay_waits", work="backfill", reason=error.text)
                await asyncio.sleep(RETRY_SECS)
                self._backfill_wanted.set()

    async def _fill(self, run: ReplayRunView) -> None:
        index = self._calendar.index_at(self._venue_now)
        if self._day is not None and self._step >= 0:
            index -= 1 if self._step < self._day.last_step else 0
        sessions = self._calendar.sessions[max(0, index + 1 - max(BACKFILL_SESSIONS.values())) : index + 1]
        known = await bars.stored_sessions(self._db, run.seed, sessions)
        for age, session in enumerate(reversed(sessions)):
            wanted = [name for name, kept in BACKFILL_SESSIONS.items() if age < kept]
            missing = [name for name in wanted if (name, session.closes_at) not in known]
            if missing and run is self._run:
                rows = await asyncio.to_thread(bars.session_rows, self._history, run.seed, session, missing)
                await bars.merge_bars(self._db, rows)
                await asyncio.sleep(WAKE_SECS)
