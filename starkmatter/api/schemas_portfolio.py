"""What goes over the wire about returns, drawdowns and what accounts are made of."""

from datetime import date
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Instant, Money, Qty, Ratio
from starkmatter.domain.waterfall import StepKey


class EquityPointOut(Answer):
    at: Instant
    equity: Money


class DrawdownOut(Answer):
    depth: Ratio
    peak_on: date
    trough_on: date
    recovered_on: date | None


class MonthOut(Answer):
    year: int
    month: int
    ratio: Ratio
    whole: bool


class BenchmarkOut(Answer):
    """`same_flows`: what the book would be worth, had its start value and flows gone into the benchmark instead."""

    symbol: str
    name: str
    twr: Ratio | None
    drawdown: DrawdownOut | None
    same_flows: Money | None


class RateUsedOut(Answer):
    """What one unit of a currency cost in the book's at both ends; null where no rate is known."""

    currency: str
    start_rate: Qty | None
    end_rate: Qty | None


class PerformanceOut(Answer):
    """Returns are for the whole period; `*_annual` are null for less than a year. A null is explained in `missing`.

    `account_id` is null for all accounts together, which are `account_ids`. `fx` is the exchange rates' part of `pl`.
    """

    account_id: UUID | None
    account_ids: list[UUID]
    name: str
    currency: str
    start_at: Instant
    end_at: Instant
    since_opening: bool
    twr: Ratio | None
    mwr: Ratio | None
    simple: Ratio | None
    price_only: Ratio | None
    gross: Ratio | None
    twr_annual: Ratio | None
    mwr_annual: Ratio | None
    pl: Money
    flows: Money
    deposits: Money
    withdrawals: Money
    fees: Money
    taxes: Money
    interest: Money
    dividends: Money
    start_value: Money
    end_value: Money
    benchmark: BenchmarkOut | None
    drawdown: DrawdownOut | None
    months: list[MonthOut]
    missing: list[str]
    fx: Money | None
    rates: list[RateUsedOut]


class SliceOut(Answer):
    name: str
    value: Money
    weight: Ratio | None


class AllocationOut(Answer):
    account_id: UUID | None
    currency: str
    equity: Money
    cash: SliceOut
    symbols: list[SliceOut]
    sectors: list[SliceOut]
    missing: list[str]


class RiskFigureOut(Answer):
    """`value` is a ratio or a plain number; null with its `reason`."""

    name: str
    value: Ratio | None
    reason: str


class FallOut(Answer):
    depth: Ratio
    peak_on: date
    trough_on: date
    recovered_on: date | None
    days: int
    days_back: int | None


class WindowOut(Answer):
    on: date
    volatility: Ratio | None
    sharpe: Ratio | None
    beta: Ratio | None


class RiskOut(Answer):
    """Figures over the closed days of a period. Days are trading days; a year has 252."""

    account_id: UUID | None
    start_on: date
    end_on: date
    days: int
    benchmark: str | None
    against_days: int
    risk_free: Ratio
    window_days: int
    figures: list[RiskFigureOut]
    falls: list[FallOut]
    windows: list[WindowOut]
    notes: list[str]


class WorthOut(Answer):
    qty: Qty
    value: Money


class StepOut(Answer):
    key: StepKey
    value: Money
    entry_ids: list[int]


class SymbolGainOut(Answer):
    """What one symbol brought, from what its shares were worth at the start: by price, and by exchange rates (`fx`).

    Fees are a step.
    """

    symbol: str
    start: WorthOut
    end: WorthOut
    bought: Money
    sold: Money
    realized: Money
    unrealized: Money
    fx: Money
    gain: Money
    entry_ids: list[int]


class EntryLineOut(Answer):
    id: int
    at: Instant
    kind: str
    description: str


class ExplanationOut(Answer):
    """From `start_value` to `end_value`: the steps sum to `change` exactly. `exact`: none of it is unassigned."""

    account_id: UUID | None
    currency: str
    since_opening: bool
    ends_now: bool
    start_at: Instant
    end_at: Instant
    start_value: Money
    end_value: Money
    change: Money
    exact: bool
    steps: list[StepOut]
    symbols: list[SymbolGainOut]
    entries: list[EntryLineOut]
    left_off: int
    notes: list[str]


class EffectOut(Answer):
    """What one sector brought of the difference; its weights are means over the days."""

    name: str
    weight: Ratio
    market_weight: Ratio
    allocation: Ratio
    selection: Ratio
    interaction: Ratio
    total: Ratio


class AttributionOut(Answer):
    """Effects and `trading` sum to `excess` exactly. The market is equal parts of `stocks` stocks."""

    account_id: UUID | None
    start_on: date | None
    end_on: date | None
    days: int
    stocks: int
    ratio: Ratio | None
    market_ratio: Ratio | None
    excess: Ratio | None
    trading: Ratio | None
    effects: list[EffectOut]
    notes: list[str]


class CurrencyEffectOut(Answer):
    """What one currency brought by prices in it and by its rate; the weight is a mean over the days."""

    name: str
    weight: Ratio
    price: Ratio
    currency: Ratio
    total: Ratio


class ByCurrencyOut(Answer):
    """Effects and `trading` sum to `ratio` exactly; `price` and `fx` are the sums of theirs."""

    account_id: UUID | None
    currency: str
    start_on: date | None
    end_on: date | None
    days: int
    ratio: Ratio | None
    price: Ratio | None
    fx: Ratio | None
    trading: Ratio | None
    effects: list[CurrencyEffectOut]
    notes: list[str]


class BookAccountOut(Answer):
    """One account of a book: its equity in its own currency, `value` and what came of it today in the book's."""

    id: UUID
    name: str
    currency: str
    equity: Money
    value: Money
    day_pl: Money | None


class BookOut(Answer):
    """Several accounts of one market together, at today's exchange rates. `missing` names what is left out."""

    account_id: None = None
    name: str
    venue: str
    currency: str
    equity: Money
    day_pl: Money | None = Field(
        description="What came today, each account from its last close at the rate of that day; null where that rate "
        "is missing"
    )
    accounts: list[BookAccountOut]
    missing: list[str]
