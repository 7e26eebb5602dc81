"""What an order must pass before it is taken, answered in words, and how much it reserves."""

from dataclasses import dataclass
from decimal import Decimal

from starkmatter.domain.fees import total
from starkmatter.domain.freshness import age_of, age_text, is_late, is_stale
from starkmatter.domain.instruments import Instrument, untradable_words
from starkmatter.domain.margin import REG_T, MarginRules, short_equity_needed
from starkmatter.domain.matching import Preset, collar_price
from starkmatter.domain.money import CENT, ZERO, is_multiple, money_text, plain, up_to_cents
from starkmatter.domain.order_rules import SHARE_STEP, WHOLE, problems
from starkmatter.domain.orders import AUCTION_TIMES, IMMEDIATE_TIMES, OrderRequest, Side, qty_for
from starkmatter.domain.quotes import Quote, VenueClock
from starkmatter.domain.sessions import exchange_day

MARKET_COLLAR_RATIO = Decimal("0.05")
LIMIT_COLLAR_RATIO = Decimal("0.20")
MAX_ORDER_QTY = Decimal(1_000_000)
CROWDED_RATIO = Decimal("0.10")
ROUNDING_ROOM = 2 * CENT
# As Alpaca has it for orders by amount and in parts of a share (Alpaca, Fractional trading). Less than half a cent
# would even be bought for nothing.
LEAST_VALUE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for a purchase until it fills or ends; nothing for a sale, which sets shares aside instead."""

    total: Decimal
    per_share: Decimal


NOTHING = Reservation(ZERO, ZERO)
# A market sale short is reckoned at the ask and as much more, as Alpaca does (Alpaca, Margin and short selling).
SHORT_COLLAR_RATIO = Decimal("0.03")


def reference_price(request: OrderRequest, quote: Quote | None) -> Decimal | None:
    """What one share would cost or bring now: the touch, else the last trade; None without a quote."""
    if quote is None:
        return None
    touch = quote.ask if request.side == "buy" else quote.bid
    return touch if touch is not None else quote.last


def trades_in_parts(instrument: Instrument) -> bool:
    """Whether parts of a share are traded: of what is sold by the single share, not of what comes in larger lots."""
    return instrument.tradable and instrument.lot_size == WHOLE


def sized_qty(request: OrderRequest, quote: Quote | None) -> Decimal:
    """The quantity that is asked for; of an order by amount what the amount buys or sells now, zero without a price."""
    if request.notional is None:
        return request.qty
    price = reference_price(request, quote)
    return ZERO if price is None else qty_for(request.notional, price, SHARE_STEP)


def worst_price(request: OrderRequest, quote: Quote | None, instrument: Instrument) -> Decimal | None:
    """The most a share of this purchase may cost: its limit, else what the market or its stop is at with the collar.

    A trailing stop of a purchase only ever comes down, so it lies nowhere higher than now. None without a price.
    """
    if request.limit_price is not None:
        return request.limit_price
    reference = reference_price(request, quote)
    if request.stop_price is not None:
        reference = request.stop_price if reference is None else max(reference, request.stop_price)
    elif reference is not None and request.type == "trailing_stop":
        reference += request.trail_amount or reference * (request.trail_percent or ZERO) / 100
    if reference is None:
        return None
    return collar_price("buy", reference, MARKET_COLLAR_RATIO, instrument.tick_size)


def reserve(request: OrderRequest, quote: Quote | None, instrument: Instrument, preset: Preset) -> Reservation:
    """leaves x worst price + fees, up to the cent (SAFETY I5); of an order by amount that amount and its fees."""
    if request.side == "sell":
        return NOTHING
    worst = worst_price(request, quote, instrument)
    if worst is None or worst <= 0:
        return NOTHING
    qty = request.qty if request.notional is None else request.notional / worst
    return Reservation(
        up_to_cents(request.notional or qty * worst) + total(preset.fees.lines("buy", qty, worst)), worst
    )


def reserve_margin(
    request: OrderRequest, quote: Quote | None, instrument: Instrument, preset: Preset, rules: MarginRules = REG_T
) -> Reservation:
    """The buying power that the order takes if it opens a position, up to the cent: by the value of shares bought.

    A purchase takes its worst price, a short sale what its equity (`margin.short_equity_needed`) could buy. Fees come
    off the equity and so count as often as it is lent upon. Nothing for a sale that may not open a short.
    """
    if request.side == "sell":
        price = short_price(request, quote, instrument) if request.allow_short else None
    else:
        price = worst_price(request, quote, instrument)
    if price is None or price <= 0:
        return NOTHING
    qty = request.qty if request.notional is None else request.notional / price
    return Reservation(margin_still_needed(preset, request.side, qty, price, rules=rules), price)


def short_price(request: OrderRequest, quote: Quote | None, instrument: Instrument) -> Decimal | None:
    """What a share sold short is reckoned at: its limit or a little above the ask, whichever is more."""
    if quote is None:
        return request.limit_price
    ask = quote.ask if quote.ask is not None else quote.last
    above = collar_price("buy", ask, SHORT_COLLAR_RATIO, instrument.tick_size)
    return above if request.limit_price is None else max(above, request.limit_price)


def margin_still_needed(
    preset: Preset,
    side: Side,
    rest_qty: Decimal,
    price: Decimal,
    *,
    filled_qty: Decimal = ZERO,
    filled_value: Decimal = ZERO,
    rules: MarginRules = REG_T,
) -> Decimal:
    """The buying power that the rest of an opening order takes, after what it has filled already."""
    if rest_qty <= 0:
        return ZERO
    times = 1 / rules.initial_long_ratio
    fees = total(preset.fees.lines(side, rest_qty, price, before_qty=filled_qty, before_value=filled_value))
    value = rest_qty * price if side == "buy" else short_equity_needed(rest_qty, price, rules) * times
    return up_to_cents(value + fees * times)


def still_needed(
    preset: Preset, rest_qty: Decimal, worst: Decimal, *, filled_qty: Decimal = ZERO, filled_value: Decimal = ZERO
) -> Decimal:
    """The most that the rest of a purchase can still cost, its commission included, after what it has filled already.

    Reserving no less than this after each execution is what keeps cash from ever going below zero: what an execution
    costs and what is needed after it are together never more than what was needed before.
    """
    if rest_qty <= 0:
        return ZERO
    fees = total(preset.fees.lines("buy", rest_qty, worst, before_qty=filled_qty, before_value=filled_value))
    return up_to_cents(rest_qty * worst) + fees + _rounding_room(rest_qty * worst, filled_value)


def _rounding_room(rest_value: Decimal, filled_value: Decimal) -> Decimal:
    """The order is rounded as a whole: where it stands at a part of a cent, the next part may be rounded up more."""
    exact = is_multiple(rest_value, CENT) and is_multiple(filled_value, CENT)
    return ZERO if exact else ROUNDING_ROOM


def refusals(
    request: OrderRequest,
    instrument: Instrument | None,
    quote: Quote | None,
    clock: VenueClock | None,
    *,
    lends: bool = False,
) -> list[str]:
    """Why the order would not be taken, one sentence each; empty when nothing but buying power is left to check.

    `lends`: it is for a margin account, which may sell short.
    """
    if instrument is None:
        return [f"There is no instrument {request.symbol} on this market."]
    found: list[str] = []
    if not instrument.tradable:
        found.append(untradable_words(instrument.symbol))
    found += problems(
        request,
        lot_size=instrument.lot_size,
        tick_size=instrument.tick_size,
        fractional=trades_in_parts(instrument),
        today=None if clock is None else exchange_day(clock.venue_now),
        quote=quote,
    )
    found += _not_offered(request)
    found += _not_lent(request, instrument, lends)
    found += _too_little(request, instrument, quote)
    if request.qty > MAX_ORDER_QTY and is_multiple(request.qty, instrument.lot_size):
        found.append(f"One order may have {plain(MAX_ORDER_QTY)} shares at most.")
    if clock is None:
        found.append("The market's clock is not known right now: the feed does not answer.")
    elif clock.state == "ended":
        found.append("This replay has reached the end of its data. An admin can start a new run.")
    elif clock.state != "open" and request.time_in_force in IMMEDIATE_TIMES:
        found.append("The market is closed: an order that is to fill at once would end at once.")
    if quote is None:
        found.append(f"There is no quote for {instrument.symbol} right now.")
    elif quote.condition == "halted":
        found.append(f"{instrument.symbol} is halted: its price history is over in this run.")
    elif quote.condition == "suspect":
        found.append(f"The last price of {instrument.symbol} jumped and is not confirmed: no orders are taken on it.")
    elif clock is not None and _needs_price_now(request) and is_stale(quote, clock):
        found.append(
            f"The newest price of {instrument.symbol} is {_age(quote, clock)} old ({quote.provider}): no market order "
            "is taken on it. A limit order can wait for a fresh one."
        )
    if request.limit_price is not None and request.limit_price > 0:
        found += _limit_refusals(request.limit_price, request, instrument, quote)
    return found


def _not_offered(request: OrderRequest) -> list[str]:
    """What the language of orders has and nothing here carries out yet."""
    found = []
    if request.order_class in {"bracket", "oto"} and request.side == "sell":
        found.append("A sale with orders behind it would open a short position, which is not offered on this account.")
    if request.order_class == "oco" and request.side == "buy":
        found.append("An OCO is a way out of what you hold: a sale.")
    if request.order_class == "oco" and request.condition is not None:
        found.append("An OCO works at once: it waits for no condition.")
    if request.notional is not None and request.notional > 0 and not is_multiple(request.notional, CENT):
        found.append("An amount has whole cents.")
    return found


def _too_little(request: OrderRequest, instrument: Instrument, quote: Quote | None) -> list[str]:
    """An amount, and what is bought, has a least worth; whatever is left of a holding can be sold."""
    price = request.limit_price or reference_price(request, quote)
    if request.notional is not None:
        worth = request.notional
    elif request.side == "sell" or price is None:
        return []
    else:
        worth = request.qty * price
    whole = request.notional is None and is_multiple(request.qty, WHOLE)
    least = CENT if whole else LEAST_VALUE
    if not ZERO < worth < least:
        return []
    what = "An order" if whole else "An amount, or a part of a share,"
    return [f"{what} is worth at least {money_text(least)} {instrument.currency}."]


def _not_lent(request: OrderRequest, instrument: Instrument, lends: bool) -> list[str]:
    """Why nobody lends the shares that the order may sell short."""
    if not request.allow_short:
        return []
    if not lends:
        return ["Short selling is not offered on this account: it takes a margin account on paper."]
    if not instrument.borrowable:
        return [f"Shares of {instrument.symbol} cannot be borrowed now, so it cannot be sold short."]
    if request.order_class != "simple":
        return ["A short sale is an order of its own: orders behind it or beside it are not offered."]
    return []


def consequences(request: OrderRequest, qty: Decimal, price: Decimal | None) -> list[str]:
    """What else the order sets in motion, in words: the orders behind it and what they would bring."""
    found = []
    target, stop = request.take_profit, request.stop_loss
    if request.condition is not None:
        one = request.condition
        relation = one.relation.replace("_", " ")
        found.append(f"It is sent once the last trade of {one.symbol} is {relation} {money_text(one.price)}.")
    ways = []
    if request.order_class == "oco" and request.limit_price is not None:
        ways.append(("the target", request.limit_price))
    if target is not None:
        ways.append(("the target", target.limit_price))
    if stop is not None:
        ways.append(("the stop", stop.stop_price))
    if ways and request.order_class != "oco":
        found.append("As it fills, sales of as many shares follow: " + _ways(ways, qty, price) + ".")
    elif ways:
        found.append("Two sales share the shares: " + _ways(ways, qty, None) + ".")
    if len(ways) > 1:
        found.append("What one sells the other no longer has; one that is canceled leaves the other alone.")
    return found


def _ways(ways: list[tuple[str, Decimal]], qty: Decimal, price: Decimal | None) -> str:
    def told(name: str, at: Decimal) -> str:
        if price is None:
            return f"{name} at {money_text(at)}"
        result = (at - price) * qty
        sign = "+" if result > 0 else ""
        return f"{name} at {money_text(at)} ({sign}{result:,.2f} before fees)"

    return " and ".join(told(name, at) for name, at in ways)


def _needs_price_now(request: OrderRequest) -> bool:
    """Whether its worth hangs on the newest price: it has no price of its own and no auction to wait for."""
    priced = request.limit_price is not None or request.stop_price is not None
    return not priced and request.time_in_force not in AUCTION_TIMES


def _limit_refusals(limit: Decimal, request: OrderRequest, instrument: Instrument, quote: Quote | None) -> list[str]:
    if not is_multiple(limit, instrument.tick_size):
        return []
    reference = reference_price(request, quote)
    if reference is None:
        return []
    worst = collar_price(request.side, reference, LIMIT_COLLAR_RATIO, instrument.tick_size)
    if limit > worst if request.side == "buy" else limit < worst:
        away = "above" if request.side == "buy" else "below"
        return [
            f"A limit of {plain(limit)} is more than {plain(LIMIT_COLLAR_RATIO * 100)} % {away} the market "
            f"({plain(reference)}): check the price."
        ]
    return []


def warnings(request: OrderRequest, quote: Quote | None, clock: VenueClock | None) -> list[str]:
    """What to think about before sending; none of it stops the order."""
    found: list[str] = []
    at_auction = request.time_in_force in AUCTION_TIMES
    if clock is not None and clock.state in {"closed", "pre"} and not at_auction:
        found.append("The market is closed: the order waits for the open and may meet another price there.")
    if at_auction:
        found.append("An auction has one price, which nobody knows before; what it does not fill ends with it.")
    if request.type in {"stop", "trailing_stop"}:
        found.append("A stop trades at the market once it is reached: in a gap the price may be far from it.")
    if request.extended_hours and clock is not None and clock.venue == "replay":
        found.append("The replay has no early and late trading: the order fills in regular hours or not at all.")
    refused = quote is not None and clock is not None and _needs_price_now(request) and is_stale(quote, clock)
    if quote is not None and clock is not None and is_late(quote, clock) and not refused:
        found.append(f"The newest price is {_age(quote, clock)} old ({quote.provider}): the market may be elsewhere.")
    if quote is not None and quote.volume and request.qty > quote.volume * CROWDED_RATIO:
        found.append("The order is more than a tenth of what traded today: it will fill in parts.")
    return found


def _age(quote: Quote, clock: VenueClock) -> str:
    age = age_of(quote, clock)
    return age_text(age) if age is not None else ""
