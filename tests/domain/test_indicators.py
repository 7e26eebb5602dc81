"""Indicators: a catalogue that holds together, values as defined, and live bars that give what history gives."""

import csv
import gzip
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from starkmatter.domain.indicators.catalog import CATALOG, GROUPS, read_asked
from starkmatter.domain.indicators.compute import compute
from starkmatter.domain.indicators.live import GrowingSeries, LiveIndicator
from starkmatter.errors import InvalidInput
from starkmatter.version import PACKAGE_DIR, ROOT_DIR

Series = dict[str, NDArray[np.float64]]
COLUMNS = ("open", "high", "low", "close", "volume")
BARS, LIVE = 420, 8


def walk(seed: int, bars: int = BARS, *, jump: float = 0.02, flat: bool = False) -> Series:
    """A random walk with ranges and volume; `flat` stretches stand still, which divides by zero in many formulas."""
    random = np.random.default_rng(seed)
    steps = random.normal(0, jump, bars)
    if flat:
        steps[bars // 3 : bars // 2] = 0
    close = np.round(100 * np.exp(np.cumsum(steps)), 2)
    opens = np.round(close * (1 + random.normal(0, jump / 4, bars)), 2)
    if flat:
        opens[bars // 3 : bars // 2] = close[bars // 3 : bars // 2]
    spread = np.zeros(bars) if flat else np.abs(random.normal(0, jump / 2, bars))
    high = np.round(np.maximum(opens, close) * (1 + spread), 2)
    low = np.round(np.minimum(opens, close) * (1 - spread), 2)
    volume = np.floor(random.lognormal(12, 1, bars))
    session = np.arange(bars) // 78 * 1.0
    return dict(zip((*COLUMNS, "session"), (opens, high, low, close, volume, session), strict=True))


@cache
def real_days(symbol: str) -> Series:
    """The newest days of a stock that the replay market has."""
    with gzip.open(PACKAGE_DIR / "data" / "us_daily.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    rows = [row for row in rows if row["symbol"] == symbol][-BARS:]
    return {name: np.array([float(row[name]) for row in rows]) for name in COLUMNS}


SERIES = {
    "random": walk(1),
    "wild": walk(2, jump=0.2),
    "standing": walk(3, flat=True),
    "tiny": {name: column * (1e-6 if name in COLUMNS[:4] else 1) for name, column in walk(4).items()},
}


def head(series: Series, bars: int) -> Series:
    return {name: column[:bars] for name, column in series.items()}


def some(number: int) -> list[str]:
    """Of the made-up series each in its turn: every one is tried, by a quarter of the indicators."""
    return [list(SERIES)[number % len(SERIES)]]


@pytest.mark.parametrize(
    ("name", "made_up"),
    [
        *((name, some(number)) for number, name in enumerate(CATALOG)),
        *(pytest.param(name, list(SERIES), marks=pytest.mark.nightly) for name in CATALOG),
    ],
)
def test_live_bars_give_to_the_last_bit_what_the_whole_series_gives(name: str, made_up: list[str]) -> None:
    for kind, series in ({kind: SERIES[kind] for kind in made_up} | {"real": real_days("AAPL")}).items():
        whole, start = compute(name, None, series), BARS - LIVE
        growing = GrowingSeries(head(series, start))
        live = LiveIndicator(name, None, growing)
        live.newest()
        for i in range(start, BARS):
            bar = {column: float(values[i]) for column, values in series.items()}
            growing.append(bar | {"close": bar["open"], "high": bar["open"], "low": bar["open"], "volume": 1.0})
            live.newest()
            growing.replace(bar)
            so_far = compute(name, None, head(series, i + 1))
            for line, (before, value) in live.newest(2).items():
                told = np.array([value, so_far[line][-1], whole[line][i]])
                assert np.array_equal(before, whole[line][i - 1], equal_nan=True)
                same = np.isnan(told).all() or (told == told[0]).all()
                assert same, f"{kind}: {line} of bar {i} is {told}"


def test_the_catalogue_holds_together() -> None:
    assert len(CATALOG) >= 100
    assert len(GROUPS) >= 8
    for name, one in CATALOG.items():
        assert name == one.name
        assert len({line.id for line in one.lines}) == len(one.lines)
        assert all(part.least <= part.default <= part.most for part in one.parameters)
        lines = compute(name, None, SERIES["random"])
        assert list(lines) == [line.id for line in one.lines]
        for values in lines.values():
            assert values.dtype == np.float64
            assert len(values) == BARS
        assert not all(np.isnan(values[-1]) for values in lines.values()), f"{name} has no value after {BARS} bars"


@pytest.mark.parametrize("name", CATALOG)
def test_a_series_that_is_too_short_or_empty_has_no_values_and_no_error(name: str) -> None:
    for bars in (0, 1, 2):
        for values in compute(name, None, head(SERIES["random"], bars)).values():
            assert len(values) == bars


def test_averages_are_what_their_definitions_say() -> None:
    close = SERIES["random"]["close"]
    sma = compute("sma", {"period": 5}, SERIES["random"])["sma"]
    assert np.isnan(sma[:4]).all()
    np.testing.assert_allclose(sma[4:], np.convolve(close, np.ones(5) / 5, "valid"), rtol=1e-12)
    ema = compute("ema", {"period": 3}, SERIES["random"])["ema"]
    held = close[:3].mean()
    for i in range(3, 30):
        held = close[i] / 2 + held / 2
        assert ema[i] == pytest.approx(held, rel=1e-12)
    bands = compute("bbands", {"period": 20, "width": 2}, SERIES["random"])
    np.testing.assert_allclose(bands["upper"][30] - bands["middle"][30], 2 * close[11:31].std(), rtol=1e-9)


def test_wilders_index_is_100_where_nothing_falls_and_50_where_both_are_equal() -> None:
    rising = {name: np.arange(1.0, 61.0) for name in COLUMNS}
    assert compute("rsi", None, rising)["rsi"][-1] == 100
    zigzag = {name: np.tile([10.0, 11.0], 100) for name in COLUMNS}
    assert compute("rsi", None, zigzag)["rsi"][-2:].mean() == pytest.approx(50, abs=1e-3)


def test_vwap_begins_anew_with_each_session() -> None:
    series = {name: np.array([10.0, 20.0, 40.0, 40.0]) for name in COLUMNS[:4]}
    series |= {"volume": np.array([1.0, 3.0, 2.0, 2.0]), "session": np.array([1.0, 1.0, 2.0, 2.0])}
    assert compute("vwap", None, series)["vwap"].tolist() == [10.0, 17.5, 40.0, 40.0]


def test_an_index_without_volume_has_no_volume_figures_and_one_missing_bar_counts_as_none() -> None:
    index = {name: column for name, column in SERIES["random"].items() if name != "volume"}
    assert np.isnan(compute("obv", None, index)["obv"]).all()
    assert np.isnan(compute("vwap", None, index)["vwap"]).all()
    gap = SERIES["random"] | {"volume": SERIES["random"]["volume"].copy()}
    gap["volume"][200] = np.nan
    obv = compute("obv", None, gap)["obv"]
    assert not np.isnan(obv).any()
    assert obv[200] == obv[199]


def test_the_short_form_is_read_with_defaults_and_refused_with_reasons() -> None:
    asked = read_asked("sma:50, macd ,bbands:20:2.5,sma:50")
    assert [one.text for one in asked] == ["sma:50", "macd:12:26:9", "bbands:20:2.5"]
    assert asked[2].title == "Bollinger bands 20, 2.5"
    assert asked[1].parameters == {"fast": 12, "slow": 26, "signal": 9}
    for wrong, why in {
        "": "1 to 16",
        "nonsense:3": "There is no indicator",
        "sma:1": "from 2 to 500",
        "sma:2.5": "without a fraction",
        "sma:nan": "from 2 to 500",
        "sma:x": "must be a number",
        "obv:3": "takes 0 parameters",
        ",".join(f"sma:{i}" for i in range(2, 30)): "1 to 16",
    }.items():
        with pytest.raises(InvalidInput, match=why):
            read_asked(wrong)
    with pytest.raises(InvalidInput, match="no parameter 'length'"):
        compute("sma", {"length": 3}, SERIES["random"])


def test_reading_the_catalogue_loads_neither_numpy_nor_ta_lib() -> None:
    code = (
        "import sys\n"
        "from starkmatter.domain.indicators import catalog, compute, live\n"
        "catalog.read_asked('sma:20')\n"
        "assert not {'numpy', 'talib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT_DIR, timeout=60)
