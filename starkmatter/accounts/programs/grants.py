"""Grants: an API token brings an access token and a refresh token; each refresh token brings the next pair, once.

A refresh token that comes a second time was copied: nobody can tell the thief from the program, so the whole family
ends, the access tokens with it. The same instant is no excuse: of many at once one gets the next pair, and the family
has ended for all of them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID, uuid4

import structlog

from starkmatter.accounts.audit.records import SYSTEM
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.programs import queries
from starkmatter.accounts.programs.access import LIFE, sign_access
from starkmatter.accounts.programs.bearer import program_of_family, program_of_token, touch
from starkmatter.accounts.programs.networks import check_address
from starkmatter.accounts.programs.records import SCOPES, Grant, InvalidToken, Program, scope_text
from starkmatter.accounts.programs.signing_keys import signing_key
from starkmatter.accounts.programs.wording import REFRESH_MARK, is_text, new_text
from starkmatter.accounts.records import Scope
from starkmatter.accounts.sessions import token_hash
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.errors import InvalidInput, NotAllowed

REFRESH_LIFE = timedelta(days=14)
LIFE_SECS = int(LIFE.total_seconds())
MOST_FAMILIES = 50

log = structlog.get_logger("programs")


@dataclass(frozen=True, slots=True)
class _Refresh:
    family_id: UUID
    expires_at: datetime
    used_at: datetime | None


async def begin_family(b: Backends, api_token: str, scope: str | None, ip: str) -> Grant:
    """The first pair of a new family; `scope` may ask for less than the API token has.

    Of one API token the fifty newest families live.
    """
    program = await program_of_token(b, api_token)
    check_address(program.networks, ip)
    wanted = _wanted(program, scope)
    family, now = uuid4(), utc_now()
    key = await signing_key(b.db, b.settings, now)
    async with b.db.transaction() as connection:
        values = {
            "id": family,
            "token": program.token_id,
            "scopes": [one for one in SCOPES if one in wanted],
            "now": now,
        }
        await connection.execute(queries.INSERT_FAMILY, values)
        await connection.execute(
            queries.END_OLDEST_FAMILIES, {"token": program.token_id, "now": now, "most": MOST_FAMILIES}
        )
        refresh, expires_at = await _next_refresh(connection, program, family, now)
    await touch(b, program, ip)
    scopes = wanted & program.allowed
    access = sign_access(b.settings, key, program.user_id, family, scopes, now)
    return Grant(access, LIFE_SECS, refresh, expires_at, scope_text(scopes))


async def refresh_family(b: Backends, refresh_token: str, ip: str) -> Grant:
    """The next pair for a refresh token, which is used up. A used one ends its family; all else is InvalidToken."""
    if not is_text(refresh_token, REFRESH_MARK):
        raise InvalidToken
    key, now = token_hash(refresh_token), utc_now()
    row = await b.db.one(_Refresh, queries.REFRESH, (key,))
    if row is None:
        raise InvalidToken
    if row.used_at is not None:
        await _end_family(b, row.family_id)
    if row.expires_at <= now:
        raise InvalidToken
    program = await program_of_family(b, row.family_id)
    check_address(program.networks, ip)
    signer = await signing_key(b.db, b.settings, now)
    async with b.db.transaction() as connection:
        used = await connection.execute(queries.USE_REFRESH, (now, key))
        mine = used.rowcount == 1
        if mine:
            refresh, expires_at = await _next_refresh(connection, program, row.family_id, now)
    if not mine:
        await _end_family(b, row.family_id)
    await touch(b, program, ip)
    access = sign_access(b.settings, signer, program.user_id, row.family_id, program.allowed, now)
    return Grant(access, LIFE_SECS, refresh, expires_at, scope_text(program.allowed))


async def _end_family(b: Backends, family: UUID) -> NoReturn:
    """A refresh token came twice."""
    if await b.db.run(queries.END_FAMILY, (utc_now(), family)):
        log.warning("a refresh credential came twice: its family has ended", family=str(family))
        await note(b, SYSTEM, "program.reuse_noticed", ("family", family))
    raise InvalidToken


async def _next_refresh(connection: Connection, program: Program, family: UUID, now: datetime) -> tuple[str, datetime]:
    text, expires_at = new_text(REFRESH_MARK), min(now + REFRESH_LIFE, program.expires_at)
    values = {"token_hash": token_hash(text), "family": family, "now": now, "expires_at": expires_at}
    await connection.execute(queries.INSERT_REFRESH, values)
    return text, expires_at


def _wanted(program: Program, scope: str | None) -> frozenset[Scope]:
    if scope is None or not scope.strip():
        return frozenset(program.scopes)
    wanted = frozenset(scope.split())
    if not wanted <= set(SCOPES):
        raise InvalidInput(f"scope: some of {', '.join(SCOPES)}, with spaces between.")
    if not wanted <= program.allowed:
        raise NotAllowed("This token does not go as far as the scope that is asked for.", code="insufficient_scope")
    return frozenset(one for one in SCOPES if one in wanted)
