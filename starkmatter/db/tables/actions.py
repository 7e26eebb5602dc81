"""Splits, cash dividends and dates of earnings of the wall-clock market's symbols, as one source told them last; every
action of either market as it was told each time, and what it made of accounts and of open orders.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Numeric, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, qty_column, reference_column


class CorporateSplit(SQLModel, table=True):
    """From `ex_on` a holder of `denominator` shares has `numerator`. `observed_at`: since when it is told like this."""

    __tablename__ = "corporate_split"
    __table_args__ = (CheckConstraint("numerator > 0 AND denominator > 0", name="corporate_split_positive"),)

    symbol: str = Field(primary_key=True)
    ex_on: date = Field(primary_key=True)
    numerator: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    denominator: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    provider: str
    observed_at: datetime = instant_column()


class CorporateDividend(SQLModel, table=True):
    """Cash of an ex-date for each share of that day; several of one day are one row. `observed_at` as above."""

    __tablename__ = "corporate_dividend"
    __table_args__ = (CheckConstraint("amount > 0", name="corporate_dividend_positive"),)

    symbol: str = Field(primary_key=True)
    ex_on: date = Field(primary_key=True)
    amount: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    currency: str = Field(sa_column=Column(String(3), nullable=False))
    pay_on: date | None = None
    provider: str
    observed_at: datetime = instant_column()


class EarningsDateRow(SQLModel, table=True):
    """A day on which a company reported or is expected to."""

    __tablename__ = "earnings_date"
    __table_args__ = (
        CheckConstraint("hour IN ('before_open', 'after_close', 'unknown')", name="earnings_date_hour_known"),
    )

    symbol: str = Field(primary_key=True)
    reports_on: date = Field(primary_key=True)
    hour: str
    estimated: bool
    provider: str
    observed_at: datetime = instant_column()


class ActionCoverage(SQLModel, table=True):
    """When a symbol's corporate actions were asked for last, and who told them; `earnings_by` is empty for nobody."""

    __tablename__ = "action_coverage"

    symbol: str = Field(primary_key=True)
    fetched_at: datetime = instant_column()
    provider: str
    earnings_by: str


class ActionTold(SQLModel, table=True):
    """One revision of what a company did; without a kind it was withdrawn. Only added to.

    `numerator` for `denominator` shares: new for old of a split or spin-off, ratio and 1 of a stock dividend. `price`
    is a dividend's per share, a delisting's last price, or what a whole new share is worth where parts are paid in
    cash. `id` grows with every telling.
    """

    __tablename__ = "action_told"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('split', 'stock_dividend', 'dividend', 'symbol_change', 'delisting', 'spin_off')",
            name="action_told_kind_known",
        ),
        CheckConstraint("revision >= 1", name="action_told_counts_from_one"),
        Index("action_told_symbol", "venue", "symbol", "ex_on"),
        Index("action_told_split", "venue", "ex_on", postgresql_where=text("kind = 'split'")),
    )

    venue: str = Field(primary_key=True)
    action_id: str = Field(primary_key=True)
    revision: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), unique=True, nullable=False))
    symbol: str
    ex_on: date
    currency: str = Field(sa_column=Column(String(3), nullable=False))
    kind: str | None = None
    numerator: Decimal | None = Field(default=None, sa_column=Column(Numeric, nullable=True))
    denominator: Decimal | None = Field(default=None, sa_column=Column(Numeric, nullable=True))
    price: Decimal | None = Field(default=None, sa_column=Column(Numeric, nullable=True))
    cost_pct: Decimal | None = Field(default=None, sa_column=Column(Numeric, nullable=True))
    to_symbol: str | None = None
    provider: str
    told_at: datetime = instant_column()


class ActionPosting(SQLModel, table=True):
    """What one revision of an action did to an account, or (`undoing`) that it was taken back. Only added to.

    `figures` has each symbol before and after, `entry_ids` the entries of the ledger. `turn` counts how often the same
    revision was booked.
    """

    __tablename__ = "action_posting"
    __table_args__ = (Index("action_posting_account", "account_id", text("id DESC")),)

    account_id: UUID = Field(foreign_key="account.id", primary_key=True)
    action_id: str = Field(primary_key=True)
    revision: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    turn: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    undoing: bool = Field(primary_key=True)
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), nullable=False))
    symbol: str
    ex_on: date
    kind: str
    words: str
    figures: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    entry_ids: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    venue_at: datetime = instant_column()
    booked_at: datetime = instant_column()


class ActionOrder(SQLModel, table=True):
    """What a revision of an action made of an order that was open: before it, after it, and why. Only added to.

    `filled_more_qty` is how many more shares the order has filled since, told in new shares.
    """

    __tablename__ = "action_order"
    __table_args__ = (
        CheckConstraint("verb IN ('keep', 'change', 'cancel')", name="action_order_verb_known"),
        Index("action_order_account", "account_id"),
    )

    order_id: UUID = Field(foreign_key="trade_order.id", primary_key=True)
    action_id: str = Field(primary_key=True)
    revision: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    account_id: UUID = reference_column("account.id")
    verb: str
    why: str
    before: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    after: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    filled_more_qty: Decimal = qty_column()
    venue_at: datetime = instant_column()
    booked_at: datetime = instant_column()


class ActionMark(SQLModel, table=True):
    """How far an account has been held against what was told: up to that telling, and up to that day."""

    __tablename__ = "action_mark"

    account_id: UUID = Field(foreign_key="account.id", primary_key=True)
    told_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    acted_on: date


class ActionWaived(SQLModel, table=True):
    """A revision of which the account's owner said that it is not to count there. Only added to."""

    __tablename__ = "action_waived"

    account_id: UUID = Field(foreign_key="account.id", primary_key=True)
    action_id: str = Field(primary_key=True)
    revision: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    waived_by: UUID
    waived_at: datetime = instant_column()
