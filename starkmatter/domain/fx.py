"""Exchange rates through the euro, and the days on which its reference rates are set."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
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
EURO = "EUR"
ONE = Decimal(1)
# The last rate before a day stands for it so long: no row of days without rates is longer.
MAX_GAP = timedelta(days=10)
# What books can be kept and shown in: each has a reference rate.
BOOK_CURRENCIES = (
    "USD", "EUR", "GBP", "CHF", "CAD", "AUD", "NZD", "JPY", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "SGD", "HKD",
)  # fmt: skip


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


class RateTable:
    """Reference rates of some currencies over some days; the euro needs none.

    `per_euro`: for each currency its days, ascending, and the units for one euro on each of them.
    """

    def __init__(self, per_euro: Mapping[str, tuple[Sequence[date], Sequence[Decimal]]]) -> None:
        self._per_euro = per_euro
        self._told: dict[tuple[str, str, date], Decimal | None] = {}

    def rate(self, base: str, quote: str, on: date) -> Decimal | None:
        """What one unit of base costs in units of quote on a day, by the last day up to it that has both.

        None where that is more than ten days ago, or was never; 1 for a currency in itself.
        """
        if base == quote:
            return ONE
        asked = (base, quote, on)
        if asked not in self._told:
            self._told[asked] = self._find(base, quote, on)
        return self._told[asked]

    def _find(self, base: str, quote: str, on: date) -> Decimal | None:
        day = on
        while True:
            first, second = self._at(base, day), self._at(quote, day)
            if first is None or second is None:
                return None
            earlier = min(first[0], second[0])
            if on - earlier > MAX_GAP:
                return None
            if first[0] == second[0] or EURO in (base, quote):
                return cross_rate(first[1], second[1])
            day = earlier

    def _at(self, currency: str, day: date) -> tuple[date, Decimal] | None:
        if currency == EURO:
            return day, ONE
        days, rates = self._per_euro.get(currency, ((), ()))
        place = bisect_right(days, day) - 1
        return (days[place], rates[place]) if place >= 0 else None
