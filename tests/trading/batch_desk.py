"""Orders as the gate hands them to the database, and the accounts that they are for."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson

from starkmatter.accounts.records import Caller
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.trading import queries
from tests.builders import OPENS_AT, make_account, make_caller

Item = dict[str, Any]
SHOWN = (
    "SELECT o.symbol, o.side, o.qty, o.status, o.sequence, o.reserved, o.reserve_per_share, o.reject_reason, o.risk,"
    " o.held, o.opens, (SELECT array_agg(e.sequence || e.status || coalesce(e.reason, '') ORDER BY e.sequence)"
    " FROM order_event e WHERE e.order_id = o.id), (SELECT b.kind FROM outbox b WHERE b.order_id = o.id),"
    " o.filled_qty, o.filled_value, o.extended_hours, o.allow_short"
    " FROM trade_order o WHERE o.account_id = ANY (%s) ORDER BY o.qty, o.side"
)


class Desk:
    """Four accounts of two people, the first of whom orders: with money, with little, of margin, and a stranger's."""

    def __init__(self, db: Database, caller: Caller, accounts: list[UUID]) -> None:
        self.db, self.caller, self.accounts = db, caller, accounts

    async def send(self, *batches: list[Item]) -> list[tuple[str, str | None]]:
        """The answers in the order of the items."""
        found = {}
        for batch in batches:
            rows = await self.db.tuples(queries.SUBMIT, (orjson.dumps(batch).decode(), utc_now()))
            found |= {order_id: (outcome, reason) for order_id, outcome, reason in rows}
        return [found[one["id"]] for batch in batches for one in batch]

    async def stored(self) -> list[tuple[Any, ...]]:
        """Their orders with states and outbox, and what is set aside."""
        orders = await self.db.tuples(SHOWN, (self.accounts,))
        aside = [await self.db.value("SELECT reserved FROM account WHERE id = %s", (one,)) for one in self.accounts]
        return [*orders, tuple(aside)]


async def make_seat(db: Database) -> Desk:
    caller, stranger = await make_caller(db, "trader"), await make_caller(db, "trader")
    accounts = [await make_account(db, caller, cash) for cash in ("100000", "500", "100000")]
    accounts.append(await make_account(db, stranger, "100000"))
    await db.run("UPDATE account SET guarded = true WHERE id = %s", (accounts[2],))
    return Desk(db, caller, accounts)


def item(desk: Desk, account: int, qty: str, **changes: Any) -> Item:
    return {
        "id": uuid4(),
        "account_id": desk.accounts[account],
        "user_id": desk.caller.user_id,
        "venue": "replay",
        "symbol": "AAPL",
        "side": "buy",
        "type": "market",
        "qty": qty,
        "limit_price": None,
        "time_in_force": "day",
        "session_on": OPENS_AT.date(),
        "reserve": "1050.60",
        "reserve_per_share": "105.06",
        "request_hash": "00" * 32,
        "risk": {"decision": "passed"},
        "refusal": None,
        "venue_at": OPENS_AT + timedelta(minutes=10),
        **changes,
    }


async def as_it_is(desk: Desk) -> None:
    """Nothing special about the account."""


def now_is(assignment: str) -> Callable[[Desk], Awaitable[None]]:
    async def change(desk: Desk) -> None:
        await desk.db.run(f"UPDATE account SET {assignment} WHERE id = %s", (desk.accounts[0],))  # type: ignore[arg-type]

    return change
