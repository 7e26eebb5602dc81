"""What each currency brought to a book's return: prices in that currency, and its exchange rate.

What was held at each close was kept with it; its returns are those of official closes, in the currency it is quoted in.
Days that cannot be told are left out and counted: the return shown is that of the days that were told.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.currency_attribution import CurrencyDay, CurrencyEffect, Day, contribute
from starkmatter.domain.fx import RateTable
from starkmatter.domain.money import ZERO
from starkmatter.domain.performance import Unmeasurable
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.market.fx.service import rates_between
from starkmatter.market.service import daily_closes, instruments_named
from starkmatter.portfolio import queries
from starkmatter.portfolio.books import find_book
from starkmatter.portfolio.performance import measure_period
from starkmatter.portfolio.periods import Member, Period, find_period
from starkmatter.portfolio.records import DayValue

LOOK_BACK = timedelta(days=1)
LEFT_OUT = (
    "{} of {} days are left out: what was held at their start was not kept, a rate is missing, or they still run."
)
NO_CLOSE = "{} has no close on some of these days: what it brought then counts as trading."

Closes = Mapping[str, Mapping[date, Decimal]]


@dataclass(frozen=True, slots=True)
class ByCurrency:
    """Effects by currency and `trading` sum to `ratio` exactly; all None or empty when nothing can be told, for the
    reason in `notes`. `fx` is the currencies' part of it, `price` that of prices.
    """

    account_id: UUID | None
    currency: str
    start_on: date | None
    end_on: date | None
    days: int
    ratio: Decimal | None
    price: Decimal | None
    fx: Decimal | None
    trading: Decimal | None
    effects: list[CurrencyEffect]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """Open positions of an account at a close, and what they were worth."""

    at: datetime
    symbols: list[str]
    worths: list[Decimal]


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything the days are told from."""

    period: Period
    kept: Mapping[UUID, Mapping[datetime, Kept]]
    quoted_in: Mapping[str, str]
    closes: Closes
    rates: RateTable

    def rate(self, currency: str, at: datetime) -> Decimal | None:
        return self.rates.rate(currency, self.period.book.currency, exchange_day(at))


async def attribute_by_currency(
    b: Backends,
    caller: Caller,
    account_id: UUID | None,
    *,
    start: date | None = None,
    end: date | None = None,
    currency: str | None = None,
    venue: Venue | None = None,
) -> ByCurrency:
    """The parts of a period as `measure_performance` takes it; raises what that raises."""
    book = await find_book(b, caller, account_id, currency=currency, venue=venue)
    period = await find_period(b, caller, book, start, end)
    found = await measure_period(b, caller, period, "")
    kept = await kept_of(b, caller, period, found.end_at)
    symbols = sorted({symbol for closes in kept.values() for one in closes.values() for symbol in one.symbols})
    named = await instruments_named(b.db, book.venue, symbols) if symbols else {}
    quoted_in = {symbol: one.currency for symbol, one in named.items()}
    closes = await daily_closes(b.db, book.venue, symbols, found.start_at - LOOK_BACK, found.end_at)
    currencies = {book.currency, *quoted_in.values(), *(one.account.currency for one in period.members)}
    first, last = exchange_day(found.start_at) - LOOK_BACK, exchange_day(found.end_at)
    rates = await rates_between(b.db, currencies, first, last)
    return await asyncio.to_thread(_told, _Known(period, kept, quoted_in, closes, rates), found.days)


async def kept_of(b: Backends, caller: Caller, period: Period, until: datetime) -> dict[UUID, dict[datetime, Kept]]:
    """What each account of the period held at its closes, by instant, in its own currency."""
    kept: dict[UUID, dict[datetime, Kept]] = {}
    for member in period.members:
        asked = {"account": member.account.id, "user": caller.user_id, "after": member.line.marks[0].valuation.at}
        rows = await b.db.all(Kept, queries.CLOSES_KEPT, asked | {"until": until})
        kept[member.account.id] = {one.at: one for one in rows}
        opening = member.line.marks[0].valuation
        if opening.at not in kept[member.account.id] and member.account.broker == "paper":
            kept[member.account.id][opening.at] = Kept(opening.at, [], [])  # on paper an account begins with cash alone
    return kept


def _told(known: _Known, days: Sequence[DayValue]) -> ByCurrency:
    compared: list[tuple[date, date, Day]] = []
    unpriced: set[str] = set()
    for before, after in pairwise(days):
        day = _day(known, before, after, unpriced) if before.value > 0 and before.on < after.on else None
        if day is not None:
            compared.append((before.on, after.on, day))
    notes = [*known.period.missing, *(NO_CLOSE.format(symbol) for symbol in sorted(unpriced))]
    left_out = max(0, len(days) - 1 - len(compared))
    if left_out:
        notes.insert(0, LEFT_OUT.format(left_out, len(days) - 1))
    told = contribute([one for _, _, one in compared])
    book = known.period.book
    if isinstance(told, Unmeasurable):
        notes.insert(0, told.reason)
        return ByCurrency(book.account_id, book.currency, None, None, 0, None, None, None, None, [], notes)
    return ByCurrency(
        account_id=book.account_id,
        currency=book.currency,
        start_on=compared[0][0],
        end_on=compared[-1][1],
        days=len(compared),
        ratio=told.ratio,
        price=sum((one.price for one in told.effects), ZERO),
        fx=sum((one.currency for one in told.effects), ZERO),
        trading=told.trading,
        effects=sorted(told.effects, key=lambda one: (-one.weight, one.name)),
        notes=notes,
    )


def _day(known: _Known, before: DayValue, after: DayValue, unpriced: set[str]) -> Day | None:
    """The day's currencies; None when what was held at its start, or a rate, is not known."""
    weights: dict[str, Decimal] = defaultdict(Decimal)
    local: dict[str, Decimal] = defaultdict(Decimal)
    for member in known.period.members:
        if not _add(known, member, before, after, weights, local, unpriced):
            return None
    ratios = {}
    for currency in weights:
        first, last = known.rate(currency, before.at), known.rate(currency, after.at)
        if first is None or last is None:
            return None
        ratios[currency] = last / first - 1
    return Day({name: CurrencyDay(weights[name], local[name], ratios[name]) for name in weights}, after.ratio)


def _add(
    known: _Known,
    member: Member,
    before: DayValue,
    after: DayValue,
    weights: dict[str, Decimal],
    local: dict[str, Decimal],
    unpriced: set[str],
) -> bool:
    """One account's holdings at the day's start; whether they are known."""
    own = member.account.currency
    points = [one for one in member.points if one.at <= before.at]
    if not points:
        return True
    held, rate = known.kept[member.account.id].get(points[-1].at), known.rate(own, before.at)
    if rate is None or (held is None and points[-1].value):
        return False
    cash = points[-1].value
    for symbol, worth in zip(held.symbols, held.worths, strict=True) if held else ():
        weight = worth * rate / before.value
        currency = known.quoted_in.get(symbol, own)
        ratio = _ratio(known.closes, symbol, before.on, after.on)
        if ratio is None:
            unpriced.add(symbol)
        weights[currency] += weight
        local[currency] += weight * (ratio or ZERO)
        cash -= worth
    weights[own] += cash * rate / before.value
    return True


def _ratio(closes: Closes, symbol: str, before: date, after: date) -> Decimal | None:
    known = closes.get(symbol, {})
    first, last = known.get(before), known.get(after)
    return last / first - 1 if first and last is not None else None
