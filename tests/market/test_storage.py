"""Where the market's bars and ticks lie: room in partitions, corrections, what is kept how long, and holes."""

import argparse
import asyncio
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from starkmatter.db.database import Database
from starkmatter.db.migrate import alembic_config
from starkmatter.domain.quotes import Bar, Interval, Quote
from starkmatter.domain.sessions import Session, SessionCalendar
from starkmatter.errors import InvalidInput, Unavailable
from starkmatter.market.failover import Failover, NoSource
from starkmatter.market.history.bars import BarTuple, merge_bars
from starkmatter.market.history.gaps import TRIES, find_gaps, repair_gaps
from starkmatter.market.history.market_bars import KEPT, BarStore, on_grid
from starkmatter.market.history.room import SPANS, has_partitions
from starkmatter.market.history.ticks import TickStore, load_ticks

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
FIRST_DAY = datetime(2026, 11, 2, 14, 30, tzinfo=UTC)
HOURS = timedelta(hours=6, minutes=30)
LONG_AGO = FIRST_DAY - timedelta(days=120)


def sessions(count: int = 15) -> list[Session]:
    """Weekdays from FIRST_DAY on, each from 14:30 to 21:00."""
    days = (FIRST_DAY + timedelta(days=number) for number in range(2 * count))
    return [Session(day.date(), day, day + HOURS) for day in days if day.weekday() < 5][:count]


def bar(at: datetime, interval: Interval = "1m", close: str = "10.5", symbol: str = "AAPL") -> Bar:
    price = Decimal(close)
    return Bar(symbol, interval, at, price, price + 1, price - 1, price, Decimal(100), "yahoo")


def rows(bars: Sequence[Bar]) -> list[BarTuple]:
    calendar = SessionCalendar([*(Session(at.date(), at, at + HOURS) for at in [LONG_AGO]), *sessions(60)])
    intervals = dict.fromkeys(one.interval for one in bars)
    return [
        placed.row
        for interval in intervals
        for placed in on_grid([one for one in bars if one.interval == interval], calendar)
    ]


async def count(db: Database, table: str) -> int:
    return int(await db.value(f"SELECT count(*) FROM {table}"))  # type: ignore[arg-type]


async def partitions(db: Database, parent: str) -> list[str]:
    asked = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1"
    return [name for (name,) in await db.tuples(asked, (parent,))]


async def test_bars_inside_a_day_find_the_month_they_belong_to(database: Database) -> None:
    days = sessions(60)
    await merge_bars(database, rows([bar(one.opens_at) for one in days]))
    assert await partitions(database, "bar_market_1m") == [
        "bar_market_1m_202611",
        "bar_market_1m_202612",
        "bar_market_1m_202701",
    ]
    assert await count(database, "bar_market_1m_202612") == len([1 for one in days if one.opens_at.month == 12])
    assert await count(database, "bar") == 60


async def test_days_of_the_market_and_all_of_the_replay_lie_in_one_piece(database: Database) -> None:
    day = rows([bar(FIRST_DAY, "1d")])
    await merge_bars(database, [*day, ("replay", *day[0][1:2], "1m", 7, *day[0][4:])])
    assert await count(database, "bar_market_1d") == await count(database, "bar_replay") == 1


@pytest.mark.parametrize("size", [40, 400])
async def test_a_correction_replaces_and_what_quotes_made_does_not(database: Database, size: int) -> None:
    """However many come at once: a new history goes straight in, whatever meets stored bars is merged."""
    instants = [FIRST_DAY + timedelta(minutes=number) for number in range(size)]
    await merge_bars(database, rows([bar(at) for at in instants]))
    stored = len(instants[: 6 * 60 + 30])
    assert await count(database, "bar") == stored
    await merge_bars(database, rows([bar(at, close="11") for at in instants]), replace=False)
    assert await database.value("SELECT max(close) FROM bar") == Decimal("10.5")
    await merge_bars(database, rows([bar(at, close="12") for at in instants]))
    assert await database.value("SELECT min(close) FROM bar") == Decimal(12)
    assert await count(database, "bar") == stored


async def test_two_histories_at_once_are_stored_once(database: Database) -> None:
    history = rows([bar(FIRST_DAY + timedelta(minutes=number)) for number in range(300)])
    await asyncio.gather(*(merge_bars(database, history) for _ in range(3)))
    assert await count(database, "bar") == 300


