"""Open lots with their value, a year's realized gains, and the choice of how sales find their lots."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import get_args
from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.lots import Lot, a_year_after, spread
from starkmatter.domain.money import ZERO, to_cents, to_micros
from starkmatter.domain.sessions import exchange_day
from starkmatter.domain.tax_report import tax_lines, tax_totals
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.lots import queries
from starkmatter.portfolio.lots.book import Folded, folded_lots
from starkmatter.portfolio.lots.records import AccountMethod, Gains, LotView, MethodChoice, OpenLots, Sale
from starkmatter.portfolio.records import AccountView, PositionView
from starkmatter.portfolio.valuation import clock_or_none, list_positions

FIRST_YEAR = 1900
NOT_ALL = (
    "This account is somebody else's: wash sales through accounts of theirs that you cannot see are not looked for."
)
AVERAGE_IS_FOR_FUNDS = (
    "Average cost is how positions are shown. US tax law knows it for shares of funds, not of companies."
)
NOT_YOURS = "Only its owner, with a role that may trade, chooses how an account's sales find their lots."
UNPRICED = "{} has no quote now and stands at its cost."


async def open_lots(b: Backends, caller: Caller, account_id: UUID) -> OpenLots:
    """What is open in the account, by symbol and oldest first; NotFound when the caller does not see it."""
    account = await get_account(b, caller, account_id)
    folded = await folded_lots(b, caller, account_id)
    positions = {one.symbol: one for one in await list_positions(b, caller, account_id) if one.qty}
    on = await venue_day(b, account, folded)
    of_symbol: dict[str, list[Lot]] = defaultdict(list)
    for lot in folded.lots:
        if lot.account == str(account_id):
            of_symbol[lot.symbol].append(lot)
    lots = [view for symbol in sorted(of_symbol) for view in _views(of_symbol[symbol], positions.get(symbol), on)]
    changes = [one for one in folded.choices.methods if one.account_id == account_id]
    method = method_now(changes)
    return OpenLots(
        account_id=account_id,
        currency=account.currency,
        on=on,
        method=method,
        changes=changes,
        may_choose=may_choose(caller, account),
        lots=lots,
        cost=sum((one.cost for one in lots), ZERO),
        market_value=sum((one.market_value for one in lots), ZERO),
        unrealized_pl=sum((one.unrealized_pl for one in lots), ZERO),
        notes=[
            *_notes(folded, method),
            *[UNPRICED.format(symbol) for symbol in dict.fromkeys(one.symbol for one in lots if one.last is None)],
        ],
    )


async def realized_gains(b: Backends, caller: Caller, account_id: UUID, year: int | None = None) -> Gains:
    """What the account's sales of a year came to (the venue's present year unless given), as Form 8949 has it.

    NotFound when the caller does not see the account, InvalidInput for a year that cannot be.
    """
    if year is not None and not FIRST_YEAR <= year <= date.max.year:
        raise InvalidInput("year: four figures, such as 2026.")
    account = await get_account(b, caller, account_id)
    folded = await folded_lots(b, caller, account_id)
    on = await venue_day(b, account, folded)
    asked = on.year if year is None else year
    mine = [one for one in folded.realized if one.lot.account == str(account_id)]
    lines = tax_lines(mine, asked)
    short, long = tax_totals(lines, "short"), tax_totals(lines, "long")
    method = method_now([one for one in folded.choices.methods if one.account_id == account_id])
    return Gains(
        account_id=account_id,
        currency=account.currency,
        year=asked,
        years=sorted({one.closed_on.year for one in mine}, reverse=True),
        method=method,
        lines=lines,
        short=short,
        long=long,
        disallowed=short.adjustment + long.adjustment,
        sales=sales_of(folded, account_id, asked, on, may_pick=may_choose(caller, account)),
        notes=_notes(folded, method),
    )


def sales_of(folded: Folded, account_id: UUID, year: int, on: date, *, may_pick: bool) -> list[Sale]:
    """The entries that closed lots in that year, the newest first. Lots are picked on the day of the sale alone."""
    closed: dict[str, Decimal] = defaultdict(Decimal)
    cash: dict[str, Decimal] = defaultdict(Decimal)
    for one in folded.realized:
        if one.closed_on.year == year and one.lot.account == str(account_id):
            closed[one.trade_id] += abs(one.lot.signed_qty)
            cash[one.trade_id] += one.cash
    return [
        Sale(
            entry_id=move.id,
            symbol=move.symbol,
            sold_on=move.on,
            qty=closed[str(move.id)],
            cash=cash[str(move.id)],
            method="specific" if move.id in folded.choices.picks else folded.choices.method_of(move),
            may_pick=may_pick and move.on == on,
        )
        for move in reversed(folded.moves)
        if str(move.id) in closed and move.account_id == account_id
    ]


async def choose_method(b: Backends, caller: Caller, account_id: UUID, method: str) -> AccountMethod:
    """Let sales that are booked from now on find their lots by `method`; what was sold keeps its lots.

    Raises InvalidInput for another method, NotAllowed for somebody else's account or a role that only looks, Conflict
    for a closed account, NotFound when the caller does not see it.
    """
    known: tuple[AccountMethod, ...] = get_args(AccountMethod)
    chosen = next((one for one in known if one == method), None)
    if chosen is None:
        raise InvalidInput(f"The method must be one of: {', '.join(known)}.")
    account = await get_account(b, caller, account_id)
    if not may_choose(caller, account):
        raise NotAllowed(NOT_YOURS)
    clock = await clock_or_none(b, account.venue)
    now = utc_now()
    asked = {"account": account_id, "user": caller.user_id}
    async with b.db.transaction() as connection:
        row = await (await connection.execute(queries.LOCK_OWN, asked)).fetchone()
        if row is None:
            raise NotFound("There is no such account.")
        if row[0]:
            raise Conflict("This account is closed: nothing is sold from it any more.")
        entry = await (await connection.execute(queries.LAST_ENTRY, asked)).fetchone()
        methods = await (await connection.execute(queries.METHODS, {"accounts": [account_id]})).fetchall()
        before = methods[-1][2] if methods else "fifo"
        if before == chosen:
            return chosen
        row_of = asked | {"method": chosen, "after": entry[0] if entry else 0, "now": now}
        await connection.execute(queries.PUT_METHOD, row_of | {"venue_at": clock.venue_now if clock else now})
        about = {"method": chosen, "after_entry": row_of["after"]}
        await note(
            connection,
            caller,
            "account.lot_method_chosen",
            ("account", account_id),
            before={"method": before},
            after=about,
        )
    return chosen


def method_now(changes: Sequence[MethodChoice]) -> AccountMethod:
    """How the next sale of an account finds its lots, by all that was said of it, oldest first."""
    return changes[-1].method if changes else "fifo"


def may_choose(caller: Caller, account: AccountView) -> bool:
    """Whether the caller says how the account's sales find their lots: its owner, unless it is over on paper."""
    return caller.may_trade and account.access == "own" and not (account.read_only and account.broker == "paper")


