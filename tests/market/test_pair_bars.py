"""Bars of pairs and coins: joined in PostgreSQL as the rules of their days say, and holes in them found by those."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby

import pytest

from starkmatter.db.database import Database
from starkmatter.domain.instruments import class_of
from starkmatter.domain.market_hours import RULED, rule_of
from starkmatter.domain.quotes import INTERVALS, ROLL_UPS, Bar, Interval, ShownInterval
from starkmatter.domain.sessions import SessionCalendar
from starkmatter.market.history.bars import merge_bars
from starkmatter.market.history.gaps import find_gaps
from starkmatter.market.history.market_bars import on_grid, place_in
from starkmatter.market.history.rollup import roll_up
from starkmatter.market.service import load_bar_columns, load_bars

FOREVER = datetime(2031, 1, 1, tzinfo=UTC)
NOTHING = SessionCalendar([])
# Both Sundays on which the clocks of New York change, the end of a year, and a leap day.
WEEKS = [datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 10, 29, tzinfo=UTC), datetime(2028, 2, 26, tzinfo=UTC)]


def bars(symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
    """A bar at every step at which the symbol trades; each closes a little higher than the one before."""
    step = INTERVALS[interval]
    if interval == "1d":
        stamps = [one.opens_at for one in RULED[class_of(symbol)].between(start, end)]
    else:
        stamps = [start + n * step for n in range((end - start) // step)]
    found = []
    for number, at in enumerate(stamps):
        if RULED[class_of(symbol)].session_at(at) is not None:
            close = Decimal(100 + number)
            found.append(Bar(symbol, interval, at, close - 1, close + 2, close - 3, close, None, "test"))
    return found


async def store(db: Database, given: Sequence[Bar]) -> None:
    await merge_bars(db, [one.row for one in on_grid(given, NOTHING)])


@pytest.mark.parametrize("symbol", ["EUR-USD", "BTC-USD"])
@pytest.mark.parametrize("start", WEEKS, ids=lambda at: f"{at:%Y-%m}")
async def test_what_postgresql_joins_lies_where_the_calendar_says(
    database: Database, symbol: str, start: datetime
) -> None:
    given = bars(symbol, "15m", start, start + timedelta(days=7))
    await store(database, given)
    assert await roll_up(database, "15m", FOREVER) > 0
    joined = await load_bars(database, "market", symbol, "1h", limit=5_000, until=FOREVER)
    wanted = [
        one.bar for one in on_grid([bar._replace(interval="1h") for bar in given], NOTHING)
    ]  # The calendar in Python puts quarters of an hour together as well.
    assert [tuple(one) for one in joined] == [tuple(one) for one in wanted]
    ends = await database.tuples("SELECT starts_at, ends_at FROM bar WHERE interval = '1h' ORDER BY 1")
    for starts_at, ends_at in ends:
        session = RULED[class_of(symbol)].session_at(starts_at)
        assert session is not None
        assert (starts_at, ends_at) == place_in(session, "1h", starts_at)


def _bucket(symbol: str, interval: ShownInterval, at: datetime) -> object:
    """What a bar belongs to, reckoned in Python."""
    day = rule_of(symbol).day_of(at)
    if interval == "1w":
        return day.isocalendar()[:2]
    if interval == "1mo":
        return (day.year, day.month)
    session = RULED[class_of(symbol)].session_on(day)
    assert session is not None
    return session.opens_at + (at - session.opens_at) // ROLL_UPS[interval].span * ROLL_UPS[interval].span


@pytest.mark.parametrize("symbol", ["EUR-USD", "BTC-USD"])
@pytest.mark.parametrize("interval", ["30m", "4h", "1w", "1mo"])
async def test_longer_bars_are_read_on_the_grid_of_their_own_days(
    database: Database, symbol: str, interval: ShownInterval
) -> None:
    base = ROLL_UPS[interval].base
    days = 120 if base == "1d" else 8
    for start in WEEKS[:2]:
        await store(database, bars(symbol, base, start, start + timedelta(days=days)))
    stored = await load_bars(database, "market", symbol, base, limit=20_000, until=FOREVER)
    wanted = [
        (parts[0].starts_at if base == "1d" else key, parts[0].open, parts[-1].close, max(one.high for one in parts))
        for key, group in groupby(stored, key=lambda one: _bucket(symbol, interval, one.starts_at))
        for parts in [list(group)]
    ]
    found = await load_bars(database, "market", symbol, interval, limit=5_000, until=FOREVER)
    assert [(one.starts_at, one.open, one.close, one.high) for one in found] == wanted
    columns = await load_bar_columns(database, "market", symbol, base, limit=20_000, until=FOREVER)
    epoch = datetime(1970, 1, 1, tzinfo=UTC).date()
    assert columns.session == [(rule_of(symbol).day_of(one.starts_at) - epoch).days for one in stored]


async def _covered(db: Database, symbol: str, interval: Interval, until: datetime) -> None:
    await db.run(
        "INSERT INTO bar_coverage (symbol, interval, fetched_at, until_at, provider) VALUES (%s, %s, %s, %s, 'test')",
        (symbol, interval, until, until),
    )


async def test_a_weekend_is_a_hole_of_a_coin_and_none_of_a_pair(database: Database) -> None:
    friday, monday = datetime(2026, 11, 20, 22, tzinfo=UTC), datetime(2026, 11, 22, 22, tzinfo=UTC)
    start, now = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)
    for symbol in ("EUR-USD", "BTC-USD"):
        for interval in ("5m", "1d"):
            given = bars(symbol, interval, start, now)
            await store(database, [one for one in given if not friday <= one.starts_at < monday])
            await _covered(database, symbol, interval, now)
    assert await find_gaps(database, now) == 5
    holes = await database.tuples("SELECT symbol, interval, starts_at, ends_at FROM bar_gap ORDER BY 2, 3")
    midnights = [datetime(2026, 11, day, tzinfo=UTC) for day in (21, 22, 23)]
    assert [row[:3] for row in holes] == [
        ("BTC-USD", "1d", midnights[0]),
        ("BTC-USD", "1d", midnights[1]),
        ("BTC-USD", "5m", friday),
        ("BTC-USD", "5m", midnights[0]),
        ("BTC-USD", "5m", midnights[1]),
    ]
    assert holes[2][3] == midnights[0]
    assert holes[4][3] == monday


async def test_a_hole_inside_the_week_of_a_pair_is_found(database: Database) -> None:
    start, now = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)
    hole = (datetime(2026, 11, 18, 3, tzinfo=UTC), datetime(2026, 11, 18, 6, tzinfo=UTC))
    given = [one for one in bars("EUR-USD", "5m", start, now) if not hole[0] <= one.starts_at < hole[1]]
    await store(database, given)
    await _covered(database, "EUR-USD", "5m", now)
    await find_gaps(database, now)
    assert await database.tuples("SELECT starts_at, ends_at FROM bar_gap") == [hole]
