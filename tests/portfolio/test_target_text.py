"""What a person types for targets is read exactly, or the line is named that cannot be."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.errors import InvalidInput
from starkmatter.portfolio.allocating.text import read_percent, read_targets, text_of

NAMES = st.sampled_from(["AAPL", "BRK.B", "^GSPC", "Health Care", "Information Technology", "Shares", "3M"])


@given(st.dictionaries(NAMES, st.decimals(0, 100, places=4)))
def test_what_is_written_reads_the_same(found: dict[str, Decimal]) -> None:
    assert read_targets(text_of(found)) == found


def test_signs_and_blanks_do_not_matter() -> None:
    assert read_targets("\n AAPL: 40 % \nHealth Care = 12.5%\n") == {
        "AAPL": Decimal(40),
        "Health Care": Decimal("12.5"),
    }


@pytest.mark.parametrize("line", ["AAPL", "40", "AAPL forty", "AAPL -5", "AAPL 1e2", "AAPL 1.23456", "AAPL 40 now"])
def test_a_line_that_is_no_target_is_named(line: str) -> None:
    with pytest.raises(InvalidInput, match="Line 2, "):
        read_targets(f"MSFT 50\n{line}")


def test_nothing_comes_twice_and_percentages_are_figures() -> None:
    with pytest.raises(InvalidInput, match="AAPL has a target already"):
        read_targets("AAPL 50\nAAPL 50")
    assert (read_percent("", "Cash"), read_percent(" 2.5 %", "Cash")) == (0, Decimal("2.5"))
    for wrong in ("ten", "-1", "1e3", "NaN", "1,5"):
        with pytest.raises(InvalidInput, match=r"Cash: "):
            read_percent(wrong, "Cash")
