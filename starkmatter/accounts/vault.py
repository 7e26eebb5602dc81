"""Keys of vendors at rest: AES-256-GCM under a key that is not in the database, bound to the row they belong to.

Secrets go in and are used by our own adapters; nothing here gives them to a page, a log or an error. A page gets the
last characters only. Each write takes a fresh random nonce (NIST SP 800-38D).
"""

import base64
import binascii
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from uuid import UUID, uuid4

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis.exceptions import RedisError

from starkmatter.accounts import queries
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import ConfigError
from starkmatter.settings import Settings, home_secret

KEY_FILE = "vault_key"
KEY_VERSION = 1
NONCE_BYTES = 12
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
class _Sealed:
    id: UUID
    nonce: bytes
    ciphertext: bytes
    key_version: int


async def keep_secret(b: Backends, kind: str, owner_id: UUID | None, values: Mapping[str, str], hide: set[str]) -> None:
    """Store or replace the connection `kind` of a person (None: of the installation). Fields in `hide` are masked."""
    sealed_id = uuid4()
    nonce = secrets.token_bytes(NONCE_BYTES)
    plain = json.dumps(dict(values)).encode()
    ciphertext = _cipher(b.settings).encrypt(nonce, plain, _bound_to(sealed_id, kind, owner_id, KEY_VERSION))
    hints = {name: _masked(value) if name in hide else value for name, value in values.items() if value}
    await b.db.run(
        queries.PUT_SECRET,
        {
            "id": sealed_id,
            "kind": kind,
            "owner": owner_id,
            "nonce": nonce,
            "ciphertext": ciphertext,
            "key_version": KEY_VERSION,
            "hints": json.dumps(hints),
            "now": utc_now(),
        },
    )
    await _announce(b, kind)


async def open_secret(b: Backends, kind: str, owner_id: UUID | None = None) -> Secrets | None:
    """The fields in clear, for the adapter that uses them; None when there is no such connection.

    ConfigError when the vault's key is not the one it was sealed with: restore the key file, or enter the keys again.
    """
    sealed = await b.db.one(_Sealed, queries.SECRET, {"kind": kind, "owner": owner_id})
    if sealed is None:
        return None
    bound = _bound_to(sealed.id, kind, owner_id, sealed.key_version)
    try:
        plain = _cipher(b.settings).decrypt(sealed.nonce, sealed.ciphertext, bound)
    except InvalidTag:
        raise ConfigError(
            f"The stored key for {kind} cannot be opened: the vault's key file is another one. Enter the key again."
        ) from None
    return Secrets(json.loads(plain))


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


def _bound_to(row_id: UUID, kind: str, owner_id: UUID | None, key_version: int) -> bytes:
    """The additional data: a ciphertext moved to another row, person or column does not open."""
    return f"vault_secret|{row_id}|ciphertext|{kind}|{owner_id or 'installation'}|{key_version}".encode()


def _masked(value: str) -> str:
    return f"…{value[-SHOWN_CHARS:]}" if len(value) >= SHOWN_FROM_CHARS else "…"


def _cipher(settings: Settings) -> AESGCM:
    return _cipher_of(home_secret(settings, KEY_FILE, settings.vault_key))


@lru_cache(maxsize=4)
def _cipher_of(text: str) -> AESGCM:
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ConfigError("STARKMATTER_VAULT_KEY must be 32 random bytes in base64, or unset to have one generated.")
    return AESGCM(key)
