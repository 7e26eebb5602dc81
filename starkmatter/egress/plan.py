"""How much a vendor's plan lets us ask: a token bucket for the minute, a count for the day, kept below the plan's own.

The bucket refills at REFILL_RATIO of the plan and holds BURST_RATIO of it at most, so that no minute sees more than the
plan allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from starkmatter.errors import InvalidInput

REFILL_RATIO = 0.8
BURST_RATIO = 0.2
# Quotes may use so much of the bucket; the rest is for bars and searches.
QUOTES_RATIO = 0.5
SESSION_SECS = 6.5 * 3600
MAX_PER_MIN, MAX_PER_DAY = 100_000, 10_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests a minute and a day (UTC) of a vendor's plan; `per_day` None: it has no such limit."""

    per_min: float
    per_day: int | None = None

    @property
    def refill_per_min(self) -> float:
        """What we ask in a minute at most, when we ask all the time."""
        return self.per_min * REFILL_RATIO

    @property
    def burst(self) -> float:
        """How many requests may go out at once; at least one."""
        return max(1.0, self.per_min * BURST_RATIO)

    def bucket(self) -> AsyncLimiter:
        """A full bucket."""
        return AsyncLimiter(self.burst, self.burst / self.refill_per_min * 60)

    def every_secs(self, requests: int) -> float:
        """How often so many requests can be made all through a session without using up minute or day."""
        of_minute = requests * 60 / (self.refill_per_min * QUOTES_RATIO)
        of_day = requests * SESSION_SECS / (self.per_day * QUOTES_RATIO) if self.per_day else 0.0
        return max(of_minute, of_day)


def plan_of(values: Mapping[str, str], free: Plan) -> Plan:
    """The plan entered with a vendor's key, or the free one where nothing was. InvalidInput when it is no number."""
    per_min = _whole(values.get("per_min", ""), "Requests a minute", MAX_PER_MIN)
    per_day = _whole(values.get("per_day", ""), "Requests a day", MAX_PER_DAY)
    if per_day is None and "per_day" not in values:
        per_day = free.per_day
    return Plan(per_min or free.per_min, per_day or None)


def check_plan(values: Mapping[str, str]) -> None:
    """InvalidInput in words when what was entered is no plan."""
    plan_of(values, Plan(1.0))


def _whole(text: str, label: str, most: int) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isascii() or not text.strip().isdigit() or not int(text) <= most:
        raise InvalidInput(f"{label}: a whole number up to {most:,}.")
    if label == "Requests a minute" and int(text) == 0:
        raise InvalidInput(f"{label}: at least 1.")
    return int(text)
