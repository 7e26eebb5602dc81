"""Currency pairs and coins as every vendor on loopback has them: what they cost, and when their bars begin."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
PAIRS = {"EUR-USD": 1.08345, "USD-JPY": 151.237}
COINS = {"BTC-USD": 64250.5, "SHIB-USD": 0.00000812}
PRICES = PAIRS | COINS
DAYS, INSIDE = 60, 3


def trades(symbol: str, at: datetime) -> bool:
    """Whether anything of it trades: a coin always, a pair from Sunday's to Friday's 17:00 in New York."""
    if symbol in COINS:
        return True
    local = at.astimezone(NEW_YORK)
    day, evening = local.weekday(), local.hour >= 17
    return day < 4 or (day == 4 and not evening) or (day == 6 and evening)


def dates(symbol: str, now: datetime) -> list[date]:
    """The dates of daily bars, as vendors have them: pairs also on Sundays, of a few hours."""
    found = [(now - timedelta(days=back)).date() for back in range(DAYS)]
    return [one for one in reversed(found) if symbol in COINS or one.weekday() != 5]


def days(symbol: str, now: datetime, zone: ZoneInfo | None = None) -> list[datetime]:
    """The instants of daily bars: midnight of that zone, else of UTC."""
    return [datetime.combine(one, time(0), zone or UTC).astimezone(UTC) for one in dates(symbol, now)]


def steps(symbol: str, mins: int, now: datetime) -> list[datetime]:
    """Starts of the bars of so many minutes while it trades, of the last days."""
    step = timedelta(minutes=mins)
    first = datetime.combine((now - timedelta(days=INSIDE)).date(), time(0), UTC)
    found = [first + number * step for number in range(int((now - first) / step) + 1)]
    return [at for at in found if trades(symbol, at)]
