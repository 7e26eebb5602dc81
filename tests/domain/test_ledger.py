"""The double entry and the average-cost fold hold for every trade that can be drawn."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.fees import US_EQUITIES_2024, total
from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.ledger import (
    CASH,
    MOVES_OF_SHARES,
    Booking,
    Leg,
    book_activity,
    book_adjustment,
    book_borrowed_money,
    book_borrowed_shares,
    book_brought_in,
    book_deposit,
    book_fill,
    book_moved,
    book_opening,
    book_taken_back,
    imbalance,
)
from starkmatter.domain.money import is_multiple, plain, to_cents, up_to_cents
from tests.examples import examples

prices = st.decimals("0.0001", "100000", places=4)
whole = st.integers(1, 100_000).map(Decimal)
fractional = st.decimals("0.000000001", "10000", places=9)
quantities = st.one_of(whole, fractional)
sides = st.sampled_from(["buy", "sell"])


@settings(max_examples=examples(2_000))
@given(side=sides, qty=quantities, price=prices)
def test_every_fill_balances_per_commodity_and_moves_whole_cents(side, qty: Decimal, price: Decimal) -> None:
    fees = total(US_EQUITIES_2024.lines(side, qty, price))
    booking = book_fill(side, "AAPL", qty, price, fees, "USD")
    assert imbalance(booking.legs) == {}
    assert booking.cash == booking.cash.quantize(Decimal("0.01"))
    exact = qty * price
    paid = -booking.cash - fees if side == "buy" else booking.cash + fees
    assert abs(paid - exact) <= Decimal("0.0051")


@given(amount=st.decimals("-1000000", "1000000", places=2).filter(lambda value: value != 0))
def test_every_deposit_balances(amount: Decimal) -> None:
    booking = book_deposit(amount, "USD")
    assert imbalance(booking.legs) == {}
    assert booking.cash == amount
    assert booking.kind == ("deposit" if amount > 0 else "withdrawal")


def test_an_unbalanced_booking_cannot_be_made() -> None:
    legs = (Leg(CASH, "USD", Decimal(1)), Leg("equity:trading", "USD", Decimal(-3)), Leg(CASH, "EUR", Decimal(0)))
    assert imbalance(legs) == {"USD": Decimal(-2)}
    with pytest.raises(ValueError, match="USD"):
        Booking("fill", "x", legs)


D = Decimal
# What each booking is: kind | its words | legs.
BOOKED = [
    (
        book_fill("buy", "AAPL", D(3), D("10.005"), D("0.35"), "USD"),
        "fill | Bought 3 AAPL at 10.005 USD | assets:cash USD -30.37, equity:trading USD 30.015,"
        " assets:holding AAPL 3, equity:trading AAPL -3, expenses:fees USD 0.35, equity:rounding USD 0.005",
    ),
    (
        book_fill("sell", "AAPL", D(3), D("10.005"), D(0), "USD", before_value=D("10.005")),
        "fill | Sold 3 AAPL at 10.005 USD | assets:cash USD 30.02, equity:trading USD -30.015,"
        " assets:holding AAPL -3, equity:trading AAPL 3, equity:rounding USD -0.005",
    ),
    (
        book_fill("buy", "AAPL", D(1), D("10.01"), D(0), "USD"),
        "fill | Bought 1 AAPL at 10.01 USD | assets:cash USD -10.01, equity:trading USD 10.01,"
        " assets:holding AAPL 1, equity:trading AAPL -1",
    ),
    (
        book_taken_back("AAPL", D(-3), D("-30.015"), D("30.01"), "USD", "Busted"),
        "bust | Busted | assets:cash USD 30.01, equity:trading USD -30.015, equity:rounding USD 0.005,"
        " assets:holding AAPL -3, equity:trading AAPL 3",
    ),
    (
        book_taken_back("AAPL", D(0), D(2), D(-2), "USD", "Corrected"),
        "correction | Corrected | assets:cash USD -2, equity:trading USD 2",
    ),
    (book_deposit(D("0.5"), "USD"), "deposit | Deposited 0.50 USD | assets:cash USD 0.5, equity:deposits USD -0.5"),
    (book_deposit(D(-5), "USD"), "withdrawal | Withdrew 5.00 USD | assets:cash USD -5, equity:deposits USD 5"),
    (
        book_brought_in("AAPL", D(2), D("20.004"), "USD"),
        "deposit | Brought in 2 AAPL worth 20.00 USD | equity:trading USD 20, equity:deposits USD -20,"
        " assets:holding AAPL 2, equity:trading AAPL -2",
    ),
    (
        book_moved("AAPL", D("0.5"), D(20), "USD"),
        "transfer_in | Moved 0.5 AAPL worth 20.00 USD from another account | equity:trading USD 20,"
        " equity:deposits USD -20, assets:holding AAPL 0.5, equity:trading AAPL -0.5",
    ),
    (
        book_moved("AAPL", D(-2), D(20), "USD"),
        "transfer_out | Moved 2 AAPL worth 20.00 USD to another account | equity:trading USD -20,"
        " equity:deposits USD 20, assets:holding AAPL -2, equity:trading AAPL 2",
    ),
    (
        book_moved("AAPL", D(-2), D(0), "USD"),
        "transfer_out | Moved 2 AAPL worth 0.00 USD to another account | assets:holding AAPL -2, equity:trading AAPL 2",
    ),
    (
        book_opening("AAPL", D("0.5"), D(20), D(15), "USD"),
        "deposit | Began with 0.5 AAPL worth 20.00 USD | equity:trading USD 20, equity:deposits USD -20,"
        " assets:holding AAPL 0.5, equity:trading AAPL -0.5, memo:opening cost USD 15,"
        " memo:opening cost offset USD -15",
    ),
    (
        book_opening("AAPL", D(-2), D(-20), D(-15), "USD"),
        "deposit | Began short 2 AAPL worth 20.00 USD | equity:trading USD -20, equity:deposits USD 20,"
        " assets:holding AAPL -2, equity:trading AAPL 2, memo:opening cost USD -15, memo:opening cost offset USD 15",
    ),
    (book_activity("fee", "Data", D(-1), "USD"), "fee | Data | assets:cash USD -1, expenses:fees USD 1"),
    (book_activity("dividend", "KO", D(1), "USD"), "dividend | KO | assets:cash USD 1, income:dividends USD -1"),
    (book_activity("interest", "March", D(1), "USD"), "interest | March | assets:cash USD 1, income:interest USD -1"),
    (book_activity("deposit", "ACH", D(1), "USD"), "deposit | ACH | assets:cash USD 1, equity:deposits USD -1"),
    (
        book_borrowed_shares("GME", D(2), 3, D("0.12"), "USD"),
        "borrow_fee | Borrowed 2 GME for 3 nights | assets:cash USD -0.12, expenses:borrowed shares USD 0.12",
    ),
    (
        book_borrowed_money(D(500), 1, D("0.12"), "USD"),
        "margin_interest | Owed 500.00 USD for a night | assets:cash USD -0.12, expenses:borrowed money USD 0.12",
    ),
    (
        book_adjustment("Followed", "USD", D(-2), is_cash=True),
        "adjustment | Followed | assets:cash USD -2, equity:adjustments USD 2",
    ),
    (
        book_adjustment("Followed", "AAPL", D(2), is_cash=False),
        "adjustment | Followed | assets:holding AAPL 2, equity:adjustments AAPL -2",
    ),
]


@pytest.mark.parametrize(("booking", "told"), BOOKED, ids=[booking.description for booking, _ in BOOKED])
def test_each_booking_moves_what_it_says(booking: Booking, told: str) -> None:
    kind, words, legs = told.split(" | ")
    assert (booking.kind, booking.description) == (kind, words)
    said = [leg.rsplit(" ", 2) for leg in legs.split(", ")]
    assert booking.legs == tuple(Leg(account, commodity, Decimal(amount)) for account, commodity, amount in said)
    assert booking.cash == sum(leg.amount for leg in booking.legs if leg.account == CASH)


def test_both_sides_of_a_move_of_shares_are_no_trades() -> None:
    assert {book_moved("AAPL", D(sign), D(1), "USD").kind for sign in (1, -1)} == MOVES_OF_SHARES


@settings(max_examples=examples(2_000))
@given(trades=st.lists(st.tuples(st.booleans(), st.integers(1, 500), st.decimals("1", "500", places=2)), max_size=25))
def test_cash_shares_and_profit_are_conserved_over_any_history(trades) -> None:
    state, cash, bought, sold = HoldingState(), Decimal(0), 0, 0
    for buying, count, price in trades:
        qty = Decimal(count) if buying else min(Decimal(count), state.qty)
        if qty == 0:
            continue
        side = "buy" if buying else "sell"
        fees = total(US_EQUITIES_2024.lines(side, qty, price))
        moved = book_fill(side, "AAPL", qty, price, fees, "USD").cash
        cash += moved
        bought, sold = (bought + qty, sold) if buying else (bought, sold + qty)
        state = after_fill(state, side, qty, moved)
    assert state.qty == bought - sold
    # What was paid is either still in the shares or has become a realized result: nothing appears or vanishes.
    assert cash == state.realized_pl - state.cost_basis
    if state.qty == 0:
        assert state.cost_basis == 0


def test_more_than_is_held_cannot_be_sold() -> None:
    with pytest.raises(ValueError, match="cannot sell"):
        after_fill(HoldingState(Decimal(1), Decimal(100)), "sell", Decimal(2), Decimal(200))


@given(value=st.decimals("-1000000", "1000000", places=7))
def test_rounding_never_moves_by_more_than_half_a_cent_and_ceilings_never_fall_short(value: Decimal) -> None:
    assert abs(to_cents(value) - value) <= Decimal("0.005")
    assert 0 <= up_to_cents(value) - value < Decimal("0.01")


@given(value=st.decimals("-100000", "100000", places=9))
def test_plain_text_means_the_same_number_without_an_exponent(value: Decimal) -> None:
    text = plain(value)
    assert Decimal(text) == value
    assert "E" not in text.upper()


def test_a_price_off_the_grid_is_recognized() -> None:
    assert is_multiple(Decimal("100.05"), Decimal("0.01"))
    assert not is_multiple(Decimal("100.055"), Decimal("0.01"))


@pytest.mark.parametrize(
    ("side", "qty", "price", "charged"),
    [
        ("buy", "1000", "500", []),
        ("sell", "10", "110", ["0.04", "0.01"]),
        ("sell", "100000", "200", ["556.00", "8.30"]),
        ("sell", "1", "0.02", ["0.01", "0.01"]),
        ("sell", "1", "0.01", ["0.01"]),  # a sale is never charged more than it brings in
    ],
)
def test_regulatory_fees_fall_on_sales_only_and_round_up(side, qty: str, price: str, charged: list[str]) -> None:
    lines = US_EQUITIES_2024.lines(side, Decimal(qty), Decimal(price))
    assert [str(line.charged) for line in lines] == charged
