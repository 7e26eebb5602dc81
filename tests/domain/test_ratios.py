"""Risk figures: against empyrical's on the same series, by hand, and what must hold for any series.

`empyrical_figures.json` was written once with empyrical-reloaded 0.7.1 on pandas 3.1 (the two parametric figures with
scipy 1.17): four series of made-up days with their benchmark, daily risk-free rate and figures.
"""

import json
from itertools import pairwise
from math import isclose, isfinite
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain import ratios
from starkmatter.domain.performance import Unmeasurable

CASES = json.loads((Path(__file__).parent / "empyrical_figures.json").read_text(encoding="utf-8"))
DAYS = st.floats(-0.5, 0.5, allow_nan=False).map(lambda one: round(one, 6))
SERIES = st.lists(DAYS, max_size=60)


def figures_of(case: dict[str, Any]) -> dict[str, ratios.Figure]:
    days, market, risk_free = case["returns"], case["market"], case["risk_free"]
    return {
        "annual_return": ratios.annual_return(days),
        "volatility": ratios.volatility(days),
        "downside_deviation": ratios.downside_deviation(days, risk_free),
        "sharpe": ratios.sharpe(days, risk_free),
        "sortino": ratios.sortino(days, risk_free),
        "calmar": ratios.calmar(days),
        "max_drawdown": ratios.falls(days)[0].depth,
        "value_at_risk": ratios.value_at_risk(days),
        "expected_shortfall": ratios.expected_shortfall(days),
        "parametric_value_at_risk": ratios.parametric_value_at_risk(days),
        "parametric_shortfall": ratios.parametric_shortfall(days),
        "beta": ratios.beta(days, market, risk_free),
        "alpha": ratios.alpha(days, market, risk_free),
        "tracking_error": ratios.tracking_error(days, market),
        "correlation": ratios.correlation(days, market),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['returns'])} days")
def test_every_figure_is_empyricals_to_ten_digits(case: dict[str, Any]) -> None:
    told = case["figures"]
    ours = figures_of(case)
    assert {name for name in told if not name.startswith("rolling")} == set(ours)
    for name, figure in ours.items():
        assert isinstance(figure, float), name
        assert isclose(figure, told[name], rel_tol=1e-10, abs_tol=1e-12), name
    windows = ratios.rolling(case["returns"], case["market"], 20, case["risk_free"])
    assert len(windows) == len(case["returns"]) - 19
    for name in ("volatility", "sharpe", "beta"):
        last = told[f"rolling_{name}"]
        found = [getattr(one, name) for one in windows[-len(last) :]]
        assert all(isclose(one, other, rel_tol=1e-10) for one, other in zip(found, last, strict=True)), name


def test_falls_are_told_with_their_high_their_low_and_the_day_they_were_made_good() -> None:
    found = ratios.falls([0.10, -0.20, 0.10, 0.20, -0.05, 0.01, -0.30])
    assert [(round(one.depth, 6), one.peak, one.trough, one.recovered) for one in found] == [
        (-0.32835, 4, 7, None),
        (-0.2, 1, 2, 4),
    ]
    assert ratios.falls([0.01, 0.0, 0.02]) == []


def test_what_cannot_be_computed_says_why() -> None:
    flat = [0.001] * 30
    for figure in (ratios.sharpe(flat), ratios.correlation(flat, [0.1, 0.2] * 15)):
        assert figure is ratios.NO_VARIATION
    assert ratios.beta([0.1, 0.2] * 15, flat) is ratios.NO_MARKET
    assert ratios.alpha([0.1, 0.2] * 15, flat) is ratios.NO_MARKET
    assert ratios.correlation([0.1, 0.2] * 15, flat) is ratios.NO_MARKET
    assert ratios.sortino(flat) is ratios.NO_LOSS
    assert ratios.calmar(flat) is ratios.NO_FALL
    assert ratios.annual_return([0.1, -1.0]) is ratios.ALL_LOST
    assert ratios.volatility(flat) == pytest.approx(0, abs=1e-15)
    for count in (0, 1):
        days = [0.01] * count
        for figure in (
            ratios.volatility(days),
            ratios.sharpe(days),
            ratios.sortino(days),
            ratios.value_at_risk(days),
            ratios.expected_shortfall(days),
            ratios.parametric_value_at_risk(days),
            ratios.parametric_shortfall(days),
            ratios.beta(days, days),
            ratios.tracking_error(days, days),
            ratios.correlation(days, days),
        ):
            assert figure is ratios.TOO_FEW
    assert ratios.annual_return([]) is ratios.TOO_FEW


@given(days=SERIES, market=SERIES, annual=st.floats(-0.2, 0.5))
def test_a_figure_is_a_number_or_a_reason_for_any_series(days: list[float], market: list[float], annual: float) -> None:
    count = min(len(days), len(market))
    days, market, risk_free = days[:count], market[:count], ratios.daily_rate(annual)
    for figure in (
        ratios.annual_return(days),
        ratios.volatility(days),
        ratios.sharpe(days, risk_free),
        ratios.sortino(days, risk_free),
        ratios.calmar(days),
        ratios.value_at_risk(days),
        ratios.expected_shortfall(days),
        ratios.parametric_value_at_risk(days),
        ratios.parametric_shortfall(days),
        ratios.beta(days, market, risk_free),
        ratios.alpha(days, market, risk_free),
        ratios.tracking_error(days, market),
        ratios.correlation(days, market),
    ):
        assert (isinstance(figure, float) and isfinite(figure)) or (isinstance(figure, Unmeasurable) and figure.reason)


@given(days=st.lists(DAYS, min_size=2, max_size=60))
def test_the_shortfall_is_no_better_than_the_value_at_risk_and_lies_among_the_days(days: list[float]) -> None:
    value, beyond = ratios.value_at_risk(days), ratios.expected_shortfall(days)
    assert isinstance(value, float)
    assert isinstance(beyond, float)
    assert min(days) - 1e-12 <= beyond <= value + 1e-12 <= max(days) + 2e-12


@given(days=st.lists(DAYS, min_size=2, max_size=60))
def test_against_itself_a_series_has_beta_one_alpha_none_and_no_error(days: list[float]) -> None:
    slope = ratios.beta(days, days)
    if slope is ratios.NO_MARKET:
        return
    assert slope == pytest.approx(1)
    assert ratios.alpha(days, days) == pytest.approx(0, abs=1e-9)
    assert ratios.tracking_error(days, days) == 0
    assert ratios.correlation(days, days) == pytest.approx(1)


@given(days=st.lists(DAYS, min_size=1, max_size=60))
def test_every_fall_lies_below_its_high_and_no_two_share_a_day(days: list[float]) -> None:
    values = [1.0]
    for one in days:
        values.append(values[-1] * (1 + one))
    found = ratios.falls(days)
    assert [one.depth for one in found] == sorted(one.depth for one in found)
    for one in found:
        assert isclose(values[one.trough] / values[one.peak] - 1, one.depth)
        end = len(values) if one.recovered is None else one.recovered
        assert all(values[place] < values[one.peak] for place in range(one.peak + 1, end))
        assert one.recovered is None or values[one.recovered] >= values[one.peak]
    spans = sorted((one.peak, len(values) if one.recovered is None else one.recovered) for one in found)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_daily_rate_compounds_to_the_yearly_one() -> None:
    assert (1 + ratios.daily_rate(0.05)) ** 252 == pytest.approx(1.05)
    assert ratios.daily_rate(0.0) == 0
