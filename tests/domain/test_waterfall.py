"""The steps of a change in value add up to the cent, whatever happened, and each is what it is called."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.ledger import (
    Booking,
    Leg,
    book_activity,
    book_adjustment,
    book_brought_in,
    book_deposit,
    book_fill,
)
from starkmatter.domain.money import to_cents
from starkmatter.domain.symbol_gains import Worth
from starkmatter.domain.waterfall import STEP_KEYS, Entry, Waterfall, explain

AT = datetime(2024, 1, 2, 16, tzinfo=UTC)
ZERO = Decimal(0)
NOTHING = Worth(ZERO, ZERO)


class Account:
    """An account that is booked on as the ledger books, with its worth at any prices."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.cash = ZERO
        self.held: dict[str, Decimal] = {}

    def book(self, booking: Booking, kind: str | None = None) -> None:
        legs = tuple((leg.account, leg.commodity, leg.amount) for leg in booking.legs)
        number = len(self.entries) + 1
        self.entries.append(Entry(number, AT + timedelta(hours=number), kind or booking.kind, legs))
        self.cash += booking.cash
        for account, commodity, amount in legs:
            if account == "assets:holding":
                self.held[commodity] = self.held.get(commodity, ZERO) + amount

    def worth(self, prices: dict[str, Decimal]) -> dict[str, Worth]:
        return {symbol: Worth(qty, qty * prices[symbol]) for symbol, qty in self.held.items() if qty}

    def value(self, prices: dict[str, Decimal]) -> Decimal:
        return to_cents(self.cash + sum((one.value for one in self.worth(prices).values()), ZERO))


PRICES = st.fixed_dictionaries({symbol: st.decimals("0.01", "500", places=4) for symbol in ("AAPL", "MSFT", "NVDA")})
MONEY = st.decimals("0.01", "100000", places=2)
KINDS = ("buy", "buy", "sell", "sell", "deposit", "withdrawal", "activity", "in", "out", "other")
QTY = st.decimals("0.001", "300", places=4)


def happen(draw: st.DrawFn, account: Account) -> None:
    """One booking of any kind; shares are sold beyond what is held as well."""
    kind = draw(
        st.sampled_from(["buy", "buy", "sell", "sell", "deposit", "withdrawal", "activity", "in", "out", "other"])
    )
    symbol = draw(st.sampled_from(["AAPL", "MSFT", "NVDA"]))
    if kind in ("buy", "sell"):
        fees = draw(st.decimals("0", "3", places=2))
        account.book(book_fill(kind, symbol, draw(QTY), draw(st.decimals("0.01", "500", places=4)), fees, "USD"))
    elif kind in ("deposit", "withdrawal"):
        amount = draw(MONEY)
        account.book(book_deposit(amount if kind == "deposit" else -amount, "USD"))
    elif kind == "activity":
        what = draw(st.sampled_from(["fee", "dividend", "interest", "deposit"]))
        sign = -1 if what == "fee" or draw(st.booleans()) else 1
        account.book(book_activity(what, "at the broker", sign * draw(MONEY), "USD"))
    elif kind == "in":
        account.book(book_brought_in(symbol, draw(QTY), draw(MONEY), "USD"))
    elif kind == "out":
        if draw(st.booleans()):
            account.book(book_adjustment("cash", "USD", draw(MONEY), is_cash=True))
        elif account.held.get(symbol):
            account.book(book_adjustment("shares", symbol, -account.held[symbol] / 2, is_cash=False))
    else:
        amount = draw(MONEY)
        legs = (Leg("assets:cash", "USD", -amount), Leg("expenses:borrowing", "USD", amount))
        account.book(Booking("charge", "Borrowed shares", legs))


