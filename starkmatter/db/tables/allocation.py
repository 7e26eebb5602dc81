"""What an account is to consist of, and a person's own tags of symbols."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Numeric, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column

PERCENT = Numeric(7, 4)


class AllocationTarget(SQLModel, table=True):
    """One set of targets per account: the parts with their percentages, which with cash add up to 100."""

    __tablename__ = "allocation_target"
    __table_args__ = (
        CheckConstraint("by IN ('symbol', 'sector', 'class')", name="allocation_target_by_known"),
        CheckConstraint("cardinality(names) = cardinality(percents)", name="allocation_target_pairs"),
        CheckConstraint("cash_pct BETWEEN 0 AND 100", name="allocation_target_cash"),
    )

    account_id: UUID = Field(sa_column=Column(ForeignKey("account.id"), primary_key=True))
    by: str
    names: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    percents: list[Decimal] = Field(sa_column=Column(ARRAY(PERCENT), nullable=False))
    cash_pct: Decimal = Field(sa_column=Column(PERCENT, nullable=False))
    tolerance_pct: Decimal = Field(sa_column=Column(PERCENT, nullable=False))
    updated_at: datetime = instant_column()


class SymbolTag(SQLModel, table=True):
    """A word of one's own about a symbol; a symbol may have several."""

    __tablename__ = "symbol_tag"
    __table_args__ = (CheckConstraint("length(tag) BETWEEN 1 AND 40", name="symbol_tag_length"),)

    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True))
    symbol: str = Field(primary_key=True)
    tag: str = Field(primary_key=True)
