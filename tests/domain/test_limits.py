"""Rules of one's own: tighter at once, looser a day later, however the changes and the clock run."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.limits import (
    LIMIT_KINDS,
    LOOSENS_AFTER,
    MOST,
    Limit,
    LimitKind,
    change,
    is_looser,
    problem_of,
    withdraw,
)
from tests.examples import examples

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
VALUES = st.sampled_from([None, *(Decimal(figure) for figure in (1, 2, 3, 5, 8))])
STEPS = st.lists(
    st.tuples(st.sampled_from(["change", "change", "withdraw"]), VALUES, st.integers(0, 30 * 60)), max_size=25
)


@pytest.mark.parametrize(
    ("kind", "from_value", "to_value", "looser"),
    [
        ("trades_per_day", "5", "6", True),
        ("trades_per_day", "5", "4", False),
        ("cooldown_mins", "30", "20", True),
        ("cooldown_mins", "30", "60", False),
        ("no_averaging_down", "1", None, True),
        ("no_averaging_down", None, "1", False),
        ("position_pct", "20", "20", False),
        ("position_pct", None, None, False),
        ("cooldown_mins", "30", "30", False),
        ("cooldown_mins", "30", None, True),
    ],
)
def test_what_leaves_more_room_is_looser(
    kind: LimitKind, from_value: str | None, to_value: str | None, looser: bool
) -> None:
    def figure(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    assert is_looser(kind, figure(to_value), figure(from_value)) is looser


@settings(max_examples=examples(2_000), deadline=None)
@given(kind=st.sampled_from(LIMIT_KINDS), steps=STEPS, after_mins=st.integers(0, 60 * 60))
def test_no_changes_and_no_clock_loosen_a_rule_before_a_day_has_passed(
    kind: LimitKind, steps: list[tuple[str, Decimal | None, int]], after_mins: int
) -> None:
    limit, now = Limit(kind), NOW
    history: list[tuple[datetime, Decimal | None]] = []  # what was asked for, and when
    seen: list[tuple[datetime, Decimal | None]] = []  # what was in force, and when
    for what, value, mins in [*steps, ("look", None, after_mins)]:
        now += timedelta(minutes=mins)
        seen.append((now, limit.in_force(now)))
        if what == "change":
            limit = change(limit, value, now)
            history.append((now, value))
            assert not is_looser(kind, limit.in_force(now), value), "what is asked for binds at least as tightly"
        elif what == "withdraw":
            before = limit.in_force(now)
            limit = withdraw(limit, now)
            assert limit.in_force(now) == before
        seen.append((now, limit.in_force(now)))
    for (_, before), (at, after) in pairwise(seen):
        if is_looser(kind, after, before):
            asked = [when for when, value in history if value == after and at - when >= LOOSENS_AFTER]
            assert asked, (at, before, after)


def test_a_tightening_withdraws_the_loosening_that_waits() -> None:
    five = change(Limit("trades_per_day"), Decimal(5), NOW)
    waits = change(five, None, NOW)
    assert waits.in_force(NOW + LOOSENS_AFTER - timedelta(seconds=1)) == 5
    assert waits.in_force(NOW + LOOSENS_AFTER) is None
    three = change(waits, Decimal(3), NOW + timedelta(hours=1))
    assert three == Limit("trades_per_day", Decimal(3))


def test_a_loosening_waits_until_it_counts() -> None:
    five = change(Limit("trades_per_day"), Decimal(5), NOW)
    waits = change(five, Decimal(6), NOW)
    assert not five.is_loosening(NOW)
    assert waits.is_loosening(NOW + LOOSENS_AFTER - timedelta(seconds=1))
    assert not waits.is_loosening(NOW + LOOSENS_AFTER)


def test_asking_again_for_something_looser_waits_a_day_from_then() -> None:
    five = change(Limit("trades_per_day"), Decimal(5), NOW)
    ten = change(five, Decimal(10), NOW)
    twenty = change(ten, Decimal(20), NOW + timedelta(hours=23))
    assert twenty.in_force(NOW + timedelta(hours=46)) == 5
    assert twenty.in_force(NOW + timedelta(hours=47)) == 20


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("trades_per_day", "-1", "from 0"),
        ("trades_per_day", "NaN", "from 0"),
        ("trades_per_day", "2.5", "whole number"),
        ("cooldown_mins", "2.5", "whole number"),
        ("trades_per_day", "10001", "to 10,000"),
        ("loss_per_day", "1000000000.01", "to 1,000,000,000"),
        ("cooldown_mins", "10081", "to 10,080"),
        ("position_value", "1000000000.01", "to 1,000,000,000"),
        ("live_per_day", "1000000000.01", "to 1,000,000,000"),
        ("live_per_day", "-0.01", "from 0"),
        ("cooldown_mins", "0", "from 1"),
        ("loss_per_day", "0", "from 0.01"),
        ("loss_per_day", "1.005", "two decimals"),
        ("no_averaging_down", "2", "from 1 to 1"),
        ("position_pct", "1001", "to 1,000"),
    ],
)
def test_a_figure_that_makes_no_rule_is_refused_in_words(kind: LimitKind, value: str, words: str) -> None:
    assert words in (problem_of(kind, Decimal(value)) or "")


def test_no_orders_and_no_real_money_at_all_are_rules_too() -> None:
    zero = [kind for kind in LIMIT_KINDS if problem_of(kind, Decimal(0)) is None]
    assert zero == ["trades_per_day", "live_per_day"]


def test_every_rule_takes_its_most_and_none() -> None:
    assert all(problem_of(kind, value) is None for kind, most in MOST.items() for value in (most, None))
