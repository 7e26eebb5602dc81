"""The only place that reads the time; everything else is given `now`."""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """The wall clock as an aware UTC instant."""
    return datetime.now(UTC)


def monotonic_secs() -> float:
    """Seconds on a clock that never steps back: for time-outs and intervals, never for instants."""
    return time.monotonic()
