"""The value line of a tracked account, told anew from its entries and closes: at each close and around each flow.

What each holding is worth at the closes is told for all days at once (`domain.worths`); the fold of the entries goes
through time beside it. All pure.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np

from starkmatter.domain.adjusting import Factor
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.sessions import exchange_day
from starkmatter.domain.worths import MICROS, NANOS, PRICE_SCALE, Whole, holdings_and_worths, scaled
from starkmatter.portfolio.importing.folding import Held, Standing, apply_entry

AN_INSTANT = timedelta(microseconds=1)
NO_RATES: Mapping[str, "RateOn"] = {}


@dataclass(frozen=True, slots=True)
class Positions:
    """Open positions in the order of their symbols: shares, and worth in millionths of the currency."""

    symbols: tuple[str, ...]
    qtys: tuple[Decimal, ...]
    worth_micros: tuple[int, ...]

    @property
    def worth(self) -> Decimal:
        """Of all together."""
        return Decimal(sum(self.worth_micros)) / MICROS


@dataclass(frozen=True, slots=True)
class Value:
    """A point of the value line; at a close with the positions."""

    at: datetime
    equity: Decimal
    cash: Decimal
    paid_in: Decimal
    entry_id: int
    positions: Positions | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """The whole line, and the days without a price: first, last, count.

    `unpriced` are those on which a symbol stands at its cost, `stale` those on which a close too old to be one of the
    day stands in. `foreign` are the symbols that need an exchange rate as well.
    """

    values: list[Value]
    unpriced: dict[str, tuple[date, date, int]]
    stale: dict[str, tuple[date, date, int]]
    foreign: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Closes:
    """Closes of one symbol by day, ascending, in shares of those days: days as ordinals, prices in ten-billionths."""

    ordinals: Whole
    prices: Whole


# What one unit of a symbol's currency costs in the account's on a day; None where no rate is known.
RateOn = Callable[[date], Decimal | None]


class Prices:
    """What symbols cost by day: the last close at or before it, which is that day's up to an age of `good_for`.

    `rates` are of symbols that are quoted in another currency: their closes are taken at the rate of the day asked for.
    """

    def __init__(self, closes: Mapping[str, Closes], good_for: timedelta, rates: Mapping[str, RateOn] = NO_RATES):
        self._closes = closes
        self._good_for = good_for.days
        self._rates = rates
        self.foreign = frozenset(rates)

    def table(self, symbols: Sequence[str], days: Sequence[date]) -> tuple[Whole, Whole, Whole]:
        """Prices by day and symbol, 0 where nothing is known; where something is; and where that is no older."""
        ordinals = np.array([day.toordinal() for day in days], dtype=np.int64)
        columns: list[tuple[int, Whole, Whole, Whole]] = []
        for column, symbol in enumerate(symbols):
            closes = self._closes.get(symbol)
            if closes is None or not len(closes.ordinals):
                continue
            places = np.searchsorted(closes.ordinals, ordinals, side="right") - 1
            good = places >= 0
            found = closes.prices[places[good]]
            if (rate := self._rates.get(symbol)) is not None:
                good, found = _at_rates(rate, days, good, found)
            columns.append((column, good, good & (ordinals - closes.ordinals[places] <= self._good_for), found))
        large = any(found.dtype == object for *_, found in columns)
        prices = np.zeros((len(days), len(symbols)), dtype=object if large else np.int64)
        known, fresh = np.zeros(prices.shape, dtype=bool), np.zeros(prices.shape, dtype=bool)
        for column, good, newly, found in columns:
            known[:, column], fresh[:, column] = good, newly
            prices[good, column] = found
        return prices, known, fresh


def _at_rates(rate: RateOn, days: Sequence[date], good: Whole, prices: Whole) -> tuple[Whole, Whole]:
    """Prices of the good days in the account's currency; a day without a rate is none of them."""
    good, converted = good.copy(), []
    for place, price in zip(np.nonzero(good)[0].tolist(), prices.tolist(), strict=True):
        found = rate(days[place])
        if found is None:
            good[place] = False
        else:
            converted.append(price * found)
    return good, scaled(converted, 1)


def closes_of(days: Sequence[date], closes: Sequence[Decimal], factor: Factor | None = None) -> Closes:
    """Closes in shares of their own day, from those in shares of today; `factor` as `domain.adjusting.split_factor`."""
    prices = scaled(closes, PRICE_SCALE)
    if factor is not None:
        exact = [round(int(price) * factor(day)) for day, price in zip(days, prices, strict=True)]
        prices = scaled(map(Decimal, exact), 1)
    return Closes(np.array([day.toordinal() for day in days], dtype=np.int64), prices)


def value_line(
    entries: Sequence[Standing], closes: Sequence[tuple[date, datetime]], prices: Prices, now: datetime
) -> Line:
    """A value at each close since the first entry (up to `now`), and on both sides of whatever was paid in or out.

    `entries` in the order of time. Through a gap a holding keeps its last close, without any it counts at cost, as
    everywhere; either is named. The first point is what was brought, shares at what they were said to be worth.
    """
    if not entries:
        return Line([Value(now, ZERO, ZERO, ZERO, 0)], {}, {})
    later = [(day, at) for day, at in closes if at >= entries[0].venue_at and at <= now]
    walk = _Walk(entries, later, prices)
    for place, (day, closes_at) in enumerate(later):
        walk.book(closes_at)
        walk.close(place, day, closes_at)
    walk.book(max(now, entries[-1].venue_at))
    return Line(walk.values, dict(sorted(walk.unpriced.items())), dict(sorted(walk.stale.items())), prices.foreign)


