"""Shares that one file says left and another says came: one transfer, whose lots go along.

Files of our own name the move; of others' the nearest sides of the same shares belong together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from starkmatter.db.database import Connection
from starkmatter.domain.money import ZERO
from starkmatter.portfolio.importing import pair_queries
from starkmatter.portfolio.transfers.telling import PIECE, picked_of

# Brokers take days to hand shares over, and each books its own side when it sees it.
WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Said:
    """One side of a move as a file told it, with the shares that its entry moved."""

    moved: dict[str, Any]
    entry_id: int
    kind: str
    account_id: UUID
    venue_at: datetime
    symbol: str
    qty: Decimal
    user_id: UUID
    currency: str
    worth: Decimal | None

    def fits(self, other: "_Said") -> bool:
        """Whether the same shares went from one account to another of one person."""
        mine = (self.user_id, self.currency, self.symbol, self.qty)
        return self.account_id != other.account_id and mine == (other.user_id, other.currency, other.symbol, other.qty)


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
    rows = await connection.execute(pair_queries.MARKED, {"account": account_id})
    moves: dict[str, list[_Said]] = {}
    for row in await rows.fetchall():
        said = _Said(*row)
        moves.setdefault(said.moved["move"], []).append(said)
    touched: set[UUID] = set()
    for sides in moves.values():
        for gone, come in _matched(sides, account_id):
            touched |= {gone.account_id, come.account_id}
            numbers = await _numbers(connection, gone.account_id, come.account_id, gone.moved)
            lots, qtys = picked_of(gone.moved, numbers)
            worth = next((one.worth for one in (gone, come) if one.worth is not None), ZERO)
            pair = {"id": uuid4(), "from": gone.account_id, "to": come.account_id, "symbol": gone.symbol}
            pair |= {"qty": gone.qty, "worth": worth, "cost": ZERO, "method": gone.moved["method"], "lots": lots}
            pair |= {"lot_qtys": qtys, "origin": "matched", "out": gone.entry_id, "in": come.entry_id}
            pair |= {"venue_at": gone.venue_at, "now": now, "mark": UUID(gone.moved["move"])}
            await connection.execute(pair_queries.PUT_PAIR, pair)
    return touched


def _matched(sides: list["_Said"], account_id: UUID) -> Iterator[tuple["_Said", "_Said"]]:
    """The two sides of one move, of which one is in the account: the oldest entries first, each once."""
    taken: set[int] = set()
    comes = [one for one in sides if one.kind == "transfer_in"]
    for gone in [one for one in sides if one.kind == "transfer_out"]:
        for come in comes:
            if {gone.entry_id, come.entry_id} & taken or account_id not in {gone.account_id, come.account_id}:
                continue
            if gone.fits(come):
                taken |= {gone.entry_id, come.entry_id}
                yield gone, come


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
