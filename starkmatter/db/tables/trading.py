"""Accounts, orders on their way, fills and the double-entry ledger.

Written by the functions in `alembic/sql` (`submit_orders`, `book_executions`, ...), which hold the account's row
lock; the journal is append-only and balanced by triggers.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import MONEY, QTY, instant_column, money_column, price_column, qty_column, reference_column


class Account(SQLModel, table=True):
    """One paper or live account. `cash` and `reserved` are cached folds, checked against the journal.

    `guarded`: a switch or a rule of its owner may apply, so that taking an order asks for them. `last_order_at` (wall
    time), `sold_at` and `loss_at` (venue time of the last sale, and of the last at a loss) say where somebody may have
    to read a warning before an order. A margin account borrows: its cash and its holdings may be below zero, and
    `financed_through` is the last session whose nights have been charged. An account that begins where another one was
    reset, or as a fork of another one, names it as its parent; a fork has what that had at `as_of` (venue time).
    """

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("mode IN ('paper', 'live')", name="account_mode_known"),
        CheckConstraint("venue IN ('replay', 'market')", name="account_venue_known"),
        CheckConstraint("reserved >= 0", name="account_reserved_not_negative"),
        CheckConstraint("kind IN ('cash', 'margin')", name="account_kind_known"),
        CheckConstraint("branch IN ('reset', 'fork')", name="account_branch_known"),
        CheckConstraint("(branch IS NULL) = (parent_id IS NULL)", name="account_branch_has_parent"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = reference_column("app_user.id", index=True)
    name: str
    venue: str
    broker: str
    mode: str
    currency: str
    preset: str
    run_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    cash: Decimal = money_column()
    reserved: Decimal = money_column()
    frozen_reason: str | None = None
    guarded: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    last_order_at: datetime | None = instant_column(nullable=True)
    sold_at: datetime | None = instant_column(nullable=True)
    loss_at: datetime | None = instant_column(nullable=True)
    approval_drift_pct: Decimal = money_column(server_default=text("1"))
    created_at: datetime = instant_column()
    opened_venue_at: datetime = instant_column()
    closed_at: datetime | None = instant_column(nullable=True)
    kind: str = Field(default="cash", sa_column_kwargs={"server_default": "cash"})
    financed_through: date | None = None
    parent_id: UUID | None = Field(default=None, foreign_key="account.id")
    branch: str | None = None
    as_of: datetime | None = instant_column(nullable=True)


class AccountShare(SQLModel, table=True):
    """Somebody an account's owner lets look at it, or trade on it."""

    __tablename__ = "account_share"
    __table_args__ = (CheckConstraint("level IN ('view', 'trade')", name="account_share_level_known"),)

    account_id: UUID = Field(sa_column=Column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True))
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True, index=True))
    level: str
    shared_by: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    created_at: datetime = instant_column()


class TradeOrder(SQLModel, table=True):
    """One order. The id is derived from the account and the caller's idempotency key, so a retry finds itself.

    `water` is the best trade that a trailing stop followed, `stop_price` of one where its stop lies now. The quantity
    of an order by `notional` is what the newest price makes of the amount. `revision` grows with every change of terms.
    A group is named by its first order. `held`: no broker knows it yet, it waits for its group or its condition. An
    order of a margin account that `opens` has buying power set aside for it; one that closes what is held has none.
    """

    __tablename__ = "trade_order"
    __table_args__ = (
        CheckConstraint(
            "order_is_sound(status, qty, filled_qty, type, limit_price, stop_price, trail_amount, trail_percent, "
            "group_id, role, cond_symbol, cond_relation, cond_price)",
            name="trade_order_is_sound",
        ),
        Index("trade_order_group", "group_id", postgresql_where=text("group_id IS NOT NULL")),
        Index("trade_order_account_created", "account_id", text("created_at DESC")),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    id: UUID = Field(primary_key=True)
    account_id: UUID = reference_column("account.id")
    venue: str
    symbol: str
    side: str
    type: str
    qty: Decimal = qty_column()
    limit_price: Decimal | None = price_column(nullable=True)
    time_in_force: str
    session_on: date
    status: str
    sequence: int = Field(default=1, sa_column=Column(SmallInteger, nullable=False))
    filled_qty: Decimal = qty_column()
    filled_value: Decimal = money_column()
    reserved: Decimal = money_column()
    reserve_per_share: Decimal = money_column()
    reject_reason: str | None = None
    cancel_requested_at: datetime | None = instant_column(nullable=True)
    request_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    risk: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    submitted_venue_at: datetime = instant_column()
    created_at: datetime = instant_column()
    updated_at: datetime = instant_column()
    placed_by: UUID | None = None
    stop_price: Decimal | None = price_column(nullable=True)
    trail_amount: Decimal | None = price_column(nullable=True)
    trail_percent: Decimal | None = price_column(nullable=True)
    water: Decimal | None = price_column(nullable=True)
    triggered_at: datetime | None = instant_column(nullable=True)
    notional: Decimal | None = money_column(nullable=True)
    expires_on: date | None = None
    extended_hours: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    group_id: UUID | None = None
    role: str | None = None
    held: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    shared_qty: Decimal | None = qty_column(nullable=True)
    cond_symbol: str | None = None
    cond_relation: str | None = None
    cond_price: Decimal | None = price_column(nullable=True)
    revision: int = Field(default=1, sa_column=Column(SmallInteger, nullable=False, server_default="1"))
    allow_short: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    opens: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=text("false")))


