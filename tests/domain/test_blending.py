"""Blended benchmarks: written as percentages, brought back to them at each close."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain.blending import blend_text, blended, parse_blend

D = Decimal
START = date(2024, 1, 2)
CLOSES = st.lists(st.decimals("0.01", "10000", places=2), min_size=2, max_size=30)


def line(*closes: str | Decimal) -> dict[date, Decimal]:
    return {START + timedelta(days=number): D(close) for number, close in enumerate(closes)}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("SPY", None),
        ("^GSPC", None),
        ("60 SPY, 40 agg", ((D(60), "SPY"), (D(40), "AGG"))),
        ("100 SPY", ((D(100), "SPY"),)),
        (" 33.5% A,66.5 B ", ((D("33.5"), "A"), (D("66.5"), "B"))),
    ],
)
def test_a_blend_is_percentages_of_symbols(text, parts) -> None:
    assert parse_blend(text) == parts
    if parts:
        assert parse_blend(blend_text(parts)) == parts


@pytest.mark.parametrize(
    "text", ["60 SPY, 30 AGG", "60 SPY, 40 SPY", "60 SPY,", "SPY, AGG", "0 A, 100 B", "-10 A, 110 B", "NaN A, 40 B",
             "1e2 A, 0 B", ", ".join(f"{D(100) / 20:f} S{n}" for n in range(20))],
)  # fmt: skip
def test_what_is_no_blend_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="percentages that add up to 100"):
        parse_blend(text)


def test_weights_are_those_of_each_close() -> None:
    found = blended([(D(60), line("10", "11", "11")), (D(40), line("50", "50", "60"))])
    # 60 % of +10 %, then 40 % of +20 % of what had become of it: 1.06 x 1.08.
    assert [found[day] for day in sorted(found)] == [D(100), D(106), D("114.48")]


def test_a_day_that_one_part_lacks_is_none_of_the_blends_and_the_next_tells_of_both() -> None:
    whole, gap = line("10", "20", "40"), line("10", "20", "40")
    del gap[START + timedelta(days=1)]
    found = blended([(D(50), whole), (D(50), gap)])
    assert list(found.values()) == [D(100), D(400)]
    assert blended([]) == {}


@given(closes=CLOSES, share=st.integers(1, 99))
def test_parts_that_move_alike_are_each_of_them(closes: list[Decimal], share: int) -> None:
    alone = line(*closes)
    found = blended([(D(share), alone), (D(100 - share), {day: close * 3 for day, close in alone.items()})])
    for day, value in found.items():
        assert abs(value / 100 - alone[day] / closes[0]) < D("1e-18") * max(1, value)
