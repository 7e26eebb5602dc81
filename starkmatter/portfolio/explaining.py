"""Where the change of an account's value over a period came from, down to the entries of its ledger.

The values are those the performance page measures. What each position was worth at a close was kept with the close;
for an older one, official closes of the stored days stand in, and what they leave open is named and not spread.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.ledger import DEPOSITS, HOLDING
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.performance import Valuation
from starkmatter.domain.quotes import Venue
from starkmatter.domain.waterfall import Step, StepKey, SymbolGain, Waterfall, Worth, explain
from starkmatter.errors import Unavailable
from starkmatter.market.service import closes_before
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.performance import Period, find_period
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.tracked import is_tracked
from starkmatter.portfolio.valuation import list_positions

STEP_NAMES: dict[StepKey, str] = {
    "paid_in": "Paid in",
    "taken_out": "Taken out",
    "realized": "Price gains, sold",
    "unrealized": "Price gains, still held",
    "dividends": "Dividends",
    "interest": "Interest",
    "other_income": "Other income",
    "fees": "Fees",
    "other_costs": "Other costs",
    "adjustments": "Adjusted to the broker's book",
    "other": "Other bookings",
    "splits": "Splits",
    "fx": "Exchange rates",
    "rounding": "Rounding to cents",
    "unassigned": "Not assigned",
}
MAX_ENTRIES = 1_000
TRIES = 3
AT_COST = "{} had no close before {:%Y-%m-%d} and stands at its cost there."
FROM_BARS = "What each position was worth on {:%Y-%m-%d} was not kept: official closes stand in."


@dataclass(frozen=True, slots=True)
class EntryLine:
    """An entry of the ledger that had a part in it."""

    id: int
    at: datetime
    kind: str
    description: str


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
    def legs(self) -> Iterable[tuple[str, str, Decimal]]:
        """(account, commodity, amount) of each, made anew when asked: kept, they are what ten years cost to explain."""
        return zip(self.accounts, self.commodities, self.amounts, strict=True)

    @property
    def paid_in(self) -> Decimal:
        return -sum((amount for account, _, amount in self.legs if account == DEPOSITS), ZERO)


@dataclass(frozen=True, slots=True)
class Explanation:
    """From `start_value` to `end_value` in `steps`, which sum to the difference exactly; gains also by symbol.

    `exact`: every cent belongs to an entry or to a price that was kept. `entries` are those that the steps name, the
    newest of very many; `left_off` counts the others. `booked` are all of them, `held` what there was at the end.
    """

    account_id: UUID
    currency: str
    since_opening: bool
    ends_now: bool
    start_at: datetime
    end_at: datetime
    start_value: Decimal
    end_value: Decimal
    change: Decimal
    steps: list[Step]
    symbols: list[SymbolGain]
    exact: bool
    entries: list[EntryLine]
    left_off: int
    notes: list[str]
    booked: Sequence[Booked]
    held: Mapping[str, Worth]


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
class _End:
    """One end of the period: the entries that had been booked by then, and what was held."""

    known: frozenset[int]
    held: Mapping[str, Worth]
    value: Decimal
    notes: tuple[str, ...] = ()


async def explain_change(
    b: Backends, caller: Caller, account_id: UUID, *, start: date | None = None, end: date | None = None
) -> Explanation:
    """The steps from the value at the close before `start` (or the opening) to that of `end` (or now).

    Raises what `measure_performance` raises, and Unavailable when the account is booked on faster than it can be read.
    """
    for _ in range(TRIES):
        found = await _explain(b, caller, account_id, start, end)
        if found is not None:
            return found
    raise Unavailable("The account is being traded on this very moment. Try again in a few seconds.")


async def _explain(
    b: Backends, caller: Caller, account_id: UUID, start: date | None, end: date | None
) -> Explanation | None:
    period = await find_period(b, caller, account_id, start, end)
    account, asked = period.account, {"account": account_id, "user": caller.user_id}
    first = await b.db.one(_Kept, queries.CLOSE_AT, asked | {"at": period.base.valuation.at})
    last = None if period.ends_now else await b.db.one(_Kept, queries.CLOSE_AT, asked | {"at": period.last.at})
    # What is imported today may have happened before what was imported last year: instants tell, not numbers.
    tracked = is_tracked(account)
    upto = last.newest if last is not None and not tracked else await b.db.value(queries.LAST_ENTRY, asked)
    whole = tracked or first is None or period.since_opening or (last is None and not period.ends_now)
    between_ids = {"after": 0 if whole or first is None else first.entry_id, "upto": upto}
    timely = tracked and first is not None and not period.since_opening
    instants = {
        "since": period.base.valuation.at if timely else "-infinity",
        "until": period.last.at if tracked and last is not None else "infinity",
    }
    rows = await b.db.made(Booked.of, queries.ENTRIES_BETWEEN, asked | between_ids | instants)
    if tracked:
        rows.sort(key=lambda row: (row.venue_at, row.id))
    begin = await _stored_end(b, period, period.base.valuation, first, rows, opening=period.since_opening)
    if period.ends_now:
        finish = await _now(b, caller, account_id, rows)
        if await b.db.value(queries.LAST_ENTRY, asked) != upto:
            return None
    else:
        finish = await _stored_end(b, period, period.last, last, rows, opening=False)
    between = [row for row in rows if row.id not in begin.known and row.id in finish.known]
    between = _without_void(between, [set(ids) for (ids,) in await b.db.tuples(queries.VOID_ENTRIES, asked)])
    # Ten thousand entries are a good part of a tenth of a second of arithmetic: not on the loop that serves everybody.
    told = await asyncio.to_thread(_told, begin, finish, between, account.currency)
    return _explanation(period, account, begin, finish, between, told)


def _told(begin: _End, finish: _End, between: Sequence[Booked], currency: str) -> Waterfall:
    return explain(begin.value, finish.value, begin.held, finish.held, between, currency)


async def _stored_end(
    b: Backends, period: Period, at: Valuation, kept: _Kept | None, rows: Sequence[Booked], *, opening: bool
) -> _End:
    """What was recorded at a close, or what can be known of it: its entries by what had been paid in by then."""
    if kept is not None and not opening:
        tracked = is_tracked(period.account)
        known_ids = frozenset(
            row.id
            for row in rows
            if (row.venue_at <= at.at if tracked else row.id <= kept.entry_id or row.id in kept.later_ids)
        )
        return _End(known_ids, kept.held, at.value)
    known = _by(at, rows)
    bought = explain(ZERO, ZERO, {}, {}, known, period.account.currency)
    cost = {one.symbol: -one.unrealized for one in bought.symbols}
    qtys = _held(known)
    if opening:
        held = {symbol: Worth(qty, cost.get(symbol, ZERO)) for symbol, qty in qtys.items()}
        return _End(frozenset(row.id for row in known), held, at.value)
    closes = await _closes(b, period.account.venue, qtys, at.at)
    held = {
        symbol: Worth(qty, qty * closes[symbol] if symbol in closes else cost.get(symbol, ZERO))
        for symbol, qty in qtys.items()
    }
    notes = [FROM_BARS.format(at.at)] if held else []
    notes += [AT_COST.format(symbol, at.at) for symbol in held if symbol not in closes]
    return _End(frozenset(row.id for row in known), held, at.value, tuple(notes))


async def _now(b: Backends, caller: Caller, account_id: UUID, rows: Sequence[Booked]) -> _End:
    account = await get_account(b, caller, account_id)
    positions = [one for one in await list_positions(b, caller, account_id) if one.qty]
    held = {one.symbol: Worth(one.qty, one.market_value) for one in positions}
    value = to_cents(account.cash + sum((one.value for one in held.values()), ZERO))
    return _End(frozenset(row.id for row in rows), held, value)


async def _closes(b: Backends, venue: Venue, qtys: Mapping[str, Decimal], at: datetime) -> dict[str, Decimal]:
    return await closes_before(b.db, venue, list(qtys), at) if qtys else {}


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


def _explanation(
    period: Period, account: AccountView, begin: _End, finish: _End, between: Sequence[Booked], told: Waterfall
) -> Explanation:
    shown = [EntryLine(row.id, row.venue_at, row.kind, row.description) for row in between[-MAX_ENTRIES:]]
    return Explanation(
        account_id=account.id,
        currency=account.currency,
        since_opening=period.since_opening,
        ends_now=period.ends_now,
        start_at=period.base.valuation.at,
        end_at=period.last.at,
        start_value=begin.value,
        end_value=finish.value,
        change=finish.value - begin.value,
        steps=list(told.steps),
        symbols=sorted(told.symbols, key=lambda one: (-abs(one.gain), one.symbol)),
        exact=told.step("unassigned") == 0,
        entries=shown,
        left_off=len(between) - len(shown),
        notes=[*period.missing, *begin.notes, *finish.notes, *told.notes],
        booked=between,
        held=finish.held,
    )
