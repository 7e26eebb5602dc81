"""What goes over the wire about optimizations."""

from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Figure, Instant, Qty, Ratio, Request
from starkmatter.portfolio.allocating.targets import MAX_NAME_CHARS
from starkmatter.portfolio.optimizing.service import DAYS, MAX_BOUNDS

HUNDRED = Decimal(100)


class BoundIn(Request):
    """What a group may weigh together, in percent of what is invested."""

    group: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    least_pct: Figure = Decimal(0)
    most_pct: Figure = HUNDRED


class NewOptimization(Request):
    """Long only. Bounds are percentages of what is invested."""

    goal: Literal["least_risk", "equal_risk", "best_ratio"] = Field(
        description="Minimum variance, risk parity or maximum Sharpe ratio"
    )
    watchlist_id: UUID | None = Field(None, description="The symbols of a list; else what the account holds")
    days: int = Field(504, ge=DAYS[0], le=DAYS[1], description="Closed days looked back on")
    least_pct: Figure = Decimal(0)
    most_pct: Figure = HUNDRED
    by: Literal["", "sector", "class"] = Field("", description="What bounds group by")
    bounds: list[BoundIn] = Field(default_factory=list, max_length=MAX_BOUNDS)
    cash_pct: Figure = Field(Decimal(0), description="What of the account is to stay in cash")
    risk_free: Figure = Field(Decimal(0), description="A yearly rate, such as 0.04")


class PartOut(Answer):
    symbol: str
    group: str
    now_pct: Qty | None
    proposed_pct: Qty
    risk_pct: Qty = Field(description="Its part in the variance of the proposed mix")


class EstimateOut(Answer):
    """A year of a mix that is all invested, were the days to come like those looked back on."""

    expected_return: Ratio
    volatility: Ratio
    sharpe: Ratio | None


class ProposedOut(Answer):
    parts: list[PartOut]
    now: EstimateOut | None
    proposed: EstimateOut
    days: int
    first_on: date
    last_on: date


class OptimizationOut(Answer):
    """`words` say why it failed; `found` is there when it is done."""

    id: UUID
    account_id: UUID
    goal: str
    state: str
    words: str
    created_at: Instant
    ended_at: Instant | None
    found: ProposedOut | None
    notes: list[str]
    caution: str


class OptimizationsOut(Answer):
    items: list[OptimizationOut]
