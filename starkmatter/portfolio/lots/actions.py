"""Corporate actions as events of the lot book: each once, for the accounts that it was booked on."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from starkmatter.db.database import Database
from starkmatter.domain.actions import Split
from starkmatter.domain.corporate.terms import CorporateError, SpinOff, SymbolChange, Told, action_words, ratio_of
from starkmatter.domain.lots import LotAction, LotRename, LotSpinOff
from starkmatter.domain.money import ZERO
from starkmatter.domain.sessions import EXCHANGE_ZONE
from starkmatter.market.actions.telling import ToldRow, kind_of
from starkmatter.portfolio.lots import queries
from starkmatter.portfolio.lots.events import ActionOn
from starkmatter.trading.corporate.rule import kinds_booked_for


async def booked_actions(db: Database, accounts: Sequence[UUID]) -> list[ActionOn]:
    """What actions did to the lots of these accounts, in the order of days.

    An account that held none at the time is among them: losses that wait to be replaced are counted in new shares too.
    """
    asked = {"accounts": list(accounts), "zone": EXCHANGE_ZONE.key}
    said: dict[tuple[str, int], Told] = {}
    on: dict[tuple[str, int], set[str]] = defaultdict(set)
    for account_id, broker, opened_on, acted_on, *row in await db.tuples(queries.ACTIONS, asked):
        try:
            told = ToldRow(*row).told
        except CorporateError:
            continue
        if kind_of(told.terms) in kinds_booked_for(broker) and opened_on < told.ex_on <= acted_on:
            key = told.action_id, told.revision
            said[key] = told
            on[key].add(str(account_id))
    found = []
    for key, told in sorted(said.items(), key=lambda one: (one[1].ex_on, *one[0])):
        event = _event_of(told)
        if event is not None:
            found.append(ActionOn(told.ex_on, LotAction(event, frozenset(on[key])), action_words(told)))
    return found


def _event_of(told: Told) -> Split | LotRename | LotSpinOff | None:
    match told.terms:
        case SymbolChange(other):
            return LotRename(told.symbol, other)
        case SpinOff(other, up, down, cost_pct):
            return LotSpinOff(told.symbol, other, up, down, (cost_pct or ZERO) / 100)
    ratio = ratio_of(told.terms)
    return None if ratio is None else Split(told.symbol, told.ex_on, *ratio, told.provider)
