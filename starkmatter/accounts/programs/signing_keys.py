"""The keys that sign access tokens: one signs, those before it verify until the last token they signed has ended.

The private half is sealed in the database, bound to its row; the public halves are at `/.well-known/jwks.json`.
"""

import asyncio
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from starkmatter.accounts.programs import queries
from starkmatter.accounts.sealing.envelope import Sealed, columns, seal, unseal
from starkmatter.accounts.sealing.places import signing_key_place
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import ConfigError, Unavailable
from starkmatter.settings import Settings

ROTATE_EVERY = timedelta(days=30)
# The ten minutes of an access token, and one for a request that read the key just before it was replaced.
OVERLAP = timedelta(minutes=11)

log = structlog.get_logger("programs")


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A key in clear, for the moment of signing."""

    kid: str
    jwk: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Row(Sealed):
    kid: str
    public_key: bytes
    created_at: datetime


async def signing_key(db: Database, settings: Settings, now: datetime) -> SigningKey:
    """The key that signs now; the first one is made when it is first needed."""
    row = await db.one(_Row, queries.CURRENT_KEY)
    if row is None:
        await db.run(queries.INSERT_KEY, await _new_key(settings, now))
        row = await db.one(_Row, queries.CURRENT_KEY)
        if row is None:
            raise Unavailable("The signing key is just being replaced. Try again.")
    try:
        private = await unseal(settings, row, signing_key_place(row.kid))
    except ConfigError:
        raise ConfigError(
            "The key that signs access tokens cannot be opened: the vault's key file is another one. Restore it, or "
            "run `starkmatter keys rotate`."
        ) from None
    return SigningKey(row.kid, _public(row.public_key) | {"d": _text(private)})


async def rotate_keys(
    db: Database, settings: Settings, now: datetime, *, force: bool = False, end_former: bool = False
) -> bool:
    """Put a new key in place of one that has signed for thirty days, or of any with `force`; whether it was done.

    The former keys verify for eleven minutes more, with `end_former` not a moment.
    """
    fresh = await _new_key(settings, now)
    async with db.transaction() as connection:
        row = await (await connection.execute(queries.LOCK_CURRENT_KEY)).fetchone()
        if not force and (row is None or now - row[0] < ROTATE_EVERY):
            return False
        until = now if end_former else now + OVERLAP
        await connection.execute(queries.RETIRE_KEYS, {"now": now, "verifies_until": until})
        if end_former:
            await connection.execute(queries.END_RETIRED_KEYS, {"now": now})
        await connection.execute(queries.INSERT_KEY, fresh)
    log.info("signing key replaced", kid=fresh["kid"])
    return True


def rotate_now(settings: Settings, database_url: str, *, end_former: bool) -> None:
    """`rotate_keys` with force, for a one-off command."""

    async def work() -> None:
        db = Database(database_url, name="starkmatter keys", max_size=1)
        await db.open()
        try:
            await rotate_keys(db, settings, utc_now(), force=True, end_former=end_former)
        finally:
            await db.close()

    asyncio.run(work())


async def forget_old_keys(db: Database, now: datetime) -> int:
    """Drop keys that verify nothing any more; how many."""
    return await db.run(queries.FORGET_KEYS, (now,))


async def verifying_key(db: Database, kid: str, now: datetime) -> dict[str, str] | None:
    """The public half of the key of that name as a JWK; None when it is unknown or its time is over."""
    public = await db.value(queries.VERIFYING_KEY, (kid, now))
    return None if public is None else _public(public)


async def public_keys(db: Database, now: datetime) -> list[dict[str, str]]:
    """Every public half that still verifies, the newest first, as a JWK Set (RFC 7517) lists them."""
    marks = {"use": "sig", "alg": "Ed25519"}
    rows = await db.tuples(queries.VERIFYING_KEYS, (now,))
    return [_public(public) | {"kid": kid} | marks for kid, public in rows]


async def _new_key(settings: Settings, now: datetime) -> dict[str, object]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    kid = _text(sha256(public).digest()[:15])
    sealed = await seal(settings, private.private_bytes_raw(), signing_key_place(kid))
    return {"kid": kid, "public_key": public, **columns(sealed), "now": now}


def _public(raw: bytes) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": _text(raw)}


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
