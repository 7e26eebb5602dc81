"""Quotes and bars: what a market said, who said it and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

Venue = Literal["replay", "market"]
Interval = Literal["1m", "5m", "15m", "1h", "1d"]

INTERVALS: dict[Interval, timedelta] = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask and the last trade. Prices in the instrument's currency per share, sizes in shares.

    `observed_at` is the vendor's clock (venue time on the replay market), `received_at` ours. `volume` is the
    day's cumulative volume in shares. `None` means that the source has no such figure.
    """

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal
    bid_size: Decimal | None
    ask_size: Decimal | None
    volume: Decimal | None
    observed_at: datetime
    received_at: datetime
    provider: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Open, high, low, close and volume of `interval` from `starts_at` (aware UTC; the session's open for 1d)."""

    symbol: str
    interval: Interval
    starts_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    provider: str
