"""What a day without a session of the New York exchanges is called, by the rules of their calendar.

Only names: which days have no session says the published calendar. Rules: NYSE Rule 7.2.
"""

from datetime import date, timedelta

MONDAY, THURSDAY, FRIDAY = 0, 3, 4


def holiday_name(day: date) -> str:
    """The holiday of a weekday without a session, observed days included; `Closed` for one of no rule."""
    if day.month == 1 and day.day <= 2:
        return "New Year’s Day"
    if day.month == 1 and day.weekday() == MONDAY and 15 <= day.day <= 21:
        return "Martin Luther King Jr. Day"
    if day.month == 2 and day.weekday() == MONDAY and 15 <= day.day <= 21:
        return "Washington’s Birthday"
    if day == easter(day.year) - timedelta(days=2):
        return "Good Friday"
    if day.month == 5 and day.weekday() == MONDAY and day.day >= 25:
        return "Memorial Day"
    if day.month == 6 and 18 <= day.day <= 20:
        return "Juneteenth"
    if day.month == 7 and 3 <= day.day <= 5:
        return "Independence Day"
    if day.month == 9 and day.weekday() == MONDAY and day.day <= 7:
        return "Labor Day"
    if day.month == 11 and day.weekday() == THURSDAY and 22 <= day.day <= 28:
        return "Thanksgiving Day"
    if day.month == 12 and 24 <= day.day <= 26:
        return "Christmas Day"
    return "Closed"


def early_close_name(day: date) -> str:
    """Why a session ends early."""
    if day.month == 11 and day.weekday() == FRIDAY:
        return "Day after Thanksgiving"
    if day.month == 12 and day.day == 24:
        return "Christmas Eve"
    return "Day before Independence Day" if day.month == 7 else "Early close"


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, ch. 8)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e, f = b // 4, b % 4, (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)
