"""The drawer that explains a change: its steps, its symbols and the entries behind them."""

from decimal import Decimal

from starkmatter.portfolio.opening import deposit
from starkmatter.trading.submit import submit_order
from starkmatter.ui.state.explaining import ExplainState
from starkmatter.ui.state.performance import PerformanceState
from tests.builders import open_clock, order, quote
from tests.ui.conftest import Tab


async def opened(tab: Tab) -> ExplainState:
    desk = tab.desk
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 100 AAPL"), "key-00000001")
    await desk.broker.drain()
    await desk.tell(quote("AAPL 103.00/103.05"), quote("MSFT 200.00/200.10"), clock=open_clock(30))
    await deposit(desk.b, desk.caller, desk.account_id, Decimal("-500.00"))
    await (await tab.at("/portfolio/performance").state(PerformanceState)).load()
    state = await tab.state(ExplainState)
    await state.explain()
    return state


def figure(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("−", "-"))


async def test_the_drawer_adds_up_as_it_is_shown(tab: Tab) -> None:
    state = await opened(tab)
    assert (state.open, state.problem, state.notes) == (True, "", [])
    start, end = figure(state.head["start_value"]), figure(state.head["end_value"])
    assert sum(figure(row["value"]) for row in state.steps) == end - start == figure(state.head["change"])
    shown = {row["name"]: row["value"] for row in state.steps}
    expected = {"Taken out": "−500.00", "Price gains, still held": "+295.00", "Exchange rates": "0.00"}
    assert shown | expected == shown
    assert state.head["exact"] == "yes"
    assert state.head["start"].startswith("Opening, Mar 1")
    assert state.head["end"] == "Now, Mar 1, 10:00"
    assert [(row["symbol"], row["qty"], row["gain"]) for row in state.symbols] == [("AAPL", "0 → 100", "+295.00")]
    for row in state.steps:
        assert 0 <= Decimal(row["left"][:-1]) <= 100
        assert Decimal(row["left"][:-1]) + Decimal(row["width"][:-1]) <= Decimal("100.01")


async def test_entries_behind_a_step_and_a_symbol_are_opened_and_closed(tab: Tab) -> None:
    state = await opened(tab)
    state.show_entries("taken_out")
    assert [row["description"] for row in state.entries] == ["Withdrew 500.00 USD"]
    state.show_entries("AAPL")
    assert [row["description"] for row in state.entries] == ["Bought 100 AAPL at 100.05 USD"]
    assert state.head["chosen"] == "AAPL"
    state.show_entries("AAPL")
    assert (state.entries, state.head["chosen"]) == ([], "")
    state.show_entries("DROP TABLE")
    assert state.entries == []
    state.close()
    assert not state.open
    state.show_entries("AAPL")
    assert state.entries == []


async def test_a_period_that_cannot_be_is_said_in_the_drawer(tab: Tab) -> None:
    page = await tab.at("/portfolio/performance").state(PerformanceState)
    page.asked = {**page.asked, "period": "Custom", "start": "2031-01-01"}
    state = await tab.state(ExplainState)
    await state.explain()
    assert "newest day" in state.problem
    assert (state.open, state.steps, state.head["start"]) == (True, [], "")