async def test_old_months_go_as_a_whole_and_days_stay(database: Database) -> None:
    placed = rows([bar(LONG_AGO), bar(LONG_AGO, "1d"), bar(FIRST_DAY)])
    await merge_bars(database, placed)
    assert await BarStore(database).prune(NOW) == 4, "and the room for what was made of it, which is as old"
    assert await partitions(database, "bar_market_1m") == ["bar_market_1m_202610", "bar_market_1m_202611"]
    assert await count(database, "bar_market_1d") == 1
    await merge_bars(database, placed)
    assert await count(database, "bar") == 3, "room is made again when it is needed again"


async def test_what_goes_with_its_month_stays_in_longer_bars(database: Database) -> None:
    """Five-minute bars of minutes, quarters of those; a bar of a source stays, and so does a month that is kept."""
    held = "INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)"
    old = datetime(2026, 9, 21, 13, 30, tzinfo=UTC)
    for opens_at in (old, FIRST_DAY):
        await database.run(held, (opens_at.date(), opens_at, opens_at + HOURS))
    calendar = SessionCalendar([Session(one.date(), one, one + HOURS) for one in (old, FIRST_DAY)])
    minutes = [bar(at + timedelta(minutes=n), close=str(10 + n)) for at in (old, FIRST_DAY) for n in range(8)]
    last = [bar(old + timedelta(hours=6, minutes=number), close="50") for number in (0, 29)]
    of_source = bar(old + timedelta(minutes=5), "5m", "99")
    placed = [*on_grid([*minutes, *last], calendar), *on_grid([of_source], calendar)]
    await merge_bars(database, [one.row for one in placed])
    await BarStore(database).prune(NOW)
    asked = """SELECT starts_at, ends_at, open, high, low, close, volume FROM bar
                WHERE interval = '5m' AND starts_at < '2026-10-01' ORDER BY starts_at"""
    made = await database.tuples(asked)
    figures = [tuple(map(int, row[2:])) for row in made]
    assert figures == [(10, 15, 9, 14, 500), (99, 100, 98, 99, 100), (50, 51, 49, 50, 100), (50, 51, 49, 50, 100)]
    assert [row[1] - row[0] for row in made] == [timedelta(minutes=5)] * 4
    assert await database.value("SELECT count(*) FROM bar WHERE interval = '5m' AND starts_at > '2026-10-01'") == 0
    assert await database.value("SELECT count(*) FROM bar WHERE interval = '1m' AND starts_at < '2026-10-01'") == 0
    await BarStore(database).prune(NOW + timedelta(days=60))
    asked = "SELECT ends_at - starts_at, open, close, volume FROM bar WHERE interval = '15m' ORDER BY starts_at"
    first, *_ = await database.tuples(asked)
    assert (first[0], *map(int, first[1:])) == (timedelta(minutes=15), 10, 99, 600)


def test_what_is_kept_fits_the_room_it_is_kept_in() -> None:
    assert {f"bar_market_{interval}" for interval in KEPT} == set(SPANS) - {"tick"}


def quote(at: datetime, last: str, symbol: str = "AAPL") -> Quote:
    return Quote(symbol, None, None, Decimal(last), None, None, Decimal(5), at, at + timedelta(seconds=1), "yahoo")


async def test_ticks_are_kept_when_something_changed_and_read_in_order(database: Database) -> None:
    ticks = TickStore(database)
    for number, last in enumerate(["10", "10", "11", "10.50"]):
        ticks.take({"AAPL": quote(NOW + timedelta(seconds=number), last)})
    await ticks.store()
    await ticks.store()
    found = await load_ticks(database, "AAPL", NOW, NOW + timedelta(minutes=1))
    assert [(one.last, one.at) for one in found] == [
        (Decimal(10), NOW),
        (Decimal(11), NOW + timedelta(seconds=2)),
        (Decimal("10.50"), NOW + timedelta(seconds=3)),
    ]
    assert [one.last for one in await load_ticks(database, "AAPL", NOW, NOW + timedelta(minutes=1), 1)] == [
        Decimal("10.50")
    ]
    assert await load_ticks(database, "MSFT", NOW, NOW + timedelta(minutes=1)) == []
    with pytest.raises(InvalidInput, match="with a time zone"):
        await load_ticks(database, "AAPL", NOW.replace(tzinfo=None), NOW)


