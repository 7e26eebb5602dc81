"""From a proposal to an order: somebody else, or a fresh proof, confirms exactly the ticket they saw, once.

A confirmation is for the ticket's hash, at a price that has not moved further than the account allows, and lasts two
minutes. The order's key is the proposal's id, so however often and by however many it is sent, there is one order.
"""

from collections.abc import Collection
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.accounts.step_up import require_fresh
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain import risk
from starkmatter.domain.money import plain
from starkmatter.domain.orders import OrderRequest
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, Refused
from starkmatter.trading.approvals import queries
from starkmatter.trading.approvals.records import ApprovalView, Source
from starkmatter.trading.facts import AccountFacts, account_facts
from starkmatter.trading.guarding.cautions import cautions_of, check_codes, require_read
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import canonical_hash, require_confirmed, submit_order
from starkmatter.trading.ticket import Ticket, look_at_market, refusals_of

CONFIRMED_FOR = timedelta(seconds=120)
LIVES = timedelta(hours=24)
LIVES_AT_MOST = timedelta(days=7)
KEPT = timedelta(days=90)
MAX_WAITING = 50
MAX_TEXT_CHARS = 1_000
MAX_DRIFT_PCT = Decimal(20)
PAGE = 100


async def propose(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    request: OrderRequest,
    *,
    thesis: str,
    invalidation: str,
    lives: timedelta = LIVES,
    source: Source | None = None,
) -> ApprovalView:
    """Put an order before those who trade on the account; whoever sees the account may. Nothing is ordered.

    NotFound for an account that is not theirs to see, InvalidInput for a ticket without reasons or that could not be
    an order, Refused when fifty wait already.
    """
    thesis, invalidation = thesis.strip(), invalidation.strip()
    if not thesis or not invalidation:
        raise InvalidInput("Say why the order makes sense, and what would show that it does not.")
    if max(len(thesis), len(invalidation)) > MAX_TEXT_CHARS:
        raise InvalidInput(f"Thesis and invalidation may have {MAX_TEXT_CHARS:,} characters each.")
    if not timedelta(minutes=1) <= lives <= LIVES_AT_MOST:
        raise InvalidInput("A proposal lives for a minute at least and a week at most.")
    if request != _kept(request):
        raise InvalidInput(
            "A proposal has a symbol, a side, a quantity, perhaps a limit, and a time in force without a date. Stops, "
            "amounts of money and orders that belong together are sent by whoever trades."
        )
    account = await b.db.one(AccountFacts, queries.ACCOUNT_SEEN, {"account": account_id, "user": caller.user_id})
    if account is None:
        raise NotFound("There is no such account.")
    ticket = await look_at_market(b, account, request)
    refusals = refusals_of(request, ticket)
    price = risk.reference_price(request, ticket.quote)
    if refusals or price is None:
        raise InvalidInput(" ".join(refusals) or f"There is no price of {request.symbol} right now.")
    now = utc_now()
    if await b.db.value(queries.WAITING_OF, (account_id, now)) >= MAX_WAITING:
        raise Refused(f"{MAX_WAITING} proposals wait on this account already: decide about some of them first.")
    approval_id = uuid4()
    asked = {
        "id": approval_id,
        "account": account_id,
        "user": caller.user_id,
        "source": source or ("person" if caller.scopes is None else "program"),
        "symbol": request.symbol,
        "side": request.side,
        "type": request.type,
        "qty": request.qty,
        "limit_price": request.limit_price,
        "time_in_force": request.time_in_force,
        "thesis": thesis,
        "invalidation": invalidation,
        "hash": canonical_hash(ticket, request),
        "price": price,
        "now": now,
        "expires_at": now + lives,
    }
    async with b.db.transaction() as connection:
        await connection.execute(queries.INSERT, asked)
        about = {"account": account_id, "symbol": request.symbol, "side": request.side, "qty": request.qty}
        await note(connection, caller, "approval.proposed", ("approval", approval_id), after=about)
    return await get_approval(b, caller, approval_id)


def _kept(request: OrderRequest) -> OrderRequest:
    """The parts of a ticket that a proposal keeps; a ticket with others would not be the one that is confirmed."""
    return OrderRequest(
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        qty=request.qty,
        time_in_force=request.time_in_force,
        limit_price=request.limit_price,
    )


