"""The screener over the replay's stored universe and a small market: exact figures, nothing of the future, no numpy in
the web process."""

import asyncio
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
import talib
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.indicators.compute import run
from starkmatter.domain.indicators.many import newest_two
from starkmatter.domain.screening import FieldRef, parse_figure, parse_screen
from starkmatter.errors import InvalidInput, Unavailable
from starkmatter.market.screener import desk as desk_module
from starkmatter.market.screener.desk import ScreenDesk
from starkmatter.market.screener.evaluate import Figures, overview, run_screen
from starkmatter.market.screener.indicators import OF_DAYS
from starkmatter.market.screener.service import overview_of, screen_venue
from starkmatter.market.screener.universe import SPARE, Universe
from starkmatter.market.service import load_bars
from starkmatter.market.watchlists.records import MAX_SYMBOLS

NOW = datetime(2021, 3, 1, 22, 0, tzinfo=UTC)
SESSION = "INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)"
LIST = """
INSERT INTO instrument (venue, symbol, name, kind, exchange, currency, tick_size, lot_size, sector, data_quality,
                        data_note, source, tradable)
VALUES ('market', %s, %s, %s, 'XNYS', 'USD', 0.01, 1, %s, 'ohlcv', '', 'test', true)
"""
BAR = """
INSERT INTO bar (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, volume, provider)
VALUES ('market', %s, '1d', 0, %s, %s, %s, %s, %s, %s, %s, 'test')
"""
GROWING = """
INSERT INTO bar_forming (venue, symbol, interval, starts_at, open, high, low, close, volume, provider)
VALUES ('market', %s, '1d', %s, %s, %s, %s, %s, %s, 'test')
"""
FETCHED = "INSERT INTO bar_coverage (symbol, interval, fetched_at, until_at, provider) VALUES ('UP', '1d', %s, %s, 't')"


def opens(day: int) -> datetime:
    """The open of a session of a made-up market: every day, from March 2024 on."""
    return datetime(2024, 3, 1, 14, 30, tzinfo=UTC) + timedelta(days=day)


async def put_bar(db: Database, symbol: str, day: int, close: float, volume: float | None = 1000) -> None:
    at = opens(day)
    await db.run(BAR, (symbol, at, at + timedelta(hours=6.5), close, close + 1, close - 1, close, volume))


async def make_small(db: Database) -> None:
    """UP rises by one a day, DOWN falls, OLD ends ten days before, FLAT has one day, NONE has none."""
    for symbol, kind, sector in (
        ("UP", "equity", "Energy"),
        ("DOWN", "equity", "Utilities"),
        ("OLD", "etf", ""),
        ("FLAT", "equity", "Energy"),
        ("NONE", "equity", "Energy"),
    ):
        await db.run(LIST, (symbol, symbol.title(), kind, sector))
    for day in range(40):
        await put_bar(db, "UP", day, 100 + day, 1000 + day)
        await put_bar(db, "DOWN", day, 200 - day, None)
        if day < 30:
            await put_bar(db, "OLD", day, 50)
    await put_bar(db, "FLAT", 39, 10)


def figures_at(universe: Universe, symbol: str, text: str) -> tuple[float, float]:
    before, now = Figures(universe).of(parse_figure(text))[:, universe.row[symbol]]
    return before, now


async def test_fields_are_what_the_days_say(database: Database) -> None:
    await make_small(database)
    universe = Universe(database, "market")
    await universe.refresh(opens(39) + timedelta(hours=8), None)
    assert figures_at(universe, "UP", "price") == (138.0, 139.0)
    assert figures_at(universe, "UP", "change_pct")[1] == pytest.approx((139 / 138 - 1) * 100)
    assert figures_at(universe, "UP", "momentum_1m_pct")[1] == pytest.approx((139 / 118 - 1) * 100)
    assert figures_at(universe, "UP", "range_pct")[1] == pytest.approx(2 / 138 * 100)
    assert figures_at(universe, "UP", "relative_volume")[1] == pytest.approx(1039 / np.mean(range(1019, 1039)))
    assert figures_at(universe, "UP", "from_high_pct")[1] == pytest.approx((139 / 140 - 1) * 100)
    closes = np.log([119.0 + day for day in range(21)])
    assert figures_at(universe, "UP", "volatility_pct")[1] == pytest.approx(
        np.std(np.diff(closes), ddof=1) * 252**0.5 * 100
    )
    assert np.isnan(figures_at(universe, "DOWN", "relative_volume")[1])
    assert np.isnan(figures_at(universe, "FLAT", "change_pct")[1])
    assert np.isnan(figures_at(universe, "NONE", "price")[1])
    assert np.isnan(figures_at(universe, "UP", "momentum_1y_pct")[1])


