"""Several orders of one account that are looked at and sent as one."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, price_column, qty_column, reference_column


class Basket(SQLModel, table=True):
    """Its lines may change until it was first sent; once it is closed, what was not sent never will be."""

    __tablename__ = "basket"
    __table_args__ = (
        CheckConstraint("source IN ('person', 'program', 'rebalance')", name="basket_source_known"),
        CheckConstraint("closed_at IS NULL OR sent_at IS NOT NULL", name="basket_closed_once_sent"),
        Index("basket_of_account", "account_id", text("created_at DESC")),
    )

    id: UUID = Field(primary_key=True)
    account_id: UUID = reference_column("account.id")
    made_by: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    source: str
    name: str
    created_at: datetime = instant_column()
    sent_by: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("app_user.id", ondelete="SET NULL"), nullable=True)
    )
    sent_at: datetime | None = instant_column(nullable=True)
    closed_at: datetime | None = instant_column(nullable=True)


class BasketLine(SQLModel, table=True):
    """One order of a basket. `order_id` is the id its order will have, or has: whether there is one, the orders say.

    `words`: why the last try to send it did not make an order; empty when it did or nobody tried.
    """

    __tablename__ = "basket_line"
    __table_args__ = (
        CheckConstraint("place > 0", name="basket_line_place_counts"),
        CheckConstraint("side IN ('buy', 'sell')", name="basket_line_side_known"),
        CheckConstraint("qty > 0", name="basket_line_qty_positive"),
        CheckConstraint("(type = 'limit') = (limit_price IS NOT NULL)", name="basket_line_limit_has_price"),
        UniqueConstraint("basket_id", "symbol", name="basket_line_symbol_once"),
    )

    basket_id: UUID = Field(sa_column=Column(ForeignKey("basket.id", ondelete="CASCADE"), primary_key=True))
    place: int = Field(primary_key=True)
    account_id: UUID = reference_column("account.id")
    symbol: str
    side: str
    type: str
    qty: Decimal = qty_column()
    limit_price: Decimal | None = price_column(nullable=True)
    time_in_force: str
    order_id: UUID
    words: str = Field(default="", sa_column_kwargs={"server_default": ""})
    tried_at: datetime | None = instant_column(nullable=True)
