"""Takes what a broker reports about an order into the books: once, in whatever order and however often it comes.

What filled is the difference between the broker's cumulative quantity and ours, so a report that comes twice, late or
out of order books nothing twice, and one that got lost is made good by the next. A fill is booked even when we thought
that the order had ended. Only a report that says so takes something back (`busts`): what was told before that and comes
again counts no more. More than was ordered is not booked; the comparison of the books shows it to a person.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

import orjson
import structlog

from starkmatter.clock import utc_now
from starkmatter.db.database import Connection, Database
from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.ledger import book_fill
from starkmatter.domain.money import ZERO, money_text, plain, to_micros
from starkmatter.domain.orders import TERMINAL, OrderStatus, steps_to
from starkmatter.trading import broker_queries
from starkmatter.trading.brokered import BrokeredOrder, order_id_of
from starkmatter.trading.busts import take_back
from starkmatter.trading.journal import write_booking
from starkmatter.trading.ports import BrokerOrder

log = structlog.get_logger("broker")


@dataclass(frozen=True, slots=True)
class Applied:
    """What a report changed: `order` as it was, the status now, and the shares and price that were booked, if any.

    `early`: nothing was, since it sells what its entry has not bought here yet: that one's report has to come first.
    """

    order: BrokeredOrder
    status: OrderStatus
    filled_qty: Decimal
    price: Decimal | None
    early: bool = False

    @property
    def changed(self) -> bool:
        return self.filled_qty > 0 or self.status is not self.order.status


async def apply_report(
    db: Database, account_id: UUID, report: BrokerOrder, *, cancel_refused: bool = False
) -> Applied | None:
    """Bring the order to where the broker says it is; None when it is not an order of this account.

    `cancel_refused`: the broker has just said that it goes on, so a wish to cancel ends here.
    """
    order_id = order_id_of(report.client_order_id)
    if order_id is None:
        return None
    now = utc_now()
    async with db.transaction() as connection:
        order = await lock_order(connection, order_id)
        if order is None or order.account_id != account_id:
            return None
        if report.takes_back:
            status = await take_back(connection, order, report, now)
            if status is not None:
                return Applied(order, status, ZERO, None)
            report = replace(report, takes_back="")  # Told before its trade was; else it is a report like others.
        busts, busted_at = await _changes(connection, order)
        if busted_at is not None and report.happened_at < busted_at:
            return Applied(order, order.status, ZERO, None)
        if order.notional is None and report.filled_qty > order.qty:
            log.warning("more filled than was ordered", order_id=str(order.id), qty=plain(report.filled_qty))
            report = replace(report, filled_qty=order.qty)
        filled = report.filled_qty - order.filled_qty
        price = None
        if filled > 0 and await _sells_too_much(connection, order, filled):
            return Applied(order, order.status, ZERO, None, early=True)
        if filled > 0:
            price = _price(order, report, filled)
            await _book_fill(connection, order, report, filled, price, busts, now)
        refused = cancel_refused or report.cancel_refused
        status = await _move(connection, order, report, filled > 0, refused, now)
        await connection.execute(
            broker_queries.NOTE_REPORT,
            {
                "order": order.id,
                "broker_order_id": report.broker_order_id,
                "status_text": report.status_text[:40],
                "at": report.happened_at,
                "qty": report.filled_qty,
                "value": to_micros((report.avg_price or ZERO) * report.filled_qty),
                "status": str(report.status),
                "now": now,
            },
        )
        await connection.execute(broker_queries.DROP_ARRIVED, (order.id,))
        if status in TERMINAL:
            await connection.execute(broker_queries.DROP_ENDED, (order.id,))  # Nothing is left to cancel.
    if report.status is OrderStatus.UNKNOWN:
        log.warning("a status nobody knows", order_id=str(order.id), status=report.status_text[:40])
    if order.status in TERMINAL and filled > 0:
        log.warning("a fill after the end", order_id=str(order.id), status=str(order.status), qty=plain(filled))
    return Applied(order, status, max(filled, ZERO), price)


async def lock_order(connection: Connection, order_id: UUID) -> BrokeredOrder | None:
    """The order under its row lock; locks are taken order, account, holding everywhere."""
    row = await (await connection.execute(broker_queries.LOCK_BROKERED, (order_id,))).fetchone()
    return None if row is None else BrokeredOrder.of_row(row)


def _price(order: BrokeredOrder, report: BrokerOrder, filled: Decimal) -> Decimal:
    """What the new shares cost each: the broker's average over all, less what is booked."""
    average = report.avg_price or order.limit_price or ZERO
    price = to_micros((average * report.filled_qty - order.filled_value) / filled)
    return price if price > 0 else to_micros(average)


async def _changes(connection: Connection, order: BrokeredOrder) -> tuple[int, datetime | None]:
    """How many of its trades were taken back or corrected, and the broker's instant of the newest."""
    row = await (await connection.execute(broker_queries.CHANGES, (order.id,))).fetchone()
    return (0, None) if row is None else (row[0], row[1])


