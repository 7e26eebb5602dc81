"""What accounts and positions are worth at the newest quotes, and what of it came today.

A holding without a quote is valued at cost and its account marked stale: a missing price is never taken for zero. What
is quoted in another currency than the account's is valued at the day's exchange rate, without one at cost as well.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.fx import ONE
from starkmatter.domain.margin import MarginState, Position, margin_state
from starkmatter.domain.money import ZERO, to_cents, to_micros
from starkmatter.domain.presets import preset_of
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import NotFound, Unavailable
from starkmatter.market.board import QuoteBoard
from starkmatter.market.clocks import venue_clock
from starkmatter.market.fx.service import rates_between
from starkmatter.portfolio import queries
from starkmatter.portfolio.records import AccountRow, AccountView, DayStart, EquityPoint, PositionView
from starkmatter.trading.settling import Settling, settling_of

MAX_POINTS = 2_000


@dataclass(frozen=True, slots=True)
class _Holding:
    account_id: UUID
    symbol: str
    signed_qty: Decimal
    cost_basis: Decimal
    realized_pl: Decimal
    reserved_qty: Decimal
    quoted_in: str
    kept_in: str


@dataclass(frozen=True, slots=True)
class _Traded:
    account_id: UUID
    symbol: str
    signed_qty: Decimal
    cash: Decimal


@dataclass(frozen=True, slots=True)
class _PointOfValue:
    account_id: UUID
    equity: Decimal
    net_deposits: Decimal
    venue_at: datetime


async def value_accounts(b: Backends, caller: Caller, rows: Sequence[AccountRow]) -> list[AccountView]:
    """The accounts with their value, in the order given. `rows` are those the caller may see."""
    if not rows:
        return []
    ids = [row.id for row in rows]
    positions: dict[UUID, list[PositionView]] = defaultdict(list)
    starts: dict[UUID, _PointOfValue] = {}
    for venue in dict.fromkeys(row.venue for row in rows):
        of_venue = [row.id for row in rows if row.venue == venue]
        for position in await _positions(b, caller, of_venue, venue):
            positions[position.account_id].append(position)
        day_start = await _day_start(b, await clock_or_none(b, venue))
        if day_start:
            asked = {"accounts": of_venue, "day_start": day_start}
            starts |= {one.account_id: one for one in await b.db.all(_PointOfValue, queries.DAY_STARTS, asked)}
    deposited: dict[UUID, Decimal] = dict(await b.db.tuples(queries.DEPOSITED, (ids,)))
    views = [
        _account_view(caller, row, positions[row.id], starts.get(row.id), deposited.get(row.id, ZERO)) for row in rows
    ]
    views = await _with_settling(b, views)
    former = [row.id for row in rows if row.read_only]
    if not former:
        return views
    lasts = {last.account_id: last for last in await b.db.all(_PointOfValue, queries.LAST_VALUES, (former,))}
    return [
        _at_last(view, lasts[view.id], deposited.get(view.id, ZERO)) if view.id in lasts else view for view in views
    ]


async def _with_settling(b: Backends, views: Sequence[AccountView]) -> list[AccountView]:
    """The open paper cash accounts among them with what of their cash has settled."""
    found: dict[UUID, Settling] = {}
    open_ones = [one for one in views if one.kind == "cash" and one.broker == "paper" and not one.read_only]
    for venue in dict.fromkeys(one.venue for one in open_ones):
        clock = await clock_or_none(b, venue)
        if clock is not None:
            cash = {one.id: one.cash for one in open_ones if one.venue == venue}
            found |= await settling_of(b, cash, clock.venue_now)
    return [
        replace(
            one,
            settled_cash=found[one.id].state.spendable_settled,
            unsettled_cash=one.cash - found[one.id].state.spendable_settled,
            settled_on=found[one.id].settled_on,
        )
        if one.id in found
        else one
        for one in views
    ]


async def list_positions(b: Backends, caller: Caller, account_id: UUID) -> list[PositionView]:
    """Open positions and those closed with a realized result, by symbol; NotFound when not the caller's account.

    Positions of a former run have no price any more and stand at cost.
    """
    row = await b.db.one(AccountRow, queries.ACCOUNT, {"user": caller.user_id, "account": account_id})
    if row is None:
        raise NotFound("There is no such account.")
    return await _positions(b, caller, [account_id], row.venue, priced=not row.read_only)


async def equity_series(
    b: Backends, caller: Caller, account_id: UUID, *, start: datetime | None = None, limit: int = MAX_POINTS
) -> list[EquityPoint]:
    """The account's value over venue time, oldest first: the newest `limit` points since `start`."""
    points = await b.db.all(
        EquityPoint,
        queries.EQUITY,
        {"account": account_id, "user": caller.user_id, "start": start, "limit": max(1, min(limit, MAX_POINTS))},
    )
    return points[::-1]


async def clock_or_none(b: Backends, venue: Venue) -> VenueClock | None:
    """The venue's clock, or None while its feed does not answer."""
    try:
        return await venue_clock(b.db, b.cache, venue, utc_now())
    except Unavailable:
        return None


