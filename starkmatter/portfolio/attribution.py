"""Why an account did better or worse than its market, by sector; the market is equal parts of every stored stock that
has a sector and a close.

What was held at each close was kept with it; its stocks' returns are those of official closes. Days that cannot be
compared are left out and counted: the returns shown are those of the days that were compared.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.attribution import Attribution, Day, Effect, Group, attribute
from starkmatter.domain.money import ZERO
from starkmatter.domain.performance import Unmeasurable
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.market.service import MAX_INSTRUMENTS, daily_closes, instruments_named, list_instruments
from starkmatter.portfolio.allocation import NO_SECTOR
from starkmatter.portfolio.books import find_book
from starkmatter.portfolio.currency_attribution import Kept, kept_of
from starkmatter.portfolio.performance import measure_period
from starkmatter.portfolio.periods import Period, find_period
from starkmatter.portfolio.records import DayValue

CASH = "Cash"
LOOK_BACK = timedelta(days=1)
LEFT_OUT = "{} of {} days are left out: what was held at their start was not kept, or the day has no close yet."
NO_STOCKS = "This market has no stock with a sector and a price on these days."
IN_OWN = "Stocks count in the currency they are quoted in: what exchange rates brought is a part of trading here."
NO_CLOSE = "{} has no close on some of these days: what it brought then counts as trading."

Closes = Mapping[str, Mapping[date, Decimal]]


@dataclass(frozen=True, slots=True)
class SectorAttribution:
    """Effects by sector and `trading` sum to `excess` exactly; all None or empty when there is nothing to compare, for
    the reason in `notes`. `stocks` are the market's.
    """

    account_id: UUID | None
    start_on: date | None
    end_on: date | None
    days: int
    stocks: int
    ratio: Decimal | None
    market_ratio: Decimal | None
    excess: Decimal | None
    trading: Decimal | None
    effects: list[Effect]
    notes: list[str]


async def attribute_by_sector(
    b: Backends,
    caller: Caller,
    account_id: UUID | None,
    *,
    start: date | None = None,
    end: date | None = None,
    currency: str | None = None,
    venue: Venue | None = None,
) -> SectorAttribution:
    """The effects of a period as `measure_performance` takes it; raises what that raises."""
    book = await find_book(b, caller, account_id, currency=currency, venue=venue)
    period = await find_period(b, caller, book, start, end)
    found = await measure_period(b, caller, period, "")
    of_account = await kept_of(b, caller, period, found.end_at)
    kept = _in_book(period, found.days, of_account)
    stocks = [
        one.symbol
        for one in await list_instruments(b.db, "", MAX_INSTRUMENTS, venue=book.venue)
        if one.kind == "equity" and one.sector
    ]
    symbols = sorted({*stocks, *(symbol for one in kept.values() for symbol in one.symbols)})
    named = await instruments_named(b.db, book.venue, symbols) if symbols else {}
    sector_of = {symbol: (named[symbol].sector if symbol in named else "") or NO_SECTOR for symbol in symbols}
    closes = await daily_closes(b.db, book.venue, symbols, found.start_at - LOOK_BACK, found.end_at)
    told = await asyncio.to_thread(_attribution, book.account_id, found.days, kept, stocks, sector_of, closes)
    foreign = any(symbol in named and named[symbol].currency != book.currency for symbol in symbols)
    return replace(told, notes=[*told.notes, IN_OWN]) if foreign or book.converts else told


def _in_book(
    period: Period, days: Sequence[DayValue], of_account: Mapping[UUID, Mapping[datetime, Kept]]
) -> dict[datetime, Kept]:
    """What all accounts held at each of these days' values, in the book's currency; days without it are left out."""
    found: dict[datetime, Kept] = {}
    for day in days:
        worths: dict[str, Decimal] = {}
        for member in period.members:
            points = [one for one in member.points if one.at <= day.at]
            if not points:
                continue
            held = of_account[member.account.id].get(points[-1].at)
            rate = period.rate_of(member.account.currency, exchange_day(day.at))
            if rate is None or (held is None and points[-1].value):
                break
            for symbol, worth in zip(held.symbols, held.worths, strict=True) if held else ():
                worths[symbol] = worths.get(symbol, ZERO) + worth * rate
        else:
            found[day.at] = Kept(day.at, list(worths), list(worths.values()))
    return found


def _attribution(
    account_id: UUID | None,
    days: Sequence[DayValue],
    kept: Mapping[datetime, Kept],
    stocks: Sequence[str],
    sector_of: Mapping[str, str],
    closes: Closes,
) -> SectorAttribution:
    compared: list[tuple[date, date, Day]] = []
    unpriced: set[str] = set()
    for before, after in pairwise(days):
        held = kept.get(before.at)
        market = _market(stocks, sector_of, closes, before.on, after.on)
        if held is not None and market and before.value > 0 and before.on < after.on:
            compared.append((before.on, after.on, _day(held, before, after, market, sector_of, closes, unpriced)))
    notes = [NO_CLOSE.format(symbol) for symbol in sorted(unpriced)]
    left_out = max(0, len(days) - 1 - len(compared))
    if left_out:
        notes.insert(0, LEFT_OUT.format(left_out, len(days) - 1))
    told = attribute([one for _, _, one in compared])
    if isinstance(told, Unmeasurable):
        notes.insert(0, told.reason if stocks else NO_STOCKS)
        return SectorAttribution(account_id, None, None, 0, len(stocks), None, None, None, None, [], notes)
    return _whole(account_id, compared, told, len(stocks), notes)


def _whole(
    account_id: UUID | None,
    compared: Sequence[tuple[date, date, Day]],
    told: Attribution,
    stocks: int,
    notes: list[str],
) -> SectorAttribution:
    return SectorAttribution(
        account_id=account_id,
        start_on=compared[0][0],
        end_on=compared[-1][1],
        days=len(compared),
        stocks=stocks,
        ratio=told.ratio,
        market_ratio=told.market_ratio,
        excess=told.excess,
        trading=told.trading,
        effects=sorted(told.effects, key=lambda one: (-abs(one.total), one.name)),
        notes=notes,
    )


def _market(
    stocks: Sequence[str], sector_of: Mapping[str, str], closes: Closes, before: date, after: date
) -> dict[str, list[Decimal]]:
    """Each sector's returns of the day, one for each stock with both closes."""
    found: dict[str, list[Decimal]] = defaultdict(list)
    for symbol in stocks:
        ratio = _ratio(closes, symbol, before, after)
        if ratio is not None:
            found[sector_of[symbol]].append(ratio)
    return found


