"""Other terms for a resting order: in its place on paper, elsewhere by a new order once the old one is certainly gone.

In its place is as FIX has it: the order stays the same, what it filled counts, and a fill comes before the change or
after it. At a broker never both orders at once: while a cancel is not through, the old order can still fill.
"""

import asyncio
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.orders import OPEN, OrderRequest, OrderStatus, OrderType
from starkmatter.domain.risk import NOTHING, ROUNDING_ROOM
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound, Refused, StarkMatterError, Unavailable
from starkmatter.trading import queries
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.events import announce_order, wake_worker
from starkmatter.trading.guarding.checking import marks_of
from starkmatter.trading.orders import get_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.ticket import PAPER, Ticket, open_ticket, refusals_of, reservation_of

WAIT_SECS = 5.0
GROUP_STAYS = (
    "An order of a group is not moved at a broker: the others would go with it. Cancel the group and send another."
)
LOOK_EVERY_SECS = 0.1


@dataclass(frozen=True, slots=True)
class Terms:
    """What of an order is to be another: its whole quantity and its prices per share. None stays as it is."""

    qty: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None


async def replace_order(b: Backends, caller: Caller, order_id: UUID, terms: Terms) -> OrderView:
    """Give a resting paper order other terms; the order as it is then, which a quantity already filled has ended.

    Refused says in words what stands against it: the rules of such an order, buying power, shares held. Conflict when
    it has ended, is not resting yet or was changed meanwhile, NotFound when it is not the caller's.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not trade.")
    order = await get_order(b, caller, order_id)
    request = changed_request(order, terms)
    ticket = await open_ticket(b, caller, order.account_id, request)
    if ticket.account.broker != PAPER:
        raise Refused("An order at a broker is changed by canceling it and sending another.")
    if order.group_id is not None and terms.qty is not None:
        raise Refused("Orders of a group share their quantity: change its prices, or cancel it and send another.")
    if order.notional is not None:
        raise Refused("An order by an amount of money trades at once: it cannot be changed.")
    if order.triggered_at is not None and any(
        getattr(terms, name) not in {None, getattr(order, name)} for name in ("stop_price", *_TRAILS)
    ):
        what = "its limit and quantity" if order.type == "stop_limit" else "its quantity"
        raise Refused(f"The stop of this order was reached already: only {what} can be changed.")
    if ZERO < request.qty <= order.filled_qty:  # It ends with this: its prices are what they were.
        request = replace(order.request, qty=request.qty)
    left = replace(request, qty=max(request.qty - order.filled_qty, ZERO))
    reasons = [] if left.qty == 0 and request.qty > 0 else refusals_of(_as_resting(order, left), ticket)
    if reasons:
        raise Refused(" ".join(reasons))
    reservation = NOTHING if left.qty == 0 else reservation_of(left, ticket)
    now = utc_now()
    changes: dict[str, Any] = {
        "revision": order.revision,
        "qty": plain(request.qty),
        **{name: None if getattr(request, name) is None else plain(getattr(request, name)) for name in _PRICES},
        "per_share": plain(reservation.per_share),
        "reserve": plain(reservation.total + (ROUNDING_ROOM if order.filled_qty else ZERO)),
        "words": _words(order, request),
    }
    if order.type == "trailing_stop" and order.stop_price is not None:
        changes["stop_price"] = plain(order.stop_price)  # Until the next trade says where it lies now.
    if ticket.account.lends:
        changes["marks"] = (await marks_of(b, ticket))["marks"]
    async with b.db.transaction() as connection:
        asked = (order_id, caller.user_id, orjson.dumps(changes).decode(), _at(ticket, now), now)
        row = await (await connection.execute(queries.REPLACE, asked)).fetchone()
        if row is None:
            raise NotFound("There is no such order.")
        outcome, reason = row
        if outcome == "replaced":
            before, after = {"terms": _terms_of(order.request)}, {"terms": _terms_of(request)}
            await note(connection, caller, "order.changed", ("order", order_id), before=before, after=after)
    if outcome != "replaced":
        raise _refusal(outcome, reason)
    order = await get_order(b, caller, order_id)
    wake_worker(b.cache, ticket.account.venue)
    announce_order(b.cache, {caller.user_id, ticket.account.user_id}, order.id, order.status, order.symbol)
    return order


def changed_request(order: OrderView, terms: Terms) -> OrderRequest:
    """The order as it would be asked for with the new terms; one kind of trail takes the other's place."""
    new = {field.name: value for field in fields(terms) if (value := getattr(terms, field.name)) is not None}
    if "trail_amount" in new and "trail_percent" not in new:
        new["trail_percent"] = None
    elif "trail_percent" in new and "trail_amount" not in new:
        new["trail_amount"] = None
    if not new:
        raise InvalidInput("Say what is to be changed: quantity, limit price, stop price or trail.")
    return replace(order.request, **new)


