"""Lots and realized gains as pages, exports and the API show them. Money in the account's currency."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from starkmatter.domain.lots import LotMethod
from starkmatter.domain.tax_report import TaxLine, TaxTotals, Term

AccountMethod = Literal["fifo", "lifo", "hifo", "average"]
OrderMethod = Literal["fifo", "lifo", "hifo"]


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """What an account's owner said: sales booked after ledger entry `after_entry_id` take their lots by `method`."""

    id: int
    account_id: UUID
    method: AccountMethod
    after_entry_id: int
    venue_at: datetime
    chosen_at: datetime


@dataclass(frozen=True, slots=True)
class OrderChoice:
    """What was said of one order: what it sells from the exchange's day `on` on takes its lots by `method`.

    None goes back to the account's method.
    """

    order_id: UUID
    method: OrderMethod | None
    on: date


@dataclass(frozen=True, slots=True)
class OrderLots:
    """How an order finds its lots: by `chosen`, or (None) by the account's method. `closes`: whether it takes any.

    `may_choose` until the day of its last fill ends; `why_not` says in words why not.
    """

    order_id: UUID
    account_id: UUID
    account_method: AccountMethod
    chosen: OrderMethod | None
    closes: bool
    may_choose: bool
    why_not: str


@dataclass(frozen=True, slots=True)
class LotView:
    """Shares of one purchase (or short sale) that are still open.

    `qty` and `cost` are negative for a short lot. `acquired_on` is None where nobody here knows it; `held_since` counts
    for the term and is earlier than the purchase after a wash sale. `term` is that of a sale on the report's day,
    `long_term_on` the first day on which it would be long (None for a short lot). `washed` is the loss that waits in
    the cost. `last` None: there is no price, and the lot stands at its cost.
    """

    id: str
    entry_id: int
    symbol: str
    qty: Decimal
    acquired_on: date | None
    held_since: date
    cost: Decimal
    unit_cost: Decimal
    last: Decimal | None
    market_value: Decimal
    unrealized_pl: Decimal
    term: Term
    long_term_on: date | None
    washed: Decimal


@dataclass(frozen=True, slots=True)
class OpenLots:
    """An account's open lots by symbol, oldest first. `method` takes the next sale's lots; `changes` oldest first."""

    account_id: UUID
    currency: str
    on: date
    method: AccountMethod
    changes: list[MethodChoice]
    may_choose: bool
    lots: list[LotView]
    cost: Decimal
    market_value: Decimal
    unrealized_pl: Decimal
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Sale:
    """A ledger entry that closed lots, and how these were found. `may_pick`: its lots can still be chosen."""

    entry_id: int
    symbol: str
    sold_on: date
    qty: Decimal
    cash: Decimal
    method: LotMethod
    may_pick: bool


@dataclass(frozen=True, slots=True)
class Gains:
    """What the sales of one year came to: lines of Form 8949 and their sums. `years` are all that have sales.

    `disallowed` (not negative) are the losses of the year that wait because of wash sales.
    """

    account_id: UUID
    currency: str
    year: int
    years: list[int]
    method: AccountMethod
    lines: list[TaxLine]
    short: TaxTotals
    long: TaxTotals
    disallowed: Decimal
    sales: list[Sale]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class LotChoice:
    """A lot that was open before a sale, and how much of it the sale takes now."""

    lot_id: str
    acquired_on: date | None
    qty: Decimal
    cost: Decimal
    taken: Decimal


@dataclass(frozen=True, slots=True)
class SaleLots:
    """Which lots a sale may take and does take."""

    account_id: UUID
    sale: Sale
    lots: list[LotChoice]
