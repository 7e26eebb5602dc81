"""The paper market: when an order fills, at what price and why. Pure, so that a backtest gets the same answers.

An order trades against the newest quote only, by the rules of a preset (`presets`, and `takes` for the arithmetic):

* A market order and a limit order that can trade at once take the other side of the spread; a resting limit fills at
  its limit once the other side reaches it. Nobody gets a better price than that.
* A stop waits for the last trade to reach it (`triggers`), then trades like the order it became, against that quote.
* Immediate-or-cancel and fill-or-kill are decided by the first quote that can be used.
* Orders for an auction wait for it (`auctions`). Outside regular hours only limit orders that asked for it trade.
* A halt, a doubtful price and a quote that is too old or one-sided put everything off; nothing is lost by them.

Whatever is left to chance is drawn from the order's id and the quote's time, so the same question has one answer.
"""

from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

from starkmatter.domain import receipts
from starkmatter.domain.fees import FeeLine, total
from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import AUCTION_TIMES, IMMEDIATE_TIMES, Side, WorkingOrder
from starkmatter.domain.presets import PRESETS, REALISTIC, Preset
from starkmatter.domain.quotes import Quote
from starkmatter.domain.sessions import exchange_day
from starkmatter.domain.takes import Market, Take, Want, take
from starkmatter.domain.trading_hours import Phase, may_trade
from starkmatter.domain.triggers import STOPS, UNSEEN, Watch, waiting_words, watch_trade

__all__ = [
    "PRESETS",
    "REALISTIC",
    "Execution",
    "Outcome",
    "Preset",
    "View",
    "collar_price",
    "fee_lines",
    "match",
    "match_quote",
]


class Execution(NamedTuple):
    """One fill to book: `qty` shares at `price`, the fee lines, and the receipt that explains both."""

    qty: Decimal
    price: Decimal
    fee_lines: tuple[FeeLine, ...]
    receipt: dict[str, Any]

    @property
    def fees(self) -> Decimal:
        return total(self.fee_lines)


class Outcome(NamedTuple):
    """What a price did to an order: a fill or in `why` why none, what its stop remembers, and whether that was all.

    `ends` says why what is left of the order ends now; None while it goes on.
    """

    execution: Execution | None = None
    watch: Watch = UNSEEN
    why: str = ""
    ends: str | None = None


class View(NamedTuple):
    """One quote and the market around it.

    `traded_qty`: shares the market traded since the quote before (None when the source has no volume). `taken_qty`:
    what other orders already had from this quote on the same side. `now` is on the quote's `received_at` clock and
    only judges its age. `note` is what else the receipt has to say of the quote.
    """

    quote: Quote
    now: datetime
    tick_size: Decimal
    lot_size: Decimal
    phase: Phase = "open"
    traded_qty: Decimal | None = None
    taken_qty: Decimal = ZERO
    note: str | None = None


def match(
    order: WorkingOrder,
    quote: Quote,
    *,
    resting: bool,
    traded_qty: Decimal | None,
    taken_qty: Decimal = ZERO,
    preset: Preset,
    tick_size: Decimal,
    lot_size: Decimal,
    max_price: Decimal | None,
    now: datetime,
    note: str | None = None,
) -> Execution | None:
    """What `order` gets from `quote` in regular hours, or None when it has to wait; see `match_quote` and `View`."""
    view = View(quote, now, tick_size, lot_size, "open", traded_qty, taken_qty, note)
    return match_quote(order, view, preset, resting=resting, max_price=max_price).execution


