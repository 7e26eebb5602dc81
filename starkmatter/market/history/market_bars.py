"""Bars of the wall-clock market: fetched from a source on demand, put on the sessions' grid, merged without a gap.

A finished bar of a source replaces what quotes made of it. The day's closes are compared where old and new overlap:
when they moved, the source has adjusted them for a split, and everything is fetched anew.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

import structlog

from starkmatter.db.database import Database
from starkmatter.domain.market_hours import EXCHANGE, hours_of, rule_of
from starkmatter.domain.quotes import INTERVALS, Bar, Interval
from starkmatter.domain.sessions import Session, SessionCalendar
from starkmatter.market.calendar import load_calendar
from starkmatter.market.failover import Failover, NoSource
from starkmatter.market.history import queries
from starkmatter.market.history.bars import BarTuple, merge_bars
from starkmatter.market.history.rollup import roll_up
from starkmatter.market.history.room import drop_room, edge, has_partitions, table_of

VENUE = "market"
HISTORY: dict[Interval, timedelta] = {
    "1d": timedelta(days=3650),
    "1h": timedelta(days=365),
    "15m": timedelta(days=50),
    "5m": timedelta(days=30),
    "1m": timedelta(days=6),
}
KEPT: dict[Interval, timedelta] = {
    "1h": timedelta(days=800),
    "15m": timedelta(days=200),
    "5m": timedelta(days=90),
    "1m": timedelta(days=30),
}
OVERLAP: dict[Interval, timedelta] = {
    "1d": timedelta(days=10),
    "1h": timedelta(days=4),
    "15m": timedelta(days=1),
    "5m": timedelta(hours=1),
    "1m": timedelta(minutes=10),
}
AGAIN_AFTER = timedelta(seconds=60)
SETTLES_AFTER = timedelta(minutes=15)
MOVED_RATIO = Decimal("0.02")
PRUNE_CHUNK_ROWS = 20_000

log = structlog.get_logger("market")


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far a symbol's bars were fetched: what ended by `until_at` is the source's own."""

    symbol: str
    interval: Interval
    fetched_at: datetime
    until_at: datetime
    provider: str


@dataclass(frozen=True, slots=True)
class GridBar:
    """One bar in its place: it ends at `ends_at`, at the latest with its session."""

    bar: Bar
    ends_at: datetime

    @property
    def row(self) -> BarTuple:
        one = self.bar
        figures = (one.open, one.high, one.low, one.close, one.volume)
        return (VENUE, one.symbol, one.interval, 0, one.starts_at, self.ends_at, *figures, one.provider, one.note)


def place_in(session: Session, interval: Interval, at: datetime) -> tuple[datetime, datetime]:
    """Start and end of the bar that `at` belongs to; `at` lies in the session."""
    if interval == "1d":
        return session.opens_at, session.closes_at
    step = INTERVALS[interval]
    starts_at = session.opens_at + (at - session.opens_at) // step * step
    return starts_at, min(starts_at + step, session.closes_at)


def on_grid(bars: Iterable[Bar], calendar: SessionCalendar) -> list[GridBar]:
    """The bars of a symbol inside its sessions in their places, finer ones merged, in order; what lies outside is left
    out. `calendar` has the exchange's sessions."""
    found: dict[datetime, GridBar] = {}
    for bar in sorted(bars, key=lambda one: one.starts_at):
        hours = hours_of(bar.symbol, calendar)
        if bar.interval == "1d":
            session = hours.session_on(rule_of(bar.symbol).day_of(bar.starts_at))
        else:
            session = hours.session_at(bar.starts_at)
        if session is None:
            continue
        starts_at, ends_at = place_in(session, bar.interval, bar.starts_at)
        before = found.get(starts_at)
        placed = bar._replace(starts_at=starts_at) if before is None else joined(before.bar, bar)
        found[starts_at] = GridBar(placed, ends_at)
    return [found[at] for at in sorted(found)]


def joined(first: Bar, second: Bar) -> Bar:
    """One bar of two that follow each other."""
    volume = None if first.volume is None or second.volume is None else first.volume + second.volume
    high, low = max(first.high, second.high), min(first.low, second.low)
    return first._replace(high=high, low=low, close=second.close, volume=volume)


