"""Bars that are joined from stored ones, and indicators over either: on the session's grid, never ahead of now."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import psycopg
import pytest

from starkmatter.db.database import Database
from starkmatter.domain.indicators.catalog import read_asked
from starkmatter.domain.indicators.compute import compute
from starkmatter.domain.quotes import ROLL_UPS
from starkmatter.errors import InvalidInput
from starkmatter.market.history.room import SPANS
from starkmatter.market.indicators import LiveIndicators, columns_of, indicators_json
from starkmatter.market.service import load_bar_columns, load_bars, load_bars_json

FOREVER = datetime(2030, 1, 1, tzinfo=UTC)
SUMMER_OPEN = datetime(2026, 7, 2, 13, 30, tzinfo=UTC)  # 09:30 in New York
HALF_DAY = (datetime(2026, 11, 27, 14, 30, tzinfo=UTC), datetime(2026, 11, 27, 18, 0, tzinfo=UTC))
SESSION = "INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)"
BAR = """
INSERT INTO bar (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, volume, provider, note)
VALUES (%s, 'AAPL', %s, 0, %s, %s, %s, %s, %s, %s, %s, 'test', %s)
"""
FORMING = """
INSERT INTO bar_forming (venue, symbol, interval, starts_at, open, high, low, close, volume, provider)
VALUES ('market', 'AAPL', %s, %s, %s, %s, %s, %s, %s, 'quotes')
ON CONFLICT (venue, symbol, interval) DO UPDATE SET
    starts_at = excluded.starts_at, high = excluded.high, low = excluded.low, close = excluded.close
