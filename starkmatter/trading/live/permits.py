"""The second factor for one order of real money: asked for exactly the ticket that is shown, counted once.

What the person sees is kept before the factor is asked for; only one that their session sees after that, within two
minutes, counts, for this ticket alone. The statement that stores the order uses it up (`alembic/sql/0045_live.sql`).
"""

from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.accounts.step_up import FactorNeeded, factor_ways
from starkmatter.backends import Backends
from starkmatter.domain import risk
from starkmatter.domain.money import plain
from starkmatter.domain.orders import OrderRequest
from starkmatter.errors import NotAllowed, Refused
from starkmatter.trading.brokers.catalog import TITLES
from starkmatter.trading.live import queries
from starkmatter.trading.live.standing import order_worth
from starkmatter.trading.ticket import Ticket

FACTOR_FIRST = "Turn on a second factor first, under Settings, Security: orders of real money ask for it."
CONFIRM = "Confirm it with your second factor: a code or a passkey."
OWNER_ONLY = "Orders of real money are sent by the account's owner alone."
NO_PROGRAM = "A program sends no orders of real money: it may propose one, and the account's owner sends it."


def not_for(caller: Caller, ticket: Ticket) -> str | None:
    """Why this caller may send no order for this account, in words; None on paper, and for its owner signed in."""
    if ticket.account.mode != "live":
        return None
    if caller.scopes is not None or caller.via != "session":
        return NO_PROGRAM
    return None if ticket.account.user_id == caller.user_id else OWNER_ONLY


def needs_factor(ticket: Ticket, worth: Decimal | None) -> bool:
    """Whether an order of this worth takes a second factor of its own."""
    return ticket.account.mode == "live" and (ticket.live is None or ticket.live.asks(worth))


async def require_permit(
    b: Backends, caller: Caller, ticket: Ticket, request: OrderRequest, item: dict[str, Any]
) -> None:
    """Nothing on paper and below the limit; else the order has to be confirmed with a second factor.

    FactorNeeded asks for one, or for a new one; once it was given the same call with the same key goes through.
    NotAllowed for programs, for whoever is not the owner and for a person without a second factor. Refused when the
    price has moved since the ticket was shown by more than the account allows, and when the owner's rules allow no more
    real money that day.
    """
    if ticket.account.mode != "live":
        return
    order_id: UUID = item["id"]
    if await b.db.value(queries.ORDER_EXISTS, (order_id, ticket.account.id)):
        return  # The same key again: whatever became of it is told, and nothing new is sent.
    words = not_for(caller, ticket)
    if words is not None:
        await note(b, caller, "live.refused", ("account", ticket.account.id), after={"why": words})
        raise NotAllowed(words, code="not_live")
    price = _figure(item["price"])
    worth = order_worth(request, price)
    words = await day_refusal(b, ticket, request, worth, order_id)
    if words is not None:
        raise Refused(f"{words} Nothing was ordered.", code="live_per_day")
    if not needs_factor(ticket, worth):
        return
    who = {"order": order_id, "user": caller.user_id, "session": caller.session_id}
    asked = await b.db.tuples(queries.ASKED, who | {"hash": item["request_hash"]})
    if asked and await b.db.value(queries.APPROVE, who):
        await _price_holds(b, caller, ticket, item, asked[0][0], price)
        about = {"account": ticket.account.id, "symbol": item["symbol"], "side": item["side"], "qty": item["qty"]}
        await note(b, caller, "live.confirmed", ("order", order_id), after=about | {"hash": item["request_hash"]})
        return
    ways = await factor_ways(b, caller)
    if not ways:
        raise NotAllowed(FACTOR_FIRST, code="no_second_factor")
    await b.db.tuples(queries.ASK, who | {"item": orjson.dumps(item).decode()})
    raise FactorNeeded(f"{live_words(ticket, worth)} {CONFIRM}", details={"accepted": ways, "live": True})


async def day_refusal(
    b: Backends, ticket: Ticket, request: OrderRequest, worth: Decimal | None, order_id: UUID
) -> str | None:
    """Why the owner's rule about a day's real money does not take this order, in words; None when it does.

    The database asks once more, under the account's lock.
    """
    qty = risk.sized_qty(request, ticket.quote)
    asked = {"account": ticket.account.id, "symbol": request.symbol, "side": request.side, "qty": qty}
    words: str | None = await b.db.value(queries.DAY_WORDS, asked | {"order": order_id, "worth": worth})
    return words


def live_words(ticket: Ticket, worth: Decimal | None) -> str:
    """What an order of real money does, for whoever is about to send it."""
    broker = TITLES.get(ticket.account.broker, ticket.account.broker)
    about = "" if worth is None else f" It may move {worth:,.2f} {ticket.account.currency}."
    day = ""
    if ticket.live is not None and ticket.live.day_most is not None:
        ordered, most = ticket.live.day_ordered, ticket.live.day_most
        day = f" Today {ordered:,.2f} of {most:,.2f} {ticket.account.currency} are ordered."
    return f"LIVE: this order goes to {broker} and moves real money.{about}{day}"


async def forget_asked(b: Backends) -> int:
    """Delete what was asked long ago; how many. Permits stay, and so do the events in the audit log."""
    return await b.db.run(queries.FORGET)


async def _price_holds(
    b: Backends, caller: Caller, ticket: Ticket, item: dict[str, Any], shown: Decimal | None, price: Decimal | None
) -> None:
    """What was confirmed was confirmed at a price: too far from it the ticket has to be looked at again."""
    allowed: Decimal = await b.db.value(queries.DRIFT, (ticket.account.id,))
    if shown is None and price is None:
        return
    if shown is None or price is None:
        words = f"There is no price of {item['symbol']} to hold the confirmed one against. Review the order again."
    elif abs(price - shown) / shown * 100 <= allowed:
        return
    else:
        words = (
            f"{item['symbol']} stood at {shown:,.2f} when you were asked and stands at {price:,.2f}: that is more than "
            f"the {plain(allowed.normalize())} % this account allows. Nothing was ordered; review the order again."
        )
    await b.db.run(queries.DROP_ASKED, {"order": item["id"], "user": caller.user_id})
    await note(b, caller, "live.refused", ("order", item["id"]), after={"why": words})
    raise Refused(words, code="price_moved")


def _figure(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
