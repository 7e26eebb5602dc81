"""E*TRADE's words for accounts, orders and what moves cash, and ours for them (its API, version 1, 2026)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.orders import OrderRequest, OrderStatus, Side
from starkmatter.trading.brokers.answers import Answers
from starkmatter.trading.brokers.recognizing import Entered
from starkmatter.trading.ports import ActivityKind, BrokerOrder, BrokerPosition, CashActivity

VENDOR = "E*TRADE"
ANSWERS = Answers(VENDOR)
NEW_YORK = ZoneInfo("America/New_York")
CLIENT_ID_CHARS = 20

STATUSES: dict[str, OrderStatus] = {
    "OPEN": OrderStatus.WORKING,
    "PARTIAL": OrderStatus.PARTIAL,
    "INDIVIDUAL_FILLS": OrderStatus.PARTIAL,
    "EXECUTED": OrderStatus.FILLED,
    "DONE_TRADE_EXECUTED": OrderStatus.FILLED,
    "CANCEL_REQUESTED": OrderStatus.PENDING_CANCEL,
    "CANCELLED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
ENDED = frozenset({"EXECUTED", "DONE_TRADE_EXECUTED", "CANCELLED", "EXPIRED", "REJECTED"})
TERMS = {
    "day": "GOOD_FOR_DAY",
    "gtc": "GOOD_UNTIL_CANCEL",
    "ioc": "IMMEDIATE_OR_CANCEL",
    "fok": "FILL_OR_KILL",
    "cls": "GOOD_FOR_DAY",
}
TYPES = {"market": "MARKET", "limit": "LIMIT", "stop": "STOP", "stop_limit": "STOP_LIMIT"}
MOVES: dict[str, ActivityKind] = {
    "dividend": "dividend",
    "qualified dividend": "dividend",
    "capital gain": "dividend",
    "interest": "interest",
    "interest income": "interest",
    "margin interest": "interest",
    "fee": "fee",
    "adr fee": "fee",
    "service fee": "fee",
    "transfer": "deposit",
    "online transfer": "deposit",
    "wire": "deposit",
    "deposit": "deposit",
    "direct deposit": "deposit",
    "withdrawal": "withdrawal",
    "check": "withdrawal",
}
TRADES = frozenset({"bought", "sold", "sold short", "bought to cover"})


@dataclass(frozen=True, slots=True)
class Terms:
    """All that an order asks for. Figures are compared as figures: 100 is 100.00."""

    symbol: str
    action: str
    qty: Decimal
    price_type: str
    term: str
    session: str
    limit_price: Decimal | None
    stop_price: Decimal | None


def refusals(request: OrderRequest) -> list[str]:
    """What of the language of orders E*TRADE does not take, in words."""
    found = []
    if request.type == "trailing_stop":
        found.append(f"Trailing stops are not sent to {VENDOR} from here: use a stop.")
    if request.time_in_force == "gtd":
        found.append(f"Orders that are good till a date are not sent to {VENDOR} from here: use good till canceled.")
    if request.time_in_force == "opg":
        found.append(f"{VENDOR} takes no orders for the opening auction.")
    if request.time_in_force == "cls" and request.type != "market":
        found.append(f"{VENDOR} takes market orders only for the closing auction.")
    if request.order_class != "simple" or request.condition is not None:
        found.append(
            f"Over its interface {VENDOR} has no groups of orders and none that wait for a price: send each order."
        )
    if request.notional is not None or request.qty != request.qty.to_integral_value():
        found.append(f"{VENDOR} takes whole shares only over its interface.")
    if request.extended_hours and (request.type != "limit" or request.time_in_force != "day"):
        found.append(f"{VENDOR} takes limit orders for the day only for extended hours.")
    if request.type != "limit" and request.time_in_force in {"ioc", "fok"}:
        found.append(f"{VENDOR} takes limit orders only for immediate execution.")
    return found


def client_id(client_order_id: str) -> str:
    """Ours in the twenty letters and digits that E*TRADE allows; it never tells it again, but knows a repetition."""
    return sha256(client_order_id.encode()).hexdigest()[:CLIENT_ID_CHARS].upper()


def terms_asked(request: OrderRequest) -> Terms:
    """What our order asks for, in E*TRADE's words."""
    at_close = request.time_in_force == "cls"
    return Terms(
        symbol=request.symbol,
        action=request.side.upper(),
        qty=request.qty,
        price_type="MARKET_ON_CLOSE" if at_close else TYPES[request.type],
        term=TERMS[request.time_in_force],
        session="EXTENDED" if request.extended_hours else "REGULAR",
        limit_price=request.limit_price,
        stop_price=request.stop_price,
    )


def order_body(client_order_id: str, request: OrderRequest) -> dict[str, Any]:
    """What preview and placing have in common; prices go out as text, to the last digit."""
    asked = terms_asked(request)
    detail: dict[str, Any] = {
        "allOrNone": "false",
        "priceType": asked.price_type,
        "orderTerm": asked.term,
        "marketSession": asked.session,
        "Instrument": [
            {
                "Product": {"securityType": "EQ", "symbol": asked.symbol},
                "orderAction": asked.action,
                "quantityType": "QUANTITY",
                "quantity": plain(asked.qty),
            }
        ],
    }
    if asked.limit_price is not None:
        detail["limitPrice"] = plain(asked.limit_price)
    if asked.stop_price is not None:
        detail["stopPrice"] = plain(asked.stop_price)
    return {"orderType": "EQ", "clientOrderId": client_id(client_order_id), "Order": [detail]}


