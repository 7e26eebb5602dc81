"""Orders the analyst proposes: a ticket filled in for its person to review. Nothing here sends anything.

A proposal is single use, lives ten minutes and is bound to the exact ticket by a hash; an order that differs from it is
the person's own.
"""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Literal
from uuid import UUID, uuid4

import orjson
from pydantic import Field

from starkmatter.accounts.records import Caller
from starkmatter.assistant import queries
from starkmatter.assistant.history import PROPOSE
from starkmatter.assistant.ports import Block
from starkmatter.assistant.records import Proposal
from starkmatter.assistant.toolbox import Args, Symbol, as_json, schema_of
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.orders import OrderRequest, parts_of
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, Refused
from starkmatter.market.service import get_instrument
from starkmatter.trading.approvals.records import ApprovalView
from starkmatter.trading.approvals.service import propose
from starkmatter.trading.facts import account_facts
from starkmatter.trading.preview import preview_order
from starkmatter.trading.records import OrderView

LIVES = timedelta(minutes=10)
KEPT = timedelta(days=1)
NO_MORE = (
    "This conversation has read text from outside, so it proposes no orders. Tell the person that they can fill in the "
    "ticket themselves or start a new conversation."
)

Amount = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=6, allow_inf_nan=False)]


class Ticket(Args):
    """The ticket to fill in: shares and prices as text, such as "10"."""

    account_id: UUID
    symbol: Symbol
    side: Literal["buy", "sell"]
    type: Literal["market", "limit"]
    qty: Amount
    limit_price: Amount | None = None
    time_in_force: Literal["day", "gtc"] = "day"
    why: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


OFFER: Block = {
    "name": PROPOSE,
    "description": "Fill in an order ticket for the person to review; it is not sent. Give the reason in a sentence.",
    "input_schema": schema_of(Ticket),
}


async def propose_order(b: Backends, caller: Caller, chat_id: UUID, ticket: Ticket) -> Proposal:
    """Preview the ticket and keep it as a proposal. It never submits.

    NotAllowed for a viewer, NotFound for an account or symbol that is not there, Refused when the conversation has read
    text from outside.
    """
    if not caller.may_trade:
        raise NotAllowed("This person's role may look but not trade.")
    if (ticket.type == "limit") != (ticket.limit_price is not None):
        raise InvalidInput("limit_price: needed for a limit order, and for no other.")
    account = await account_facts(b.db, caller, ticket.account_id)
    await get_instrument(b.db, ticket.symbol, venue=account.venue)
    request = OrderRequest(
        ticket.symbol, ticket.side, ticket.type, ticket.qty, ticket.time_in_force, ticket.limit_price
    )
    seen = await preview_order(b, caller, ticket.account_id, request)
    now = utc_now()
    found = await b.db.value(
        queries.PUT_PROPOSAL,
        {
            "id": uuid4(),
            "owner": caller.user_id,
            "chat": chat_id,
            "account": ticket.account_id,
            "symbol": ticket.symbol,
            "side": ticket.side,
            "type": ticket.type,
            "qty": ticket.qty,
            "limit_price": ticket.limit_price,
            "time_in_force": ticket.time_in_force,
            "why": ticket.why,
            "hash": ticket_hash(ticket.account_id, request),
            "preview": orjson.dumps(as_json(asdict(seen))).decode(),
            "now": now,
            "expires_at": now + LIVES,
        },
    )
    if found is None:
        raise Refused(NO_MORE, code="outside_text")
    return await get_proposal(b, caller, found)


async def get_proposal(b: Backends, caller: Caller, proposal_id: UUID) -> Proposal:
    """One proposal; NotFound when it is absent or somebody else's."""
    found = await b.db.one(Proposal, queries.PROPOSAL, {"proposal": proposal_id, "owner": caller.user_id})
    if found is None:
        raise NotFound("There is no such proposal.")
    return found


async def list_proposals(b: Backends, caller: Caller, chat_id: UUID) -> list[Proposal]:
    """Every proposal of a conversation, oldest first."""
    return await b.db.all(Proposal, queries.PROPOSALS, {"chat": chat_id, "owner": caller.user_id})


async def open_proposal(b: Backends, caller: Caller, proposal_id: UUID) -> Proposal:
    """A proposal that can still be taken, for the ticket; Refused says why it cannot."""
    found = await get_proposal(b, caller, proposal_id)
    state = found.state_at(utc_now())
    if state == "used":
        raise Refused("This proposal was taken already; its order is on the Orders page.")
    if state == "expired":
        raise Refused("This proposal is older than ten minutes and has expired. Ask the analyst again.")
    return found


async def use_proposal(b: Backends, caller: Caller, proposal_id: UUID, order: OrderView) -> bool:
    """Mark it as taken by the order; False when the order is not exactly what was proposed, or another one took it."""
    if order.group_id is not None:
        return False  # A proposal is of one order.
    params = {
        "proposal": proposal_id,
        "owner": caller.user_id,
        "order": order.id,
        "hash": ticket_hash(order.account_id, order.request),
        "now": utc_now(),
    }
    return await b.db.run(queries.USE_PROPOSAL, params) == 1


async def send_to_approvals(b: Backends, caller: Caller, proposal_id: UUID, invalidation: str) -> ApprovalView:
    """Put the proposal, exactly as it is, into the queue of approvals; Refused when it was taken or has expired."""
    found = await open_proposal(b, caller, proposal_id)
    return await propose(
        b, caller, found.account_id, found.request, thesis=found.why, invalidation=invalidation, source="assistant"
    )


async def forget_proposals(b: Backends) -> int:
    """Delete those nobody took in time; how many."""
    return await b.db.run(queries.FORGET_PROPOSALS, {"before": utc_now() - KEPT})


def ticket_hash(account_id: UUID, request: OrderRequest) -> str:
    """SHA-256 over everything a ticket says."""
    return sha256("|".join((str(account_id), *parts_of(request))).encode()).hexdigest()
