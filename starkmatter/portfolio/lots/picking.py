"""Lots that a person picks for one sale: which it may take, and the choice, while the day of the sale lasts.

US law asks that shares are identified by the settlement of their sale; here it is the very day, so that a choice is
never made in hindsight. A choice that later facts make impossible gives way to the method and is named.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.lots import LotPick
from starkmatter.domain.money import ZERO, plain
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.lots import queries
from starkmatter.portfolio.lots.book import Folded, fold, folded_lots
from starkmatter.portfolio.lots.events import PICKS_DO_NOT_FIT
from starkmatter.portfolio.lots.records import LotChoice, Sale, SaleLots
from starkmatter.portfolio.lots.service import may_choose, sales_of, venue_day
from starkmatter.portfolio.valuation import clock_or_none

MAX_PICKS = 200


async def sale_lots(b: Backends, caller: Caller, account_id: UUID, entry_id: int) -> SaleLots:
    """The lots that were open before the sale of that ledger entry, and how much of each it takes.

    NotFound when the caller does not see the account or the entry closed no lots of it.
    """
    account = await get_account(b, caller, account_id)
    folded = await folded_lots(b, caller, account_id)
    on = await venue_day(b, account, folded)
    sale = _sale(folded, account_id, entry_id, on, may_pick=may_choose(caller, account))
    return await asyncio.to_thread(_lots_of, folded, account_id, sale)


async def pick_lots(b: Backends, caller: Caller, account_id: UUID, entry_id: int, picks: Sequence[LotPick]) -> SaleLots:
    """Let the sale take these lots, or (none) those of the account's method again.

    Raises NotAllowed for somebody else's account, Conflict when the day of the sale is over, InvalidInput for lots that
    do not fit, in words.
    """
    if len(picks) > MAX_PICKS:
        raise InvalidInput(f"At most {MAX_PICKS} lots can be picked for one sale.")
    account = await get_account(b, caller, account_id)
    if not may_choose(caller, account):
        raise NotAllowed("Only its owner, with a role that may trade, picks the lots of an account's sales.")
    folded = await folded_lots(b, caller, account_id)
    on = await venue_day(b, account, folded)
    sale = _sale(folded, account_id, entry_id, on, may_pick=True)
    if not sale.may_pick:
        raise Conflict(f"The lots of a sale are picked on its day. This one was on {sale.sold_on}.")
    chosen = {entry: lots for entry, lots in folded.choices.picks.items() if entry != entry_id}
    if picks:
        chosen[entry_id] = tuple(picks)
    _, tried = await asyncio.to_thread(
        fold, folded.moves, replace(folded.choices, picks=chosen), actions=folded.actions
    )
    problems = [one for one in tried.notes if one.startswith(PICKS_DO_NOT_FIT) and one not in folded.notes]
    if problems:
        raise InvalidInput(problems[0].removeprefix(PICKS_DO_NOT_FIT).partition(": ")[2] or problems[0])
    clock, now = await clock_or_none(b, account.venue), utc_now()
    asked = {"account": account_id, "user": caller.user_id}
    async with b.db.transaction() as connection:
        if await (await connection.execute(queries.LOCK_OWN, asked)).fetchone() is None:
            raise NotFound("There is no such account.")
        row = {"entry": entry_id, "lots": [one.lot_id for one in picks], "qtys": [one.qty for one in picks], "now": now}
        await connection.execute(queries.PUT_PICK, asked | row | {"venue_at": clock.venue_now if clock else now})
        about = {"entry": entry_id, "lots": ", ".join(f"{plain(one.qty)} of {one.lot_id}" for one in picks)[:200]}
        await note(connection, caller, "account.lots_picked", ("account", account_id), after=about)
    return await sale_lots(b, caller, account_id, entry_id)


def _sale(folded: Folded, account_id: UUID, entry_id: int, on: date, *, may_pick: bool) -> Sale:
    years = {one.on.year for one in folded.moves if one.id == entry_id}
    for year in years:
        for sale in sales_of(folded, account_id, year, on, may_pick=may_pick):
            if sale.entry_id == entry_id:
                return sale
    raise NotFound("This account has no such sale.")


def _lots_of(folded: Folded, account_id: UUID, sale: Sale) -> SaleLots:
    place = next(number for number, move in enumerate(folded.moves) if move.id == sale.entry_id)
    until = folded.moves[place].on
    actions = [one for one in folded.actions if one.ex_on <= until]
    _, before = fold(folded.moves[:place], folded.choices, actions=actions)
    taken: dict[str, Decimal] = {}
    for one in folded.realized:
        if one.trade_id == str(sale.entry_id):
            taken[one.lot.id] = taken.get(one.lot.id, ZERO) + abs(one.lot.signed_qty)
    lots = [
        LotChoice(
            lot_id=lot.id,
            acquired_on=None if lot.arrived else lot.opened_on,
            qty=abs(lot.signed_qty),
            cost=lot.basis,
            taken=taken.get(lot.id, ZERO),
        )
        for lot in before.lots
        if (lot.account, lot.symbol) == (str(account_id), sale.symbol)
    ]
    return SaleLots(account_id, sale, lots)
