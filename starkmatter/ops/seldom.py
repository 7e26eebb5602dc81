"""A limit for log lines that a client could cause as often as it likes."""

from collections.abc import Callable

from starkmatter.clock import monotonic_secs

EVERY_SECS = 1.0


class Seldom:
    """Lets something through at most once a second and counts what it held back."""

    def __init__(self, every_secs: float = EVERY_SECS, clock: Callable[[], float] = monotonic_secs) -> None:
        self._every_secs, self._clock = every_secs, clock
        self._next_at = 0.0
        self._held_back = 0

    def take(self) -> int | None:
        """How many were held back since the last one; None when this one is held back too."""
        now = self._clock()
        if now < self._next_at:
            self._held_back += 1
            return None
        self._next_at = now + self._every_secs
        held_back, self._held_back = self._held_back, 0
        return held_back
