"""The ledger's entries about shares as events of a lot book, in the order of days, instants and booking.

A fill is a trade at what it moved in cash, fees included, and so is what a corporate action paid in cash for shares;
what else an action did comes as an event of its own, before the trades of its day. Shares that came or went without one
(brought in with an account, or adjusted to a broker's book) arrive or leave without a gain.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from starkmatter.domain.lot_book import LotBook
from starkmatter.domain.lots import (
    LotAction,
    LotArrival,
    LotError,
    LotMethod,
    LotPick,
    LotRename,
    LotSpinOff,
    LotTrade,
    LotTransfer,
    spread,
)
from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.sessions import exchange_day
from starkmatter.portfolio.lots.records import AccountMethod, MethodChoice, OrderChoice

DEFAULT_METHOD: AccountMethod = "fifo"
OUTSIDE = "outside"
PAID_BY_ACTIONS = frozenset({"cash_in_lieu", "delisting"})
TAKEN_BACK = frozenset({"bust", "correction"})
TRADES = PAID_BY_ACTIONS | {"fill"}
PICKS_DO_NOT_FIT = "The lots picked"


@dataclass(frozen=True, slots=True)
class Move:
    """One holding leg of an entry. `cash` is a fill's, signed; `worth` what the entry says that came shares are worth.

    `residue` is the holding's cost less its realized result, as it is now; None for a fill.
    Shares that were moved between two accounts of one's own have the entry of the other side (`pair_id`), where they
    went, and which lots were to go; their `worth` is what they had cost, with the sign of the shares.
    """

    id: int
    account_id: UUID
    kind: str
    venue_at: datetime
    symbol: str
    signed_qty: Decimal
    cash: Decimal
    worth: Decimal
    residue: Decimal | None
    order_id: UUID | None = None
    pair_id: int | None = None
    to_account_id: UUID | None = None
    moved_by: LotMethod | None = None
    moved_lots: Sequence[str] | None = None
    moved_qtys: Sequence[Decimal] | None = None

    @property
    def on(self) -> date:
        return exchange_day(self.venue_at)

    @property
    def is_trade(self) -> bool:
        return self.kind in TRADES


@dataclass(frozen=True, slots=True)
class ActionOn:
    """A corporate action as it was booked, on the day from which it counts; `words` says it."""

    ex_on: date
    event: LotAction
    words: str

    @property
    def moves_cost(self) -> set[str]:
        """Symbols whose positions do not keep the cost of their own trades through it."""
        match self.event.event:
            case LotRename(one, other) | LotSpinOff(one, other):
                return {one, other}
        return set()


@dataclass(frozen=True, slots=True)
class Choices:
    """What was said about lots, oldest first: methods of accounts, picks by ledger entry, and methods of orders."""

    methods: Sequence[MethodChoice]
    picks: Mapping[int, tuple[LotPick, ...]]
    orders: Mapping[UUID, Sequence[OrderChoice]] = field(default_factory=dict)

    def method_of(self, move: Move) -> AccountMethod:
        """How that sale finds its lots, unless they were picked: by what was said of its order, else of its account.

        What was said of an order counts from that day on, all of the day: as lots may be picked while it lasts.
        """
        if move.order_id is not None and move.order_id in self.orders:
            of_order = [one.method for one in self.orders[move.order_id] if one.on <= move.on]
            if of_order and of_order[-1] is not None:
                return of_order[-1]
        said = [
            one.method for one in self.methods if one.account_id == move.account_id and one.after_entry_id < move.id
        ]
        return said[-1] if said else DEFAULT_METHOD


def without_taken_back(moves: Sequence[Move]) -> list[Move]:
    """The moves as if what a broker took back had never filled, and what it corrected had filled rightly at first.

    The newest fills of the order go first; cash goes with them, so that what stands costs what it did. A correction of
    the price alone moves no shares.
    """
    kept = dict(enumerate(one for one in moves if one.kind not in TAKEN_BACK))
    for change in (one for one in moves if one.kind in TAKEN_BACK):
        fills = [at for at, one in kept.items() if one.kind == "fill" and one.order_id == change.order_id]
        gone, cash = abs(change.signed_qty) if change.kind == "bust" else ZERO, change.cash
        for at in reversed(fills):
            fill = kept[at]
            left = abs(fill.signed_qty) - gone
            if left > 0:
                signed = left if fill.signed_qty > 0 else -left
                kept[at] = replace(fill, signed_qty=signed, cash=fill.cash + cash)
                break
            gone, cash = -left, cash + fill.cash
            del kept[at]
    return list(kept.values())


def in_order(moves: Iterable[Move]) -> list[Move]:
    """By the exchange's day, then by the instant, then as booked: what is told late counts where it belongs.

    What an action paid for shares comes before the trades of its day, and what came from another account after all that
    happened there before it left, whichever of two files was booked first.
    """
    ordered = sorted(moves, key=_place)
    days = {one.id: one.on for one in ordered if one.pair_id is not None}
    early = {one.on for one in ordered if one.pair_id is not None and one.signed_qty > 0 and one.pair_id > one.id
             and days.get(one.pair_id) == one.on}  # fmt: skip
    if not early:
        return ordered
    found: list[Move] = []
    for on, moved in groupby(ordered, key=lambda one: one.on):
        of_day = list(moved)
        found += _departures_first(of_day) if on in early else of_day
    return found


def _place(one: Move) -> tuple[date, bool, datetime, int]:
    return one.on, one.kind not in PAID_BY_ACTIONS, one.venue_at, one.id


def _departures_first(moves: Sequence[Move]) -> list[Move]:
    """Moves of one day, each account's in their order; what came waits until it has left."""
    queues: dict[UUID, deque[Move]] = defaultdict(deque)
    for one in moves:
        queues[one.account_id].append(one)
    waiting = {one.id for one in moves if one.pair_id is not None and one.signed_qty < 0}
    found: list[Move] = []
    while heads := [queue[0] for queue in queues.values() if queue]:
        free = [one for one in heads if one.signed_qty < 0 or one.pair_id not in waiting]
        one = min(free or heads, key=_place)
        queues[one.account_id].popleft()
        waiting.discard(one.id)
        found.append(one)
    return found