_TRAILS = ("trail_amount", "trail_percent")
_PRICES = ("limit_price", "stop_price", *_TRAILS)


def _as_resting(order: OrderView, request: OrderRequest) -> OrderRequest:
    """What it is now: a stop that was reached is a market or limit order, and where it lay counts no more."""
    if order.triggered_at is None:
        return request
    kind: OrderType = "limit" if order.type == "stop_limit" else "market"
    return replace(request, type=kind, stop_price=None, trail_amount=None, trail_percent=None)


def _terms_of(request: OrderRequest) -> str:
    """`10 shares, limit 99.00`."""
    names = {"limit_price": "limit", "stop_price": "stop", "trail_amount": "trail", "trail_percent": "trail in percent"}
    said = [f"{names[name]} {plain(value)}" for name in _PRICES if (value := getattr(request, name)) is not None]
    return ", ".join([f"{plain(request.qty)} shares", *said])


def _words(order: OrderView, request: OrderRequest) -> str:
    return f"{_terms_of(order.request)} becomes {_terms_of(request)}."


def _at(ticket: Ticket, now: datetime) -> datetime:
    return ticket.clock.venue_now if ticket.clock else now


def _refusal(outcome: str, reason: str | None) -> StarkMatterError:
    if outcome == "refused":
        return Refused(reason or "")
    if outcome in {"changed", "needs_marks"}:
        return Conflict("The order or the account changed meanwhile. Look at it again.", code="order_changed")
    state = (reason or "").replace("_", " ")
    if outcome == "early":
        return Conflict(f"This order is {state}: it cannot be changed right now.", code="order_busy")
    return Conflict(f"This order has already ended as {state}.", code="order_ended")


async def cancel_before_replacing(
    b: Backends, caller: Caller, order_id: UUID, filled_qty: Decimal, *, wait_secs: float = WAIT_SECS
) -> OrderView:
    """Cancel the order and wait until that is certain; the order as it ended, with nothing filled beyond `filled_qty`.

    Refused when others belong to it. Conflict when it filled meanwhile or had ended before, Unavailable when the cancel
    is not through in time: then nothing may be sent in its place.
    """
    order = await get_order(b, caller, order_id)
    if order.group_id is not None:
        raise Refused(GROUP_STAYS)
    if order.status in OPEN:
        order = await cancel_order(b, caller, order_id)
    waited = 0.0
    while order.status in OPEN and waited < wait_secs:
        await asyncio.sleep(LOOK_EVERY_SECS)
        waited += LOOK_EVERY_SECS
        order = await get_order(b, caller, order_id)
    if order.status in OPEN:
        raise Unavailable(
            "The resting order was asked back, but that is not certain yet. Nothing was sent in its place."
        )
    if order.filled_qty != filled_qty:
        raise Conflict("The resting order filled meanwhile. Nothing was sent in its place.", code="order_ended")
    if order.status != OrderStatus.CANCELED:
        raise Conflict(
            f"The resting order had ended as {order.status.replace('_', ' ')}. Nothing was sent in its place.",
            code="order_ended",
        )
    return order
