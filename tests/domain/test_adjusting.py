"""Raw, split-adjusted and dividend-adjusted series against each other and against somebody who reinvests."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain.actions import Dividend, Split
from starkmatter.domain.adjusting import (
    dividend_factor,
    in_raw_shares,
    in_shares_of_today,
    rolled_days,
    split_factor,
    with_dividends,
)
from starkmatter.domain.money import MICRO
from starkmatter.domain.quotes import Bar
from starkmatter.domain.sessions import exchange_day

FIRST = date(2020, 1, 6)
LONG_AFTER = date(2030, 1, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def bar(number: int, close: Decimal | str, volume: str = "8000") -> Bar:
    price = Decimal(close)
    at = datetime.combine(day(number), datetime.min.time(), UTC) + timedelta(hours=15)
    return Bar("AAPL", "1d", at, price, price, price, price, Decimal(volume), "test")


def split(number: int, ratio: str) -> Split:
    """`split(3, "4:1")`"""
    numerator, denominator = (Decimal(part) for part in ratio.split(":"))
    return Split("AAPL", day(number), numerator, denominator, "test")


def dividend(number: int, amount: Decimal | str) -> Dividend:
    return Dividend("AAPL", day(number), Decimal(amount), "USD", None, "test")


def closes(bars: list[Bar]) -> list[Decimal]:
    return [one.close for one in bars]


def closes_before(bars: list[Bar], dividends: list[Dividend]) -> dict[date, Decimal]:
    found = {}
    for one in dividends:
        earlier = [bar.close for bar in bars if exchange_day(bar.starts_at) < one.ex_on]
        if earlier:
            found[one.ex_on] = earlier[-1]
    return found


def test_raw_prices_before_a_split_are_those_of_the_day() -> None:
    kept = [bar(0, "125"), bar(1, "126"), bar(2, "127", "1000")]
    raw = in_raw_shares(kept, split_factor([split(2, "4:1")], LONG_AFTER))
    assert closes(raw) == [Decimal(500), Decimal(504), Decimal(127)]
    assert [one.volume for one in raw] == [Decimal(2000), Decimal(2000), Decimal(1000)]
    reverse = in_raw_shares([bar(0, "50"), bar(1, "51")], split_factor([split(1, "1:10")], LONG_AFTER))
    assert closes(reverse) == [Decimal(5), Decimal(51)]


def test_a_split_that_is_announced_changes_nothing_yet() -> None:
    factor = split_factor([split(9, "4:1")], day(5))
    assert factor(day(0)) == 1
    assert split_factor([split(9, "4:1")], day(9))(day(8)) == 4


def test_splits_in_a_row_multiply() -> None:
    factor = split_factor([split(2, "7:1"), split(4, "4:1"), split(6, "1:2")], LONG_AFTER)
    assert [factor(day(number)) for number in (0, 2, 3, 4, 5, 6)] == [14, 2, 2, Fraction(1, 2), Fraction(1, 2), 1]


def test_a_dividend_lowers_what_was_before_it_by_its_part_of_the_close() -> None:
    kept = [bar(0, "100"), bar(1, "102"), bar(2, "101")]
    paid = [dividend(2, "1.02")]
    one = split_factor([], LONG_AFTER)
    adjusted = with_dividends(kept, dividend_factor(paid, closes_before(kept, paid), one, LONG_AFTER))
    assert closes(adjusted) == [Decimal(99), Decimal("100.98"), Decimal(101)]
    assert [one.volume for one in adjusted] == [Decimal(8000)] * 3


def test_a_dividend_before_a_split_counts_in_shares_of_its_day() -> None:
    """4.00 for a share of 400 that later became four of 100 is 1.00 for each of those."""
    kept = [bar(0, "100"), bar(1, "99"), bar(3, "101")]
    shares = split_factor([split(2, "4:1")], LONG_AFTER)
    paid = [dividend(1, "4")]
    factor = dividend_factor(paid, closes_before(kept, paid), shares, LONG_AFTER)
    assert factor(day(0)) == Fraction(99, 100)
    assert factor(day(1)) == 1


@pytest.mark.parametrize("amount", ["100", "250"])
def test_a_dividend_that_is_not_below_the_close_changes_nothing(amount: str) -> None:
    kept = [bar(0, "100"), bar(1, "99")]
    paid = [dividend(1, amount)]
    factor = dividend_factor(paid, closes_before(kept, paid), split_factor([], LONG_AFTER), LONG_AFTER)
    assert factor(day(0)) == 1


def test_weeks_and_months_are_made_of_days() -> None:
    days = [bar(number, str(100 + number)) for number in range(5)] + [bar(7, "90")]
    first, second = rolled_days(days, "1w")
    assert (first.open, first.high, first.low, first.close) == (100, 104, 100, 104)
    assert (first.volume, first.starts_at, first.interval) == (40_000, days[0].starts_at, "1w")
    assert second.close == 90
    [month] = rolled_days([days[0], days[5]._replace(volume=None)], "1mo")
    assert (month.close, month.volume) == (90, None)


PRICES = st.decimals(Decimal("1"), Decimal("5000"), places=2)
RATIOS = st.tuples(st.integers(1, 50), st.integers(1, 50)).filter(lambda ratio: ratio[0] != ratio[1])
SPLITS = st.dictionaries(st.integers(0, 30), RATIOS, max_size=3)


@given(st.lists(PRICES, min_size=1, max_size=30), SPLITS)
def test_raw_to_adjusted_to_raw_is_where_it_began(prices: list[Decimal], splits: dict[int, tuple[int, int]]) -> None:
    raw = [bar(number, price) for number, price in enumerate(prices)]
    shares = split_factor([split(number, f"{a}:{b}") for number, (a, b) in splits.items()], LONG_AFTER)
    back = in_raw_shares(in_shares_of_today(raw, shares), shares)
    for before, after in zip(raw, back, strict=True):
        # Prices are rounded once each way, to a millionth: of a share of today, and of one of that day.
        allowed = MICRO * Decimal(float(max(shares(exchange_day(before.starts_at)), Fraction(1)))) + MICRO
        assert abs(before.close - after.close) <= allowed


@given(
    st.lists(st.decimals(Decimal("20"), Decimal("900"), places=2), min_size=2, max_size=25),
    st.dictionaries(st.integers(1, 24), st.decimals(Decimal("0.01"), Decimal("9"), places=2), max_size=6),
    SPLITS,
)
def test_the_return_of_the_adjusted_series_is_that_of_reinvested_dividends(
    prices: list[Decimal], paid: dict[int, Decimal], splits: dict[int, tuple[int, int]]
) -> None:
    """One share of the first day, each dividend put into shares at the close before it without the dividend."""
    kept = [bar(number, price) for number, price in enumerate(prices)]
    happened = [split(number, f"{a}:{b}") for number, (a, b) in splits.items()]
    shares = split_factor(happened, LONG_AFTER)
    # In shares of today a dividend is `paid`; as declared it is so many times that.
    declared = [
        dividend(number, Decimal(float(amount) * float(shares(day(number)))))
        for number, amount in paid.items()
        if number < len(prices)
    ]
    factor = dividend_factor(declared, closes_before(kept, declared), shares, LONG_AFTER)
    held = Fraction(1)
    for one in sorted(declared, key=lambda one: one.ex_on):
        close = Fraction(prices[(one.ex_on - FIRST).days - 1])
        amount = Fraction(one.amount) / shares(one.ex_on)
        held += held * amount / (close - amount)
    adjusted = [Fraction(one.close) * factor(exchange_day(one.starts_at)) for one in kept]
    assert adjusted[-1] / adjusted[0] == held * Fraction(prices[-1]) / Fraction(prices[0])
