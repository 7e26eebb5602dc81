"""Orders as rows, written past every function of ours: what the database makes of each is looked at by itself."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from starkmatter.accounts.records import Caller
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from tests.builders import OPENS_AT, make_account, make_caller, make_market

HELD = """
INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, updated_at)
VALUES (%s, 'AAPL', 100, 10000, 0, 50, now(), now()), (%s, 'MSFT', 100, 10000, 0, 50, now(), now())
"""
SHARED = "INSERT INTO account_share (account_id, user_id, level, shared_by, created_at) VALUES (%s, %s, %s, %s, %s)"
ASIDE = """
SELECT a.reserved, h.reserved_qty, (SELECT reserved_qty FROM holding m WHERE m.account_id = a.id AND m.symbol = 'MSFT')
  FROM account a JOIN holding h ON h.account_id = a.id AND h.symbol = 'AAPL' WHERE a.id = %s
"""
Row = dict[str, Any]

# Columns that are null in an order at the market that belongs to no group and waits for nothing.
NOTHING = (
    *("limit_price", "stop_price", "trail_amount", "trail_percent", "group_id", "role"),
    *("cond_symbol", "cond_relation", "cond_price"),
)


def order_row(account_id: UUID, **changes: Any) -> dict[str, Any]:
    """Ten shares of AAPL at the market, bought, not sent yet."""
    order = {
        "id": uuid4(),
        "account_id": account_id,
        "venue": "replay",
        "symbol": "AAPL",
        "side": "buy",
        "type": "market",
        "qty": 10,
        "time_in_force": "day",
        "session_on": OPENS_AT.date(),
        "status": "pending_submit",
        "sequence": 1,
        "filled_qty": 0,
        "filled_value": 0,
        "reserved": 0,
        "reserve_per_share": 0,
        "request_hash": b"",
        "risk": Jsonb({}),
        "submitted_venue_at": OPENS_AT,
        "created_at": utc_now(),
        "updated_at": utc_now(),
    }
    extra = dict.fromkeys(NOTHING)
    return order | extra | changes


def insert_of(*orders: dict[str, Any]) -> tuple[sql.Composed, list[Any]]:
    """One statement for all of them and its values; they have the same columns."""
    names = list(orders[0])
    row = sql.SQL("({})").format(sql.SQL(", ").join(sql.Placeholder() for _ in names))
    statement = sql.SQL("INSERT INTO trade_order ({}) VALUES {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(row for _ in orders)
    )
    return statement, [one[name] for one in orders for name in names]


async def store_orders(db: Database, *orders: dict[str, Any]) -> None:
    statement, values = insert_of(*orders)
    async with db.connection() as connection:
        await connection.execute(statement, values)


class Seat:
    """A person with three accounts (the last of margin); who may trade on the first, who may look, and a stranger."""

    def __init__(self, look: psycopg.Connection[Any], people: list[Caller], accounts: list[UUID]) -> None:
        self.look, self.people, self.accounts = look, people, accounts

    def write(self, *orders: Row) -> None:
        statement, values = insert_of(*orders)
        self.look.execute(statement, values)

    def rows(self, text: str, *params: Any) -> list[tuple[Any, ...]]:
        return self.look.execute(text, params).fetchall()  # type: ignore[arg-type]

    def aside(self) -> list[Decimal]:
        """Money, and shares of either symbol, that are set aside on the first account."""
        [found] = self.rows(ASIDE, self.accounts[0])
        return list(found)


async def make_people(database: Database) -> tuple[list[Caller], list[UUID]]:
    await make_market(database)
    found = [await make_caller(database, "trader") for _ in range(4)]
    accounts = [await make_account(database, found[0], kind=kind) for kind in ("cash", "cash", "margin")]
    for one, level in ((found[1], "trade"), (found[2], "view")):
        await database.run(SHARED, (accounts[0], one.user_id, level, found[0].user_id, utc_now()))
    await database.run("UPDATE account SET reserved = 5000")
    await database.run(HELD, (accounts[0], accounts[0]))
    return found, accounts
