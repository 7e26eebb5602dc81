"""An account told from its beginning: what it opened with, its trades, and everything that was told of its shares."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog

from starkmatter.db.database import Connection
from starkmatter.domain.corporate.story import Carried, Story, tell
from starkmatter.domain.corporate.terms import CorporateError, Told, newest
from starkmatter.domain.holdings import HoldingState
from starkmatter.domain.ledger import MOVES_OF_SHARES
from starkmatter.domain.lots import LotTrade
from starkmatter.domain.money import ZERO
from starkmatter.domain.sessions import EXCHANGE_ZONE
from starkmatter.market.actions.telling import ToldRow, kind_of, told_of_symbols
from starkmatter.trading.corporate import queries
from starkmatter.trading.corporate.records import Acting
from starkmatter.trading.corporate.rule import kinds_booked_for

# Of one day and symbol: what is paid on old shares comes before there are new ones, and a name changes at last.
_RANKS = ("dividend", "spin_off", "stock_dividend", "split", "symbol_change", "delisting")

A_DAY = timedelta(days=1)

log = structlog.get_logger("actions")


@dataclass(frozen=True, slots=True)
class Moves:
    """What an account began with and its trades since, in the order of booking.

    `transfers` are those of them that belong to a pair of two accounts, by the id of the move.
    """

    begin: Mapping[str, HoldingState]
    trades: Sequence[LotTrade | Carried]
    transfers: Mapping[str, UUID]

    @property
    def symbols(self) -> set[str]:
        return {*self.begin, *(one.symbol for one in self.trades)}


async def moves_of(connection: Connection, account_id: UUID, until: datetime | None = None) -> Moves:
    """What moved its shares apart from actions, up to an instant of the venue's time if one is given."""
    asked = {"account": account_id, "zone": EXCHANGE_ZONE.key, "until": until}
    begin: dict[str, HoldingState] = defaultdict(HoldingState)
    trades: list[LotTrade | Carried] = []
    transfers: dict[str, UUID] = {}
    for id_, kind, on, symbol, qty, cash, cost, worth, transfer in await (
        await connection.execute(queries.MOVES, asked)
    ).fetchall():
        if kind in MOVES_OF_SHARES:
            # Without another side here they cost what they were worth when they came.
            trades.append(Carried(str(id_), str(account_id), symbol, on, qty, worth if transfer is None else cost))
            if transfer is not None:
                transfers[str(id_)] = transfer
        elif kind == "deposit":
            state = begin[symbol]
            begin[symbol] = HoldingState(state.qty + qty, state.cost_basis + (cost or worth), state.realized_pl)
        else:
            # Shares that came without a trade, at what they were booked at.
            paid = cash if kind == "fill" else -worth
            trades.append(LotTrade(str(id_), str(account_id), symbol, on, qty, paid))
    return Moves(begin, trades, transfers)


async def told_for(
    connection: Connection, account: Acting, symbols: Iterable[str], booked_on: Iterable[date] = ()
) -> list[ToldRow]:
    """Everything told of these symbols, and of those that their actions lead to, but for what was waived here.

    `booked_on`: ex-dates of what is booked. The books of a tracked account may begin later than they once did.
    """
    after = min((account.opened_on, *(on - A_DAY for on in booked_on)))
    waived = set(await (await connection.execute(queries.WAIVED, (account.id,))).fetchall())
    known: set[str] = set(symbols)
    while True:
        rows = await told_of_symbols(connection, account.venue, sorted(known), after)
        more = {one.to_symbol for one in rows if one.to_symbol} | {one.symbol for one in rows}
        if more <= known:
            return [one for one in rows if (one.action_id, one.revision) not in waived]
        known |= more


def actions_for(account: Acting, rows: Sequence[ToldRow]) -> list[Told]:
    """The newest revision of each action as it counts for this account, in an order that no arrival changes.

    One that is not booked here, or whose day lies before the account began, counts as withdrawn. What cannot be read is
    left out: an earlier revision that could stands.
    """
    told = []
    for row in rows:
        try:
            told.append(row.told)
        except CorporateError as error:
            log.warning("an action makes no sense", action=row.action_id, revision=row.revision, why=str(error))
    kinds = kinds_booked_for(account.broker)
    found = []
    for one in newest(told):
        counts = kind_of(one.terms) in kinds and one.ex_on > account.opened_on
        found.append(one if counts else replace(one, terms=None))
    return sorted(found, key=lambda one: (one.ex_on, _rank(one), one.action_id))


def _rank(told: Told) -> int:
    kind = kind_of(told.terms)
    return _RANKS.index(kind) if kind in _RANKS else len(_RANKS)


def story_of(account: Acting, moves: Moves, actions: Sequence[Told], today: date) -> Story:
    """The account's story up to the exchange's day `today`."""
    begin = {(str(account.id), symbol): state for symbol, state in moves.begin.items()}
    return tell([account.holder], begin, [*actions, *moves.trades], today)


async def holdings_then(
    connection: Connection, account: Acting, as_of: datetime, on: date, today: date
) -> tuple[Decimal, dict[str, HoldingState]]:
    """What an account held at `as_of` (the exchange's day `on`), in today's shares, and cash that such shares became.

    Splits, names and endings since then are counted, dividends are not: they were somebody's who held on.
    """
    moves = await moves_of(connection, account.id, as_of)
    actions = actions_for(account, await told_for(connection, account, moves.symbols))
    share_actions = [one for one in actions if kind_of(one.terms) != "dividend"]
    story = story_of(account, moves, share_actions, today)
    if story.problems:
        raise CorporateError(next(iter(story.problems.values())))
    later = {one.action_id for one in share_actions if one.ex_on > on}
    cash = sum((one.cash for one in story.effects if one.key.action_id in later), ZERO)
    held = {symbol: HoldingState(one.qty, one.cost_basis) for (_, symbol), one in story.holdings.items() if one.qty}
    return cash, held
