"""The lines of a tax year add up to what the lots say."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings

from starkmatter.domain.lot_book import LotBook
from starkmatter.domain.lots import LotError
from starkmatter.domain.tax_report import TaxTotals, tax_lines, tax_totals
from tests.domain.test_lots import histories, told, trade

SOLD_ON = date(2025, 6, 2)


def test_a_year_lists_its_sales_short_terms_first() -> None:
    book = told(
        trade("old", "buy 10 AAPL for 1000.00", date(2023, 1, 3)),
        trade("new", "buy 10 AAPL for 1500.00", date(2025, 5, 30)),
        trade("short", "sell 4 MSFT for 1600.00", date(2025, 2, 3)),
        trade("cover", "buy 4 MSFT for 1200.00", date(2025, 3, 3)),
        trade("s", "sell 15 AAPL for 2400.00", SOLD_ON),
        trade("later", "sell 5 AAPL for 900.00", date(2026, 1, 5)),
    )
    lines = tax_lines(book.realized, 2025)
    assert [(line.description, line.acquired_on, line.proceeds, line.cost, line.gain, line.term) for line in lines] == [
        ("4 MSFT sold short 2025-02-03", date(2025, 3, 3), 1600, 1200, 400, "short"),
        ("5 AAPL", date(2025, 5, 30), 800, 750, 50, "short"),
        ("10 AAPL", date(2023, 1, 3), 1600, 1000, 600, "long"),
    ]
    assert tax_totals(lines, "short") == TaxTotals(Decimal(2400), Decimal(1950), Decimal(0), Decimal(450))
    assert tax_totals(lines, "long").gain == 600
    assert [line.sold_on.year for line in tax_lines(book.realized, 2026)] == [2026]
    assert tax_lines(book.realized, 2024) == []
    assert tax_totals([], "long") == TaxTotals(Decimal(0), Decimal(0), Decimal(0), Decimal(0))


def test_a_wash_sale_has_its_code_and_no_loss() -> None:
    book = told(
        trade("a", "buy 10 AAPL for 1000.00"),
        trade("s", "sell 10 AAPL for 900.00", SOLD_ON),
        trade("b", "buy 4 AAPL for 380.00", SOLD_ON),
    )
    [line] = tax_lines(book.realized, 2025)
    assert (line.code, line.adjustment, line.gain) == ("W", 40, -60)


@settings(max_examples=40, deadline=None)
@given(events=histories(exact=False))
def test_every_line_adds_up_and_strays_less_than_two_cents_from_its_lot(events) -> None:
    book = LotBook()
    for event in events:
        try:
            book.apply(event)
        except LotError:
            continue
    years = {one.closed_on.year for one in book.realized}
    lines = [line for year in years for line in tax_lines(book.realized, year)]
    assert len(lines) == len(book.realized)
    printed = sum((line.gain for line in lines), Decimal(0))
    exact = sum((one.taxable_gain for one in book.realized), Decimal(0))
    assert abs(printed - exact) <= Decimal("0.015") * len(lines)
    for term in ("short", "long"):
        sums = tax_totals(lines, term)
        assert sums.gain == sums.proceeds - sums.cost + sums.adjustment
    assert all(line.code == ("W" if line.adjustment else "") for line in lines)
