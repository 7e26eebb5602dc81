"""Schwab's words for accounts, orders and what moves cash, and ours for them (its Trader API, 2026)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.order_groups import Role, legs_of
from starkmatter.domain.orders import OrderRequest, OrderStatus, Side
from starkmatter.trading.brokered import leg_id
from starkmatter.trading.brokers.answers import Answers
from starkmatter.trading.brokers.recognizing import Entered
from starkmatter.trading.ports import ActivityKind, BrokerOrder, BrokerPosition, CashActivity

if TYPE_CHECKING:
    from schwab.orders.generic import OrderBuilder

VENDOR = "Schwab"
ANSWERS = Answers(VENDOR)

STATUSES: dict[str, OrderStatus] = {
    "NEW": OrderStatus.ACCEPTED,
    "ACCEPTED": OrderStatus.ACCEPTED,
    "QUEUED": OrderStatus.WORKING,
    "WORKING": OrderStatus.WORKING,
    "PENDING_ACTIVATION": OrderStatus.WORKING,
    "PENDING_ACKNOWLEDGEMENT": OrderStatus.ACCEPTED,
    "AWAITING_PARENT_ORDER": OrderStatus.ACCEPTED,
    "AWAITING_CONDITION": OrderStatus.ACCEPTED,
    "AWAITING_STOP_CONDITION": OrderStatus.WORKING,
    "AWAITING_MANUAL_REVIEW": OrderStatus.ACCEPTED,
    "AWAITING_RELEASE_TIME": OrderStatus.ACCEPTED,
    "AWAITING_UR_OUT": OrderStatus.PENDING_CANCEL,
    "PENDING_CANCEL": OrderStatus.PENDING_CANCEL,
    "PENDING_RECALL": OrderStatus.PENDING_CANCEL,
    "PENDING_REPLACE": OrderStatus.PENDING_REPLACE,
    "CANCELED": OrderStatus.CANCELED,
    "REPLACED": OrderStatus.REPLACED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "FILLED": OrderStatus.FILLED,
}
ENDED = frozenset({"CANCELED", "REPLACED", "REJECTED", "EXPIRED", "FILLED"})
DURATIONS = {"day": "DAY", "gtc": "GOOD_TILL_CANCEL", "ioc": "IMMEDIATE_OR_CANCEL", "fok": "FILL_OR_KILL", "cls": "DAY"}
TYPES = {
    "market": "MARKET",
    "limit": "LIMIT",
    "stop": "STOP",
    "stop_limit": "STOP_LIMIT",
    "trailing_stop": "TRAILING_STOP",
}
AT_CLOSE = {"market": "MARKET_ON_CLOSE", "limit": "LIMIT_ON_CLOSE"}
MOVES: dict[str, ActivityKind] = {
    "ACH_RECEIPT": "deposit",
    "CASH_RECEIPT": "deposit",
    "WIRE_IN": "deposit",
    "ACH_DISBURSEMENT": "withdrawal",
    "CASH_DISBURSEMENT": "withdrawal",
    "WIRE_OUT": "withdrawal",
    "ELECTRONIC_FUND": "deposit",
    "JOURNAL": "deposit",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """All that an order asks for. Figures are compared as figures: 100 is 100.00."""

    symbol: str
    instruction: str
    qty: Decimal
    type: str
    duration: str
    session: str
    price: Decimal | None
    stop_price: Decimal | None
    offset: Decimal | None
    offset_type: str | None


def refusals(request: OrderRequest) -> list[str]:
    """What of the language of orders Schwab does not take, in words."""
    found = []
    if request.time_in_force == "gtd":
        found.append(f"{VENDOR} has no word for orders that are good till a date: use good till canceled.")
    if request.time_in_force == "opg":
        found.append(f"{VENDOR} takes no orders for the opening auction.")
    if request.time_in_force == "cls" and request.type not in AT_CLOSE:
        found.append(f"{VENDOR} takes market and limit orders only for the closing auction.")
    if request.condition is not None:
        found.append(f"{VENDOR} takes no orders that wait for a price over its interface: use a stop, or an alert.")
    if request.order_class in {"bracket", "oto"} and request.side == "sell":
        found.append(f"Groups that are sent to {VENDOR} begin with a purchase; their ways out are sales.")
    if request.notional is not None or request.qty != request.qty.to_integral_value():
        found.append(f"{VENDOR} takes whole shares only over its interface.")
    if request.extended_hours and (request.type != "limit" or request.time_in_force not in {"day", "gtc"}):
        found.append(f"{VENDOR} takes limit orders only for extended hours, for the day or until canceled.")
    if request.type != "limit" and request.time_in_force in {"ioc", "fok"}:
        found.append(f"{VENDOR} takes limit orders only for immediate execution.")
    return found


def theirs(symbol: str) -> str:
    """A class of shares has a stroke there: BRK/B."""
    return symbol.replace(".", "/")


def terms_asked(request: OrderRequest) -> Terms:
    """What our order asks for, in Schwab's words."""
    at_close = request.time_in_force == "cls"
    trail = request.trail_amount if request.trail_amount is not None else request.trail_percent
    return Terms(
        symbol=theirs(request.symbol),
        instruction=request.side.upper(),
        qty=request.qty,
        type=AT_CLOSE[request.type] if at_close else TYPES[request.type],
        duration=DURATIONS[request.time_in_force],
        session="SEAMLESS" if request.extended_hours else "NORMAL",
        price=request.limit_price,
        stop_price=request.stop_price,
        offset=trail,
        offset_type=None if trail is None else "VALUE" if request.trail_amount is not None else "PERCENT",
    )