def _day(
    held: Kept,
    before: DayValue,
    after: DayValue,
    market: Mapping[str, list[Decimal]],
    sector_of: Mapping[str, str],
    closes: Closes,
    unpriced: set[str],
) -> Day:
    weights: dict[str, Decimal] = defaultdict(Decimal)
    brought: dict[str, Decimal] = defaultdict(Decimal)
    for symbol, worth in zip(held.symbols, held.worths, strict=True):
        weight, sector = worth / before.value, sector_of[symbol]
        ratio = _ratio(closes, symbol, before.on, after.on)
        if ratio is None:
            unpriced.add(symbol)
        weights[sector] += weight
        brought[sector] += weight * (ratio or ZERO)
    weights[CASH] = 1 - sum(weights.values(), ZERO)
    count = sum(len(ratios) for ratios in market.values())
    groups = []
    for name in sorted({*weights, *market}):
        theirs = sum(market[name], ZERO) / len(market[name]) if market.get(name) else None
        weight = weights.get(name, ZERO)
        ours = brought.get(name, ZERO) / weight if weight else None
        share = Decimal(len(market[name])) / count if theirs is not None else ZERO
        own = ours if ours is not None else theirs or ZERO
        groups.append(Group(name, weight, share, own, theirs if theirs is not None else own))
    return Day(groups, after.ratio)


def _ratio(closes: Closes, symbol: str, before: date, after: date) -> Decimal | None:
    known = closes.get(symbol, {})
    first, last = known.get(before), known.get(after)
    return last / first - 1 if first and last is not None else None
