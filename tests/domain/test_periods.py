"""Periods of the calendar: where they begin and end, in leap years and at year's ends, and how they are written."""

from datetime import date, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain.periods import Every, last_complete, parse_period, period_around, period_between

DAYS = st.dates(date(1990, 1, 1), date(2090, 12, 31))
EVERY = st.sampled_from(get_args(Every))


@pytest.mark.parametrize(
    ("text", "start", "end", "name"),
    [
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29), "February 2024"),
        ("2023-02", date(2023, 2, 1), date(2023, 2, 28), "February 2023"),
        ("2100-02", date(2100, 2, 1), date(2100, 2, 28), "February 2100"),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31), "December 2026"),
        ("2024-Q1", date(2024, 1, 1), date(2024, 3, 31), "Quarter 1, 2024"),
        ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31), "Quarter 4, 2026"),
        ("2024", date(2024, 1, 1), date(2024, 12, 31), "2024"),
        ("2026-W53", date(2026, 12, 28), date(2027, 1, 3), "Week 53, 2026"),
        ("2025-W01", date(2024, 12, 30), date(2025, 1, 5), "Week 1, 2025"),
        ("2024-02-29..2024-03-01", date(2024, 2, 29), date(2024, 3, 1), "2024-02-29 to 2024-03-01"),
        ("9999", date(9999, 1, 1), date(9999, 12, 31), "9999"),
    ],
)
def test_a_written_period_has_its_days(text: str, start: date, end: date, name: str) -> None:
    found = parse_period(text)
    assert (found.start, found.end, found.name, found.key) == (start, end, name, text)


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-13", "2026-00", "2026-Q5", "2025-W53", "9999-W52", "2026-W00", "0000", "20260", "2026-11 ",
     "2026-1", "2023-02-29..2023-03-01", "2026-02-01..2026-01-31", "1900-01-01..2026-01-01", "٢٠٢٦", "2026-11\n"],
)  # fmt: skip
def test_what_no_calendar_has_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_period(text)


@given(EVERY, DAYS)
def test_periods_hold_their_day_tile_the_calendar_and_read_back(every: Every, on: date) -> None:
    found = period_around(every, on)
    assert found.start <= on <= found.end
    assert parse_period(found.key) == found
    assert period_around(every, found.end + timedelta(days=1)).start == found.end + timedelta(days=1)
    former = last_complete(every, on)
    assert former.end == found.start - timedelta(days=1)
    assert former.end < on


@given(DAYS, DAYS)
def test_two_days_make_a_period_one_way_round(first: date, second: date) -> None:
    early, late = sorted((first, second))
    if (late - early).days > 366 * 50:
        return
    assert parse_period(period_between(early, late).key) == period_between(early, late)
