"""A bucket for each key that refills steadily: how often somebody may do something, counted in this process."""

from collections.abc import Hashable

MAX_KEYS = 20_000


class Buckets:
    """Each key may do `burst` at once and `per_sec` for as long as it likes. Kept is one instant a key."""

    def __init__(self, per_sec: float, burst: float) -> None:
        self._gap_secs = 1 / per_sec
        self._depth_secs = burst / per_sec
        self._full_at: dict[Hashable, float] = {}

    def take(self, key: Hashable, now: float) -> float:
        """0.0 when there was one to take; else how many seconds until there is, and nothing is taken."""
        full_at = max(self._full_at.get(key, 0.0), now) + self._gap_secs
        wait = full_at - now - self._depth_secs
        if wait > 1e-9:
            return wait
        if key not in self._full_at and len(self._full_at) >= MAX_KEYS:
            self._forget(now)
        self._full_at[key] = full_at
        return 0.0

    def left(self, key: Hashable, now: float) -> int:
        """How many there are to take now."""
        return int((self._depth_secs - max(0.0, self._full_at.get(key, 0.0) - now)) / self._gap_secs + 1e-6)

    def give_back(self, key: Hashable) -> None:
        """What was taken last was not used."""
        self._full_at[key] = self._full_at.get(key, 0.0) - self._gap_secs

    def drop(self, key: Hashable) -> None:
        """This key will not come again."""
        self._full_at.pop(key, None)

    def _forget(self, now: float) -> None:
        """Drop the full ones; all of them when somebody has many names, since memory ends before names do."""
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) >= MAX_KEYS:
            self._full_at.clear()
