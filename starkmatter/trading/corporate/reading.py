"""What actions did to an account, as pages and programs read it, and its owner's word where one cannot be booked."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import Conflict, NotAllowed, NotFound
from starkmatter.market.actions.telling import newest_telling
from starkmatter.trading import broker_queries
from starkmatter.trading.corporate import queries
from starkmatter.trading.corporate.applying import waiting_revisions
from starkmatter.trading.corporate.records import PROBLEM, Acting
from starkmatter.trading.facts import account_facts

MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class ActionView:
    """One line of the record: what an action did to the account, or (`undoing`) that it was taken back.

    `figures` has each symbol with its shares, their cost and what was realized, before and after; `entry_ids` names the
    entries of the ledger. `undone`: a later line took this one back.
    """

    id: int
    action_id: str
    revision: int
    turn: int
    undoing: bool
    symbol: str
    ex_on: date
    kind: str
    words: str
    figures: list[dict[str, str]]
    entry_ids: list[int]
    booked_at: datetime
    undone: bool


@dataclass(frozen=True, slots=True)
class OrderActionView:
    """What an action made of an order that was open: `before` and `after` are its terms, figures as texts."""

    order_id: UUID
    action_id: str
    revision: int
    verb: str
    why: str
    before: dict[str, Any]
    after: dict[str, Any]
    booked_at: datetime


async def list_actions(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    *,
    symbol: str | None = None,
    limit: int = 50,
    before_id: int | None = None,
) -> list[ActionView]:
    """The record of an account, the newest first; none when the caller does not see the account."""
    asked = {"account": account_id, "user": caller.user_id, "symbol": symbol, "before": before_id}
    return await b.db.all(ActionView, queries.RECORDS, asked | {"limit": max(1, min(limit, MAX_LIMIT))})


async def list_order_actions(
    b: Backends, caller: Caller, account_id: UUID, *, order_id: UUID | None = None, limit: int = 100
) -> list[OrderActionView]:
    """What actions changed or ended of the account's orders, or of one of them, the newest first."""
    asked = {"account": account_id, "user": caller.user_id, "order": order_id}
    return await b.db.all(OrderActionView, queries.ORDER_RECORDS, asked | {"limit": max(1, min(limit, MAX_LIMIT))})


async def problem_of(b: Backends, caller: Caller, account_id: UUID) -> str:
    """Why an action waits for somebody to look at this account; empty while none does."""
    asked = {"account": account_id, "user": caller.user_id, "problem": PROBLEM}
    return str(await b.db.value(queries.PROBLEM_OF, asked) or "").removeprefix(PROBLEM)


async def leave_as_it_is(b: Backends, caller: Caller, account_id: UUID) -> int:
    """Say that what cannot be booked is not to count for this account, which trades on then; how many revisions.

    What was booked before stays as it is. Conflict when nothing waits, NotAllowed for anybody but the owner, NotFound
    when the caller does not see the account.
    """
    facts = await account_facts(b.db, caller, account_id)
    if facts.user_id != caller.user_id:
        raise NotAllowed("Only its owner says what counts on this account.")
    now = utc_now()
    told_id = await newest_telling(b.db)
    async with b.db.transaction() as connection:
        asked = {"account": account_id, "user": caller.user_id, "problem": PROBLEM}
        row = await (await connection.execute(queries.ACTING, asked)).fetchone()
        if row is None:
            raise Conflict("No corporate action waits for you on this account.")
        await connection.execute(broker_queries.LOCK_ACCOUNT, (account_id,))
        waiting = await waiting_revisions(connection, Acting(*row))
        for action_id, revision in waiting:
            said = {"account": account_id, "action_id": action_id, "revision": revision, "user": caller.user_id}
            await connection.execute(queries.WAIVE, said | {"now": now})
        await connection.execute(queries.THAW, {"account": account_id, "problem": PROBLEM})
        about = {"revisions": [f"{action_id} {revision}" for action_id, revision in waiting], "told": told_id}
        await note(connection, caller, "action.waived", ("account", account_id), after=about)
    return len(waiting)


async def order_account(b: Backends, caller: Caller, order_id: UUID) -> UUID:
    """The account of an order; NotFound when the caller does not see it."""
    found = await b.db.value(queries.ACCOUNT_OF_ORDER, {"order": order_id, "user": caller.user_id})
    if found is None:
        raise NotFound("There is no such order.")
    return UUID(str(found))