async def test_indicators_are_those_of_the_catalogue(database: Database) -> None:
    await make_small(database)
    universe = Universe(database, "market")
    await universe.refresh(opens(39) + timedelta(hours=8), None)
    closes = np.array([200.0 - day for day in range(40)])
    line, signal, _ = talib.MACD(closes, 12, 26, 9)
    assert figures_at(universe, "DOWN", "macd(12, 26, 9)") == (line[-2], line[-1])
    assert figures_at(universe, "DOWN", "macd(12,26,9).signal") == (signal[-2], signal[-1])
    assert figures_at(universe, "UP", "obv")[1] == pytest.approx(1000 + sum(1000 + day for day in range(1, 40)))
    assert np.isnan(figures_at(universe, "FLAT", "rsi(14)")).all()
    for text, why in (("no_such(3)", "no indicator"), ("rsi(14,3)", "takes 1"), ("rsi(14).signal", "has no")):
        with pytest.raises(InvalidInput, match=why):
            Figures(universe).of(parse_figure(text))


async def test_conditions_select_and_missing_values_never_fit(database: Database) -> None:
    await make_small(database)
    universe = Universe(database, "market")
    await universe.refresh(opens(39) + timedelta(hours=8), None)

    def found(*conditions: tuple[str, str, str], **more: object) -> list[str]:
        raw = {"conditions": [dict(zip(("left", "op", "right"), one, strict=True)) for one in conditions], **more}
        return [row["symbol"] for row in run_screen(Figures(universe), parse_screen(raw), 100)["rows"]]

    assert found() == ["UP", "OLD", "DOWN", "FLAT"]
    assert found(descending=False) == ["DOWN", "OLD", "UP", "FLAT"]
    assert found(("price", "above", "sma(20)")) == ["UP"]
    assert found(("price", "below", "sma(20)")) == ["DOWN"]
    assert found(("rsi(14)", "below", "30"), ("price", "above", "100")) == ["DOWN"]
    assert found(("volume", "above", "0")) == ["UP", "OLD", "FLAT"]
    assert found(kinds=["etf"]) == ["OLD"]
    assert found(sectors=["Energy"], sort="price") == ["UP", "FLAT"]
    stale = {row["symbol"]: row["stale"] for row in run_screen(Figures(universe), parse_screen({}), 9)["rows"]}
    assert stale == {"UP": False, "OLD": True, "DOWN": False, "FLAT": False}


async def test_a_cross_is_one_between_two_sessions(database: Database) -> None:
    await make_small(database)
    await put_bar(database, "DOWN", 40, 300)
    universe = Universe(database, "market")
    screen = parse_screen({"conditions": [{"left": "price", "op": "crosses_above", "right": "sma(10)"}]})
    await universe.refresh(opens(40) + timedelta(hours=8), None)
    assert [row["symbol"] for row in run_screen(Figures(universe), screen, 9)["rows"]] == ["DOWN"]
    await put_bar(database, "DOWN", 41, 310)
    await universe.refresh(opens(41) + timedelta(hours=8), None)
    assert run_screen(Figures(universe), screen, 9)["rows"] == []


async def test_the_growing_day_counts_and_gives_way_to_the_finished_one(database: Database) -> None:
    await make_small(database)
    await database.run(GROWING, ("UP", opens(40), 140, 160, 139, 150, 7))
    universe = Universe(database, "market")
    await universe.refresh(opens(40) - timedelta(minutes=1), None)
    assert figures_at(universe, "UP", "price") == (138.0, 139.0)
    await universe.refresh(opens(40) + timedelta(hours=1), None)
    assert figures_at(universe, "UP", "price") == (139.0, 150.0)
    await database.run("UPDATE bar_forming SET close = 151")
    await universe.refresh(opens(40) + timedelta(hours=2), None)
    assert figures_at(universe, "UP", "price") == (139.0, 151.0)
    await put_bar(database, "UP", 40, 155)
    await universe.refresh(opens(40) + timedelta(hours=7), None)
    assert figures_at(universe, "UP", "price") == (139.0, 155.0)
    assert figures_at(universe, "UP", "sessions")[1] == 41


