"""The periods a report covers, by the calendar: weeks from Monday (ISO 8601), months, quarters, years, or any two days.

A period is written as people and programs write it: `2026-W48`, `2026-11`, `2026-Q4`, `2026`,
`2026-01-15..2026-02-14`. Both ends belong to it.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Every = Literal["week", "month", "quarter", "year"]
DAY = timedelta(days=1)
LONGEST_DAYS = 366 * 50

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_QUARTER = re.compile(r"([0-9]{4})-Q([1-4])")
_YEAR = re.compile(r"[0-9]{4}")
_DAYS = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.\.([0-9]{4}-[0-9]{2}-[0-9]{2})")


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to `end`, both included. `key` is how it is written, `name` how it is read."""

    start: date
    end: date
    key: str
    name: str


def period_around(every: Every, on: date) -> Period:
    """The week, month, quarter or year in which that day lies."""
    if every == "week":
        year, week, weekday = on.isocalendar()
        start = on - timedelta(days=weekday - 1)
        return Period(start, start + 6 * DAY, f"{year:04}-W{week:02}", f"Week {week}, {year}")
    if every == "month":
        return Period(on.replace(day=1), _month_end(on), f"{on:%Y-%m}", f"{on:%B} {on.year}")
    if every == "quarter":
        first = (on.month - 1) // 3 * 3 + 1
        number = first // 3 + 1
        start, last = on.replace(month=first, day=1), on.replace(month=first + 2, day=1)
        return Period(start, _month_end(last), f"{on.year:04}-Q{number}", f"Quarter {number}, {on.year}")
    return Period(date(on.year, 1, 1), date(on.year, 12, 31), f"{on.year:04}", str(on.year))


def last_complete(every: Every, today: date) -> Period:
    """The newest one that had ended before that day."""
    return period_around(every, period_around(every, today).start - DAY)


def period_between(start: date, end: date) -> Period:
    """Any two days. ValueError when they are the wrong way round or too far apart."""
    if start > end:
        raise ValueError("it ends before it begins")
    if (end - start).days > LONGEST_DAYS:
        raise ValueError("it is longer than fifty years")
    return Period(start, end, f"{start}..{end}", f"{start} to {end}")


def parse_period(text: str) -> Period:
    """What was written. ValueError, in words, for anything else and for days that no calendar has."""
    if found := _DAYS.fullmatch(text):
        return period_between(date.fromisoformat(found[1]), date.fromisoformat(found[2]))
    if found := _WEEK.fullmatch(text):
        return _week(int(found[1]), int(found[2]))
    if found := _QUARTER.fullmatch(text):
        return period_around("quarter", date(int(found[1]), int(found[2]) * 3, 1))
    if found := _MONTH.fullmatch(text):
        return period_around("month", date(int(found[1]), int(found[2]), 1))
    if _YEAR.fullmatch(text):
        return period_around("year", date(int(text), 1, 1))
    raise ValueError("write it as 2026-11, 2026-Q4, 2026, 2026-W48 or 2026-01-15..2026-02-14")


def _week(year: int, week: int) -> Period:
    try:
        return period_around("week", date.fromisocalendar(year, week, 1))
    except OverflowError:
        raise ValueError("no calendar goes on that far") from None


def _month_end(on: date) -> date:
    if on.month == 12:
        return date(on.year, 12, 31)
    return on.replace(month=on.month + 1, day=1) - DAY
