"""What pages and API see of watchlists."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from starkmatter.domain.quotes import Venue

MAX_LISTS = 20
MAX_SYMBOLS = 200
MAX_NAME_CHARS = 40


@dataclass(frozen=True, slots=True)
class Watchlist:
    """One list, its symbols in the person's order."""

    id: UUID
    venue: Venue
    name: str
    symbols: list[str]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line of an import that was not taken, or that part of it: what it said, and why."""

    line: int
    said: str
    why: str


@dataclass(frozen=True, slots=True)
class Imported:
    """The list after an import, what was added, in order, and every refusal."""

    watchlist: Watchlist
    added: list[str]
    refused: list[RefusedLine]


@dataclass(frozen=True, slots=True)
class MiniLine:
    """Closes for a small line, oldest first, and in words what they are; empty when none are stored.

    `days`: they are of several days, so the line's way is not the day's.
    """

    closes: list[Decimal]
    words: str
    days: bool
