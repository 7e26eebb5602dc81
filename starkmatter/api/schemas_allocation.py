"""What goes over the wire about allocation, targets and proposals to rebalance."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Figure, Instant, Money, Qty, Ratio, Request
from starkmatter.api.schemas_baskets import BasketOut
from starkmatter.portfolio.allocating.breakdown import MAX_TAGS
from starkmatter.portfolio.allocating.targets import MAX_NAME_CHARS, MAX_PARTS


class CutSlice(Answer):
    name: str
    value: Money
    weight: Ratio | None


class BreakdownOut(Answer):
    """Each cut adds up to `equity`, cash included, but for tags: a symbol counts under each of its own."""

    account_ids: list[UUID]
    currency: str
    equity: Money
    cuts: dict[str, list[CutSlice]]
    tags: dict[str, list[str]]
    missing: list[str]


class NewTags(Request):
    """All tags of the symbol; none deletes them."""

    tags: list[str] = Field(max_length=MAX_TAGS)


class TagsOut(Answer):
    symbol: str
    tags: list[str]


class TargetIn(Request):
    name: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    percent: Figure


class NewTargets(Request):
    """Percentages of the whole; with the cash they add up to 100."""

    by: Literal["symbol", "sector", "class"]
    targets: list[TargetIn] = Field(min_length=1, max_length=MAX_PARTS)
    cash_pct: Figure = Field(default=..., description="What is to stay in cash")
    tolerance_pct: Figure = Field(default=..., description="Points to either side within which nothing is traded")


class DriftOut(Answer):
    part: str
    value: Money
    actual_pct: Qty | None
    target_pct: Qty
    target_value: Money
    excess: Money
    outside: bool


class StandingOut(Answer):
    account_id: UUID
    currency: str
    by: str
    cash_pct: Qty
    tolerance_pct: Qty
    updated_at: Instant
    drift_pct: Qty | None = Field(description="What of the whole lies in the wrong place")
    parts: list[DriftOut]
    missing: list[str]


class Wish(Request):
    only_buy: bool = Field(False, description="Sell nothing; spend the cash above its target")
    whole: bool = Field(True, description="Whole shares only")
    spend_at_most: Figure | None = None


class TradeOut(Answer):
    symbol: str
    part: str
    side: str
    qty: Qty
    value: Money
    cost: Money


class SaleTaxOut(Answer):
    symbol: str
    short_gain: Money
    long_gain: Money


class RebalanceOut(Answer):
    """Nothing is ordered by it. Gains are by the account's lot method, after the estimated cost of the sales."""

    account_id: UUID
    currency: str
    trades: list[TradeOut]
    cost: Money
    short_gain: Money
    long_gain: Money
    taxes: list[SaleTaxOut]
    method: str
    drift_pct: Qty | None
    drift_pct_after: Qty | None
    cash_after: Money
    left_out: list[str]
    notes: list[str]


class TriedOut(Answer):
    """A branch of the account with its targets, and its basket that waits for review there."""

    account_id: UUID
    account_name: str
    basket: BasketOut


class SideOut(Answer):
    account_id: UUID
    name: str
    start_value: Money
    flows: Money
    value: Money
    result: Money
    simple: Ratio | None = Field(description="Result over what was there and was paid in; null with its `reason`")
    reason: str


class WeightsOut(Answer):
    part: str
    original: Ratio | None
    branch: Ratio | None


class ComparisonOut(Answer):
    """A branch beside what it was branched from, since it began."""

    since_at: Instant
    currency: str
    original: SideOut
    branch: SideOut
    weights: list[WeightsOut]
    notes: list[str]
