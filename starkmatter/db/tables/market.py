"""Instruments, sessions, bars and the replay's runs.

`bar` keeps finished bars only; one is served when `ends_at` lies in the venue's past, so a day the replay has not lived
through stays unseen. `bar_forming` holds the one bar per symbol and interval that is still growing and is rebuilt
after a crash (unlogged). Prices are NUMERIC without a fixed scale: they keep the decimals of their source.
"""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    String,
    text,
)
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


def _number(*, nullable: bool = False) -> Decimal:
    column: Decimal = Field(default=None if nullable else ..., sa_column=Column(Numeric, nullable=nullable))
    return column


def _key_instant() -> datetime:
    column: datetime = instant_column(primary_key=True)
    return column


def _key_integer() -> int:
    column: int = Field(default=0, sa_column=Column(Integer, primary_key=True, autoincrement=False))
    return column


class InstrumentRow(SQLModel, table=True):
    """What can be quoted on a venue. An index has `tradable` false."""

    __tablename__ = "instrument"
    __table_args__ = (
        CheckConstraint("kind IN ('equity', 'etf', 'index', 'fx', 'crypto')", name="instrument_kind_known"),
        CheckConstraint("tick_size > 0 AND lot_size > 0", name="instrument_steps_positive"),
    )

    venue: str = Field(primary_key=True, sa_column_kwargs={"server_default": "replay"})
    symbol: str = Field(primary_key=True)
    name: str
    kind: str
    exchange: str
    currency: str = Field(sa_column=Column(String(3), nullable=False))
    tick_size: Decimal = _number()
    lot_size: Decimal = _number()
    sector: str
    data_quality: str
    data_note: str
    source: str
    data_starts_on: date | None = None
    data_ends_on: date | None = None
    tradable: bool
    borrowable: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    isin: str | None = Field(default=None, sa_column=Column(String(12), nullable=True))
    figi: str | None = Field(default=None, sa_column=Column(String(12), nullable=True))


class MarketSession(SQLModel, table=True):
    """One trading day of an exchange, as its published calendar has it."""

    __tablename__ = "market_session"
    __table_args__ = (CheckConstraint("closes_at > opens_at", name="market_session_in_order"),)

    exchange: str = Field(primary_key=True)
    session_on: date = Field(primary_key=True)
    opens_at: datetime = instant_column()
    closes_at: datetime = instant_column()


class BarRow(SQLModel, table=True):
    """A finished bar. `seed` is the replay's for bars inside a day, 0 for all others.

    In partitions by venue and interval, the market's bars inside a day by month or year as well. The key begins with
    symbol and instant, since the rest of it is the same in a whole partition.
    """

    __tablename__ = "bar"
    __table_args__ = {"postgresql_partition_by": "LIST (venue)"}

    venue: str = Field(primary_key=True)
    symbol: str = Field(primary_key=True)
    interval: str = Field(primary_key=True)
    seed: int = _key_integer()
    starts_at: datetime = _key_instant()
    ends_at: datetime = instant_column()
    open: Decimal = _number()
    high: Decimal = _number()
    low: Decimal = _number()
    close: Decimal = _number()
    volume: Decimal | None = _number(nullable=True)
    provider: str
    note: str | None = None


class FormingBarRow(SQLModel, table=True):
    """The bar that is still growing: one per venue, symbol and interval."""

    __tablename__ = "bar_forming"
    __table_args__ = {"prefixes": ["UNLOGGED"], "postgresql_with": {"fillfactor": "50"}}

    venue: str = Field(primary_key=True)
    symbol: str = Field(primary_key=True)
    interval: str = Field(primary_key=True)
    starts_at: datetime = instant_column()
    open: Decimal = _number()
    high: Decimal = _number()
    low: Decimal = _number()
    close: Decimal = _number()
    volume: Decimal | None = _number(nullable=True)
    provider: str
    note: str | None = None


class BarCoverage(SQLModel, table=True):
    """How far a symbol's bars of the wall-clock market were fetched: what ended by `until_at` is the provider's own."""

    __tablename__ = "bar_coverage"

    symbol: str = Field(primary_key=True)
    interval: str = Field(primary_key=True)
    fetched_at: datetime = instant_column()
    until_at: datetime = instant_column()
    provider: str


