"""Quotes, bars and the venue's clock: what a market said, who said it and when."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

Venue = Literal["replay", "market"]
Interval = Literal["1m", "5m", "15m", "1h", "1d"]
QuoteCondition = Literal["normal", "suspect", "halted"]
SessionState = Literal["pre", "open", "closed", "ended"]

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
    day's cumulative volume in shares, `prev_close` the close of the session before. `None` means that the source
    has no such figure (an index has no bid). `suspect`: the price jumped without a second source, take no orders on
    it. `halted`: nothing trades, `last` is the last close the source has.
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
    prev_close: Decimal | None = None
    condition: QuoteCondition = "normal"


class Bar(NamedTuple):
    """Open, high, low, close and volume of `interval` from `starts_at` (aware UTC; the session's open for 1d).

    `note` says what of the bar is not the source's own figure (None: nothing). A tuple: they are made by the thousand.
    """

    symbol: str
    interval: Interval
    starts_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    provider: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class VenueClock:
    """What time it is at a venue and whether it trades.

    `pre` is the half hour before the open; `ended` means that the replay's history is over and nothing will trade
    again in this run. `next_open` and `next_close` are the next ones after `venue_now` (None when there is none).
    `note` is what a person should know of the venue's sources; empty when there is nothing.
    The replay's own fields (`run_id`, `start_on`, `seed`) are None on the wall-clock market, whose speed is 1.
    """

    venue: Venue
    venue_now: datetime
    state: SessionState
    session_on: date | None
    next_open: datetime | None
    next_close: datetime | None
    speed: int = 1
    paused: bool = False
    run_id: int | None = None
    start_on: date | None = None
    seed: int | None = None
    ends_on: date | None = None
    note: str = ""
