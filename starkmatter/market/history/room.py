"""Room for the market's bars inside a day and for ticks: partitions made before they are needed, dropped as a whole.

With TimescaleDB the same tables are hypertables, which make their own room; then nothing is done here.
"""

from datetime import datetime, timedelta
from typing import Literal
from weakref import WeakKeyDictionary

from starkmatter.db.database import Database
from starkmatter.domain.quotes import Interval
from starkmatter.market.history import queries

Span = Literal["day", "month", "year"]
TICKS = "tick"
SPANS: dict[str, Span] = {
    "bar_market_1h": "year",
    "bar_market_15m": "month",
    "bar_market_5m": "month",
    "bar_market_1m": "month",
    TICKS: "day",
}
AHEAD = timedelta(days=2)
FORMATS: dict[Span, str] = {"day": "%Y%m%d", "month": "%Y%m", "year": "%Y"}

_made: "WeakKeyDictionary[Database, set[str]]" = WeakKeyDictionary()


def table_of(interval: Interval) -> str:
    """The table that is parted by time and holds the market's bars of an interval; days are in one piece."""
    return f"bar_market_{interval}"


def edge(table: str, before: datetime) -> datetime:
    """Up to where `drop_room` drops: the start of the day, month or year (UTC) that `before` lies in."""
    start = before.replace(hour=0, minute=0, second=0, microsecond=0)
    match SPANS[table]:
        case "day":
            return start
        case "month":
            return start.replace(day=1)
        case "year":
            return start.replace(month=1, day=1)


async def has_partitions(db: Database) -> bool:
    """Whether the tables are in native partitions, not in hypertables."""
    return bool(await db.value(queries.HAS_PARTITIONS))


async def make_room(db: Database, table: str, first: datetime, last: datetime) -> None:
    """See that every instant of [first, last] has its partition; a question to the database only when it is news."""
    span = SPANS.get(table)
    if span is None:
        return
    known = _made.setdefault(db, set())
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    wanted = {f"{table} {at.strftime(FORMATS[span])}" for at in (*days, last)}
    if wanted <= known:
        return
    if await has_partitions(db):
        await db.run(queries.MAKE_ROOM, {"parent": table, "span": span, "first": first, "last": last})
    known |= wanted


async def drop_room(db: Database, table: str, before: datetime) -> int:
    """Drop partitions that ended before then; how many. What is in one that reaches beyond stays a while longer."""
    _made.pop(db, None)
    return int(await db.value(queries.DROP_ROOM, {"parent": table, "before": before}))
