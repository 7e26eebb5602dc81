"""The page that looks for weights, as a tab shows it."""

import pytest

from starkmatter.errors import InvalidInput
from starkmatter.portfolio.optimizing.text import read_bounds
from starkmatter.portfolio.optimizing.work import optimize_once
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.optimizing import OptimizingState, wish_of
from tests.portfolio.test_optimizing import closes, leads
from tests.ui.conftest import Tab
from tests.ui.test_allocation import opened

FORM = {
    "goal": "equal_risk", "of": "", "days": "252", "least": "0", "most": "100", "cash": "10", "free": "2", "by": "",
    "bounds": "",
}  # fmt: skip


async def page_of(tab: Tab) -> OptimizingState:
    await opened(tab)
    await (await tab.state(FrameState)).load()
    page = await tab.state(OptimizingState)
    await page.load()
    return page


async def test_what_cannot_be_asked_is_said_and_nothing_waits(tab: Tab) -> None:
    page = await page_of(tab)
    assert (page.ready, page.current["stage"], page.problem) == (True, "", "")
    for wrong in (
        {"goal": "luck"}, {"days": "two"}, {"most": "ten"}, {"most": "30"}, {"of": "nonsense"},
        {"by": "sector", "bounds": "Technology"}, {"by": "sector", "bounds": "Energy 40"},
    ):  # fmt: skip
        await page.ask(FORM | wrong)
        assert page.problem, wrong
        assert not page.moving
    await page.open("nonsense")
    assert page.problem


async def test_weights_are_waited_for_shown_and_made_targets(tab: Tab) -> None:
    page = await page_of(tab)
    await closes(tab.desk, 300)
    listed = next(one for one in page.lists)
    await page.ask(FORM | {"of": listed["id"]})
    assert (page.problem, page.moving, page.current["stage"]) == ("", True, "moving")
    await page.look()
    assert page.moving
    while await optimize_once(tab.desk.b, leads):
        pass
    await page.look()
    assert (page.moving, page.current["stage"]) == (False, "done"), page.current
    assert page.current["cash"] == "10.00 %"
    assert {row["symbol"] for row in page.parts} == {"AAPL", "MSFT"}
    assert page.current["volatility_new"].endswith(" %")
    await page.load()
    assert (page.current["stage"], page.history[0]["state"]) == ("done", "Done")
    await page.take()
    assert page.problem == ""
    assert await tab.desk.b.db.value("SELECT cash_pct FROM allocation_target") == 10


def test_bounds_are_read_line_by_line() -> None:
    found = read_bounds("Technology 40\n\n Health Care: 10.5 – 30 %\n")
    assert [(one.group, str(one.least_pct), str(one.most_pct)) for one in found] == [
        ("Technology", "0", "40"),
        ("Health Care", "10.5", "30"),
    ]
    for wrong in ("Technology forty", "40", "Technology 40\nTechnology 50", "x" * 3_000):
        with pytest.raises(InvalidInput):
            read_bounds(wrong)


def test_what_a_form_leaves_out_has_a_default() -> None:
    wish = wish_of({"goal": "least_risk", "days": "504"})
    assert (wish.most_pct, wish.cash_pct, wish.watchlist_id) == (100, 0, None)