async def test_corrections_and_new_symbols_are_read(database: Database) -> None:
    await make_small(database)
    universe = Universe(database, "market")
    at = opens(39) + timedelta(hours=8)
    await universe.refresh(at, None)
    await database.run("UPDATE bar SET close = close / 2, open = open / 2 WHERE symbol = 'UP'")
    await database.run(FETCHED, (at, at))
    await database.run(LIST, ("AAA", "New", "equity", ""))
    await put_bar(database, "AAA", 39, 5)
    await universe.refresh(at + timedelta(minutes=1), None)
    assert figures_at(universe, "UP", "price") == (69.0, 69.5)
    assert figures_at(universe, "AAA", "price")[1] == 5.0


async def test_rows_that_are_full_go_on(database: Database) -> None:
    await make_small(database)
    universe = Universe(database, "market")
    await universe.refresh(opens(39) + timedelta(hours=8), None)
    for day in range(40, 40 + 2 * SPARE):
        await put_bar(database, "UP", day, 100 + day)
        await universe.refresh(opens(day) + timedelta(hours=8), None)
    assert figures_at(universe, "UP", "price") == (138.0 + 2 * SPARE, 139.0 + 2 * SPARE)
    assert figures_at(universe, "UP", "sma(100)")[1] == pytest.approx(139 + 2 * SPARE - 49.5)


async def test_nothing_of_the_replays_future_is_in_a_figure(market_db: Database) -> None:
    """As of a session of 2021 every figure is what it is when the days after it do not exist."""
    universe = Universe(market_db, "replay")
    await universe.refresh(NOW, 1)
    bars = await load_bars(market_db, "replay", "AAPL", "1d", limit=universe.width, until=NOW)
    closes = np.array([float(bar.close) for bar in bars])
    assert figures_at(universe, "AAPL", "price") == (closes[-2], closes[-1])
    assert figures_at(universe, "AAPL", "rsi(14)")[1] == pytest.approx(talib.RSI(closes, 14)[-1], rel=1e-12)
    assert int(universe.newest_days().max()) == (date(2021, 3, 1) - date(1970, 1, 1)).days
    later, earlier = Universe(market_db, "replay"), Universe(market_db, "replay")
    await later.refresh(NOW + timedelta(days=9), 1)
    await later.refresh(NOW, 2)
    await earlier.refresh(NOW - timedelta(days=9), 1)
    await earlier.refresh(NOW, 1)
    screen = parse_screen({"columns": ["price", "rsi(14)", "sma(200)", "momentum_1y_pct"], "sort": "price"})
    expected = run_screen(Figures(universe), screen, 100)
    assert expected["count"] == 26
    assert run_screen(Figures(later), screen, 100) == expected
    assert run_screen(Figures(earlier), screen, 100) == expected


async def test_the_map_has_tiles_of_the_newest_session_alone(database: Database) -> None:
    await make_small(database)
    universe = Universe(database, "market")
    await universe.refresh(opens(39) + timedelta(hours=8), None)
    found = overview(Figures(universe))
    assert (found["symbols"], found["current"]) == (5, 2)
    assert [row["symbol"] for row in found["tiles"]] == ["UP", "DOWN"]
    assert [row["symbol"] for row in found["gainers"]] == ["UP"]
    assert [row["symbol"] for row in found["losers"]] == ["DOWN"]
    assert [row["symbol"] for row in found["active"]] == ["UP"]
    assert found["tiles"][0]["traded_value"] is not None
    assert found["tiles"][1]["traded_value"] is None


