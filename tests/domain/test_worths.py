"""Holdings over days are worth what exact decimals say, also where doubles or 64 bits cannot tell."""

from collections import defaultdict
from decimal import Decimal

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from starkmatter.domain.money import to_micros
from starkmatter.domain.worths import (
    DAYS_AT_ONCE,
    MICROS,
    NANOS,
    PRICE_SCALE,
    Whole,
    holdings_and_worths,
    scaled,
    values_by_day,
)

DAYS, SYMBOLS = DAYS_AT_ONCE + 3, 3
MOVES = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1),
        st.integers(0, SYMBOLS - 1),
        st.one_of(
            st.integers(-(10**15), 10**15),
            st.integers(-1000, 1000).map(lambda shares: shares * NANOS),
            st.integers(-(10**7), 10**7).map(lambda half: half * NANOS // 2),
        ),
    ),
    max_size=40,
)
PRICES = st.lists(
    st.one_of(st.integers(0, 10**15), st.integers(1, 10**6).map(lambda cents: cents * PRICE_SCALE // 100)),
    min_size=SYMBOLS,
    max_size=SYMBOLS,
)
MICRO = PRICE_SCALE // MICROS


def arrays(moves: list[tuple[int, int, int]]) -> tuple[Whole, Whole, Whole]:
    rows = sorted(moves, key=lambda move: move[0])
    days, symbols = np.array([row[:2] for row in rows], dtype=np.int64).reshape(-1, 2).T
    return days, symbols, scaled([Decimal(nanos) for *_, nanos in rows], 1)


@given(MOVES, PRICES, st.integers(0, 10**6))
@example([(0, 0, NANOS // 2)], [MICRO, 3 * MICRO, 5], 0)  # half of an odd millionth: exactly between two
@example([(0, 0, 3 * NANOS // 2), (DAYS_AT_ONCE, 0, -NANOS)], [MICRO, 3, 5], 0)
@example([(0, 0, 2**53 + 1)], [10**14 - 1, 3, 5], 0)  # more than doubles count
@example([(0, 0, 2**62), (1, 1, 2**62)], [10**14 - 1, 3, 5], 0)  # more than 64 bits count
@example([(0, 0, 2**70), (1, 0, -(2**70) + 1)], [10**14 - 1, 3, 5], 0)
def test_each_worth_and_each_day_is_what_exact_decimals_say(
    moves: list[tuple[int, int, int]], prices: list[int], drift: int
) -> None:
    table = np.array([[price + day * drift for price in prices] for day in range(DAYS)], dtype=np.int64)
    held: dict[int, Decimal] = defaultdict(Decimal)
    expected, totals = [], []
    for day in range(DAYS):
        for at, symbol, nanos in moves:
            if at == day:
                held[symbol] += Decimal(nanos) / NANOS
        row = [to_micros(held[symbol] * Decimal(int(table[day, symbol])) / PRICE_SCALE) for symbol in range(SYMBOLS)]
        expected.append([int(worth * MICROS) for worth in row])
        totals.append(int(sum(row, Decimal(0)) * MICROS))
    found = [worth.tolist() for _, worth in holdings_and_worths(*arrays(moves), table)]
    assert [row for part in found for row in part] == expected
    assert values_by_day(*arrays(moves), table).tolist() == totals


def test_what_is_held_is_the_sum_of_the_moves() -> None:
    moves = [(0, 1, 5), (2, 1, -3), (DAYS_AT_ONCE, 0, 7)]
    table = np.ones((DAYS, 2), dtype=np.int64)
    rows = [row for held, _ in holdings_and_worths(*arrays(moves), table) for row in held.tolist()]
    assert [rows[0], rows[1], rows[2], rows[-1]] == [[0, 5], [0, 5], [0, 2], [7, 2]]


def test_decimals_become_whole_numbers_half_to_even() -> None:
    values = [Decimal("1.5"), Decimal("-0.000000001"), Decimal("0.0000000005"), Decimal("0.0000000015")]
    assert scaled(values, NANOS).tolist() == [1_500_000_000, -1, 0, 2]
    assert scaled([Decimal(10) ** 11], NANOS).tolist() == [10**20]


def test_without_a_day_or_a_move_nothing_is_worth_anything() -> None:
    assert values_by_day(*arrays([]), np.zeros((0, 2), dtype=np.int64)).tolist() == []
    assert values_by_day(*arrays([]), np.ones((2, 2), dtype=np.int64)).tolist() == [0, 0]
