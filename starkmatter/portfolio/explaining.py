"""Where the change of a book's value over a period came from, down to the entries of its ledgers.

The values are those the performance page measures. In another currency than an account's own each entry counts at the
rate of its day, in whole cents, and what exchange rates brought is a step of its own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.fx import RateTable
from starkmatter.domain.ledger import CASH
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.domain.symbol_gains import RateAt, SymbolGain, Worth
from starkmatter.domain.waterfall import Part, Step, StepKey, Waterfall, explain_book
from starkmatter.errors import Unavailable
from starkmatter.market.fx.service import rates_between
from starkmatter.market.service import instruments_named
from starkmatter.portfolio.books import find_book
from starkmatter.portfolio.periods import Member, Period, find_period
from starkmatter.portfolio.stories import Booked, End, Span, Story, story_of

STEP_NAMES: dict[StepKey, str] = {
    "paid_in": "Paid in",
    "taken_out": "Taken out",
    "realized": "Price gains, sold",
    "unrealized": "Price gains, still held",
    "dividends": "Dividends",
    "interest": "Interest",
    "other_income": "Other income",
    "fees": "Fees",
    "taxes": "Taxes withheld",
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
IN_TRADE = "The account is being traded on this very moment. Try again in a few seconds."


@dataclass(frozen=True, slots=True)
class EntryLine:
    """An entry of the ledger that had a part in it."""

    id: int
    at: datetime
    kind: str
    description: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """From `start_value` to `end_value` in `steps`, which sum to the difference exactly; gains also by symbol.

    `exact`: every cent belongs to an entry or to a price that was kept. `entries` are those that the steps name, the
    newest of very many; `left_off` counts the others. `booked` are all of them, in the book's currency, `whose` says by
    number which account's they are where there are several, `held` what there was at the end.
    """

    account_id: UUID | None
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
    whose: Mapping[int, str] = field(default_factory=dict)


async def explain_change(
    b: Backends,
    caller: Caller,
    account_id: UUID | None,
    *,
    start: date | None = None,
    end: date | None = None,
    currency: str | None = None,
    venue: Venue | None = None,
) -> Explanation:
    """The steps from the value at the close before `start` (or the opening) to that of `end` (or now).

    Account, currency and venue as `measure_performance` takes them. Raises what that raises, and Unavailable when an
    account is booked on faster than it can be read.
    """
    for _ in range(TRIES):
        book = await find_book(b, caller, account_id, currency=currency, venue=venue)
        found = await explain_period(b, caller, await find_period(b, caller, book, start, end))
        if found is not None:
            return found
    raise Unavailable(IN_TRADE)


async def explain_period(b: Backends, caller: Caller, period: Period) -> Explanation | None:
    """The same of a period that was found already; None when an account was booked on meanwhile."""
    stories = []
    for member in period.members:
        span = _span(member, period)
        if span is None:
            continue
        story = await story_of(b, caller, member, span)
        if story is None:
            return None
        stories.append((story, span))
    rates = await _rates(b, period, [story for story, _ in stories])
    # Ten thousand entries are a good part of a tenth of a second of arithmetic: not on the loop that serves everybody.
    return await asyncio.to_thread(_explanation, period, stories, rates)


def _span(member: Member, period: Period) -> Span | None:
    """What of the account's life is in the period; None when that began after it."""
    last = member.known_at(period.last, now=period.ends_now)
    if last is None:
        return None
    opening = member.line.marks[0].valuation
    first = member.known_at(period.base.valuation, now=False)
    opens = first is None or first == opening
    return Span(first or opening, last, opens, first is None, period.ends_now and last is member.newest)


@dataclass(frozen=True, slots=True)
class _Rates:
    """Rates into the book's currency, and in which currency each symbol is quoted."""

    book: str
    table: RateTable
    quoted_in: Mapping[str, str]

    def rate(self, currency: str, at: datetime) -> Decimal | None:
        return self.table.rate(currency, self.book, exchange_day(at))

    def of_symbol(self, symbol: str) -> RateAt:
        return lambda at: self.rate(self.quoted_in[symbol], at)


async def _rates(b: Backends, period: Period, stories: Sequence[Story]) -> _Rates:
    symbols = {symbol for one in stories for end in (one.begin, one.finish) for symbol in end.held}
    symbols |= {symbol for one in stories for row in one.between for symbol in row.symbols}
    known = await instruments_named(b.db, period.book.venue, sorted(symbols)) if symbols else {}
    book = period.book.currency
    quoted_in = {one.symbol: one.currency for one in known.values()}
    currencies = {book, *quoted_in.values(), *(one.account.currency for one in stories)}
    if currencies == {book}:
        return _Rates(book, RateTable({}), quoted_in)
    instants = [row.venue_at for one in stories for row in one.between]
    instants += [period.base.valuation.at, period.last.at]
    first, last = exchange_day(min(instants)), exchange_day(max(instants))
    return _Rates(book, await rates_between(b.db, currencies, first - timedelta(days=1), last), quoted_in)


