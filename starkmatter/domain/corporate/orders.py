"""What an action makes of open orders: the same wish in new shares, or an end with its reason.

* Splits and stock dividends: quantities go down to the lot, never above what the position becomes; a limit moves to
  the tick that is no worse than what was asked for, a stop, a trail and a condition to the tick that is farther away.
* Cash dividends of a cent or more: what lies below the market to buy (limits) or to sell (stops) goes down with the
  price, as FINRA rule 5330 has it; sale limits and purchase stops stay.
* Another symbol: the orders go along. A delisting ends them. A spin-off ends them too: nobody knows the new price.

Orders of a group are judged together: an entry never goes on without the exits it came with, and one that filled
nothing takes them along, while exits of shares that are held go on beside an entry or a sibling that cannot. What they
filled is told in new shares as well, so that `order_groups.follow` finds nothing to do that it did not find before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from starkmatter.domain.corporate.terms import (
    CashDividend,
    Delisting,
    SpinOff,
    SymbolChange,
    Told,
    action_words,
    ratio_of,
)
from starkmatter.domain.lots import QTY_STEP
from starkmatter.domain.money import CENT, ZERO, is_multiple, money_text, plain, to_micros
from starkmatter.domain.order_groups import Role
from starkmatter.domain.order_rules import WHOLE
from starkmatter.domain.orders import Condition, OrderType, Side

Verb = Literal["keep", "change", "cancel"]
_PRICES = ("limit_price", "stop_price", "trail_amount")


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order as an action sees it: `qty` is its whole quantity, `filled_qty` what of it was filled.

    `qty` is zero for an order by `notional`. `condition` is None once it was met. `group_id` and `role` belong to
    orders that have siblings; an OCO has no `entry` and its `shared_qty`. `water` is the best trade of a trailing stop.
    `held`: no market knows it yet. `ended`: it is given because of its siblings, as what it filled counts for them.
    """

    id: str
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    filled_qty: Decimal = ZERO
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    notional: Decimal | None = None
    condition: Condition | None = None
    water: Decimal | None = None
    group_id: str | None = None
    role: Role = "entry"
    shared_qty: Decimal | None = None
    held: bool = False
    ended: bool = False

    @property
    def leaves_qty(self) -> Decimal:
        """What may still fill; nothing of an order that ended or is by an amount of money."""
        return ZERO if self.ended or self.notional is not None else self.qty - self.filled_qty

    @property
    def group(self) -> str:
        """The group, or a name of its own for an order that has none."""
        return self.group_id if self.group_id is not None else f"order {self.id}"


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps of an instrument's prices and quantities."""

    tick_size: Decimal
    lot_size: Decimal = WHOLE


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one order. `after` is how it goes on, or ends: at the prices it had, with what it filled."""

    verb: Verb
    before: OpenOrder
    after: OpenOrder
    why: str


def orders_after(told: Told, orders: Sequence[OpenOrder], grids: Mapping[str, Grid]) -> list[Change]:
    """What becomes of each order of an account when the action's ex-date begins, in the order given.

    With an order come all of its group, those that ended too. `grids` has one for every symbol of orders and their
    conditions. ValueError for an OCO without the quantity that its orders share.
    """
    groups: dict[str, list[OpenOrder]] = {}
    for one in orders:
        groups.setdefault(one.group, []).append(one)
    found = {change.before.id: change for one in groups.values() for change in _of_group(told, one, grids)}
    return [found[one.id] for one in orders]


def _of_group(told: Told, members: Sequence[OpenOrder], grids: Mapping[str, Grid]) -> list[Change]:
    if told.terms is None or not any(_concerns(told, one) for one in members):
        return [Change("keep", one, one, "It is not concerned.") for one in members]
    after: list[OpenOrder] = []
    reasons: dict[str, str] = {}
    for one in members:
        now = one if one.ended or not _concerns(told, one) else _priced(told, one, grids)
        if isinstance(now, str):
            reasons[one.id] = now
        after.append(one if isinstance(now, str) else now)
    entry = next((one for one in members if one.role == "entry" and not one.ended), None)
    if entry is not None and not reasons and _in_order(members) and not _in_order(after):
        reasons[entry.id] = "On the ticks of the new price its entry, target and stop would not lie apart any more."
    ratio = ratio_of(told.terms)
    if ratio is not None and members[0].symbol == told.symbol:
        after = _rescaled(told, after, reasons, Fraction(ratio[0]) / Fraction(ratio[1]), grids[told.symbol])
    if entry is not None and reasons:
        first = next(iter(reasons.values()))
        ending = [entry] if entry.filled_qty else members
        reasons = {one.id: first for one in ending} | reasons
    return [_change(told, was, now, reasons.get(was.id)) for was, now in zip(members, after, strict=True)]


def _concerns(told: Told, one: OpenOrder) -> bool:
    return told.symbol in (one.symbol, one.condition.symbol if one.condition is not None else None)


def _change(told: Told, before: OpenOrder, now: OpenOrder, reason: str | None) -> Change:
    if reason is not None and not before.ended:
        done = now.filled_qty
        ended = replace(before, qty=done, filled_qty=done, shared_qty=now.shared_qty, held=False, ended=True)
        return Change("cancel", before, ended, reason)
    if now == before:
        return Change("keep", before, now, f"{action_words(told)}: it stays as it is.")
    what = "what it filled is told in new shares" if before.ended else _difference(before, now)
    return Change("change", before, now, f"{action_words(told)}: {what}.")


def _priced(told: Told, one: OpenOrder, grids: Mapping[str, Grid]) -> OpenOrder | str:
    """The order with its new symbol and prices; or why it ends, in words."""
    mine = one.symbol == told.symbol
    watched = one.condition if one.condition is not None and one.condition.symbol == told.symbol else None
    match told.terms:
        case SymbolChange(other):
            condition = replace(watched, symbol=other) if watched else one.condition
            return replace(one, symbol=other if mine else one.symbol, condition=condition)
        case Delisting():
            return f"{action_words(told)}: {'it' if mine else 'what it waits for'} does not trade any more."
        case SpinOff():
            return f"{action_words(told)}: prices are others from that day on, so it has to be given anew."
        case CashDividend(per_share):
            return _lowered(told, one, per_share, grids[one.symbol]) if mine else one
    ratio = ratio_of(told.terms)
    if ratio is None:
        return one
    shrinks = Fraction(ratio[1]) / Fraction(ratio[0])
    if watched is not None:
        far = ROUND_CEILING if watched.relation == "at_or_above" else ROUND_FLOOR
        price = _on_grid(Fraction(watched.price) * shrinks, grids[watched.symbol].tick_size, far)
        one = replace(one, condition=replace(watched, price=price))
        if price <= 0:
            return f"{action_words(told)}: its condition would lie at nothing."
    return _shrunk(told, one, shrinks, grids[one.symbol].tick_size) if mine else one


def _shrunk(told: Told, one: OpenOrder, factor: Fraction, tick: Decimal) -> OpenOrder | str:
    below, above = ROUND_FLOOR, ROUND_CEILING
    no_worse, farther = (below, above) if one.side == "buy" else (above, below)
    limit = one.limit_price and _on_grid(Fraction(one.limit_price) * factor, tick, no_worse)
    stop = one.stop_price and _on_grid(Fraction(one.stop_price) * factor, tick, farther)
    if one.type == "stop_limit" and limit is not None and stop is not None:
        limit = max(limit, stop) if one.side == "buy" else min(limit, stop)
    trail = one.trail_amount and _on_grid(Fraction(one.trail_amount) * factor, tick, above)
    water = None if one.water is None else to_micros(one.water * factor.numerator / factor.denominator)
    now = replace(one, limit_price=limit, stop_price=stop, trail_amount=trail, water=water)
    return _with_prices(told, now)


def _lowered(told: Told, one: OpenOrder, per_share: Decimal, grid: Grid) -> OpenOrder | str:
    """Purchase limits and sale stops with the dividend taken off, on the tick below."""
    if per_share < CENT:
        return one
    buys, stops = one.side == "buy", one.type in ("stop", "stop_limit", "trailing_stop")
    if buys == stops:
        return one

    def off(price: Decimal | None) -> Decimal | None:
        return None if price is None else _on_grid(price - per_share, grid.tick_size, ROUND_FLOOR)

    water = None if one.water is None else one.water - per_share
    return _with_prices(
        told, replace(one, limit_price=off(one.limit_price), stop_price=off(one.stop_price), water=water)
    )


def _with_prices(told: Told, now: OpenOrder) -> OpenOrder | str:
    if any((price := getattr(now, name)) is not None and price <= 0 for name in _PRICES):
        return f"{action_words(told)}: its price would lie at nothing."
    return now


def _on_grid(exact: Fraction | Decimal, tick: Decimal, rounding: str) -> Decimal:
    value = Fraction(exact) / Fraction(tick)
    steps = value.numerator // value.denominator
    if rounding == ROUND_CEILING and value != steps:
        steps += 1
    return steps * tick


def _in_order(group: Sequence[OpenOrder]) -> bool:
    """Whether target, entry and stop lie in their order, as far as they have prices."""
    by_role = {one.role: one for one in group if not one.ended}
    entry, target, stop = by_role.get("entry"), by_role.get("target"), by_role.get("stop")
    way_out = target or stop
    if way_out is None:
        return True
    prices = [
        None if target is None else target.limit_price,
        None if entry is None else entry.limit_price or entry.stop_price,
        None if stop is None else stop.stop_price,
    ]
    at = [one for one in prices if one is not None]
    return all(one > other for one, other in pairwise(at if way_out.side == "sell" else at[::-1]))


def _rescaled(
    told: Told, members: Sequence[OpenOrder], reasons: dict[str, str], grows: Fraction, grid: Grid
) -> list[OpenOrder]:
    """Quantities in new shares, from the exits up: what is left to them, then what the entry filled, then its rest.

    Whose rest is no lot any more gets its reason; an exit sleeps again while its entry may still fill.
    """
    filled = {one.id: _parts(Fraction(one.filled_qty) * grows) for one in members}
    entry = next((one for one in members if one.role == "entry"), None)
    exits = [one for one in members if one is not entry]
    left = left_now = shared = ZERO
    if exits:
        whole = _shared_qty(exits) if entry is None else entry.filled_qty
        left = max(ZERO, whole - sum((one.filled_qty for one in exits), ZERO))
        left_now = _lots(left, grows, grid)
        shared = sum((filled[one.id] for one in exits), ZERO) + left_now
        if entry is not None:
            filled[entry.id] = shared
    waits = entry is not None and not entry.ended and bool(_lots(entry.leaves_qty, grows, grid))
    after = []
    for one in members:
        rest = _lots(one.leaves_qty, grows, grid)
        if one in exits:
            rest = left_now if one.leaves_qty == left else min(rest, left_now)
        asleep = one.held
        if one.leaves_qty and not rest:
            if one in exits and waits:
                asleep = True
            else:
                reasons.setdefault(one.id, _too_few(told, one.leaves_qty))
        done = filled[one.id]
        qty = ZERO if one.notional is not None else done + rest
        of_all = None if one.shared_qty is None else shared
        after.append(replace(one, qty=qty, filled_qty=done, shared_qty=of_all, held=asleep))
    return after


def _shared_qty(exits: Sequence[OpenOrder]) -> Decimal:
    found = next((one.shared_qty for one in exits if one.shared_qty is not None), None)
    if found is None:
        raise ValueError("an OCO needs the quantity that its orders share")
    return found


def _too_few(told: Told, qty: Decimal) -> str:
    return f"{action_words(told)}: what {plain(qty)} of it became cannot be traded as a whole lot."


def _parts(exact: Fraction) -> Decimal:
    """In billionths of a share, half to even."""
    return Decimal(round(exact / Fraction(QTY_STEP))) * QTY_STEP


def _lots(qty: Decimal, grows: Fraction, grid: Grid) -> Decimal:
    """`qty` in new shares, down to the lot; down to a billionth for what was not in whole lots before."""
    step = grid.lot_size if is_multiple(qty, grid.lot_size) else QTY_STEP
    return _on_grid(Fraction(qty) * grows, step, ROUND_FLOOR)


def _difference(before: OpenOrder, now: OpenOrder) -> str:
    """`100 at limit 50.00 became 400 at limit 12.50`."""
    if before.symbol != now.symbol:
        return f"it is an order for {now.symbol}"
    if before.condition != now.condition and _order_words(before) == _order_words(now):
        was, is_ = before.condition, now.condition
        return f"it waits for {is_.symbol} at {money_text(is_.price)}" if was and is_ else "it waits as before"
    return f"{_order_words(before)} became {_order_words(now)}"


def _order_words(one: OpenOrder) -> str:
    names = {"limit_price": "limit", "stop_price": "stop", "trail_amount": "trail"}
    prices = [f"{names[name]} {money_text(price)}" for name in _PRICES if (price := getattr(one, name)) is not None]
    return " ".join([plain(one.leaves_qty), *(["at", ", ".join(prices)] if prices else [])])


def orders_corrected(
    wrong: Sequence[Change], now: Sequence[OpenOrder], right: Told, grids: Mapping[str, Grid], today: date
) -> list[Change]:
    """What becomes of orders that an action changed which is corrected (or withdrawn) later.

    `wrong` is all that `orders_after` said then, `now` the orders that are still open. One that is as the wrong action
    left it, and all of its group, goes back to what it was and through the right one; one that traded or was changed
    since is canceled with its group, since nobody can say what of it was meant. What the wrong action canceled stays
    canceled; what ended orders of a group filled is told anew for their siblings. A right action whose day is after
    `today` (of the exchange) changes nothing yet. In each change `before` is the order as it is now.
    """
    happens = right if right.ex_on <= today else replace(right, terms=None)
    current = {one.id: one for one in now}
    moved = {one.before.group for one in wrong if not one.after.ended and current.get(one.after.id) != one.after}
    lost = {one.before.group for one in wrong if one.verb == "cancel"}
    as_before = [_before(one) for one in wrong if one.before.group not in moved]
    again = {one.before.id: one for one in orders_after(happens, as_before, grids)}
    found = []
    for was in wrong:
        one = current.get(was.before.id, was.after)
        if was.before.group in moved:
            if one.id in current:
                reason = "It moved after an action that was told wrongly had changed it: give it again."
                found.append(Change("cancel", one, replace(one, qty=one.filled_qty, ended=True), reason))
            continue
        change = again[one.id]
        verb: Verb = "cancel" if change.verb == "cancel" else "keep" if change.after == one else "change"
        why = f"{action_words(right)}: it is what it was." if happens.terms is None else change.why
        if one.group in lost:
            why = f"{why} What was canceled stays canceled."
        found.append(Change(verb, one, change.after, why))
    return found


def _before(change: Change) -> OpenOrder:
    one = change.before
    return replace(one, qty=one.filled_qty, ended=True) if change.verb == "cancel" else one
