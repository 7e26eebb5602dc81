"""What pages and the API show of imports."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

State = Literal[
    "uploaded", "reading", "needs_mapping", "read", "confirmed", "booking", "booked", "undoing", "undone", "canceled",
    "failed",
]  # fmt: skip
Outcome = Literal["booked", "known", "not_booked", "problem", "note"]
OUTCOMES: tuple[Outcome, ...] = ("booked", "not_booked", "known", "problem", "note")
# A worker has it, or will within a second.
MOVING: frozenset[State] = frozenset({"uploaded", "reading", "confirmed", "booking", "undoing"})


@dataclass(frozen=True, slots=True)
class ImportView:
    """One import. `done_count` of `whole_count` (None while that is not known) is how far its present step has come.

    `columns` is what a table offers for a mapping: heading, first rows and the mapping that was guessed. `summary` is
    there once the file was read: counts by outcome, `cash` that booking moves, `kinds` and `stated` totals, symbols
    that go `below_zero`, securities that are known by a name alone (`unnamed`). `symbols` is what those are
    called. `words` say why it failed or was refused.
    """

    id: UUID
    account_id: UUID
    account_name: str
    currency: str
    origin: Literal["file", "manual"]
    file_name: str
    file_bytes: int
    state: State
    words: str
    format: str | None
    mapping: dict[str, Any] | None
    symbols: dict[str, str]
    columns: dict[str, Any] | None
    summary: dict[str, Any] | None
    done_count: int
    whole_count: int | None
    created_at: datetime
    booked_at: datetime | None
    undone_at: datetime | None
    is_canceling: bool

    @property
    def is_moving(self) -> bool:
        return self.state in MOVING


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of the dry run: what the file says of it, and in `words` what becomes of it or why nothing does."""

    outcome: Outcome
    place: int
    line_no: int
    words: str
    kind: str | None
    at: datetime | None
    symbol: str | None
    qty: Decimal | None
    price: str | None
    cash: str | None
    currency: str | None
    said: str | None
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """How tables of one kind are read, under a person's own name for it."""

    id: UUID
    name: str
    mapping: dict[str, Any]
    updated_at: datetime
