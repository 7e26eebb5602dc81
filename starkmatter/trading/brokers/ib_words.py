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
FIRST_REVISION = 1
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
    """What of one order was executed: shares, what they cost together, and when the last did.

    `corrected` is the id of the newest execution that took the place of another, if there is one and all of the order's
    executions are here (those of former days are not told). `told_qty`: what had filled before any correction.
    """

    qty: Decimal = ZERO
    value: Decimal = ZERO
    last_at: datetime | None = None
    corrected: str = ""
    told_qty: Decimal = ZERO


def executed(fills: Iterable[Any]) -> dict[int, Filled]:
    """Of each order (by its permanent id) what was executed.

    A correction takes the place of what it corrects: it has the same id but for the last part, which counts up.
    """
    chains: dict[int, list[list[Any]]] = defaultdict(list)
    for chain in _revisions(fills):
        chains[chain[-1].execution.permId].append(chain)
    return {order: _sum_of(of_order) for order, of_order in chains.items()}


def _sum_of(chains: list[list[Any]]) -> Filled:
    """What the executions of one order come to, each with its corrections.

    Where executions of former days are not told, the last one's own word counts for all of them up to it.
    """
    newest = [chain[-1] for chain in chains]
    told = sum((_figure(chain[0].execution.shares) for chain in chains), ZERO)
    last = max((one.execution for chain in chains for one in chain), key=lambda one: _figure(one.cumQty))
    whole, at = _figure(last.cumQty), max(_time_of(one) for one in newest)
    if whole > told and last.avgPrice:
        return Filled(whole, whole * _figure(last.avgPrice), at, told_qty=whole)
    corrections = [one for one in newest if _revision_of(one.execution.execId) > FIRST_REVISION]
    return Filled(
        sum((_figure(one.execution.shares) for one in newest), ZERO),
        sum((_figure(one.execution.shares) * _figure(one.execution.price) for one in newest), ZERO),
        at,
        max(corrections, key=_time_of).execution.execId if corrections and told == whole else "",
        told,
    )


def _revisions(fills: Iterable[Any]) -> list[list[Any]]:
    """The executions with the corrections of each, oldest first."""
    chains: dict[str, dict[int, Any]] = defaultdict(dict)
    for fill in fills:
        chains[_name_of(fill.execution.execId)][_revision_of(fill.execution.execId)] = fill
    return [[chain[number] for number in sorted(chain)] for chain in chains.values()]


def _name_of(execution_id: str) -> str:
    return execution_id.rpartition(".")[0]


def _revision_of(execution_id: str) -> int:
    last = execution_id.rpartition(".")[2]
    return int(last) if last.isdecimal() else FIRST_REVISION


def _time_of(fill: Any) -> datetime:
    at = fill.time if isinstance(fill.time, datetime) else fill.execution.time
    assert isinstance(at, datetime)
    return at


def brokers_order(trade: Any, filled: Filled, now: datetime) -> BrokerOrder:
    """An order of theirs. Executions are told for the day only: of an older one its own sum and average count.

    An order that filled and whose executions are not here yet has not ended for us: no price is known. Where one was
    corrected they alone count; what is left of an order whose trade was taken back does not fill any more.
    """
    order, status = trade.order, trade.orderStatus
    qty, average = filled.qty, filled.value / filled.qty if filled.qty else None
    summed = _figure(status.filled)
    if summed > qty and status.avgFillPrice and not filled.corrected:
        qty, average = summed, _figure(status.avgFillPrice)
    word = str(status.status)
    ours = STATUSES.get(word, OrderStatus.UNKNOWN)
    known = max(summed, _figure(order.filledQuantity) if _is_set(order.filledQuantity) else ZERO)
    if ours is OrderStatus.FILLED and filled.corrected:
        ours = OrderStatus.CANCELED if qty < filled.told_qty else ours
    elif ours is OrderStatus.FILLED and (not qty or qty < known):
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
        in_order=False,
    )


def corrections_of(order: BrokerOrder, filled: Filled) -> list[BrokerOrder]:
    """What is to be told of an order: first what its corrections take back, if any, then how it stands.

    A correction that takes nothing away, or was heard of before, changes nothing; the second report books the rest.
    """
    return [replace(order, takes_back=filled.corrected), order] if filled.corrected else [order]


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
    """What was paid for executing; it is told of for the day only.

    A correction brings a commission of its own in the place of the former: only by how much it differs is paid. After
    a restart TWS may tell of the correction alone: it goes by the first one's name then, which may be known.
    """
    found = []
    for chain in _revisions(fills):
        before: Decimal | None = None
        for fill in chain:
            report, one = fill.commissionReport, fill.execution
            if not report.execId or not _is_set(report.commission):
                continue
            paid = _figure(report.commission)
            cash = paid if before is None else paid - before
            name = f"{_name_of(one.execId)}.{FIRST_REVISION:02}" if before is None else one.execId
            before = paid
            if cash:
                found.append(_commission(fill, f"{name}-fee", -cash))
    return sorted(found, key=lambda one: (one.happened_at, one.id))


def _commission(fill: Any, name: str, cash: Decimal) -> CashActivity:
    symbol = fill.contract.symbol.replace(" ", ".")
    return CashActivity(name, "fee", f"Commission of a trade in {symbol}", cash, _time_of(fill), symbol)


def figure_of(text: Any) -> Decimal:
    """A figure of theirs, which the SDK keeps as a binary one: its shortest decimal is what was sent."""
    return _figure(text)


def _figure(value: Any) -> Decimal:
    return ANSWERS.number({"figure": str(value)}, "figure")


def _is_set(value: Any) -> bool:
    """The SDK has an enormous figure for one that is not there."""
    return value is not None and abs(_figure(value)) < Decimal(10) ** 30