async def get_approval(b: Backends, caller: Caller, approval_id: UUID) -> ApprovalView:
    """One proposal; NotFound when it is on an account the caller does not see."""
    found = await b.db.one(ApprovalView, queries.ONE, {"approval": approval_id, "user": caller.user_id})
    if found is None:
        raise NotFound("There is no such proposal.")
    return found


async def list_approvals(b: Backends, caller: Caller, *, waiting: bool = False) -> list[ApprovalView]:
    """Proposals on every account the caller sees, the newest first; only those that wait, if asked."""
    asked = {"user": caller.user_id, "waiting": waiting, "now": utc_now(), "limit": PAGE}
    return await b.db.all(ApprovalView, queries.LIST, asked)


async def count_waiting(b: Backends, caller: Caller) -> int:
    """How many wait for the caller's decision."""
    if not caller.may_trade:
        return 0
    return int(await b.db.value(queries.COUNT_WAITING, {"user": caller.user_id, "now": utc_now()}))


async def confirm(
    b: Backends, caller: Caller, approval_id: UUID, ticket_hash: str, *, acknowledged: Collection[str] = ()
) -> OrderView:
    """Confirm exactly the ticket of that hash and order it.

    Whoever trades on the account may; who proposed it only after a fresh proof (StepUpNeeded). An order of real money
    is its owner's to confirm, above the limit with a second factor for this very ticket (FactorNeeded).
    Refused says, and the audit log keeps, why not: another hash, decided already, expired, or the price has moved too
    far. Unacknowledged when there is something to have read first.
    """
    found = await _to_decide(b, caller, approval_id)
    if found.proposed_by == caller.user_id:
        await require_fresh(b, caller)
    now = utc_now()
    await _still_waits(b, caller, found, ticket_hash)
    account = await account_facts(b.db, caller, found.account_id)
    ticket = await look_at_market(b, account, found.request)
    if canonical_hash(ticket, found.request) != found.ticket_hash:
        await _refuse(b, caller, found, "This ticket is not what was proposed. Propose it again.")
    await _price_holds(b, caller, found, ticket)
    require_read(await cautions_of(b, ticket, found.request), check_codes(acknowledged))
    await require_confirmed(b, caller, found.account_id, found.request, _key_of(approval_id))
    asked = {
        "approval": approval_id,
        "decision": "confirmed",
        "user": caller.user_id,
        "now": now,
        "valid_until": now + CONFIRMED_FOR,
        "hash": ticket_hash,
    }
    if not await b.db.run(queries.DECIDE, asked):
        await _still_waits(b, caller, await get_approval(b, caller, approval_id), ticket_hash)
        await _refuse(b, caller, found, "Somebody else decides about this proposal right now.")
    await note(b, caller, "approval.confirmed", ("approval", approval_id), after={"hash": ticket_hash})
    return await order_confirmed(b, caller, approval_id, ticket_hash, acknowledged=acknowledged)


async def order_confirmed(
    b: Backends, caller: Caller, approval_id: UUID, ticket_hash: str, *, acknowledged: Collection[str] = ()
) -> OrderView:
    """Order what was confirmed within the last two minutes: the second half of `confirm`, for when that was cut short.

    Refused when it was not confirmed, was ordered already, or the two minutes are over.
    """
    found = await _to_decide(b, caller, approval_id)
    state = found.state_at(utc_now())
    if found.ticket_hash != ticket_hash:
        await _refuse(b, caller, found, "This ticket is not the one that was confirmed. Nothing was ordered.")
    if state == "ordered":
        await _refuse(b, caller, found, "This proposal was ordered already: a confirmation counts once.")
    if state != "confirmed":
        await _refuse(b, caller, found, "It is not confirmed, or its two minutes are over. Propose it again.")
    account = await account_facts(b.db, caller, found.account_id)
    await _price_holds(b, caller, found, await look_at_market(b, account, found.request))
    key = _key_of(approval_id)
    order = await submit_order(b, caller, found.account_id, found.request, key, acknowledged=acknowledged)
    if await b.db.run(queries.USED, {"approval": approval_id, "now": utc_now(), "order": order.id}):
        await note(b, caller, "approval.ordered", ("approval", approval_id), after={"order": order.id})
    return order


