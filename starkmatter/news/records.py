"""What pages and the API see of news, and what the collector stores."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

Mood = Literal["bullish", "neutral", "bearish"]


@dataclass(frozen=True, slots=True)
class NewsView:
    """One story. All texts are plain; `url` is http(s) or empty; `sources` are all who reported it, the first first.

    `sentiment` runs from -1 to 1. `sample`: invented for practice on the replay market, dated in its time.
    """

    id: UUID
    title: str
    summary: str
    url: str
    source: str
    sources: list[str]
    published_at: datetime
    symbols: list[str]
    sentiment: Decimal
    mood: Mood
    sample: bool


@dataclass(frozen=True, slots=True)
class Story:
    """A cleaned report, ready to be kept or to be found again. `url_key` is empty for a report without an address."""

    title: str
    summary: str
    url: str
    url_key: str
    title_key: str
    source: str
    published_at: datetime
    symbols: tuple[str, ...]
    sentiment: Decimal
    mood: Mood


@dataclass(frozen=True, slots=True)
class FeedView:
    """One feed as admins see it. `failure` says in words why it did not answer last time; empty while it does."""

    id: UUID
    url: str
    title: str
    shipped: bool
    enabled: bool
    last_ok_at: datetime | None
    last_failed_at: datetime | None
    failure: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How a source has answered, for everybody: its name and words, never its address."""

    title: str
    enabled: bool
    last_ok_at: datetime | None
    last_failed_at: datetime | None
    failure: str