def entered_orders(raw: Any) -> list[Entered]:
    """Every placed order of an answer; client ids are still empty."""
    return [entered_order(one, detail) for one in ANSWERS.items(raw) if (detail := _placed(one)) is not None]


def entered_order(fields: Mapping[str, Any], detail: Mapping[str, Any]) -> Entered:
    """One order as E*TRADE lists it."""
    instrument = ANSWERS.items(detail.get("Instrument"), "Instrument")[0]
    symbol = ANSWERS.text(ANSWERS.fields(instrument.get("Product"), "Product"), "symbol")
    action = ANSWERS.text(instrument, "orderAction")
    word, kind = ANSWERS.text(detail, "status"), ANSWERS.text(detail, "priceType")
    filled_qty = ANSWERS.number(instrument, "filledQuantity", ZERO)
    entered_at = ANSWERS.instant(detail.get("placedTime"))
    average = ANSWERS.number(instrument, "averageExecutionPrice", ZERO)
    side: Side = "buy" if action.startswith("BUY") else "sell"
    status = STATUSES.get(word, OrderStatus.UNKNOWN)
    if status is OrderStatus.FILLED and not (filled_qty and average):
        status = OrderStatus.WORKING  # What it cost comes a moment later: until then it has not ended for us.
    order = BrokerOrder(
        broker_order_id=ANSWERS.text(fields, "orderId"),
        client_order_id="",
        symbol=symbol,
        side=side,
        status=status,
        status_text=word,
        filled_qty=filled_qty if average else ZERO,
        avg_price=average if filled_qty and average else None,
        happened_at=ANSWERS.instant(detail["executedTime"]) if detail.get("executedTime") else entered_at,
        reason=f"{VENDOR} rejected the order." if word == "REJECTED" else None,
    )
    terms = Terms(
        symbol=symbol,
        action=action,
        qty=ANSWERS.number(instrument, "orderedQuantity"),
        price_type=kind,
        term=ANSWERS.text(detail, "orderTerm"),
        session=ANSWERS.text(detail, "marketSession"),
        limit_price=_maybe(detail, "limitPrice") if "LIMIT" in kind else None,
        stop_price=_maybe(detail, "stopPrice") if "STOP" in kind else None,
    )
    return Entered(order, terms, entered_at)


def position_of(fields: Mapping[str, Any]) -> BrokerPosition:
    """Signed shares."""
    qty = ANSWERS.number(fields, "quantity")
    if fields.get("positionType") == "SHORT" and qty > 0:
        qty = -qty
    symbol = ANSWERS.text(ANSWERS.fields(fields.get("Product"), "Product"), "symbol")
    return BrokerPosition(symbol, qty, ANSWERS.number(fields, "totalCost"), ANSWERS.number(fields, "marketValue"))


def activities_of(raw: list[Mapping[str, Any]]) -> list[CashActivity]:
    """What moved cash beside fills, oldest first; of a trade its fees, since the order tells of the rest."""
    found = [activity for one in raw if (activity := _activity(one)) is not None]
    return sorted(found, key=lambda one: (one.happened_at, one.id))


def _activity(fields: Mapping[str, Any]) -> CashActivity | None:
    word = ANSWERS.text(fields, "transactionType").strip().lower()
    number, at = ANSWERS.text(fields, "transactionId"), ANSWERS.instant(fields.get("transactionDate"))
    brokerage = ANSWERS.fields(fields.get("brokerage") or fields.get("Brokerage") or {})
    product = ANSWERS.fields(brokerage.get("product") or {})
    symbol = str(product["symbol"]).strip() or None if product.get("symbol") else None
    if word in TRADES:
        fee = ANSWERS.number(brokerage, "fee", ZERO)
        words = f"Fees of a trade in {symbol}" if symbol else "Fees of a trade"
        return CashActivity(f"{number}-fees", "fee", words, -fee, at, symbol) if fee else None
    cash = ANSWERS.number(fields, "amount")
    kind: ActivityKind = MOVES.get(word, "other")
    if kind in {"deposit", "withdrawal"}:
        kind = "deposit" if cash >= 0 else "withdrawal"
    return CashActivity(number, kind, str(fields.get("description") or word)[:120], cash, at, symbol)


def day(at: datetime) -> str:
    """A day of the exchange as E*TRADE writes it."""
    return at.astimezone(NEW_YORK).strftime("%m%d%Y")


def _placed(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """An order's first part; None for one that was written down there and never placed."""
    details = ANSWERS.items(fields.get("OrderDetail"), "OrderDetail")
    if not details:
        raise ANSWERS.garbage("OrderDetail")
    return details[0] if details[0].get("placedTime") else None


def _maybe(fields: Mapping[str, Any], name: str) -> Decimal | None:
    """Zero stands for none."""
    return ANSWERS.number(fields, name, ZERO) or None
