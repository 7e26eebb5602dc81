"""Keys of vendors at rest: sealed under a key that is not in the database, bound to the row they belong to.

Secrets go in and are used by our own adapters; nothing here gives them to a page, a log or an error. A page gets the
last characters only.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID, uuid4

import structlog
from redis.exceptions import RedisError

from starkmatter.accounts import queries
from starkmatter.accounts.sealing.envelope import Sealed, columns, seal, unseal
from starkmatter.accounts.sealing.places import secret_place
from starkmatter.backends import Backends
from starkmatter.clock import utc_now

SHOWN_CHARS = 4
SHOWN_FROM_CHARS = 12
CHANGED_CHANNEL = "vault:changed"

log = structlog.get_logger("vault")


class Secrets(Mapping[str, str]):
    """The fields of one connection in clear. It cannot be printed, logged or pickled by accident."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._values)})"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("Secrets are not pickled.")

    @property
    def fingerprint(self) -> str:
        """Changes with the content and tells nothing of it: to know when a client must be made anew."""
        return sha256(json.dumps(self._values, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """What may be shown of a connection: hints such as `…4f2a` per field, and how its last test went."""

    kind: str
    hints: dict[str, str]
    updated_at: datetime
    tested_at: datetime | None
    tested_ok: bool | None
    tested_text: str


@dataclass(frozen=True, slots=True)
class _Row(Sealed):
    id: UUID


async def keep_secret(b: Backends, kind: str, owner_id: UUID | None, values: Mapping[str, str], hide: set[str]) -> None:
    """Store or replace the connection `kind` of a person (None: of the installation). Fields in `hide` are masked."""
    sealed_id = uuid4()
    sealed = await seal(b.settings, json.dumps(dict(values)).encode(), secret_place(sealed_id, kind, owner_id))
    hints = {name: _masked(value) if name in hide else value for name, value in values.items() if value}
    await b.db.run(
        queries.PUT_SECRET,
        {
            "id": sealed_id,
            "kind": kind,
            "owner": owner_id,
            **columns(sealed),
            "hints": json.dumps(hints),
            "now": utc_now(),
        },
    )
    await _announce(b, kind)


async def open_secret(b: Backends, kind: str, owner_id: UUID | None = None) -> Secrets | None:
    """The fields in clear, for the adapter that uses them; None when there is no such connection.

    ConfigError when the vault's key is not the one it was sealed with: restore the key file, or enter the keys again.
    Unavailable when the keeper of the vault's key does not answer.
    """
    row = await b.db.one(_Row, queries.SECRET, {"kind": kind, "owner": owner_id})
    if row is None:
        return None
    return Secrets(json.loads(await unseal(b.settings, row, secret_place(row.id, kind, owner_id))))


async def stored_secrets(b: Backends, owner_id: UUID | None) -> dict[str, StoredSecret]:
    """What may be shown of the connections of a person, or of the installation, by kind."""
    return {one.kind: one for one in await b.db.all(StoredSecret, queries.SECRETS, {"owner": owner_id})}


async def forget_secret(b: Backends, kind: str, owner_id: UUID | None) -> bool:
    """Delete a connection; whether there was one."""
    gone = await b.db.run(queries.DELETE_SECRET, {"kind": kind, "owner": owner_id})
    await _announce(b, kind)
    return gone > 0


async def note_test(b: Backends, kind: str, owner_id: UUID | None, *, ok: bool, text: str) -> None:
    """Remember how the test button ended."""
    await b.db.run(queries.NOTE_TEST, {"kind": kind, "owner": owner_id, "ok": ok, "text": text[:300], "now": utc_now()})


async def _announce(b: Backends, kind: str) -> None:
    try:
        await b.cache.publish(CHANGED_CHANNEL, kind)
    except (RedisError, OSError) as error:
        log.warning("vault change not announced", error=type(error).__name__)


def _masked(value: str) -> str:
    return f"…{value[-SHOWN_CHARS:]}" if len(value) >= SHOWN_FROM_CHARS else "…"
