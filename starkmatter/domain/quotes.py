"""Quotes, bars and the venue's clock: what a market said, who said it and when."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple, cast, get_args

Venue = Literal["replay", "market"]
Interval = Literal["1m", "5m", "15m", "1h", "1d"]
ShownInterval = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1mo"]
QuoteCondition = Literal["normal", "suspect", "halted"]
SessionState = Literal["pre", "open", "closed", "ended"]

INTERVALS: dict[Interval, timedelta] = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}


class RollUp(NamedTuple):
    """A longer bar made of stored ones: at most `parts` bars of `base`, none longer than `span` from first to last."""

    base: Interval
    parts: int
    span: timedelta


ROLL_UPS: dict[ShownInterval, RollUp] = {
    "30m": RollUp("15m", 2, timedelta(minutes=30)),
    "4h": RollUp("1h", 4, timedelta(hours=4)),
    "1w": RollUp("1d", 7, timedelta(days=7)),
    "1mo": RollUp("1d", 31, timedelta(days=31)),
}
SHOWN_INTERVALS: tuple[ShownInterval, ...] = get_args(ShownInterval)


def base_of(interval: ShownInterval) -> Interval:
    """The stored interval that bars of `interval` are read from."""
    rolled = ROLL_UPS.get(interval)
    return rolled.base if rolled is not None else cast("Interval", interval)


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
