"""Writes events into the audit log: one line where something about security or money happens.

`await note(connection, caller, "person.role_changed", ("person", user_id), before={...}, after={...})` is part of that
transaction and should be its last statement, since the log has one writer at a time; with `b` in place of the
connection it commits by itself. Keys, passphrases, codes and tokens never go in: a field named like one is refused.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from starkmatter.accounts.audit import queries
from starkmatter.accounts.audit.records import Actor
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.money import plain

Fields = Mapping[str, Any]
Subject = tuple[str, object]
MAX_TEXT_CHARS = 300
ACTION = re.compile(r"[a-z]+(\.[a-z_]+)+")
SECRET_NAMES = re.compile(
    r"pass(phrase|word)|secret|token|seed|api_?key|private|otp|recovery_code$|code$", re.IGNORECASE
)


async def note(
    to: Backends | Connection,
    by: Caller | Actor,
    action: str,
    subject: Subject | None = None,
    *,
    before: Fields | None = None,
    after: Fields | None = None,
    source: str | None = None,
) -> None:
    """Append one event. `source` names what it must be written for only once."""
    await append(to, [event(by, action, subject, before=before, after=after, source=source)])


async def append(to: Backends | Connection, events: Sequence[dict[str, Any]]) -> int:
    """Append many in one round trip, in order; how many were new."""
    if isinstance(to, Backends):
        return int(await to.db.value(queries.APPEND, (as_json(events),)))
    row = await (await to.execute(queries.APPEND, (as_json(events),))).fetchone()
    return int(row[0]) if row else 0


def event(
    by: Caller | Actor,
    action: str,
    subject: Subject | None = None,
    *,
    before: Fields | None = None,
    after: Fields | None = None,
    source: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """One event for `append`; `at` is now unless it happened earlier. ValueError for what must not be written."""
    if not ACTION.fullmatch(action):
        raise ValueError(f"{action!r} is not an action such as person.role_changed")
    return {
        "at": at or utc_now(),
        "actor_id": by.user_id,
        "actor_name": (by.display_name if isinstance(by, Caller) else by.name)[:MAX_TEXT_CHARS],
        "via": by.via,
        "ip": by.ip[:64],
        "action": action,
        "subject_type": subject[0] if subject else "",
        "subject_id": str(subject[1])[:MAX_TEXT_CHARS] if subject else "",
        "before": _checked(before),
        "after": _checked(after),
        "source": source,
    }


def as_json(events: Sequence[dict[str, Any]]) -> str:
    """The events as PostgreSQL takes them; exact figures as texts."""
    return orjson.dumps(events, default=_text).decode().replace("\\u0000", "")


def _checked(fields: Fields | None) -> dict[str, Any] | None:
    """Plain values only, none that is named like a secret."""
    if fields is None:
        return None
    named = [name for name in fields if SECRET_NAMES.search(name)]
    if named:
        raise ValueError(f"the audit log takes no field named {named[0]!r}")
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | Decimal | UUID | datetime):
        return value
    if isinstance(value, str):
        return value[:MAX_TEXT_CHARS]
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, dict):
        return _checked(value)
    raise ValueError(f"the audit log takes no {type(value).__name__}")


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    raise TypeError
