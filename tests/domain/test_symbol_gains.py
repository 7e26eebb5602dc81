"""Gains in a book of several currencies against a slow oracle of fractions: each share is a row, nothing is summed up.

Histories have fees, income, flows, splits, shorts, and exchange rates that move every day, in two accounts.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.actions import Split
from starkmatter.domain.fx import RateTable
from starkmatter.domain.ledger import CASH, HOLDING, Booking, Leg, book_activity, book_deposit, book_fill
from starkmatter.domain.lot_book import LotBook
from starkmatter.domain.lots import LotTrade
from starkmatter.domain.money import to_cents
from starkmatter.domain.symbol_gains import Worth
from starkmatter.domain.waterfall import Entry, Part, Waterfall, explain_book
from tests.domain.lot_oracle import ShareBook

FIRST = date(2024, 2, 27)  # the third day is a leap day
BOOK = "USD"
ACCOUNTS = ("USD", "EUR")  # each is called as its currency
QUOTED = {"KO": "USD", "SAP": "EUR", "NOVN": "CHF"}
CURRENCIES = ("USD", "EUR", "CHF")
CENT = Decimal("0.01")
ZERO = Decimal(0)
MOST_SPLITS = 4  # a cent halved four times still has no more than six decimals
MANY = [150, pytest.param(5_000, marks=pytest.mark.nightly)]


def at(day: int) -> datetime:
    """Noon in New York."""
    return datetime(FIRST.year, FIRST.month, FIRST.day, 17, tzinfo=UTC) + timedelta(days=day)


@dataclass
class History:
    """What happened on which day, the rates and the prices of every day."""

    rates: RateTable
    prices: list[Mapping[str, Decimal]]
    entries: Mapping[str, list[tuple[int, Booking, str]]] = field(default_factory=lambda: defaultdict(list))

    @property
    def days(self) -> int:
        return len(self.prices)

    def rate(self, base: str, quote: str, day: int) -> Decimal:
        found = self.rates.rate(base, quote, FIRST + timedelta(days=day))
        assert found is not None
        return found

    def held(self, account: str, day: int) -> dict[str, Decimal]:
        found: dict[str, Decimal] = defaultdict(Decimal)
        for on, booking, _ in self.entries[account]:
            for leg in booking.legs if on <= day else ():
                if leg.account == HOLDING:
                    found[leg.commodity] += leg.amount
        return {symbol: qty for symbol, qty in found.items() if qty}

    def cash(self, account: str, day: int) -> Decimal:
        return sum((booking.cash for on, booking, _ in self.entries[account] if on <= day), ZERO)

    def price(self, symbol: str, day: int) -> Decimal:
        """In the book's currency."""
        return self.prices[day][symbol] * self.rate(QUOTED[symbol], BOOK, day)

    def worth(self, account: str, day: int) -> dict[str, Worth]:
        return {symbol: Worth(qty, qty * self.price(symbol, day)) for symbol, qty in self.held(account, day).items()}

    def value(self, day: int) -> Decimal:
        """The whole book at the end of a day."""
        found = ZERO
        for account in ACCOUNTS:
            found += self.cash(account, day) * self.rate(account, BOOK, day)
            found += sum((one.value for one in self.worth(account, day).values()), ZERO)
        return to_cents(found)


@st.composite
def histories(draw: st.DrawFn, longest: int = 7) -> History:
    days = draw(st.integers(2, longest))
    per_euro = st.decimals("0.5", "2", places=4)
    dates = [FIRST + timedelta(days=number) for number in range(days)]
    table = RateTable({name: (dates, [draw(per_euro) for _ in dates]) for name in ("USD", "CHF")})
    price = st.decimals("1", "90", places=2)
    history = History(table, [{symbol: draw(price) for symbol in QUOTED} for _ in dates])
    for day in range(days):
        for _ in range(draw(st.integers(0, 3))):
            _happen(draw, history, day)
    return history


def _happen(draw: st.DrawFn, history: History, day: int) -> None:
    account = draw(st.sampled_from(ACCOUNTS))
    kind = draw(st.sampled_from(["buy", "buy", "sell", "sell", "deposit", "withdrawal", "fee", "dividend", "split"]))
    symbol = draw(st.sampled_from(sorted(QUOTED)))
    money = st.decimals("0.01", "5000", places=2)
    told = kind
    if kind in ("buy", "sell"):
        # What it costs in the account's currency, at that day's rate and a little beside the close.
        each = to_cents(draw(st.decimals("1", "90", places=2)) * history.rate(QUOTED[symbol], account, day)) or CENT
        booking = book_fill(
            kind, symbol, Decimal(draw(st.integers(1, 40))), each, draw(st.decimals("0", "3", places=2)), account
        )
        told = booking.kind
    elif kind in ("deposit", "withdrawal"):
        booking = book_deposit(draw(money) * (1 if kind == "deposit" else -1), account)
        told = booking.kind
    elif kind == "split":
        held = history.held(account, day).get(symbol)
        if not held:
            return
        legs = (Leg(HOLDING, symbol, held), Leg("equity:trading", symbol, -held))
        booking = Booking("split", "Two for one", legs)
    else:
        booking = book_activity(kind, "at the broker", draw(money) * (-1 if kind == "fee" else 1), account)
        told = booking.kind
    history.entries[account].append((day, booking, told))


