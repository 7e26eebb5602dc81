"""Calls for more equity: made, met, and answered by closing positions when nobody met them.

A call comes as soon as an account's equity lies below what it has to keep, and is to be met until the next session
opens: with cash, by closing positions or by the market. Then, or at once when less than half of what has to be kept is
left, the worker takes the open orders back and closes at the market what `domain.margin.liquidation` says: as few
positions as can be. It goes on until the account keeps enough. A kill switch that takes no order keeps these back too.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import orjson
import structlog

from starkmatter.accounts.audit.records import SYSTEM
from starkmatter.accounts.audit.trail import note
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.margin import Closing, MarginState, Position, liquidation, margin_state
from starkmatter.domain.money import plain
from starkmatter.domain.orders import OrderRequest
from starkmatter.domain.quotes import VenueClock
from starkmatter.domain.risk import NOTHING
from starkmatter.trading.events import announce_order, wake_worker
from starkmatter.trading.facts import AccountFacts
from starkmatter.trading.lending import queries
from starkmatter.trading.lending.records import CallView, LendingAccount
from starkmatter.trading.submit import hand_in, item_of, order_id_for
from starkmatter.trading.ticket import PAPER, look_at_market, refusals_of

AT_ONCE_BELOW = Decimal("0.5")
CANCEL_LIMIT = 500
A_DAY = timedelta(days=1)
AGAIN_AFTER = timedelta(minutes=1)

log = structlog.get_logger("lending")


@dataclass(frozen=True, slots=True)
class Told:
    """Something its owner has to hear about a call; `key` makes it be told once."""

    user_id: UUID
    key: str
    subject: str
    words: str


async def follow_call(
    b: Backends, account: LendingAccount, positions: list[Position], call: CallView | None, clock: VenueClock
) -> Told | None:
    """Look at one account once: make a call, end it, or close positions for it. What its owner has to hear, if any."""
    state = margin_state(account.cash, positions)
    if call is None:
        return await _call(b, account, state, clock) if state.call > 0 else None
    if state.call == 0:
        [(_, ours)] = await b.db.tuples(queries.OPEN_ORDERS, (account.id,))
        return None if ours else await _end(b, account, call, state, clock)
    if clock.state != "open":
        return None
    told = None
    if call.state == "open":
        if clock.venue_now < call.due_at and state.equity >= state.maintenance * AT_ONCE_BELOW:
            return None
        told = await _begin_closing(b, account, call, state, clock)
    await _close(b, account, positions, call, clock)
    return told


async def _call(b: Backends, account: LendingAccount, state: MarginState, clock: VenueClock) -> Told | None:
    call_id, now = uuid4(), utc_now()
    due_at = clock.next_open or clock.venue_now + A_DAY
    async with b.db.transaction() as connection:
        put = await connection.execute(
            queries.PUT_CALL,
            {
                "id": call_id,
                "account": account.id,
                "called_at": clock.venue_now,
                "due_at": due_at,
                "equity": state.equity,
                "maintenance": state.maintenance,
                "now": now,
            },
        )
        if put.rowcount != 1:
            return None
        about = {"equity": state.equity, "maintenance": state.maintenance, "missing": state.call, "due": due_at}
        await note(connection, SYSTEM, "margin.called", ("account", account.id), after=about)
    words = (
        f"{account.name}: {state.call:,.2f} {account.currency} of equity are missing. Add cash or close positions "
        "before the next session opens; else positions are closed for you."
    )
    return Told(account.user_id, f"margin-call:{call_id}", f"Margin call: {account.name}", words)


async def _end(
    b: Backends, account: LendingAccount, call: CallView, state: MarginState, clock: VenueClock
) -> Told | None:
    end = "met" if call.state == "open" else "closed"
    words = f"{account.name} keeps enough again: {state.equity:,.2f} of {state.maintenance:,.2f} {account.currency}."
    moved = {"id": call.id, "state": end, "from": ["open", "closing"], "words": words, "ended_at": clock.venue_now}
    async with b.db.transaction() as connection:
        if (await connection.execute(queries.MOVE_CALL, moved)).rowcount != 1:
            return None
        await note(connection, SYSTEM, f"margin.call_{end}", ("account", account.id), after={"words": words})
    return Told(account.user_id, f"margin-{end}:{call.id}", f"Margin call ended: {account.name}", words)


async def _begin_closing(
    b: Backends, account: LendingAccount, call: CallView, state: MarginState, clock: VenueClock
) -> Told | None:
    due = "was not met in time" if clock.venue_now >= call.due_at else "could not wait: less than half is left"
    words = (
        f"{account.name}: the margin call {due}. {state.call:,.2f} {account.currency} are missing: open orders are "
        "taken back and positions closed at the market until enough is kept."
    )
    moved = {"id": call.id, "state": "closing", "from": ["open"], "words": words, "ended_at": None}
    async with b.db.transaction() as connection:
        if (await connection.execute(queries.MOVE_CALL, moved)).rowcount != 1:
            return None
        await note(connection, SYSTEM, "margin.closing", ("account", account.id), after={"words": words})
    return Told(account.user_id, f"margin-closing:{call.id}", f"Positions are closed: {account.name}", words)


async def _close(
    b: Backends, account: LendingAccount, positions: list[Position], call: CallView, clock: VenueClock
) -> None:
    """Take the owner's orders back, and once none is left, order what has to be closed; one round after the other."""
    [(theirs, ours)] = await b.db.tuples(queries.OPEN_ORDERS, (account.id,))
    if theirs:
        clocks = orjson.dumps({account.venue: clock.venue_now}).decode()
        asked = {"accounts": [account.id], "clocks": clocks, "limit": CANCEL_LIMIT, "now": utc_now()}
        for order_id, owner, _, _, symbol, status in await b.db.tuples(queries.CANCEL_OPEN, asked):
            announce_order(b.cache, {owner}, order_id, status, symbol)
        wake_worker(b.cache, account.venue)
        return
    if ours:
        return
    asked = {"account": account.id, "call": str(call.id)}
    [(number, refused_at)] = await b.db.tuples(queries.ORDERS_OF_CALL, asked)
    if refused_at is not None and utc_now() - refused_at < AGAIN_AFTER:
        return
    for closing in liquidation(account.cash, positions):
        await _order(b, account, closing, call, number)
        number += 1