async def venue_day(b: Backends, account: AccountView, folded: Folded) -> date:
    """The venue's day; that of the last booking for an account of a former run or without a clock."""
    clock = await clock_or_none(b, account.venue)
    if clock is not None and not account.read_only:
        return clock.session_on if clock.state == "open" and clock.session_on else exchange_day(clock.venue_now)
    return folded.moves[-1].on if folded.moves else exchange_day(utc_now())


def _views(lots: Sequence[Lot], position: PositionView | None, on: date) -> list[LotView]:
    qtys = [lot.signed_qty for lot in lots]
    last = position.last if position else None
    if position is None or last is None:
        worth = [lot.basis for lot in lots]
    elif position.qty == sum(qtys, ZERO):
        # The parts of a position's value add up to it.
        worth = spread(position.market_value, [abs(qty) for qty in qtys])
    else:
        worth = [to_cents(qty * last) for qty in qtys]
    return [_view(lot, value, last, on) for lot, value in zip(lots, worth, strict=True)]


def _view(lot: Lot, value: Decimal, last: Decimal | None, on: date) -> LotView:
    long_on = a_year_after(lot.held_since) + timedelta(days=1) if lot.side > 0 else None
    return LotView(
        id=lot.id,
        entry_id=int(lot.trade_id),
        symbol=lot.symbol,
        qty=lot.signed_qty,
        acquired_on=None if lot.arrived else lot.opened_on,
        held_since=lot.held_since,
        cost=lot.basis,
        unit_cost=to_micros(abs(lot.unit_basis)),
        last=last,
        market_value=value,
        unrealized_pl=value - lot.basis,
        term="long" if long_on is not None and on >= long_on else "short",
        long_term_on=long_on,
        washed=lot.washed,
    )


def _notes(folded: Folded, method: AccountMethod) -> list[str]:
    notes = [] if folded.own else [NOT_ALL]
    return [*notes, *([AVERAGE_IS_FOR_FUNDS] if method == "average" else []), *folded.notes]
