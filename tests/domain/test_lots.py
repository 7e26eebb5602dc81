"""Tax lots against a book of single shares, and by hand where the law gives an example."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.actions import Split
from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.lot_book import LotBook
from starkmatter.domain.lots import (
    LotArrival,
    LotError,
    LotEvent,
    LotPick,
    LotRename,
    LotSpinOff,
    LotTrade,
    LotTransfer,
    a_year_after,
)
from tests.domain.lot_oracle import ShareBook

FIRST = date(2024, 1, 2)
ACCOUNTS = ("main", "other")
SYMBOLS = ("AAPL", "MSFT")
METHODS = ("fifo", "lifo", "hifo", "average")
# Divides by what splits, sales of parts and transfers can ask for, so that no share of money is ever rounded.
CENTS_STEP = 36


def trade(id_: str, text: str, on: date = FIRST, *, account: str = "main", **more) -> LotTrade:
    """`buy 10 AAPL for 1000.00`, `sell 5 AAPL for 600`: cash with fees."""
    verb, qty, symbol, _, cash = text.split()
    sign = 1 if verb == "buy" else -1
    return LotTrade(id_, account, symbol, on, sign * Decimal(qty), -sign * Decimal(cash), **more)


def split(symbol: str, ratio: str, on: date = FIRST) -> Split:
    up, down = ratio.split(":")
    return Split(symbol, on, Decimal(up), Decimal(down), "test")


def told(*events: LotEvent, **options) -> LotBook:
    book = LotBook(**options)
    for event in events:
        book.apply(event)
    return book


@st.composite
def histories(draw: st.DrawFn, *, exact: bool) -> list[LotEvent]:
    """Trades of two symbols in two accounts over months, with splits, transfers, shorts and renames in between."""
    events: list[LotEvent] = []
    held: dict[tuple[str, str], Decimal] = {}
    day, splits = FIRST, 0
    for number in range(draw(st.integers(1, 14))):
        day += timedelta(days=draw(st.integers(0, 25)))
        kind = draw(st.sampled_from(["trade"] * 8 + ["transfer", "split", "rename"]))
        symbol, account = draw(st.sampled_from(SYMBOLS)), draw(st.sampled_from(ACCOUNTS))
        if kind == "trade":
            qty = Decimal(draw(st.integers(1, 9)))
            if not exact:
                qty = qty / draw(st.sampled_from([1, 7, 1000]))
                qty = qty.quantize(Decimal("1E-9"))
            price = Decimal(draw(st.integers(1, 40)) * CENTS_STEP) / 100
            fees = Decimal(0) if exact else Decimal(draw(st.integers(0, 300))) / 100
            side = draw(st.sampled_from(["buy", "buy", "sell"]))
            signed = qty if side == "buy" else -qty
            cash = (-signed * price).quantize(Decimal("0.000001")) - fees
            events.append(
                LotTrade(f"t{number}", account, symbol, day, signed, cash, draw(st.none() | st.sampled_from(METHODS)))
            )
            held[account, symbol] = held.get((account, symbol), Decimal(0)) + signed
        elif kind == "split" and splits < 2:
            ratio = draw(st.sampled_from(["2:1", "3:1"] if exact else ["2:1", "3:2", "1:3", "7:1"]))
            splits += 1
            events.append(split(symbol, ratio, day))
            up, down = map(Decimal, ratio.split(":"))
            held = {
                key: (qty * up / down).quantize(Decimal("1E-9")) if key[1] == symbol else qty
                for key, qty in held.items()
            }
        elif kind == "transfer":
            there = ACCOUNTS[1 - ACCOUNTS.index(account)]
            mine, theirs = held.get((account, symbol), Decimal(0)), held.get((there, symbol), Decimal(0))
            if mine and mine * theirs >= 0:
                qty = Decimal(draw(st.integers(1, int(abs(mine))))) if abs(mine) >= 1 else abs(mine)
                events.append(LotTransfer(account, there, symbol, qty))
                moved = qty if mine > 0 else -qty
                held[account, symbol], held[there, symbol] = mine - moved, theirs + moved
    return events


MANY = [80, pytest.param(5_000, marks=pytest.mark.nightly)]
SALES_METHODS = st.fixed_dictionaries({name: st.sampled_from(["fifo", "lifo", "hifo"]) for name in ACCOUNTS})
ALL_METHODS = st.fixed_dictionaries({name: st.sampled_from(METHODS) for name in ACCOUNTS})


@pytest.mark.parametrize("count", MANY)
def test_lots_say_what_a_book_of_single_shares_says(count: int) -> None:
    """Exactly, where money divides: per trade quantity, cash, basis and disallowed loss; per account what is open."""

    @settings(max_examples=count, deadline=None)
    @given(events=histories(exact=True), methods=SALES_METHODS)
    def agree(events: list[LotEvent], methods) -> None:
        events = [one for one in events if not (isinstance(one, LotTrade) and one.method == "average")]
        book, oracle = LotBook(methods), ShareBook(methods)
        for event in events:
            try:
                book.apply(event)
            except LotError:
                continue  # a trade that was left out made the transfer impossible; the oracle does not hear of it
            oracle.apply(event)
        assert _realized(book) == _sold(oracle)
        assert _open(book) == _shares(oracle)

    agree()


def _realized(book: LotBook) -> dict[str, tuple[Fraction, ...]]:
    found: dict[str, tuple[Fraction, ...]] = {}
    for one in book.realized:
        figures = (abs(one.lot.signed_qty), one.cash, one.lot.basis, one.disallowed)
        found[one.trade_id] = _added(found.get(one.trade_id), tuple(map(Fraction, figures)))
    return found


def _sold(oracle: ShareBook) -> dict[str, tuple[Fraction, ...]]:
    found: dict[str, tuple[Fraction, ...]] = {}
    for one in oracle.sales:
        figures = (one.qty, one.cash, one.share.basis, one.disallowed or Fraction(0))
        found[one.trade_id] = _added(found.get(one.trade_id), figures)
    return found


def _added(one: tuple[Fraction, ...] | None, other: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    return other if one is None else tuple(a + b for a, b in zip(one, other, strict=True))


def _open(book: LotBook) -> dict[tuple, tuple[Fraction, ...]]:
    found: dict[tuple, tuple[Fraction, ...]] = {}
    for lot in book.open_lots():
        key = (lot.account, lot.symbol, lot.opened_on, lot.held_since)
        found[key] = _added(found.get(key), (Fraction(lot.signed_qty), Fraction(lot.basis)))
    return found


def _shares(oracle: ShareBook) -> dict[tuple, tuple[Fraction, ...]]:
    found: dict[tuple, tuple[Fraction, ...]] = {}
    for one in oracle.shares:
        key = (one.account, one.symbol, one.opened_on, one.held_since)
        found[key] = _added(found.get(key), (Fraction(one.sign), one.basis))
    return found


@pytest.mark.parametrize("count", MANY)
def test_cost_is_never_made_nor_lost(count: int) -> None:
    """Cash of all trades = what was realized - basis that is open - losses that wait in it, to the last digit."""

    @settings(max_examples=count, deadline=None)
    @given(events=histories(exact=False), methods=ALL_METHODS, wash=st.booleans())
    def conserved(events: list[LotEvent], methods, wash: bool) -> None:
        book, cash = LotBook(methods, wash_sales=wash), Decimal(0)
        for event in events:
            try:
                book.apply(event)
            except LotError:
                continue
            if isinstance(event, LotTrade):
                cash += event.cash
        basis = sum((lot.basis for lot in book.open_lots()), Decimal(0))
        assert cash == sum((one.taxable_gain for one in book.realized), Decimal(0)) - basis
        assert all(0 <= one.disallowed <= max(-one.gain, 0) for one in book.realized)
        assert all(lot.signed_qty for lot in book.open_lots())
        assert wash or all(one.disallowed == 0 for one in book.realized)

    conserved()


@pytest.mark.parametrize("count", MANY)
def test_average_cost_is_the_cost_of_the_position_to_the_last_digit(count: int) -> None:
    """What the database keeps for a position (`domain.holdings`): cost and realized result after every trade."""

    @settings(max_examples=count, deadline=None)
    @given(events=histories(exact=False))
    def agree(events: list[LotEvent]) -> None:
        book = LotBook(dict.fromkeys(ACCOUNTS, "average"), wash_sales=False)
        held: dict[tuple[str, str], HoldingState] = {}
        for event in events:
            if not isinstance(event, LotTrade):
                continue
            key = event.account, event.symbol
            state = held.get(key, HoldingState())
            side = "buy" if event.signed_qty > 0 else "sell"
            if side == "sell" and -event.signed_qty > state.qty:
                continue
            held[key] = state = after_fill(state, side, abs(event.signed_qty), event.cash)
            book.apply(replace(event, method=None))
            lots = book.open_lots(*key)
            assert sum((lot.signed_qty for lot in lots), Decimal(0)) == state.qty
            assert sum((lot.basis for lot in lots), Decimal(0)) == state.cost_basis
            realized = [one.gain for one in book.realized if (one.lot.account, one.lot.symbol) == key]
            assert sum(realized, Decimal(0)) == state.realized_pl

    agree()


def test_shares_that_came_without_a_trade_have_a_cost_and_replace_nothing() -> None:
    book = told(
        trade("a", "buy 10 AAPL for 1000"),
        LotArrival("in", "main", "AAPL", FIRST + timedelta(days=9), Decimal(5), Decimal(400)),
        trade("s", "sell 10 AAPL for 900", FIRST + timedelta(days=10)),
    )
    assert [(one.gain, one.disallowed) for one in book.realized] == [(-100, 0)]
    [lot] = book.open_lots()
    assert (lot.signed_qty, lot.basis, lot.arrived, lot.opened_on) == (5, 400, True, FIRST + timedelta(days=9))
    for qty in ("-1", "0"):
        with pytest.raises(LotError, match="cannot be added to what is held"):
            book.apply(LotArrival("x", "main", "AAPL", FIRST + timedelta(days=11), Decimal(qty), Decimal(1)))
    assert book.open_lots() == [lot]


BUYS = (
    trade("a", "buy 10 AAPL for 1000"),
    trade("b", "buy 10 AAPL for 1500", FIRST + timedelta(days=40)),
    trade("c", "buy 10 AAPL for 1200", FIRST + timedelta(days=80)),
)


@pytest.mark.parametrize(
    ("method", "taken", "gain"),
    [
        ("fifo", {"a": 10, "b": 5}, "450.00"),
        ("lifo", {"c": 10, "b": 5}, "250.00"),
        ("hifo", {"b": 10, "c": 5}, "100.00"),
        ("average", {"a": 10, "b": 5}, "350.00"),
    ],
)
def test_each_method_takes_its_lots(method, taken, gain) -> None:
    book = told(
        *BUYS, trade("s", "sell 15 AAPL for 2200", FIRST + timedelta(days=200), method=method), wash_sales=False
    )
    found = {one.lot.trade_id: one.lot.signed_qty for one in book.realized}
    assert found == taken
    expected = {"fifo": 2200 - 1750, "lifo": 2200 - 1950, "hifo": 2200 - 2100, "average": 2200 - 1850}[method]
    assert sum(one.gain for one in book.realized) == expected == Decimal(gain)


def test_picked_lots_are_the_ones_that_go() -> None:
    sale = trade(
        "s",
        "sell 4 AAPL for 500",
        FIRST + timedelta(days=99),
        method="specific",
        picks=(LotPick("c", Decimal(3)), LotPick("a", Decimal(1))),
    )
    book = told(*BUYS, sale, wash_sales=False)
    assert [(one.lot.trade_id, one.lot.basis, one.cash) for one in book.realized] == [("c", 360, 375), ("a", 100, 125)]


@pytest.mark.parametrize(
    ("picks", "method", "words"),
    [
        ((("a", 3),), "specific", "add up to 3, but 4"),
        ((("a", 11),), "specific", "Lot a has 10, not 11"),
        ((("nowhere", 4),), "specific", "There is no open lot nowhere"),
        ((("a", 2), ("a", 2)), "specific", "picked twice"),
        ((), "specific", "add up to 0"),
        ((("a", 4),), "fifo", "with the method 'specific'"),
        ((("a", 4),), "average", "with the method 'specific'"),
    ],
)
def test_picks_that_do_not_fit_are_refused_and_change_nothing(picks, method, words) -> None:
    book = told(*BUYS)
    before = book.open_lots()
    chosen = tuple(LotPick(name, Decimal(qty)) for name, qty in picks)
    with pytest.raises(LotError, match=words):
        book.apply(trade("s", "sell 4 AAPL for 500", FIRST + timedelta(days=99), method=method, picks=chosen))
    assert book.open_lots() == before
    assert book.realized == []


def test_a_sale_beyond_what_is_held_closes_it_and_opens_a_short() -> None:
    book = told(trade("a", "buy 10 AAPL for 1000"), trade("s", "sell 15 AAPL for 1800", FIRST + timedelta(days=1)))
    assert [(one.lot.signed_qty, one.cash, one.gain) for one in book.realized] == [(10, 1200, 200)]
    assert [(lot.signed_qty, lot.basis) for lot in book.open_lots()] == [(-5, -600)]
    book.apply(trade("c", "buy 5 AAPL for 500", FIRST + timedelta(days=400)))
    assert (book.realized[-1].gain, book.realized[-1].is_long_term) == (100, False)
    assert book.open_lots() == []


def test_an_account_that_is_emptied_and_filled_again_begins_anew() -> None:
    book = told(
        trade("a", "buy 10 AAPL for 1000"),
        trade("s", "sell 10 AAPL for 1300", FIRST + timedelta(days=10)),
        trade("b", "buy 3 AAPL for 420", FIRST + timedelta(days=11)),
    )
    assert [(lot.opened_on, lot.basis, lot.washed) for lot in book.open_lots()] == [
        (FIRST + timedelta(days=11), 420, 0)
    ]


def test_shares_that_became_worthless_lose_all_they_cost() -> None:
    book = told(trade("a", "buy 10 AAPL for 1000"), trade("w", "sell 10 AAPL for 0", FIRST + timedelta(days=500)))
    assert [(one.gain, one.is_long_term) for one in book.realized] == [(-1000, True)]


@pytest.mark.parametrize(
    ("bought", "sold", "long_term"),
    [
        ("2024-01-02", "2025-01-02", False),
        ("2024-01-02", "2025-01-03", True),
        ("2024-02-29", "2025-02-28", False),
        ("2024-02-29", "2025-03-01", True),
        ("2023-02-28", "2024-02-28", False),
        ("2023-02-28", "2024-02-29", True),
        ("2024-12-31", "2025-12-31", False),
    ],
)
def test_a_holding_is_long_term_the_day_after_its_year(bought, sold, long_term) -> None:
    book = told(
        trade("a", "buy 1 AAPL for 100", date.fromisoformat(bought)),
        trade("s", "sell 1 AAPL for 110", date.fromisoformat(sold)),
    )
    assert book.realized[0].is_long_term is long_term
    assert a_year_after(date(2024, 2, 29)) == date(2025, 2, 28)


def test_a_wash_sale_moves_its_loss_into_what_replaces_it() -> None:
    """Publication 550's first example: 100 shares for 1,000, sold for 750, 100 bought again for 800 within 30 days."""
    day = date(2025, 9, 21)
    book = told(
        trade("a", "buy 100 X for 1000", day),
        trade("s", "sell 100 X for 750", date(2025, 12, 5)),
        trade("b", "buy 100 X for 800", date(2025, 12, 20)),
    )
    [loss], [lot] = book.realized, book.open_lots()
    assert (loss.gain, loss.disallowed, loss.taxable_gain) == (-250, 250, 0)
    assert (lot.basis, lot.washed) == (1050, 250)
    assert lot.held_since == date(2025, 12, 20) - (date(2025, 12, 5) - day)