@st.composite
def periods(draw: st.DrawFn) -> tuple[Account, Account, Decimal, Decimal, dict[str, Worth], dict[str, Worth]]:
    account = Account()
    for _ in range(draw(st.integers(0, 6))):
        happen(draw, account)
    before, first = draw(PRICES), len(account.entries)
    start_value, start = account.value(before), account.worth(before)
    for _ in range(draw(st.integers(0, 10))):
        happen(draw, account)
    after = draw(PRICES)
    inside = Account()
    inside.entries = account.entries[first:]
    return account, inside, start_value, account.value(after), start, account.worth(after)


def told(inside: Account, start_value: Decimal, end_value: Decimal, start, end) -> Waterfall:
    return explain(start_value, end_value, start, end, inside.entries, "USD")


@settings(max_examples=400)
@given(period=periods())
def test_steps_and_gains_by_symbol_add_up_to_the_cent(period) -> None:
    _, inside, start_value, end_value, start, end = period
    found = told(inside, start_value, end_value, start, end)
    assert [one.key for one in found.steps] == list(STEP_KEYS)
    assert sum(one.value for one in found.steps) == end_value - start_value
    assert all(one.value == to_cents(one.value) for one in found.steps)
    assert sum(one.realized for one in found.symbols) == found.step("realized")
    assert sum(one.unrealized for one in found.symbols) == found.step("unrealized")
    assert found.step("unassigned") == 0
    assert abs(found.step("rounding")) <= Decimal("0.01")
    assert found.step("fx") == found.step("splits") == 0


@settings(max_examples=300)
@given(period=periods())
def test_each_step_is_the_sum_of_what_it_is_called(period) -> None:
    """Told another way: by the legs of the ledger and by prices, not by the fold."""
    _, inside, start_value, end_value, start, end = period
    found = told(inside, start_value, end_value, start, end)

    def posted(name: str) -> Decimal:
        legs = [leg for entry in inside.entries for leg in entry.legs]
        return -sum((amount for account, unit, amount in legs if account == name and unit == "USD"), ZERO)

    assert found.step("paid_in") + found.step("taken_out") == posted("equity:deposits")
    assert found.step("paid_in") >= 0 >= found.step("taken_out")
    assert found.step("dividends") == posted("income:dividends")
    assert found.step("interest") == posted("income:interest")
    assert found.step("fees") == posted("expenses:fees")
    assert found.step("other_costs") == posted("expenses:borrowing")
    for one in found.symbols:
        cash = sum((cash_of(entry) for entry, _ in moves_of(inside, one.symbol)), ZERO)
        before = start.get(one.symbol, NOTHING)
        exact = end.get(one.symbol, NOTHING).value - before.value + cash
        assert abs(one.gain - exact - taken_along(inside, one.symbol, before)) <= Decimal("0.02")
        assert one.sold - one.bought == cash


def cash_of(entry: Entry) -> Decimal:
    """What a trade moved, fees aside: the other side of its shares in money."""
    names = ("equity:trading", "equity:rounding")
    return -sum((amount for account, unit, amount in entry.legs if account in names and unit == "USD"), ZERO)


def moves_of(inside: Account, symbol: str) -> list[tuple[Entry, Decimal]]:
    return [
        (entry, amount)
        for entry in inside.entries
        for account, unit, amount in entry.legs
        if account == "assets:holding" and unit == symbol
    ]


def taken_along(inside: Account, symbol: str, start: Worth) -> Decimal:
    """What shares that left by adjustments took along, at their average cost since the start."""
    held, basis, found = start.qty, start.value, ZERO
    for entry, qty in moves_of(inside, symbol):
        closing = min(abs(qty), abs(held)) if qty * held < 0 else ZERO
        gone = basis * closing / abs(held) if closing else ZERO
        basis -= gone
        if entry.kind == "adjustment":
            found += gone
        else:
            basis -= cash_of(entry) * (abs(qty) - closing) / abs(qty)
        held += qty
    return found


