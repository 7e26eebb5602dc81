"""Who a bearer token acts for: looked up at every use, so that a revocation or a lesser role counts at once."""

from datetime import timedelta
from uuid import UUID

from starkmatter.accounts.programs import queries
from starkmatter.accounts.programs.access import read_access
from starkmatter.accounts.programs.networks import check_address
from starkmatter.accounts.programs.records import InvalidToken, Program
from starkmatter.accounts.programs.wording import API_MARK, is_text
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import token_hash
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.actor import act_for

TOUCH_EVERY = timedelta(minutes=1)


async def caller_of_bearer(b: Backends, text: str, ip: str) -> Caller:
    """The caller of an API token or an access token; from here on the task works for that person.

    Raises InvalidToken for everything that does not count, NotAllowed from an address that is not on its list.
    """
    if text.startswith(API_MARK):
        program = await program_of_token(b, text)
        most = None
    else:
        access = await read_access(b, text)
        program = await program_of_family(b, access.family)
        most = access.scopes
        if program.user_id != access.user_id:
            raise InvalidToken
    check_address(program.networks, ip)
    await touch(b, program, ip)
    caller = program.caller(most)
    act_for(caller.user_id)
    return caller


async def program_of_token(b: Backends, text: str) -> Program:
    """The program of an API token; InvalidToken when it does not count."""
    if not is_text(text, API_MARK):
        raise InvalidToken
    found = await b.db.one(Program, queries.PROGRAM_OF_TOKEN, {"token_hash": token_hash(text), "now": utc_now()})
    if found is None:
        raise InvalidToken
    return found


async def program_of_family(b: Backends, family: UUID) -> Program:
    """The program of a family of access tokens; InvalidToken when it has ended."""
    found = await b.db.one(Program, queries.PROGRAM_OF_FAMILY, {"family": family, "now": utc_now()})
    if found is None:
        raise InvalidToken
    return found


async def touch(b: Backends, program: Program, ip: str) -> None:
    """Note when and from where it was used, once a minute at most."""
    now = utc_now()
    before = now - TOUCH_EVERY
    if program.last_used_at is None or program.last_used_at < before:
        await b.db.run(queries.TOUCH_TOKEN, {"id": program.token_id, "now": now, "ip": ip[:64], "before": before})


async def alive_programs(b: Backends, ids: set[UUID]) -> set[UUID]:
    """Which of these tokens and families still count, in one query."""
    rows = await b.db.tuples(queries.ALIVE_PROGRAMS, {"ids": list(ids), "now": utc_now()})
    return {row[0] for row in rows}
