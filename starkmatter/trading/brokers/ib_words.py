"""Interactive Brokers' words for orders and fills as its socket speaks them, and ours for them (TWS API 10, 2026)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.order_groups import Role, legs_of
from starkmatter.domain.orders import Condition, OrderRequest, OrderStatus, Side
from starkmatter.egress.failures import VendorFailure
from starkmatter.trading.brokered import leg_id, order_id_of
from starkmatter.trading.brokers.answers import Answers
from starkmatter.trading.ports import BrokerOrder, CashActivity

if TYPE_CHECKING:
    from ib_async import Contract, Order, PriceCondition

VENDOR = "Interactive Brokers"
ANSWERS = Answers(VENDOR)

STATUSES: dict[str, OrderStatus] = {
    "ApiPending": OrderStatus.ACCEPTED,
    "PendingSubmit": OrderStatus.ACCEPTED,
    "PreSubmitted": OrderStatus.WORKING,
    "Submitted": OrderStatus.WORKING,
    "PendingCancel": OrderStatus.PENDING_CANCEL,
    "ApiCancelled": OrderStatus.CANCELED,
    "Cancelled": OrderStatus.CANCELED,
    "Filled": OrderStatus.FILLED,
    "Inactive": OrderStatus.SUSPENDED,
}
LEGS: tuple[Role, ...] = ("target", "stop")
ENDED = frozenset({"ApiCancelled", "Cancelled", "Filled"})
TYPES = {"market": "MKT", "limit": "LMT", "stop": "STP", "stop_limit": "STP LMT", "trailing_stop": "TRAIL"}
AT_CLOSE = {"market": "MOC", "limit": "LOC"}
TIMES = {"day": "DAY", "gtc": "GTC", "gtd": "GTD", "ioc": "IOC", "fok": "FOK", "opg": "OPG", "cls": "DAY"}


def refusals(request: OrderRequest) -> list[str]:
    """What of the language of orders is not sent to Interactive Brokers, in words."""
    found = []
    if request.time_in_force in {"opg", "cls"} and request.type not in AT_CLOSE:
        found.append(f"{VENDOR} takes market and limit orders only for the auctions.")
    if request.order_class in {"bracket", "oto"} and request.side == "sell":
        found.append(f"Groups that are sent to {VENDOR} begin with a purchase; their ways out are sales.")
    if request.notional is not None or request.qty != request.qty.to_integral_value():
        found.append(f"{VENDOR} takes whole shares only over its interface.")
    if request.extended_hours and request.type != "limit":
        found.append(f"{VENDOR} takes limit orders only for extended hours.")
    return found


def contract_of(symbol: str) -> "Contract":
    """A US share or fund, routed by them; a class of shares has a space there: BRK B."""
    from ib_async import Stock

    return Stock(symbol.replace(".", " "), "SMART", "USD")


def orders_of(client_order_id: str, account: str, request: OrderRequest, number: int) -> "list[Order]":
    """The order for the SDK and those that belong to it, each with our id as its reference.

    What follows an entry names it as its parent (`number`, this connection's for it) and is kept by TWS until the last
    of them is there. Ways out share their shares: what one fills, the others no longer have (OCA type 2).
    """
    legs = legs_of(request)
    found = []
    for place, (role, leg) in enumerate(legs):
        order = order_of(client_order_id if not place else leg_id(client_order_id, role), account, leg)
        if len(legs) > 1 and role != "entry":
            order.ocaGroup, order.ocaType = client_order_id, 2
        if not place:
            order.orderId = number
        elif legs[0][0] == "entry":
            order.parentId = number
        if legs[0][0] == "entry":
            order.transmit = place == len(legs) - 1
        found.append(order)
    return found


def price_condition(condition: Condition, number: int) -> "PriceCondition":
    """That the last trade of their contract of that number is at or above, or at or below, a price."""
    from ib_async import PriceCondition

    found = PriceCondition(isMore=condition.relation == "at_or_above", conId=number, exch="SMART", triggerMethod=2)
    found.price = plain(condition.price)  # type: ignore[assignment] # as text, to the last digit
    return found


def order_of(client_order_id: str, account: str, request: OrderRequest) -> "Order":
    """One order for the SDK. Figures go over the socket as text, to the last digit."""
    from ib_async import Order

    at_close = request.time_in_force == "cls"
    figures = {
        "totalQuantity": request.qty,
        "lmtPrice": request.limit_price,
        "auxPrice": request.stop_price if request.trail_amount is None else request.trail_amount,
        "trailingPercent": request.trail_percent,
    }
    order = Order(
        action=request.side.upper(),
        orderType=AT_CLOSE[request.type] if at_close else TYPES[request.type],
        tif=TIMES[request.time_in_force],
        orderRef=client_order_id,
        account=account,
        outsideRth=request.extended_hours,
    )
    for name, value in figures.items():
        if value is not None:
            setattr(order, name, plain(value))  # the SDK would have a binary figure, and writes a text as it is
    if request.expires_on is not None:
        order.goodTillDate = f"{request.expires_on:%Y%m%d} 23:59:59 US/Eastern"
    return order


@dataclass(frozen=True, slots=True)
class Filled:
    """What of one order was executed: shares, what they cost together, and when the last did."""

    qty: Decimal = ZERO
    value: Decimal = ZERO
    last_at: datetime | None = None


def executed(fills: Iterable[Any]) -> dict[int, Filled]:
    """Of each order (by its permanent id) what was executed.

    A correction takes the place of what it corrects: it has the same id but for the last part, which counts up.
    """
    newest: dict[str, Any] = {}
    for fill in fills:
        name, _, revision = fill.execution.execId.rpartition(".")
        known = newest.get(name)
        if known is None or known.execution.execId.rpartition(".")[2] < revision:
            newest[name] = fill
    found: dict[int, Filled] = defaultdict(Filled)
    for fill in newest.values():
        one = fill.execution
        qty, before = _figure(one.shares), found[one.permId]
        at = fill.time if isinstance(fill.time, datetime) else one.time
        last = at if before.last_at is None else max(before.last_at, at)
        found[one.permId] = Filled(before.qty + qty, before.value + qty * _figure(one.price), last)
    return dict(found)


def brokers_order(trade: Any, filled: Filled, now: datetime) -> BrokerOrder:
    """An order of theirs. Executions are told for the day only: of an older one its own sum and average count.

    An order that filled and whose executions are not here yet has not ended for us: no price is known.
    """
    order, status = trade.order, trade.orderStatus
    qty, average = filled.qty, filled.value / filled.qty if filled.qty else None
    summed = _figure(status.filled)
    if summed > qty and status.avgFillPrice:
        qty, average = summed, _figure(status.avgFillPrice)
    word = str(status.status)
    ours = STATUSES.get(word, OrderStatus.UNKNOWN)
    known = max(summed, _figure(order.filledQuantity) if _is_set(order.filledQuantity) else ZERO)
    if ours is OrderStatus.FILLED and (not qty or qty < known):
        ours = OrderStatus.WORKING
    side: Side = "buy" if order.action == "BUY" else "sell"
    return BrokerOrder(
        broker_order_id=str(order.permId),
        client_order_id=order.orderRef or "",
        symbol=trade.contract.symbol.replace(" ", "."),
        side=side,
        status=ours,
        status_text=word,
        filled_qty=qty,
        avg_price=average,
        happened_at=(filled.last_at or now).astimezone(UTC),
    )


def whole_group(client_order_id: str, found: Mapping[str, BrokerOrder]) -> BrokerOrder | None:
    """Of the orders there, by our ids, the one asked for with those that belong to it; None when there is none.

    VendorFailure when only such are open that belong to it: nobody can say then that it never arrived.
    """
    first = found.get(client_order_id)
    if order_id_of(client_order_id) is None:
        return first
    legs = tuple(found[one] for role in LEGS if (one := leg_id(client_order_id, role)) in found)
    if first is not None:
        return replace(first, legs=legs)
    if any(one.status_text not in ENDED or one.filled_qty for one in legs):
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} has a part of the group only: look at it in TWS.")
    return None


def commissions_of(fills: Iterable[Any]) -> list[CashActivity]:
    """What was paid for executing; it is told of for the day only."""
    found = []
    for fill in fills:
        report, one = fill.commissionReport, fill.execution
        if not report.execId or not _is_set(report.commission) or not report.commission:
            continue
        symbol = fill.contract.symbol.replace(" ", ".")
        at = fill.time if isinstance(fill.time, datetime) else one.time
        cash = -_figure(report.commission)
        found.append(CashActivity(f"{one.execId}-fee", "fee", f"Commission of a trade in {symbol}", cash, at, symbol))
    return sorted(found, key=lambda one: (one.happened_at, one.id))


def figure_of(text: Any) -> Decimal:
    """A figure of theirs, which the SDK keeps as a binary one: its shortest decimal is what was sent."""
    return _figure(text)


def _figure(value: Any) -> Decimal:
    return ANSWERS.number({"figure": str(value)}, "figure")


def _is_set(value: Any) -> bool:
    """The SDK has an enormous figure for one that is not there."""
    return value is not None and abs(_figure(value)) < Decimal(10) ** 30