class OrderEvent(SQLModel, table=True):
    """One move of an order's state; `sequence` is gapless per order."""

    __tablename__ = "order_event"
    __table_args__ = (Index("order_event_booked", "booked_at", postgresql_using="brin"),)

    order_id: UUID = Field(primary_key=True)
    sequence: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    status: str
    reason: str | None = None
    venue_at: datetime = instant_column()
    booked_at: datetime = instant_column()


class Outbox(SQLModel, table=True):
    """What the worker still has to do about an order; a row goes with the transaction that does it."""

    __tablename__ = "outbox"

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    kind: str
    order_id: UUID
    venue: str
    created_at: datetime = instant_column()


class Fill(SQLModel, table=True):
    """One execution with its receipt. (order_id, execution) is the broker's identity of it, so it is booked once."""

    __tablename__ = "fill"
    __table_args__ = (
        CheckConstraint("qty > 0 AND price > 0 AND fees >= 0", name="fill_amounts_positive"),
        Index("fill_account_executed", "account_id", "executed_at"),
        Index("fill_order_execution", "order_id", "execution", unique=True),
    )

    id: UUID = Field(primary_key=True)
    order_id: UUID = reference_column("trade_order.id")
    execution: int = Field(sa_column=Column(Integer, nullable=False))
    account_id: UUID
    symbol: str
    side: str
    qty: Decimal = qty_column()
    price: Decimal = price_column()
    fees: Decimal = money_column()
    realized_pl: Decimal = money_column()
    executed_at: datetime = instant_column()
    booked_at: datetime = instant_column()
    preset: str
    receipt: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class FillChange(SQLModel, table=True):
    """What a broker took back of an order's fills, or corrected, by the execution that said so. Only added to.

    Changes are signed; the fills stay as they were told first. One that was told before its fill was changes nothing
    and has no entry: its fill will not be booked.
    """

    __tablename__ = "fill_change"
    __table_args__ = (Index("fill_change_order", "order_id"),)

    account_id: UUID = Field(foreign_key="account.id", primary_key=True)
    execution_id: str = Field(primary_key=True)
    order_id: UUID = reference_column("trade_order.id")
    qty_change: Decimal = qty_column()
    value_change: Decimal = money_column()
    realized_change: Decimal = money_column()
    words: str
    entry_id: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("ledger_entry.id")))
    happened_at: datetime = instant_column()
    booked_at: datetime = instant_column()


class Holding(SQLModel, table=True):
    """The cached fold of an account's fills in one symbol, at average cost, fees included in the cost."""

    __tablename__ = "holding"
    __table_args__ = (
        CheckConstraint("reserved_qty >= 0", name="holding_reserved_not_negative"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    account_id: UUID = Field(foreign_key="account.id", primary_key=True)
    symbol: str = Field(primary_key=True)
    signed_qty: Decimal = qty_column()
    cost_basis: Decimal = money_column()
    realized_pl: Decimal = money_column()
    reserved_qty: Decimal = qty_column()
    opened_at: datetime = instant_column()
    updated_at: datetime = instant_column()


class LedgerEntry(SQLModel, table=True):
    """One booking of the journal with its postings; append-only.

    Leg `n` moves `amounts[n]` of `commodities[n]` on `accounts[n]`; per commodity the legs sum to zero. An entry and
    its legs are one row, so no half of an entry can ever exist; the view `ledger_posting` lists them one by one. An
    entry that `reverses` another one takes it back whole; no entry is taken back twice.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        Index("ledger_entry_account", "account_id", text("id DESC")),
        Index("ledger_entry_booked", "booked_at", postgresql_using="brin"),
        Index("ledger_entry_reverses", "reverses", unique=True, postgresql_where=text("reverses IS NOT NULL")),
        Index(
            "ledger_entry_trade_elsewhere",
            "account_id",
            "venue_at",
            postgresql_where=text("kind = 'fill' AND fill_id IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    account_id: UUID = reference_column("account.id")
    kind: str
    description: str
    order_id: UUID | None = None
    fill_id: UUID | None = None
    venue_at: datetime = instant_column()
    booked_at: datetime = instant_column()
    accounts: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    commodities: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    amounts: list[Decimal] = Field(sa_column=Column(ARRAY(QTY), nullable=False))
    reverses: int | None = Field(
        default=None, sa_column=Column(BigInteger, ForeignKey("ledger_entry.id"), nullable=True)
    )


class EquitySnapshot(SQLModel, table=True):
    """Equity of an account at a venue instant: the points of its value line."""

    __tablename__ = "equity_snapshot"

    account_id: UUID = Field(foreign_key="account.id", primary_key=True)
    venue_at: datetime = instant_column(primary_key=True)
    equity: Decimal = money_column()
    cash: Decimal = money_column()
    net_deposits: Decimal = money_column()


class AccountClose(SQLModel, table=True):
    """An account's positions at the instant of its snapshot at a close: `worths[n]` is what `qtys[n]` shares of
    `symbols[n]` were worth. `entry_id` is the newest ledger entry it knows, 0 for none; `later_ids` are entries of
    corporate actions that were heard of later and count as of their day.
    """

    __tablename__ = "account_close"
    __table_args__ = (
        CheckConstraint(
            "cardinality(symbols) = cardinality(qtys) AND cardinality(symbols) = cardinality(worths)",
            name="account_close_columns_are_as_long",
        ),
    )

    account_id: UUID = Field(foreign_key="account.id", primary_key=True)
    venue_at: datetime = instant_column(primary_key=True)
    entry_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    symbols: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    qtys: list[Decimal] = Field(sa_column=Column(ARRAY(QTY), nullable=False))
    worths: list[Decimal] = Field(sa_column=Column(ARRAY(MONEY), nullable=False))
    later_ids: list[int] = Field(
        default_factory=list, sa_column=Column(ARRAY(BigInteger), nullable=False, server_default="{}")
    )
