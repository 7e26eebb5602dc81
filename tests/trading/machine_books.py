"""What a naive bookkeeper knows of one person's trading: every figure from the fills alone, every fill judged again.

Nothing here asks the product how it works: the prices that were told, what was asked for and what is shown afterwards
are all there is.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import NamedTuple
from uuid import UUID

from starkmatter.domain.orders import TERMINAL, TRANSITIONS, OrderStatus
from starkmatter.domain.quotes import Quote

CENT = Decimal("0.01")
MICRO = Decimal("0.000001")
ZERO = Decimal(0)
ENDED = {str(status) for status in TERMINAL}
AUCTIONS = {"opg", "cls"}


class Order(NamedTuple):
    """An order as it is stored."""

    id: UUID
    symbol: str
    side: str
    type: str
    qty: Decimal
    filled_qty: Decimal
    limit_price: Decimal | None
    time_in_force: str
    status: str
    reserved: Decimal
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_percent: Decimal | None
    triggered_at: datetime | None
    notional: Decimal | None
    extended_hours: bool
    revision: int
    group_id: UUID | None
    role: str | None
    held: bool


class Fill(NamedTuple):
    """A fill as it is stored."""

    id: UUID
    order_id: UUID
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    fees: Decimal
    realized_pl: Decimal


@dataclass
class Held:
    """Shares by average cost, fees included: a short holding has what came in for it as its cost, both below zero."""

    qty: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO


@dataclass
class Moment:
    """One look at the market: its newest trades, and whether it was open."""

    at: datetime
    is_open: bool
    quotes: dict[str, Quote]


@dataclass
class Known:
    """One order as it was last seen, and from which moment on the market could know it."""

    seen: Order
    since: int
    asked: Decimal  # shares, when it was first seen; what its pair sells makes an order of an OCO smaller
    filled: Decimal = ZERO
    value: Decimal = ZERO


@dataclass
class Books:
    """Cash, holdings and orders of one account."""

    cash: Decimal
    lends: bool = False
    moments: list[Moment] = field(default_factory=list)
    orders: dict[UUID, Known] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=lambda: defaultdict(Held))
    fills: set[UUID] = field(default_factory=set)
    told: dict[UUID, list[str]] = field(default_factory=lambda: defaultdict(list))
    # Shares that the newest quote of a symbol still shows on a side; None where an answer was lost since.
    shown: dict[tuple[str, str], Decimal | None] = field(default_factory=dict)

    # --- the market ---------------------------------------------------------------------------------------------------

    def show(self, moment: Moment) -> None:
        """New quotes; those of other symbols stay."""
        before = self.moments[-1].quotes if self.moments else {}
        for symbol, quote in moment.quotes.items():
            self.shown[symbol, "buy"], self.shown[symbol, "sell"] = quote.ask_size, quote.bid_size
        self.moments.append(replace(moment, quotes=before | moment.quotes))

    def doubt(self) -> None:
        """Nobody knows what was had of the newest quotes."""
        self.shown = dict.fromkeys(self.shown)

    def nothing_left_undone(self) -> None:
        """An order in the book that could trade at the newest quote has done so, or that quote is used up."""
        now = self.moments[-1]
        for known in self.orders.values():
            one, left = known.seen, self.shown.get((known.seen.symbol, known.seen.side))
            plain = one.type in {"market", "limit"} and one.time_in_force not in AUCTIONS and one.notional is None
            if not (now.is_open and plain and one.status in {"working", "partial"} and left is not None and left >= 1):
                continue
            if one.qty % 1 or (one.side == "buy" and one.limit_price is None):
                continue  # Parts of a share fill by a finer step; a purchase without a limit may be above its collar.
            quote = now.quotes[one.symbol]
            assert quote.bid is not None
            assert quote.ask is not None
            touch = quote.ask if one.side == "buy" else quote.bid
            if one.limit_price is None:
                raise AssertionError(f"this should have filled: {one}")
            crosses = touch <= one.limit_price if one.side == "buy" else touch >= one.limit_price
            assert not crosses, f"this should have filled: {one} at {quote}, of which {left} are left"

    # --- orders -------------------------------------------------------------------------------------------------------

    def see(self, orders: list[Order]) -> None:
        """The orders as they are now: none vanishes, none that ended changes, none asks for more than it did."""
        assert {one.id for one in orders} >= set(self.orders)
        for one in orders:
            known = self.orders.get(one.id)
            if known is None:
                self.orders[one.id] = Known(one, len(self.moments) - 1, one.qty)
                continue
            if known.seen.status in ENDED:
                was, now = known.seen, one
                assert (was.status, was.filled_qty, was.qty) == (now.status, now.filled_qty, now.qty), (was, now)
            if known.seen.held and not one.held:
                known.since = len(self.moments) - 1
            known.seen = one
        for group in self._groups().values():
            self._check_group(group)

    def events(self, rows: list[tuple[UUID, int, str]]) -> None:
        """All moves of orders, each by its number: only the table's moves, without a gap, and none is written anew."""
        for order_id, sequence, status in rows:
            before = self.told[order_id]
            if sequence <= len(before):
                assert before[sequence - 1] == status
                continue
            assert sequence == len(before) + 1, (order_id, sequence, before)
            if before and before[-1] != status:
                assert OrderStatus(status) in TRANSITIONS[OrderStatus(before[-1])], (before, status)
            before.append(status)

    def _groups(self) -> dict[UUID, list[Order]]:
        found: dict[UUID, list[Order]] = defaultdict(list)
        for known in self.orders.values():
            if known.seen.group_id is not None:
                found[known.seen.group_id].append(known.seen)
        return found

    def _check_group(self, orders: list[Order]) -> None:
        """The ways out never sell more than the way in bought; in an OCO they share one quantity."""
        sold = sum((one.filled_qty for one in orders if one.role != "entry"), ZERO)
        assert sold <= self._bought(orders), orders

    # --- fills --------------------------------------------------------------------------------------------------------

    def take(self, fill: Fill) -> None:
        """Judge a fill and book it."""
        known = self.orders[fill.order_id]
        order, held = known.seen, self.held[fill.symbol]
        assert fill.id not in self.fills
        assert (fill.symbol, fill.side) == (order.symbol, order.side)
        assert fill.qty > 0
        self.fills.add(fill.id)
        known.filled += fill.qty
        # Cash moves by whole cents; six decimals are what the books keep of anything else, an order's value too.
        value = (fill.qty * fill.price).quantize(MICRO, ROUND_HALF_EVEN)
        known.value += value
        self._judge(known, fill)
        left = self.shown.get((fill.symbol, fill.side))
        if left is not None and order.time_in_force not in AUCTIONS:
            self.shown[fill.symbol, fill.side] = left - fill.qty
            assert left >= fill.qty, f"more than the quote showed: {fill}"
        amount = value.quantize(CENT, ROUND_HALF_EVEN)
        moved = -amount - fill.fees if fill.side == "buy" else amount - fill.fees
        self.cash += moved
        assert fill.realized_pl.quantize(CENT) == self._hold(held, fill, moved).quantize(CENT)
        assert self.lends or held.qty >= 0

    @staticmethod
    def _hold(held: Held, fill: Fill, moved: Decimal) -> Decimal:
        """Shares and cost after a fill that moved so much cash; what it realized. One through zero is two fills."""
        signed = fill.qty if fill.side == "buy" else -fill.qty
        against = held.qty and (held.qty > 0) != (signed > 0)
        closing = min(abs(held.qty), fill.qty) if against else ZERO
        for_closing = moved if closing == fill.qty else (moved * closing / fill.qty).quantize(MICRO, ROUND_HALF_UP)
        basis = held.cost
        if closing != abs(held.qty):
            basis = (held.cost * closing / abs(held.qty)).quantize(MICRO, ROUND_HALF_UP) if closing else ZERO
        elif not closing:
            basis = ZERO
        realized = for_closing - basis if closing else ZERO
        held.qty += signed
        held.cost += -basis - (moved - for_closing)
        held.realized += realized
        return realized

    def _judge(self, known: Known, fill: Fill) -> None:
        """Whether this order may have had this: its limit, its hour, its trigger, its amount, its fees."""
        order = known.seen
        if order.limit_price is not None:
            within = fill.price <= order.limit_price if fill.side == "buy" else fill.price >= order.limit_price
            assert within, (order, fill)
        elif order.notional is not None:
            assert known.value <= order.notional
        if order.time_in_force not in AUCTIONS:
            # The newest moment, or the one before when the answer to its booking was lost.
            was_open = any(one.is_open for one in self.moments[-2:])
            assert was_open or order.extended_hours, "a fill while the market is closed"
        if order.type in {"stop", "stop_limit", "trailing_stop"}:
            assert order.triggered_at is not None
            assert self._was_reached(known), (order, fill)
        if order.time_in_force == "fok":
            assert fill.qty == order.qty
        assert fill.fees == self._fees(known, fill)

    def _was_reached(self, known: Known) -> bool:
        """Whether a trade since the order could be known reached its stop, by what was shown of the market."""
        order, best = known.seen, None
        for moment in self.moments[max(known.since, 0) :]:
            quote = moment.quotes.get(order.symbol)
            if quote is None or not moment.is_open:
                continue
            stop = order.stop_price
            if order.type == "trailing_stop":
                best = quote.last if best is None else (max if order.side == "sell" else min)(best, quote.last)
                away = order.trail_amount or best * (order.trail_percent or ZERO) / 100
                stop = best - away if order.side == "sell" else best + away
            assert stop is not None
            if quote.last <= stop if order.side == "sell" else quote.last >= stop:
                return True
        # Its terms may have been changed since: then the stop that it shows is the newest one.
        return order.revision > 1

    @staticmethod
    def _fees(known: Known, fill: Fill) -> Decimal:
        """What the exchange and FINRA take of a sale in 2021, but no more than it brings; nothing else costs here."""
        if fill.side == "buy":
            return ZERO
        value = fill.qty * fill.price
        before = known.value - value.quantize(MICRO, ROUND_HALF_EVEN)
        sec = (value * Decimal("27.80") / 1_000_000).quantize(CENT, ROUND_CEILING)
        taf = min((fill.qty * Decimal("0.000166")).quantize(CENT, ROUND_CEILING), Decimal("8.30"))
        brought = known.value.quantize(CENT, ROUND_HALF_EVEN) - before.quantize(CENT, ROUND_HALF_EVEN)
        return min(sec + taf, brought)

    # --- what must hold -----------------------------------------------------------------------------------------------

    def agree(self, cash: Decimal, reserved: Decimal, holdings: list[tuple[str, Decimal, Decimal, Decimal]]) -> None:
        """The product's account is this one, to the last digit; nothing is spent or promised twice."""
        assert cash == self.cash, (cash, self.cash)
        assert reserved >= 0
        assert self.lends or reserved <= cash, (reserved, cash)
        assert reserved == sum((one.seen.reserved for one in self.orders.values()), ZERO)
        found = {symbol: tuple(figures) for symbol, *figures in holdings}
        assert found == {
            symbol: (held.qty, held.cost, held.realized)
            for symbol, held in self.held.items()
            if held.qty or held.realized
        }
        for known in self.orders.values():
            one = known.seen
            assert one.filled_qty == known.filled, (one, known.filled)
            assert known.filled <= one.qty or one.notional is not None
            if one.status in ENDED:
                assert one.reserved == 0, one
            if one.status == "filled":
                assert known.filled > 0
            bounded = one.side == "buy" and one.limit_price is not None and one.status not in ENDED and not one.held
            if bounded and not self.lends:
                assert one.reserved >= (one.qty - known.filled) * one.limit_price, one

    def free_shares(self, symbol: str) -> Decimal:
        """Shares that no open sale waits for; what an entry bought waits for its ways out, which share it."""
        held_back = ZERO
        for known in self.orders.values():
            one = known.seen
            if one.group_id is None and one.side == "sell" and one.symbol == symbol and one.status not in ENDED:
                held_back += one.qty - known.filled
        for group in self._groups().values():
            exits = [one for one in group if one.role != "entry"]
            if group[0].symbol == symbol and any(one.status not in ENDED for one in exits):
                held_back += self._bought(group) - sum((one.filled_qty for one in exits), ZERO)
        return self.held[symbol].qty - held_back

    def _bought(self, group: list[Order]) -> Decimal:
        """What the ways out of a group may sell together: of an OCO what was asked for, whatever is left of each."""
        entry = next((one for one in group if one.role == "entry"), None)
        return self.orders[group[0].id].asked if entry is None else entry.filled_qty
