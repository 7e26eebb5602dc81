"""When a stop becomes an order at the market: by the last trade, and for a trailing stop by the best trade since.

The last trade and not the bid or ask: a quote can be widened by anyone at any time without a share changing hands, and
a stop that follows it sells at the bottom of a gap that nobody traded in. Only trades of a normal market in regular
hours count; a halt, a doubtful price or a price that is too old triggers nothing.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from starkmatter.domain.money import money_text
from starkmatter.domain.orders import Side, WorkingOrder

STOPS = frozenset({"stop", "stop_limit", "trailing_stop"})


@dataclass(frozen=True, slots=True)
class Watch:
    """What a stop remembers from price to price; pass in what came out.

    `water` is the best trade since a trailing stop began: the highest for a sale, the lowest for a purchase.
    `stop_price` is where it lies now, None before the first trade.
    """

    triggered: bool = False
    water: Decimal | None = None
    stop_price: Decimal | None = None


UNSEEN = Watch()


def watch_trade(order: WorkingOrder, watch: Watch, price: Decimal, tick_size: Decimal) -> Watch:
    """The watch after a trade at `price`: a trailing stop follows first, then either kind triggers when reached."""
    if watch.triggered or order.type not in STOPS:
        return watch
    water = watch.water
    if order.type == "trailing_stop":
        water = price if water is None else better(order.side, water, price)
    stop = stop_of(order, water, tick_size)
    return Watch(reached(order.side, stop, price), water, stop)


def stop_of(order: WorkingOrder, water: Decimal | None, tick_size: Decimal) -> Decimal | None:
    """Where the stop lies: its own price, or the trail away from `water`, on the tick that is farther away."""
    if order.type != "trailing_stop" or water is None:
        return order.stop_price
    away = order.trail_amount if order.trail_amount is not None else water * (order.trail_percent or 0) / 100
    raw, rounding = (water - away, ROUND_FLOOR) if order.side == "sell" else (water + away, ROUND_CEILING)
    return (raw / tick_size).to_integral_value(rounding) * tick_size


def reached(side: Side, stop: Decimal | None, price: Decimal) -> bool:
    """Whether `price` is at the stop or beyond: below it for a sale, above it for a purchase."""
    if stop is None:
        return False
    return price <= stop if side == "sell" else price >= stop


def better(side: Side, one: Decimal, other: Decimal) -> Decimal:
    """The price that a trailing stop of this side follows."""
    return max(one, other) if side == "sell" else min(one, other)


def waiting_words(watch: Watch, price: Decimal) -> str:
    """Why a stop that was not reached waits."""
    stop = "not known before a first trade" if watch.stop_price is None else money_text(watch.stop_price)
    return f"Its stop of {stop} has not been reached: the last trade was at {money_text(price)}."
