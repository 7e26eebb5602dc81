"""Which recorded values a period of a book runs from and to: one account in its own currency, or several in one.

Values are what the worker recorded at each session's close and around each flow, plus the newest one. What was not
recorded, or has no exchange rate, is named and never filled in.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.combining import Flow, Together, Transfer, combine
from starkmatter.domain.combining import Member as Combined
from starkmatter.domain.fx import RateTable
from starkmatter.domain.money import ZERO
from starkmatter.domain.performance import Valuation
from starkmatter.domain.quotes import VenueClock
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.market.clocks import EXCHANGE
from starkmatter.market.fx.service import rates_between
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.books import Book
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.tracked import unpriced_days
from starkmatter.portfolio.valuation import clock_or_none, list_positions

NAMED_DAYS = 5
NO_RATES = RateTable({})
NO_RATE = "There is no exchange rate of {} in {} on {}: what happened then is part of the next day that has one."


@dataclass(frozen=True, slots=True)
class Close:
    session_on: date
    closes_at: datetime
    at: datetime | None
    value: Decimal | None
    paid_in: Decimal | None


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest valuation of a day."""

    on: date
    valuation: Valuation


@dataclass(frozen=True, slots=True)
class Line:
    """Everything known of an account's value: marks in order of days, the first one its opening."""

    marks: list[Mark]
    edges: list[Valuation]
    closes: list[Close]


@dataclass(frozen=True, slots=True)
class Member:
    """One account of the book in its own currency. `newest`: this moment's value, None when it cannot be said."""

    account: AccountView
    newest: Valuation | None
    line: Line

    @property
    def points(self) -> list[Valuation]:
        """Everything recorded, in the order of time, without this moment's value."""
        found = {*(mark.valuation for mark in self.line.marks), *self.line.edges} - {self.newest}
        return sorted(found, key=_instant)

    def known_at(self, at: Valuation, *, now: bool) -> Valuation | None:
        """Its last value known at a value of the book, or with `now` this moment's; None before its opening."""
        if now and self.newest is not None:
            return self.newest
        known = [one for one in self.points if one.at <= at.at]
        return known[-1] if known else None


@dataclass(frozen=True, slots=True)
class Period:
    """A period of a book: `line`, `base` and `marks` are in the book's currency, `members` in their own.

    `newest` is this moment's value, None when it cannot be said. Without conversion the line is the one member's own.
    """

    book: Book
    clock: VenueClock | None
    members: list[Member]
    newest: Valuation | None
    line: Line
    base: Mark
    marks: list[Mark]
    missing: list[str]
    rates: RateTable
    transfers: list[Transfer]

    @property
    def last(self) -> Valuation:
        return self.marks[-1].valuation if self.marks else self.base.valuation

    @property
    def since_opening(self) -> bool:
        return self.base is self.line.marks[0]

    @property
    def ends_now(self) -> bool:
        return self.newest is not None and self.last is self.newest

    def rate_of(self, currency: str, on: date) -> Decimal | None:
        """What one unit of a currency costs in the book's on a day."""
        return self.rates.rate(currency, self.book.currency, on)

    def rate_or_last(self, currency: str, on: date) -> Decimal:
        """What was booked on a day counts at this: its rate, without one that of the period's end."""
        return self.rate_of(currency, on) or self.rate_of(currency, exchange_day(self.last.at)) or ZERO


async def find_period(b: Backends, caller: Caller, book: Book, start: date | None, end: date | None) -> Period:
    """From the close before `start` to that of `end`, as `measure_performance` has it; raises what that raises."""
    if start is not None and end is not None and start > end:
        raise InvalidInput("start: must not be later than end.")
    clock = await clock_or_none(b, book.venue)
    missing = list(book.missing)
    members = [await _member(b, caller, book, account, clock, missing) for account in book.accounts]
    told, rates = Together([], None, [], {}), NO_RATES
    if book.converts:
        told, line, rates = await _together(b, caller, book, members, missing)
    else:
        line = members[0].line
    newest = told.newest if book.converts else members[0].newest
    if start is not None and start > line.marks[-1].on:
        raise InvalidInput(f"start: the {book.noun}'s newest day is {line.marks[-1].on}.")
    if end is not None and end < line.marks[0].on:
        raise InvalidInput(f"end: the {book.noun} was opened on {line.marks[0].on}.")
    base, marks = _choose(line, start, end)
    period = Period(book, clock, members, newest, line, base, marks, missing, rates, told.transfers)
    first, final = exchange_day(period.base.valuation.at), exchange_day(period.last.at)
    for currency, lacking in told.lacking.items():
        if days := [day for day in lacking if (period.since_opening or first <= day) and day <= final]:
            missing.append(NO_RATE.format(currency, book.currency, named(days)))
    missing += [_transfer_words(one, book.currency) for one in told.transfers if first <= one.on <= final]
    return period