async def test_the_web_process_asks_and_the_desk_answers(
    database: Database, cache: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_small(database)
    for day in range(60):
        at = opens(day)
        await database.run(SESSION, (at.date(), at, at + timedelta(hours=6.5)))
    at = opens(39) + timedelta(hours=8)
    monkeypatch.setattr(desk_module, "utc_now", lambda: at)
    stop = asyncio.Event()
    serving = asyncio.create_task(ScreenDesk(database, cache).run(stop))
    try:
        await asyncio.sleep(0.2)
        found = await screen_venue(cache, "market", parse_screen({"sort": "price", "columns": ["price"]}), 2)
        assert [row["symbol"] for row in found["rows"]] == ["DOWN", "UP"]
        assert found["rows"][0]["values"] == ["161"]
        assert (found["count"], found["symbols"]) == (4, 4)
        assert (await overview_of(cache, "market"))["tiles"][0]["symbol"] == "UP"
        with pytest.raises(InvalidInput, match="no indicator"):
            await screen_venue(cache, "market", parse_screen({"columns": ["nothing(1)"]}))
    finally:
        stop.set()
        await serving
    with pytest.raises(Unavailable):
        await screen_venue(cache, "market", parse_screen({}))


def test_asking_loads_no_numbers() -> None:
    """What the web process imports for the screener brings neither numpy nor TA-Lib."""
    code = (
        "import sys; import starkmatter.market.screener.service, starkmatter.api.routes.markets;"
        " print(sorted({'numpy', 'talib', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_screen_is_read_strictly() -> None:
    for raw, why in (
        ({"conditions": [{"left": "price", "op": "near", "right": "3"}]}, "one of"),
        ({"conditions": [{"left": "price", "op": "above"}]}, "left, op and right"),
        ({"conditions": [{"left": "change_pct", "op": "crosses_above", "right": "0"}]}, "former value"),
        ({"conditions": [{"left": "price", "op": "above", "right": "; DROP"}]}, "no figure"),
        ({"columns": ["price"] * 11}, "10 at most"),
        ({"sort": 3}, "sort"),
        ({"secret": 1}, "has no"),
        ({"columns": ["rsi(1e400)"]}, "no"),
    ):
        with pytest.raises(InvalidInput, match=why):
            parse_screen(raw)
    assert parse_figure("  MACD( 12,26 ,9).signal ").text == "macd(12,26,9).signal"
    assert parse_screen({}).sort == FieldRef("change_pct")
    assert parse_screen({"conditions": [{"left": "price", "op": "above", "right": "−1,000.5"}]}).conditions[
        0
    ].right == Decimal("-1000.5")
    assert MAX_SYMBOLS == 200


async def test_every_indicator_of_days_gives_what_it_gives_for_one_series(database: Database) -> None:
    """All series at once against each by itself, for the whole catalogue."""
    await make_small(database)
    universe = Universe(database, "market")
    await universe.refresh(opens(39) + timedelta(hours=8), None)
    for indicator in OF_DAYS.values():
        settled = indicator.settle()
        lines = newest_two(indicator, settled, universe.columns, universe.starts, universe.ends)
        for symbol in ("UP", "OLD", "FLAT"):
            row = universe.row[symbol]
            span = slice(universe.starts[row], universe.ends[row])
            alone = run(indicator, settled, {name: matrix[row, span] for name, matrix in universe.columns.items()})
            for name, values in alone.items():
                np.testing.assert_array_equal(lines[name][:, row][-len(values[-2:]) :], values[-2:], err_msg=name)


async def test_pairs_and_coins_are_neither_screened_nor_on_the_map(database: Database) -> None:
    """Nor does a coin's growing day, which no weekend ends, make all shares look old or count as a change."""
    await make_small(database)
    await database.run(LIST, ("BTC-USD", "Bitcoin / US dollar", "crypto", ""))
    await put_bar(database, "BTC-USD", 41, 64_000)
    universe = Universe(database, "market")
    until = opens(39) + timedelta(days=5)
    await universe.refresh(until, None)
    assert set(universe.row) == {"UP", "DOWN", "OLD", "FLAT", "NONE"}
    before = universe.generation
    await database.run(GROWING, ("BTC-USD", opens(43), 1, 1, 1, 1, 1))
    await universe.refresh(until, None)
    assert universe.generation == before
    assert {tile["symbol"] for tile in overview(Figures(universe))["tiles"]} == {"UP", "DOWN"}
