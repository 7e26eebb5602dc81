"""What an order would do, before the click: cost, fees, buying power and position after, refusals in words."""

from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain import risk
from starkmatter.domain.fees import total
from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.ledger import book_fill
from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.orders import OrderRequest
from starkmatter.domain.sessions import exchange_day
from starkmatter.trading import queries
from starkmatter.trading.guarding.cautions import cautions_of, crowding
from starkmatter.trading.guarding.checking import own_refusals
from starkmatter.trading.records import OrderPreview
from starkmatter.trading.ticket import Ticket, open_ticket, refusals_of


@dataclass(frozen=True, slots=True)
class _Held:
    signed_qty: Decimal = ZERO
    cost_basis: Decimal = ZERO
    reserved_qty: Decimal = ZERO


async def preview_order(b: Backends, caller: Caller, account_id: UUID, request: OrderRequest) -> OrderPreview:
    """Estimate at the newest quote; nothing is stored. NotFound when the account is not the caller's."""
    ticket = await open_ticket(b, caller, account_id, request)
    held = await b.db.one(_Held, queries.HOLDING_OF, (account_id, request.symbol)) or _Held()
    free: Decimal = await b.db.value(queries.FREE_CASH, (account_id,))
    seen = estimate(request, ticket, held, free)
    if seen.refusals:
        return seen
    crowded = await crowding(b, ticket, request)
    return replace(
        seen,
        refusals=await own_refusals(b, ticket, request),
        warnings=[*seen.warnings, crowded] if crowded else seen.warnings,
        cautions=await cautions_of(b, ticket, request),
    )


def estimate(request: OrderRequest, ticket: Ticket, held: _Held, free_cash: Decimal) -> OrderPreview:
    """The preview from what is known; figures that need a price are None without one."""
    refusals = refusals_of(request, ticket)
    warnings = risk.warnings(request, ticket.quote, ticket.clock)
    price = risk.reference_price(request, ticket.quote)
    if price is not None and request.limit_price is not None:
        better = min if request.side == "buy" else max
        price = better(price, request.limit_price)
    signed = request.qty if request.side == "buy" else -request.qty
    if price is None or ticket.instrument is None or not _can_be_priced(price, request):
        return OrderPreview(
            None, None, None, None, free_cash, None, held.signed_qty, held.signed_qty + signed, None, refusals, warnings
        )
    on = None if ticket.clock is None else exchange_day(ticket.clock.venue_now)
    fees = total(ticket.preset.fees.lines(request.side, request.qty, price, on=on))
    cash = book_fill(request.side, request.symbol, request.qty, price, fees, ticket.account.currency).cash
    reservation = risk.reserve(request, ticket.quote, ticket.instrument, ticket.preset)
    realized = None
    sellable = held.signed_qty - held.reserved_qty
    if request.side == "sell":
        if request.qty > sellable:
            refusals = [
                *refusals,
                f"You can sell {plain(max(sellable, ZERO))} {request.symbol} at most: "
                "short selling is not offered on this account.",
            ]
        else:
            before = HoldingState(held.signed_qty, held.cost_basis)
            realized = after_fill(before, "sell", request.qty, cash).realized_pl
    elif reservation.total > free_cash:
        refusals = [
            *refusals,
            f"Buying power is {free_cash:,.2f} {ticket.account.currency} and this order needs "
            f"{reservation.total:,.2f} {ticket.account.currency}.",
        ]
    return OrderPreview(
        est_price=price,
        est_cost=-cash,
        est_fees=fees,
        reserve=reservation.total,
        buying_power=free_cash,
        buying_power_after=free_cash - reservation.total if request.side == "buy" else free_cash + cash,
        signed_qty=held.signed_qty,
        signed_qty_after=held.signed_qty + signed,
        realized_pl=realized,
        refusals=refusals,
        warnings=warnings,
    )


def _can_be_priced(price: Decimal, request: OrderRequest) -> bool:
    """Whether the figures mean anything: a positive quantity at a positive price."""
    return price > 0 and 0 < request.qty <= risk.MAX_ORDER_QTY