async def test_ticks_of_a_dead_database_wait_and_old_days_go(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = TickStore(database)
    ticks.take({"AAPL": quote(NOW - timedelta(days=9), "9"), "MSFT": quote(NOW, "10", "MSFT")})

    async def dead(*_: object) -> int:
        raise Unavailable("The database does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(database, "run", dead)
        with pytest.raises(Unavailable):
            await ticks.store()
    await ticks.store()
    assert await count(database, "tick") == 2
    await ticks.prune(NOW)
    assert await count(database, "tick") == 1
    assert "tick_20261114" not in await partitions(database, "tick")


class Source:
    """Gives the bars it has."""

    def __init__(self, bars: Sequence[Bar]) -> None:
        self.bars_there = list(bars)
        self.asked: list[tuple[str, datetime, datetime]] = []

    async def bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        self.asked.append((interval, start, end))
        return [one for one in self.bars_there if one.interval == interval and start <= one.starts_at < end]


@pytest.fixture
async def covered(database: Database) -> list[Bar]:
    """Sessions in the calendar, and a symbol whose days and minutes were fetched up to now; what there was."""
    calendar = sessions()
    for one in calendar:
        await database.run(
            "INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)",
            (one.session_on, one.opens_at, one.closes_at),
        )
    bars = [bar(one.opens_at, "1d") for one in calendar]
    bars += [bar(one.opens_at + timedelta(minutes=n), "5m") for one in calendar for n in range(0, 390, 5)]
    for interval in ("1d", "5m"):
        await database.run(
            "INSERT INTO bar_coverage (symbol, interval, fetched_at, until_at, provider)"
            " VALUES ('AAPL', %s, %s, %s, 'yahoo')",
            (interval, NOW, calendar[-1].closes_at),
        )
    return bars


def failover(source: Source) -> Failover:
    found = Failover([])
    found.bars = source.bars  # type: ignore[method-assign]
    return found


async def test_whole_sessions_and_long_holes_are_found_and_filled(database: Database, covered: list[Bar]) -> None:
    third, fifth = sessions()[2], sessions()[4]
    kept = [
        one
        for one in covered
        if not (one.interval == "1d" and one.starts_at == third.opens_at)
        and not (one.interval == "5m" and third.opens_at <= one.starts_at < third.closes_at)
        and not (
            one.interval == "5m"
            and fifth.opens_at + timedelta(hours=1) <= one.starts_at < fifth.opens_at + timedelta(hours=3)
        )
    ]
    await merge_bars(database, rows(kept))
    assert await find_gaps(database, NOW) == 3
    holes = await database.tuples("SELECT interval, starts_at, ends_at FROM bar_gap ORDER BY interval, starts_at")
    assert holes == [
        ("1d", third.opens_at, third.closes_at),
        ("5m", third.opens_at, third.closes_at),
        ("5m", fifth.opens_at + timedelta(hours=1), fifth.opens_at + timedelta(hours=3)),
    ]
    source = Source(covered)
    said = await repair_gaps(database, BarStore(database), failover(source), NOW)
    assert said == "3 holes found, 3 asked for again, 0 left"
    assert await count(database, "bar") == len(covered)
    assert await repair_gaps(database, BarStore(database), failover(source), NOW) == "no holes"
    assert len(source.asked) == 3


async def test_a_hole_that_nobody_fills_is_given_up_and_a_dead_source_is_no_try(
    database: Database, covered: list[Bar]
) -> None:
    third = sessions()[2]
    await merge_bars(
        database, rows([one for one in covered if one.interval == "1d" and one.starts_at != third.opens_at])
    )
    await database.run("DELETE FROM bar_coverage WHERE interval = '5m'")
    source = Source([])

    async def nobody(*_: object) -> list[Bar]:
        raise NoSource("nobody")

    dead = failover(source)
    dead.bars = nobody  # type: ignore[method-assign]
    assert (await repair_gaps(database, BarStore(database), dead, NOW)).endswith("0 asked for again, 1 left")
    now = NOW
    for _ in range(TRIES + 2):
        now += timedelta(hours=7)
        await repair_gaps(database, BarStore(database), failover(source), now)
    assert len(source.asked) == TRIES
    assert await count(database, "bar_gap") == 1


def statements(timescale: str) -> str:
    """What the migration would run."""
    config = alembic_config()
    config.cmd_opts = argparse.Namespace(x=[f"timescale={timescale}"])
    config.output_buffer = io.StringIO()
    before = ScriptDirectory.from_config(config).get_revision("0021_history").down_revision
    command.upgrade(config, f"{before}:0021_history", sql=True)
    return config.output_buffer.getvalue()


def test_with_timescale_the_tables_are_hypertables_that_are_compressed() -> None:
    said = statements("on")
    for table in ("bar", "tick"):
        assert f"SELECT create_hypertable('{table}'" in said
        assert f"ALTER TABLE {table} SET (timescaledb.compress" in said
        assert f"SELECT add_compression_policy('{table}'" in said
    assert "PARTITION BY" not in said
    plain = statements("off")
    assert "hypertable" not in plain
    assert "PARTITION BY RANGE" in plain


async def test_this_database_has_native_partitions(database: Database) -> None:
    assert await has_partitions(database)
