"""Shares that one file says left and another says came: one transfer, whose lots go along."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from starkmatter.db.database import Connection
from starkmatter.domain.money import ZERO
from starkmatter.portfolio.importing import queries

# Brokers take days to hand shares over, and each books its own side when it sees it.
WITHIN = timedelta(days=7)


async def pair_sides(connection: Connection, account_id: UUID, now: datetime) -> set[UUID]:
    """Make pairs of what the account's entries say and its person's other tracked accounts do; the accounts of both.

    What they had cost is told by whoever folds the accounts next.
    """
    asked = {"account": account_id, "within": WITHIN}
    taken: set[int] = set()
    touched: set[UUID] = set()
    for gone, come, from_id, to_id, symbol, qty, worth, at in await (
        await connection.execute(queries.UNPAIRED, asked)
    ).fetchall():
        if {gone, come} & taken:
            continue
        taken |= {gone, come}
        touched |= {from_id, to_id}
        pair = {"id": uuid4(), "from": from_id, "to": to_id, "symbol": symbol, "qty": qty, "worth": worth, "cost": ZERO}
        pair |= {"method": None, "lots": [], "lot_qtys": [], "origin": "matched", "out": gone, "in": come}
        await connection.execute(queries.PUT_PAIR, pair | {"venue_at": at, "now": now})
    return touched


async def part_sides(connection: Connection, account_id: UUID, now: datetime) -> set[UUID]:
    """End the pairs of the account one side of which was taken back; the accounts that shares had come to."""
    ended = await connection.execute(queries.END_PAIRS, {"account": account_id, "now": now})
    return {row[0] for row in await ended.fetchall()}
