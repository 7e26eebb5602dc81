"""What is asked of an optimization, and what comes of it. Percentages are of the account, cash included."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args
from uuid import UUID

from starkmatter.domain.money import ZERO

Goal = Literal["least_risk", "equal_risk", "best_ratio"]
GroupBy = Literal["", "sector", "class"]
State = Literal["waiting", "running", "done", "failed"]
GOALS: tuple[Goal, ...] = get_args(Goal)


@dataclass(frozen=True, slots=True)
class Bound:
    """A group and what it may weigh together, in percent of what is invested."""

    group: str
    least_pct: Decimal
    most_pct: Decimal


@dataclass(frozen=True, slots=True)
class OptimizingWish:
    """Long only; bounds are percentages of what is invested, `cash_pct` of the account stays in cash.

    `watchlist_id` None takes what the account holds. `days` are the closed days looked back on; `risk_free` is a
    yearly rate (0.04 is 4 %).
    """

    goal: Goal
    watchlist_id: UUID | None = None
    days: int = 504
    least_pct: Decimal = ZERO
    most_pct: Decimal = Decimal(100)
    by: GroupBy = ""
    bounds: tuple[Bound, ...] = ()
    cash_pct: Decimal = ZERO
    risk_free: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Part:
    """One symbol: its share of the account now and as proposed, and its part in the risk of the proposed mix."""

    symbol: str
    group: str
    now_pct: Decimal | None
    proposed_pct: Decimal
    risk_pct: Decimal


@dataclass(frozen=True, slots=True)
class Estimate:
    """A year of a mix that is all invested, were the days to come like those looked back on; ratios.

    `sharpe` is None for a mix without any risk.
    """

    expected_return: Decimal
    volatility: Decimal
    sharpe: Decimal | None


@dataclass(frozen=True, slots=True)
class Proposed:
    """The weights, and what they are estimated to be worth beside the present ones (None: nothing of it is held)."""

    parts: list[Part]
    now: Estimate | None
    proposed: Estimate
    days: int
    first_on: date
    last_on: date


@dataclass(frozen=True, slots=True)
class Optimization:
    """One that was asked for. `words` say why it failed; `found` is there when it is done."""

    id: UUID
    account_id: UUID
    state: State
    words: str
    asked: Mapping[str, Any]
    result: Mapping[str, Any] | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def is_moving(self) -> bool:
        return self.state in ("waiting", "running")

    @property
    def wish(self) -> OptimizingWish:
        return wish_of(self.asked)

    @property
    def notes(self) -> list[str]:
        """What of a list was not looked at, in a sentence."""
        left: list[str] = self.asked["left_out"]
        return [f"Left out, as it cannot be traded on this account: {', '.join(left)}."] if left else []

    @property
    def found(self) -> Proposed | None:
        return None if self.result is None else proposed_of(self.result)


def wish_as_json(wish: OptimizingWish) -> dict[str, Any]:
    """As it is stored; figures are texts."""
    return {
        "goal": wish.goal,
        "watchlist_id": None if wish.watchlist_id is None else str(wish.watchlist_id),
        "days": wish.days,
        "least_pct": str(wish.least_pct),
        "most_pct": str(wish.most_pct),
        "by": wish.by,
        "bounds": [[one.group, str(one.least_pct), str(one.most_pct)] for one in wish.bounds],
        "cash_pct": str(wish.cash_pct),
        "risk_free": str(wish.risk_free),
    }


def wish_of(stored: Mapping[str, Any]) -> OptimizingWish:
    """The wish of `wish_as_json`."""
    return OptimizingWish(
        goal=stored["goal"],
        watchlist_id=None if stored["watchlist_id"] is None else UUID(stored["watchlist_id"]),
        days=stored["days"],
        least_pct=Decimal(stored["least_pct"]),
        most_pct=Decimal(stored["most_pct"]),
        by=stored["by"],
        bounds=tuple(Bound(group, Decimal(least), Decimal(most)) for group, least, most in stored["bounds"]),
        cash_pct=Decimal(stored["cash_pct"]),
        risk_free=Decimal(stored["risk_free"]),
    )


def proposed_as_json(found: Proposed) -> dict[str, Any]:
    """As it is stored; figures are texts."""
    return {
        "parts": [
            [one.symbol, one.group, _text(one.now_pct), str(one.proposed_pct), str(one.risk_pct)] for one in found.parts
        ],
        "now": None if found.now is None else _estimate(found.now),
        "proposed": _estimate(found.proposed),
        "days": found.days,
        "first_on": found.first_on.isoformat(),
        "last_on": found.last_on.isoformat(),
    }


def proposed_of(stored: Mapping[str, Any]) -> Proposed:
    """What `proposed_as_json` stored."""
    return Proposed(
        parts=[
            Part(symbol, group, None if now is None else Decimal(now), Decimal(proposed), Decimal(risk))
            for symbol, group, now, proposed, risk in stored["parts"]
        ],
        now=None if stored["now"] is None else _estimate_of(stored["now"]),
        proposed=_estimate_of(stored["proposed"]),
        days=stored["days"],
        first_on=date.fromisoformat(stored["first_on"]),
        last_on=date.fromisoformat(stored["last_on"]),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _estimate(one: Estimate) -> list[str | None]:
    return [str(one.expected_return), str(one.volatility), _text(one.sharpe)]


def _estimate_of(stored: list[Any]) -> Estimate:
    expected, volatility, sharpe = stored
    return Estimate(Decimal(expected), Decimal(volatility), None if sharpe is None else Decimal(sharpe))
