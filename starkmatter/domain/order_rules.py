"""What of an order's fields does not fit together, one sentence for each problem; an account's money is no part of it.

The rules are those that US brokers and exchanges share: auctions and immediate orders take market and limit orders
only, stops wait for regular hours, extended hours take limit orders only, shares are borrowed whole.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from starkmatter.domain.money import is_multiple, plain
from starkmatter.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from starkmatter.domain.quotes import Quote

WHOLE = Decimal(1)
SHARE_STEP = Decimal("0.000000001")
MAX_GTD_DAYS = 366
MAX_NOTIONAL = Decimal(1_000_000_000)

_NAMES: dict[OrderType, str] = {
    "market": "A market order",
    "limit": "A limit order",
    "stop": "A stop order",
    "stop_limit": "A stop-limit order",
    "trailing_stop": "A trailing stop",
}
_TIMES: dict[TimeInForce, str] = {
    "day": "day",
    "gtc": "good till canceled",
    "gtd": "good till date",
    "ioc": "immediate or cancel",
    "fok": "fill or kill",
    "opg": "at the open",
    "cls": "at the close",
}
_WITH_LIMIT = {"limit", "stop_limit"}
_WITH_STOP = {"stop", "stop_limit"}
_AT_ONCE = {"ioc", "fok"}
_AUCTION = {"opg", "cls"}
_LASTING = {"day", "gtc"}


def problems(
    request: OrderRequest,
    *,
    lot_size: Decimal = WHOLE,
    tick_size: Decimal | None = None,
    fractional: bool = False,
    today: date | None = None,
    quote: Quote | None = None,
    held_qty: Decimal | None = None,
) -> list[str]:
    """Every problem of the request itself, in words; empty when it can be an order.

    `fractional`: the venue takes parts of a share. `today` is the exchange's date, `quote` the newest one of the
    symbol, `held_qty` the signed position; what is not known (None) is not judged.
    """
    return [
        *_of_quantity(request, lot_size, fractional),
        *_of_prices(request, tick_size),
        *_of_stops(request, quote),
        *_of_time(request, today),
        *_of_short_sale(request, held_qty),
        *_of_group(request, tick_size, quote),
        *_of_condition(request),
    ]


def _of_quantity(request: OrderRequest, lot_size: Decimal, fractional: bool) -> Iterator[str]:
    if request.notional is not None:
        if request.qty:
            yield "Give a quantity or an amount of money, not both."
        if request.notional <= 0:
            yield "The amount must be more than zero."
        elif request.notional > MAX_NOTIONAL:
            yield f"The amount may be {plain(MAX_NOTIONAL)} at most."
        if not fractional:
            yield f"{request.symbol} trades in steps of {plain(lot_size)} share: give a quantity instead of an amount."
        if request.type != "market" or request.time_in_force != "day":
            yield "An amount of money goes with market orders of the day only."
        return
    if request.qty <= 0:
        yield "The quantity must be more than zero."
        return
    if not is_multiple(request.qty, SHARE_STEP if fractional else lot_size):
        yield f"{request.symbol} trades in steps of {plain(SHARE_STEP if fractional else lot_size)} share."
    elif not is_multiple(request.qty, lot_size) and request.time_in_force != "day":
        yield "Parts of a share trade in orders of the day only."


def _of_prices(request: OrderRequest, tick_size: Decimal | None) -> Iterator[str]:
    name = _NAMES[request.type]
    for label, price, belongs in (
        ("limit price", request.limit_price, request.type in _WITH_LIMIT),
        ("stop price", request.stop_price, request.type in _WITH_STOP),
    ):
        if belongs and price is None:
            yield f"{name} needs a {label}."
        elif not belongs and price is not None:
            yield f"{name} has no {label}."
        elif price is not None:
            yield from _of_price(f"The {label}", price, request.symbol, tick_size)
    given = [trail for trail in (request.trail_amount, request.trail_percent) if trail is not None]
    if request.type != "trailing_stop":
        if given:
            yield f"{name} has no trail."
        return
    if len(given) != 1:
        yield "A trailing stop needs its trail as an amount or as a percentage, one of the two."
    if request.trail_amount is not None:
        yield from _of_price("The trail", request.trail_amount, request.symbol, tick_size)
    if request.trail_percent is not None and not 0 < request.trail_percent < 100:
        yield "The trail must be more than 0 and less than 100 percent."


def _of_price(label: str, price: Decimal, symbol: str, tick_size: Decimal | None) -> Iterator[str]:
    if price <= 0:
        yield f"{label} must be more than zero."
    elif tick_size is not None and not is_multiple(price, tick_size):
        yield f"{symbol} is priced in steps of {plain(tick_size)}."


def _of_stops(request: OrderRequest, quote: Quote | None) -> Iterator[str]:
    if quote is None or request.stop_price is None or request.type not in _WITH_STOP:
        return
    yield from _of_stop_side(request.side, request.stop_price, quote.last, "The stop price")


def _of_stop_side(side: Side, stop: Decimal, market: Decimal, label: str) -> Iterator[str]:
    """A stop that the market has passed already would be an order at the market under another name."""
    if side == "buy" and stop <= market:
        yield f"{label} of a purchase must lie above the market ({plain(market)}): it would trigger at once."
    elif side == "sell" and stop >= market:
        yield f"{label} of a sale must lie below the market ({plain(market)}): it would trigger at once."


def _of_time(request: OrderRequest, today: date | None) -> Iterator[str]:
    kind, time = request.type, request.time_in_force
    if time in _AT_ONCE | _AUCTION and kind not in {"market", "limit"}:
        yield f"{_NAMES[kind]} cannot be {_TIMES[time]}: only market and limit orders can."
    if time == "gtd":
        if request.expires_on is None:
            yield "An order that is good till a date needs that date."
        elif today is not None and request.expires_on < today:
            yield "The date until which the order is good has passed."
        elif today is not None and (request.expires_on - today).days > MAX_GTD_DAYS:
            yield "An order may be good for a year at most."
    elif request.expires_on is not None:
        yield f"Only an order that is good till a date has one: this one is {_TIMES[time]}."
    if request.extended_hours and (kind != "limit" or time not in _LASTING):
        yield "Extended hours take limit orders only, for the day or good till canceled."


def _of_short_sale(request: OrderRequest, held_qty: Decimal | None) -> Iterator[str]:
    if request.side == "buy":
        if request.allow_short:
            yield "Only a sale can open a short position."
        return
    if request.allow_short and (request.notional is not None or not is_multiple(request.qty, WHOLE)):
        yield "Shares are borrowed whole: a short sale needs a whole quantity."
    if held_qty is not None and request.notional is None and not request.allow_short:
        held = max(held_qty, Decimal(0))
        if request.qty > held:
            yield (
                f"You hold {plain(held)} {request.symbol}: selling {plain(request.qty)} would open a short position, "
                "which the order has to ask for."
            )


def _of_group(request: OrderRequest, tick_size: Decimal | None, quote: Quote | None) -> Iterator[str]:
    target, stop = request.take_profit, request.stop_loss
    match request.order_class:
        case "simple" if target is not None or stop is not None:
            yield "An order with a target or a stop beside it is a bracket, an OCO or an OTO: say which."
            return
        case "bracket" if target is None or stop is None:
            yield "A bracket needs a target (take_profit) and a stop (stop_loss)."
        case "oto" if (target is None) == (stop is None):
            yield "An OTO needs one order that follows: a target or a stop."
        case "oco" if stop is None or target is not None or request.type != "limit":
            yield "An OCO is a limit order, the target, with a stop (stop_loss) beside it."
    if request.order_class == "simple":
        return
    if request.time_in_force not in _LASTING:
        yield "Orders in a group are for the day or good till canceled."
    if request.extended_hours or request.notional is not None:
        yield "Orders in a group trade in regular hours and by quantity."
    if target is not None:
        yield from _of_price("The target", target.limit_price, request.symbol, tick_size)
    if stop is not None:
        yield from _of_price("The stop", stop.stop_price, request.symbol, tick_size)
        if stop.limit_price is not None:
            yield from _of_price("The limit of the stop", stop.limit_price, request.symbol, tick_size)
    yield from _of_sides(request, quote)


def _of_sides(request: OrderRequest, quote: Quote | None) -> Iterator[str]:
    """A long position has its target above and its stop below; a short one the other way round."""
    target = request.limit_price if request.order_class == "oco" else None
    if request.take_profit is not None:
        target = request.take_profit.limit_price
    stop = request.stop_loss
    long = (request.side == "buy") != (request.order_class == "oco")
    above, below = ("above", "below") if long else ("below", "above")
    sign = 1 if long else -1
    if target is not None and stop is not None and (target - stop.stop_price) * sign <= 0:
        yield f"The target must lie {above} the stop."
    entry = request.limit_price or request.stop_price
    if entry is None and quote is not None:
        entry = quote.last
    if request.order_class == "oco":
        if stop is not None and quote is not None:
            yield from _of_stop_side(request.side, stop.stop_price, quote.last, "The stop")
    elif entry is not None:
        if target is not None and (target - entry) * sign <= 0:
            yield f"The target must lie {above} {plain(entry)}."
        if stop is not None and (stop.stop_price - entry) * sign >= 0:
            yield f"The stop must lie {below} {plain(entry)}."
    if stop is not None and stop.limit_price is not None and (stop.limit_price - stop.stop_price) * sign > 0:
        yield f"The limit of the stop must not lie {above} the stop itself: it would not protect."


def _of_condition(request: OrderRequest) -> Iterator[str]:
    if request.condition is None:
        return
    if not request.condition.symbol:
        yield "The condition needs a symbol."
    if request.condition.price <= 0:
        yield "The price of the condition must be more than zero."
    if request.time_in_force in _AT_ONCE | _AUCTION:
        yield f"An order that waits for a condition cannot be {_TIMES[request.time_in_force]}."