def costs_of_arrivals(moves: Sequence[Move], actions: Sequence[ActionOn] = ()) -> dict[tuple[int, str], Decimal]:
    """What shares that came without a trade had cost, by entry and symbol.

    Cost is never made nor lost: what a position costs now, less what it realized, plus the cash of all its fills, is
    what came with such shares; several arrivals share it by quantity. Where shares also left without a trade that sum
    says nothing any more: then they cost what they were booked at; so do those whose cost an action moved.
    """
    moved_cost = {symbol for one in actions for symbol in one.moves_cost}
    cash: dict[tuple[UUID, str], Decimal] = defaultdict(Decimal)
    held: dict[tuple[UUID, str], Decimal] = defaultdict(Decimal)
    others: dict[tuple[UUID, str], list[Move]] = defaultdict(list)
    left: set[tuple[UUID, str]] = set()
    for move in moves:
        key = move.account_id, move.symbol
        if move.is_trade:
            cash[key] += move.cash
        elif move.pair_id is not None:
            cash[key] -= move.worth  # it took its cost along, or brought it
        else:
            others[key].append(move)
            if held[key] * move.signed_qty < 0:
                left.add(key)
        held[key] += move.signed_qty
    found: dict[tuple[int, str], Decimal] = {}
    for key, moved in others.items():
        residue = moved[-1].residue
        if residue is None or key in left or key[1] in moved_cost:
            found |= {(one.id, one.symbol): one.worth for one in moved}
            continue
        parts = spread(residue + cash[key], [abs(one.signed_qty) for one in moved])
        found |= {(one.id, one.symbol): part for one, part in zip(moved, parts, strict=True)}
    return found