async def decline(b: Backends, caller: Caller, approval_id: UUID, ticket_hash: str) -> None:
    """Say no: whoever trades on the account; or, who proposed it, withdraw it. Refused when it does not wait."""
    found = await get_approval(b, caller, approval_id)
    mine = found.proposed_by == caller.user_id
    if not mine and not (found.may_confirm and caller.may_trade):
        raise NotAllowed("Whoever trades on the account decides about it.")
    await _still_waits(b, caller, found, ticket_hash)
    decision = "withdrawn" if mine else "declined"
    asked = {
        "approval": approval_id,
        "decision": decision,
        "user": caller.user_id,
        "now": utc_now(),
        "valid_until": None,
        "hash": ticket_hash,
    }
    if not await b.db.run(queries.DECIDE, asked):
        await _refuse(b, caller, found, "Somebody else has just decided about this proposal.")
    await note(b, caller, f"approval.{decision}", ("approval", approval_id))


async def set_drift(b: Backends, caller: Caller, account_id: UUID, drift_pct: Decimal) -> None:
    """How far the price may move between a proposal and its confirmation, in percent; the owner's to say."""
    if (
        not drift_pct.is_finite()
        or not 0 < drift_pct <= MAX_DRIFT_PCT
        or drift_pct != drift_pct.quantize(Decimal("0.01"))
    ):
        raise InvalidInput(f"The price may move between 0.01 and {MAX_DRIFT_PCT} percent.")
    before = await b.db.value(queries.DRIFT, (account_id,))
    asked = {"drift": drift_pct, "account": account_id, "user": caller.user_id}
    if not await b.db.run(queries.SET_DRIFT, asked):
        raise NotFound("There is no such account.")
    was, now = {"drift_pct": before}, {"drift_pct": drift_pct}
    await note(b, caller, "account.drift_set", ("account", account_id), before=was, after=now)


async def forget_approvals(b: Backends) -> int:
    """Delete those of long ago; how many. Their events stay in the audit log."""
    return await b.db.run(queries.FORGET, (utc_now() - KEPT,))


def _key_of(approval_id: UUID) -> str:
    return f"approval-{approval_id}"


async def _to_decide(b: Backends, caller: Caller, approval_id: UUID) -> ApprovalView:
    found = await get_approval(b, caller, approval_id)
    if not caller.may_trade or not found.may_confirm:
        raise NotAllowed("Whoever trades on the account decides about it.")
    return found


async def _still_waits(b: Backends, caller: Caller, found: ApprovalView, ticket_hash: str) -> None:
    if found.ticket_hash != ticket_hash:
        await _refuse(b, caller, found, "This ticket is not the one that waits: look at it again. Nothing was ordered.")
    state = found.state_at(utc_now())
    if state == "expired":
        await _refuse(b, caller, found, "This proposal has expired. Propose it again at today's price.")
    if state != "waiting":
        await _refuse(b, caller, found, f"This proposal was {state} already. Nothing was ordered twice.")


async def _price_holds(b: Backends, caller: Caller, found: ApprovalView, ticket: Ticket) -> None:
    price = risk.reference_price(found.request, ticket.quote)
    if price is None:
        await _refuse(b, caller, found, f"There is no price of {found.symbol} right now, so it cannot be confirmed.")
        return
    allowed = plain(found.drift_pct.normalize())
    moved_pct = abs(price - found.reference_price) / found.reference_price * 100
    if moved_pct > found.drift_pct:
        await _refuse(
            b,
            caller,
            found,
            f"{found.symbol} stood at {found.reference_price:,.2f} when this was proposed and stands at {price:,.2f}: "
            f"{moved_pct:.2f} % is more than the {allowed} % this account allows. Propose it again.",
        )


async def _refuse(b: Backends, caller: Caller, found: ApprovalView, words: str) -> None:
    await note(b, caller, "approval.refused", ("approval", found.id), after={"why": words})
    raise Refused(words, code="not_confirmed")
