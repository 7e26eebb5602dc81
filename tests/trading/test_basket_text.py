"""What a person types for a basket is read exactly, or the line is named that cannot be."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain.orders import OrderRequest
from starkmatter.errors import InvalidInput
from starkmatter.trading.baskets.text import read_lines, text_of
from tests.builders import order

QTY = st.decimals(min_value="0.000000001", max_value=1_000_000, places=9)
PRICE = st.decimals(min_value="0.000001", max_value=1_000_000, places=6)


@st.composite
def requests(draw: st.DrawFn) -> OrderRequest:
    limit = draw(st.none() | PRICE)
    return OrderRequest(
        draw(st.sampled_from(["AAPL", "BRK.B", "BTC-USD", "^GSPC"])),
        draw(st.sampled_from(["buy", "sell"])),
        "market" if limit is None else "limit",
        draw(QTY),
        draw(st.sampled_from(["day", "gtc"])),
        limit,
    )


@given(st.lists(requests(), max_size=50))
def test_what_is_written_reads_the_same(found: list[OrderRequest]) -> None:
    assert read_lines(text_of(found)) == found


def test_case_blanks_and_thousands_do_not_matter() -> None:
    text = "\n  BUY 1,000.5  aapl\n\nsell 5 MSFT @199.50 GTC  \n"
    assert read_lines(text) == [order("buy 1000.5 AAPL"), order("sell 5 MSFT @ 199.50 gtc")]
    assert read_lines("buy 1,000 AAPL")[0].qty == Decimal(1000)


@pytest.mark.parametrize(
    "line",
    ["hold 5 AAPL", "buy AAPL", "buy five AAPL", "buy -5 AAPL", "buy 1,00 AAPL", "buy 5 AAPL @", "buy 5 AAPL now",
     "buy 1e3 AAPL", "buy ٥ AAPL", "buy 5 AAPL @ NaN", "buy " + "9" * 400 + " AAPL"],
)  # fmt: skip
def test_a_line_that_is_no_order_is_named(line: str) -> None:
    with pytest.raises(InvalidInput, match="Line 2, "):
        read_lines(f"buy 1 AAPL\n{line}")


def test_neither_too_many_lines_nor_too_many_characters() -> None:
    with pytest.raises(InvalidInput, match="50 orders at most"):
        read_lines("buy 1 AAPL\n" * 51)
    with pytest.raises(InvalidInput, match="5,000 characters"):
        read_lines(" " * 5_001)