def _explanation(period: Period, stories: Sequence[tuple[Story, Span]], rates: _Rates) -> Explanation:
    moved = frozenset(id_ for one in period.transfers for id_ in one.entry_ids)
    booked = [_entries(story, period, rates) for story, _ in stories]
    parts = [_part(story, entries, period, rates, moved) for (story, _), entries in zip(stories, booked, strict=True)]
    if period.book.converts:
        start_value, end_value = period.base.valuation.value, _end_value(period, stories, rates)
    else:
        start_value, end_value = stories[0][0].begin.value, stories[0][0].finish.value
    told = explain_book(start_value, end_value, parts, period.book.currency)
    between, whose = booked[0], {}
    if period.book.together:
        between = sorted((row for entries in booked for row in entries), key=lambda row: (row.venue_at, row.id))
        whose = {row.id: story.account.name for story, _ in stories for row in story.between}
    notes = [note for story, _ in stories for note in (*story.begin.notes, *story.finish.notes)]
    found = _whole(period, told, start_value, end_value, between, [*period.missing, *notes, *told.notes], parts)
    return replace(found, whose=whose)


def _end_value(period: Period, stories: Sequence[tuple[Story, Span]], rates: _Rates) -> Decimal:
    """The period's last value; of this moment's the one that was read with what is held."""
    if not period.ends_now:
        return period.last.value
    at = period.last.at
    return to_cents(
        sum((one.finish.value * (rates.rate(one.account.currency, at) or ZERO) for one, _ in stories), ZERO)
    )


def _whole(
    period: Period,
    told: Waterfall,
    start_value: Decimal,
    end_value: Decimal,
    between: Sequence[Booked],
    notes: list[str],
    parts: Sequence[Part],
) -> Explanation:
    held: dict[str, Worth] = {}
    for part in parts:
        for symbol, worth in part.end.items():
            before = held.get(symbol, Worth(ZERO, ZERO))
            held[symbol] = Worth(before.qty + worth.qty, before.value + worth.value)
    shown = [EntryLine(row.id, row.venue_at, row.kind, row.description) for row in between[-MAX_ENTRIES:]]
    return Explanation(
        account_id=period.book.account_id,
        currency=period.book.currency,
        since_opening=period.since_opening,
        ends_now=period.ends_now,
        start_at=period.base.valuation.at,
        end_at=period.last.at,
        start_value=start_value,
        end_value=end_value,
        change=end_value - start_value,
        steps=list(told.steps),
        symbols=sorted(told.symbols, key=lambda one: (-abs(one.gain), one.symbol)),
        exact=told.step("unassigned") == 0,
        entries=shown,
        left_off=len(between) - len(shown),
        notes=notes,
        booked=between,
        held=held,
    )


def _entries(story: Story, period: Period, rates: _Rates) -> Sequence[Booked]:
    """The account's entries in the book's currency; on a day without a rate at that of the period's end."""
    own, book = story.account.currency, period.book.currency
    if own == book:
        return story.between
    end_rate = rates.rate(own, period.last.at) or ZERO
    return [_converted(row, own, book, rates.rate(own, row.venue_at) or end_rate) for row in story.between]


def _part(story: Story, entries: Sequence[Booked], period: Period, rates: _Rates, moved: frozenset[int]) -> Part:
    """The account's story in the book's currency."""
    own, start_at, end_at = story.account.currency, period.base.valuation.at, period.last.at
    symbols = {*story.begin.held, *story.finish.held, *(symbol for row in story.between for symbol in row.symbols)}
    # What has no known currency, or stands at its cost, goes along with the account's.
    quoted = {symbol: rates.quoted_in.get(symbol, own) for symbol in symbols}
    rate_of = {
        symbol: rates.of_symbol(symbol) for symbol, currency in quoted.items() if currency != period.book.currency
    }
    rate_of |= {
        symbol: (lambda at: rates.rate(own, at))
        for symbol in symbols
        if symbol not in rates.quoted_in and own != period.book.currency
    }
    if own == period.book.currency:
        return Part(story.begin.held, story.finish.held, entries, start_at, end_at, rate_of, moved=moved)
    start_rate, end_rate = rates.rate(own, start_at) or ZERO, rates.rate(own, end_at) or ZERO
    return Part(
        _at_rate(story.begin, start_rate),
        _at_rate(story.finish, end_rate),
        entries,
        start_at,
        end_at,
        rate_of,
        story.begin.cash * start_rate,
        story.finish.cash * end_rate,
        moved,
    )


def _at_rate(end: End, rate: Decimal) -> dict[str, Worth]:
    return {symbol: Worth(worth.qty, worth.value * rate) for symbol, worth in end.held.items()}


def _converted(row: Booked, own: str, currency: str, rate: Decimal) -> Booked:
    """An entry at the rate of its day: every leg in whole cents, and the cash as what the others come to."""
    legs = [
        (account, currency, to_cents(amount * rate)) if unit == own else (account, unit, amount)
        for account, unit, amount in row.legs
        if not (account == CASH and unit == own)
    ]
    cash = -sum((amount for _, unit, amount in legs if unit == currency), ZERO)
    accounts, commodities, amounts = zip(*legs, (CASH, currency, cash), strict=True)
    return Booked(row.id, row.venue_at, row.kind, row.description, accounts, commodities, amounts)
