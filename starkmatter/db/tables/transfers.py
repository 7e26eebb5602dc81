"""Shares that went from one account to another of the same person: which two entries of the ledger say so."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import QTY, instant_column, money_column, qty_column, reference_column

ENTRY = "ledger_entry.id"


class LotTransferPair(SQLModel, table=True):
    """An entry that let shares go and the one that took them in; `origin` says whether a person moved them or files
    told of both sides.

    `cost` is what they had cost at average cost: a fold of the account that they came from, told anew when its history
    is. Which lots went is said by `lots` and `lot_qtys`, else by `method`, else by that account's own. `mark` is what
    files call it that told of it, where that is not its id.
    """

    __tablename__ = "lot_transfer"
    __table_args__ = (
        CheckConstraint("from_account_id <> to_account_id", name="lot_transfer_between_two"),
        CheckConstraint("qty > 0", name="lot_transfer_of_shares"),
        CheckConstraint("origin IN ('moved', 'matched')", name="lot_transfer_origin_known"),
        CheckConstraint("method IN ('fifo', 'lifo', 'hifo')", name="lot_transfer_method_known"),
        CheckConstraint("cardinality(lots) = cardinality(lot_qtys)", name="lot_transfer_has_a_quantity_for_each"),
        # A side belongs to one pair as long as that stands.
        Index("lot_transfer_out", "out_entry_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("lot_transfer_in", "in_entry_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("lot_transfer_from", "from_account_id", "booked_at"),
        Index("lot_transfer_to", "to_account_id", "booked_at"),
    )

    id: UUID = Field(primary_key=True)
    from_account_id: UUID = reference_column("account.id")
    to_account_id: UUID = reference_column("account.id")
    symbol: str
    qty: Decimal = qty_column()
    worth: Decimal = money_column()
    cost: Decimal = money_column()
    method: str | None = None
    lots: list[str] = Field(default=[], sa_column=Column(ARRAY(Text), nullable=False))
    lot_qtys: list[Decimal] = Field(default=[], sa_column=Column(ARRAY(QTY), nullable=False))
    origin: str
    out_entry_id: int = Field(sa_column=Column(BigInteger, ForeignKey(ENTRY), nullable=False))
    in_entry_id: int = Field(sa_column=Column(BigInteger, ForeignKey(ENTRY), nullable=False))
    venue_at: datetime = instant_column()
    booked_at: datetime = instant_column()
    ended_at: datetime | None = instant_column(nullable=True)
    mark: UUID | None = None
