"""A person's passkeys: which there are, what they are called, and taking one away."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from starkmatter.accounts.passkeys import queries
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import revoke_other_sessions
from starkmatter.backends import Backends
from starkmatter.errors import InvalidInput, NotFound

MAX_NAME_CHARS = 60

log = structlog.get_logger("accounts")


@dataclass(frozen=True, slots=True)
class PasskeyView:
    """One passkey, as its person sees it."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


async def list_passkeys(b: Backends, caller: Caller) -> list[PasskeyView]:
    """The caller's own, the oldest first."""
    return await b.db.all(PasskeyView, queries.PASSKEYS, (caller.user_id,))


async def has_passkey(b: Backends, user_id: UUID) -> bool:
    """Whether this person has one at least."""
    return bool(await b.db.value(queries.HAS_PASSKEY, (user_id,)))


async def rename_passkey(b: Backends, caller: Caller, passkey_id: UUID, name: str) -> None:
    """Call it something else. NotFound when it is not the caller's."""
    changed = {"id": passkey_id, "user": caller.user_id, "name": checked_name(name)}
    if not await b.db.run(queries.RENAME_PASSKEY, changed):
        raise NotFound("There is no such passkey.")


async def remove_passkey(b: Backends, caller: Caller, passkey_id: UUID) -> None:
    """It opens nothing any more, and the caller's other sessions end. NotFound when it is not the caller's."""
    if not await b.db.run(queries.DELETE_PASSKEY, (passkey_id, caller.user_id)):
        raise NotFound("There is no such passkey.")
    await revoke_other_sessions(b, caller)
    log.info("passkey removed", user_id=str(caller.user_id))


def checked_name(name: str) -> str:
    """The name without blanks around it; InvalidInput when it is empty or too long."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME_CHARS:
        raise InvalidInput(f"The name of a passkey has 1 to {MAX_NAME_CHARS} characters.")
    return name