def order_spec(request: OrderRequest) -> "OrderBuilder":
    """The order for the SDK, with what belongs to it; prices go out as text, to the last digit."""
    from schwab.orders.common import first_triggers_second, one_cancels_other

    [first, *others] = [_spec_of(leg) for _, leg in legs_of(request)]
    if not others:
        return first
    if request.order_class == "oco":
        return one_cancels_other(first, *others)
    return first_triggers_second(first, others[0] if len(others) == 1 else one_cancels_other(*others))


def _spec_of(request: OrderRequest) -> "OrderBuilder":
    from schwab.orders import common
    from schwab.orders.generic import OrderBuilder

    asked = terms_asked(request)
    spec = (
        OrderBuilder()
        .set_order_type(common.OrderType[asked.type])
        .set_session(common.Session[asked.session])
        .set_duration(common.Duration[asked.duration])
        .set_order_strategy_type(common.OrderStrategyType.SINGLE)
        .add_equity_leg(common.EquityInstruction[asked.instruction], asked.symbol, int(asked.qty))
    )
    if asked.price is not None:
        spec.set_price(plain(asked.price))
    if asked.stop_price is not None:
        spec.set_stop_price(plain(asked.stop_price))
    if asked.offset is not None and asked.offset_type is not None:
        spec.set_stop_price_link_basis(common.StopPriceLinkBasis.LAST)
        spec.set_stop_price_link_type(common.StopPriceLinkType[asked.offset_type])
        spec.set_stop_price_offset(plain(asked.offset))
    return spec


def entered_orders(raw: Any) -> list[Entered]:
    """Every order of a list, the parts of groups by themselves; client ids are still empty."""
    return [entered_order(one) for one in _flat(ANSWERS.items(raw))]


@dataclass(frozen=True, slots=True)
class Whole:
    """An order as Schwab keeps it, with those that belong to it, by their roles and the first of them first.

    `numbers` are all that Schwab knows it by: a pair of which one cancels the other has one of its own.
    """

    parts: tuple[tuple[Role, Entered], ...]
    numbers: frozenset[str]

    def named(self, client_id: str) -> BrokerOrder:
        """Its first order and the others under our ids."""
        [(_, first), *others] = self.parts
        legs = tuple(replace(one.order, client_order_id=leg_id(client_id, role)) for role, one in others)
        return replace(first.order, client_order_id=client_id, legs=legs)

    @property
    def entered(self) -> Entered:
        """To be recognized by all that it asks for."""
        first = self.parts[0][1]
        return Entered(first.order, tuple((role, one.terms) for role, one in self.parts), first.entered_at)


