"""The replay's clock: venue time as a function of an anchor and the wall time, never backward within a run."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from starkmatter.domain.sessions import SessionCalendar

MIN_SPEED = 1
MAX_SPEED = 60
CLOSED_WALL = timedelta(seconds=3)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ClockAnchor:
    """At wall time `wall_at` the venue showed `venue_at`; since then it has run `speed` times as fast, or stood still.

    With `skip_closed` the time between two sessions passes within CLOSED_WALL whatever its length; without it nights
    and weekends run at `speed` as well.
    """

    venue_at: datetime
    wall_at: datetime
    speed: int
    paused: bool = False
    skip_closed: bool = True


def venue_time(anchor: ClockAnchor, calendar: SessionCalendar, wall_now: datetime) -> datetime:
    """Venue time at `wall_now`. A wall clock that stepped back shows the anchor; after the last close time rests."""
    venue_at = anchor.venue_at
    left = max(wall_now - anchor.wall_at, timedelta(0))
    if anchor.paused or not left:
        return venue_at
    sessions = calendar.sessions
    index = calendar.index_at(venue_at)
    while True:
        if index >= 0 and venue_at < sessions[index].closes_at:
            wall_needed = (sessions[index].closes_at - venue_at) / anchor.speed
            if left < wall_needed:
                return venue_at + left * anchor.speed
            venue_at, left = sessions[index].closes_at, left - wall_needed
        if index + 1 >= len(sessions):
            return venue_at
        gap = sessions[index + 1].opens_at - venue_at
        if anchor.skip_closed and index >= 0:
            whole_gap = sessions[index + 1].opens_at - sessions[index].closes_at
            wall_needed = CLOSED_WALL * (gap // MICROSECOND) // (whole_gap // MICROSECOND)
        else:
            wall_needed = gap / anchor.speed if not anchor.skip_closed else timedelta(0)
        if left < wall_needed:
            passed_us = (gap // MICROSECOND) * (left // MICROSECOND) // (wall_needed // MICROSECOND)
            return venue_at + passed_us * MICROSECOND
        venue_at, left = sessions[index + 1].opens_at, left - wall_needed
        index += 1


def reanchor(
    anchor: ClockAnchor,
    calendar: SessionCalendar,
    wall_now: datetime,
    *,
    speed: int | None = None,
    paused: bool | None = None,
    skip_closed: bool | None = None,
) -> ClockAnchor:
    """The same clock anchored at `wall_now`, from there on with the given changes."""
    return replace(
        anchor,
        venue_at=venue_time(anchor, calendar, wall_now),
        wall_at=max(wall_now, anchor.wall_at),
        speed=anchor.speed if speed is None else speed,
        paused=anchor.paused if paused is None else paused,
        skip_closed=anchor.skip_closed if skip_closed is None else skip_closed,
    )