class BarStore:
    """Fetches what is missing of a symbol's bars, one question at a time for each."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._calendar: tuple[datetime, SessionCalendar] | None = None
        self._turns: dict[tuple[str, Interval], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._failed_at: dict[tuple[str, Interval], datetime] = {}

    async def calendar(self, now: datetime) -> SessionCalendar:
        """All stored sessions, read again each day."""
        if self._calendar is None or now - self._calendar[0] > timedelta(days=1):
            loaded = await load_calendar(self._db, EXCHANGE)
            if not len(loaded):
                return loaded
            self._calendar = (now, loaded)
        return self._calendar[1]

    async def look(self, failover: Failover, symbol: str, interval: Interval, now: datetime) -> list[Bar] | None:
        """Somebody looks at these bars: fetch what is missing. The growing bar (at most one); None: nothing asked."""
        async with self._turns[symbol, interval]:
            known = await self._db.one(Coverage, queries.COVERAGE, {"symbol": symbol, "interval": interval})
            calendar = await self.calendar(now)
            failed_at = self._failed_at.get((symbol, interval))
            if failed_at is not None and now - failed_at < AGAIN_AFTER:
                return None
            if known is not None and (now - known.fetched_at < AGAIN_AFTER or _complete(known, calendar, now)):
                return None
            self._failed_at[symbol, interval] = now
            growing = await self.fetch(failover, symbol, interval, now, known)
            del self._failed_at[symbol, interval]
            return growing

    async def fetch(
        self, failover: Failover, symbol: str, interval: Interval, now: datetime, known: Coverage | None
    ) -> list[Bar]:
        """Ask for everything since what is known and store it; the bar that still grows, if any."""
        start = now - HISTORY[interval] if known is None else known.until_at - OVERLAP[interval]
        bars = await failover.bars(symbol, interval, start, now + timedelta(minutes=1))
        placed = on_grid(bars, await self.calendar(now))
        if known is not None and interval == "1d" and await self._moved(symbol, placed):
            log.info("bars moved", symbol=symbol, why="adjusted by their source")
            await self._db.run(queries.FORGET_BARS_OF, {"venue": VENUE, "symbol": symbol})
            await self._db.run(queries.FORGET_COVERAGE, {"symbol": symbol})
            return await self.fetch(failover, symbol, interval, now, None)
        finished = [one for one in placed if one.ends_at <= now]
        await merge_bars(self._db, [one.row for one in finished])
        until_at = finished[-1].ends_at if finished else (known.until_at if known else start)
        provider = finished[-1].bar.provider if finished else (known.provider if known else "")
        covered = {"symbol": symbol, "interval": interval, "now": now, "until": until_at, "provider": provider}
        await self._db.run(queries.PUT_COVERAGE, covered)
        return [one.bar for one in placed if one.ends_at > now][-1:]

    async def _moved(self, symbol: str, placed: Sequence[GridBar]) -> bool:
        """Whether closes that were stored differ from what the source says of the same days now."""
        if not placed:
            return False
        asked = {"venue": VENUE, "symbol": symbol, "interval": "1d", "start": placed[0].bar.starts_at}
        stored = dict(await self._db.tuples(queries.BAR_CLOSES, asked))
        return any(
            abs(one.bar.close - stored[one.bar.starts_at]) > MOVED_RATIO * stored[one.bar.starts_at]
            for one in placed
            if one.bar.starts_at in stored
        )

    async def refresh(self, failover: Failover, symbols: Sequence[str], since: datetime, now: datetime) -> str:
        """Fetch again whatever was looked at since then, and the days of `symbols`; one sentence of what came of it."""
        known = await self._db.all(Coverage, queries.COVERED_SINCE, {"since": since, "symbols": list(symbols)})
        wanted: dict[tuple[str, Interval], Coverage | None] = {(symbol, "1d"): None for symbol in symbols}
        wanted |= {(one.symbol, one.interval): one for one in known}
        calendar = await self.calendar(now)
        fetched = failed = 0
        for (symbol, interval), coverage in wanted.items():
            if coverage is not None and _complete(coverage, calendar, now):
                continue
            try:
                async with self._turns[symbol, interval]:
                    await self.fetch(failover, symbol, interval, now, coverage)
                fetched += 1
            except NoSource:
                failed += 1
        return f"{fetched} series of {len({symbol for symbol, _ in wanted})} symbols fetched, {failed} failed"

    async def prune(self, now: datetime) -> int:
        """Drop bars inside a day that are older than is kept; how many partitions, or rows where there are none.

        What they tell goes on in the next longer bars, which are kept for longer, where those were never fetched.
        """
        dropped = 0
        parted = await has_partitions(self._db)
        for interval, kept in reversed(KEPT.items()):
            await roll_up(self._db, interval, edge(table_of(interval), now - kept) if parted else now - kept)
            if parted:
                dropped += await drop_room(self._db, table_of(interval), now - kept)
                continue
            asked = {"venue": VENUE, "interval": interval, "seed": 0, "before": now - kept, "chunk": PRUNE_CHUNK_ROWS}
            while count := await self._db.run(queries.PRUNE_BARS, asked):
                dropped += count
        return dropped


def _complete(known: Coverage, calendar: SessionCalendar, now: datetime) -> bool:
    """Whether nothing is missing: the last session's bars are the source's own, from after it had settled.

    While a session is open its days are asked for once: for the growing one, and for splits of this morning.
    """
    hours = hours_of(known.symbol, calendar)
    session = hours.last_session(now)
    if session is None:
        return False
    if now < session.closes_at:
        return known.interval == "1d" and known.fetched_at >= session.opens_at + SETTLES_AFTER
    closes_at = session.closes_at
    return known.until_at >= closes_at and known.fetched_at >= closes_at + SETTLES_AFTER


def by_provider(bars: Iterable[Bar]) -> dict[str, list[Bar]]:
    """The bars of each source."""
    ordered = sorted(bars, key=lambda one: one.provider)
    return {provider: list(group) for provider, group in groupby(ordered, key=lambda one: one.provider)}
