"""News items, feeds and sources, with the two official feeds every installation starts with."""

from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009_news"
down_revision = "0008_market_venue"
branch_labels = None
depends_on = None

FIRST_FEEDS = (
    ("https://www.sec.gov/news/pressreleases.rss", "SEC press releases"),
    ("https://www.federalreserve.gov/feeds/press_all.xml", "Federal Reserve press releases"),
)


def _instant(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _words(name: str) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=False, server_default="")


def _texts(name: str) -> sa.Column:
    return sa.Column(name, postgresql.ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{}'"))


def upgrade() -> None:
    op.create_table(
        "news_item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        _words("summary"),
        _words("url"),
        _words("url_key"),
        sa.Column("title_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        _texts("sources"),
        _texts("symbols"),
        _instant("published_at"),
        _instant("received_at"),
        sa.Column("sentiment", sa.Numeric(precision=4, scale=3), nullable=False),
        sa.Column("mood", sa.String(), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.CheckConstraint("venue IN ('replay', 'market')", name="news_item_venue_known"),
        sa.CheckConstraint("sample = (venue = 'replay')", name="news_item_sample_on_replay_only"),
        sa.CheckConstraint("sentiment BETWEEN -1 AND 1", name="news_item_sentiment_in_range"),
        sa.CheckConstraint("mood IN ('bullish', 'neutral', 'bearish')", name="news_item_mood_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("news_item_newest", "news_item", ["venue", sa.text("published_at DESC"), sa.text("id DESC")])
    op.create_index("news_item_symbols", "news_item", ["symbols"], postgresql_using="gin")
    op.create_index(
        "news_item_url", "news_item", ["venue", "url_key"], unique=True, postgresql_where=sa.text("url_key <> ''")
    )
    op.create_index("news_item_title", "news_item", ["venue", "title_key"])
    op.create_table(
        "news_feed",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.Column("shipped", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        _words("etag"),
        _words("last_modified"),
        _instant("last_ok_at", nullable=True),
        _instant("last_failed_at", nullable=True),
        _words("failure"),
        _instant("created_at"),
        sa.ForeignKeyConstraint(["added_by"], ["app_user.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("url"),
    )
    for url, title in FIRST_FEEDS:
        op.execute(
            sa.text(
                "INSERT INTO news_feed (id, url, title, shipped, enabled, created_at)"
                " VALUES (:id, :url, :title, true, true, now())"
            ).bindparams(sa.bindparam("id", uuid5(NAMESPACE_URL, url), sa.Uuid()), url=url, title=title)
        )
    op.create_table(
        "news_source",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("asked_count", sa.Integer(), nullable=False),
        _instant("last_asked_at"),
        _instant("last_ok_at", nullable=True),
        _instant("last_failed_at", nullable=True),
        _words("failure"),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    for table in ("news_source", "news_feed", "news_item"):
        op.drop_table(table)
