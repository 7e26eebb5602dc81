"""What goes over the wire about corporate actions and exchange rates."""

from datetime import date
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Instant, Money, Page, Qty, Request


class SplitOut(Answer):
    """From `ex_on` a holder of `denominator` shares has `numerator`."""

    symbol: str
    ex_on: date
    numerator: Qty
    denominator: Qty
    provider: str


class DividendOut(Answer):
    """`amount` for each share of that day; `pay_on` is null where the source does not tell it."""

    symbol: str
    ex_on: date
    amount: Money
    currency: str
    pay_on: date | None
    provider: str


class EarningsOut(Answer):
    """`hour` is before_open, after_close or unknown; `estimated` while the company has not said it."""

    symbol: str
    reports_on: date
    hour: str
    estimated: bool
    provider: str


class ActionsOut(Answer):
    """Each list in order of time; what lies ahead is announced."""

    splits: list[SplitOut]
    dividends: list[DividendOut]
    earnings: list[EarningsOut]
    asked_at: Instant | None


class FxRateOut(Answer):
    """One unit of `base` is `rate` of `quote`; `day` is the one the rate is of, `on` the one that was asked for."""

    base: str
    quote: str
    on: date
    rate: Qty
    day: date
    source: str


class FiguresOut(Answer):
    """One symbol before and after; shares and cost of a short position are negative."""

    symbol: str
    qty_before: Qty
    qty_after: Qty
    cost_basis_before: Money
    cost_basis_after: Money
    realized_pl_before: Money
    realized_pl_after: Money


class AccountActionOut(Answer):
    """One line of the record. `undoing`: it takes an earlier line back; `undone`: a later line took this one back."""

    id: int
    action_id: str
    revision: int
    turn: int
    undoing: bool
    undone: bool
    symbol: str
    ex_on: date
    kind: str
    words: str
    figures: list[FiguresOut]
    entry_ids: list[int]
    booked_at: Instant


class AccountActionsOut(Page[AccountActionOut]):
    """`problem` says why an action waits for somebody to look at the account; empty while none does."""

    problem: str


class OrderActionOut(Answer):
    """What an action made of an order: `verb` is change or cancel, `before` and `after` its terms, figures as texts."""

    order_id: UUID
    action_id: str
    revision: int
    verb: str
    why: str
    before: dict[str, Any]
    after: dict[str, Any]
    booked_at: Instant


class WaivedOut(Answer):
    account_id: UUID
    waived: int


class NewTelling(Request):
    """What an operator tells of the market's actions; without `kind` the one that `action_id` names is withdrawn."""

    symbol: str = Field(min_length=1, max_length=20)
    ex_on: date
    kind: Literal["split", "stock_dividend", "dividend", "symbol_change", "delisting", "spin_off"] | None = None
    numerator: Decimal | None = Field(default=None, gt=0, max_digits=18, description="New shares")
    denominator: Decimal | None = Field(default=None, gt=0, max_digits=18, description="for so many held")
    price: Decimal | None = Field(
        default=None,
        gt=0,
        max_digits=18,
        description="Of a dividend per share, of a delisting, or of a whole new share",
    )
    cost_pct: Decimal | None = Field(default=None, ge=0, le=100, description="Part of the cost that a spin-off takes")
    to_symbol: str | None = Field(default=None, max_length=20)
    action_id: str | None = Field(default=None, max_length=80, description="The action that is corrected or withdrawn")


class ToldOut(Answer):
    action_id: str
    revision: int
    symbol: str
    ex_on: date
    currency: str
    kind: str | None
    numerator: Qty | None
    denominator: Qty | None
    price: Money | None
    cost_pct: Qty | None
    to_symbol: str | None
    provider: str
    told_at: Instant