@pytest.mark.parametrize(("days", "washed"), [(-31, 0), (-30, 100), (0, 100), (30, 100), (31, 0)])
def test_the_window_is_thirty_days_on_either_side_in_any_account(days, washed) -> None:
    sold_on = FIRST + timedelta(days=100)
    sale = trade("s", "sell 10 AAPL for 900", sold_on)
    other = trade("b", "buy 10 AAPL for 950", sold_on + timedelta(days=days), account="other")
    events = [trade("a", "buy 10 AAPL for 1000"), *((other, sale) if days < 0 else (sale, other))]
    book = told(*events)
    assert [one.disallowed for one in book.realized] == [washed]
    assert [lot.basis for lot in book.open_lots("other")] == [950 + washed]


def test_what_is_left_of_the_same_purchase_replaces_nothing() -> None:
    book = told(trade("a", "buy 10 AAPL for 1000"), trade("s", "sell 4 AAPL for 300", FIRST + timedelta(days=5)))
    assert [(one.gain, one.disallowed) for one in book.realized] == [(-100, 0)]


def test_shares_replace_only_once() -> None:
    book = told(
        trade("a", "buy 10 AAPL for 1000"),
        trade("b", "buy 10 AAPL for 1000", FIRST + timedelta(days=1)),
        trade("s", "sell 10 AAPL for 900", FIRST + timedelta(days=60)),
        trade("t", "sell 10 AAPL for 800", FIRST + timedelta(days=61)),
        trade("c", "buy 15 AAPL for 1500", FIRST + timedelta(days=70)),
    )
    assert [one.disallowed for one in book.realized] == [100, 100]
    assert [(lot.signed_qty, lot.basis) for lot in book.open_lots()] == [(10, 1100), (5, 600)]