class _Walk:
    """The fold as it goes through time, with the points it leaves."""

    def __init__(self, entries: Sequence[Standing], closes: Sequence[tuple[date, datetime]], prices: Prices) -> None:
        self._entries = entries
        self._prices = prices
        self._number = 0
        self._symbols = sorted({symbol for one in entries for symbol in one.symbols})
        table, self._known, self._fresh = prices.table(self._symbols, [day for day, _ in closes])
        self._worths = _rows(entries, self._symbols, [at for _, at in closes], table)
        self._held: dict[str, Held] = {}
        self._open: tuple[Whole, tuple[str, ...], tuple[Decimal, ...]] | None = None
        self._cash = self._paid_in = ZERO
        self._newest = 0
        self._closed_on: date | None = None
        self.values: list[Value] = []
        self.unpriced: dict[str, tuple[date, date, int]] = {}
        self.stale: dict[str, tuple[date, date, int]] = {}

    def book(self, until: datetime) -> None:
        """Everything that happened by `until`."""
        entries = self._entries
        while self._number < len(entries) and entries[self._number].venue_at <= until:
            at = entries[self._number].venue_at
            end = self._number
            while end < len(entries) and entries[end].venue_at == at:
                end += 1
            here = entries[self._number : end]
            flow = sum((one.paid_in for one in here), ZERO)
            if self.values and flow and self.values[-1].at < at - AN_INSTANT:
                self._between(at - AN_INSTANT)
            for one in here:
                apply_entry(self._held, one)
                self._cash += one.cash
                self._paid_in += one.paid_in
                self._newest = max(self._newest, one.id)
            self._open = None
            if not self.values:
                self._point(at, sum((one.state.cost_basis for one in self._held.values()), ZERO))
            elif flow:
                self._between(at)
            self._number = end

    def close(self, place: int, day: date, at: datetime) -> None:
        """The point of a session's close, in place of one at its very instant."""
        columns, symbols, qtys = self._open_now()
        worths = next(self._worths)[columns].tolist()
        for number in np.nonzero(~self._fresh[place, columns])[0].tolist():
            symbol = symbols[number]
            days = self.stale
            if not self._known[place, columns[number]]:
                worths[number] = self._cost_micros(symbol)
                days = self.unpriced
            first, _, count = days.get(symbol, (day, day, 0))
            days[symbol] = (first, day, count + 1)
        self._closed_on = day
        positions = Positions(symbols, qtys, tuple(worths))
        self._point(at, positions.worth, positions)

    def _between(self, at: datetime) -> None:
        """A point that is no close: the last one is what is known there."""
        day = self._closed_on or exchange_day(at) - timedelta(days=1)
        _, symbols, qtys = self._open_now()
        prices, known, _ = self._prices.table(symbols, [day])
        moves = np.zeros(len(symbols), np.int64), np.arange(len(symbols)), scaled(qtys, NANOS)
        ((_, worths),) = holdings_and_worths(*moves, prices)
        worth = sum(
            int(worth) if priced else self._cost_micros(symbol)
            for symbol, worth, priced in zip(symbols, worths[0], known[0], strict=True)
        )
        self._point(at, Decimal(worth) / MICROS)

    def _point(self, at: datetime, worth: Decimal, positions: Positions | None = None) -> None:
        if self.values and self.values[-1].at == at:
            self.values.pop()
        equity = to_cents(self._cash + worth)
        self.values.append(Value(at, equity, self._cash, self._paid_in, self._newest, positions))

    def _open_now(self) -> tuple[Whole, tuple[str, ...], tuple[Decimal, ...]]:
        """Columns, symbols and shares of what is held; told once as long as nothing moves."""
        if self._open is None:
            held = [
                (column, symbol, self._held[symbol].state.qty)
                for column, symbol in enumerate(self._symbols)
                if symbol in self._held and self._held[symbol].state.qty
            ]
            columns = np.array([column for column, *_ in held], dtype=np.int64)
            self._open = columns, tuple(one for _, one, _ in held), tuple(qty for *_, qty in held)
        return self._open

    def _cost_micros(self, symbol: str) -> int:
        return int(self._held[symbol].state.cost_basis * MICROS)


def _rows(
    entries: Sequence[Standing], symbols: Sequence[str], closes: Sequence[datetime], prices: Whole
) -> Iterator[Whole]:
    """What each symbol is worth at each close."""
    columns = {symbol: column for column, symbol in enumerate(symbols)}
    moves = [(bisect_left(closes, one.venue_at), columns[symbol], qty) for one in entries for symbol, qty in one.shares]
    days, at = np.array([move[:2] for move in moves], dtype=np.int64).reshape(-1, 2).T
    inside = int(np.searchsorted(days, len(closes)))
    nanos = scaled((qty for *_, qty in moves), NANOS)
    for _, worths in holdings_and_worths(days[:inside], at[:inside], nanos[:inside], prices):
        yield from worths
