"""What the portfolio pages and the API show of accounts, positions and the ledger."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from starkmatter.domain.margin import MarginState
from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import AccountKind, AccountMode
from starkmatter.domain.performance import Drawdown, MonthReturn
from starkmatter.domain.quotes import Venue

Access = Literal["own", "trade", "view"]
Branch = Literal["reset", "fork"]


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as stored, before valuation."""

    id: UUID
    name: str
    venue: Venue
    broker: str
    mode: AccountMode
    currency: str
    cash: Decimal
    reserved: Decimal
    created_at: datetime
    preset: str
    run_id: int | None
    read_only: bool
    opened_venue_at: datetime
    frozen_reason: str | None
    access: Access
    owner_name: str
    kind: AccountKind
    call_due_at: datetime | None
    call_state: str | None
    parent_id: UUID | None
    branch: Branch | None
    as_of: datetime | None
    parent_name: str | None


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account, valued at the last known quotes. Money in `currency`.

    `day_pl` is the change of equity since the previous session's close, deposits excluded. `stale` says that at
    least one position was valued at a quote older than it should be or at cost. `access` says what it is to the caller:
    their own, or somebody else's they may trade on or look at. `preset` is how hard the paper market is to it, with the
    version that its next fill is stamped with; of an account at a broker it says nothing. A margin account has its
    `margin` (None in a cash account, and for one that is closed), and when a call for more equity is to be met, if one
    is running: `call_state` is then open, or closing while positions are closed for it. Of a paper cash account
    `settled_cash` is what has settled and no purchase claims, `unsettled_cash` the rest of its cash: proceeds that come
    by `settled_on`. None where it is not known. `branch` says how it came from its parent: it follows one that was
    reset, or is a fork with what that had at `as_of`. `day_start` is what `day_pl` is measured from; None where that is
    nothing any more.
    """

    id: UUID
    name: str
    venue: Venue
    broker: str
    mode: AccountMode
    currency: str
    cash: Decimal
    reserved: Decimal
    buying_power: Decimal
    market_value: Decimal
    equity: Decimal
    day_pl: Decimal
    unrealized_pl: Decimal
    realized_pl: Decimal
    read_only: bool
    stale: bool
    created_at: datetime
    access: Access
    owner_name: str
    preset: str
    kind: AccountKind = "cash"
    margin: MarginState | None = None
    call_due_at: datetime | None = None
    call_state: str | None = None
    settled_cash: Decimal | None = None
    unsettled_cash: Decimal | None = None
    settled_on: date | None = None
    parent_id: UUID | None = None
    parent_name: str | None = None
    branch: Branch | None = None
    as_of: datetime | None = None
    day_start: "DayStart | None" = None


@dataclass(frozen=True, slots=True)
class DayStart:
    """What an account was worth when the session before today had ended, and what came from outside since.

    `at` is None where there was nothing before today: then it began with what was paid in.
    """

    at: datetime | None
    value: Decimal
    flow: Decimal


@dataclass(frozen=True, slots=True)
class PositionView:
    """One holding, valued at `last`. `qty` is signed shares; `cost_basis` is what the open shares cost, fees included.

    `last` is None when no quote is known; market value and unrealized P&L are then taken at cost and marked stale. It
    is in `currency`, and one unit of that is `rate` units of the account's today. It is not `priced` where that rate is
    not known: then it stands at cost.
    """

    account_id: UUID
    symbol: str
    qty: Decimal
    avg_price: Decimal
    cost_basis: Decimal
    last: Decimal | None
    market_value: Decimal
    unrealized_pl: Decimal
    realized_pl: Decimal
    day_pl: Decimal
    priced: bool = True
    currency: str = "USD"
    rate: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class PostingView:
    """One leg of a ledger entry: `account` such as `assets:cash`, `commodity` such as USD or AAPL, signed `amount`."""

    account: str
    commodity: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LedgerEntryView:
    """One balanced ledger entry: per commodity its postings sum to zero. `reverses` is the entry that it takes back."""

    id: int
    booked_at: datetime
    venue_at: datetime
    kind: str
    description: str
    order_id: UUID | None
    postings: list[PostingView]
    reverses: int | None = None


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Equity of an account at a venue instant, in its currency."""

    at: datetime
    equity: Decimal


@dataclass(frozen=True, slots=True)
class DayValue:
    """One day of an account: its newest value of that day, what came in (or went out) since the day before.

    `ratio` is the day's return, `growth` what one unit at the start has become (1 at the start), `below_peak` how far
    that lies under its highest so far (0 to -1). `benchmark_growth` is the benchmark's, None where it has no price.
    """

    on: date
    at: datetime
    value: Decimal
    flow: Decimal
    ratio: Decimal
    growth: Decimal
    below_peak: Decimal
    benchmark_growth: Decimal | None


@dataclass(frozen=True, slots=True)
class FlowView:
    """Money that came from outside (positive) or went out, as of the first valuation that knows it."""

    at: datetime
    paid_in: Decimal
    growth_before: Decimal
    growth_after: Decimal


@dataclass(frozen=True, slots=True)
class BenchmarkView:
    """An instrument's price over the same days. `twr` is its price return, None when the start or end has no price.

    `same_flows` is what the book would be worth at the end, had what it was worth at the start, and all that came or
    went since, been put into (taken from) the benchmark at the closes of their days; None where one of these has no
    price.
    """

    symbol: str
    name: str
    twr: Decimal | None
    drawdown: Drawdown | None
    same_flows: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RateUsed:
    """What one unit of a currency cost in the book's at both ends of a period; None where no rate is known."""

    currency: str
    start_rate: Decimal | None
    end_rate: Decimal | None


@dataclass(frozen=True, slots=True)
class Performance:
    """A book over a period. Returns are ratios for the whole period; None is explained in `missing`.

    `account_id` is None for several accounts together, which are `account_ids`. `price_only` is the time-weighted
    return without income and costs; `fx` what of `pl` exchange rates brought, None when it could not be told. `fees`
    are all costs, `taxes` those of them that were withheld; `twr` is after them, `gross` before them.

    `start_value` is the value at the close before the period, or at the opening of the account when it was opened
    later (`since_opening`). The yearly rates are None for less than a year. `pl` = end - start - `flows`.
    """

    account_id: UUID | None
    currency: str
    since_opening: bool
    start_at: datetime
    end_at: datetime
    start_value: Decimal
    end_value: Decimal
    twr: Decimal | None
    mwr: Decimal | None
    simple: Decimal | None
    twr_annual: Decimal | None
    mwr_annual: Decimal | None
    pl: Decimal
    flows: Decimal
    deposits: Decimal
    withdrawals: Decimal
    fees: Decimal
    dividends: Decimal
    benchmark: BenchmarkView | None
    drawdown: Drawdown | None
    days: list[DayValue]
    months: list[MonthReturn]
    flow_list: list[FlowView]
    missing: list[str]
    price_only: Decimal | None = None
    gross: Decimal | None = None
    taxes: Decimal = ZERO
    interest: Decimal = ZERO
    fx: Decimal | None = ZERO
    rates: list[RateUsed] = field(default_factory=list)
    account_ids: list[UUID] = field(default_factory=list)
    name: str = ""

    @property
    def length(self) -> timedelta:
        return self.end_at - self.start_at


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of an account: its value and its share of the equity (None when there is no equity)."""

    name: str
    value: Decimal
    weight: Decimal | None


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a book consists of now, the largest part first; symbols and sectors each sum to equity with cash."""

    account_id: UUID | None
    currency: str
    equity: Decimal
    cash: Slice
    symbols: list[Slice]
    sectors: list[Slice]
    missing: list[str]
