"""News and feeds on the wire."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field, PlainSerializer

from starkmatter.api.schemas import MAX_TEXT, Answer, Instant, Request

Sentiment = Annotated[
    Decimal,
    PlainSerializer(lambda value: format(value, "f"), return_type=str),
    Field(json_schema_extra={"type": "string", "examples": ["0.572"]}, description="from -1 to 1"),
]


class NewsOut(Answer):
    id: UUID
    title: str
    summary: str
    url: str
    source: str
    sources: list[str]
    published_at: Instant
    symbols: list[str]
    sentiment: Sentiment
    mood: str
    sample: bool


class NewsSourceOut(Answer):
    title: str
    enabled: bool
    last_ok_at: Instant | None
    last_failed_at: Instant | None
    failure: str


class FeedOut(NewsSourceOut):
    id: UUID
    url: str
    shipped: bool
    created_at: Instant


class NewFeed(Request):
    url: str = Field(min_length=8, max_length=500)
    title: str = Field("", max_length=MAX_TEXT)


class FeedChange(Request):
    title: str | None = Field(None, max_length=MAX_TEXT)
    enabled: bool | None = None