async def _order(b: Backends, account: LendingAccount, closing: Closing, call: CallView, number: int) -> None:
    facts = AccountFacts(
        account.id, account.user_id, account.venue, PAPER, "paper", account.currency, account.preset, "margin"
    )
    request = OrderRequest(closing.symbol, closing.side, "market", closing.qty)
    ticket = await look_at_market(b, facts, request)
    reasons = refusals_of(request, ticket)
    if reasons:
        log.warning(
            "a position is not closed yet", account_id=str(account.id), symbol=closing.symbol, why=reasons[0][:100]
        )
        return
    order_id = order_id_for(account.id, f"margin-{call.id}-{number}")
    item = item_of(ticket, request, order_id, [], NOTHING)
    item |= {"user_id": account.user_id, "cautions": False, "words": "Sent to meet a margin call."}
    if ticket.quote is not None:
        item["reserve_per_share"] = plain(_worst(ticket.quote.ask or ticket.quote.last))
    item["risk"] |= {"via": "margin call", "call": str(call.id)}
    result = await hand_in(b, ticket, item)
    if result.outcome == "taken":
        wake_worker(b.cache, account.venue)
        announce_order(b.cache, {account.user_id}, order_id, "pending_submit", closing.symbol)
    else:
        log.warning("a position is not closed", account_id=str(account.id), symbol=closing.symbol, why=result.reason)


def _worst(price: Decimal) -> Decimal:
    return price * 2  # What has to be bought back is bought back: the collar of ordinary orders does not hold it.
