"""A person's linked sign-ins: listed, and unlinked unless it is the last way in."""

from uuid import UUID

import structlog

from starkmatter.accounts import queries as of_accounts
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.oidc import queries
from starkmatter.accounts.oidc.providers import list_providers
from starkmatter.accounts.oidc.records import IdentityView
from starkmatter.accounts.passphrase import NO_PASSPHRASE
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import revoke_other_sessions
from starkmatter.backends import Backends
from starkmatter.errors import Conflict, NotFound

log = structlog.get_logger("accounts")


async def list_identities(b: Backends, caller: Caller) -> list[IdentityView]:
    """The caller's, the first first."""
    return await b.db.all(IdentityView, queries.IDENTITIES, (caller.user_id,))


async def has_passphrase(b: Backends, caller: Caller) -> bool:
    """Whether the caller can also sign in with a passphrase."""
    return bool(await b.db.value(of_accounts.PASSPHRASE_HASH, (caller.user_id,)) != NO_PASSPHRASE)


async def unlink(b: Backends, caller: Caller, identity_id: UUID) -> None:
    """Take one back; the caller's other sessions end. Conflict when nothing else would let them in.

    The person's row is locked meanwhile: of two that unlink the last two at once, one is refused.
    """
    connected = [one.slug for one in await list_providers(b)]
    which = {"id": identity_id, "user": caller.user_id, "connected": connected}
    async with b.db.transaction() as connection:
        row = await (await connection.execute(queries.LOCK_PERSON, (caller.user_id,))).fetchone()
        gone = await connection.execute(queries.DROP_IDENTITY, which)
        if gone.rowcount != 1:
            raise NotFound("There is no such linked sign-in.")
        others = await (await connection.execute(queries.OTHER_WAYS, which)).fetchone()
        if (row is None or row[0] == NO_PASSPHRASE) and not (others and others[0]):
            raise Conflict(
                "This is your last way in. Set a passphrase first: sign out and choose “I have forgotten my "
                "passphrase”, or ask an admin for a link.",
                code="last_way_in",
            )
        await note(connection, caller, "identity.unlinked", ("identity", identity_id))
    await revoke_other_sessions(b, caller)
    log.info("sign-in unlinked", user_id=str(caller.user_id))
