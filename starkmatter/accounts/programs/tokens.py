"""API tokens: made once for a program, listed without their text, revoked at once. Only their SHA-256 is kept."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.programs import queries
from starkmatter.accounts.programs.networks import checked_networks
from starkmatter.accounts.programs.records import SCOPES, TokenView
from starkmatter.accounts.programs.wording import API_MARK, hint_of, new_text
from starkmatter.accounts.records import Caller, scopes_of_role
from starkmatter.accounts.sessions import token_hash
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound

MOST_TOKENS = 20
MOST_DAYS = 365
MAX_NAME_CHARS = 60
KEEP_ENDED = timedelta(days=30)

log = structlog.get_logger("programs")


async def make_token(
    b: Backends,
    caller: Caller,
    *,
    name: str,
    scopes: Sequence[str],
    expires_days: int,
    networks: Sequence[str],
) -> tuple[UUID, str]:
    """A new API token: (its id, its text), the text shown this once.

    Scopes go no further than the person's role; the token ends after 365 days at most.
    """
    wanted, admitted = _checked_scopes(caller, scopes), checked_networks(networks)
    label = " ".join(name.split())
    if not 1 <= len(label) <= MAX_NAME_CHARS:
        raise InvalidInput(f"name: 1 to {MAX_NAME_CHARS} characters.")
    if not 1 <= expires_days <= MOST_DAYS:
        raise InvalidInput(f"expires_days: 1 to {MOST_DAYS}.")
    token_id, text, now = uuid4(), new_text(API_MARK), utc_now()
    async with b.db.transaction() as connection:
        await connection.execute(queries.LOCK_PERSON, (caller.user_id,))
        row = await (await connection.execute(queries.LIVE_TOKENS, (caller.user_id, now))).fetchone()
        if row is not None and row[0] >= MOST_TOKENS:
            raise Conflict(f"You have {MOST_TOKENS} tokens. Revoke one that is not needed any more.")
        await connection.execute(
            queries.INSERT_TOKEN,
            {
                "id": token_id,
                "user": caller.user_id,
                "token_hash": token_hash(text),
                "name": label,
                "hint": hint_of(text),
                "scopes": wanted,
                "networks": admitted,
                "now": now,
                "expires_at": now + timedelta(days=expires_days),
            },
        )
        limits = {"name": label, "scopes": wanted, "networks": admitted, "days": expires_days}
        await note(connection, caller, "program.admitted", ("program", token_id), after=limits)
    log.info("program admitted", program=str(token_id), user_id=str(caller.user_id), scopes=wanted)
    return token_id, text


async def list_tokens(b: Backends, caller: Caller) -> list[TokenView]:
    """The caller's tokens that were not revoked, the newest first; expired ones stay for thirty days."""
    return await b.db.all(TokenView, queries.TOKENS_OF, (caller.user_id,))


async def revoke_token(b: Backends, caller: Caller, token_id: UUID) -> None:
    """Shut out one of the caller's programs: its next request fails, its open stream ends within a second."""
    if not await b.db.run(queries.REVOKE_TOKEN, (utc_now(), token_id, caller.user_id)):
        raise NotFound("There is no such token.")
    await note(b, caller, "program.shut_out", ("program", token_id))
    log.info("program shut out", program=str(token_id), by=str(caller.user_id))


async def list_all_tokens(b: Backends, caller: Caller) -> list[TokenView]:
    """Everybody's tokens, for admins."""
    _check_admin(caller)
    return await b.db.all(TokenView, queries.ALL_TOKENS)


async def revoke_any_token(b: Backends, caller: Caller, token_id: UUID) -> None:
    """Shut out anybody's program, for admins; the owner's are the owner's own to revoke."""
    _check_admin(caller)
    if not await b.db.run(queries.REVOKE_ANY_TOKEN, {"id": token_id, "now": utc_now(), "by": caller.user_id}):
        raise NotFound("There is no such token that you may revoke.")
    await note(b, caller, "program.shut_out", ("program", token_id))
    log.info("program shut out", program=str(token_id), by=str(caller.user_id))


async def forget_old_programs(b: Backends) -> int:
    """Drop tokens that ended thirty days ago, families that ended a day ago and refresh tokens past their time.

    The number is that of the tokens.
    """
    now = utc_now()
    ended = {"before": now - KEEP_ENDED, "now": now}
    await b.db.run(queries.FORGET_REFRESH, (now,))
    await b.db.run(queries.FORGET_FAMILIES, ended)
    return await b.db.run(queries.FORGET_TOKENS, ended)


def _checked_scopes(caller: Caller, scopes: Sequence[str]) -> list[str]:
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise InvalidInput(f"scopes: one or more of {', '.join(SCOPES)}.")
    beyond = set(scopes) - scopes_of_role(caller.role)
    if beyond:
        raise NotAllowed(f"Your role does not go as far as the scope “{sorted(beyond)[0]}”.")
    return [scope for scope in SCOPES if scope in scopes]


def _check_admin(caller: Caller) -> None:
    if not caller.is_admin:
        raise NotAllowed("Only an admin may look after other people's programs.")
