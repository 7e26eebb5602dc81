"""Writes bars: ten years of days at the first start, the last sessions before it, and each bar as it closes.

Bars inside a day are a cache of the seed's paths: every write may be repeated, and what was lost is built again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, LiteralString, cast

from psycopg.errors import UniqueViolation

from starkmatter.db.copying import copy_rows
from starkmatter.db.database import Connection, Database
from starkmatter.domain.quotes import INTERVALS, Bar, Interval
from starkmatter.domain.replay import STEP_SECS, DayPath, DayTrades, PathBars, path_bars, price_of
from starkmatter.domain.sessions import Session, SessionCalendar
from starkmatter.market import queries as market_queries
from starkmatter.market.history import queries
from starkmatter.market.history.room import make_room, table_of
from starkmatter.market.providers.replay import (
    NOTE_PATH_SYNTHESIZED,
    NOTE_RANGE_SYNTHESIZED,
    PROVIDER,
    ReplayDay,
    ReplayHistory,
    day_trades,
)

VENUE = "replay"
INTRADAY: tuple[Interval, ...] = ("1m", "5m", "15m", "1h")
KEPT_SESSIONS: dict[Interval, int] = {"1m": 10, "5m": 60, "15m": 120, "1h": 250}
MARKER_SYMBOL = "AAPL"  # trades on every day of the history and stands for its session
PRUNE_CHUNK_ROWS = 20_000
STRAIGHT_ROWS = 100
COPY_TIMEOUT: LiteralString = "SET LOCAL statement_timeout = '60s'"

BarTuple = tuple[Any, ...]
Spans = dict[tuple[str, str, Interval, int], tuple[datetime, datetime]]
SERIES = itemgetter(0, 1, 2, 3)  # venue, symbol, interval, seed
STARTS_AT = 4


async def store_daily_history(db: Database, history: ReplayHistory, calendar: SessionCalendar) -> None:
    """Every day of every symbol, one symbol's rows kept together. Does nothing when they are there."""
    wanted = sum(len(one.days) for one in history.symbols.values())
    if await db.value(queries.HAS_DAILY_BARS, {"venue": VENUE}) == wanted:
        return
    async with db.transaction() as connection:
        await connection.execute(COPY_TIMEOUT)
        await connection.execute(queries.FORGET_DAILY_BARS, {"venue": VENUE})
        await copy_rows(connection, queries.COPY_BARS, queries.BAR_TYPES, _daily_rows(history, calendar))


def _daily_rows(history: ReplayHistory, calendar: SessionCalendar) -> Iterator[BarTuple]:
    hours = {one.session_on: (one.opens_at, one.closes_at) for one in calendar.sessions}
    for symbol in sorted(history.symbols):
        one = history.symbols[symbol]
        note = None if one.instrument.data_quality == "ohlcv" else NOTE_RANGE_SYNTHESIZED
        for day, figures in zip(one.days, one.figures, strict=True):
            opens_at, closes_at = hours[day]
            prices = (price_of(ticks) for ticks in (figures.open, figures.high, figures.low, figures.close))
            volume = None if figures.volume is None else Decimal(figures.volume)
            yield (VENUE, symbol, "1d", 0, opens_at, closes_at, *prices, volume, PROVIDER, note)


async def merge_bars(db: Database, rows: list[BarTuple], *, replace: bool = True) -> None:
    """Insert finished bars; those that are stored already are replaced, or stay.

    A history that is new as a whole, which is most of what is ever written, goes straight into its table.
    """
    if not rows:
        return
    spans = _spans(rows)
    for (venue, _, interval, _), (first, last) in spans.items():
        if venue != VENUE:
            await make_room(db, table_of(interval), first, last)
    async with db.transaction() as connection:
        await connection.execute(COPY_TIMEOUT)
        if len(rows) >= STRAIGHT_ROWS and not await _any_stored(connection, spans):
            with suppress(UniqueViolation):
                async with connection.transaction():
                    await copy_rows(connection, queries.COPY_BARS, queries.BAR_TYPES, rows)
                return
        await connection.execute(queries.BAR_STAGE)
        await copy_rows(connection, queries.COPY_BAR_STAGE, queries.BAR_TYPES, rows)
        await connection.execute(queries.MERGE_BAR_STAGE if replace else queries.KEEP_BAR_STAGE)


def _spans(rows: list[BarTuple]) -> Spans:
    """The first and the last instant of each series."""
    found: Spans = {}
    for series, own in groupby(rows, SERIES):
        instants = [row[STARTS_AT] for row in own]
        before = found.get(series, (instants[0], instants[0]))
        found[series] = min(*before, *instants), max(*before, *instants)
    return found


async def _any_stored(connection: Connection, spans: Spans) -> bool:
    """Whether any bar is stored where these would go."""
    venues, symbols, intervals, seeds = zip(*spans, strict=True)
    firsts, lasts = zip(*spans.values(), strict=True)
    params = {"venue": venues, "symbol": symbols, "interval": intervals, "seed": seeds, "first": firsts, "last": lasts}
    cursor = await connection.execute(queries.ANY_STORED, {name: list(column) for name, column in params.items()})
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


def bars_of(rows: Iterable[BarTuple]) -> list[Bar]:
    """Rows as bars."""
    return [
        Bar(symbol, interval, starts_at, opened, high, low, close, volume, provider, note)
        for _, symbol, interval, _, starts_at, _, opened, high, low, close, volume, provider, note in rows
    ]