def explain(history: History, first: int, last: int) -> Waterfall:
    """From the end of one day to that of another."""
    parts = []
    for account in ACCOUNTS:
        entries = []
        for number, (day, booking, kind) in enumerate(history.entries[account]):
            if first < day <= last:
                legs = _in_book(history, account, day, booking)
                entries.append(Entry(100 * ACCOUNTS.index(account) + number + 1, at(day), kind, legs))
        foreign = {symbol: _rate_at(history, currency) for symbol, currency in QUOTED.items() if currency != BOOK}
        both = (first, last) if account != BOOK else ()
        cash = [history.cash(account, day) * history.rate(account, BOOK, day) for day in both] or [None, None]
        ends = history.worth(account, first), history.worth(account, last)
        parts.append(Part(*ends, entries, at(first), at(last), foreign, *cash))
    return explain_book(history.value(first), history.value(last), parts, BOOK)


def _rate_at(history: History, currency: str):
    return lambda instant: history.rate(currency, BOOK, (instant.date() - FIRST).days)


def _in_book(history: History, account: str, day: int, booking: Booking) -> tuple[tuple[str, str, Decimal], ...]:
    rate = history.rate(account, BOOK, day)
    others = [
        (leg.account, BOOK, to_cents(leg.amount * rate))
        if leg.commodity == account
        else (leg.account, leg.commodity, leg.amount)
        for leg in booking.legs
        if leg.account != CASH
    ]
    cash = -sum((amount for _, unit, amount in others if unit == BOOK), ZERO)
    return (*others, (CASH, BOOK, cash))


@dataclass
class Share:
    """A part of a position at average cost: what it cost in the book's currency and in the quoted one, per share."""

    sign: int
    cost: Fraction
    local: Fraction


def oracle(history: History, first: int, last: int) -> dict[str, tuple[Fraction, Fraction, Fraction]]:
    """Realized, unrealized and currency part by symbol, share by share in fractions."""
    found: dict[str, list[Fraction]] = {symbol: [Fraction(0)] * 3 for symbol in QUOTED}
    for account in ACCOUNTS:
        for symbol, currency in QUOTED.items():
            shares: list[Share] = []
            start = history.held(account, first).get(symbol, ZERO)
            price, rate = Fraction(history.price(symbol, first)), Fraction(history.rate(currency, BOOK, first))
            shares += [Share(1 if start > 0 else -1, price, price / rate)] * abs(int(start))
            for day, booking, kind in history.entries[account]:
                moved = [leg.amount for leg in booking.legs if leg.account == HOLDING and leg.commodity == symbol]
                if not first < day <= last or not moved:
                    continue
                if kind == "split":
                    shares = [Share(one.sign, one.cost / 2, one.local / 2) for one in shares for _ in range(2)]
                    continue
                legs = _in_book(history, account, day, booking)
                cash = -sum((amount for name, unit, amount in legs if name == "equity:trading" and unit == BOOK), ZERO)
                shares = _trade(
                    shares, moved[0], Fraction(cash), Fraction(history.rate(currency, BOOK, day)), found[symbol]
                )
            price, rate = Fraction(history.price(symbol, last)), Fraction(history.rate(currency, BOOK, last))
            for one in shares:
                by_rate = _by_rate(one, price, price / rate)
                found[symbol][1] += one.sign * (price - one.cost - by_rate)
                found[symbol][2] += one.sign * by_rate
    return {symbol: (one[0], one[1], one[2]) for symbol, one in found.items()}


def _trade(shares: list[Share], qty: Decimal, cash: Fraction, rate: Fraction, found: list[Fraction]) -> list[Share]:
    sign, count, each = (1 if qty > 0 else -1), abs(int(qty)), abs(cash) / abs(int(qty))
    closing = [one for one in shares if one.sign != sign][:count]
    for one in closing:
        by_rate = _by_rate(one, each, each / rate)
        found[0] += one.sign * (each - one.cost - by_rate)
        found[2] += one.sign * by_rate
    kept = shares[len(closing) :] if closing else shares
    kept = kept + [Share(sign, each, each / rate)] * (count - len(closing))
    if not kept:
        return []
    # At average cost every share is like the others.
    cost, local = (sum((getattr(one, name) for one in kept), Fraction(0)) / len(kept) for name in ("cost", "local"))
    return [Share(one.sign, cost, local) for one in kept]


def _by_rate(one: Share, value: Fraction, local: Fraction) -> Fraction:
    """What the change of the rate made of the local value, the cross term with it."""
    return value - local * one.cost / one.local if one.local else Fraction(0)