async def _member(
    b: Backends, caller: Caller, book: Book, account: AccountView, clock: VenueClock | None, missing: list[str]
) -> Member:
    said: list[str] = []
    said += await unpriced_days(b, account)
    newest = await _newest(b, caller, account, clock, said)
    line = await _read_line(b, caller, account.id, newest, clock)
    # The clock is one for all of them: said once.
    missing += [
        one for one in (f"{account.name}: {one}" if book.together else one for one in said) if one not in missing
    ]
    return Member(account, newest, line)


async def _together(
    b: Backends, caller: Caller, book: Book, members: list[Member], missing: list[str]
) -> tuple[Together, Line, RateTable]:
    """The members' lines as one in the book's currency; a member whose currency has no rate at all is left out."""
    first = min(one.line.marks[0].on for one in members)
    last = max(exchange_day(one.line.marks[-1].valuation.at) for one in members)
    currencies = {book.currency, *(one.account.currency for one in members)}
    rates = await rates_between(b.db, currencies, first - timedelta(days=1), max(first, last))
    for one in [one for one in members if not _has_rate(one, book, rates)]:
        members.remove(one)
        missing.append(
            f"{one.account.name} is left out: on none of its days there is an exchange rate of {one.account.currency} "
            f"in {book.currency}."
        )
    if not members:
        raise NotFound(f"There is no exchange rate that would show this {book.noun} in {book.currency}.")
    flows = await _flows(b, caller, [one.account.id for one in members])
    combined = [
        Combined(
            one.account.name,
            one.account.currency,
            one.points,
            flows.get(one.account.id, []),
            one.newest,
        )
        for one in members
    ]
    ends: dict[date, datetime] = {}
    for one in members:
        for mark in one.line.marks[1:]:
            ends[mark.on] = max(mark.valuation.at, ends.get(mark.on, mark.valuation.at))
    closes = sorted({close.closes_at: close for one in members for close in one.line.closes}.values(), key=_closes_at)
    told = await asyncio.to_thread(
        combine, combined, lambda currency, on: rates.rate(currency, book.currency, on), list(ends.values())
    )
    return told, _line_of(told, ends, closes), rates


def _has_rate(member: Member, book: Book, rates: RateTable) -> bool:
    return any(
        rates.rate(member.account.currency, book.currency, exchange_day(mark.valuation.at)) is not None
        for mark in member.line.marks
    )


def _line_of(told: Together, ends: dict[date, datetime], closes: list[Close]) -> Line:
    """The book's marks: its first value, and the last one of each day that a member has one of."""
    by_instant = {one.at: one for one in told.valuations if one is not told.newest}
    marks = [Mark(on, by_instant[at]) for on, at in sorted(ends.items()) if at in by_instant]
    if not told.valuations:
        raise NotFound("There is no exchange rate on any day of this book.")
    if told.newest is not None:
        on = max(ends) if ends else exchange_day(told.newest.at)
        marks = [mark for mark in marks if mark.on != on]
        marks.append(Mark(on, told.newest))
    opening = told.valuations[0]
    return Line([Mark(exchange_day(opening.at), opening), *marks], told.valuations, closes)


async def _flows(b: Backends, caller: Caller, ids: Sequence[UUID]) -> dict[UUID, list[Flow]]:
    found: dict[UUID, list[Flow]] = {}
    asked = {"user": caller.user_id, "accounts": list(ids)}
    for account, entry, at, amount in await b.db.tuples(queries.FLOWS, asked):
        found.setdefault(account, []).append(Flow(entry, at, amount))
    return found


def _transfer_words(one: Transfer, currency: str) -> str:
    spread = f", {one.spread:+,.2f} by the exchange" if one.spread else ""
    return (
        f"{one.on}: {one.value:,.2f} {currency} from {one.from_name} to {one.to_name} is a transfer between own "
        f"accounts{spread}, not money from outside."
    )


