"""Which lots a sale takes. Only added to: the newest row counts, for what is booked after it."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Identity, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import QTY, instant_column, reference_column


class LotMethodChoice(SQLModel, table=True):
    """From the ledger's entry after `after_entry_id` on, sales of the account take their lots by `method`."""

    __tablename__ = "lot_method"
    __table_args__ = (
        CheckConstraint("method IN ('fifo', 'lifo', 'hifo', 'average')", name="lot_method_known"),
        Index("lot_method_account", "account_id", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    account_id: UUID = reference_column("account.id")
    method: str
    after_entry_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    venue_at: datetime = instant_column()
    chosen_at: datetime = instant_column()


class LotPickChoice(SQLModel, table=True):
    """The lots that the sale of ledger entry `entry_id` takes, `qtys[n]` of `lots[n]`; none: those of the method."""

    __tablename__ = "lot_pick"
    __table_args__ = (
        CheckConstraint("cardinality(lots) = cardinality(qtys)", name="lot_pick_has_a_quantity_for_each"),
        Index("lot_pick_account", "account_id", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    account_id: UUID = reference_column("account.id")
    entry_id: int = Field(sa_column=Column(BigInteger, ForeignKey("ledger_entry.id"), nullable=False))
    lots: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    qtys: list[Decimal] = Field(sa_column=Column(ARRAY(QTY), nullable=False))
    venue_at: datetime = instant_column()
    chosen_at: datetime = instant_column()


class OrderLotsChoice(SQLModel, table=True):
    """From the exchange's day of `venue_at` on, sales by the order take their lots by `method`; None: the account's."""

    __tablename__ = "order_lots"
    __table_args__ = (
        CheckConstraint("method IN ('fifo', 'lifo', 'hifo')", name="order_lots_method_known"),
        Index("order_lots_account", "account_id", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    account_id: UUID = reference_column("account.id")
    order_id: UUID = reference_column("trade_order.id")
    method: str | None = None
    venue_at: datetime = instant_column()
    chosen_at: datetime = instant_column()
