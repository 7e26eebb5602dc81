"""Reference rates of the euro by day."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Column, Numeric, String
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


class FxRate(SQLModel, table=True):
    """Units of `currency` for one euro. `observed_at`: since when it is told like this."""

    __tablename__ = "fx_rate"
    __table_args__ = (CheckConstraint("per_euro > 0", name="fx_rate_positive"),)

    day: date = Field(primary_key=True)
    currency: str = Field(sa_column=Column(String(3), primary_key=True))
    per_euro: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    source: str
    observed_at: datetime = instant_column()
