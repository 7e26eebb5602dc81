"""Allocation, targets and proposals as pages and the API show them. Money in the account's currency."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from starkmatter.domain.rebalancing import Drift, Targets, Trade
from starkmatter.portfolio.records import Slice

Dimension = Literal["symbol", "class", "sector", "country", "currency", "account", "tag"]
TargetBy = Literal["symbol", "sector", "class"]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One or more accounts of one market, cut in every way, in `currency`; cash is a slice of each.

    The slices of a cut add up to `equity`, but for tags: a symbol counts under each of its own. `missing` names what
    stands at cost and accounts that have no exchange rate.
    """

    account_ids: list[UUID]
    currency: str
    equity: Decimal
    cuts: dict[Dimension, list[Slice]]
    tags: dict[str, list[str]]
    missing: list[str]


@dataclass(frozen=True, slots=True)
class TargetSet:
    """What an account is to consist of; `names` and `percents` belong together."""

    by: TargetBy
    names: list[str]
    percents: list[Decimal]
    cash_pct: Decimal
    tolerance_pct: Decimal
    updated_at: datetime

    @property
    def targets(self) -> Targets:
        return Targets(dict(zip(self.names, self.percents, strict=True)), self.cash_pct, self.tolerance_pct)


@dataclass(frozen=True, slots=True)
class Standing:
    """Targets with how far the account is from them; `drift_pct` is what of the whole lies in the wrong place."""

    account_id: UUID
    currency: str
    targets: TargetSet
    drifts: list[Drift]
    drift_pct: Decimal | None
    missing: list[str]


@dataclass(frozen=True, slots=True)
class SaleTax:
    """What a proposed sale would realize by the account's lot method, before fees of its own are known exactly."""

    symbol: str
    short_gain: Decimal
    long_gain: Decimal


@dataclass(frozen=True, slots=True)
class Proposal:
    """Trades that would bring the account to its targets. Nothing is ordered.

    `drift_pct_after` is before costs. `method` is how sales find their lots; `notes` hold wash-sale warnings.
    """

    account_id: UUID
    currency: str
    trades: list[Trade]
    cost: Decimal
    taxes: list[SaleTax]
    method: str
    drift_pct: Decimal | None
    drift_pct_after: Decimal | None
    cash_after: Decimal
    left_out: list[str]
    notes: list[str]

    @property
    def short_gain(self) -> Decimal:
        return sum((one.short_gain for one in self.taxes), Decimal(0))

    @property
    def long_gain(self) -> Decimal:
        return sum((one.long_gain for one in self.taxes), Decimal(0))
