"""Days and times as files write them, in the zone their format has, as aware UTC."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starkmatter.portfolio.importers.amounts import shown
from starkmatter.portfolio.importers.records import BadLineError

NEW_YORK, AMSTERDAM, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Amsterdam"), ZoneInfo("Europe/Berlin")
# The order of day, month and year: 2024-01-31, 31.01.2024, 01/31/2024.
DateOrder = Literal["ymd", "dmy", "mdy"]
NOON = time(12)
FIRST_YEAR, LAST_YEAR = 1900, 2099
DAY = re.compile(r"(\d{1,4})([-/. ]?)(\d{1,2}|[A-Za-z]{3})\2(\d{1,4})")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
CLOCK = re.compile(
    r"(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?\s*(Z|UTC|[+-]\d{2}:?\d{2})?"
)  # fmt: skip
MONTHS = {
    m: n
    for n, m in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1)
}
NO_TIME = frozenset({"", "--", "N/A"})


def moment(text: str, order: DateOrder, zone: tzinfo, clock: str = "") -> datetime:
    """The instant of a cell that holds a day, or a day and a time; `clock` is a time from a cell of its own.

    A day alone is noon in `zone`, so that it stays that day in New York and in UTC. BadLineError says what it is not.
    """
    return _moment(text.strip(), order, zone, clock.strip())


@lru_cache(maxsize=4096)
def _moment(text: str, order: DateOrder, zone: tzinfo, clock: str) -> datetime:
    found = COMPACT.match(text) or DAY.match(text)
    if found is None:
        raise BadLineError(f"{shown(text)} is not a date")
    rest = text[found.end() :].lstrip(" T;,").strip() or clock
    on = _day(found, order, text)
    if rest in NO_TIME:
        return datetime.combine(on, NOON, zone).astimezone(UTC)
    of_day = CLOCK.fullmatch(rest)
    if of_day is None:
        raise BadLineError(f"{shown(rest)} is not a time")
    hour, minute, second, fraction, half, offset = of_day.groups()
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            raise BadLineError(f"{shown(rest)} is not a time")
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    try:
        moment_of = time(hours, int(minute), int(second or 0), int(((fraction or "") + "000000")[:6]))
        return datetime.combine(on, moment_of, _offset(offset) if offset else zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadLineError(f"{shown(rest)} is not a time") from None


def _day(found: re.Match[str], order: DateOrder, text: str) -> date:
    if found.re is COMPACT:
        year, month, day = (int(part) for part in found.groups())
    else:
        first, _, middle, last = found.groups()
        if not middle.isdecimal():
            month = MONTHS.get(middle.lower(), 0)
            year, day = (int(first), int(last)) if len(first) == 4 else (int(last), int(first))
        elif len(first) == 4:
            year, month, day = int(first), int(middle), int(last)
        elif order == "ymd":
            raise BadLineError(f"{shown(text)} is not a date that begins with its year")
        else:
            day, month = (int(first), int(middle)) if order == "dmy" else (int(middle), int(first))
            year = int(last) if len(last) == 4 else 2000 + int(last) if len(last) == 2 else 0
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadLineError(f"{shown(text)} is not a date between {FIRST_YEAR} and {LAST_YEAR}")
    try:
        return date(year, month, day)
    except ValueError:
        raise BadLineError(f"{shown(text)} is not a day of the calendar") from None


def _offset(text: str) -> tzinfo:
    if text in {"Z", "UTC"}:
        return UTC
    digits = text[1:].replace(":", "")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if away > timedelta(hours=14):
        raise ValueError(text)
    return _fixed(away if text[0] == "+" else -away)


@lru_cache(maxsize=64)
def _fixed(away: timedelta) -> tzinfo:
    return timezone(away)


def zone_of(name: str) -> tzinfo | None:
    """A zone by its name, None when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
