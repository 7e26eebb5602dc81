"""Longer bars of finer ones that are about to go: 5m of 1m, 15m of 5m, 1h of 15m."""

from datetime import datetime

from starkmatter.db.database import Database
from starkmatter.domain.quotes import INTERVALS, Interval
from starkmatter.market.calendar import day_params
from starkmatter.market.history import queries
from starkmatter.market.history.room import make_room, table_of

VENUE = "market"
INTO: dict[Interval, Interval] = {"1m": "5m", "5m": "15m", "15m": "1h"}


async def roll_up(db: Database, finer: Interval, before: datetime) -> int:
    """Store the next longer bars of all `finer` ones that start before then (UTC); how many are new.

    What is stored already stays: a source's own bar is worth more than one that is joined.
    """
    into = INTO.get(finer)
    if into is None:
        return 0
    asked = {"venue": VENUE, "finer": finer, "before": before}
    told = 0
    for symbol, first, last in await db.tuples(queries.SYMBOLS_BEFORE, asked):
        await make_room(db, table_of(into), first, last)
        of = {"symbol": symbol, "into": into, "span": INTERVALS[into], **day_params(symbol)}
        told += await db.run(queries.ROLL_UP, asked | of)
    return told