async def _positions(
    b: Backends, caller: Caller, ids: Sequence[UUID], venue: Venue, *, priced: bool = True
) -> list[PositionView]:
    held = await b.db.all(_Holding, queries.HOLDINGS, {"user": caller.user_id, "accounts": list(ids)})
    if not held:
        return []
    try:
        symbols = sorted({holding.symbol for holding in held}) if priced else []
        quotes = await QuoteBoard(b.cache).quotes(venue, symbols)
    except Unavailable:
        quotes = {}
    clock = await clock_or_none(b, venue)
    day_start = await _day_start(b, clock)
    rates = await _rates(b, held, exchange_day(clock.venue_now if clock else utc_now()))
    traded = {
        (row.account_id, row.symbol): row
        for row in (
            await b.db.all(_Traded, queries.TRADED_SINCE, {"accounts": list(ids), "day_start": day_start})
            if day_start
            else []
        )
    }
    return [
        _position_view(row, quotes.get(row.symbol), traded.get((row.account_id, row.symbol)), *rates(row))
        for row in held
    ]


async def _rates(
    b: Backends, held: Sequence[_Holding], today: date
) -> Callable[[_Holding], tuple[Decimal | None, Decimal | None]]:
    """What one unit of the currency of a holding's quotes costs in the account's: today, and the day before."""
    foreign = {currency for one in held if one.quoted_in != one.kept_in for currency in (one.quoted_in, one.kept_in)}
    yesterday = today - timedelta(days=1)
    table = await rates_between(b.db, foreign, yesterday, today)
    return lambda one: (
        table.rate(one.quoted_in, one.kept_in, today),
        table.rate(one.quoted_in, one.kept_in, yesterday),
    )


def _position_view(
    held: _Holding, quote: Quote | None, today: _Traded | None, rate: Decimal | None, rate_before: Decimal | None
) -> PositionView:
    quote = quote if rate is not None else None
    last = quote.last if quote else None
    value = to_cents(held.signed_qty * last * rate) if last is not None and rate is not None else held.cost_basis
    flow = today.cash if today else ZERO
    qty_at_start = held.signed_qty - (today.signed_qty if today else ZERO)
    day_pl = ZERO
    if quote is not None and (qty_at_start == 0 or quote.prev_close is not None):
        day_pl = to_cents(value + flow - qty_at_start * (quote.prev_close or ZERO) * (rate_before or rate or ZERO))
    return PositionView(
        account_id=held.account_id,
        symbol=held.symbol,
        qty=held.signed_qty,
        avg_price=to_micros(held.cost_basis / held.signed_qty) if held.signed_qty else ZERO,
        cost_basis=held.cost_basis,
        last=last,
        market_value=value,
        unrealized_pl=to_cents(value - held.cost_basis) if held.signed_qty else ZERO,
        realized_pl=held.realized_pl,
        day_pl=day_pl,
        priced=rate is not None,
        currency=held.quoted_in,
        rate=rate if rate is not None else ONE,
    )


def _account_view(
    caller: Caller, row: AccountRow, positions: Sequence[PositionView], start: _PointOfValue | None, deposited: Decimal
) -> AccountView:
    market_value = sum((position.market_value for position in positions if position.qty), ZERO)
    equity = row.cash + market_value
    # Without a value from before today the account was opened today: its day began with what was paid in.
    day_start = (
        DayStart(start.venue_at, start.equity, deposited - start.net_deposits)
        if start
        else DayStart(None, ZERO, deposited)
    )
    access = "view" if row.access == "trade" and not caller.may_trade else row.access
    margin = _margin(row, positions) if row.kind == "margin" else None
    return AccountView(
        id=row.id,
        name=row.name,
        venue=row.venue,
        broker=row.broker,
        mode=row.mode,
        currency=row.currency,
        cash=row.cash,
        reserved=row.reserved,
        buying_power=row.cash - row.reserved if margin is None else max(ZERO, margin.buying_power - row.reserved),
        market_value=market_value,
        equity=equity,
        day_pl=equity - day_start.value - day_start.flow,
        unrealized_pl=sum((position.unrealized_pl for position in positions), ZERO),
        realized_pl=sum((position.realized_pl for position in positions), ZERO),
        read_only=row.read_only or row.frozen_reason is not None or access == "view",
        stale=any(position.last is None and position.qty for position in positions),
        created_at=row.created_at,
        access=access,
        owner_name=row.owner_name,
        preset=preset_of(row.preset).stamp,
        kind=row.kind,
        margin=None if row.read_only else margin,
        call_due_at=row.call_due_at,
        call_state=row.call_state,
        parent_id=row.parent_id,
        parent_name=row.parent_name,
        branch=row.branch,
        as_of=row.as_of,
        day_start=day_start,
    )


def _margin(row: AccountRow, positions: Sequence[PositionView]) -> MarginState:
    held = [one for one in positions if one.qty]
    return margin_state(
        row.cash,
        [Position(one.symbol, one.qty, one.avg_price if one.last is None else one.last * one.rate) for one in held],
    )


def _at_last(view: AccountView, last: _PointOfValue, deposited: Decimal) -> AccountView:
    """An account of a former run as it stood when that run ended; what was paid in after its last point counts too."""
    cost = view.market_value - view.unrealized_pl
    # Shares that were sold after the last point are cash by now.
    market_value = last.equity + (deposited - last.net_deposits) - view.cash if cost else ZERO
    return replace(
        view,
        equity=view.cash + market_value,
        market_value=market_value,
        unrealized_pl=market_value - cost,
        day_pl=ZERO,
        stale=cost != 0,
        day_start=None,
    )


_opens: dict[date, datetime] = {}


async def _day_start(b: Backends, clock: VenueClock | None) -> datetime | None:
    """When the venue's present session opened; None before the first one or without a clock."""
    if clock is None or clock.session_on is None:
        return None
    kept = _opens.get(clock.session_on)
    if kept is None:
        kept = await b.db.value(queries.SESSION_OPEN, (clock.session_on,))
        if kept is not None:
            _opens[clock.session_on] = kept
    return kept