class BarGap(SQLModel, table=True):
    """A hole in the market's bars [starts_at, ends_at): sessions, or part of one, that no source has told of yet."""

    __tablename__ = "bar_gap"
    __table_args__ = (CheckConstraint("ends_at > starts_at", name="bar_gap_in_order"),)

    symbol: str = Field(primary_key=True)
    interval: str = Field(primary_key=True)
    starts_at: datetime = _key_instant()
    ends_at: datetime = instant_column()
    found_at: datetime = instant_column()
    tried_at: datetime | None = instant_column(nullable=True)
    tries: int = Field(sa_column=Column(SmallInteger, nullable=False))


class TickRow(SQLModel, table=True):
    """A price of the wall-clock market as it was admitted, kept for some days; one partition a day.

    `at` is the source's clock, `received_at` ours; `volume` is the day's so far.
    """

    __tablename__ = "tick"
    __table_args__ = (
        Index("tick_at", "at", postgresql_using="brin"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    venue: str = Field(primary_key=True)
    symbol: str = Field(primary_key=True)
    at: datetime = _key_instant()
    provider: str = Field(primary_key=True)
    received_at: datetime = instant_column()
    last: Decimal = _number()
    bid: Decimal | None = _number(nullable=True)
    ask: Decimal | None = _number(nullable=True)
    volume: Decimal | None = _number(nullable=True)
    condition: str


class MarketRefusal(SQLModel, table=True):
    """What the border did not let in, or let in marked as suspect: its like of one hour is one row. Pruned."""

    __tablename__ = "market_refusal"
    __table_args__ = (
        CheckConstraint(
            "what IN ('answer', 'quote', 'bar', 'action', 'rate', 'suspect')", name="market_refusal_what_known"
        ),
        Index("market_refusal_newest", "at"),
    )

    provider: str = Field(primary_key=True)
    symbol: str = Field(primary_key=True)
    what: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    hour_at: datetime = _key_instant()
    excerpt: str = Field(sa_column=Column(String(200), nullable=False))
    at: datetime = instant_column()
    times: int = Field(sa_column=Column(Integer, nullable=False))


class MarketSource(SQLModel, table=True):
    """The place of a source of market data in the order in which they are asked, as an admin chose it."""

    __tablename__ = "market_source"

    adapter: str = Field(primary_key=True)
    place: int = Field(sa_column=Column(Integer, nullable=False))


class ReplayRun(SQLModel, table=True):
    """One course of the replay through history. At most one is not ended.

    At wall time `anchor_wall_at` the venue showed `anchor_venue_at`. `horizon_venue_at` is a venue time the running
    worker has promised not to pass before its next checkpoint: a worker that takes over continues there.
    """

    __tablename__ = "replay_run"
    __table_args__ = (
        CheckConstraint("speed BETWEEN 1 AND 60", name="replay_run_speed_known"),
        Index("replay_run_current", text("(ended_at IS NULL)"), unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    seed: int = Field(sa_column=Column(Integer, nullable=False))
    start_on: date
    speed: int = Field(sa_column=Column(SmallInteger, nullable=False))
    paused: bool
    skip_closed: bool
    anchor_venue_at: datetime = instant_column()
    anchor_wall_at: datetime = instant_column()
    horizon_venue_at: datetime = instant_column()
    configured: str
    created_at: datetime = instant_column()
    ended_at: datetime | None = instant_column(nullable=True)


class ReplayCommand(SQLModel, table=True):
    """What an admin asked of the replay; the worker carries out the open ones in order and says what came of it."""

    __tablename__ = "replay_command"
    __table_args__ = (Index("replay_command_open", "id", postgresql_where=text("applied_at IS NULL")),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    seed: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    start_on: date | None = None
    speed: int | None = Field(default=None, sa_column=Column(SmallInteger, nullable=True))
    paused: bool | None = None
    skip_closed: bool | None = None
    requested_at: datetime = instant_column()
    applied_at: datetime | None = instant_column(nullable=True)
    run_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
