"""The first start: a one-time link makes the owner; after that the door is closed."""

import secrets
from uuid import UUID, uuid4

import psycopg
from email_validator import EmailNotValidError, validate_email

from starkmatter.accounts import queries
from starkmatter.accounts.passphrase import check_passphrase, hash_passphrase
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import open_session, token_hash
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
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
    return f"{settings.browser_url}/setup?token={token}"


async def owner_exists(b: Backends) -> bool:
    """Whether somebody has set this installation up."""
    return bool(await b.db.value(queries.OWNER_EXISTS))


async def register_owner(
    b: Backends,
    *,
    email: str,
    passphrase: str,
    display_name: str,
    setup_token: str | None,
    ip: str,
    user_agent: str,
) -> tuple[Caller, str]:
    """Make the owner and sign them in: the caller and the cookie's token.

    Raises NotAllowed without a valid set-up token (registration is closed once there is an owner), InvalidInput for a
    malformed address or a weak passphrase (the token stays usable then).
    """
    address = _checked_email(email)
    name = display_name.strip()
    if not 1 <= len(name) <= MAX_NAME_CHARS:
        raise InvalidInput(f"The name must have 1 to {MAX_NAME_CHARS} characters.")
    if not setup_token or not await b.db.value(queries.SETUP_TOKEN_OPEN, (token_hash(setup_token),)):
        raise NotAllowed(
            "Registration is closed. The set-up link works once; `starkmatter user setup-link` prints a new one "
            "while there is no owner.",
            code="registration_closed",
        )
    check_passphrase(passphrase, email=address, display_name=name)
    hashed = await hash_passphrase(passphrase)
    user_id = uuid4()
    await _insert_owner(b, user_id, address, name, hashed, setup_token)
    return await open_session(b, user_id, "owner", address, name, ip=ip, user_agent=user_agent)


async def _insert_owner(
    b: Backends, user_id: UUID, email: str, display_name: str, passphrase_hash: str, setup_token: str
) -> None:
    now = utc_now()
    async with b.db.transaction() as connection:
        await connection.execute(queries.LOCK_SETUP, (SETUP_LOCK_KEY,))
        used = await connection.execute(queries.USE_SETUP_TOKEN, (now, token_hash(setup_token)))
        row = await (await connection.execute(queries.OWNER_EXISTS)).fetchone()
        if used.rowcount != 1 or (row is not None and row[0]):
            raise Conflict("This set-up link has already been used.", code="setup_link_used")
        inserted = await connection.execute(
            queries.INSERT_USER,
            {
                "id": user_id,
                "email": email,
                "display_name": display_name,
                "role": "owner",
                "passphrase_hash": passphrase_hash,
                "now": now,
            },
        )
        if inserted.rowcount != 1:
            raise Conflict("Somebody already uses this address.")


def _checked_email(email: str) -> str:
    try:
        return validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise InvalidInput(f"The e-mail address is not valid: {error}") from None
