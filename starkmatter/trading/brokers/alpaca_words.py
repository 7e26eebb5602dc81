"""Alpaca's words for orders, positions and activities, and ours for them (its documentation of orders, 2026)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, cast

from starkmatter.domain.order_groups import Role
from starkmatter.domain.orders import OrderRequest, OrderStatus, Side
from starkmatter.egress.failures import VendorFailure
from starkmatter.trading.brokered import leg_id, order_id_of
from starkmatter.trading.ports import ActivityKind, BrokerOrder, BrokerPosition, CashActivity

if TYPE_CHECKING:
    from alpaca.trading.requests import OrderRequest as OrderRequestBase

KIND = "alpaca"
VENDOR = "Alpaca"
TAKING_BACK = frozenset({"trade_bust", "trade_correct"})
CANCEL_REFUSED = "order_cancel_rejected"

# Alpaca's 18 words for the state of an order (its documentation of orders, 2026). `done_for_day`, `stopped` and
# `calculated` are not the end of one.
STATUSES: dict[str, OrderStatus] = {
    "new": OrderStatus.WORKING,
    "partially_filled": OrderStatus.PARTIAL,
    "filled": OrderStatus.FILLED,
    "done_for_day": OrderStatus.DONE_FOR_DAY,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "replaced": OrderStatus.REPLACED,
    "pending_cancel": OrderStatus.PENDING_CANCEL,
    "pending_replace": OrderStatus.PENDING_REPLACE,
    "pending_review": OrderStatus.ACCEPTED,
    "accepted": OrderStatus.ACCEPTED,
    "pending_new": OrderStatus.ACCEPTED,
    "accepted_for_bidding": OrderStatus.ACCEPTED,
    "stopped": OrderStatus.WORKING,
    "rejected": OrderStatus.REJECTED,
    "suspended": OrderStatus.SUSPENDED,
    "calculated": OrderStatus.DONE_FOR_DAY,
    "held": OrderStatus.ACCEPTED,
}
ACTIVITIES: dict[str, ActivityKind] = {
    "CSD": "deposit",
    "CSW": "withdrawal",
    "JNLC": "deposit",
    "FEE": "fee",
    "CFEE": "fee",
    "PTC": "fee",
    "DIV": "dividend",
    "DIVCGL": "dividend",
    "DIVCGS": "dividend",
    "DIVNRA": "dividend",
    "DIVROC": "dividend",
    "DIVTXEX": "dividend",
    "DIVFEE": "fee",
    "INT": "interest",
    "INTNRA": "interest",
}


def refusals(request: OrderRequest) -> list[str]:
    """What of the language of orders Alpaca does not take, in words (its documentation of orders, 2026)."""
    found = []
    fraction = request.notional is not None or request.qty != request.qty.to_integral_value()
    if request.time_in_force == "gtd":
        found.append(f"{VENDOR} knows no orders that are good till a date: use good till canceled.")
    if request.condition is not None:
        found.append(f"{VENDOR} knows no orders that wait for a price: use a stop, or an alert and an order then.")
    if request.order_class in {"bracket", "oto"}:
        if request.side == "sell":
            found.append(f"At {VENDOR} a group begins with a purchase; its ways out are sales.")
        if request.type not in {"market", "limit"}:
            found.append(f"At {VENDOR} a group begins with a market or a limit order.")
    if request.order_class != "simple" and fraction:
        found.append(f"{VENDOR} takes groups of orders for whole shares only.")
    if request.extended_hours and request.time_in_force != "day":
        found.append(f"{VENDOR} takes orders for extended hours for the day only.")
    if request.notional is not None and request.side == "sell":
        found.append(f"At {VENDOR} a sale is by quantity: how many shares an amount takes is known only afterward.")
    if fraction and request.type == "trailing_stop":
        found.append(f"{VENDOR} takes a trailing stop for whole shares only.")
    return found


def wire_of(client_order_id: str, request: OrderRequest) -> "OrderRequestBase":
    """The order in the SDK's words; what is not said is left out."""
    from alpaca.trading import requests
    from alpaca.trading.enums import OrderSide, TimeInForce

    words = {
        "market": requests.MarketOrderRequest,
        "limit": requests.LimitOrderRequest,
        "stop": requests.StopOrderRequest,
        "stop_limit": requests.StopLimitOrderRequest,
        "trailing_stop": requests.TrailingStopOrderRequest,
    }
    figures = {
        "qty": request.qty if request.notional is None else None,
        "notional": request.notional,
        "limit_price": request.limit_price,
        "stop_price": request.stop_price,
        "trail_price": request.trail_amount,
        "trail_percent": request.trail_percent,
    }
    if request.order_class == "oco":
        figures["limit_price"] = None  # Of the target, which is the first order there, it wants it in its own place.
    return words[request.type](
        symbol=request.symbol,
        side=OrderSide(request.side),
        time_in_force=TimeInForce(request.time_in_force),
        client_order_id=client_order_id,
        extended_hours=request.extended_hours or None,
        **{name: value for name, value in figures.items() if value is not None},
        **_group_of(request),
    )


