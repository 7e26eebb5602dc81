"""What people watch: their lists of symbols, and the screens they saved."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


class WatchlistRow(SQLModel, table=True):
    """One list of one person on one venue; `symbols` in the person's order, `position` among their lists there."""

    __tablename__ = "watchlist"
    __table_args__ = (
        CheckConstraint("venue IN ('replay', 'market')", name="watchlist_venue_known"),
        CheckConstraint("cardinality(symbols) <= 200", name="watchlist_symbols_bounded"),
        UniqueConstraint("user_id", "venue", "name", name="watchlist_name"),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    venue: str
    name: str
    position: int = Field(sa_column=Column(SmallInteger, nullable=False))
    symbols: list[str] = Field(
        default_factory=list, sa_column=Column(ARRAY(String), nullable=False, server_default=text("'{}'"))
    )
    created_at: datetime = instant_column()
    updated_at: datetime = instant_column()


class SavedScreenRow(SQLModel, table=True):
    """One screen of one person: what `domain.screening` reads, under a name."""

    __tablename__ = "saved_screen"
    __table_args__ = (UniqueConstraint("user_id", "name", name="saved_screen_name"),)

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    name: str
    screen: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = instant_column()
    updated_at: datetime = instant_column()
