"""A fill that the broker takes back, or corrects (FIX ExecType H and G): facts beside the fills, never a deletion.

What the broker says an order has filled in all counts; the difference is booked with the other sign, at what was booked
before. It can be while nothing of the symbol was sold since: then cost and realized result go back exactly. Otherwise
nothing is booked, the broker's book differs from ours, and a person accepts it where the comparison shows how. One that
is told before its trade is remembered, and what is older than it says nothing any more: the trade is never booked.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

import structlog

from starkmatter.db.database import Connection
from starkmatter.domain.ledger import book_taken_back
from starkmatter.domain.money import MICRO, ZERO, money_text, plain, to_cents, to_micros
from starkmatter.domain.orders import BUST_LEADS_TO, OPEN, OrderStatus
from starkmatter.trading import broker_queries
from starkmatter.trading.brokered import BrokeredOrder
from starkmatter.trading.corporate.queries import SET_ASIDE
from starkmatter.trading.journal import write_booking
from starkmatter.trading.ports import BrokerOrder

UNHEARD = "The broker took back a trade before it was told here: it is not booked."

log = structlog.get_logger("broker")


@dataclass(frozen=True, slots=True)
class _Change:
    """How an order's fills change: shares and their value, both signed; `cash` is what moves, `words` says it."""

    qty: Decimal
    value: Decimal
    cash: Decimal
    words: str


async def take_back(
    connection: Connection, order: BrokeredOrder, report: BrokerOrder, now: datetime
) -> OrderStatus | None:
    """Book what the report takes back of a locked order; the order's status afterwards.

    Nothing changes for an execution that was heard of before, or where shares were sold since. None for one that takes
    nothing of what is booked, which is remembered: the report may tell of trades that were not heard of yet.
    """
    if await _known(connection, order, report):
        return order.status
    if report.in_order and await _is_older(connection, order, report):
        await _remember(connection, order, report, now)
        return order.status
    if report.in_order:
        report = await _as_told_since(connection, order, report)
    value_now = to_micros((report.avg_price or ZERO) * report.filled_qty)
    qty, value = report.filled_qty - order.filled_qty, value_now - order.filled_value
    if (qty > 0 or not (qty or value)) and not report.in_order:
        return order.status
    if qty > 0 or not (qty or value):
        await _remember(connection, order, report, now)
        return None
    await connection.execute(broker_queries.LOCK_ACCOUNT, (order.account_id,))
    held = await (await connection.execute(broker_queries.LOCK_HOLDING, (order.account_id, order.symbol))).fetchone()
    booked, realized, sold_since = await _booked(connection, order)
    sign = 1 if order.side == "buy" else -1
    change = _Change(qty, value, -sign * to_cents(value_now) - booked, _words(order, report, qty))
    if held is None or sold_since or (sign > 0 and held[0] + qty < 0):
        log.warning("a fill that was taken back cannot be booked", order_id=str(order.id), qty=plain(qty))
        return order.status
    status = await _move(connection, order, report, change, now)
    await _book(connection, order, report, change, _realized_change(order, change, booked, realized), now)
    await _set_aside(connection, order, status, change, now)
    return status


async def _known(connection: Connection, order: BrokeredOrder, report: BrokerOrder) -> bool:
    asked = {"account": order.account_id, "execution": report.takes_back}
    return await (await connection.execute(broker_queries.KNOWN_CHANGE, asked)).fetchone() is not None


async def _is_older(connection: Connection, order: BrokeredOrder, report: BrokerOrder) -> bool:
    """Whether a later bust was told already, whose sums are without this trade."""
    row = await (await connection.execute(broker_queries.CHANGES, (order.id,))).fetchone()
    return row is not None and row[1] is not None and report.happened_at < row[1]


async def _as_told_since(connection: Connection, order: BrokeredOrder, report: BrokerOrder) -> BrokerOrder:
    """The same with the sums of the newest report, where that one was told first: they are without this trade."""
    asked = {"order": order.id, "at": report.happened_at}
    row = await (await connection.execute(broker_queries.TOLD_LATER, asked)).fetchone()
    if row is None:
        return report
    qty, value, status = row
    return replace(
        report, filled_qty=qty, avg_price=value / qty if qty else None, status=OrderStatus(status or report.status)
    )


async def _remember(connection: Connection, order: BrokeredOrder, report: BrokerOrder, now: datetime) -> None:
    """It was heard of, and moves nothing."""
    about = {"account": order.account_id, "order": order.id, "execution": report.takes_back, "now": now}
    nothing = {"qty": ZERO, "value": ZERO, "realized": ZERO, "entry": None, "words": UNHEARD}
    await connection.execute(broker_queries.PUT_CHANGE, about | nothing | {"at": report.happened_at})


