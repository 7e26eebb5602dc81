"""The pages of lots and realized gains: their states on the real services."""

from decimal import Decimal

from starkmatter.trading.submit import submit_order
from starkmatter.ui.pages.lots import gains, lots
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
