"""Who may use this installation: people, their roles, and one-time invitations. Admins only."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args
from uuid import UUID

from starkmatter.accounts import queries
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller, Role
from starkmatter.accounts.sessions import forget_sessions, token_hash
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import InvalidInput, NotAllowed, NotFound

INVITATION_KEEPS = timedelta(days=7)
TOKEN_BYTES = 24
GIVEN_ROLES: tuple[Role, ...] = tuple(role for role in get_args(Role) if role != "owner")


@dataclass(frozen=True, slots=True)
class PersonView:
    """One person, as an admin sees them."""

    id: UUID
    email: str
    display_name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    has_second_factor: bool
    last_seen_at: datetime | None


async def list_people(b: Backends, caller: Caller) -> list[PersonView]:
    """Everybody, the first first."""
    _check(caller)
    return await b.db.all(PersonView, queries.PEOPLE)


async def change_role(b: Backends, caller: Caller, user_id: UUID, role: str) -> None:
    """Give another role; the person's sessions end, so it counts at once. The owner and oneself stay as they are."""
    _check(caller)
    _check_role(caller, role)
    async with b.db.transaction() as connection:
        params = {"user": user_id, "role": role, "by": caller.user_id}
        row = await (await connection.execute(queries.SET_ROLE, params)).fetchone()
        if row is None:
            raise NotFound("There is nobody else like that whose role can change.")
        was, now = {"role": row[0]}, {"role": role}
        await note(connection, caller, "person.role_changed", ("person", user_id), before=was, after=now)
    await _end_sessions(b, user_id)


async def disable_person(b: Backends, caller: Caller, user_id: UUID, *, disabled: bool) -> None:
    """Keep somebody out, at once, or let them in again. Their accounts and ledger stay."""
    _check(caller)
    at = utc_now() if disabled else None
    async with b.db.transaction() as connection:
        changed = await connection.execute(queries.SET_DISABLED, {"user": user_id, "at": at, "by": caller.user_id})
        if changed.rowcount != 1:
            raise NotFound("There is nobody else like that who can be kept out.")
        action = "person.kept_out" if disabled else "person.let_in"
        await note(connection, caller, action, ("person", user_id))
    await _end_sessions(b, user_id)


async def invite(b: Backends, caller: Caller, role: str) -> str:
    """A link that lets one person register with that role within seven days. It is shown this once."""
    _check(caller)
    _check_role(caller, role)
    token, now = secrets.token_urlsafe(TOKEN_BYTES), utc_now()
    async with b.db.transaction() as connection:
        await connection.execute(
            queries.PUT_INVITATION,
            {
                "token_hash": token_hash(token),
                "role": role,
                "by": caller.user_id,
                "now": now,
                "expires_at": now + INVITATION_KEEPS,
            },
        )
        await note(connection, caller, "invitation.made", after={"role": role, "until": now + INVITATION_KEEPS})
    return f"{b.settings.browser_url}/setup?invite={token}"


def _check(caller: Caller) -> None:
    if not caller.is_admin:
        raise NotAllowed("Only an admin may look after people.")


def _check_role(caller: Caller, role: str) -> None:
    if role not in GIVEN_ROLES:
        raise InvalidInput(f"role: one of {', '.join(GIVEN_ROLES)}.")
    if role == "admin" and caller.role != "owner":
        raise NotAllowed("Only the owner makes admins.")


async def _end_sessions(b: Backends, user_id: UUID) -> None:
    rows = await b.db.tuples(queries.REVOKE_ALL_OF, (utc_now(), user_id))
    await forget_sessions(b, [row[0] for row in rows])
