"""Devices a person has signed in with: a random token in a cookie of its own, its SHA-256 in the database.

It opens nothing. It only tells a person's own browser from a stranger's when sign-ins are paused.
"""

import secrets
from hashlib import sha256
from uuid import UUID

from starkmatter.accounts import queries
from starkmatter.backends import Backends
from starkmatter.clock import utc_now

TOKEN_BYTES = 32
MOST_DEVICES = 20


async def known_device(b: Backends, email: str, token: str | None) -> bytes | None:
    """The hash of the token when the person of this address has signed in with it before."""
    if not token:
        return None
    found = sha256(token.encode()).digest()
    return found if await b.db.value(queries.KNOWS_DEVICE, (found, email.strip())) else None


async def remember_device(b: Backends, user_id: UUID, token: str | None) -> str:
    """Know this browser from now on; the token for its cookie."""
    token = token or secrets.token_urlsafe(TOKEN_BYTES)
    params = {"token_hash": sha256(token.encode()).digest(), "user": user_id, "now": utc_now(), "most": MOST_DEVICES}
    async with b.db.transaction() as connection:
        await connection.execute(queries.PUT_DEVICE, params)
        await connection.execute(queries.DROP_OLDEST_DEVICES, params)
    return token
