"""Splits, cash dividends and dates of earnings of the wall-clock market's symbols, as one source told them last."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Column, Numeric, String
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


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
