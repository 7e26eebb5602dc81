"""Figures and instants as a person reads them: grouped, aligned, signs shown on changes. Decimal in, text out."""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from starkmatter.domain.instruments import price_decimals
from starkmatter.domain.sessions import EXCHANGE_ZONE, exchange_day

MINUS = "−"
NOTHING = "–"


def money(value: Decimal | None, decimals: int = 2) -> str:
    """`98,998.50`; a dash when there is no figure."""
    if value is None:
        return NOTHING
    rounded = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    return (MINUS if rounded < 0 else "") + f"{abs(rounded):,.{decimals}f}"


def change(value: Decimal | None, decimals: int = 2) -> str:
    """`+1,234.50`, `−3.20`, `0.00`: the sign is always shown."""
    if value is None:
        return NOTHING
    text = money(value, decimals)
    return f"+{text}" if value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN) > 0 else text


def price(symbol: str, value: Decimal | None) -> str:
    """A price of the symbol with as many decimals as it is quoted with: `190.12`, `1.08345`, `0.00000812`."""
    return money(value, price_decimals(symbol, value))


def price_change(symbol: str, value: Decimal | None, at: Decimal | None) -> str:
    """By how much a price has moved that is `at` now, with its decimals and its sign."""
    return change(value, price_decimals(symbol, at))


def percent(value: Decimal | None, decimals: int = 2) -> str:
    """A percentage (1.5 is 1.50 %) with its sign."""
    return NOTHING if value is None else f"{change(value, decimals)} %"


def quantity(value: Decimal | None) -> str:
    """Shares: grouped, without zeros that say nothing."""
    if value is None:
        return NOTHING
    text = f"{abs(value.normalize()):,f}"
    return (MINUS if value < 0 else "") + text


def direction(value: Decimal | None) -> str:
    """The class that colors a change: up, down or nothing."""
    return "" if not value else "up" if value > 0 else "down"


def exchange_time(at: datetime) -> str:
    """`Mar 1, 2021 10:04:22` on the exchange's wall clock."""
    local = at.astimezone(EXCHANGE_ZONE)
    return f"{local:%b} {local.day}, {local:%Y %H:%M:%S}"


def exchange_minute(at: datetime) -> str:
    """`Mar 1, 10:04` on the exchange's wall clock."""
    local = at.astimezone(EXCHANGE_ZONE)
    return f"{local:%b} {local.day}, {local:%H:%M}"


def day(at: datetime | date) -> str:
    """`Mar 1, 2021`: a date, or an instant's date at the exchange."""
    on = exchange_day(at) if isinstance(at, datetime) else at
    return f"{on:%b} {on.day}, {on.year}"


def wall_time(at: datetime) -> str:
    """`2026-11-23 05:40 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def status_words(status: str) -> str:
    """`pending submit` for pending_submit."""
    return status.replace("_", " ")


def plain_number(value: Decimal) -> str:
    """For data attributes: exact, no grouping, no exponent."""
    return format(value, "f")


def age(span: timedelta) -> str:
    """`just now`, `5 min ago`, `3 hours ago`, `12 days ago`."""
    mins = int(span.total_seconds() // 60)
    if mins < 1:
        return "just now"
    if mins < 60:
        return f"{mins} min ago"
    count, unit = (mins // 60, "hour") if mins < 24 * 60 else (mins // (24 * 60), "day")
    return f"{count} {unit}{'' if count == 1 else 's'} ago"


def short_money(value: Decimal | None) -> str:
    """`3.42 B`, `871.5 M`, `12.0 K`, `950.00`: four figures are enough to compare."""
    if value is None:
        return NOTHING
    for size, unit in (
        (Decimal(10) ** 12, "T"),
        (Decimal(10) ** 9, "B"),
        (Decimal(10) ** 6, "M"),
        (Decimal(1000), "K"),
    ):
        if abs(value) >= size:
            part = value / size
            return f"{money(part, 2 if abs(part) < 10 else 1)} {unit}"
    return money(value)
