"""The double entry and the average-cost fold hold for every trade that can be drawn."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.fees import US_EQUITIES_2024, total
from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.ledger import CASH, Booking, Leg, book_deposit, book_fill, imbalance
from starkmatter.domain.money import is_multiple, plain, to_cents, up_to_cents

prices = st.decimals("0.0001", "100000", places=4)
whole = st.integers(1, 100_000).map(Decimal)
fractional = st.decimals("0.000000001", "10000", places=9)
quantities = st.one_of(whole, fractional)
sides = st.sampled_from(["buy", "sell"])


@settings(max_examples=2_000)
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
    with pytest.raises(ValueError, match="USD"):
        Booking("fill", "x", (Leg(CASH, "USD", Decimal(1)), Leg("equity:trading", "USD", Decimal(-2))))


@settings(max_examples=2_000)
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
