"""What happened in an account between two values of it: what was held at both ends, and the entries in between.

What each position was worth at a close was kept with the close; for an older one, official closes of the stored days
stand in, and what they leave open is named and not spread.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.ledger import DEPOSITS, HOLDING
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.performance import Valuation
from starkmatter.domain.sessions import exchange_day
from starkmatter.domain.symbol_gains import Worth
from starkmatter.domain.waterfall import explain
from starkmatter.market.fx.service import rates_between
from starkmatter.market.service import closes_before, instruments_named
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.periods import Member
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.tracked import is_tracked
from starkmatter.portfolio.valuation import list_positions

AT_COST = "{} had no close before {:%Y-%m-%d} and stands at its cost there."
FROM_BARS = "What each position was worth on {:%Y-%m-%d} was not kept: official closes stand in."


class Booked(NamedTuple):
    """An entry of the ledger with all its legs, in the order of booking.

    Of ten thousand entries that are kept at once the garbage collector follows the entries alone: tuples of words and
    of decimals are none of its business, where a list of them would be looked through again and again.
    """

    id: int
    venue_at: datetime
    kind: str
    description: str
    accounts: tuple[str, ...]
    commodities: tuple[str, ...]
    amounts: tuple[Decimal, ...]

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Booked":
        """The entry of a row of ENTRIES_BETWEEN."""
        id_, venue_at, kind, description, accounts, commodities, amounts = row
        return cls(id_, venue_at, kind, description, tuple(accounts), tuple(commodities), tuple(amounts))

    @property
    def at(self) -> datetime:
        return self.venue_at

    @property
    def legs(self) -> Iterable[tuple[str, str, Decimal]]:
        """(account, commodity, amount) of each, made anew when asked: kept, they are what ten years cost to explain."""
        return zip(self.accounts, self.commodities, self.amounts, strict=True)

    @property
    def symbols(self) -> list[str]:
        """Whose shares it moved."""
        legs = zip(self.accounts, self.commodities, strict=True)
        return [commodity for account, commodity in legs if account == HOLDING]

    @property
    def paid_in(self) -> Decimal:
        return -sum((amount for account, _, amount in self.legs if account == DEPOSITS), ZERO)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was kept with a close."""

    entry_id: int
    later_ids: list[int]
    symbols: list[str]
    qtys: list[Decimal]
    worths: list[Decimal]

    @property
    def newest(self) -> int:
        """The newest entry it knows."""
        return max([self.entry_id, *self.later_ids])

    @property
    def held(self) -> dict[str, Worth]:
        rows = zip(self.symbols, self.qtys, self.worths, strict=True)
        return {symbol: Worth(qty, worth) for symbol, qty, worth in rows}


@dataclass(frozen=True, slots=True)
class End:
    """One end of the period: the entries that had been booked by then, what was held, and the cash."""

    known: frozenset[int]
    held: Mapping[str, Worth]
    value: Decimal
    cash: Decimal
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """What happened to `account` from `begin` to `finish`, all in its own currency."""

    account: AccountView
    begin: End
    finish: End
    between: list[Booked]


@dataclass(frozen=True, slots=True)
class Span:
    """Two values of an account. `opening`: the first is its opening; `late`: it was opened within the period."""

    first: Valuation
    last: Valuation
    opening: bool
    late: bool
    ends_now: bool


async def story_of(b: Backends, caller: Caller, member: Member, span: Span) -> Story | None:
    """Read it; None when the account was booked on meanwhile."""
    account = member.account
    asked = {"account": account.id, "user": caller.user_id}
    first = await b.db.one(_Kept, queries.CLOSE_AT, asked | {"at": span.first.at})
    last = None if span.ends_now else await b.db.one(_Kept, queries.CLOSE_AT, asked | {"at": span.last.at})
    # What is imported today may have happened before what was imported last year: instants tell, not numbers.
    tracked = is_tracked(account)
    upto = last.newest if last is not None and not tracked else await b.db.value(queries.LAST_ENTRY, asked)
    whole = tracked or first is None or span.opening or (last is None and not span.ends_now)
    between_ids = {"after": 0 if whole or first is None else first.entry_id, "upto": upto}
    timely = tracked and first is not None and not span.opening
    instants = {
        "since": span.first.at if timely else "-infinity",
        "until": span.last.at if tracked and last is not None else "infinity",
    }
    rows = await b.db.made(Booked.of, queries.ENTRIES_BETWEEN, asked | between_ids | instants)
    if tracked:
        rows.sort(key=lambda row: (row.venue_at, row.id))
    if span.late:
        begin = End(frozenset(), {}, ZERO, ZERO)
    else:
        begin = await _stored_end(b, asked, account, span.first, first, rows, opening=span.opening)
    if span.ends_now:
        finish = await _now(b, caller, account.id, rows)
        if await b.db.value(queries.LAST_ENTRY, asked) != upto:
            return None
    else:
        finish = await _stored_end(b, asked, account, span.last, last, rows, opening=False)
    between = [row for row in rows if row.id not in begin.known and row.id in finish.known]
    void = [set(ids) for (ids,) in await b.db.tuples(queries.VOID_ENTRIES, asked)]
    return Story(account, begin, finish, _without_void(between, void))