def test_a_split_between_a_loss_and_its_replacement_counts_in_new_shares() -> None:
    book = told(
        trade("a", "buy 10 AAPL for 1000"),
        trade("s", "sell 10 AAPL for 800", FIRST + timedelta(days=60)),
        split("AAPL", "2:1"),
        trade("b", "buy 5 AAPL for 200", FIRST + timedelta(days=65)),
    )
    assert [one.disallowed for one in book.realized] == [50]
    assert [lot.basis for lot in book.open_lots()] == [250]


def test_a_split_while_short_and_one_after_all_was_sold() -> None:
    book = told(trade("s", "sell 10 AAPL for 1000"), split("AAPL", "4:1"), split("MSFT", "2:1"))
    assert [(lot.signed_qty, lot.basis) for lot in book.open_lots()] == [(-40, -1000)]
    book.apply(trade("c", "buy 40 AAPL for 800", FIRST + timedelta(days=3)))
    book.apply(split("AAPL", "1:10"))
    assert book.open_lots() == []
    assert book.realized[0].gain == 200


def test_a_reverse_split_leaves_parts_that_cash_takes_the_place_of() -> None:
    book = told(
        trade("a", "buy 25 AAPL for 250"),
        split("AAPL", "1:10"),
        trade("cil", "sell 0.5 AAPL for 55", FIRST + timedelta(days=2)),
    )
    assert [(lot.signed_qty, lot.basis) for lot in book.open_lots()] == [(2, 200)]
    assert book.realized[0].gain == 5