async def _booked(connection: Connection, order: BrokeredOrder) -> tuple[Decimal, Decimal, bool]:
    """Cash that the order's entries moved, what it realized, and whether other orders sold of the symbol since."""
    asked = {"order": order.id, "account": order.account_id, "symbol": order.symbol}
    row = await (await connection.execute(broker_queries.BOOKED_OF_ORDER, asked)).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _realized_change(order: BrokeredOrder, change: _Change, booked: Decimal, realized: Decimal) -> Decimal:
    """What of the realized result goes: a purchase realized nothing, a sale's shares come back at their cost."""
    if order.side == "buy":
        return ZERO
    return change.cash + _cost_back(order, change, booked - realized)


def _cost_back(order: BrokeredOrder, change: _Change, sold_cost: Decimal) -> Decimal:
    """The part of what the sold shares had cost that comes back with them."""
    if not change.qty:
        return ZERO
    if -change.qty == order.filled_qty:
        return sold_cost
    return (sold_cost * -change.qty / order.filled_qty).quantize(MICRO, ROUND_HALF_UP)


async def _move(
    connection: Connection, order: BrokeredOrder, report: BrokerOrder, change: _Change, now: datetime
) -> OrderStatus:
    """An order that a bust leaves unfilled works again where the broker says so; else it ends short, as FIX has it."""
    status = order.status
    filled = status is OrderStatus.FILLED
    if change.qty and (filled or status in {OrderStatus.PARTIAL, OrderStatus.WORKING}):
        if report.status in OPEN or not filled:
            status = OrderStatus.PARTIAL if report.filled_qty else OrderStatus.WORKING
        else:
            status = report.status if report.status in BUST_LEADS_TO else OrderStatus.CANCELED
    said = {"order": order.id, "steps": [str(status)], "from": [str(order.status)], "reason": change.words}
    await connection.execute(broker_queries.MOVE_ORDER, said | {"at": report.happened_at, "now": now})
    return status


async def _book(
    connection: Connection,
    order: BrokeredOrder,
    report: BrokerOrder,
    change: _Change,
    realized: Decimal,
    now: datetime,
) -> None:
    sign = 1 if order.side == "buy" else -1
    shares = sign * change.qty
    cost = -change.cash + realized
    booking = book_taken_back(order.symbol, shares, sign * change.value, change.cash, order.currency, change.words)
    entry = await write_booking(
        connection, order.account_id, booking, venue_at=report.happened_at, now=now, order_id=order.id
    )
    about = {"account": order.account_id, "symbol": order.symbol, "order": order.id, "now": now}
    figures = {"qty": shares, "cost": cost, "realized": realized}
    await connection.execute(broker_queries.CHANGE_HOLDING, about | figures)
    moved = {"cash": change.cash, "release": ZERO, "account": order.account_id}
    await connection.execute(broker_queries.MOVE_CASH, moved)
    filled = {"qty": change.qty, "value": change.value, "release": ZERO, "ends": False}
    await connection.execute(broker_queries.FILL_ORDER, about | filled)
    fact = {"execution": report.takes_back, "qty": change.qty, "value": change.value, "realized": realized}
    fact |= {"words": change.words, "entry": entry, "at": report.happened_at}
    await connection.execute(broker_queries.PUT_CHANGE, about | fact)


async def _set_aside(
    connection: Connection, order: BrokeredOrder, status: OrderStatus, change: _Change, now: datetime
) -> None:
    """An order that works for more than before sets aside what that may cost, or the shares it may sell."""
    if status not in OPEN:
        return
    if order.side == "buy" and order.notional is None:
        more = to_micros(order.reserve_per_share * -change.qty)
        zero = {"order": order.id, "qty": ZERO, "value": ZERO, "release": -more, "ends": False, "now": now}
        await connection.execute(broker_queries.FILL_ORDER, zero)
        moved = {"cash": ZERO, "release": -more, "account": order.account_id}
        await connection.execute(broker_queries.MOVE_CASH, moved)
    await connection.execute(SET_ASIDE, {"account": order.account_id})


def _words(order: BrokeredOrder, report: BrokerOrder, qty: Decimal) -> str:
    average = money_text(report.avg_price or ZERO)
    if not qty:
        return f"The broker corrected the price: {plain(report.filled_qty)} {order.symbol} at {average} on average."
    left = f", {plain(report.filled_qty)} at {average} stand" if report.filled_qty else ""
    return f"The broker took back the fill of {plain(-qty)} {order.symbol}{left}."
