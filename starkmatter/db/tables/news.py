"""News: the items, the feeds they come from and how each source has answered."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Numeric, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


def _texts() -> list[str]:
    column: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'")))
    return column


def _words() -> str:
    column: str = Field(default="", sa_column_kwargs={"server_default": ""})
    return column


class NewsItem(SQLModel, table=True):
    """One story, plain text only. `url_key` and `title_key` say which other report is the same story.

    A sample item belongs to the replay and is dated in its venue time; a real one belongs to the market.
    """

    __tablename__ = "news_item"
    __table_args__ = (
        CheckConstraint("venue IN ('replay', 'market')", name="news_item_venue_known"),
        CheckConstraint("sample = (venue = 'replay')", name="news_item_sample_on_replay_only"),
        CheckConstraint("sentiment BETWEEN -1 AND 1", name="news_item_sentiment_in_range"),
        CheckConstraint("mood IN ('bullish', 'neutral', 'bearish')", name="news_item_mood_known"),
        Index("news_item_newest", "venue", text("published_at DESC"), text("id DESC")),
        Index("news_item_symbols", "symbols", postgresql_using="gin"),
        Index("news_item_url", "venue", "url_key", unique=True, postgresql_where=text("url_key <> ''")),
        Index("news_item_title", "venue", "title_key"),
    )

    id: UUID = Field(primary_key=True)
    venue: str
    title: str
    summary: str = _words()
    url: str = _words()
    url_key: str = _words()
    title_key: str
    source: str
    sources: list[str] = _texts()
    symbols: list[str] = _texts()
    published_at: datetime = instant_column()
    received_at: datetime = instant_column()
    sentiment: Decimal = Field(sa_column=Column(Numeric(4, 3), nullable=False))
    mood: str
    sample: bool


class NewsFeed(SQLModel, table=True):
    """One feed; `added_by` is nobody for those that came with the product. `failure` is empty while it answers."""

    __tablename__ = "news_feed"

    id: UUID = Field(primary_key=True)
    url: str = Field(unique=True)
    title: str
    added_by: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("app_user.id", ondelete="SET NULL"), nullable=True)
    )
    shipped: bool
    enabled: bool
    etag: str = _words()
    last_modified: str = _words()
    last_ok_at: datetime | None = instant_column(nullable=True)
    last_failed_at: datetime | None = instant_column(nullable=True)
    failure: str = _words()
    created_at: datetime = instant_column()


class NewsSource(SQLModel, table=True):
    """How a source with a key has answered, and how often it was asked on a day: the plan's limit outlives us."""

    __tablename__ = "news_source"

    name: str = Field(primary_key=True)
    asked_on: date
    asked_count: int
    last_asked_at: datetime = instant_column()
    last_ok_at: datetime | None = instant_column(nullable=True)
    last_failed_at: datetime | None = instant_column(nullable=True)
    failure: str = _words()