def match_quote(
    order: WorkingOrder,
    view: View,
    preset: Preset,
    *,
    resting: bool,
    watch: Watch = UNSEEN,
    max_price: Decimal | None = None,
    month_qty: Decimal = ZERO,
) -> Outcome:
    """What one quote does to one order.

    `resting`: the order was in the book before this quote. `watch` is what came out the last time. `max_price`: what a
    purchase was reserved for, per share; above it nothing is bought. `month_qty`: what the account traded in this
    month, for commissions in tiers.
    """
    if order.time_in_force in AUCTION_TIMES:
        return Outcome(watch=watch, why="It waits for its auction.")
    if not may_trade(order, view.phase):
        ends = "The market is closed: nothing can be had at once." if order.time_in_force in IMMEDIATE_TIMES else None
        return Outcome(watch=watch, why="The market is not open for it.", ends=ends)
    unusable = _unusable(view, preset)
    if unusable is not None:
        return Outcome(watch=watch, why=unusable)
    before = watch
    watch = watch_trade(order, watch, view.quote.last, view.tick_size)
    if order.type in STOPS and not watch.triggered:
        return Outcome(watch=watch, why=waiting_words(watch, view.quote.last))
    in_book = resting and (order.type not in STOPS or before.triggered)
    want = Want(
        order.side,
        order.leaves_qty,
        order.limit_price,
        in_book,
        max_price,
        order.time_in_force == "fok",
        f"{order.id}|{view.quote.observed_at.isoformat()}",
    )
    market = _market(order.side, view)
    found = take(want, market, preset)
    at_once = order.time_in_force in IMMEDIATE_TIMES
    if isinstance(found, str):
        return Outcome(watch=watch, why=found, ends=found if at_once else None)
    on = exchange_day(view.quote.observed_at)
    lines = fee_lines(order, found, preset, on, month_qty)
    receipt = _receipt(order, found, lines, market, view, watch, preset)
    receipt["alternatives"] = {
        other.name: _alternative(order, want, market, other, on, month_qty)
        for other in PRESETS.values()
        if other.name != preset.name
    }
    rest = at_once and found.qty < order.leaves_qty
    return Outcome(
        Execution(found.qty, found.price, lines, receipt),
        watch,
        ends="The rest could not be had at once." if rest else None,
    )


def _unusable(view: View, preset: Preset) -> str | None:
    """Why nothing trades on this quote; None when it can be used."""
    quote = view.quote
    if quote.condition == "halted":
        return f"{quote.symbol} is halted."
    if quote.condition != "normal":
        return f"The price of {quote.symbol} is not confirmed."
    if view.now - quote.received_at > preset.max_quote_age:
        return "The newest quote is too old."
    if quote.bid is None or quote.ask is None or quote.bid_size is None or quote.ask_size is None:
        return "The quote has no bid and ask."
    return None


def _market(side: Side, view: View) -> Market:
    quote = view.quote
    bid, ask = quote.bid or ZERO, quote.ask or ZERO
    touch, shown = (ask, quote.ask_size) if side == "buy" else (bid, quote.bid_size)
    return Market(
        touch,
        shown or ZERO,
        ask - bid,
        view.traded_qty,
        quote.volume,
        view.taken_qty,
        view.tick_size,
        view.lot_size,
    )


def fee_lines(order: WorkingOrder, found: Take, preset: Preset, on: date, month_qty: Decimal) -> tuple[FeeLine, ...]:
    """What the preset charges for a take of this order on the exchange's day `on`."""
    return preset.fees.lines(
        order.side,
        found.qty,
        found.price,
        on=on,
        before_qty=order.filled_qty,
        before_value=order.filled_value,
        month_qty=month_qty,
    )


def _alternative(
    order: WorkingOrder, want: Want, market: Market, preset: Preset, on: date, month_qty: Decimal
) -> dict[str, Any]:
    """The same order and the same quote, which is fresh enough, by other rules."""
    found = take(want, market, preset)
    if isinstance(found, str):
        return receipts.alternative(found)
    return receipts.alternative(found, fee_lines(order, found, preset, on, month_qty))


def _receipt(
    order: WorkingOrder,
    found: Take,
    lines: tuple[FeeLine, ...],
    market: Market,
    view: View,
    watch: Watch,
    preset: Preset,
) -> dict[str, Any]:
    age_ms = max(0, int((view.now - view.quote.received_at).total_seconds() * 1000))
    words = receipts.words_of(order, found, watch)
    receipt = {
        "preset": preset.stamp,
        "rule": receipts.rule_of(order, found),
        "explanation": f"{words} {view.note}" if view.note else words,
        "quote": receipts.quote_part(view.quote, age_ms),
        "phase": view.phase,
        "cap": receipts.cap_part(
            order,
            found,
            preset,
            view.lot_size,
            traded_qty=view.traded_qty,
            shown_qty=market.shown,
            taken_qty=view.taken_qty,
        ),
    }
    if order.type in STOPS:
        receipt["trigger"] = receipts.trigger_part(order, watch, view.quote.last)
    return receipt | receipts.cost_part(found, market.spread, lines, preset)


def collar_price(side: Side, reference: Decimal, collar_ratio: Decimal, tick_size: Decimal) -> Decimal:
    """The worst price a market order may meet: `reference` moved against the order by `collar_ratio`, on the tick."""
    moved = reference * (1 + collar_ratio) if side == "buy" else reference * (1 - collar_ratio)
    return (moved / tick_size).to_integral_value(ROUND_CEILING if side == "buy" else ROUND_FLOOR) * tick_size
