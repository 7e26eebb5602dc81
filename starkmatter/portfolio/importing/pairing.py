"""Shares that one file says left and another says came: one transfer, whose lots go along.

Files of our own name the move; of others' the nearest sides of the same shares belong together.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from starkmatter.db.database import Connection
from starkmatter.domain.money import ZERO
from starkmatter.portfolio.importing import pair_queries
from starkmatter.portfolio.transfers.telling import PIECE, picked_of

# Brokers take days to hand shares over, and each books its own side when it sees it.
WITHIN = timedelta(days=7)


async def pair_sides(connection: Connection, account_id: UUID, now: datetime) -> set[UUID]:
    """Make pairs of what the account's entries say and its person's other tracked accounts do; the accounts of both.

    What they had cost is told by whoever folds the accounts next.
    """
    asked = {"account": account_id, "within": WITHIN}
    touched = await _pair_marked(connection, account_id, now)
    taken: set[int] = set()
    for gone, come, from_id, to_id, symbol, qty, worth, at, mark in await (
        await connection.execute(pair_queries.UNPAIRED, asked)
    ).fetchall():
        if {gone, come} & taken:
            continue
        taken |= {gone, come}
        touched |= {from_id, to_id}
        pair = {"id": uuid4(), "from": from_id, "to": to_id, "symbol": symbol, "qty": qty, "worth": worth, "cost": ZERO}
        pair |= {"method": None, "lots": [], "lot_qtys": [], "origin": "matched", "out": gone, "in": come}
        await connection.execute(pair_queries.PUT_PAIR, pair | {"venue_at": at, "now": now, "mark": mark})
    return touched


async def _pair_marked(connection: Connection, account_id: UUID, now: datetime) -> set[UUID]:
    """Pairs that files of our own name, with what they say of the lots that went; the accounts of both sides."""
    rows = await (await connection.execute(pair_queries.MARKED, {"account": account_id})).fetchall()
    taken: set[int] = set()
    touched: set[UUID] = set()
    for gone, come, from_id, to_id, symbol, qty, worth, at, moved in rows:
        if {gone, come} & taken:
            continue
        taken |= {gone, come}
        touched |= {from_id, to_id}
        lots, qtys = picked_of(moved, await _numbers(connection, from_id, to_id, moved))
        pair = {"id": uuid4(), "from": from_id, "to": to_id, "symbol": symbol, "qty": qty, "worth": worth, "cost": ZERO}
        pair |= {"method": moved["method"], "lots": lots, "lot_qtys": qtys, "origin": "matched", "out": gone}
        pair |= {"in": come, "venue_at": at, "now": now, "mark": UUID(moved["move"])}
        await connection.execute(pair_queries.PUT_PAIR, pair)
    return touched


async def _numbers(connection: Connection, from_id: UUID, to_id: UUID, moved: dict[str, Any]) -> dict[int, int]:
    """What purchases of picked lots are called here: the accounts' own come before others of the person's."""
    ids = [int(one["lot"].partition(PIECE)[0]) for one in moved["lots"]]
    if not ids:
        return {}
    asked = {"account": from_id, "ids": ids, "accounts": [from_id, to_id]}
    return dict(await (await connection.execute(pair_queries.SAID_IDS, asked)).fetchall())


async def part_sides(connection: Connection, account_id: UUID, now: datetime) -> set[UUID]:
    """End the pairs of the account one side of which was taken back; the accounts that shares had come to."""
    ended = await connection.execute(pair_queries.END_PAIRS, {"account": account_id, "now": now})
    return {row[0] for row in await ended.fetchall()}
