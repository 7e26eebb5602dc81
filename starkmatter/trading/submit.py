"""From an intent to a stored order: idempotency, risk, reservation and outbox in one transaction, then the worker."""

import re
from collections.abc import Collection
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain import risk
from starkmatter.domain.money import plain
from starkmatter.domain.order_groups import legs_of
from starkmatter.domain.orders import OrderRequest, OrderStatus, parts_of
from starkmatter.domain.risk import Reservation
from starkmatter.errors import InvalidInput, NotAllowed, NotFound
from starkmatter.trading.events import announce_order, wake_worker
from starkmatter.trading.facts import account_facts
from starkmatter.trading.gate import Outcome, gate_of
from starkmatter.trading.guarding.cautions import cautions_of, check_codes, require_read
from starkmatter.trading.guarding.checking import marks_of
from starkmatter.trading.live.permits import require_permit
from starkmatter.trading.orders import get_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.ticket import Ticket, look_at_market, open_ticket, refusals_of, reservation_of

KEY_PATTERN = re.compile(r"[A-Za-z0-9_.:-]{8,128}")


async def submit_order(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    request: OrderRequest,
    idempotency_key: str,
    *,
    acknowledged: Collection[str] = (),
) -> OrderView:
    """Store the order and hand it to the worker.

    The same key with the same request gives the same order again, whatever its state by now. An order that risk
    refuses is stored too, as `risk_rejected` with the reason in words. `acknowledged`: the codes of `domain.cautions`
    that the person has read; Unacknowledged, with nothing stored, when there is another one. Raises NotAllowed for a
    viewer, NotFound for an account that is not the caller's, InvalidInput for a malformed key or one that was used for
    another request, Unavailable when the database does not answer (repeat with the same key). An order of real money
    above its account's limit raises FactorNeeded until a second factor was given for exactly this ticket.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not trade.")
    if not KEY_PATTERN.fullmatch(idempotency_key):
        raise InvalidInput("The Idempotency-Key must be 8 to 128 characters of letters, digits and _ . : -")
    read = check_codes(acknowledged)
    ticket = await open_ticket(b, caller, account_id, request)
    now = utc_now()
    order_id = order_id_for(account_id, idempotency_key)
    reasons = refusals_of(request, ticket)
    reservation = risk.NOTHING if reasons else reservation_of(request, ticket)
    qty = risk.sized_qty(request, ticket.quote)
    item = item_of(ticket, request, order_id, reasons, reservation)
    item |= {"user_id": caller.user_id, "cautions": True}
    item["risk"] |= {"ip": caller.ip, "via": caller.via} | ({"acknowledged": sorted(read)} if read else {})
    if not reasons:
        await require_permit(b, caller, ticket, request, item)
    result = await hand_in(b, ticket, item)
    while result.outcome == "needs_cautions":
        require_read(await cautions_of(b, ticket, request), read)
        item |= {"cautions": False}
        result = await hand_in(b, ticket, item)
    if result.outcome == "no_account":
        raise NotFound("There is no such account.")
    if result.outcome == "other_body":
        raise InvalidInput(
            "This Idempotency-Key was already used for another order. Nothing was sent; use a new key.",
            code="idempotency_key_reused",
        )
    if result.outcome == "repeated":
        return await get_order(b, caller, order_id)
    taken = result.outcome == "taken"
    order = OrderView(
        id=order_id,
        client_order_id=f"sm-{order_id}",
        account_id=account_id,
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        qty=qty,
        filled_qty=Decimal(0),
        avg_price=None,
        limit_price=request.limit_price,
        time_in_force=request.time_in_force,
        status=OrderStatus.PENDING_SUBMIT if taken else OrderStatus.RISK_REJECTED,
        reject_reason=result.reason,
        reserved=reservation.total if taken else Decimal(0),
        created_at=now,
        updated_at=now,
        stop_price=request.stop_price,
        trail_amount=request.trail_amount,
        trail_percent=request.trail_percent,
        notional=request.notional,
        expires_on=request.expires_on,
        extended_hours=request.extended_hours,
        group_id=order_id if taken and "legs" in item else None,
        role=item.get("role") if taken else None,
        held=taken and bool(item.get("held")),
        cond_symbol=item.get("cond_symbol"),
        cond_relation=item.get("cond_relation"),
        cond_price=None if request.condition is None else request.condition.price,
        allow_short=request.allow_short,
    )
    if taken:
        wake_worker(b.cache, ticket.account.venue)
    announce_order(b.cache, {caller.user_id, ticket.account.user_id}, order.id, order.status, order.symbol)
    if taken and ticket.account.lends:
        return await get_order(b, caller, order_id)  # What it sets aside was decided under the lock.
    return order


async def require_confirmed(
    b: Backends, caller: Caller, account_id: UUID, request: OrderRequest, idempotency_key: str
) -> None:
    """Before anything is done on behalf of an order of real money: FactorNeeded as `submit_order` would raise it.

    Nothing on paper, and nothing for an order that would be refused anyway.
    """
    account = await account_facts(b.db, caller, account_id)
    if account.mode != "live":
        return
    ticket = await look_at_market(b, account, request)
    if refusals_of(request, ticket):
        return
    item = item_of(ticket, request, order_id_for(account_id, idempotency_key), [], reservation_of(request, ticket))
    await require_permit(b, caller, ticket, request, item)


def item_of(
    ticket: Ticket, request: OrderRequest, order_id: UUID, reasons: list[str], reservation: Reservation
) -> dict[str, Any]:
    """The order as `submit_orders` takes it, without who places it."""
    now = utc_now()
    request_hash = canonical_hash(ticket, request)
    reference = risk.reference_price(request, ticket.quote)
    return {
        "id": order_id,
        "account_id": ticket.account.id,
        "venue": ticket.account.venue,
        "symbol": request.symbol,
        "side": request.side,
        "type": request.type,
        "qty": plain(risk.sized_qty(request, ticket.quote)),
        "limit_price": _text(request.limit_price),
        "stop_price": _text(request.stop_price),
        "trail_amount": _text(request.trail_amount),
        "trail_percent": _text(request.trail_percent),
        "notional": _text(request.notional),
        "expires_on": request.expires_on,
        "extended_hours": request.extended_hours,
        "allow_short": request.allow_short,
        **_group_of(order_id, request),
        "time_in_force": request.time_in_force,
        "session_on": ticket.session_on(now.date(), request.time_in_force),
        "reserve": plain(reservation.total),
        "reserve_per_share": plain(reservation.per_share),
        "request_hash": request_hash,
        "risk": _risk_record(ticket, request, request_hash, reasons),
        "refusal": " ".join(reasons) or None,
        "venue_at": ticket.clock.venue_now if ticket.clock else now,
        "price": None if reference is None else plain(reference),
    }


async def hand_in(b: Backends, ticket: Ticket, item: dict[str, Any]) -> Outcome:
    """Give an item to the gate, with the prices of what the account holds where it is judged by them."""
    if ticket.account.lends:
        item |= await marks_of(b, ticket)
    result = await gate_of(b.db).submit(item)
    while result.outcome == "needs_marks":
        item |= await marks_of(b, ticket)
        result = await gate_of(b.db).submit(item)
    return result


def order_id_for(account_id: UUID, idempotency_key: str) -> UUID:
    """The order id that this key means on this account, today and after any restart."""
    return uuid5(account_id, idempotency_key)


def canonical_hash(ticket: Ticket, request: OrderRequest) -> str:
    """SHA-256 over everything that makes the order what it is."""
    parts = (str(ticket.account.id), ticket.account.mode, *parts_of(request))
    return sha256("|".join(parts).encode()).hexdigest()


def _risk_record(ticket: Ticket, request: OrderRequest, request_hash: str, reasons: list[str]) -> dict[str, Any]:
    """The stored decision: what was asked (by hash), what was looked at, what was decided."""
    reference = risk.reference_price(request, ticket.quote)
    return {
        "request": request_hash,
        "decision": "refused" if reasons else "passed",
        "reference_price": None if reference is None else plain(reference),
        "quote_observed_at": ticket.quote.observed_at if ticket.quote else None,
        "provider": ticket.quote.provider if ticket.quote else None,
        "preset": ticket.preset.stamp,
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _group_of(order_id: UUID, request: OrderRequest) -> dict[str, Any]:
    """What the stored order says of its group and condition: nothing for most."""
    found: dict[str, Any] = {}
    if request.condition is not None:
        condition = request.condition
        found |= {"cond_symbol": condition.symbol, "cond_relation": condition.relation, "held": True}
        found["cond_price"] = plain(condition.price)
    legs = legs_of(request)
    if len(legs) == 1:
        return found
    shared = plain(request.qty) if request.order_class == "oco" else None
    found |= {"role": legs[0][0], "shared_qty": shared}
    found["legs"] = [
        {
            "id": uuid5(order_id, role),
            "role": role,
            "side": leg.side,
            "type": leg.type,
            "qty": plain(leg.qty),
            "limit_price": _text(leg.limit_price),
            "stop_price": _text(leg.stop_price),
            "time_in_force": leg.time_in_force,
            "held": request.order_class != "oco",
            "shared_qty": shared,
        }
        for role, leg in legs[1:]
    ]
    return found
