"""What the portfolio pages and the API show of accounts, positions and the ledger."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from starkmatter.domain.orders import AccountMode
from starkmatter.domain.quotes import Venue


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


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account, valued at the last known quotes. Money in `currency`.

    `day_pl` is the change of equity since the previous session's close, deposits excluded. `stale` says that at
    least one position was valued at a quote older than it should be or at cost.
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


@dataclass(frozen=True, slots=True)
class PositionView:
    """One holding, valued at `last`. `qty` is signed shares; `cost_basis` is what the open shares cost, fees included.

    `last` is None when no quote is known; market value and unrealized P&L are then taken at cost and marked stale.
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


@dataclass(frozen=True, slots=True)
class PostingView:
    """One leg of a ledger entry: `account` such as `assets:cash`, `commodity` such as USD or AAPL, signed `amount`."""

    account: str
    commodity: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LedgerEntryView:
    """One balanced ledger entry: per commodity its postings sum to zero."""

    id: int
    booked_at: datetime
    venue_at: datetime
    kind: str
    description: str
    order_id: UUID | None
    postings: list[PostingView]


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Equity of an account at a venue instant, in its currency."""

    at: datetime
    equity: Decimal
