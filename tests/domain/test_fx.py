"""Rates through the euro, and the days on which they are set."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain.fx import cross_rate, is_target_day, newest_published_day

RATES = st.decimals(Decimal("0.0001"), Decimal("100000"), places=4)
SLIP = Decimal("1e-10")


def near(a: Decimal, b: Decimal) -> bool:
    return abs(a - b) <= SLIP * max(abs(a), abs(b))


def test_a_rate_through_the_euro() -> None:
    assert cross_rate(Decimal("1.0866"), Decimal(1)) == Decimal("0.920301859010")
    assert cross_rate(Decimal(1), Decimal("1.0866")) == Decimal("1.0866")
    assert cross_rate(Decimal("1.25"), Decimal("150")) == 120


@given(RATES)
def test_a_currency_costs_one_in_itself(rate: Decimal) -> None:
    assert cross_rate(rate, rate) == 1


@given(RATES, RATES)
def test_there_and_back_is_where_it_began(base: Decimal, quote: Decimal) -> None:
    assert near(cross_rate(base, quote) * cross_rate(quote, base), Decimal(1))


@given(RATES, RATES, RATES)
def test_a_way_over_a_third_currency_costs_the_same(one: Decimal, two: Decimal, three: Decimal) -> None:
    assert near(cross_rate(one, two) * cross_rate(two, three), cross_rate(one, three))


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        ("2026-04-03", False),  # Good Friday
        ("2026-04-06", False),  # Easter Monday
        ("2026-05-01", False),
        ("2026-12-24", True),
        ("2026-12-25", False),
        ("2025-12-26", False),
        ("2026-01-01", False),
        ("2026-11-26", True),  # Thanksgiving is none in Frankfurt
        ("2026-11-28", False),
    ],
)
def test_days_of_rates_are_those_of_target(day: str, open_: bool) -> None:
    assert is_target_day(date.fromisoformat(day)) is open_


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-26T14:59", "2026-11-25"),  # 15:59 in Frankfurt
        ("2026-11-26T15:00", "2026-11-26"),
        ("2026-07-02T14:00", "2026-07-02"),  # in summer an hour earlier
        ("2026-11-29T23:00", "2026-11-27"),
        ("2026-04-06T20:00", "2026-04-02"),
    ],
)
def test_rates_of_a_day_are_due_at_four_in_frankfurt(now: str, day: str) -> None:
    assert newest_published_day(datetime.fromisoformat(now).replace(tzinfo=UTC)) == date.fromisoformat(day)
