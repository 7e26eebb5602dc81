"""The lots of all accounts of one taxpayer as the fold of a history, with wash sales.

Cost is never made nor lost: what a trade paid stands in the open lots or in what was realized.

A wash sale is a loss with a purchase of the same symbol 30 days before or after it, in any of the accounts (26 USC
1091, 26 CFR 1.1091-1): its loss moves into the basis of the shares that replace it, which also take over how long the
sold ones were held; shares replace once, the earliest bought first. What was left of the same purchase is no
replacement (Rev. Rul. 56-602). Options, retirement accounts and spouses are not looked at.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from starkmatter.domain.actions import Split
from starkmatter.domain.lots import (
    QTY_STEP,
    Lot,
    LotAction,
    LotArrival,
    LotError,
    LotEvent,
    LotMethod,
    LotRename,
    LotSpinOff,
    LotTrade,
    LotTransfer,
    RealizedLot,
    Taken,
    averaged,
    share,
    split_lots,
    spread,
    spun_off,
    take,
    with_basis,
    without,
    without_sale,
)
from starkmatter.domain.money import ZERO, plain

WASH_WINDOW = timedelta(days=30)


@dataclass(slots=True)
class _WaitingLoss:
    """A loss whose sold shares may still be replaced: its place in `realized` and how many of its shares."""

    place: int
    unreplaced_qty: Decimal


@dataclass(slots=True)
class LotBook:
    """Call `apply` for each event in the order in which it happened; `methods` is each account's, FIFO unless said."""

    methods: Mapping[str, LotMethod] = field(default_factory=dict)
    wash_sales: bool = True
    realized: list[RealizedLot] = field(default_factory=list)
    _lots: dict[tuple[str, str], list[Lot]] = field(default_factory=lambda: defaultdict(list))
    _accounts: dict[str, None] = field(default_factory=dict)
    _pieces: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _trades: int = 0
    _waiting: dict[tuple[str, int], list[_WaitingLoss]] = field(default_factory=lambda: defaultdict(list))

    def open_lots(self, account: str | None = None, symbol: str | None = None) -> list[Lot]:
        """What is open, oldest first within account and symbol."""
        return [
            lot
            for (of_account, of_symbol), lots in self._lots.items()
            if account in (None, of_account) and symbol in (None, of_symbol)
            for lot in lots
        ]

    def apply(self, event: LotEvent) -> None:
        """Take one event; LotError and an unchanged book when it does not fit."""
        match event:
            case LotTrade():
                self._trade(event)
            case LotTransfer():
                self._transfer(event)
            case LotArrival():
                self._arrive(event)
            case LotRename():
                self._rename(event)
            case LotSpinOff():
                self._spin_off(event)
            case Split():
                self._split(event)
            case LotAction():
                self._act(event)

    def _act(self, action: LotAction) -> None:
        """An event for some accounts: the lots of the others are set aside for as long as it takes."""
        others = {
            key: self._lots.pop(key)
            for key in list(self._lots)
            if key[1] == action.event.symbol and key[0] not in action.accounts
        }
        try:
            self.apply(action.event)
        finally:
            self._lots.update(others)

    def _trade(self, trade: LotTrade) -> None:
        if not trade.signed_qty:
            raise LotError(f"Trade {trade.id} is of nothing.")
        key = trade.account, trade.symbol
        held = self._held(*key)
        closing = min(abs(trade.signed_qty), abs(held)) if held * trade.signed_qty < 0 else ZERO
        method = trade.method or self.methods.get(trade.account, "fifo")
        lots = self._lots[key]
        if closing and method == "average" and not trade.picks:
            lots, taken = averaged(lots, closing)
        else:
            taken = with_basis(take(lots, closing, method, trade.picks))
        self._lots[key] = lots
        self._accounts[trade.account] = None
        self._trades += 1
        cash_closing = share(trade.cash, closing, abs(trade.signed_qty))
        self._remove(key, taken)
        if closing:
            self._realize(trade, taken, cash_closing)
        opening = abs(trade.signed_qty) - closing
        if opening:
            signed_qty = opening if trade.signed_qty > 0 else -opening
            day = trade.traded_on
            lot = Lot(
                self._piece_id(trade.id),
                trade.id,
                self._trades,
                *key,
                day,
                day,
                signed_qty,
                -(trade.cash - cash_closing),
            )
            self._lots[key] += self._replacing(lot) if self.wash_sales else [lot]

    def _arrive(self, arrival: LotArrival) -> None:
        key = arrival.account, arrival.symbol
        if not arrival.signed_qty or self._held(*key) * arrival.signed_qty < 0:
            raise LotError(f"{plain(arrival.signed_qty)} {arrival.symbol} cannot be added to what is held.")
        self._trades += 1
        day = arrival.arrived_on
        lot = Lot(
            self._piece_id(arrival.id), arrival.id, self._trades, *key, day, day, arrival.signed_qty, arrival.basis
        )
        self._lots[key].append(replace(lot, arrived=True))

    def _realize(self, trade: LotTrade, taken: Sequence[Taken], cash: Decimal) -> None:
        parts = spread(cash, [one.qty for one in taken])
        first = len(self.realized)
        for one, part in zip(taken, parts, strict=True):
            sold = replace(one.lot, signed_qty=one.lot.side * one.qty, basis=one.basis)
            self.realized.append(RealizedLot(trade.id, sold, trade.traded_on, part))
        if self.wash_sales:
            for place in range(first, len(self.realized)):
                if self.realized[place].gain < 0:
                    self._wash(place)

    def _remove(self, key: tuple[str, str], taken: Iterable[Taken]) -> None:
        """What is left of each lot keeps what is left of its basis."""
        gone = {one.lot.id: one for one in taken}
        left = []
        for lot in self._lots[key]:
            one = gone.get(lot.id)
            if one is None:
                left.append(lot)
            elif one.qty < abs(lot.signed_qty):
                left.append(without(lot, one.qty, one.basis))
        self._lots[key] = left

    def _wash(self, place: int) -> None:
        """Look for shares bought in the 30 days before a loss; what finds none waits for purchases after it."""
        loss = self.realized[place]
        waiting = _WaitingLoss(place, abs(loss.lot.signed_qty))
        candidates = [
            lot
            for account in self._accounts
            for lot in self._lots.get((account, loss.lot.symbol), ())
            if lot.side == loss.lot.side
            and not lot.washed
            and not lot.arrived
            and lot.trade_id not in (loss.lot.trade_id, loss.trade_id)
            and loss.closed_on - WASH_WINDOW <= lot.opened_on <= loss.closed_on
        ]
        for lot in sorted(candidates, key=lambda lot: (lot.number, lot.account)):
            if waiting.unreplaced_qty:
                lots = self._lots[lot.account, lot.symbol]
                at = lots.index(lot)
                lots[at : at + 1] = self._replaced(lot, waiting)
        if waiting.unreplaced_qty:
            self._waiting[loss.lot.symbol, loss.lot.side].append(waiting)

    def _replacing(self, lot: Lot) -> list[Lot]:
        """A new lot in as many pieces as losses of the 30 days before it that it replaces."""
        key = lot.symbol, lot.side
        pieces: list[Lot] = []
        left: Lot | None = lot
        still = []
        for waiting in self._waiting[key]:
            if self.realized[waiting.place].closed_on < lot.opened_on - WASH_WINDOW:
                continue  # too long ago for this lot and for all that follow
            if left is not None:
                *washed, left = self._pieces_of(left, waiting)
                pieces += washed
            if waiting.unreplaced_qty:
                still.append(waiting)
        self._waiting[key] = still
        return pieces if left is None else [*pieces, left]

    def _replaced(self, lot: Lot, waiting: _WaitingLoss) -> list[Lot]:
        washed, rest = self._pieces_of(lot, waiting)
        return [washed] if rest is None else [washed, rest]

    def _pieces_of(self, lot: Lot, waiting: _WaitingLoss) -> tuple[Lot, Lot | None]:
        """The part of `lot` that replaces, with the loss in its basis, and the rest of it."""
        loss = self.realized[waiting.place]
        qty = min(waiting.unreplaced_qty, abs(lot.signed_qty))
        open_loss = -loss.gain - loss.disallowed
        moved = share(open_loss, qty, waiting.unreplaced_qty)
        waiting.unreplaced_qty -= qty
        self.realized[waiting.place] = replace(loss, disallowed=loss.disallowed + moved)
        basis = share(lot.basis, qty, abs(lot.signed_qty))
        washed = replace(
            lot,
            signed_qty=lot.side * qty,
            basis=basis + moved,
            washed=moved,
            held_since=lot.held_since - (loss.closed_on - loss.lot.held_since),
        )
        if qty == abs(lot.signed_qty):
            return washed, None
        return washed, replace(without(lot, qty), id=self._piece_id(lot.trade_id))

    def _transfer(self, transfer: LotTransfer) -> None:
        key, to_key = (transfer.account, transfer.symbol), (transfer.to_account, transfer.symbol)
        if key == to_key:
            raise LotError("A transfer goes to another account.")
        held = self._held(*key)
        if not 0 < transfer.qty <= abs(held):
            raise LotError(f"{plain(transfer.qty)} {transfer.symbol} cannot leave an account of {plain(abs(held))}.")
        if held * self._held(*to_key) < 0:
            raise LotError(f"{transfer.symbol} is long in one account and short in the other.")
        method = transfer.method or self.methods.get(transfer.account, "fifo")
        order: LotMethod = "specific" if transfer.picks else without_sale(method)
        taken = with_basis(take(self._lots[key], transfer.qty, order, transfer.picks))
        self._remove(key, taken)
        for one in taken:
            lot, qty = one.lot, one.qty
            whole = qty == abs(lot.signed_qty)
            moved = replace(
                lot,
                id=lot.id if whole else self._piece_id(lot.trade_id),
                account=transfer.to_account,
                signed_qty=lot.side * qty,
                basis=one.basis,
                washed=share(lot.washed, qty, abs(lot.signed_qty)),
            )
            self._lots[to_key].append(moved)
        self._lots[to_key].sort(key=lambda lot: lot.number)
        self._accounts[transfer.to_account] = None

    def _rename(self, rename: LotRename) -> None:
        found = self._of_one_side(rename.symbol, rename.to_symbol)
        for account, symbol in found:
            moved = [replace(lot, symbol=rename.to_symbol) for lot in self._lots.pop((account, symbol))]
            self._lots[account, rename.to_symbol] += moved
            self._lots[account, rename.to_symbol].sort(key=lambda lot: lot.number)
        for side in (1, -1):
            self._waiting[rename.to_symbol, side] += self._waiting.pop((rename.symbol, side), [])

    def _spin_off(self, event: LotSpinOff) -> None:
        for key in self._of_one_side(event.symbol, event.to_symbol):
            if not self._lots[key]:
                continue
            self._lots[key], come = spun_off(self._lots[key], event)
            there = self._lots[key[0], event.to_symbol]
            there += [replace(lot, id=self._piece_id(lot.trade_id)) for lot in come]
            there.sort(key=lambda lot: lot.number)

    def _of_one_side(self, symbol: str, to_symbol: str) -> list[tuple[str, str]]:
        """Where the symbol was ever held; LotError when an account is long in one of the two and short in the other."""
        found = [key for key in self._lots if key[1] == symbol]
        for account, _ in found:
            if self._held(account, symbol) * self._held(account, to_symbol) < 0:
                raise LotError(f"{symbol} and {to_symbol} are long and short in one account.")
        return found

    def _split(self, split: Split) -> None:
        of_symbol = [(key, lots) for key, lots in self._lots.items() if key[1] == split.symbol and lots]
        self._lots.update({key: split_lots(lots, split) for key, lots in of_symbol})
        for side in (1, -1):
            for waiting in self._waiting[split.symbol, side]:
                after = waiting.unreplaced_qty * split.numerator / split.denominator
                waiting.unreplaced_qty = after.quantize(QTY_STEP)

    def _held(self, account: str, symbol: str) -> Decimal:
        return sum((lot.signed_qty for lot in self._lots.get((account, symbol), ())), ZERO)

    def _piece_id(self, trade_id: str) -> str:
        self._pieces[trade_id] += 1
        return trade_id if self._pieces[trade_id] == 1 else f"{trade_id}~{self._pieces[trade_id]}"
