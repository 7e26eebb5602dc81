"""Figures of vendors as exact numbers and instants. What is none becomes a value that the border turns away and counts.

A parser neither drops such a figure silently nor guesses: NaN is no price and no size, NEVER has not happened yet, and
NO_DAY does not come.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from starkmatter.domain.quotes import Bar
from starkmatter.domain.sessions import EXCHANGE_ZONE

NAN = Decimal("NaN")
NEVER = datetime(9000, 1, 1, tzinfo=UTC)
NO_DAY = date(9000, 1, 1)
WRITTEN = re.compile(r"-?\d{1,15}(\.\d{1,12})?")
CLOSE = time(16, 0)
DAY = timedelta(days=1)


def asked_for(bars: Iterable[Bar], start: datetime) -> list[Bar]:
    """In order, without those of the day before `start`, which vendors add; what is older the border counts."""
    return sorted((bar for bar in bars if not start - DAY <= bar.starts_at < start), key=lambda bar: bar.starts_at)


def number(value: Any) -> Decimal | None:
    """A figure the vendor writes as a number; None for what is absent, NaN for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NAN
    return Decimal(repr(value))


def written(value: Any) -> Decimal | None:
    """A figure the vendor writes as text; None for what is absent, NaN for anything else."""
    if value is None:
        return None
    return Decimal(value) if isinstance(value, str) and WRITTEN.fullmatch(value) else NAN


def price(figure: Decimal | None) -> Decimal:
    """A price that must be there: NaN where it is not."""
    return NAN if figure is None else figure


def touch(bid: Decimal | None, ask: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Bid and ask; none where one side is missing or they are crossed. A side of zero is missing.

    What is no figure stays what it is, so that the border sees it.
    """
    if bid is None or ask is None:
        return None, None
    if not (bid.is_finite() and ask.is_finite()):
        return bid, ask
    return (bid, ask) if 0 < bid <= ask else (None, None)


def instant(value: Any, per_sec: int = 1) -> datetime:
    """The instant of a count since 1970: of seconds, or of so many parts of one. NEVER when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value <= 0:
        return NEVER
    try:
        whole, parts = divmod(value, per_sec)
        return datetime.fromtimestamp(whole, UTC).replace(microsecond=int(parts * 1_000_000 // per_sec))
    except (OverflowError, OSError, ValueError):
        return NEVER


def instant_of_text(value: Any) -> datetime:
    """`2026-11-25 14:30:00` in UTC; NEVER when it is none."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else NEVER
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return NEVER


def day(value: Any) -> date | None:
    """`2026-11-25`; None when it is none."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def day_instant(value: Any, at: time = time(12, 0)) -> datetime:
    """An instant of the day in exchange time; NEVER when it is no day."""
    found = day(value)
    return NEVER if found is None else datetime.combine(found, at, EXCHANGE_ZONE).astimezone(UTC)


def must_day(value: Any) -> date:
    """`2026-11-25`; NO_DAY when it is none."""
    return day(value) or NO_DAY


def may_day(value: Any) -> date | None:
    """A day that may be left out, also in the words and zeros vendors use for that; NO_DAY when it is none."""
    if value is None or (isinstance(value, str) and value.strip() in {"", "-", "None", "null", "0000-00-00"}):
        return None
    return must_day(value)


def code(value: Any) -> str:
    """A currency's three letters as they are written in capitals; what is no text becomes none, which is refused."""
    return value.strip().upper()[:10] if isinstance(value, str) else ""