def tell(
    book: LotBook,
    moves: Sequence[Move],
    choices: Choices,
    costs: Mapping[tuple[int, str], Decimal],
    actions: Sequence[ActionOn] = (),
) -> list[str]:
    """Apply the moves, and the actions in the order of their days, to the book.

    What could not be done as it was said, or is not known, in sentences.
    """
    notes: list[str] = []
    waiting = deque(actions)
    seen = {move.id for move in moves if move.pair_id is not None}
    gone: set[int] = set()
    for move in moves:
        while waiting and waiting[0].ex_on <= move.on:
            _act(book, waiting.popleft(), notes)
        if move.is_trade:
            _trade(book, move, choices, notes)
        elif move.pair_id in seen and move.signed_qty < 0:
            if _carry(book, move, choices, notes):
                gone.add(move.id)
        elif move.pair_id in gone:
            continue  # its lots came when they left
        else:
            _arrive_or_leave(book, move, costs.get((move.id, move.symbol), move.worth), notes)
    while waiting:
        _act(book, waiting.popleft(), notes)
    return notes


def _carry(book: LotBook, move: Move, choices: Choices, notes: list[str]) -> bool:
    """Let the lots of a move go over to the other account; whether they did. Else they leave here and arrive there."""
    account, to = str(move.account_id), str(move.to_account_id)
    picks = tuple(LotPick(*one) for one in zip(move.moved_lots or (), move.moved_qtys or (), strict=True))
    method = move.moved_by or choices.method_of(move)
    qty = -move.signed_qty
    try:
        book.apply(LotTransfer(account, to, move.symbol, qty, picks, method))
    except LotError as error:
        if not picks:
            notes.append(f"{plain(qty)} {move.symbol} moved on {move.on} could not take lots along: {error}")
            _arrive_or_leave(book, move, move.worth, notes)
            return False
        notes.append(f"{PICKS_DO_NOT_FIT} for the move of {move.symbol} on {move.on} do not fit any more: {error}")
        return _carry(book, replace(move, moved_lots=None, moved_qtys=None), choices, notes)
    return True


def _act(book: LotBook, action: ActionOn, notes: list[str]) -> None:
    try:
        book.apply(action.event)
    except LotError as error:
        notes.append(f"{action.words} could not be told of the lots: {error}")


def trade_of(move: Move, choices: Choices) -> LotTrade:
    """A fill as the book takes it."""
    picks = choices.picks.get(move.id, ())
    method = "specific" if picks else choices.method_of(move)
    account = str(move.account_id)
    return LotTrade(str(move.id), account, move.symbol, move.on, move.signed_qty, move.cash, method, picks)


def _trade(book: LotBook, move: Move, choices: Choices, notes: list[str]) -> None:
    try:
        book.apply(trade_of(move, choices))
    except LotError as error:
        notes.append(f"{PICKS_DO_NOT_FIT} for the sale of {move.symbol} on {move.on} do not fit any more: {error}")
        book.apply(trade_of(move, replace(choices, picks={})))


def _arrive_or_leave(book: LotBook, move: Move, cost: Decimal, notes: list[str]) -> None:
    account = str(move.account_id)
    held = sum((lot.signed_qty for lot in book.open_lots(account, move.symbol)), ZERO)
    leaving = min(abs(move.signed_qty), abs(held)) if held * move.signed_qty < 0 else ZERO
    if leaving:
        book.apply(LotTransfer(account, f"{OUTSIDE}:{move.id}", move.symbol, leaving))
        notes.append(f"{plain(leaving)} {move.symbol} left without a trade on {move.on}: no gain is counted.")
    arriving = move.signed_qty + leaving if move.signed_qty < 0 else move.signed_qty - leaving
    if arriving:
        book.apply(LotArrival(str(move.id), account, move.symbol, move.on, arriving, cost))
        notes.append(
            f"{plain(abs(arriving))} {move.symbol} came without a trade on {move.on}: when they were bought is not "
            "known here, so they count from that day."
        )
