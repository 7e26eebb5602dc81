"""Attribution by group: a worked example, exact sums over any days, and an oracle that works in floats another way."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain.attribution import Attribution, Day, Group, attribute
from starkmatter.domain.performance import Unmeasurable

D = Decimal


def day(text: str, ratio: str = "") -> Day:
    """`"UK 0.4 0.4 0.2 0.1, US 0.6 0.6 0.06 0.08"`: name, weight, the market's, return, the market's."""
    rows = [row.split() for row in text.split(",")]
    groups = [Group(name, *(D(figure) for figure in figures)) for name, *figures in rows]
    held = sum((one.weight * one.ratio for one in groups), D(0))
    return Day(groups, D(ratio) if ratio else held)


def test_the_worked_example_of_the_textbook() -> None:
    """Bacon, Practical Portfolio Performance Measurement and Attribution (2008), chapter 5: 8.3 % against 6.4 %."""
    found = attribute([day("UK 0.4 0.4 0.2 0.1, Japan 0.3 0.2 -0.05 -0.04, US 0.3 0.4 0.06 0.08")])
    assert isinstance(found, Attribution)
    effects = {one.name: (one.allocation, one.selection, one.interaction) for one in found.effects}
    assert effects == {
        "UK": (D("0"), D("0.04"), D("0")),
        "Japan": (D("-0.0104"), D("-0.002"), D("-0.001")),
        "US": (D("-0.0016"), D("-0.008"), D("0.002")),
    }
    assert (found.ratio, found.market_ratio, found.excess, found.trading) == (D("0.083"), D("0.064"), D("0.019"), 0)


def test_what_was_not_held_at_the_start_is_trading() -> None:
    found = attribute([day("Cash 1 0 0 0, Tech 0 1 0.02 0.02", ratio="0.01")])
    assert isinstance(found, Attribution)
    tech = next(one for one in found.effects if one.name == "Tech")
    cash = next(one for one in found.effects if one.name == "Cash")
    assert (cash.allocation, tech.allocation) == (D("-0.02"), D("0"))
    assert found.trading == D("0.01")
    assert sum(one.total for one in found.effects) + found.trading == found.excess == D("-0.01")


@pytest.mark.parametrize("ratio", ["-1", "-1.2"])
def test_a_total_loss_has_no_attribution(ratio: str) -> None:
    assert isinstance(attribute([day("Tech 1 1 0 0", ratio=ratio)]), Unmeasurable)
    assert isinstance(attribute([]), Unmeasurable)


RATIOS = st.decimals(D("-0.3"), D("0.3"), places=6)
SHARES = st.lists(st.integers(0, 100), min_size=3, max_size=3).filter(any)


@st.composite
def any_day(draw: st.DrawFn) -> Day:
    own, market = draw(SHARES), draw(SHARES)
    groups = [
        Group(name, D(own[n]) / sum(own), D(market[n]) / sum(market), draw(RATIOS), draw(RATIOS))
        for n, name in enumerate("ABC")
    ]
    return Day(groups, sum((one.weight * one.ratio for one in groups), D(0)) + draw(RATIOS) / 10)


@given(st.lists(any_day(), min_size=1, max_size=30))
def test_effects_sum_to_the_difference_of_compounded_returns_exactly(days: list[Day]) -> None:
    found = attribute(days)
    assert isinstance(found, Attribution)
    assert sum((one.total for one in found.effects), D(0)) + found.trading == found.excess
    own = math.prod(1 + float(one.ratio) for one in days) - 1
    market = math.prod(1 + float(one.market_ratio) for one in days) - 1
    assert float(found.ratio) == pytest.approx(own, abs=1e-9)
    assert float(found.market_ratio) == pytest.approx(market, abs=1e-9)


@given(st.lists(any_day(), min_size=2, max_size=12))
def test_an_oracle_in_matrices_finds_the_same_effects(days: list[Day]) -> None:
    found = attribute(days)
    assert isinstance(found, Attribution)
    table = np.array(
        [[[float(g.weight), float(g.market_weight), float(g.ratio), float(g.market_ratio)] for g in one.groups]
         for one in days]
    )  # fmt: skip
    w, b, r, m = (table[:, :, column] for column in range(4))
    own = np.array([float(one.ratio) for one in days])
    market = (b * m).sum(axis=1)

    def factor(one: float, other: float) -> float:
        return 1 / (1 + one) if abs(one - other) < 1e-9 else (math.log1p(one) - math.log1p(other)) / (one - other)

    whole = factor(float(np.prod(1 + own) - 1), float(np.prod(1 + market) - 1))
    k = np.array([factor(x, y) / whole for x, y in zip(own, market, strict=True)])[:, None]
    expected = {
        "allocation": (k * (w - b) * (m - market[:, None])).sum(axis=0),
        "selection": (k * b * (r - m)).sum(axis=0),
        "interaction": (k * (w - b) * (r - m)).sum(axis=0),
    }
    for name, values in expected.items():
        assert [float(getattr(one, name)) for one in found.effects] == pytest.approx(values.tolist(), abs=1e-6)