@pytest.mark.parametrize("count", MANY)
def test_each_part_of_a_gain_is_that_of_a_book_of_single_shares(count: int) -> None:
    """Price and currency of every symbol, to two cents of rounding; what is quoted in the book's has none of it."""

    @settings(max_examples=count, deadline=None)
    @given(history=histories(), data=st.data())
    def agree(history: History, data: st.DataObject) -> None:
        first = data.draw(st.integers(0, history.days - 2))
        last = data.draw(st.integers(first + 1, history.days - 1))
        found = explain(history, first, last)
        expected = oracle(history, first, last)
        for one in found.symbols:
            realized, unrealized, by_rate = expected[one.symbol]
            assert abs(Fraction(one.realized) - realized) <= Fraction(2, 100)
            assert abs(Fraction(one.unrealized) - unrealized) <= Fraction(2, 100)
            assert abs(Fraction(one.fx) - by_rate) <= Fraction(2, 100)
            assert QUOTED[one.symbol] != BOOK or one.fx == 0
        for symbol in set(expected) - {one.symbol for one in found.symbols}:
            assert expected[symbol] == (0, 0, 0)

    agree()


@pytest.mark.parametrize("count", MANY)
def test_the_change_is_its_parts_on_every_day(count: int) -> None:
    """I12: realized + unrealized + income - fees + flows, and exchange rates on their own, cash in euro among them."""

    @settings(max_examples=count, deadline=None)
    @given(history=histories())
    def holds(history: History) -> None:
        for first in range(history.days - 1):
            found = explain(history, first, first + 1)
            change = history.value(first + 1) - history.value(first)
            assert sum(one.value for one in found.steps) == change
            assert found.step("unassigned") == 0
            assert abs(found.step("rounding")) <= CENT
            of_symbols = sum((one.fx for one in found.symbols), ZERO)
            rates = [history.rate("EUR", BOOK, day) for day in (first, first + 1)]
            held = history.cash("EUR", first)
            moved = [booking.cash for day, booking, _ in history.entries["EUR"] if day == first + 1]
            # What is there from the start gains by the day's change; what came that day came at its rate.
            expected = held * (rates[1] - rates[0])
            assert abs(found.step("fx") - of_symbols - expected) <= CENT * (3 + 2 * len(moved))

    holds()


@pytest.mark.parametrize("count", MANY)
def test_lots_in_the_accounts_currency_cost_what_was_paid_at_each_days_rate(count: int) -> None:
    """Shares in another currency, fees in their cost, with splits and shorts: as a book of single shares has it."""

    @settings(max_examples=count, deadline=None)
    @given(history=histories(longest=12))
    def agree(history: History) -> None:
        book, oracle_book, splits = LotBook({}), ShareBook({}), Counter[str]()
        for account in ACCOUNTS:
            for number, (day, booking, _) in enumerate(history.entries[account]):
                moved = [leg for leg in booking.legs if leg.account == HOLDING]
                if not moved:
                    continue
                qty, on = moved[0].amount, FIRST + timedelta(days=day)
                symbol = f"{moved[0].commodity} {account}"
                if booking.kind == "split":
                    splits[symbol] += 1
                    if splits[symbol] <= MOST_SPLITS:
                        for one in (book, oracle_book):
                            one.apply(Split(symbol, on, Decimal(2), Decimal(1), "test"))
                    continue
                # Divided without a rest, so that both books are exact.
                cash = (booking.cash / abs(qty)).quantize(CENT) * abs(qty)
                trade = LotTrade(f"{account}{number}", account, symbol, on, qty, cash)
                book.apply(trade)
                oracle_book.apply(trade)
        gains = sum((Fraction(one.cash - one.lot.basis) for one in book.realized), Fraction(0))
        assert gains == sum((one.cash - one.share.basis for one in oracle_book.sales), Fraction(0))
        open_cost = sum((Fraction(lot.basis) for lot in book.open_lots()), Fraction(0))
        assert open_cost == sum((one.basis for one in oracle_book.shares), Fraction(0))

    agree()


def test_the_cross_term_belongs_to_the_currency() -> None:
    """10 at 100.00 euro (1.10); at the end 120.00 euro (1.20): 220 by price at the first rate, 120 by the rate."""
    start, end = {"SAP": Worth(Decimal(10), Decimal(1100))}, {"SAP": Worth(Decimal(10), Decimal(1440))}
    rates = {at(0): Decimal("1.10"), at(1): Decimal("1.20")}
    found = explain_book(Decimal(1100), Decimal(1440), [Part(start, end, [], at(0), at(1), {"SAP": rates.get})], BOOK)
    [gain] = found.symbols
    assert (gain.unrealized, gain.fx, gain.gain) == (220, 120, 340)
    assert (found.step("unrealized"), found.step("fx"), found.step("unassigned")) == (220, 120, 0)


def test_without_a_rate_a_gain_is_whole_and_that_is_said() -> None:
    start, end = {"SAP": Worth(Decimal(10), Decimal(1100))}, {"SAP": Worth(Decimal(10), Decimal(1440))}
    rates = {at(0): Decimal("1.10")}
    found = explain_book(Decimal(1100), Decimal(1440), [Part(start, end, [], at(0), at(1), {"SAP": rates.get})], BOOK)
    assert (found.step("unrealized"), found.step("fx")) == (340, 0)
    assert any("SAP: a rate is missing" in note for note in found.notes)
