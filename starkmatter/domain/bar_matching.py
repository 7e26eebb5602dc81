"""The same market seen in bars, for backtests: what a bar does to an order, by the less favorable of what it allows.

A bar says where the price began, how far it went and where it ended, not in which order. The assumptions:

* The open comes first. A market order, and a limit that the open has reached already, trades there.
* A stop that the open has passed fills at the open; one inside the bar at its stop.
* A limit inside the bar fills at its limit, and only when the bar went through it by a tick (a touch is enough where
  the preset says so). A resting limit never gets a better price than its own.
* Where a stop and a target lie in one bar, the stop comes first (`in_turn`).
* A trailing stop follows the open, then meets the worse end of the bar, then follows the better end; after that only
  the close is certain to come later.
* A stop-limit whose trigger lies beyond its limit waits for the next bar.
* At most the preset's part of the bar's volume can be had. A bar without volume traded nothing; one whose volume is
  not known has no cap.

Orders that trade at once pay half a spread and the square root of their share of the bar's volume (`takes`), not beyond
their limit. That may lie outside of the bar, since the order was not in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from starkmatter.domain import receipts
from starkmatter.domain.auctions import Auction, AuctionKind, match_auction
from starkmatter.domain.fees import FeeLine
from starkmatter.domain.matching import Execution, Outcome, fee_lines
from starkmatter.domain.money import ZERO, money_text
from starkmatter.domain.orders import IMMEDIATE_TIMES, WorkingOrder
from starkmatter.domain.presets import PRESETS, Preset
from starkmatter.domain.quotes import Bar
from starkmatter.domain.sessions import exchange_day
from starkmatter.domain.takes import How, Take, lots_of
from starkmatter.domain.triggers import STOPS, UNSEEN, Watch, better, reached, stop_of, waiting_words, watch_trade


@dataclass(frozen=True, slots=True)
class BarView:
    """One bar. `opens_session`, `closes_session`: it begins or ends a session (a daily bar does both).

    `taken_qty`: what other orders had of its volume on the same side.
    """

    bar: Bar
    tick_size: Decimal
    lot_size: Decimal
    opens_session: bool = False
    closes_session: bool = False
    taken_qty: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class _Touch:
    """Where in the bar the order trades: at its own limit, or at once from `start` on."""

    start: Decimal
    how: How


def match_bar(
    order: WorkingOrder,
    view: BarView,
    preset: Preset,
    *,
    resting: bool = True,
    watch: Watch = UNSEEN,
    max_price: Decimal | None = None,
    month_qty: Decimal = ZERO,
) -> Outcome:
    """What one bar does to an order that was there before it began.

    `resting`: it was in the book in the bar before as well. The rest as in `matching.match_quote`.
    """
    bar = view.bar
    if order.time_in_force in {"opg", "cls"}:
        return _at_auction(order, view, preset, max_price, month_qty)
    if bar.volume == 0:
        return Outcome(watch=watch, why="Nothing traded in this bar.")
    before = watch
    touch, watch = _touch_of(order, view, preset, resting, before)
    at_once = order.time_in_force in IMMEDIATE_TIMES
    if isinstance(touch, str):
        return Outcome(watch=watch, why=touch, ends=touch if at_once else None)
    found = _take(order, touch, view, preset, max_price)
    if isinstance(found, str):
        return Outcome(watch=watch, why=found, ends=found if at_once else None)
    lines = fee_lines(order, found, preset, exchange_day(bar.starts_at), month_qty)
    execution = Execution(found.qty, found.price, lines, _receipt(order, found, lines, view, watch, preset))
    execution.receipt["alternatives"] = {
        other.name: _alternative(order, view, other, resting, before, max_price, month_qty)
        for other in PRESETS.values()
        if other.name != preset.name
    }
    rest = at_once and found.qty < order.leaves_qty
    return Outcome(execution, watch, ends="The rest could not be had at once." if rest else None)


def in_turn(orders: Sequence[tuple[WorkingOrder, Watch]], view: BarView) -> list[WorkingOrder]:
    """The orders in which a bar meets them: at the open, then stops, then limits; within these by their age."""

    def turn(entry: tuple[WorkingOrder, Watch]) -> tuple[int, object, str]:
        order, watch = entry
        waits = order.type in STOPS and not watch.triggered
        opened = watch_trade(order, watch, view.bar.open, view.tick_size)
        at_open = opened.triggered if waits else _within(order, view.bar.open)
        return (0 if at_open else 1 if waits else 2), order.submitted_at, order.id

    return [order for order, _ in sorted(orders, key=turn)]


def _within(order: WorkingOrder, price: Decimal, beyond: Decimal = ZERO) -> bool:
    """Whether `price` is at the order's limit or better, by `beyond` at least."""
    if order.limit_price is None:
        return True
    return price + beyond <= order.limit_price if order.side == "buy" else price - beyond >= order.limit_price


def _touch_of(
    order: WorkingOrder, view: BarView, preset: Preset, resting: bool, watch: Watch
) -> tuple[_Touch | str, Watch]:
    bar = view.bar
    if order.type in STOPS and not watch.triggered:
        start, watch = _trigger(order, view, watch)
        if start is None:
            return waiting_words(watch, bar.close), watch
        if not _within(order, start):
            return f"Its stop was reached at {money_text(start)}, beyond its limit: it waits for its limit.", watch
        return _Touch(start, "at_open" if start == bar.open else "at_stop"), watch
    if order.limit_price is None:
        return _Touch(bar.open, "at_open"), watch
    if _within(order, bar.open) and not resting:
        return _Touch(bar.open, "at_open"), watch
    if order.time_in_force in IMMEDIATE_TIMES:
        return "The bar did not open within its limit.", watch
    beyond = preset.bar_through_ticks * view.tick_size
    best = bar.low if order.side == "buy" else bar.high
    if _within(order, best, beyond):
        return _Touch(order.limit_price, "at_limit"), watch
    return f"The bar did not go through its limit of {money_text(order.limit_price)}.", watch