def closed_bar_rows(
    session: Session,
    paths: Mapping[str, DayPath | DayTrades],
    seed: int,
    *,
    after_step: int,
    until_step: int,
    intervals: Iterable[Interval] = INTRADAY,
) -> list[BarTuple]:
    """Bars that finished in (after_step, until_step], both counted in seconds from the open."""
    rows: list[BarTuple] = []
    opens_at, steps = session.opens_at, session.length_secs // STEP_SECS
    for symbol, path in paths.items():
        for interval in intervals:
            bar_steps = int(INTERVALS[interval].total_seconds()) // STEP_SECS
            if until_step // bar_steps == after_step // bar_steps and not after_step < path.steps <= until_step:
                continue  # as in nearly every second: none of this length ended
            bars = path_bars(path, bar_steps, min(until_step, steps), after_step=after_step)
            for i in range(len(bars.first_step)):
                end = int(bars.end_step[i])
                if after_step < end <= until_step:
                    starts_at = opens_at + timedelta(seconds=int(bars.first_step[i]) * STEP_SECS)
                    ends_at = opens_at + timedelta(seconds=end * STEP_SECS)
                    key = (VENUE, symbol, interval, seed, starts_at, ends_at)
                    rows.append((*key, *_figures(bars, i), PROVIDER, NOTE_PATH_SYNTHESIZED))
    return rows


def session_rows(history: ReplayHistory, seed: int, session: Session, intervals: Iterable[Interval]) -> list[BarTuple]:
    """All bars inside one day of the replay. Draws its trades: some hundredths of a second."""
    steps = session.length_secs // STEP_SECS
    traded = day_trades(history, seed, session)
    return closed_bar_rows(session, traded, seed, after_step=0, until_step=steps, intervals=intervals)


def _figures(bars: PathBars, i: int) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal | None]:
    return (
        price_of(bars.open[i]),
        price_of(bars.high[i]),
        price_of(bars.low[i]),
        price_of(bars.close[i]),
        None if bars.volume is None else Decimal(int(bars.volume[i])),
    )


@dataclass(frozen=True, slots=True)
class FormingBars:
    """The growing bar of each symbol and interval, as columns."""

    symbols: list[str]
    intervals: list[str]
    starts_at: list[datetime]
    figures: list[tuple[Decimal, Decimal, Decimal, Decimal, Decimal | None]]

    def as_bars(self) -> list[Bar]:
        """The same, bar by bar."""
        return [
            Bar(symbol, cast("Interval", interval), starts_at, *figures, PROVIDER, NOTE_PATH_SYNTHESIZED)
            for symbol, interval, starts_at, figures in zip(
                self.symbols, self.intervals, self.starts_at, self.figures, strict=True
            )
        ]


def forming_bars(day: ReplayDay, until_step: int) -> FormingBars:
    """What has been traded so far of each unfinished bar, the day's own included; nothing after `until_step`."""
    formed = FormingBars([], [], [], [])
    steps = day.last_step + 1
    for symbol, path in day.paths.items():
        for interval in (*INTRADAY, "1d"):
            bar_steps = steps if interval == "1d" else int(INTERVALS[interval].total_seconds()) // STEP_SECS
            so_far = min(until_step, steps)
            bars = path_bars(path, bar_steps, so_far, after_step=max(so_far - 1, 0))
            if len(bars.first_step) and bars.end_step[-1] > until_step:
                formed.symbols.append(symbol)
                formed.intervals.append(interval)
                formed.starts_at.append(day.session.opens_at + timedelta(seconds=int(bars.first_step[-1]) * STEP_SECS))
                formed.figures.append(_figures(bars, -1))
    return formed


async def store_forming(db: Database, formed: FormingBars) -> None:
    """Replace the forming bars of these symbols and intervals."""
    if not formed.symbols:
        return
    opens, highs, lows, closes, volumes = (list(column) for column in zip(*formed.figures, strict=True))
    await db.run(
        market_queries.PUT_FORMING,
        {
            "venue": VENUE,
            "provider": PROVIDER,
            "note": NOTE_PATH_SYNTHESIZED,
            "symbol": formed.symbols,
            "interval": formed.intervals,
            "starts_at": formed.starts_at,
            "open": opens,
            "high": highs,
            "low": lows,
            "close": closes,
            "volume": volumes,
        },
    )


async def stored_sessions(db: Database, seed: int, sessions: Sequence[Session]) -> set[tuple[str, datetime]]:
    """(interval, close) of the sessions whose last bar is stored."""
    if not sessions:
        return set()
    params = {
        "venue": VENUE,
        "symbol": MARKER_SYMBOL,
        "intervals": list(INTRADAY),
        "seed": seed,
        "oldest": sessions[0].opens_at,
        "closes": [one.closes_at for one in sessions],
    }
    return {(interval, ends_at) for interval, ends_at in await db.tuples(queries.STORED_SESSIONS, params)}


async def prune_bars(db: Database, calendar: SessionCalendar, seed: int, venue_now: datetime) -> int:
    """Drop bars inside a day of other seeds and of sessions older than KEPT_SESSIONS; the number of rows dropped."""
    dropped, now_index = 0, calendar.index_at(venue_now)
    for interval, kept in KEPT_SESSIONS.items():
        before = calendar.sessions[max(0, now_index - kept)].opens_at
        params = {
            "venue": VENUE,
            "interval": interval,
            "seed": seed,
            "before": before,
            "chunk": PRUNE_CHUNK_ROWS,
        }
        while count := await db.run(queries.PRUNE_BARS, params):
            dropped += count
    return dropped
