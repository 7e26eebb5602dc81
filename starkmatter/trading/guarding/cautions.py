"""Finds what somebody has to have read before this order: for the preview, and for the gate where it asks.

The gate asks only where the account's row says that there may be something, so an ordinary order reads nothing more.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain import cautions, risk
from starkmatter.domain.cautions import Caution, PastFill
from starkmatter.domain.lot_book import WASH_WINDOW
from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import OrderRequest
from starkmatter.domain.sessions import exchange_day
from starkmatter.domain.settlement import CashMove
from starkmatter.errors import Conflict, InvalidInput
from starkmatter.trading.guarding import queries
from starkmatter.trading.guarding.checking import marks_of
from starkmatter.trading.settling import calendar_around
from starkmatter.trading.ticket import Ticket, reservation_of


class Unacknowledged(Conflict):
    """There is something to have read first; `details["warnings"]` says what. Nothing was stored."""

    code = "warnings_unacknowledged"
    title = "Read the warnings first"


@dataclass(frozen=True, slots=True)
class _Held:
    symbol: str
    signed_qty: Decimal
    cost_basis: Decimal


async def cautions_of(b: Backends, ticket: Ticket, request: OrderRequest) -> list[Caution]:
    """Everything to have read before the order as it stands; empty for an order that cannot be judged anyway."""
    now = utc_now()
    venue_now = ticket.clock.venue_now if ticket.clock else now
    account_id = ticket.account.id
    asked = {
        "account": account_id,
        "symbol": request.symbol,
        "side": request.side,
        "qty": request.qty,
        "notional": request.notional,
        "since": now - cautions.SAME_WITHIN,
    }
    sent_at: datetime | None = await b.db.value(queries.SENT_LATELY, asked)
    found = [cautions.duplicate(request, sent_at, now)]
    if request.side == "buy":
        since = venue_now - WASH_WINDOW
        fills = await b.db.all(PastFill, queries.FILLS_SINCE, (account_id, since))
        found.append(cautions.wash_sale(request, fills, venue_now))
    else:
        found.append(await _good_faith(b, ticket, request, venue_now))
    return [one for one in found if one is not None]


def check_codes(codes: Collection[str]) -> frozenset[str]:
    """The acknowledged codes; InvalidInput for one that does not exist."""
    unknown = sorted(set(codes) - set(cautions.CODES))
    if unknown:
        raise InvalidInput(f"acknowledge: there is no warning {unknown[0][:40]!r}.")
    return frozenset(codes)


def require_read(found: Collection[Caution], acknowledged: Collection[str]) -> None:
    """Raise Unacknowledged unless every caution was read."""
    unread = [one for one in found if one.code not in acknowledged]
    if unread:
        details = {"warnings": [{"code": one.code, "text": one.text} for one in unread]}
        raise Unacknowledged(" ".join(one.text for one in unread), details=details)


async def crowding(b: Backends, ticket: Ticket, request: OrderRequest) -> str | None:
    """What to think about when much of the account would lie in one symbol; for the preview alone."""
    price = risk.reference_price(request, ticket.quote)
    if price is None or ticket.instrument is None or request.side == "sell":
        return None
    cash = Decimal(await b.db.value(queries.CASH, (ticket.account.id,)))
    cost = reservation_of(request, ticket).total
    if cost <= cash * cautions.BIG_PART_OF_CASH:
        return None
    marks = (await marks_of(b, ticket))["marks"]
    equity, held = cash, ZERO
    for one in await b.db.all(_Held, queries.HELD, (ticket.account.id,)):
        mark = marks.get(one.symbol)
        equity += one.cost_basis if mark is None else one.signed_qty * Decimal(mark)
        held += one.signed_qty if one.symbol == request.symbol else ZERO
    after = (held + request.qty) * price if request.notional is None else held * price + request.notional
    return cautions.concentration(request, cost=cost, cash=cash, position_after=after, equity=equity)


async def _good_faith(b: Backends, ticket: Ticket, request: OrderRequest, venue_now: datetime) -> Caution | None:
    if ticket.account.lends:
        return None  # What is bought with borrowed money is paid.
    fills = await b.db.all(PastFill, queries.FILLS_SINCE, (ticket.account.id, venue_now - cautions.SETTLING))
    if not any(one.side == "sell" for one in fills):
        return None
    paid = await b.db.tuples(queries.PAID_SINCE, (ticket.account.id, venue_now - cautions.SETTLING))
    held = await b.db.all(_Held, queries.HELD, (ticket.account.id,))
    return cautions.good_faith(
        request,
        fills,
        await calendar_around(b, exchange_day(venue_now)),
        qty=risk.sized_qty(request, ticket.quote),
        paid_in=[CashMove(moved, exchange_day(at)) for at, moved in paid],
        cash=Decimal(await b.db.value(queries.CASH, (ticket.account.id,))),
        held_qty=sum((one.signed_qty for one in held if one.symbol == request.symbol), ZERO),
        venue_now=venue_now,
    )
