"""What goes over the wire about tax lots, realized gains and income."""

from datetime import date
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Figure, Instant, Money, Qty, Ratio, Request
from starkmatter.domain.lots import LotMethod
from starkmatter.domain.tax_report import Term
from starkmatter.portfolio.lots.picking import MAX_PICKS
from starkmatter.portfolio.lots.records import AccountMethod, OrderMethod


class NewLotMethod(Request):
    method: AccountMethod = Field(description="How sales booked from now on find their lots")


class MethodOut(Answer):
    account_id: UUID
    method: AccountMethod


class NewOrderLots(Request):
    method: OrderMethod | None = Field(
        description="How what it sells from today on finds its lots; null: the account's"
    )


class OrderLotsOut(Answer):
    """`closes`: whether the order takes lots at all. `why_not` says why nothing can be chosen any more."""

    order_id: UUID
    account_id: UUID
    account_method: AccountMethod
    chosen: OrderMethod | None
    closes: bool
    may_choose: bool
    why_not: str


class MethodChoiceOut(Answer):
    method: AccountMethod
    after_entry_id: int
    venue_at: Instant
    chosen_at: Instant


class LotOut(Answer):
    """`qty` and `cost` are negative for a short lot. `acquired_on` is null where nobody here knows it."""

    id: str
    entry_id: int
    symbol: str
    qty: Qty
    acquired_on: date | None
    held_since: date
    cost: Money
    unit_cost: Money
    last: Money | None
    market_value: Money
    unrealized_pl: Money
    term: Term
    long_term_on: date | None
    washed: Money


class OpenLotsOut(Answer):
    account_id: UUID
    currency: str
    on: date
    method: AccountMethod
    changes: list[MethodChoiceOut]
    may_choose: bool
    cost: Money
    market_value: Money
    unrealized_pl: Money
    notes: list[str]
    items: list[LotOut] = Field(validation_alias="lots")


class TaxLineOut(Answer):
    """One line of Form 8949: (a) to (h). `adjustment` is the loss that a wash sale disallows, with code W."""

    entry_id: int = Field(validation_alias="trade_id")
    description: str
    acquired_on: date | None
    sold_on: date
    proceeds: Money
    cost: Money
    code: str
    adjustment: Money
    gain: Money
    term: Term


class TaxTotalsOut(Answer):
    proceeds: Money
    cost: Money
    adjustment: Money
    gain: Money


class SaleOut(Answer):
    entry_id: int
    symbol: str
    sold_on: date
    qty: Qty
    cash: Money
    method: LotMethod
    may_pick: bool


class GainsOut(Answer):
    """A year's sales. `short` and `long` are the sums of the lines of one term, `disallowed` those of wash sales."""

    account_id: UUID
    currency: str
    year: int
    years: list[int]
    method: AccountMethod
    short: TaxTotalsOut
    long: TaxTotalsOut
    disallowed: Money
    lines: list[TaxLineOut]
    sales: list[SaleOut]
    notes: list[str]


class MonthIncomeOut(Answer):
    year: int
    month: int
    dividends: Money
    interest: Money
    total: Money


class SymbolIncomeOut(Answer):
    symbol: str
    received: Money
    received_12m: Money
    expected_12m: Money
    qty: Qty
    cost: Money
    yield_on_cost: Ratio | None
    yield_now: Ratio | None


class ComingOut(Answer):
    """A dividend that is to come; `estimated`: as a year before, nobody has announced it."""

    symbol: str
    ex_on: date
    pay_on: date | None
    per_share: Money
    qty: Qty
    value: Money
    estimated: bool


class IncomeOut(Answer):
    account_id: UUID
    currency: str
    on: date
    received: Money
    received_12m: Money
    expected_12m: Money
    yield_on_cost: Ratio | None
    withheld: Money
    withheld_12m: Money
    months: list[MonthIncomeOut]
    symbols: list[SymbolIncomeOut]
    coming: list[ComingOut]
    notes: list[str]


class PickIn(Request):
    lot_id: str = Field(min_length=1, max_length=40)
    qty: Figure = Field(gt=0)


class NewPicks(Request):
    lots: list[PickIn] = Field(max_length=MAX_PICKS, description="What the sale takes; none: by the account's method")


class LotChoiceOut(Answer):
    lot_id: str
    acquired_on: date | None
    qty: Qty
    cost: Money
    taken: Qty


class SaleLotsOut(Answer):
    account_id: UUID
    sale: SaleOut
    lots: list[LotChoiceOut]
