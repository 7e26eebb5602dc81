"""Margin to the cent by the rules' own figures, and a call that is met with the fewest positions."""

from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.margin import (
    REG_T,
    Closing,
    MarginRules,
    Position,
    liquidation,
    maintenance_of,
    margin_state,
    short_equity_needed,
)


def position(text: str) -> Position:
    """`"100 AAPL @ 50"`, negative for a short."""
    qty, symbol, _, price = text.split()
    return Position(symbol, Decimal(qty), Decimal(price))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("100 A @ 40", "1000"),
        ("-100 A @ 40", "1200"),
        ("-100 A @ 16.66", "500"),
        ("-100 A @ 16.67", "500.1"),
        ("-100 A @ 5", "500"),
        ("-100 A @ 4.99", "499"),
        ("-100 A @ 2.50", "250"),
        ("-100 A @ 2.49", "250"),
        ("0 A @ 40", "0"),
        ("0.5 A @ 40", "5"),
    ],
)
def test_each_position_has_to_be_kept_with(text: str, kept: str) -> None:
    assert maintenance_of(position(text)) == Decimal(kept)


def test_a_share_is_cheap_below_what_the_rules_say_and_not_at_it() -> None:
    rules = MarginRules(cheap_below=Decimal(10))
    assert [maintenance_of(position(f"-100 A @ {price}"), rules) for price in ("9.99", "10")] == [999, 500]


@pytest.mark.parametrize(
    ("cash", "positions", "equity", "initial", "maintenance", "power", "call", "debit"),
    [
        ("10000", "", "10000", "0", "0", "20000", "0", "0"),
        # bought for 20,000 with 10,000 of one's own: nothing more
        ("-10000", "200 A @ 100", "10000", "10000", "5000", "0", "0", "10000"),
        # the classic call: 16,000 with half borrowed falls to 10,000
        ("-8000", "160 A @ 62.50", "2000", "5000", "2500", "0", "500", "8000"),
        ("-8000", "160 A @ 75", "4000", "6000", "3000", "0", "0", "8000"),
        ("-6000", "100 A @ 140", "8000", "7000", "3500", "2000", "0", "6000"),
        # short 100 at 100 with 10,000 of one's own and the proceeds
        ("20000", "-100 A @ 100", "10000", "5000", "3000", "10000", "0", "0"),
        ("20000", "-100 A @ 160", "4000", "8000", "4800", "0", "800", "0"),
        # a cheap short needs more to be kept than to be opened: that bounds what can be bought
        ("3300", "-1000 A @ 1", "2300", "500", "2500", "0", "200", "0"),
        ("4000", "-1000 A @ 1", "3000", "500", "2500", "2000", "0", "0"),
        # below 2,000 nothing is lent
        ("1500", "", "1500", "0", "0", "1500", "0", "0"),
        ("500", "10 A @ 100", "1500", "500", "250", "500", "0", "0"),
        ("-100", "10 A @ 100", "900", "500", "250", "0", "0", "100"),
        ("2000", "", "2000", "0", "0", "4000", "0", "0"),
        ("1999.99", "", "1999.99", "0", "0", "1999.99", "0", "0"),
        # parts of a share
        ("10000", "0.5 A @ 100", "10050", "25", "12.5", "20050", "0", "0"),
        ("10000", "-0.5 A @ 100", "9950", "25", "15", "19850", "0", "0"),
    ],
)
def test_an_account_by_the_rules_figures(cash, positions, equity, initial, maintenance, power, call, debit) -> None:
    held = [position(text) for text in positions.split(", ") if text]
    state = margin_state(Decimal(cash), held)
    assert (state.equity, state.initial, state.maintenance) == (Decimal(equity), Decimal(initial), Decimal(maintenance))
    assert (state.buying_power, state.call, state.debit) == (Decimal(power), Decimal(call), Decimal(debit))
    assert state.excess == state.equity - state.maintenance
    assert state.long_value - state.short_value == sum((one.signed_qty * one.price for one in held), Decimal(0))


def test_a_small_account_keeps_what_its_shorts_need() -> None:
    state = margin_state(Decimal(2800), [position("-100 A @ 10")])
    assert (state.equity, state.buying_power) == (1800, 1300)


@pytest.mark.parametrize(("qty", "price", "needed"), [("100", "100", "5000"), ("100", "3", "300"), ("100", "6", "500")])
def test_a_short_needs_half_its_value_and_what_it_has_to_be_kept_with(qty, price, needed) -> None:
    assert short_equity_needed(Decimal(qty), Decimal(price)) == Decimal(needed)


