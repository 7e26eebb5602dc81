"""Confirmations: one action, with exactly the content that was shown, once, within two minutes.

What is confirmed is what is done: the token counts for the session it was made in, the action's name and the SHA-256 of
its canonical content. One field that differs and it is worth nothing; whoever shows it has used it up either way.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from starkmatter.accounts import queries
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import token_hash
from starkmatter.accounts.step_up import require_fresh
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import NotAllowed

KEEPS = timedelta(seconds=120)
TOKEN_BYTES = 24

Content = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class _Row:
    session_id: UUID
    action: str
    content_hash: bytes
    expires_at: datetime


async def confirm_action(b: Backends, caller: Caller, action: str, content: Content) -> str:
    """A token for doing `action` with `content` once. StepUpNeeded without a fresh proof of who it is.

    `content` is flat; money, quantities, ids and instants are texts in it.
    """
    await require_fresh(b, caller)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    await b.db.run(
        queries.PUT_CONFIRMATION,
        {
            "token_hash": token_hash(token),
            "session": caller.session_id,
            "action": action,
            "content_hash": content_hash(content),
            "expires_at": utc_now() + KEEPS,
        },
    )
    return token


async def use_confirmation(b: Backends, caller: Caller, token: str, action: str, content: Content) -> None:
    """Use the token up. NotAllowed unless it was made in this session, for this action, with exactly this content."""
    row = await b.db.one(_Row, queries.TAKE_CONFIRMATION, (token_hash(token),))
    meant = (caller.session_id, action, content_hash(content))
    if row is None or (row.session_id, row.action, row.content_hash) != meant or row.expires_at < utc_now():
        raise NotAllowed(
            "What was confirmed is not what was sent, or the two minutes are over. Look at it again and confirm it.",
            code="not_confirmed",
        )


async def forget_old_confirmations(b: Backends) -> int:
    """Drop those that were never used; how many."""
    return await b.db.run(queries.FORGET_CONFIRMATIONS, (utc_now(),))


def content_hash(content: Content) -> bytes:
    """The SHA-256 of the content in one form: names in order, no blanks. A float has no one form and is refused."""
    if not all(isinstance(value, str | int | None) for value in content.values()):
        raise TypeError("A confirmed content holds texts, whole numbers, truth values and None.")
    return sha256(json.dumps(dict(content), sort_keys=True, separators=(",", ":")).encode()).digest()
