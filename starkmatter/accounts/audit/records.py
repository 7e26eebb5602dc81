"""Who acted, and an event of the audit log as it is stored and as an admin reads it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from starkmatter.accounts.records import Via


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts when nobody is signed in: a visitor at the door, the operator's command, a job, or ourselves.

    `user_id` and `name` say for whom, when that is known.
    """

    via: Via = "system"
    ip: str = ""
    user_id: UUID | None = None
    name: str = ""


SYSTEM = Actor()


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A row as it is hashed: `before` and `after` are the texts PostgreSQL gives for their jsonb."""

    sequence: int
    at: datetime
    actor_id: UUID | None
    actor_name: str
    via: str
    ip: str
    action: str
    subject_type: str
    subject_id: str
    before: str | None
    after: str | None
    source: str | None
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditView:
    """One event, as an admin reads it."""

    sequence: int
    at: datetime
    actor_id: UUID | None
    actor_name: str
    via: str
    ip: str
    action: str
    subject_type: str
    subject_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: bytes


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: `action` is the beginning of one; `person` acted or was acted upon; `subject` is `order` or
    `order/<id>`; from `start` until before `end`.
    """

    action: str = ""
    person: UUID | None = None
    subject: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of the log at an instant, as written down outside of the database."""

    sequence: int
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the whole log found: `count` sound rows, and `bad_sequence`, the first that is not as it was
    (None when all are), with `words` that say how.
    """

    count: int
    anchors: int
    head: Anchor | None
    bad_sequence: int | None = None
    words: str = ""

    @property
    def whole(self) -> bool:
        return self.bad_sequence is None

    def as_json(self) -> dict[str, Any]:
        head = self.head and {"sequence": self.head.sequence, "hash": self.head.hash, "at": self.head.at.isoformat()}
        return {
            "whole": self.whole,
            "count": self.count,
            "anchors": self.anchors,
            "head": head,
            "bad_sequence": self.bad_sequence,
            "words": self.words,
        }

    def as_text(self) -> str:
        if not self.whole:
            return f"The audit log is NOT whole. {self.words}\nThe {self.count:,} events before it are as they were."
        newest = f"; its last hash is {self.head.hash}" if self.head else ""
        return f"The audit log is whole: {self.count:,} events, held against {self.anchors:,} anchors{newest}."
