"""The lot book of the accounts that belong together, folded from the ledger and kept until the ledger goes on.

A book is kept under the very accounts it was made of, which are asked for with the caller's own eyes each time.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.lot_book import LotBook
from starkmatter.domain.lots import Lot, LotPick, RealizedLot
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import NotFound
from starkmatter.portfolio.lots import queries
from starkmatter.portfolio.lots.actions import booked_actions
from starkmatter.portfolio.lots.events import (
    ActionOn,
    Choices,
    Move,
    costs_of_arrivals,
    in_order,
    tell,
    without_taken_back,
)
from starkmatter.portfolio.lots.records import MethodChoice, OrderChoice

KEPT_BOOKS = 16


@dataclass(frozen=True, slots=True)
class Together:
    """An account among those of the same person, market and kind of money that the caller sees."""

    id: UUID
    name: str
    own: bool


@dataclass(frozen=True, slots=True)
class _Position:
    """How far the ledger, the choices and the actions had come: how many entries, the newest one, how many choices of
    each kind, how many entries take others back, and how many pairs of accounts shares moved between."""

    entries: int
    newest: int
    methods: int
    picks: int
    orders: int
    reversals: int
    transfers: int
    actions: int

    @property
    def said(self) -> tuple[int, ...]:
        """What has to stay as it was for the fold to go on where it stands."""
        return self.methods, self.picks, self.orders, self.reversals, self.transfers, self.actions


@dataclass(frozen=True, slots=True)
class Folded:
    """What the ledger says of lots at one moment. `moves` are in the order of the fold."""

    own: bool
    moves: list[Move]
    choices: Choices
    lots: list[Lot]
    realized: list[RealizedLot]
    notes: list[str]
    actions: Sequence[ActionOn] = ()


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    position: _Position | None = None
    book: LotBook = field(default_factory=LotBook)
    folded: Folded | None = None


_books: OrderedDict[tuple[bool, bool, tuple[UUID, ...]], _Kept] = OrderedDict()


async def folded_lots(b: Backends, caller: Caller, account_id: UUID, *, wash_sales: bool = True) -> Folded:
    """The lots of all accounts that belong together with that one; NotFound when the caller does not see it."""
    together = await b.db.all(Together, queries.TOGETHER, {"user": caller.user_id, "account": account_id})
    if not together:
        raise NotFound("There is no such account.")
    accounts, own = tuple(one.id for one in together), together[0].own
    kept = _kept((own, wash_sales, accounts))
    async with kept.lock:
        [row] = await b.db.tuples(queries.POSITION, {"accounts": list(accounts)})
        position = _Position(*row)
        if kept.folded is None or kept.position != position:
            await _bring_up(b, kept, accounts, position, own=own, wash_sales=wash_sales)
        assert kept.folded is not None
        return kept.folded


def fold(
    moves: Sequence[Move],
    choices: Choices,
    *,
    own: bool = True,
    wash_sales: bool = True,
    actions: Sequence[ActionOn] = (),
) -> tuple[LotBook, Folded]:
    """A book of these moves from the beginning."""
    book = LotBook(wash_sales=wash_sales)
    ordered = in_order(without_taken_back(moves))
    notes = tell(book, ordered, choices, costs_of_arrivals(ordered, actions), actions)
    return book, _folded(book, own, ordered, choices, notes, actions)


def _kept(key: tuple[bool, bool, tuple[UUID, ...]]) -> _Kept:
    kept = _books.setdefault(key, _Kept())
    _books.move_to_end(key)
    while len(_books) > KEPT_BOOKS:
        _books.popitem(last=False)
    return kept


async def _bring_up(
    b: Backends, kept: _Kept, accounts: Sequence[UUID], position: _Position, *, own: bool, wash_sales: bool
) -> None:
    """Go on where the book stands when only trades of that day or later came; otherwise tell it anew."""
    asked = {"accounts": list(accounts), "upto": position.newest}
    was, former = kept.position, kept.folded
    # Whoever waits for this may go away while the arithmetic goes on: then the next one tells the book anew.
    kept.position, kept.folded = None, None
    if was is not None and former is not None and was.said == position.said:
        since = asked | {"after": was.newest}
        new = in_order(await b.db.all(Move, queries.MOVES, since))
        if position.entries - was.entries == await b.db.value(queries.ENTRIES_AFTER, since) and _follow(former, new):
            notes = await asyncio.to_thread(tell, kept.book, new, former.choices, {})
            kept.folded = _folded(
                kept.book, own, [*former.moves, *new], former.choices, [*former.notes, *notes], former.actions
            )
            kept.position = position
            return
    moves = await b.db.all(Move, queries.MOVES, asked | {"after": 0})
    choices = Choices(
        await b.db.all(MethodChoice, queries.METHODS, asked),
        {
            entry: tuple(LotPick(lot, qty) for lot, qty in zip(lots, qtys, strict=True))
            for entry, lots, qtys in await b.db.tuples(queries.PICKS, asked)
            if lots
        },
        await _of_orders(b, accounts),
    )
    # Thousands of trades take a good part of a second of arithmetic: not on the loop that serves everybody.
    actions = await booked_actions(b.db, accounts)
    kept.book, kept.folded = await asyncio.to_thread(
        fold, moves, choices, own=own, wash_sales=wash_sales, actions=actions
    )
    kept.position = position


async def _of_orders(b: Backends, accounts: Sequence[UUID]) -> dict[UUID, list[OrderChoice]]:
    found: dict[UUID, list[OrderChoice]] = defaultdict(list)
    for order_id, method, venue_at in await b.db.tuples(queries.ORDER_CHOICES, {"accounts": list(accounts)}):
        found[order_id].append(OrderChoice(order_id, method, exchange_day(venue_at)))
    return dict(found)


def _follow(former: Folded, new: Sequence[Move]) -> bool:
    """Whether the new moves come after all that was told and change nothing of it."""
    if not all(one.is_trade for one in [*former.moves, *new]):
        return False
    return (
        not new or not former.moves or (new[0].on, new[0].venue_at) >= (former.moves[-1].on, former.moves[-1].venue_at)
    )


def _folded(
    book: LotBook, own: bool, moves: list[Move], choices: Choices, notes: list[str], actions: Sequence[ActionOn]
) -> Folded:
    return Folded(own, moves, choices, book.open_lots(), list(book.realized), notes, actions)