def wholes(raw: Any) -> list[Whole]:
    """Every order of a list that stands by itself, with what belongs to it."""
    return [whole_of(one) for one in ANSWERS.items(raw)]


def whole_of(fields: Mapping[str, Any]) -> Whole:
    """One order with what belongs to it."""
    children = [entered_order(one) for one in _flat(ANSWERS.items(fields.get("childOrderStrategies", [])))]
    ways_out: list[tuple[Role, Entered]] = [
        ("target" if isinstance(one.terms, Terms) and one.terms.type == "LIMIT" else "stop", one) for one in children
    ]
    ways_out.sort(key=lambda part: part[0] == "stop")
    first: list[tuple[Role, Entered]] = [("entry", entered_order(fields))] if fields.get("orderLegCollection") else []
    parts = (*first, *ways_out)
    if not parts:
        raise ANSWERS.garbage("orderLegCollection")
    numbers = {one.order.broker_order_id for _, one in parts}
    return Whole(parts, frozenset(numbers | {ANSWERS.text(fields, "orderId")}))


def group_terms(request: OrderRequest) -> tuple[tuple[Role, Terms], ...]:
    """What our order asks for with all that belongs to it, as `Whole.entered` has it."""
    return tuple((role, terms_asked(leg)) for role, leg in legs_of(request))


def entered_order(fields: Mapping[str, Any]) -> Entered:
    """One order as Schwab lists it."""
    leg = _legs(fields)[0]
    instrument = ANSWERS.fields(leg.get("instrument"), "instrument")
    instruction = ANSWERS.text(leg, "instruction")
    word = ANSWERS.text(fields, "status")
    kind = ANSWERS.text(fields, "orderType")
    filled_qty, value, last = _executed(fields)
    # The parts are told a moment after the sum: until then no price is known, and the order has not ended for us.
    whole = filled_qty >= ANSWERS.number(fields, "filledQuantity")
    entered_at = ANSWERS.instant(fields.get("enteredTime"))
    closed = fields.get("closeTime")
    happened = last or (ANSWERS.instant(closed) if word in ENDED and closed else entered_at)
    symbol = ANSWERS.text(instrument, "symbol")
    side: Side = "buy" if instruction.startswith("BUY") else "sell"
    said = fields.get("statusDescription")
    reason = f"{VENDOR} rejected the order: {said}"[:200] if said else f"{VENDOR} rejected the order."
    order = BrokerOrder(
        broker_order_id=ANSWERS.text(fields, "orderId"),
        client_order_id="",
        symbol=symbol.replace("/", "."),
        side=side,
        status=STATUSES.get(word, OrderStatus.UNKNOWN) if whole else OrderStatus.WORKING,
        status_text=word,
        filled_qty=filled_qty,
        avg_price=value / filled_qty if filled_qty else None,
        happened_at=happened,
        reason=reason if word == "REJECTED" else None,
    )
    terms = Terms(
        symbol=symbol,
        instruction=instruction,
        qty=ANSWERS.number(leg, "quantity"),
        type=kind,
        duration=ANSWERS.text(fields, "duration"),
        session=ANSWERS.text(fields, "session"),
        # Of a stop that trails the list tells where it lies now as well, which nobody asked for.
        price=_maybe(fields, "price") if "LIMIT" in kind else None,
        stop_price=_maybe(fields, "stopPrice") if kind in {"STOP", "STOP_LIMIT"} else None,
        offset=_maybe(fields, "stopPriceOffset") if kind == "TRAILING_STOP" else None,
        offset_type=str(fields.get("stopPriceLinkType")) if kind == "TRAILING_STOP" else None,
    )
    return Entered(order, terms, entered_at)