"""
STEPS = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "1d": timedelta(hours=6, minutes=30)}


class Store:
    """Bars of one symbol, written as a feed would have."""

    def __init__(self, url: str, venue: str = "market") -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.venue = venue

    def session(self, opens_at: datetime, closes_at: datetime) -> None:
        self.connection.execute(SESSION, (opens_at.date(), opens_at, closes_at))

    def put(
        self, interval: str, starts_at: datetime, close: int | str, *, ends_at: datetime | None = None, **more: Any
    ) -> None:
        """A bar that opened at close - 1 and reached two further each way."""
        at = Decimal(close)
        ends_at = ends_at or starts_at + STEPS[interval]
        if f"bar_{self.venue}_{interval}" in SPANS:
            room = (f"bar_market_{interval}", SPANS[f"bar_market_{interval}"], starts_at, starts_at)
            self.connection.execute("SELECT make_room(%s, %s, %s, %s)", room)
        figures = (at - 1, at + 2, at - 3, at, more.get("volume", 100), more.get("note"))
        self.connection.execute(BAR, (self.venue, interval, starts_at, ends_at, *figures))

    def grow(self, interval: str, starts_at: datetime, close: int) -> None:
        self.connection.execute(FORMING, (interval, starts_at, close - 1, close + 2, close - 3, close, 50))


@pytest.fixture
def store(database_url: str) -> Store:
    return Store(database_url)


def days(store: Store, first: date, closes: Sequence[int]) -> None:
    """One bar for each day from `first` that is no Saturday or Sunday."""
    day = first
    for close in closes:
        while day.weekday() > 4:
            day += timedelta(days=1)
        store.put("1d", datetime(day.year, day.month, day.day, 13, 30, tzinfo=UTC), close)
        day += timedelta(days=1)


async def rolled(db: Database, interval: Any, **asked: Any) -> list[tuple[str, str]]:
    bars = await load_bars(db, "market", "AAPL", interval, **({"until": FOREVER} | asked))
    text = await load_bars_json(db, "market", "AAPL", interval, **({"until": FOREVER} | asked))
    columns = await load_bar_columns(db, "market", "AAPL", interval, **({"until": FOREVER} | asked))
    assert [(row["starts_at"], Decimal(row["close"])) for row in orjson.loads(text)] == [
        (f"{bar.starts_at:%Y-%m-%dT%H:%M:%SZ}", bar.close) for bar in bars
    ]
    assert columns.close == [float(bar.close) for bar in bars]
    assert columns.starts_at == [bar.starts_at.timestamp() for bar in bars]
    assert all(bar.interval == interval for bar in bars)
    return [
        (f"{bar.starts_at:%m-%d %H:%M}", f"{bar.open} {bar.high} {bar.low} {bar.close} {bar.volume}") for bar in bars
    ]


async def test_half_hours_begin_with_the_session_and_end_with_it(database: Database, store: Store) -> None:
    store.session(*HALF_DAY)
    opens_at, closes_at = HALF_DAY
    at, close = opens_at, 100
    while at < closes_at:
        store.put("15m", at, close)
        at, close = at + STEPS["15m"], close + 1
    bars = await rolled(database, "30m")
    assert len(bars) == 7
    assert bars[0] == ("11-27 14:30", "99 103 97 101 200")
    assert bars[-1] == ("11-27 17:30", "111 115 109 113 200")


async def test_four_hours_on_a_whole_day_are_four_and_two_and_a_half(database: Database, store: Store) -> None:
    store.session(SUMMER_OPEN, SUMMER_OPEN + timedelta(hours=6, minutes=30))
    for hour in range(7):
        at = SUMMER_OPEN + timedelta(hours=hour)
        store.put("1h", at, 100 + hour, ends_at=min(at + STEPS["1h"], SUMMER_OPEN + timedelta(hours=6.5)))
    assert await rolled(database, "4h") == [
        ("07-02 13:30", "99 105 97 103 400"),
        ("07-02 17:30", "103 108 101 106 300"),
    ]


async def test_a_gap_leaves_the_bar_on_the_grid_and_an_unknown_session_uses_the_days(
    database: Database, store: Store
) -> None:
    store.session(SUMMER_OPEN, SUMMER_OPEN + timedelta(hours=6, minutes=30))
    store.put("15m", SUMMER_OPEN + timedelta(minutes=15), 100)
    store.put("15m", datetime(2026, 7, 4, 10, 45, tzinfo=UTC), 90)
    assert [at for at, _ in await rolled(database, "30m")] == ["07-02 13:30", "07-04 10:30"]


async def test_weeks_begin_on_monday_and_months_on_their_first_session(database: Database, store: Store) -> None:
    days(store, date(2026, 6, 25), range(100, 112))  # a Thursday
    assert await rolled(database, "1w") == [
        ("06-25 13:30", "99 103 97 101 200"),
        ("06-29 13:30", "101 108 99 106 500"),
        ("07-06 13:30", "106 113 104 111 500"),
    ]
    assert await rolled(database, "1mo") == [
        ("06-25 13:30", "99 105 97 103 400"),
        ("07-01 13:30", "103 113 101 111 800"),
    ]


@pytest.mark.parametrize("interval", ["1w", "1mo"])
async def test_any_part_of_a_rolled_series_is_that_part_of_the_whole(
    database: Database, store: Store, interval: str
) -> None:
    days(store, date(2025, 1, 1), range(100, 400))
    whole = await load_bars(database, "market", "AAPL", interval, until=FOREVER)
    for first in range(0, len(whole), 3):
        for after in range(first + 1, len(whole), 4):
            start, end = whole[first].starts_at, whole[after].starts_at
            asked = {"until": FOREVER, "start": start, "end": end}
            assert await load_bars(database, "market", "AAPL", interval, **asked) == whole[first:after]
            two = await load_bars(database, "market", "AAPL", interval, **asked, limit=2)
            assert two == whole[first:after][-2:]
    inside = whole[5].starts_at + timedelta(days=2)
    assert (await load_bars(database, "market", "AAPL", interval, end=inside, until=FOREVER))[-1] == whole[5]


async def test_nothing_of_a_rolled_bar_is_from_after_the_venues_now(database: Database, store: Store) -> None:
    days(store, date(2026, 6, 29), range(100, 105))
    until = datetime(2026, 7, 1, 15, 0, tzinfo=UTC)  # Wednesday, in its session
    assert await rolled(database, "1w", until=until) == [("06-29 13:30", "99 103 97 101 200")]
    store.grow("1d", datetime(2026, 7, 1, 13, 30, tzinfo=UTC), 110)
    assert await rolled(database, "1w", until=until) == [("06-29 13:30", "99 112 97 110 250")]


async def test_a_bar_without_a_volume_leaves_the_longer_one_without_and_a_note_stays(
    database: Database, store: Store
) -> None:
    store.put("1d", datetime(2026, 6, 29, 13, 30, tzinfo=UTC), 100, volume=None)
    store.put("1d", datetime(2026, 6, 30, 13, 30, tzinfo=UTC), 101, note="from_quotes")
    (week,) = await load_bars(database, "market", "AAPL", "1w", until=FOREVER)
    assert (week.volume, week.note) == (None, "from_quotes")


async def test_every_rolled_interval_is_made_of_bars_no_longer_than_it_says() -> None:
    for rolled_up in ROLL_UPS.values():
        assert rolled_up.parts * timedelta(minutes=15) <= rolled_up.span or rolled_up.base != "15m"
    assert set(ROLL_UPS) == {"30m", "4h", "1w", "1mo"}


async def test_indicators_are_the_whole_series_cut_where_the_bars_are(database: Database, store: Store) -> None:
    days(store, date(2025, 1, 1), [100 + i % 17 for i in range(200)])
    asked = read_asked("sma:20,macd,rsi:14")
    bars = await load_bar_columns(database, "market", "AAPL", "1d", until=FOREVER)
    end = datetime.fromtimestamp(bars.starts_at[150], UTC)
    body = orjson.loads(await indicators_json(database, "market", "AAPL", "1d", asked, None, end, 30, until=FOREVER))
    same = await load_bars(database, "market", "AAPL", "1d", None, end, 30, until=FOREVER)
    assert body["starts_at"] == [f"{bar.starts_at:%Y-%m-%dT%H:%M:%SZ}" for bar in same]
    assert [one["name"] for one in body["items"]] == ["sma:20", "macd:12:26:9", "rsi:14"]
    assert (body["items"][0]["pane"], body["items"][1]["pane"]) == ("price", "own")
    whole = compute("macd", None, columns_of(bars))
    signal = body["items"][1]["lines"][1]
    assert signal["id"] == "signal"
    np.testing.assert_allclose(signal["values"], whole["signal"][120:150], rtol=1e-9)
    assert all(len(f"{abs(value):.10g}") >= len(repr(abs(value))) - 4 for value in signal["values"])
    early = orjson.loads(
        await indicators_json(database, "market", "AAPL", "1d", asked, None, None, 5_000, until=FOREVER)
    )
    assert early["items"][0]["lines"][0]["values"][:20] == [*[None] * 19, pytest.approx(np.mean(bars.close[:20]))]


async def test_live_values_are_those_of_the_whole_series_while_bars_grow_finish_and_are_corrected(
    database: Database, store: Store
) -> None:
    store.session(SUMMER_OPEN, SUMMER_OPEN + timedelta(hours=6, minutes=30))
    asked = read_asked("ema:5,willr:5,obv,vwap")
    live = LiveIndicators()

    async def both() -> None:
        now = await live.newest_json(database, "market", "AAPL", "15m", asked, until=FOREVER)
        assert now == await indicators_json(database, "market", "AAPL", "15m", asked, limit=2, until=FOREVER)

    await both()
    for i in range(12):
        at = SUMMER_OPEN + i * STEPS["15m"]
        for close in (100 + i, 103 + i % 3):
            store.grow("15m", at, close)
            await both()
        store.put("15m", at, 101 + i)
        await both()
    assert len(live._followed) == 1
    store.connection.execute("UPDATE bar SET close = close + 1 WHERE starts_at = %s", (at - STEPS["15m"],))
    await both()
    store.connection.execute("DELETE FROM bar WHERE starts_at >= %s", (at - 3 * STEPS["15m"],))
    await both()


async def test_an_unknown_interval_is_refused(database: Database) -> None:
    with pytest.raises(InvalidInput, match="30m"):
        await load_bars(database, "market", "AAPL", "2w", until=FOREVER)
