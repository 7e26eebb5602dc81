"""Imports of other programs' files into tracked accounts: the file for a while, its dry run, what was booked."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, LargeBinary, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import INSTANT, QTY, instant_column, reference_column

OF_IMPORT = "portfolio_import.id"


class PortfolioImport(SQLModel, table=True):
    """One import: a file, or an entry that was typed in (`origin` manual).

    `mapping` is what the person chose or confirmed, `columns` what the file offers for one, `symbols` what its names of
    securities (ISINs where it has no others) are called here. `claim` names the worker's
    run that works on it: whoever finds another one there has been overtaken and writes nothing.
    """

    __tablename__ = "portfolio_import"
    __table_args__ = (
        CheckConstraint("origin IN ('file', 'manual')", name="portfolio_import_origin_known"),
        CheckConstraint(
            "state IN ('uploaded', 'reading', 'needs_mapping', 'read', 'confirmed', 'booking', 'booked', 'undoing',"
            " 'undone', 'canceled', 'failed')",
            name="portfolio_import_state_known",
        ),
        Index("portfolio_import_account", "account_id", text("created_at DESC")),
        Index(
            "portfolio_import_due",
            "created_at",
            postgresql_where=text("state IN ('uploaded', 'reading', 'confirmed', 'booking', 'undoing')"),
        ),
    )

    id: UUID = Field(primary_key=True)
    account_id: UUID = reference_column("account.id")
    user_id: UUID = reference_column("app_user.id", index=True)
    origin: str
    file_name: str
    file_bytes: int
    state: str
    words: str = Field(default="", sa_column_kwargs={"server_default": ""})
    format: str | None = None
    format_asked: str | None = None
    mapping: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    symbols: dict[str, str] = Field(default={}, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'")))
    columns: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    summary: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    done_count: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    whole_count: int | None = None
    claim: UUID | None = None
    cancel_asked_at: datetime | None = instant_column(nullable=True)
    created_at: datetime = instant_column()
    changed_at: datetime = instant_column()
    booked_at: datetime | None = instant_column(nullable=True)
    undone_at: datetime | None = instant_column(nullable=True)


class ImportFile(SQLModel, table=True):
    """The bytes of a file under a key of its own, and that key sealed; both are gone once the import is done with."""

    __tablename__ = "import_file"

    import_id: UUID = Field(sa_column=Column(ForeignKey(OF_IMPORT, ondelete="CASCADE"), primary_key=True))
    content_nonce: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    nonce: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    ciphertext: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    key_version: int
    wrapped_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    kek_version: str | None = None


class ImportLine(SQLModel, table=True):
    """A line of the dry run: what the file says, and what becomes of it."""

    __tablename__ = "import_line"
    __table_args__ = (
        CheckConstraint(
            "outcome IN ('booked', 'known', 'not_booked', 'problem', 'note')", name="import_line_outcome_known"
        ),
    )

    import_id: UUID = Field(sa_column=Column(ForeignKey(OF_IMPORT, ondelete="CASCADE"), primary_key=True))
    outcome: str = Field(sa_column=Column(Text, primary_key=True))
    place: int = Field(primary_key=True)
    line_no: int
    words: str
    kind: str | None = None
    at: datetime | None = Field(default=None, sa_column=Column(INSTANT, nullable=True))
    symbol: str | None = None
    qty: Decimal | None = Field(default=None, sa_column=Column(QTY, nullable=True))
    price: str | None = None
    cash: str | None = None
    currency: str | None = None
    said: str | None = None
    is_repeat: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class ImportBooking(SQLModel, table=True):
    """An entry that the import will write, or has written as `entry_id`; part `part` of record `place`.

    `turn` is its place in the order of time. A record's fingerprint is booked once on an account: `undone` frees it. In
    a ledger of our own `reverses` is the fingerprint of the entry that it takes back, `said_id` the number that the
    entry had there, and `moved` says which side of which move of shares between accounts it is.
    """

    __tablename__ = "import_booking"
    __table_args__ = (
        Index(
            "import_booking_once",
            "account_id",
            "fingerprint",
            "part",
            unique=True,
            postgresql_where=text("entry_id IS NOT NULL AND NOT undone"),
        ),
        Index("import_booking_entry", "entry_id", unique=True),
        Index("import_booking_turn", "import_id", "turn"),
        Index("import_booking_moved", text("(moved ->> 'move')"), postgresql_where=text("moved IS NOT NULL")),
    )

    import_id: UUID = Field(sa_column=Column(ForeignKey(OF_IMPORT, ondelete="CASCADE"), primary_key=True))
    place: int = Field(primary_key=True)
    part: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    account_id: UUID = reference_column("account.id")
    turn: int
    fingerprint: str
    kind: str
    description: str
    venue_at: datetime = instant_column()
    accounts: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    commodities: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    amounts: list[Decimal] = Field(sa_column=Column(ARRAY(QTY), nullable=False))
    reverses: str | None = None
    entry_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, ForeignKey("ledger_entry.id"), nullable=True)
    )
    undone: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    said_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    moved: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))


class ImportMapping(SQLModel, table=True):
    """How a person's own tables are read, under a name of theirs."""

    __tablename__ = "import_mapping"
    __table_args__ = (Index("import_mapping_name", "user_id", "name", unique=True),)

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    name: str
    mapping: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    updated_at: datetime = instant_column()


class TrackedAccount(SQLModel, table=True):
    """What an account that is held elsewhere and only kept here needs beside its row in `account`.

    `stale_since` says that its values of former days have to be told anew, `unpriced` where they lacked a price.
    """

    __tablename__ = "tracked_account"

    account_id: UUID = Field(sa_column=Column(ForeignKey("account.id"), primary_key=True))
    stale_since: datetime | None = instant_column(nullable=True)
    valued_at: datetime | None = instant_column(nullable=True)
    unpriced: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'")))