@pytest.mark.parametrize(
    ("cash", "positions", "closings"),
    [
        ("-8000", "160 A @ 75", ""),
        # 500 missing, each share frees 15.625: 32 shares
        ("-8000", "160 A @ 62.50", "sell 32 A"),
        ("-9000", "100 A @ 62.50, 60 B @ 62.50", "sell 96 A"),
        ("-9500", "100 A @ 62.50, 60 B @ 62.50", "sell 100 A, sell 28 B"),
        ("-20000", "100 A @ 62.50, 60 B @ 62.50", "sell 100 A, sell 60 B"),
        ("20000", "-100 A @ 160", "buy 17 A"),
        ("-8000", "50 B @ 100, 50 A @ 100", "sell 20 A"),
        ("-8000", "50 B @ 100, 0 Z @ 9, 50 A @ 100", "sell 20 A"),
        # less than a dollar missing, and a single share
        ("-8000", "160 A @ 66.66", "sell 1 A"),
        ("-80", "1 A @ 100", "sell 1 A"),
    ],
)
def test_a_call_is_met_with_the_fewest_positions(cash: str, positions: str, closings: str) -> None:
    found = liquidation(Decimal(cash), [position(text) for text in positions.split(", ")])
    assert ", ".join(f"{one.side} {one.qty} {one.symbol}" for one in found) == closings


def test_lots_are_closed_whole() -> None:
    [one] = liquidation(Decimal(-8000), [Position("A", Decimal(160), Decimal("62.50"), Decimal(50))])
    assert one == Closing("A", "sell", Decimal(50))
    [all_of_it] = liquidation(Decimal(-8000), [Position("A", Decimal(160), Decimal("62.50"), Decimal(1000))])
    assert all_of_it.qty == 160


def after(cash: Decimal, held: list[Position], closings: list[Closing]) -> tuple[Decimal, list[Position]]:
    """The account after the closings at the market's price, without costs."""
    by_symbol = {one.symbol: one for one in held}
    for one in closings:
        was = by_symbol[one.symbol]
        signed = -one.qty if one.side == "sell" else one.qty
        cash -= signed * was.price
        by_symbol[one.symbol] = Position(was.symbol, was.signed_qty + signed, was.price)
    return cash, list(by_symbol.values())


PORTFOLIOS = st.lists(
    st.tuples(
        st.integers(-300, 300).filter(bool),
        st.integers(50, 20_000).map(lambda cents: Decimal(cents) / 100),
    ),
    min_size=1,
    max_size=5,
).map(lambda rows: [Position(f"S{at}", Decimal(qty), price) for at, (qty, price) in enumerate(rows)])


@settings(max_examples=500, deadline=None)
@given(held=PORTFOLIOS, cash=st.integers(-60_000, 60_000).map(Decimal))
def test_a_liquidation_meets_the_call_and_none_of_fewer_positions_would(held, cash: Decimal) -> None:
    closings = liquidation(cash, held)
    assert closings == liquidation(cash, held[::-1])
    before = margin_state(cash, held)
    state = margin_state(*after(cash, held, closings))
    assert state.equity == before.equity
    assert bool(closings) == (before.call > 0)
    for one in closings:
        was = next(position for position in held if position.symbol == one.symbol)
        assert 0 < one.qty <= abs(was.signed_qty)
        assert (one.side == "sell") == (was.signed_qty > 0)
    if before.equity >= 0:
        assert state.call == 0
        if closings:
            for fewer in combinations(held, len(closings) - 1):
                freed = sum((maintenance_of(one) for one in fewer), Decimal(0))
                assert before.maintenance - freed > before.equity
    else:
        assert len(closings) == len(held)
        assert state.maintenance == 0


@settings(max_examples=500, deadline=None)
@given(held=PORTFOLIOS, cash=st.integers(0, 200_000).map(Decimal))
def test_all_of_the_buying_power_can_be_used_and_nothing_more(held, cash: Decimal) -> None:
    state = margin_state(cash, held)
    if state.equity < REG_T.min_equity or state.buying_power == 0:
        return

    def bought(value: Decimal):
        return margin_state(cash - value, [*held, Position("NEW", Decimal(1), value)])

    used = bought(state.buying_power)
    assert used.initial <= used.equity
    assert used.call == 0
    over = bought(state.buying_power + 1)
    assert over.initial > over.equity or over.call > 0
