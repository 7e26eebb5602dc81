"""Cash, holdings and values of a tracked account as the fold of its entries that stand, in the order of time.

Its entries are booked in any order (an older file after a newer one), so that nothing of it can be carried on from the
last one: what is cached is told anew from the whole journal. All pure.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.money import ZERO, to_cents, to_micros
from starkmatter.domain.orders import Side
from starkmatter.domain.sessions import exchange_day

AN_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """An entry that stands. `cash` it moved, `paid_in` of that came from outside, `worth` the trading leg's money,
    and the shares it moved, signed, by symbol."""

    id: int
    kind: str
    venue_at: datetime
    cash: Decimal
    paid_in: Decimal
    worth: Decimal
    symbols: list[str]
    qtys: list[Decimal]

    @property
    def shares(self) -> Iterator[tuple[str, Decimal]]:
        return zip(self.symbols, self.qtys, strict=True)


@dataclass(slots=True)
class Held:
    """A symbol's fold, and when its shares first came."""

    since: datetime
    state: HoldingState = field(default_factory=HoldingState)


@dataclass(frozen=True, slots=True)
class Value:
    """A point of the value line; at a close with the positions: symbol, shares, worth."""

    at: datetime
    equity: Decimal
    cash: Decimal
    paid_in: Decimal
    entry_id: int
    positions: tuple[tuple[str, Decimal, Decimal], ...] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """The whole line, and for each symbol without a price the days on which it stands at cost: first, last, count."""

    values: list[Value]
    unpriced: dict[str, tuple[date, date, int]]


class Prices:
    """Closes of symbols by day, as of that day: the last one at or before it, not older than `good_for`."""

    def __init__(self, closes: Mapping[str, Sequence[tuple[date, Decimal]]], good_for: timedelta) -> None:
        self._days = {symbol: [on for on, _ in rows] for symbol, rows in closes.items()}
        self._closes = {symbol: [close for _, close in rows] for symbol, rows in closes.items()}
        self._good_for = good_for

    def on(self, symbol: str, day: date) -> Decimal | None:
        """None when nothing is known for that day."""
        days = self._days.get(symbol)
        if not days:
            return None
        at = bisect_right(days, day) - 1
        return self._closes[symbol][at] if at >= 0 and day - days[at] <= self._good_for else None


def holdings(entries: Iterable[Standing]) -> dict[str, Held]:
    """Every symbol at average cost, in the order in which lots are told: by the exchange's day, then as booked."""
    found: dict[str, Held] = {}
    for one in sorted(entries, key=lambda entry: (exchange_day(entry.venue_at), entry.id)):
        _apply(found, one)
    return found


def value_line(
    entries: Sequence[Standing], closes: Sequence[tuple[date, datetime]], prices: Prices, now: datetime
) -> Line:
    """A value at each close since the first entry (up to `now`), and on both sides of whatever was paid in or out.

    `entries` in the order of time. A holding without a price counts at cost, as everywhere, and is named.
    """
    walk = _Walk(prices)
    if not entries:
        return Line([Value(now, ZERO, ZERO, ZERO, 0)], {})
    later = [(day, at) for day, at in closes if at >= entries[0].venue_at and at <= now]
    number = 0
    for day, closes_at in later:
        number = walk.book(entries, number, closes_at)
        walk.close(day, closes_at)
    walk.book(entries, number, max(now, entries[-1].venue_at))
    return Line(walk.values, dict(sorted(walk.unpriced.items())))


class _Walk:
    """The fold as it goes through time, with the points it leaves."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._held: dict[str, Held] = {}
        self._cash = self._paid_in = ZERO
        self._newest = 0
        self._closed_on: date | None = None
        self.values: list[Value] = []
        self.unpriced: dict[str, tuple[date, date, int]] = {}

    def book(self, entries: Sequence[Standing], number: int, until: datetime) -> int:
        """Everything from place `number` on that happened by `until`; the place of the next one."""
        while number < len(entries) and entries[number].venue_at <= until:
            at = entries[number].venue_at
            end = number
            while end < len(entries) and entries[end].venue_at == at:
                end += 1
            here = entries[number:end]
            flow = sum((one.paid_in for one in here), ZERO)
            if self.values and flow and self.values[-1].at < at - AN_INSTANT:
                self._point(at - AN_INSTANT)
            for one in here:
                _apply(self._held, one)
                self._cash += one.cash
                self._paid_in += one.paid_in
                self._newest = max(self._newest, one.id)
            if not self.values or flow:
                self._point(at)
            number = end
        return number

    def close(self, day: date, at: datetime) -> None:
        """The point of a session's close, in place of one at its very instant."""
        lacking: list[str] = []
        positions = tuple(self._positions(day, lacking))
        for symbol in lacking:
            first, _, count = self.unpriced.get(symbol, (day, day, 0))
            self.unpriced[symbol] = (first, day, count + 1)
        self._closed_on = day
        self._point(at, positions)

    def _point(self, at: datetime, positions: tuple[tuple[str, Decimal, Decimal], ...] | None = None) -> None:
        # Between two closes the last one is what is known.
        known_on = self._closed_on or exchange_day(at) - timedelta(days=1)
        worths = self._positions(known_on) if positions is None else positions
        equity = to_cents(self._cash + sum((worth for _, _, worth in worths), ZERO))
        if self.values and self.values[-1].at == at:
            self.values.pop()
        self.values.append(Value(at, equity, self._cash, self._paid_in, self._newest, positions))

    def _positions(self, day: date, lacking: list[str] | None = None) -> Iterator[tuple[str, Decimal, Decimal]]:
        for symbol in sorted(self._held):
            state = self._held[symbol].state
            if not state.qty:
                continue
            price = self._prices.on(symbol, day)
            if price is None and lacking is not None:
                lacking.append(symbol)
            yield symbol, state.qty, state.cost_basis if price is None else to_micros(state.qty * price)


def _apply(held: dict[str, Held], one: Standing) -> None:
    """Shares of a trade at its cash, of an arrival at what it was worth; a split changes their number alone."""
    for symbol, qty in one.shares:
        holding = held.setdefault(symbol, Held(one.venue_at))
        state = holding.state
        if one.kind == "fill":
            side: Side = "buy" if qty > 0 else "sell"
            holding.state = after_fill(state, side, abs(qty), one.cash, may_short=True)
        else:
            cost = one.worth if len(one.symbols) == 1 else ZERO
            holding.state = HoldingState(state.qty + qty, state.cost_basis + cost, state.realized_pl)


def raw_closes(
    rows: Iterable[tuple[str, date, Decimal]], factors: Mapping[str, "Factors"]
) -> dict[str, list[tuple[date, Decimal]]]:
    """Closes in shares of their own day, from bars that are kept in shares of today."""
    found: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
    for symbol, day, close in rows:
        factor = factors[symbol].at(day) if symbol in factors else Decimal(1)
        found[symbol].append((day, close if factor == 1 else to_micros(close * factor)))
    return found


class Factors:
    """How many shares of today one share of a day is, for one symbol."""

    def __init__(self, splits: Iterable[tuple[date, Decimal, Decimal]]) -> None:
        self._splits = sorted(splits)

    def at(self, day: date) -> Decimal:
        """The product of the ratios of all splits after that day."""
        factor = Decimal(1)
        for ex_on, numerator, denominator in self._splits:
            if ex_on > day:
                factor = factor * numerator / denominator
        return factor