def test_a_transfer_keeps_cost_and_beginning_and_a_new_name_keeps_all() -> None:
    book = told(
        *BUYS,
        LotTransfer("main", "other", "AAPL", Decimal(15)),
        LotRename("AAPL", "AAPX"),
    )
    there = book.open_lots("other", "AAPX")
    assert [(lot.trade_id, lot.signed_qty, lot.basis, lot.opened_on) for lot in there] == [
        ("a", 10, 1000, FIRST),
        ("b", 5, 750, FIRST + timedelta(days=40)),
    ]
    assert sum(lot.basis for lot in book.open_lots("main")) == 750 + 1200
    assert book.realized == []


def test_a_spin_off_takes_its_part_of_the_cost_and_of_a_loss_that_waits_in_it_along() -> None:
    sold_on = FIRST + timedelta(days=60)
    book = told(
        trade("a", "buy 10 AAPL for 1000"),
        trade("s", "sell 10 AAPL for 900", sold_on),
        trade("b", "buy 10 AAPL for 950", sold_on),
        LotSpinOff("AAPL", "NEW", Decimal(1), Decimal(5), Decimal("0.2")),
    )
    found = [(lot.symbol, lot.signed_qty, lot.basis, lot.washed, lot.held_since) for lot in book.open_lots()]
    assert found == [("AAPL", 10, 840, 80, FIRST), ("NEW", 2, 210, 20, FIRST)]
    book.apply(LotSpinOff("NEW", "TINY", Decimal(1), Decimal(10**12), Decimal("0.2")))
    assert [lot.symbol for lot in book.open_lots()] == ["AAPL", "NEW"]
    assert [lot.basis for lot in book.open_lots()] == [840, 210]
    book.apply(trade("z", "sell 10 AAPL for 900", sold_on + timedelta(days=40)))
    book.apply(LotSpinOff("AAPL", "NEW", Decimal(1), Decimal(5), Decimal("0.2")))
    assert [(lot.symbol, lot.signed_qty) for lot in book.open_lots()] == [("NEW", 2)]