def _trigger(order: WorkingOrder, view: BarView, watch: Watch) -> tuple[Decimal | None, Watch]:
    """Where in the bar a stop is reached, None when it is not, and what it remembers."""
    bar = view.bar
    watch = watch_trade(order, watch, bar.open, view.tick_size)
    if watch.triggered:
        return bar.open, watch
    worst, best = (bar.low, bar.high) if order.side == "sell" else (bar.high, bar.low)
    if reached(order.side, watch.stop_price, worst):
        return watch.stop_price, Watch(True, watch.water, watch.stop_price)
    if order.type != "trailing_stop" or watch.water is None:
        return None, watch
    water = better(order.side, watch.water, best)
    stop = stop_of(order, water, view.tick_size)
    done = reached(order.side, stop, bar.close)
    return (stop if done else None), Watch(done, water, stop)


def _take(order: WorkingOrder, touch: _Touch, view: BarView, preset: Preset, max_price: Decimal | None) -> Take | str:
    available = _to_be_had(order, view, preset)
    qty = lots_of(min(order.leaves_qty, available), view.lot_size)
    if qty <= 0:
        return "The bar's volume has no part of it left."
    if order.time_in_force == "fok" and qty < order.leaves_qty:
        return "Not all of it can be had at once."
    sign = 1 if order.side == "buy" else -1
    moved = ZERO if touch.how == "at_limit" else sign * _slip(order, touch.start, qty, view, preset)
    if order.limit_price is not None and (touch.start + moved - order.limit_price) * sign > 0:
        moved = order.limit_price - touch.start
    price = touch.start + moved
    if sign > 0 and max_price is not None and price > max_price:
        return f"The price of {money_text(price)} is more than was set aside for it."
    if price <= 0:
        return "There is no price above zero."
    return Take(qty, price, touch.how, touch.start, moved, available)


def _to_be_had(order: WorkingOrder, view: BarView, preset: Preset) -> Decimal:
    if preset.participation_ratio is None or view.bar.volume is None:
        return order.leaves_qty
    return max(ZERO, view.bar.volume * preset.participation_ratio - view.taken_qty)


def _half_spread(start: Decimal, view: BarView, preset: Preset) -> Decimal:
    return (start * preset.bar_half_spread_ratio / view.tick_size).to_integral_value(ROUND_CEILING) * view.tick_size


def _slip(order: WorkingOrder, start: Decimal, qty: Decimal, view: BarView, preset: Preset) -> Decimal:
    """Half a spread and the impact of the size, in whole ticks, rounded up."""
    raw = ZERO
    if preset.daily_volatility_ratio and view.bar.volume:
        size = qty if preset.impact_of == "fill" else order.leaves_qty
        raw = preset.impact_coefficient * preset.daily_volatility_ratio * start * (size / view.bar.volume).sqrt()
    ticks = (raw / view.tick_size).to_integral_value(ROUND_CEILING)
    return _half_spread(start, view, preset) + ticks * view.tick_size


def _at_auction(
    order: WorkingOrder, view: BarView, preset: Preset, max_price: Decimal | None, month_qty: Decimal
) -> Outcome:
    opening = order.time_in_force == "opg"
    if not (view.opens_session if opening else view.closes_session):
        return Outcome(why="It waits for its auction.")
    bar = view.bar
    price = bar.open if opening else bar.close
    kind: AuctionKind = "opening" if opening else "closing"
    auction = Auction(kind, price, bar.volume, bar.starts_at, bar.provider, view.taken_qty)
    return match_auction(order, auction, preset, lot_size=view.lot_size, max_price=max_price, month_qty=month_qty)


def _alternative(
    order: WorkingOrder,
    view: BarView,
    preset: Preset,
    resting: bool,
    watch: Watch,
    max_price: Decimal | None,
    month_qty: Decimal,
) -> dict[str, object]:
    """The same order and the same bar, by other rules."""
    touch, _ = _touch_of(order, view, preset, resting, watch)
    if isinstance(touch, str):
        return receipts.alternative(touch)
    found = _take(order, touch, view, preset, max_price)
    if isinstance(found, str):
        return receipts.alternative(found)
    return receipts.alternative(found, fee_lines(order, found, preset, exchange_day(view.bar.starts_at), month_qty))


def _receipt(
    order: WorkingOrder, found: Take, lines: tuple[FeeLine, ...], view: BarView, watch: Watch, preset: Preset
) -> dict[str, object]:
    receipt: dict[str, object] = {
        "preset": preset.stamp,
        "rule": receipts.rule_of(order, found),
        "explanation": receipts.words_of(order, found, watch),
        "bar": receipts.bar_part(view.bar),
        "cap": receipts.cap_part(
            order,
            found,
            preset,
            view.lot_size,
            traded_qty=view.bar.volume,
            shown_qty=ZERO,
            taken_qty=view.taken_qty,
        ),
    }
    if order.type in STOPS:
        receipt["trigger"] = receipts.trigger_part(order, watch, found.start)
    half = _half_spread(found.start, view, preset) if found.how != "at_limit" else ZERO
    return receipt | receipts.cost_part(found, half * 2, lines, preset)
