"""What an account's ledger says in files about moves of shares: which of its entries are one side of which move.

A move has the same mark in both accounts' files. Lots that a person picked are named by the entry of their purchase, as
in the file itself, or by one of another file where the shares had come by an earlier move.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.lots import LotMethod
from starkmatter.domain.money import plain
from starkmatter.portfolio.transfers import queries

PIECE = "~"


@dataclass(frozen=True, slots=True)
class Side:
    """One entry as one side of a move. `other` names the other account, None where the caller does not see it.

    The side that left says which lots went: those picked, by the number of the entry that bought them, else `method`.
    """

    entry_id: int
    side: Literal["out", "in"]
    mark: UUID
    other: str | None
    method: LotMethod | None
    lots: list[str]
    qtys: list[Decimal]

    def told(self) -> dict[str, Any]:
        """As a line of the file says it."""
        picked = [{"lot": lot, "qty": plain(qty)} for lot, qty in zip(self.lots, self.qtys, strict=True)]
        return {
            "move": str(self.mark),
            "side": self.side,
            "account": self.other,
            "method": self.method,
            "lots": picked,
        }

    def said(self, places: Mapping[int, int]) -> list[Any]:
        """What of it is the same in every book that tells it: lots by the place of their purchase in the ledger."""
        picked = []
        for lot, qty in zip(self.lots, self.qtys, strict=True):
            bought, _, piece = lot.partition(PIECE)
            picked.append([places.get(int(bought)) if bought.isdecimal() else None, piece, plain(qty)])
        return [str(self.mark), self.side, self.method, picked]


async def sides_of(b: Backends, caller: Caller, account_id: UUID) -> dict[int, Side]:
    """Every entry that is one side of a move that stands, or that a file said to be one whose other is not here yet."""
    asked = {"account": account_id, "user": caller.user_id}
    found = {one.entry_id: one for one in await b.db.all(Side, queries.SIDES, asked)}
    rows = await b.db.tuples(queries.SIDES_ALONE, asked)
    ids = await said_ids(b, asked) if any(moved["lots"] for _, moved in rows) else {}
    for entry_id, moved in rows:
        lots, qtys = picked_of(moved, ids)
        found[entry_id] = Side(
            entry_id, moved["side"], UUID(moved["move"]), moved["account"], moved["method"], lots, qtys
        )
    return found


async def said_ids(b: Backends, asked: Mapping[str, Any]) -> dict[int, int]:
    """Which entry the file's numbers have become."""
    return dict(await b.db.tuples(queries.SAID_IDS, asked))


def picked_of(moved: Mapping[str, Any], ids: Mapping[int, int]) -> tuple[list[str], list[Decimal]]:
    """The lots that a file says were picked, by the numbers that their purchases have here where these are known."""
    picked: Sequence[Mapping[str, str]] = moved["lots"]
    return [lot_here(one["lot"], ids) for one in picked], [Decimal(one["qty"]) for one in picked]


def lot_here(lot: str, ids: Mapping[int, int]) -> str:
    """`12~2` of a file as it is called here; unchanged where its purchase is not known."""
    bought, mark, piece = lot.partition(PIECE)
    return f"{ids[int(bought)]}{mark}{piece}" if int(bought) in ids else lot
