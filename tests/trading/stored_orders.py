"""Orders as rows, written past every function of ours: what the database makes of each is looked at by itself."""

from typing import Any
from uuid import UUID, uuid4

from psycopg import sql
from psycopg.types.json import Jsonb

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from tests.builders import OPENS_AT

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