async def _book_fill(
    connection: Connection,
    order: BrokeredOrder,
    report: BrokerOrder,
    filled: Decimal,
    price: Decimal,
    busts: int,
    now: datetime,
) -> None:
    booking = book_fill(order.side, order.symbol, filled, price, ZERO, order.currency)
    over = order.status in TERMINAL
    ends = _is_whole(order, report)
    release, ends_here = ZERO, ends or report.status is OrderStatus.FILLED
    if order.side == "buy" and not over:
        needed = order.reserve_per_share * filled if order.notional is None else -booking.cash
        release = order.reserved if ends else min(order.reserved, needed)
    await connection.execute(broker_queries.LOCK_ACCOUNT, (order.account_id,))
    held = await (await connection.execute(broker_queries.LOCK_HOLDING, (order.account_id, order.symbol))).fetchone()
    before = HoldingState(*held) if held else HoldingState()
    after = after_fill(before, order.side, filled, booking.cash)
    await connection.execute(
        broker_queries.PUT_HOLDING,
        {
            "account": order.account_id,
            "symbol": order.symbol,
            "qty": after.qty,
            "cost_basis": after.cost_basis,
            "realized_pl": after.realized_pl,
            "release_qty": await _set_free(connection, order, filled, over=over, ends=ends_here),
            "opened": before.qty == 0,
            "at": report.happened_at,
        },
    )
    await connection.execute(
        broker_queries.MOVE_CASH, {"cash": booking.cash, "release": release, "account": order.account_id}
    )
    await connection.execute(
        broker_queries.FILL_ORDER,
        {
            "order": order.id,
            "qty": filled,
            "value": to_micros(filled * price),
            "release": release,
            "ends": ends,
            "now": now,
        },
    )
    # After a bust the same sum is reached again, by other trades.
    fill_id = uuid5(order.id, f"cumulative-{plain(report.filled_qty)}{f'-{busts}' if busts else ''}")
    await write_booking(
        connection,
        order.account_id,
        booking,
        venue_at=report.happened_at,
        now=now,
        order_id=order.id,
        fill_id=fill_id,
    )
    await connection.execute(
        broker_queries.INSERT_FILL,
        {
            "id": fill_id,
            "order": order.id,
            "execution": order.sequence + 1,
            "account": order.account_id,
            "symbol": order.symbol,
            "side": order.side,
            "qty": filled,
            "price": price,
            "realized_pl": after.realized_pl - before.realized_pl,
            "at": report.happened_at,
            "now": now,
            "receipt": orjson.dumps(_receipt(report, filled, price)).decode(),
        },
    )


async def _sells_too_much(connection: Connection, order: BrokeredOrder, filled: Decimal) -> bool:
    """Whether a way out of a group sold more than is here for it: reports came out of their order."""
    if order.role not in {"target", "stop"}:
        return False
    left, _ = await _room(connection, order)
    return left < filled


async def _room(connection: Connection, order: BrokeredOrder) -> tuple[Decimal, bool]:
    asked = {"group": order.group_id, "order": order.id}
    left, others = await (await connection.execute(broker_queries.GROUP_ROOM, asked)).fetchone() or (ZERO, False)
    return left, others


async def _set_free(
    connection: Connection, order: BrokeredOrder, filled: Decimal, *, over: bool, ends: bool
) -> Decimal:
    """Shares that a fill no longer sets aside; negative when what it bought is for the ways out of its group.

    These hold their shares together, and the last one gives back what is left (as `release_reservation` does).
    """
    if order.role is None:
        return filled if order.side == "sell" and not over else ZERO
    left, others = await _room(connection, order)
    if order.role == "entry":
        return -filled if others else ZERO
    if others:
        return filled
    return ZERO if over else left if ends else filled


def _is_whole(order: BrokeredOrder, report: BrokerOrder) -> bool:
    """Whether nothing is left to fill: of an order by amount only the broker knows."""
    if order.notional is not None:
        return report.status is OrderStatus.FILLED
    return report.filled_qty >= order.qty


async def _move(
    connection: Connection, order: BrokeredOrder, report: BrokerOrder, fills: bool, cancel_refused: bool, now: datetime
) -> OrderStatus:
    current = order.status
    target = report.status
    if fills and _is_whole(order, report):
        target = OrderStatus.FILLED
    elif report.filled_qty > 0 and target in {OrderStatus.WORKING, OrderStatus.ACCEPTED, OrderStatus.UNKNOWN}:
        target = OrderStatus.PARTIAL
    goes_on = cancel_refused and current is OrderStatus.PENDING_CANCEL
    steps = [target] if goes_on else steps_to(current, target)
    if fills and not steps:
        steps = [current]  # More of the same, or a fill after the end: the history names it.
    if not steps:
        return current
    await connection.execute(
        broker_queries.MOVE_ORDER,
        {
            "order": order.id,
            "steps": [str(step) for step in steps],
            "from": [str(current)],
            "reason": report.reason,
            "at": report.happened_at,
            "now": now,
        },
    )
    return steps[-1]


def _receipt(report: BrokerOrder, filled: Decimal, price: Decimal) -> dict[str, object]:
    """What is known of a fill that somebody else made: their word for it, their average, our share of it."""
    average = "" if report.avg_price is None else f", {money_text(report.avg_price)} on average"
    return {
        "rule": "broker",
        "explanation": f"The broker reported {plain(report.filled_qty)} filled in all{average}. "
        f"These are the {plain(filled)} that were new, at {money_text(price)}.",
        "broker_order_id": report.broker_order_id,
        "broker_status": report.status_text,
        "cumulative_qty": plain(report.filled_qty),
        "average_price": None if report.avg_price is None else plain(report.avg_price),
        "fees": [],
        "fee_schedule": "Fees come from the broker's own statement.",
    }