def test_a_period_in_figures_that_can_be_followed_by_hand() -> None:
    """10 at 100.00 are worth 1,100.00 at the start; 4 go at 120.00, 2 come at 90.00; at the end a share is at 95.00."""
    account = Account()
    account.book(book_deposit(Decimal(5000), "USD"))
    account.book(book_fill("buy", "AAPL", Decimal(10), Decimal(100), Decimal(1), "USD"))
    start_value, start = account.value({"AAPL": Decimal(110)}), account.worth({"AAPL": Decimal(110)})
    inside = Account()
    inside.entries = []
    count = len(account.entries)
    account.book(book_fill("sell", "AAPL", Decimal(4), Decimal(120), Decimal(2), "USD"))
    account.book(book_fill("buy", "AAPL", Decimal(2), Decimal(90), Decimal(1), "USD"))
    account.book(book_activity("dividend", "AAPL", Decimal("3.50"), "USD"))
    account.book(book_deposit(Decimal(-100), "USD"))
    inside.entries = account.entries[count:]
    prices = {"AAPL": Decimal(95)}
    found = told(inside, start_value, account.value(prices), start, account.worth(prices))
    assert {one.key: one.value for one in found.steps if one.value} == {
        "taken_out": -100,
        "realized": 40,  # 4 x (120 - 110)
        "unrealized": -80,  # 6 x (95 - 110) + 2 x (95 - 90)
        "dividends": Decimal("3.50"),
        "fees": -3,
    }
    [symbol] = found.symbols
    assert (symbol.bought, symbol.sold, symbol.entry_ids) == (180, 480, (3, 4))
    assert next(one.entry_ids for one in found.steps if one.key == "fees") == (3, 4)
    assert found.notes == ()


def test_a_split_brings_nothing_and_what_cannot_be_assigned_is_named() -> None:
    split = Booking(
        "split", "2:1", (Leg("assets:holding", "AAPL", Decimal(10)), Leg("equity:trading", "AAPL", Decimal(-10)))
    )
    account = Account()
    account.book(split)
    start, end = {"AAPL": Worth(Decimal(10), Decimal(1000))}, {"AAPL": Worth(Decimal(20), Decimal(1000))}
    found = explain(Decimal(1000), Decimal(1000), start, end, account.entries, "USD")
    assert all(one.value == 0 for one in found.steps)
    assert next(one.entry_ids for one in found.steps if one.key == "splits") == (1,)
    lost = explain(Decimal(1000), Decimal(1250), start, end, account.entries, "USD")
    assert lost.step("unassigned") == 250
    assert "belongs to no entry" in lost.notes[0]
    wrong = explain(Decimal(1000), Decimal(1000), start, start, account.entries, "USD")
    assert wrong.notes == ("The shares of AAPL at the end are not those of the ledger.",)


def test_another_symbol_takes_what_shares_had_cost_along() -> None:
    account = Account()
    account.book(book_deposit(Decimal(1000), "USD"))
    account.book(book_fill("buy", "AAPL", Decimal(10), Decimal(50), ZERO, "USD"))
    begin, start = account.value({"AAPL": Decimal(50)}), account.worth({"AAPL": Decimal(50)})
    known = len(account.entries)
    legs = (Leg("assets:holding", "AAPL", Decimal(-10)), Leg("equity:trading", "AAPL", Decimal(10)),
            Leg("assets:holding", "PEAR", Decimal(10)), Leg("equity:trading", "PEAR", Decimal(-10)))  # fmt: skip
    account.book(Booking("symbol_change", "AAPL is PEAR now", legs))
    account.book(book_fill("sell", "PEAR", Decimal(4), Decimal(55), ZERO, "USD"))
    account.held.pop("AAPL")
    prices = {"PEAR": Decimal(60)}
    told = explain(begin, account.value(prices), start, account.worth(prices), account.entries[known:], "USD")
    assert {one.key: one.value for one in told.steps if one.value} == {"realized": 20, "unrealized": 60}
    assert {one.symbol: one.gain for one in told.symbols} == {"AAPL": 0, "PEAR": 80}
