"""Figures of a price line against values reckoned by hand or by the standard library."""

import math
import statistics
from decimal import Decimal
from itertools import pairwise

import pytest

from starkmatter.domain.price_statistics import (
    annual_volatility,
    below_peak,
    comovement,
    daily_returns,
    max_drawdown,
    moving_average,
    period_return,
)


def line(text: str) -> list[Decimal]:
    return [Decimal(part) for part in text.split()]


WAVY = [Decimal(100) + Decimal((i * 37) % 11) - Decimal((i * 13) % 7) for i in range(60)]


def test_a_return_reaches_back_so_many_sessions() -> None:
    closes = line("100 110 121 60.5")
    assert period_return(closes, 1) == Decimal("-0.5")
    assert period_return(closes, 3) == Decimal("-0.395")
    assert period_return(closes, 4) is None
    assert period_return([], 1) is None
    assert daily_returns(closes) == line("0.1 0.1 -0.5")


def test_the_drawdown_is_the_deepest_fall_from_a_peak_before_it() -> None:
    assert max_drawdown(line("100 80 120 90 130 104")) == Decimal("-0.25")
    assert max_drawdown(line("1 2 3")) == 0
    assert below_peak(line("100 80 120 90")) == Decimal("-0.25")
    assert max_drawdown([]) is None
    assert below_peak([]) is None


def test_an_average_needs_all_its_sessions() -> None:
    assert moving_average(line("1 2 3 4"), 3) == 3
    assert moving_average(line("1 2"), 3) is None


def test_volatility_is_the_sample_deviation_of_log_returns_a_year() -> None:
    logs = [math.log(float(b / a)) for a, b in pairwise(WAVY)]
    found = annual_volatility(WAVY)
    assert found is not None
    assert float(found) == pytest.approx(statistics.stdev(logs) * math.sqrt(252), rel=1e-12)
    assert annual_volatility(WAVY[:20]) is None
    assert annual_volatility([*WAVY, Decimal(0)]) is None
    assert annual_volatility([Decimal(5)] * 30) == 0


def test_beta_and_correlation_are_those_of_the_standard_library() -> None:
    other = [Decimal(50) + Decimal((i * 29) % 13) for i in range(60)]
    found = comovement(WAVY, other)
    assert found is not None
    ours, theirs = ([float(one) for one in daily_returns(each)] for each in (WAVY, other))
    assert float(found.correlation) == pytest.approx(statistics.correlation(ours, theirs), rel=1e-9)
    assert float(found.beta) == pytest.approx(statistics.linear_regression(theirs, ours).slope, rel=1e-9)
    itself = comovement(WAVY, WAVY)
    assert itself is not None
    assert round(itself.beta, 12) == round(itself.correlation, 12) == 1
    assert comovement(WAVY, [Decimal(1)] * 60) is None
    assert comovement(WAVY[:10], WAVY[:10]) is None
    with pytest.raises(ValueError):
        comovement(WAVY, WAVY[1:])
