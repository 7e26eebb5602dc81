"""Rules that an account's owner sets for themselves: tightened at once, loosened only a day after it was asked for.

Whoever asks for more room in the heat of the moment has it tomorrow, and may think better of it until then. Orders that
only reduce a position are never bound by a rule: they are the way out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, get_args

LimitKind = Literal[
    "trades_per_day",
    "loss_per_day",
    "cooldown_mins",
    "position_value",
    "position_pct",
    "no_averaging_down",
    "live_per_day",
]
LIMIT_KINDS: tuple[LimitKind, ...] = get_args(LimitKind)
LOOSENS_AFTER = timedelta(hours=24)
# The greatest value that makes sense; a rule that cannot be reached is none.
MOST: dict[LimitKind, Decimal] = {
    "trades_per_day": Decimal(10_000),
    "loss_per_day": Decimal(1_000_000_000),
    "cooldown_mins": Decimal(7 * 24 * 60),
    "position_value": Decimal(1_000_000_000),
    "position_pct": Decimal(1_000),
    "no_averaging_down": Decimal(1),
    "live_per_day": Decimal(1_000_000_000),
}
WHOLE: frozenset[LimitKind] = frozenset({"trades_per_day", "cooldown_mins", "no_averaging_down"})
DECIMALS = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Limit:
    """One rule as stored: `value` binds (None: nothing does) until `loosens_at`, from when on `loosens_to` does.

    Money in the account's currency, `position_pct` in percent of equity, `no_averaging_down` is 1 or None.
    `live_per_day` binds orders of real money alone (`alembic/sql/0050_live.sql`).
    """

    kind: LimitKind
    value: Decimal | None = None
    loosens_to: Decimal | None = None
    loosens_at: datetime | None = None

    def in_force(self, now: datetime) -> Decimal | None:
        """What binds at `now`."""
        return self.loosens_to if self.loosens_at is not None and self.loosens_at <= now else self.value

    def is_loosening(self, now: datetime) -> bool:
        """Whether a loosening was asked for and does not count yet."""
        return self.loosens_at is not None and self.loosens_at > now


def problem_of(kind: LimitKind, value: Decimal | None) -> str | None:
    """Why this cannot be the rule's value, in words; None when it can (None as the value: no rule)."""
    if value is None:
        return None
    least = Decimal(1) if kind in WHOLE else DECIMALS
    if kind in {"trades_per_day", "live_per_day"}:
        least = Decimal(0)
    if not value.is_finite() or not least <= value <= MOST[kind]:
        return f"This rule takes a figure from {least} to {MOST[kind]:,}."
    if kind in WHOLE and value != value.to_integral_value():
        return "This rule takes a whole number."
    if value != value.quantize(DECIMALS):
        return "This rule takes two decimals at most."
    return None


def is_looser(kind: LimitKind, wanted: Decimal | None, current: Decimal | None) -> bool:
    """Whether `wanted` leaves more room than `current`; None leaves all of it."""
    if current is None:
        return False
    if wanted is None:
        return True
    return wanted < current if kind == "cooldown_mins" else wanted > current


def change(limit: Limit, wanted: Decimal | None, now: datetime) -> Limit:
    """The rule after somebody asked for `wanted` at `now`.

    What is tighter, or the same, counts at once and withdraws a loosening that waits; what is looser waits its day,
    from now, also when another loosening was waiting already.
    """
    current = limit.in_force(now)
    if is_looser(limit.kind, wanted, current):
        return Limit(limit.kind, current, wanted, now + LOOSENS_AFTER)
    return Limit(limit.kind, wanted)


def withdraw(limit: Limit, now: datetime) -> Limit:
    """The rule without the loosening that waits; one that counts already is not taken back."""
    return Limit(limit.kind, limit.in_force(now))