def _group_of(request: OrderRequest) -> dict[str, Any]:
    """What makes it a group: the target and the stop, which Alpaca keeps as orders of their own (`legs`)."""
    from alpaca.trading import requests
    from alpaca.trading.enums import OrderClass

    if request.order_class == "simple":
        return {}
    target = request.limit_price if request.order_class == "oco" else None
    if request.take_profit is not None:
        target = request.take_profit.limit_price
    found: dict[str, Any] = {"order_class": OrderClass(request.order_class)}
    if target is not None:
        found["take_profit"] = requests.TakeProfitRequest(limit_price=target)
    stop = request.stop_loss
    if stop is not None:
        prices = {"stop_price": stop.stop_price, "limit_price": stop.limit_price}
        found["stop_loss"] = requests.StopLossRequest(
            **{name: price for name, price in prices.items() if price is not None}
        )
    return found


def update_of(message: Mapping[str, Any]) -> BrokerOrder:
    """One event of the account's stream: its order, as of the event."""
    data = object_of(message.get("data"))
    happened = data.get("timestamp") or data.get("at")
    order = order_of(object_of(data.get("order")), happened if isinstance(happened, str) else None)
    if data.get("event") in TAKING_BACK:
        return replace(order, takes_back=text_of(data, "execution_id"))
    return replace(order, cancel_refused=True) if data.get("event") == CANCEL_REFUSED else order


def order_of(fields: Mapping[str, Any], happened: str | None = None) -> BrokerOrder:
    word = text_of(fields, "status")
    side = text_of(fields, "side")
    if side not in {"buy", "sell"}:
        raise garbage("side")
    average = fields.get("filled_avg_price")
    client_id = text_of(fields, "client_order_id")
    return BrokerOrder(
        broker_order_id=text_of(fields, "id"),
        client_order_id=client_id,
        symbol=text_of(fields, "symbol"),
        side=cast("Side", side),
        status=STATUSES.get(word, OrderStatus.UNKNOWN),
        status_text=word,
        filled_qty=number_of(fields, "filled_qty"),
        avg_price=None if average in {None, ""} else number_of(fields, "filled_avg_price"),
        happened_at=instant_of(happened or fields.get("updated_at") or fields.get("submitted_at")),
        reason=f"{VENDOR} rejected the order." if word == "rejected" else None,
        legs=_legs_of(fields, client_id),
    )


def _legs_of(fields: Mapping[str, Any], client_id: str) -> tuple[BrokerOrder, ...]:
    """The orders that belong to this one of ours. Alpaca gives them ids of its own making, so we name them."""
    if not fields.get("legs") or order_id_of(client_id) is None:
        return ()
    return tuple(
        replace(order_of(one), client_order_id=leg_id(client_id, _role_of(one))) for one in items_of(fields["legs"])
    )


def _role_of(fields: Mapping[str, Any]) -> Role:
    return "target" if fields.get("type") == "limit" else "stop"


def position_of(fields: Mapping[str, Any]) -> BrokerPosition:
    qty = number_of(fields, "qty")
    if fields.get("side") == "short" and qty > 0:
        qty = -qty
    return BrokerPosition(
        text_of(fields, "symbol"), qty, number_of(fields, "cost_basis"), number_of(fields, "market_value")
    )


def activity_of(fields: Mapping[str, Any]) -> CashActivity:
    word = text_of(fields, "activity_type")
    cash = number_of(fields, "net_amount")
    kind = ACTIVITIES.get(word, "other")
    if kind in {"deposit", "withdrawal"}:
        kind = "deposit" if cash >= 0 else "withdrawal"
    symbol = fields.get("symbol")
    text = str(fields.get("description") or word)[:120]
    return CashActivity(
        text_of(fields, "id"),
        kind,
        text,
        cash,
        instant_of(fields.get("date")),
        symbol if isinstance(symbol, str) else None,
    )


def blocked_words(account: Mapping[str, Any]) -> str | None:
    if account.get("trading_blocked") or account.get("account_blocked"):
        return f"{VENDOR} has blocked this account for trading."
    return None


def garbage(what: str) -> VendorFailure:
    return VendorFailure(VENDOR, "garbage", f"{VENDOR} sent an answer without a readable {what}.")


def object_of(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise garbage("content")
    return value


def items_of(value: Any) -> list[Mapping[str, Any]]:
    if value is None or not isinstance(value, list):
        raise garbage("list")
    return [object_of(one) for one in value]


def text_of(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 128:
        raise garbage(name)
    return value


def number_of(fields: Mapping[str, Any], name: str) -> Decimal:
    try:
        value = Decimal(str(fields.get(name)))
    except InvalidOperation:
        raise garbage(name) from None
    if not value.is_finite():
        raise garbage(name)
    return value


def instant_of(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(_to_micros(value))
    except (TypeError, ValueError):
        raise garbage("instant") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _to_micros(value: Any) -> str:
    """Alpaca gives nanoseconds; we keep microseconds."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return re.sub(r"(\.\d{6})\d+", r"\1", value)
