"""The kill switch: one action stops new orders and asks every open one back; turning it off takes a fresh proof.

What is stopped is a row in PostgreSQL that the statement taking an order obeys under the account's lock, and the worker
before it sends. A switch that is on already only ever becomes stricter.
"""

from typing import Any, LiteralString
from uuid import UUID, uuid4

from starkmatter.accounts.audit.trail import as_json, event
from starkmatter.accounts.records import Caller
from starkmatter.accounts.step_up import require_fresh
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Params
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, Unavailable
from starkmatter.trading.facts import account_facts
from starkmatter.trading.guarding import queries
from starkmatter.trading.guarding.records import Scope, Stop, TurnedOn
from starkmatter.trading.guarding.sweeping import sweep

MAX_REASON_CHARS = 200
TRIES = 3


async def turn_on(
    b: Backends,
    caller: Caller,
    scope: Scope,
    *,
    account_id: UUID | None = None,
    broker: str | None = None,
    allows_reducing: bool = False,
    reason: str = "",
) -> TurnedOn:
    """Stop new orders and ask the open ones back: of one account, of all of the caller's, or (admins) of everybody.

    With `broker` only that broker is paused, and its open orders stay. `allows_reducing`: what only reduces a position
    may still be ordered. NotFound or NotAllowed for an account the caller may not trade on; Unavailable when the
    database does not answer: then nothing is stopped.
    """
    if len(reason) > MAX_REASON_CHARS:
        raise InvalidInput(f"The reason may have {MAX_REASON_CHARS} characters at most.")
    if not caller.may_stop:
        raise NotAllowed("This token may look but stop nothing.")
    user_id, of_account = await _whom(b, caller, scope, account_id)
    if broker is not None and (broker,) not in await _all(b, queries.BROKERS, {"user": user_id}):
        raise NotFound("No account is at a broker of that name.")
    about = {"scope": scope, "broker": broker, "allows_reducing": allows_reducing, "reason": reason.strip()}
    subject = _subject(of_account, user_id)
    action = "broker.paused" if broker else "switch.turned_on"
    asked = {
        "id": uuid4(),
        "user": user_id,
        "account": of_account,
        "broker": broker,
        "allows_reducing": allows_reducing,
        "sweeps": broker is None,
        "reason": reason.strip(),
        "by": caller.user_id,
        "events": as_json([event(caller, action, subject, after=about)]),
        "now": utc_now(),
    }
    stop = await _stop(b, await _persist(b, asked))
    if broker is not None:
        return TurnedOn(stop, 0)
    canceled = await sweep(b, stop, caller)
    return TurnedOn(await _stop(b, stop.id), canceled)


async def turn_off(b: Backends, caller: Caller, stop_id: UUID) -> None:
    """Take orders again. StepUpNeeded without a fresh proof of who it is; NotFound for a switch that is not theirs.

    A switch of one account is turned off by its owner, one of everybody by an admin, whoever turned it on.
    """
    stop = await _stop(b, stop_id)
    owner = stop.user_id or stop.account_owner
    if stop.scope == "everybody":
        if not caller.is_admin:
            raise NotAllowed("Only an admin turns this off: it is on for everybody.")
    elif owner != caller.user_id:
        raise NotFound("There is no such switch of yours.")
    await require_fresh(b, caller)
    action = "broker.resumed" if stop.broker else "switch.turned_off"
    before = {"scope": stop.scope, "broker": stop.broker, "reason": stop.reason, "set_at": stop.set_at}
    subject = _subject(stop.account_id, owner)
    asked = {"stop": stop_id, "events": as_json([event(caller, action, subject, before=before)])}
    if (await _all(b, queries.TURN_OFF, asked)) != [(True,)]:
        raise NotFound("There is no such switch of yours.")


async def list_stops(b: Backends, caller: Caller) -> list[Stop]:
    """The switches that are on for the caller's accounts and those shared with them, the widest first."""
    return await b.db.all(Stop, queries.STOPS, {"user": caller.user_id})


async def find_stop(
    b: Backends, caller: Caller, scope: Scope, account_id: UUID | None = None, broker: str | None = None
) -> Stop:
    """The switch of that scope; NotFound when it is off."""
    for stop in await list_stops(b, caller):
        mine = stop.user_id in {None, caller.user_id}
        if stop.scope == scope and mine and stop.account_id == account_id and stop.broker == broker:
            return stop
    raise NotFound("This switch is off.")


async def _whom(b: Backends, caller: Caller, scope: Scope, account_id: UUID | None) -> tuple[UUID | None, UUID | None]:
    """The person and the account a switch is for."""
    if (scope == "account") != (account_id is not None):
        raise InvalidInput("account_id: needed for the switch of one account, and for no other.")
    if account_id is not None:
        return None, (await account_facts(b.db, caller, account_id)).id
    if scope == "everybody":
        if not caller.is_admin:
            raise NotAllowed("Only an admin stops everybody. You can stop all of your own accounts.")
        return None, None
    return caller.user_id, None


def _subject(account_id: UUID | None, user_id: UUID | None) -> tuple[str, object]:
    if account_id is not None:
        return "account", account_id
    return ("person", user_id) if user_id is not None else ("installation", "all")


async def _persist(b: Backends, asked: dict[str, Any]) -> UUID:
    """Turn it on; an account whose row is busy for a moment is waited for more than once."""
    for attempt in range(TRIES):
        try:
            ((found,),) = await _all(b, queries.TURN_ON, asked)
        except Unavailable:
            if attempt + 1 == TRIES:
                raise
        else:
            return UUID(str(found))
    raise AssertionError


async def _stop(b: Backends, stop_id: UUID) -> Stop:
    rows = await _all(b, queries.STOP, (stop_id,))
    if not rows:
        raise NotFound("There is no such switch of yours.")
    return Stop(*rows[0])


async def _all(b: Backends, sql: LiteralString, params: Params) -> list[tuple[Any, ...]]:
    """A switch reaches accounts of other people too, so these statements name whom they are for themselves."""
    async with b.db.own_connection() as own:
        return await own.tuples(sql, params)
