"""Letting somebody in on an account, changing how far, and ending it; the person let in may leave by themselves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sharing import queries
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput, NotFound

Level = Literal["view", "trade"]
MAX_SHARES = 20


@dataclass(frozen=True, slots=True)
class ShareView:
    """Somebody who may look at an account, or trade on it while their role lets them trade at all."""

    account_id: UUID
    user_id: UUID
    display_name: str
    email: str
    level: Level
    created_at: datetime


async def list_shares(b: Backends, caller: Caller, account_id: UUID | None = None) -> list[ShareView]:
    """Whom the caller has let in, on one account of theirs or on all; NotFound when that one is not theirs."""
    if account_id is not None and not await b.db.value(queries.OWNS, (account_id, caller.user_id)):
        raise NotFound("There is no such account.")
    return await b.db.all(ShareView, queries.SHARES, {"user": caller.user_id, "account": account_id})


async def share_account(b: Backends, caller: Caller, account_id: UUID, email: str, level: str) -> str:
    """Let the person with that address in, or change how far they are; their name.

    Raises NotFound when the account is not the caller's own or nobody here has the address, InvalidInput for another
    level, for oneself, and past the twentieth person.
    """
    if level not in get_args(Level):
        raise InvalidInput("They may 'view' the account or 'trade' on it.")
    found = await b.db.tuples(queries.PERSON_OF_EMAIL, (email.strip(),))
    if not found:
        raise NotFound("Nobody here signs in with this address.")
    person_id, name = found[0]
    if person_id == caller.user_id:
        raise InvalidInput("This account is yours already.")
    if await b.db.value(queries.COUNT_SHARES, (account_id,)) >= MAX_SHARES:
        raise InvalidInput(f"An account can be shared with {MAX_SHARES} people.")
    asked = {
        "account": account_id,
        "person": person_id,
        "level": level,
        "user": caller.user_id,
        "now": utc_now(),
    }
    if not await b.db.run(queries.PUT_SHARE, asked):
        raise NotFound("There is no such account.")
    await note(b, caller, "account.shared", ("account", account_id), after={"person": person_id, "level": level})
    return str(name)


async def end_share(b: Backends, caller: Caller, account_id: UUID, user_id: UUID) -> None:
    """Let somebody in no longer, or leave an account that was shared with oneself; it counts from the next request."""
    asked = {"account": account_id, "person": user_id, "user": caller.user_id}
    if not await b.db.run(queries.DROP_SHARE, asked):
        raise NotFound("This account is not shared with them.")
    await note(b, caller, "account.share_ended", ("account", account_id), before={"person": user_id})


async def level_of(db: Database, caller: Caller, account_id: UUID) -> Level | None:
    """How far an account of somebody else is open to the caller; None when it is not."""
    level: Level | None = await db.value(queries.LEVEL, (account_id, caller.user_id))
    return "view" if level == "trade" and not caller.may_trade else level
