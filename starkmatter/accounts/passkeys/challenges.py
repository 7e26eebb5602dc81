"""Challenges: each is answered once, within five minutes, for what and by whom it was given out.

It is kept under a hash of its purpose and of what it is bound to: a session, or the cookie of one attempt to sign in.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from starkmatter.accounts.passkeys import queries
from starkmatter.backends import Backends
from starkmatter.clock import utc_now

KEEPS = timedelta(minutes=5)
CHALLENGE_BYTES = 32

Purpose = Literal["register", "sign_in", "step_up"]


@dataclass(frozen=True, slots=True)
class _Row:
    challenge: bytes
    expires_at: datetime


async def give_challenge(b: Backends, purpose: Purpose, bound_to: str) -> bytes:
    """A new one; what was open for the same purpose and place is not any more."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    row = {"key": _key(purpose, bound_to), "challenge": challenge, "expires_at": utc_now() + KEEPS}
    await b.db.run(queries.PUT_CHALLENGE, row)
    return challenge


async def take_challenge(b: Backends, purpose: Purpose, bound_to: str) -> bytes | None:
    """The open one, which is used up with that; None when there is none or its time is over."""
    row = await b.db.one(_Row, queries.TAKE_CHALLENGE, (_key(purpose, bound_to),))
    return row.challenge if row is not None and row.expires_at > utc_now() else None


async def forget_old_challenges(b: Backends) -> int:
    """Drop those nobody answered; how many."""
    return await b.db.run(queries.FORGET_CHALLENGES, (utc_now(),))


def _key(purpose: Purpose, bound_to: str) -> bytes:
    return sha256(f"{purpose}|{bound_to}".encode()).digest()
