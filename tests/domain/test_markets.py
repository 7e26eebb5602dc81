"""Correlations, names of holidays, and figures of days."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from starkmatter.domain.comovement import correlation_table
from starkmatter.domain.holidays import early_close_name, easter, holiday_name

START = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)


def line(*closes: float, first: int = 0) -> list[tuple[datetime, Decimal]]:
    return [(START + timedelta(days=first + day), Decimal(str(close))) for day, close in enumerate(closes)]


def test_coefficients_are_those_of_numpy_on_common_sessions() -> None:
    random = np.random.default_rng(7)
    one = np.round(100 * np.cumprod(1 + random.normal(0, 0.01, 60)), 4)
    other = np.round(50 * np.cumprod(1 + random.normal(0, 0.02, 50)), 4)
    table = correlation_table({"ONE": line(*one), "TWO": line(*other, first=10), "FLAT": line(*[5.0] * 60)})
    expected = np.corrcoef(np.diff(one[10:]) / one[10:-1], np.diff(other) / other[:-1])[0, 1]
    assert table[0][1] == pytest.approx(expected, abs=1e-12)
    assert table[1][0] == table[0][1]
    assert (table[0][0], table[1][1]) == (pytest.approx(1.0), pytest.approx(1.0))
    assert table[2] == [None, None, None]


def test_too_few_common_sessions_or_a_price_of_nothing_have_no_coefficient() -> None:
    table = correlation_table({"ONE": line(*range(1, 30)), "TWO": line(*range(1, 30), first=20)})
    assert table[0][1] is None
    assert correlation_table({"ONE": line(*range(30)), "TWO": line(*range(1, 31))})[0][1] is None


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2021, 1, 1), "New Year’s Day"),
        (date(2023, 1, 2), "New Year’s Day"),
        (date(2021, 1, 18), "Martin Luther King Jr. Day"),
        (date(2021, 2, 15), "Washington’s Birthday"),
        (date(2021, 4, 2), "Good Friday"),
        (date(2024, 3, 29), "Good Friday"),
        (date(2021, 5, 31), "Memorial Day"),
        (date(2022, 6, 20), "Juneteenth"),
        (date(2021, 7, 5), "Independence Day"),
        (date(2021, 9, 6), "Labor Day"),
        (date(2021, 11, 25), "Thanksgiving Day"),
        (date(2021, 12, 24), "Christmas Day"),
        (date(2018, 12, 5), "Closed"),
    ],
)
def test_days_without_a_session_have_their_names(day: date, name: str) -> None:
    assert holiday_name(day) == name


def test_early_closes_say_why() -> None:
    assert early_close_name(date(2021, 11, 26)) == "Day after Thanksgiving"
    assert early_close_name(date(2024, 12, 24)) == "Christmas Eve"
    assert early_close_name(date(2023, 7, 3)) == "Day before Independence Day"
    assert easter(2025) == date(2025, 4, 20)