def test_a_lot_too_small_for_a_new_share_leaves_the_cost_to_the_last() -> None:
    book = told(
        trade("a", "buy 0.000000001 AAPL for 1"),
        trade("b", "buy 10 AAPL for 1000", FIRST + timedelta(days=1)),
        LotSpinOff("AAPL", "NEW", Decimal(1), Decimal(5), Decimal("0.2")),
    )
    assert [(lot.trade_id, lot.signed_qty, lot.basis) for lot in book.open_lots("main", "NEW")] == [
        ("b", 2, Decimal("200.2"))
    ]
    assert [lot.basis for lot in book.open_lots("main", "AAPL")] == [Decimal("0.8"), 800]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (LotTransfer("main", "other", "AAPL", Decimal(31)), "31 AAPL cannot leave an account of 30"),
        (LotTransfer("main", "other", "AAPL", Decimal(0)), "0 AAPL cannot leave"),
        (LotTransfer("main", "main", "AAPL", Decimal(1)), "to another account"),
        (LotTransfer("main", "short", "AAPL", Decimal(1)), "long in one account and short in the other"),
        (LotRename("AAPL", "MSFT"), "long and short in one account"),
        (LotSpinOff("AAPL", "MSFT", Decimal(1), Decimal(3), Decimal("0.2")), "long and short in one account"),
        (split("MSFT", "1:100000000000"), "Nothing is left of MSFT"),
        (LotTrade("n", "main", "AAPL", FIRST, Decimal(0), Decimal(0)), "of nothing"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(event, words) -> None:
    book = told(*BUYS, trade("x", "sell 5 AAPL for 600", account="short"), trade("y", "sell 5 MSFT for 600"))
    before = book.open_lots()
    with pytest.raises(LotError, match=words):
        book.apply(event)
    assert book.open_lots() == before