def _instant(one: Valuation) -> datetime:
    return one.at


def _closes_at(one: Close) -> datetime:
    return one.closes_at


async def _newest(
    b: Backends, caller: Caller, account: AccountView, clock: VenueClock | None, missing: list[str]
) -> Valuation | None:
    """This moment's value of an account that lives; None when it cannot be said, with the reason in `missing`."""
    if account.read_only:
        return None
    if clock is None:
        missing.append("The market's clock does not answer: the period ends at the last recorded value.")
        return None
    paid_in = await _paid_in(b, account.id)
    valued = await get_account(b, caller, account.id)
    if await _paid_in(b, account.id) != paid_in:
        missing.append("Money moved while this was read: the period ends at the last recorded value.")
        return None
    unpriced = [one.symbol for one in await list_positions(b, caller, account.id) if one.qty and one.last is None]
    missing += [f"{symbol} has no quote now and stands at its cost." for symbol in unpriced]
    return Valuation(clock.venue_now, valued.equity, paid_in)


async def _paid_in(b: Backends, account_id: UUID) -> Decimal:
    deposited: dict[UUID, Decimal] = dict(await b.db.tuples(queries.DEPOSITED, ([account_id],)))
    return deposited.get(account_id, ZERO)


async def _read_line(
    b: Backends, caller: Caller, account_id: UUID, newest: Valuation | None, clock: VenueClock | None
) -> Line:
    params = {"account": account_id, "user": caller.user_id, "until": newest.at if newest else "infinity"}
    edges = await b.db.all(Valuation, queries.EDGES, params)
    latest = newest or edges[-1]
    closes = await b.db.all(Close, queries.CLOSES, params | {"until": latest.at, "exchange": EXCHANGE})
    marks = {
        one.session_on: Mark(one.session_on, Valuation(one.at, one.value, one.paid_in))
        for one in closes
        if one.at is not None and one.value is not None and one.paid_in is not None
    }
    opening = Mark(exchange_day(edges[0].at), edges[0])
    on = _day_of(latest, closes, clock if newest else None)
    if on not in marks or marks[on].valuation.at <= latest.at:
        marks[on] = Mark(on, latest)
    return Line([opening, *(marks[day] for day in sorted(marks))], edges, closes)


def _day_of(latest: Valuation, closes: Sequence[Close], clock: VenueClock | None) -> date:
    """The trading day the latest value belongs to: the running one, else the last one that closed."""
    if clock is not None and clock.state == "open" and clock.session_on is not None:
        return clock.session_on
    if clock is None and (not closes or exchange_day(latest.at) > closes[-1].session_on):
        return exchange_day(latest.at)
    return closes[-1].session_on if closes else exchange_day(latest.at)


def _choose(line: Line, start: date | None, end: date | None) -> tuple[Mark, list[Mark]]:
    """The mark the period begins from and those inside it."""
    before = [number for number, mark in enumerate(line.marks) if number and start is not None and mark.on < start]
    number = before[-1] if before else 0
    base = line.marks[number]
    inside = [mark for mark in line.marks[number + 1 :] if end is None or mark.on <= end]
    return base, [mark for mark in inside if mark.valuation != base.valuation]


def unrecorded(period: Period) -> list[str]:
    """Which closes of the period have no value of their own, in sentences."""
    found = []
    for member in period.members:
        opened_at = member.line.marks[0].valuation.at
        after = max(period.base.valuation.at, opened_at)
        inside = [one for one in member.line.closes if after < one.closes_at <= period.last.at]
        whose = f"{member.account.name}: " if period.book.together else ""
        if absent := [one.session_on for one in inside if one.at is None]:
            found.append(f"{whose}No value was recorded on {named(absent)}: these days are part of the next one.")
        if early := [one.session_on for one in inside if one.at is not None and one.at < one.closes_at]:
            words = f"No value was recorded at the close of {named(early)}: the last one before it is used."
            found.append(whose + words)
    return found


def named(days: Sequence[date]) -> str:
    if len(days) <= NAMED_DAYS:
        return ", ".join(day.isoformat() for day in days)
    return f"{len(days)} days from {days[0].isoformat()} to {days[-1].isoformat()}"
