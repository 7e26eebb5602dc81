"""Registering: the one-time set-up link makes the owner; after that only an invitation opens the door."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import psycopg
from email_validator import EmailNotValidError, validate_email

from starkmatter.accounts import queries
from starkmatter.accounts.audit import queries as audit_queries
from starkmatter.accounts.audit.records import Actor
from starkmatter.accounts.audit.trail import as_json, event, note
from starkmatter.accounts.passphrase import check_passphrase, hash_passphrase
from starkmatter.accounts.records import Caller, Role
from starkmatter.accounts.sessions import open_session, token_hash
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.errors import Conflict, InvalidInput, NotAllowed
from starkmatter.settings import Settings

SETUP_LOCK_KEY = 0x5354_4152_4B02
TOKEN_BYTES = 24
MAX_NAME_CHARS = 80


def issue_setup_link(settings: Settings, database_url: str) -> str | None:
    """A new set-up link, which makes former ones useless; None when there is an owner already."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with psycopg.connect(database_url) as connection:
        row = connection.execute(queries.OWNER_EXISTS).fetchone()
        if row is not None and row[0]:
            return None
        connection.execute(queries.DROP_UNUSED_SETUP_TOKENS)
        connection.execute(queries.REPLACE_SETUP_TOKEN, (token_hash(token), utc_now()))
        connection.execute(audit_queries.APPEND, (as_json([event(Actor("command"), "setup.link_made")]),))
    return f"{settings.browser_url}/setup?token={token}"


async def owner_exists(b: Backends) -> bool:
    """Whether somebody has set this installation up."""
    return bool(await b.db.value(queries.OWNER_EXISTS))


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What somebody says of themselves when registering."""

    email: str
    passphrase: str
    display_name: str


async def register_owner(
    b: Backends, newcomer: Newcomer, setup_token: str | None, *, ip: str, user_agent: str
) -> tuple[Caller, str]:
    """Make the owner and sign them in: the caller and the cookie's token.

    Raises NotAllowed without a valid set-up token (registration is closed once there is an owner), InvalidInput for a
    malformed address or a weak passphrase (the token stays usable then).
    """
    checked = _checked(newcomer)
    if not setup_token or not await b.db.value(queries.SETUP_TOKEN_OPEN, (token_hash(setup_token),)):
        raise NotAllowed(
            "Registration is closed. The set-up link works once; `starkmatter user setup-link` prints a new one "
            "while there is no owner.",
            code="registration_closed",
        )
    hashed = await _hashed(checked)

    async def use_token(connection: Connection) -> Role:
        await connection.execute(queries.LOCK_SETUP, (SETUP_LOCK_KEY,))
        used = await connection.execute(queries.USE_SETUP_TOKEN, (utc_now(), token_hash(setup_token)))
        row = await (await connection.execute(queries.OWNER_EXISTS)).fetchone()
        if used.rowcount != 1 or (row is not None and row[0]):
            raise Conflict("This set-up link has already been used.", code="setup_link_used")
        return "owner"

    return await _insert(b, checked, hashed, use_token, ip=ip, user_agent=user_agent)


async def register_invited(
    b: Backends, newcomer: Newcomer, invite_token: str, *, ip: str, user_agent: str
) -> tuple[Caller, str]:
    """Let somebody in with an invitation and sign them in; the invitation's role is theirs.

    Raises NotAllowed when the invitation is unknown, used or too old; otherwise as `register_owner`.
    """
    checked = _checked(newcomer)
    invitation = {"token_hash": token_hash(invite_token), "now": utc_now()}
    closed = NotAllowed("This invitation was used or is too old. Ask for a new one.", code="registration_closed")
    if await b.db.value(queries.INVITATION_OPEN, invitation) is None:
        raise closed
    hashed = await _hashed(checked)

    async def use_token(connection: Connection) -> Role:
        row = await (await connection.execute(queries.USE_INVITATION, invitation)).fetchone()
        if row is None:
            raise closed
        role: Role = row[0]
        return role

    return await _insert(b, checked, hashed, use_token, ip=ip, user_agent=user_agent)


async def _insert(
    b: Backends,
    newcomer: Newcomer,
    passphrase_hash: str,
    use_token: Callable[[Connection], Awaitable[Role]],
    *,
    ip: str,
    user_agent: str,
) -> tuple[Caller, str]:
    """One transaction: the token is used and the person is there, or neither."""
    user_id = uuid4()
    async with b.db.transaction() as connection:
        role = await use_token(connection)
        inserted = await connection.execute(
            queries.INSERT_USER,
            {
                "id": user_id,
                "email": newcomer.email,
                "display_name": newcomer.display_name,
                "role": role,
                "passphrase_hash": passphrase_hash,
                "now": utc_now(),
            },
        )
        if inserted.rowcount != 1:
            raise Conflict("Somebody already uses this address.")
        who = Actor("visitor", ip, user_id, newcomer.display_name)
        await note(connection, who, "person.registered", ("person", user_id), after={"role": role})
    name = newcomer.display_name
    return await open_session(b, user_id, role, newcomer.email, name, ip=ip, user_agent=user_agent)


def _checked(newcomer: Newcomer) -> Newcomer:
    """The same with its address normalized; InvalidInput says what is wrong."""
    address, name = _checked_email(newcomer.email), newcomer.display_name.strip()
    if not 1 <= len(name) <= MAX_NAME_CHARS:
        raise InvalidInput(f"The name must have 1 to {MAX_NAME_CHARS} characters.")
    return Newcomer(address, newcomer.passphrase, name)


async def _hashed(newcomer: Newcomer) -> str:
    await check_passphrase(newcomer.passphrase, email=newcomer.email, display_name=newcomer.display_name)
    return await hash_passphrase(newcomer.passphrase)


def _checked_email(email: str) -> str:
    try:
        return validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise InvalidInput(f"The e-mail address is not valid: {error}") from None
