"""Alerts fire once per crossing: on the way there, not while they stay, and again only after a real way back."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain.alerts import KINDS, AlertKind, AlertRule, judge, measured, starts_armed
from tests.builders import quote

BASE = quote("AAPL 100.00/100.05")  # the close before was 99.00


def at(price: str, **changes: object):
    return replace(BASE, last=Decimal(price), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "level", "path", "fires"),
    [
        ("price_above", "105", "100 104.99 105 106 104.99 105 104 105.5", [2, 7]),
        ("price_below", "95", "100 95.01 95 94 95.05 94 96 94.9", [2, 7]),
        ("day_up_pct", "5", "99 103.94 103.95 110 103.9 104 99 105", [2, 7]),
        ("day_down_pct", "5", "99 94.06 94.05 90 94.1 94 99 93", [2, 7]),
    ],
)
def test_it_fires_on_the_way_there_and_again_only_after_a_way_back(
    kind: AlertKind, level: str, path: str, fires: list[int]
) -> None:
    rule, armed, fired = AlertRule(kind, Decimal(level)), True, []
    for number, price in enumerate(path.split()):
        verdict = judge(rule, at(price), armed=armed)
        if verdict == "fire":
            fired.append(number)
        armed = {"fire": False, "rearm": True, "nothing": armed}[verdict]
    assert fired == fires


@pytest.mark.parametrize("condition", ["suspect", "halted"])
def test_a_price_that_is_not_to_be_trusted_fires_nothing(condition: str) -> None:
    assert judge(AlertRule("price_above", Decimal(50)), at("100", condition=condition), armed=True) == "nothing"


def test_without_a_close_before_a_percentage_is_not_known() -> None:
    rule = AlertRule("day_up_pct", Decimal(1))
    assert measured(rule, at("200", prev_close=None)) is None
    assert judge(rule, at("200", prev_close=None), armed=True) == "nothing"


def test_what_holds_already_waits_for_its_next_crossing() -> None:
    assert not starts_armed(AlertRule("price_above", Decimal(90)), at("100"))
    assert starts_armed(AlertRule("price_above", Decimal(110)), at("100"))
    assert starts_armed(AlertRule("price_above", Decimal(90)), None)


@given(
    st.sampled_from(sorted(KINDS)),
    st.integers(1, 40),
    st.lists(st.integers(60, 140), min_size=1, max_size=60),
)
def test_between_two_firings_the_condition_was_false(kind: AlertKind, level: int, prices: list[int]) -> None:
    threshold = Decimal(level) if kind.endswith("_pct") else Decimal(80 + level)
    rule, armed, between = AlertRule(kind, threshold), True, True
    for price in prices:
        one = at(str(price))
        verdict = judge(rule, one, armed=armed)
        holds = not starts_armed(rule, one)
        between = between or not holds
        if verdict == "fire":
            assert holds
            assert between
            between = False
        armed = {"fire": False, "rearm": True, "nothing": armed}[verdict]
