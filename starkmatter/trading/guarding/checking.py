"""Asks what an account's switches and rules say to an order: before the click, and before the worker sends.

The decision that counts is made under the account's lock, in `submit_orders`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain import risk
from starkmatter.domain.money import plain
from starkmatter.domain.orders import OrderRequest
from starkmatter.errors import Unavailable
from starkmatter.market.board import QuoteBoard
from starkmatter.trading.guarding import queries
from starkmatter.trading.ticket import Ticket


async def marks_of(b: Backends, ticket: Ticket) -> dict[str, Any]:
    """The newest price of everything the account holds and when its venue's session opened, as the database takes them.

    What has no price is there as None: it counts at cost.
    """
    symbols = [row[0] for row in await b.db.tuples(queries.HELD_SYMBOLS, (ticket.account.id,))]
    try:
        quotes = await QuoteBoard(b.cache).quotes(ticket.account.venue, symbols)
    except Unavailable:
        quotes = {}
    marks = {symbol: plain(quotes[symbol].last) if symbol in quotes else None for symbol in symbols}
    day_start: datetime | None = None
    if ticket.clock is not None and ticket.clock.session_on is not None:
        day_start = await b.db.value(queries.SESSION_OPEN, (ticket.clock.session_on,))
    return {"marks": marks, "day_start": day_start}


async def own_refusals(b: Backends, ticket: Ticket, request: OrderRequest) -> list[str]:
    """Why the account's own switches and rules would refuse the order now, one sentence each."""
    price = risk.reference_price(request, ticket.quote)
    order: dict[str, Any] = {
        "symbol": request.symbol,
        "side": request.side,
        "qty": plain(request.qty),
        "price": None if price is None else plain(price),
        "session_on": ticket.session_on(utc_now().date()),
    }
    words, needs_marks = await _words(b, ticket, order)
    if needs_marks:
        words, _ = await _words(b, ticket, order | await marks_of(b, ticket))
    return words


async def _words(b: Backends, ticket: Ticket, order: dict[str, Any]) -> tuple[list[str], bool]:
    asked = {"account": ticket.account.id, "order": orjson.dumps(order).decode()}
    rows = await b.db.tuples(queries.GUARD_WORDS, asked)
    return (rows[0][0], rows[0][1]) if rows else ([], False)


async def stopped(
    connection: Connection, account_id: UUID, symbol: str, side: str, qty: Decimal, order_id: UUID
) -> str | None:
    """Why a switch keeps this stored order from being sent, in words; None when none does."""
    asked = {"account": account_id, "symbol": symbol, "side": side, "qty": qty, "order": order_id}
    row = await (await connection.execute(queries.STOPPED, asked)).fetchone()
    return None if row is None else row[0]
