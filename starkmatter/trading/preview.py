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
from starkmatter.domain.money import ZERO, plain, to_micros
from starkmatter.domain.orders import OrderRequest, opens_short
from starkmatter.domain.sessions import exchange_day
from starkmatter.trading import queries
from starkmatter.trading.guarding.cautions import cautions_of, crowding
from starkmatter.trading.guarding.checking import own_refusals
from starkmatter.trading.lending.state import judge
from starkmatter.trading.lending.words import lending_words
from starkmatter.trading.live.permits import day_refusal, live_words, needs_factor, not_for
from starkmatter.trading.live.standing import order_worth
from starkmatter.trading.records import OrderPreview
from starkmatter.trading.settling import settling_of
from starkmatter.trading.ticket import PAPER, Ticket, open_ticket, refusals_of, reservation_of


@dataclass(frozen=True, slots=True)
class _Held:
    signed_qty: Decimal = ZERO
    cost_basis: Decimal = ZERO
    reserved_qty: Decimal = ZERO


async def preview_order(
    b: Backends, caller: Caller, account_id: UUID, request: OrderRequest, *, in_place: bool = False
) -> OrderPreview:
    """Estimate at the newest quote; nothing is stored. NotFound when the account is not the caller's.

    `in_place`: it takes a resting order's place, so what it needs is not held against what is free; whether that is
    enough is said when the change is asked for.
    """
    ticket = await open_ticket(b, caller, account_id, request)
    held = await b.db.one(_Held, queries.HOLDING_OF, (account_id, request.symbol)) or _Held()
    free: Decimal = await b.db.value(queries.FREE_CASH, (account_id,))
    seen = estimate(request, ticket, held, free, in_place=in_place)
    if ticket.account.lends:
        seen = await _with_margin(b, request, ticket, held, seen, in_place=in_place)
    whose = not_for(caller, ticket)
    if whose is not None:
        seen = replace(seen, refusals=[whose, *seen.refusals])
    if seen.refusals:
        return seen
    own = await own_refusals(b, ticket, request)
    if ticket.account.mode == "live":
        worth = order_worth(request, risk.reference_price(request, ticket.quote))
        seen = replace(seen, live=live_words(ticket, worth), needs_factor=needs_factor(ticket, worth))
        day = await day_refusal(b, ticket, request, worth, UUID(int=0))
        own = [*own, day] if day else own
    crowded = await crowding(b, ticket, request)
    return replace(
        seen,
        notes=[*seen.notes, *await _paid_with_proceeds(b, request, ticket, seen)],
        refusals=own,
        warnings=[*seen.warnings, crowded] if crowded else seen.warnings,
        cautions=await cautions_of(b, ticket, request),
    )


async def _paid_with_proceeds(b: Backends, request: OrderRequest, ticket: Ticket, seen: OrderPreview) -> list[str]:
    """What of a purchase in a paper cash account is paid with proceeds that have yet to settle, in words."""
    account = ticket.account
    plain_cash = account.broker == PAPER and not account.lends
    if request.side != "buy" or not plain_cash or ticket.clock is None or seen.est_cost is None:
        return []
    cash: Decimal = await b.db.value(queries.CASH_OF, (account.id,))
    found = (await settling_of(b, {account.id: cash}, ticket.clock.venue_now))[account.id]
    early = seen.est_cost - found.state.spendable_settled
    if early <= 0 or found.settled_on is None:
        return []
    return [
        f"{early:,.2f} {account.currency} of it are proceeds that settle on {found.settled_on}: selling what they buy "
        "before that day is a good faith violation."
    ]


async def _with_margin(
    b: Backends, request: OrderRequest, ticket: Ticket, held: _Held, seen: OrderPreview, *, in_place: bool
) -> OrderPreview:
    """The same by what the account may borrow."""
    qty = risk.sized_qty(request, ticket.quote)
    cash = ZERO if seen.est_cost is None else -seen.est_cost
    judged = await judge(b, ticket, request, qty, reservation_of(request, ticket), seen.est_price, cash)
    if seen.est_price is None or judged.after is None:
        return replace(seen, buying_power=judged.free)
    words = [] if judged.words is None or in_place else [judged.words]
    terms, currency = ticket.preset.financing, ticket.account.currency
    lent = lending_words(request, qty, seen.est_price, held.signed_qty, judged, terms, currency)
    return replace(
        seen,
        reserve=seen.reserve if judged.opens else ZERO,
        buying_power=judged.free,
        buying_power_after=max(ZERO, judged.after.buying_power - judged.reserved),
        refusals=[*seen.refusals, *words],
        notes=[*seen.notes, *lent],
        sold_short=opens_short(held.signed_qty, qty) if request.side == "sell" and request.allow_short else ZERO,
        equity_after=judged.after.equity,
        maintenance_after=judged.after.maintenance,
    )


def estimate(
    request: OrderRequest, ticket: Ticket, held: _Held, free_cash: Decimal, *, in_place: bool = False
) -> OrderPreview:
    """The preview from what is known; figures that need a price are None without one."""
    refusals = refusals_of(request, ticket)
    warnings = risk.warnings(request, ticket.quote, ticket.clock)
    price = _expected_price(request, ticket)
    qty = risk.sized_qty(request, ticket.quote)
    signed = qty if request.side == "buy" else -qty
    if price is None or ticket.instrument is None or not (price > 0 and 0 < qty <= risk.MAX_ORDER_QTY):
        return OrderPreview(
            None, None, None, None, free_cash, None, held.signed_qty, held.signed_qty + signed, None, refusals, warnings
        )
    on = None if ticket.clock is None else exchange_day(ticket.clock.venue_now)
    fees = total(ticket.preset.fees.lines(request.side, qty, price, on=on))
    cash = book_fill(request.side, request.symbol, qty, price, fees, ticket.account.currency).cash
    reservation = reservation_of(request, ticket)
    realized = None
    sellable = held.signed_qty - (ZERO if in_place else held.reserved_qty)
    if ticket.account.lends:
        before = HoldingState(held.signed_qty, held.cost_basis)
        if held.signed_qty * signed < 0:
            realized = after_fill(before, request.side, qty, cash, may_short=True).realized_pl
    elif request.side == "sell":
        if qty > sellable:
            refusals = [
                *refusals,
                f"You can sell {plain(max(sellable, ZERO))} {request.symbol} at most: "
                "short selling is not offered on this account.",
            ]
        else:
            before = HoldingState(held.signed_qty, held.cost_basis)
            realized = after_fill(before, "sell", qty, cash).realized_pl
    elif reservation.total > free_cash and not in_place:
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
        notes=risk.consequences(request, qty, price),
    )


def _expected_price(request: OrderRequest, ticket: Ticket) -> Decimal | None:
    """What a share would cost or bring: the touch now, of a stop where it lies, and no worse than the limit."""
    price = risk.reference_price(request, ticket.quote)
    if price is None or ticket.quote is None:
        return None
    if request.stop_price is not None:
        price = request.stop_price
    elif request.type == "trailing_stop":
        away = request.trail_amount or ticket.quote.last * (request.trail_percent or ZERO) / 100
        price = to_micros(ticket.quote.last + away if request.side == "buy" else ticket.quote.last - away)
    if request.limit_price is not None:
        price = (min if request.side == "buy" else max)(price, request.limit_price)
    return price
