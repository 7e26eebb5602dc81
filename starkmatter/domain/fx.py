"""Exchange rates through the euro, and the days on which its reference rates are set."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from zoneinfo import ZoneInfo

from starkmatter.domain.holidays import easter

FRANKFURT = ZoneInfo("Europe/Berlin")
# The rates are set around 14:15 and published around 16:00.
PUBLISHED = time(16, 0)
DIGITS = Context(prec=12)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class ReferenceRate:
    """Units of `currency` for one euro on a day."""

    currency: str
    day: date
    per_euro: Decimal


def cross_rate(base_per_euro: Decimal, quote_per_euro: Decimal) -> Decimal:
    """What one unit of base costs in units of quote, to twelve significant digits; both positive, euro itself is 1."""
    return DIGITS.divide(quote_per_euro, base_per_euro)


def is_target_day(day: date) -> bool:
    """Whether TARGET settles on that day, and reference rates are set (ECB decision of 14 December 2000).

    Closed on Saturdays, Sundays, New Year's Day, Good Friday, Easter Monday, 1 May, 25 and 26 December.
    """
    if day.weekday() >= SATURDAY or (day.month, day.day) in {(1, 1), (5, 1), (12, 25), (12, 26)}:
        return False
    return day - easter(day.year) not in {timedelta(days=-2), timedelta(days=1)}


def newest_published_day(now: datetime) -> date:
    """The last day whose rates should be out at an instant."""
    there = now.astimezone(FRANKFURT)
    day = there.date() if there.time() >= PUBLISHED else there.date() - timedelta(days=1)
    while not is_target_day(day):
        day -= timedelta(days=1)
    return day
