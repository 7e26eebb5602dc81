"""What pages and API show of the replay, and bars as columns."""

from dataclasses import dataclass
from datetime import date, datetime

from starkmatter.domain.quotes import VenueClock


@dataclass(frozen=True, slots=True)
class ReplayRunView:
    """One run of the replay. Anchor and horizon: see `replay_run`."""

    id: int
    seed: int
    start_on: date
    speed: int
    paused: bool
    skip_closed: bool
    anchor_venue_at: datetime
    anchor_wall_at: datetime
    horizon_venue_at: datetime
    configured: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReplayStatus:
    """The present run, the venue's clock (None while the feed or Valkey is down) and what may be asked for.

    `pending_commands` counts what the worker has not carried out yet: more than a second of it means no worker runs.
    """

    run: ReplayRunView | None
    clock: VenueClock | None
    pending_commands: int
    history_starts_on: date | None
    history_ends_on: date | None


@dataclass(frozen=True, slots=True)
class BarColumns:
    """Bars as columns, oldest first: floats for computing, never money. `volume` is None where nobody knows it.

    `starts_at` is in seconds since 1970, `session` the number of the exchange's day since then.
    """

    starts_at: list[float]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float | None]
    session: list[int]
