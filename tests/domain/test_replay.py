"""The replay's paths: real points touched, bounds kept, the same bytes for the same seed."""

import hashlib
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.replay import (
    DayFigures,
    DayPath,
    build_path,
    build_trades,
    path_bars,
    price_of,
    synthesize_figures,
    ticks_of,
)

DAY = date(2021, 3, 1)
FULL_DAY_SECS = 23_400
HALF_DAY_SECS = 12_600


@st.composite
def day_figures(draw: st.DrawFn) -> DayFigures:
    low = draw(st.integers(1, 500_000))
    high = low + draw(st.integers(0, max(1, low // 4)))
    inside = st.integers(low, high)
    volume = draw(st.none() | st.integers(0, 2_000_000_000))
    return DayFigures(draw(inside), high, low, draw(inside), volume)


paths = given(
    seed=st.integers(0, 2**31 - 1),
    symbol=st.sampled_from(["AAPL", "XOM", "^GSPC"]),
    figures=day_figures(),
    steps=st.sampled_from([60, 61, HALF_DAY_SECS, FULL_DAY_SECS]),
)
few = settings(max_examples=60, deadline=None)


def fingerprint(path: DayPath) -> str:
    columns = [path.last, path.bid, path.ask, path.bid_size, path.ask_size, path.ticked]
    if path.volume is not None:
        columns.append(path.volume)
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()


@few
@paths
def test_path_opens_and_closes_at_the_real_figures_and_touches_both_extremes(seed, symbol, figures, steps):
    last = build_path(seed, symbol, DAY, figures, steps).last
    assert (last[0], last[-1], last.min(), last.max()) == (figures.open, figures.close, figures.low, figures.high)


@few
@paths
def test_spread_is_positive_and_holds_the_last_trade(seed, symbol, figures, steps):
    path = build_path(seed, symbol, DAY, figures, steps)
    assert (path.ask > path.bid).all()
    assert (path.bid >= 1).all()
    assert ((path.bid <= path.last) & (path.last <= path.ask)).all()
    assert (path.bid_size >= 100).all()
    assert (path.ask_size % 100 == 0).all()


@few
@paths
def test_volume_never_falls_and_ends_at_the_real_figure(seed, symbol, figures, steps):
    volume = build_path(seed, symbol, DAY, figures, steps).volume
    if figures.volume is None:
        assert volume is None
    else:
        assert volume[0] >= 0
        assert (np.diff(volume) >= 0).all()
        assert volume[-1] == figures.volume


@few
@paths
def test_a_second_without_a_tick_repeats_the_one_before(seed, symbol, figures, steps):
    path = build_path(seed, symbol, DAY, figures, steps)
    quiet = np.flatnonzero(~path.ticked)
    assert path.ticked[0]
    for column in (path.last, path.bid, path.ask, path.bid_size, path.ask_size):
        assert (column[quiet] == column[quiet - 1]).all()


@few
@paths
def test_bars_of_every_length_add_up_to_the_day(seed, symbol, figures, steps):
    path = build_path(seed, symbol, DAY, figures, steps)
    for bar_secs in (60, 300, 900, 3600, steps):
        bars = path_bars(path, bar_secs, steps)
        assert bars.open[0] == figures.open
        assert bars.close[-1] == figures.close
        assert bars.high.max() == figures.high
        assert bars.low.min() == figures.low
        assert ((bars.low <= bars.open) & (bars.open <= bars.high)).all()
        assert ((bars.low <= bars.close) & (bars.close <= bars.high)).all()
        if figures.volume is not None:
            assert bars.volume.sum() == figures.volume


@settings(max_examples=40, deadline=None)
@given(until=st.integers(1, FULL_DAY_SECS), cut=st.integers(1, FULL_DAY_SECS))
def test_bars_until_a_second_do_not_depend_on_what_follows(until, cut):
    figures = DayFigures(12_000, 12_345, 11_850, 12_200, 90_000_000)
    whole = build_path(7, "AAPL", DAY, figures, FULL_DAY_SECS)
    truncated = DayPath(
        *(column[: max(until, cut)] for column in (whole.last, whole.bid, whole.ask)),
        *(column[: max(until, cut)] for column in (whole.bid_size, whole.ask_size, whole.volume, whole.ticked)),
        quoted=True,
    )
    for bar_secs in (60, 3600):
        seen, known = path_bars(whole, bar_secs, until), path_bars(truncated, bar_secs, until)
        for column in ("first_step", "open", "high", "low", "close", "volume"):
            assert (getattr(seen, column) == getattr(known, column)).all()


@settings(max_examples=60, deadline=None)
@given(
    until=st.integers(0, FULL_DAY_SECS),
    after=st.integers(0, FULL_DAY_SECS),
    bar_secs=st.sampled_from([60, 300, 3600, FULL_DAY_SECS]),
)
def test_bars_that_were_known_before_may_be_left_out(until, after, bar_secs):
    figures = DayFigures(12_000, 12_345, 11_850, 12_200, 90_000_000)
    path = build_path(7, "AAPL", DAY, figures, FULL_DAY_SECS)
    whole, newer = path_bars(path, bar_secs, until), path_bars(path, bar_secs, until, after_step=after)
    for column in ("first_step", "end_step", "open", "high", "low", "close", "volume"):
        left = getattr(whole, column)
        left = left if left is None else left[after // bar_secs :]
        given = getattr(newer, column)
        assert (given is None and not len(newer.first_step)) or list(given) == list(left), column


def test_the_day_is_busier_at_both_ends_than_at_noon():
    path = build_path(7, "AAPL", DAY, DayFigures(12_000, 12_345, 11_850, 12_200, 90_000_000), FULL_DAY_SECS)
    hours = path_bars(path, 3600, FULL_DAY_SECS).volume
    assert hours[0] > 1.4 * hours[3]
    assert hours[6] * 2 > 1.4 * hours[3]


def test_a_seed_has_the_same_bytes_on_every_machine_and_each_argument_matters():
    figures = DayFigures(12_000, 12_345, 11_850, 12_200, 90_000_000)
    usual = fingerprint(build_path(7, "AAPL", DAY, figures, FULL_DAY_SECS))
    assert usual == "2da0fee88874de56e68dfc4609470483c31430d48eebd735e1a34f8799bef35a"
    assert usual == fingerprint(build_path(7, "AAPL", DAY, figures, FULL_DAY_SECS))
    others = [
        build_path(8, "AAPL", DAY, figures, FULL_DAY_SECS),
        build_path(7, "AMZN", DAY, figures, FULL_DAY_SECS),
        build_path(7, "AAPL", date(2021, 3, 2), figures, FULL_DAY_SECS),
    ]
    assert usual not in {fingerprint(other) for other in others}


@pytest.mark.parametrize("volume", [None, 90_000_000])
@pytest.mark.parametrize("steps", [HALF_DAY_SECS, FULL_DAY_SECS])
def test_trades_alone_are_those_of_the_path(volume: int | None, steps: int):
    figures = DayFigures(12_000, 12_345, 11_850, 12_200, volume)
    path, traded = (build(7, "AAPL", DAY, figures, steps) for build in (build_path, build_trades))
    assert (traded.last == path.last).all()
    assert (volume is None and traded.volume is path.volume is None) or (traded.volume == path.volume).all()
    for bars in (path_bars(one, 300, steps) for one in (path, traded)):
        assert bars.close[-1] == figures.close


def test_a_flat_day_stays_flat_and_still_has_a_spread():
    path = build_path(7, "KO", DAY, DayFigures(5_000, 5_000, 5_000, 5_000, None), HALF_DAY_SECS)
    assert set(path.last) == {5_000}
    assert (path.ask > path.bid).all()


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_synthesized_ranges_hold_open_and_close_and_keep_the_real_close(closes):
    days = [date.fromordinal(737_000 + i) for i in range(len(closes))]
    figures = synthesize_figures("XOM", days, closes)
    assert [day.close for day in figures] == closes
    for day in figures:
        assert 1 <= day.low <= min(day.open, day.close) <= max(day.open, day.close) <= day.high
        assert day.volume is None


@pytest.mark.parametrize(
    ("price", "ticks", "text"),
    [("18.660713", 1866, "18.66"), ("0.001", 1, "0.01"), ("126.53", 12653, "126.53"), ("127.5", 12750, "127.50")],
)
def test_prices_are_whole_cents_with_two_decimals(price, ticks, text):
    assert ticks_of(Decimal(price)) == ticks
    assert str(price_of(ticks)) == text
