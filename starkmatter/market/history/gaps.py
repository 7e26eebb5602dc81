"""Holes in the market's bars: found by the calendar, asked for again at the sources, and given up after some tries.

A hole that no source fills is a halt, a day before the listing, or a source's own; it stays on the list as what it is.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from starkmatter.db.database import Database
from starkmatter.domain.instruments import AssetClass, class_of
from starkmatter.domain.market_hours import EXCHANGE, RULED
from starkmatter.domain.quotes import INTERVALS, Interval
from starkmatter.domain.sessions import Session, SessionCalendar
from starkmatter.market.calendar import load_calendar
from starkmatter.market.failover import Failover, NoSource
from starkmatter.market.history import queries
from starkmatter.market.history.bars import merge_bars
from starkmatter.market.history.market_bars import HISTORY, BarStore, on_grid

TRIES = 3
AGAIN_AFTER = timedelta(hours=6)
AT_ONCE = 20
MAX_FOUND = 2_000
SHORTEST_HOLE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """No bar of `interval` in [starts_at, ends_at), though the symbol's market was open."""

    symbol: str
    interval: Interval
    starts_at: datetime
    ends_at: datetime


async def find_gaps(db: Database, now: datetime) -> int:
    """Look through everything that was fetched; how many holes there are. Those that have closed are forgotten."""
    exchange = await load_calendar(db, EXCHANGE)
    for interval, step in INTERVALS.items():
        kinds: dict[AssetClass, list[str]] = defaultdict(list)
        for (symbol,) in await db.tuples(queries.COVERED_SYMBOLS, {"interval": interval}):
            kinds[class_of(symbol)].append(symbol)
        found = []
        for kind, of_kind in kinds.items():
            sessions = _sessions(kind, exchange, now - HISTORY[interval], now)
            asked = {
                "interval": interval,
                "symbols": of_kind,
                "opens": [one.opens_at for one in sessions],
                "closes": [one.closes_at for one in sessions],
                "longest": max(SHORTEST_HOLE, 4 * step),
                "unbroken": kind in RULED,
                "limit": MAX_FOUND,
            }
            found += await db.tuples(queries.FIND_GAPS, asked)
        symbols, starts, ends = (list(column) for column in zip(*found, strict=True)) if found else ([], [], [])
        put = {"interval": interval, "now": now, "symbol": symbols, "starts_at": starts, "ends_at": ends}
        await db.run(queries.PUT_GAPS, put)
    return int(await db.value(queries.COUNT_GAPS))


def _sessions(kind: AssetClass, exchange: SessionCalendar, oldest: datetime, now: datetime) -> list[Session]:
    """The finished sessions of a kind of symbol's market."""
    hours = RULED.get(kind)
    if hours is not None:
        return hours.between(oldest, now)
    return [one for one in exchange.sessions if one.opens_at >= oldest and one.closes_at <= now]


async def repair_gaps(db: Database, bars: BarStore, failover: Failover, now: datetime) -> str:
    """Find the holes and ask for the newest of them again; one sentence of what came of it."""
    found = await find_gaps(db, now)
    if not found:
        return "no holes"
    asked = {"tries": TRIES, "before": now - AGAIN_AFTER, "limit": AT_ONCE}
    tried = 0
    for gap in await db.all(Gap, queries.GAPS_TO_TRY, asked):
        try:
            answer = await failover.bars(gap.symbol, gap.interval, gap.starts_at, gap.ends_at)
        except NoSource:
            break  # Nobody answers: that is no try of this hole.
        placed = on_grid(answer, await bars.calendar(now))
        await merge_bars(db, [one.row for one in placed if one.ends_at <= now])
        this = {"symbol": gap.symbol, "interval": gap.interval, "starts_at": gap.starts_at, "now": now}
        await db.run(queries.GAP_TRIED, this)
        tried += 1
    left = await find_gaps(db, now)
    return f"{found} holes found, {tried} asked for again, {left} left"