def positions_of(account: Mapping[str, Any]) -> tuple[BrokerPosition, ...]:
    """Signed shares; an account without any has no list."""
    found = []
    for one in ANSWERS.items(account.get("positions", []), "positions"):
        instrument = ANSWERS.fields(one.get("instrument"), "instrument")
        qty = ANSWERS.number(one, "longQuantity") - ANSWERS.number(one, "shortQuantity")
        cost = ANSWERS.number(one, "averagePrice") * qty
        symbol = ANSWERS.text(instrument, "symbol").replace("/", ".")
        found.append(BrokerPosition(symbol, qty, cost, ANSWERS.number(one, "marketValue")))
    return tuple(found)


def activities_of(raw: Any) -> list[CashActivity]:
    """What moved cash beside fills, oldest first; of a trade its fees, since the order tells of the rest."""
    found = []
    for one in ANSWERS.items(raw):
        if one.get("status", "VALID") != "VALID":
            continue
        activity = _fees_of(one) if one.get("type") == "TRADE" else _moved(one)
        if activity is not None:
            found.append(activity)
    return sorted(found, key=lambda one: (one.happened_at, one.id))


def _moved(fields: Mapping[str, Any]) -> CashActivity:
    word = ANSWERS.text(fields, "type")
    cash = ANSWERS.number(fields, "netAmount")
    text = str(fields.get("description") or word)[:120]
    symbol = _symbol_of(fields)
    kind: ActivityKind = MOVES.get(word, "other")
    if word == "DIVIDEND_OR_INTEREST":
        kind = "interest" if symbol is None or "INTEREST" in text.upper() else "dividend"
    elif kind in {"deposit", "withdrawal"}:
        kind = "deposit" if cash >= 0 else "withdrawal"
    at = ANSWERS.instant(fields.get("time"))
    return CashActivity(ANSWERS.text(fields, "activityId"), kind, text, cash, at, symbol)


def _fees_of(fields: Mapping[str, Any]) -> CashActivity | None:
    items = [one for one in ANSWERS.items(fields.get("transferItems", [])) if one.get("feeType")]
    cash = sum((ANSWERS.number(one, "cost") for one in items), ZERO)
    if not cash:
        return None
    symbol = _symbol_of(fields)
    text = f"Fees of a trade in {symbol}" if symbol else "Fees of a trade"
    at = ANSWERS.instant(fields.get("time"))
    return CashActivity(f"{ANSWERS.text(fields, 'activityId')}-fees", "fee", text, cash, at, symbol)


def _symbol_of(fields: Mapping[str, Any]) -> str | None:
    """The security an activity is about; cash is one as well, but not meant."""
    for one in ANSWERS.items(fields.get("transferItems", [])):
        instrument = ANSWERS.fields(one.get("instrument"), "instrument")
        if instrument.get("assetType") != "CURRENCY" and isinstance(instrument.get("symbol"), str):
            return str(instrument["symbol"]).replace("/", ".")
    return None


def _flat(orders: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for one in orders:
        if one.get("orderLegCollection"):
            yield one
        yield from _flat(ANSWERS.items(one.get("childOrderStrategies", [])))


def _legs(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    legs = ANSWERS.items(fields.get("orderLegCollection"), "orderLegCollection")
    if not legs:
        raise ANSWERS.garbage("orderLegCollection")
    return legs


def _executed(fields: Mapping[str, Any]) -> tuple[Decimal, Decimal, Any]:
    """Shares filled in all, what they cost together, and when the last did."""
    qty, value, last = ZERO, ZERO, None
    for activity in ANSWERS.items(fields.get("orderActivityCollection", [])):
        if activity.get("activityType") != "EXECUTION":
            continue
        for leg in ANSWERS.items(activity.get("executionLegs", [])):
            part = ANSWERS.number(leg, "quantity")
            qty, value = qty + part, value + part * ANSWERS.number(leg, "price")
            at = ANSWERS.instant(leg.get("time"))
            last = at if last is None else max(last, at)
    return qty, value, last


def _maybe(fields: Mapping[str, Any], name: str) -> Decimal | None:
    """Zero stands for none: Schwab gives some orders a price of 0."""
    return ANSWERS.number(fields, name, ZERO) or None