async def _stored_end(
    b: Backends,
    asked: dict[str, UUID],
    account: AccountView,
    at: Valuation,
    kept: _Kept | None,
    rows: Sequence[Booked],
    *,
    opening: bool,
) -> End:
    """What was recorded at a close, or what can be known of it: its entries by what had been paid in by then."""
    cash: Decimal = await b.db.value(queries.CASH_AT, asked | {"at": at.at})
    if kept is not None and not opening:
        tracked = is_tracked(account)
        known_ids = frozenset(
            row.id
            for row in rows
            if (row.venue_at <= at.at if tracked else row.id <= kept.entry_id or row.id in kept.later_ids)
        )
        return End(known_ids, kept.held, at.value, cash)
    known = _by(at, rows)
    bought = explain(ZERO, ZERO, {}, {}, known, account.currency)
    cost = {one.symbol: -one.unrealized for one in bought.symbols}
    qtys = _held(known)
    if opening:
        held = {symbol: Worth(qty, cost.get(symbol, ZERO)) for symbol, qty in qtys.items()}
        return End(frozenset(row.id for row in known), held, at.value, cash)
    closes = await _closes(b, account, qtys, at.at)
    held = {
        symbol: Worth(qty, qty * closes[symbol] if symbol in closes else cost.get(symbol, ZERO))
        for symbol, qty in qtys.items()
    }
    notes = [FROM_BARS.format(at.at)] if held else []
    notes += [AT_COST.format(symbol, at.at) for symbol in held if symbol not in closes]
    return End(frozenset(row.id for row in known), held, at.value, cash, tuple(notes))


async def _now(b: Backends, caller: Caller, account_id: UUID, rows: Sequence[Booked]) -> End:
    account = await get_account(b, caller, account_id)
    positions = [one for one in await list_positions(b, caller, account_id) if one.qty]
    held = {one.symbol: Worth(one.qty, one.market_value) for one in positions}
    value = to_cents(account.cash + sum((one.value for one in held.values()), ZERO))
    return End(frozenset(row.id for row in rows), held, value, account.cash)


async def _closes(b: Backends, account: AccountView, qtys: Mapping[str, Decimal], at: datetime) -> dict[str, Decimal]:
    """Official closes in the account's currency."""
    if not qtys:
        return {}
    closes = await closes_before(b.db, account.venue, list(qtys), at)
    quoted = {one.symbol: one.currency for one in (await instruments_named(b.db, account.venue, list(closes))).values()}
    foreign = {symbol for symbol in closes if quoted.get(symbol, account.currency) != account.currency}
    if not foreign:
        return closes
    day = exchange_day(at)
    rates = await rates_between(b.db, {account.currency, *(quoted[symbol] for symbol in foreign)}, day, day)
    at_rate = {symbol: rates.rate(quoted[symbol], account.currency, day) for symbol in foreign}
    return {
        symbol: close * (at_rate.get(symbol) or 1)
        for symbol, close in closes.items()
        if symbol not in foreign or at_rate[symbol] is not None
    }


def _by(at: Valuation, rows: Sequence[Booked]) -> list[Booked]:
    """The entries a recorded value knows: money that came at its very instant may have been booked after it."""
    known = [row for row in rows if row.venue_at <= at.at]
    paid_in = sum((row.paid_in for row in known), ZERO)
    for count in range(len(known), 0, -1):
        if paid_in == at.paid_in:
            return known[:count]
        paid_in -= known[count - 1].paid_in
    return known


def _without_void(rows: list[Booked], void: Sequence[set[int]]) -> list[Booked]:
    """Without what was booked for an action and taken back, where both lie in the period."""
    ids = {row.id for row in rows}
    gone = {id_ for pair in void if pair <= ids for id_ in pair}
    return [row for row in rows if row.id not in gone]


def _held(rows: Sequence[Booked]) -> dict[str, Decimal]:
    qtys: dict[str, Decimal] = {}
    for row in rows:
        for account, commodity, amount in zip(row.accounts, row.commodities, row.amounts, strict=True):
            if account == HOLDING:
                qtys[commodity] = qtys.get(commodity, ZERO) + amount
    return {symbol: qty for symbol, qty in qtys.items() if qty}
