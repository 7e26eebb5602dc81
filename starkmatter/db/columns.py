"""Column types every table shares: exact money, aware instants. Floats have no place here."""

from decimal import Decimal
from typing import Any

from sqlalchemy import Column, DateTime, ForeignKey, Numeric
from sqlmodel import Field

MONEY_DECIMALS = 6
PRICE_DECIMALS = 6
QTY_DECIMALS = 9

MONEY = Numeric(20, MONEY_DECIMALS)
PRICE = Numeric(18, PRICE_DECIMALS)
QTY = Numeric(24, QTY_DECIMALS)
INSTANT = DateTime(timezone=True)


def money_column(*, nullable: bool = False, **options: Any) -> Any:
    """NUMERIC(20,6) in the account's currency."""
    return Field(default=None if nullable else Decimal(0), sa_column=Column(MONEY, nullable=nullable, **options))


def price_column(*, nullable: bool = False, **options: Any) -> Any:
    """NUMERIC(18,6) per share."""
    return Field(default=None if nullable else ..., sa_column=Column(PRICE, nullable=nullable, **options))


def qty_column(*, nullable: bool = False, **options: Any) -> Any:
    """NUMERIC(24,9) in shares."""
    return Field(default=None if nullable else Decimal(0), sa_column=Column(QTY, nullable=nullable, **options))


def instant_column(*, nullable: bool = False, **options: Any) -> Any:
    """TIMESTAMPTZ: an aware UTC instant."""
    return Field(default=None if nullable else ..., sa_column=Column(INSTANT, nullable=nullable, **options))


def reference_column(target: str, *, nullable: bool = False, index: bool = False, **options: Any) -> Any:
    """A foreign key that refuses to orphan rows."""
    return Field(
        default=None if nullable else ...,
        sa_column=Column(ForeignKey(target, **options), nullable=nullable, index=index),
    )
