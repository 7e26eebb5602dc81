"""The pages of lots and realized gains: their states on the real services."""

from datetime import date
from decimal import Decimal

from starkmatter.portfolio.income import ComingView, MonthIncome, SymbolIncome
from starkmatter.trading.submit import submit_order
from starkmatter.ui.pages.income import income
from starkmatter.ui.pages.lots import gains, lots
from starkmatter.ui.state.income import IncomeState, coming_row, month_rows, symbol_row
from starkmatter.ui.state.lots import GainsState, LotsState
from tests.builders import ALL_READ, open_clock, order, quote
from tests.ui.conftest import Tab


async def trade(tab: Tab, *steps: tuple[str, str]) -> None:
    desk = tab.desk
    for number, (text, bid) in enumerate(steps):
        await desk.tell(quote(f"AAPL {bid}/{Decimal(bid) + Decimal('0.05')}"), clock=open_clock(10 + number))
        key = f"key-{text.replace(' ', '-')}-{number}"
        await submit_order(desk.b, desk.caller, desk.account_id, order(text), key, acknowledged=ALL_READ)
        await desk.broker.drain()


async def test_without_a_trade_both_pages_are_empty_and_whole(tab: Tab) -> None:
    state = await tab.at("/portfolio/lots").state(LotsState)
    await state.load()
    assert (state.ready, state.lots, state.problem, state.figures["cost"]) == (True, [], "", "0.00")
    year = await tab.at("/portfolio/gains").state(GainsState)
    await year.load()
    assert (year.asked, year.years, year.lines, year.figures["total"]) == ("2021", ["2021"], [], "0.00")
    assert lots().render()
    assert gains().render()


async def test_lots_are_shown_with_what_waits_in_them(tab: Tab) -> None:
    await trade(tab, ("buy 10 AAPL", "100.00"), ("sell 10 AAPL", "90.00"), ("buy 4 AAPL", "95.00"))
    state = await tab.at("/portfolio/lots").state(LotsState)
    await state.load()
    [row] = state.lots
    assert (row["symbol"], row["qty"], row["acquired"], row["term"]) == ("AAPL", "4", "Mar 1, 2021", "Short")
    assert row["turns"] == "long from Mar 2, 2022"
    # A share lost 10.05 and its part of the fees; 4 of the 10 were replaced.
    assert Decimal("40.20") < Decimal(row["washed"]) < Decimal("40.25")
    assert state.figures["value"] == "380.00"
    year = await tab.at("/portfolio/gains").state(GainsState)
    await year.load()
    assert [line["code"] for line in year.lines] == ["W"]
    assert year.figures["has_washed"] == "yes"
    assert year.figures["washed"] == row["washed"]
    await year.choose_year("1999")
    assert year.asked == "2021"


async def test_a_method_is_chosen_on_the_page_and_said(tab: Tab) -> None:
    await trade(tab, ("buy 10 AAPL", "100.00"))
    state = await tab.at("/portfolio/lots").state(LotsState)
    await state.load()
    assert (state.figures["method_name"], state.figures["may_choose"]) == ("First in, first out", "yes")
    await state.choose("hifo")
    assert (state.figures["method"], state.problem) == ("hifo", "")
    assert state.said.startswith("From now on: highest cost first.")
    assert [row["method"] for row in state.changes] == ["Highest cost first"]
    await state.choose("DROP TABLE")
    assert (state.problem[:19], state.said) == ("The method must be ", "")
    assert state.figures["method"] == "hifo"


async def test_the_page_of_income_is_empty_and_says_why(tab: Tab) -> None:
    state = await tab.at("/portfolio/income").state(IncomeState)
    await state.load()
    assert (state.ready, state.problem, state.figures["received"], state.figures["yield"]) == (True, "", "0.00", "–")
    assert (state.months, state.symbols, state.coming) == ([], [], [])
    assert "pay their real dividends" in state.notes[0]
    assert income().render()


def test_rows_of_income_have_bars_and_yields() -> None:
    months = [MonthIncome(2026, 2, Decimal(30), Decimal(10)), MonthIncome(2025, 12, Decimal(20), Decimal(-40))]
    assert [(row["month"], row["total"], row["width"]) for row in month_rows(months)] == [
        ("Feb 2026", "40.00", "100.0%"),
        ("Dec 2025", "−20.00", "0%"),
    ]
    row = symbol_row(SymbolIncome("", Decimal(1), Decimal(1), Decimal(0), Decimal(0), Decimal(0), None, None))
    assert (row["name"], row["on_cost"]) == ("Not said of what", "–")
    paying = SymbolIncome("KO", *[Decimal(1)] * 3, Decimal(10), Decimal(500), Decimal("0.0315"), Decimal("0.03"))
    assert (symbol_row(paying)["on_cost"], symbol_row(paying)["now"]) == ("3.15 %", "3.00 %")
    coming = ComingView("KO", date(2026, 6, 12), None, Decimal("0.51"), Decimal(10), Decimal("5.10"), True)
    assert coming_row(coming) | {"pay": "–", "per_share": "0.5100", "kind": "as last year"} == coming_row(coming)


async def test_the_lots_of_a_sale_of_today_are_picked_in_the_drawer(tab: Tab) -> None:
    await trade(tab, ("buy 10 AAPL", "100.00"), ("buy 5 AAPL", "110.00"), ("sell 6 AAPL", "120.00"))
    year = await tab.at("/portfolio/gains").state(GainsState)
    await year.load()
    [sale] = year.sales
    assert (sale["symbol"], sale["qty"], sale["method"]) == ("AAPL", "6", "first in, first out")
    await year.choose_lots("999999")
    assert year.picking["entry"] == ""
    await year.choose_lots(sale["entry"])
    assert year.picking["title"] == "Lots for 6 AAPL of Mar 1, 2021"
    first, second = (row["lot"] for row in year.choices)
    assert [row["taken"] for row in year.choices] == ["6", ""]
    for form, words in (
        ({first: "one"}, "as a number"),
        ({first: "5"}, "add up to 5"),
        ({first: "NaN"}, "as a number"),
    ):
        await year.take_lots(form)
        assert words in year.picking["problem"]
    await year.take_lots({first: "1", second: "5", "other": "9"})
    assert (year.picking["entry"], year.sales[0]["method"]) == ("", "picked")
    await year.choose_lots(sale["entry"])
    assert [row["taken"] for row in year.choices] == ["1", "5"]
    await year.take_by_method()
    assert year.sales[0]["method"] == "first in, first out"
    await year.take_by_method()  # nothing is open: nothing happens
    assert year.problem == ""
