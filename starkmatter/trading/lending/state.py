"""Where a margin account stands at the newest prices, and what an order would make of it.

A position without a price counts at its cost, as the database has it where an order is judged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import orjson

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.margin import MarginState, Position, margin_state
from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.orders import OrderRequest
from starkmatter.domain.presets import preset_of
from starkmatter.domain.quotes import Venue
from starkmatter.domain.risk import Reservation
from starkmatter.errors import NotFound, Unavailable
from starkmatter.market.board import QuoteBoard
from starkmatter.trading.guarding.checking import marks_of
from starkmatter.trading.lending import queries
from starkmatter.trading.lending.records import CallView, Held, LendingAccount, MarginView
from starkmatter.trading.ticket import Ticket

CALLS_SHOWN = 20


def positions_at(held: Iterable[Held], prices: Mapping[str, Decimal]) -> list[Position]:
    """What is held, priced; at its cost where there is no price."""
    return [
        Position(one.symbol, one.signed_qty, prices.get(one.symbol) or abs(one.cost_basis / one.signed_qty))
        for one in held
    ]


async def margin_of(b: Backends, caller: Caller, account_id: UUID) -> MarginView:
    """How a margin account stands; NotFound when it is not the caller's to see, or a cash account."""
    asked = {"account": account_id, "user": caller.user_id, "limit": CALLS_SHOWN}
    account = await b.db.one(LendingAccount, queries.LENDING_ACCOUNT, asked)
    if account is None or account.kind != "margin":
        raise NotFound("There is no such margin account.")
    held = await b.db.all(Held, queries.HELD, ([account_id],))
    prices = await newest_prices(b, account.venue, [one.symbol for one in held])
    state = margin_state(account.cash, positions_at(held, prices))
    terms = preset_of(account.preset).financing
    return MarginView(
        account_id=account_id,
        currency=account.currency,
        cash=account.cash,
        reserved=account.reserved,
        state=state,
        buying_power=max(ZERO, state.buying_power - account.reserved),
        interest_ratio=terms.margin_yearly_ratio,
        borrow_ratio=terms.borrow.yearly_ratio,
        charged_through=account.financed_through,
        unpriced=[one.symbol for one in held if one.symbol not in prices],
        calls=await b.db.all(CallView, queries.CALLS, asked),
    )


async def newest_prices(b: Backends, venue: Venue, symbols: list[str]) -> dict[str, Decimal]:
    """The last price of each symbol that has one; empty while the market does not answer."""
    try:
        quotes = await QuoteBoard(b.cache).quotes(venue, symbols)
    except Unavailable:
        return {}
    return {symbol: quote.last for symbol, quote in quotes.items()}


@dataclass(frozen=True, slots=True)
class Judged:
    """What a margin account says to an order: whether it opens a position, why it would not be taken, where it stands.

    `after` is where it would stand once the order had filled at `price`; None without a price. `free` is the buying
    power that open orders leave.
    """

    opens: bool
    words: str | None
    free: Decimal
    reserved: Decimal
    now: MarginState
    after: MarginState | None
    cash_after: Decimal | None


async def judge(
    b: Backends,
    ticket: Ticket,
    request: OrderRequest,
    qty: Decimal,
    reservation: Reservation,
    price: Decimal | None,
    cash: Decimal,
) -> Judged:
    """Ask what the database would decide. `cash` is what the order would move, signed, at `price`."""
    marks = (await marks_of(b, ticket))["marks"]
    order = {
        "symbol": request.symbol,
        "side": request.side,
        "qty": plain(qty),
        "notional": None if request.notional is None else plain(request.notional),
        "allow_short": request.allow_short,
        "legs": None if request.order_class == "simple" else [],
        "reserve": plain(reservation.total),
        "marks": marks,
    }
    asked = {"account": ticket.account.id, "order": orjson.dumps(order).decode()}
    [(opens, words, _)] = await b.db.tuples(queries.MARGIN_WORDS, asked)
    account = await b.db.one(LendingAccount, queries.LENDING_ACCOUNT, asked | {"user": ticket.account.user_id})
    held = await b.db.all(Held, queries.HELD, ([ticket.account.id],))
    if account is None:
        raise NotFound("There is no such account.")
    prices = {symbol: Decimal(mark) for symbol, mark in marks.items() if mark is not None}
    now = margin_state(account.cash, positions_at(held, prices))
    after = None
    if price is not None:
        signed = {one.symbol: one.signed_qty for one in held}
        signed[request.symbol] = signed.get(request.symbol, ZERO) + (qty if request.side == "buy" else -qty)
        costs = {one.symbol: abs(one.cost_basis / one.signed_qty) for one in held}
        mark = prices.get(request.symbol) or price
        positions = [
            Position(symbol, one, mark if symbol == request.symbol else prices.get(symbol) or costs[symbol])
            for symbol, one in signed.items()
        ]
        after = margin_state(account.cash + cash, positions)
    free = max(ZERO, now.buying_power - account.reserved)
    return Judged(opens, words, free, account.reserved, now, after, None if price is None else account.cash + cash)
