"""The owner's own rules: read, tightened at once, loosened a day later, and a loosening withdrawn.

Each change holds the row locks of the accounts it covers and takes its time from the database, so that no order slips
past it and no clock but that one counts.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID, uuid4

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.db.database import Connection, Params
from starkmatter.domain.limits import LIMIT_KINDS, Limit, LimitKind, change, problem_of, withdraw
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.trading.guarding import queries
from starkmatter.trading.guarding.records import RuleView


async def list_rules(b: Backends, caller: Caller, account_id: UUID | None = None) -> list[RuleView]:
    """The caller's rules, those for all accounts first; with an account only what binds that one."""
    found = await b.db.all(RuleView, queries.RULES, {"user": caller.user_id, "account": account_id})
    return [one for one in found if one.in_force is not None]  # One that waits to be loosened binds until then.


async def set_rule(
    b: Backends, caller: Caller, kind: LimitKind, value: Decimal | None, account_id: UUID | None = None
) -> RuleView:
    """Set a rule for one account of the caller's own or for each of them; None ends it.

    What is tighter counts at once, what is looser after 24 hours. InvalidInput for a figure the rule cannot have,
    NotFound for an account that is not theirs.
    """
    if kind not in LIMIT_KINDS:
        raise NotFound("There is no such rule.")
    problem = problem_of(kind, value)
    if problem is not None:
        raise InvalidInput(problem)
    return await _change(b, caller, kind, account_id, "rule.set", value)


async def withdraw_loosening(b: Backends, caller: Caller, kind: LimitKind, account_id: UUID | None = None) -> RuleView:
    """Take back a loosening that waits; NotFound when none does."""
    if kind not in LIMIT_KINDS:
        raise NotFound("There is no such rule.")
    return await _change(b, caller, kind, account_id, "rule.loosening_withdrawn", None, withdraws=True)


async def _change(
    b: Backends,
    caller: Caller,
    kind: LimitKind,
    account_id: UUID | None,
    action: str,
    value: Decimal | None,
    *,
    withdraws: bool = False,
) -> RuleView:
    key = {"user": caller.user_id, "account": account_id, "kind": kind}
    name = ""
    async with b.db.transaction() as connection:
        if account_id is not None:
            row = await _row(connection, queries.OWNS, (account_id, caller.user_id))
            if row is None:
                raise NotFound("There is no such account.")
            name = row[0]
        await connection.execute(queries.LOCK_COVERED, key)
        before = Limit(kind, *(await _row(connection, queries.RULE, key) or ()))
        clock = await _row(connection, queries.DATABASE_NOW, ())
        assert clock is not None
        now: datetime = clock[0]
        if withdraws and not before.is_loosening(now):
            raise NotFound("No loosening of this rule waits.")
        after = withdraw(before, now) if withdraws else change(before, value, now)
        if after.value is None and after.loosens_at is None:
            await connection.execute(queries.DROP_RULE, key)
        else:
            fields = {"value": after.value, "loosens_to": after.loosens_to, "loosens_at": after.loosens_at}
            await connection.execute(queries.PUT_RULE, key | fields | {"id": uuid4(), "now": now})
        await connection.execute(queries.GUARD_COVERED, key)
        subject = ("account", account_id) if account_id else ("person", caller.user_id)
        about = {"rule": kind, "value": after.value, "loosens_to": after.loosens_to, "loosens_at": after.loosens_at}
        was = {"value": before.in_force(now), "loosens_to": before.loosens_to, "loosens_at": before.loosens_at}
        await note(connection, caller, action, subject, before=was, after=about)
    return RuleView(kind, after.value, after.loosens_to, after.loosens_at, account_id, name, now)


async def _row(connection: Connection, sql: LiteralString, params: Params) -> tuple[Any, ...] | None:
    return await (await connection.execute(sql, params)).fetchone()
