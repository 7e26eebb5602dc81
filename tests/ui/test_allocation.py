"""The allocation page as a tab shows it."""

from starkmatter.trading.baskets.service import list_baskets
from starkmatter.trading.orders import list_orders
from starkmatter.trading.submit import submit_order
from starkmatter.ui.state.allocation import AllocationState, RebalanceState
from starkmatter.ui.state.frame import FrameState
from tests.builders import order, quote
from tests.ui.conftest import Tab

TARGETS = {"by": "symbol", "targets": "AAPL 40\nMSFT: 50 %", "cash": "10", "band": "2"}


async def opened(tab: Tab) -> AllocationState:
    desk = tab.desk
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 100 AAPL"), "before-0001")
    await desk.broker.drain()
    await desk.tell(quote("AAPL 100.00/100.05", volume="1000000"))
    await (await tab.state(FrameState)).load()
    found = await tab.state(AllocationState)
    await found.load()
    return found


async def test_cuts_tags_and_other_accounts(tab: Tab) -> None:
    page = await opened(tab)
    assert (page.ready, page.problem, {row["name"] for row in page.slices}) == (True, "", {"Cash", "Shares"})
    await page.choose("sector")
    assert {row["name"] for row in page.slices} == {"Cash", "Technology"}
    await page.choose("nonsense")
    assert page.cut == "sector"
    await page.tag({"symbol": "aapl", "tags": "Core, growth"})
    assert (page.said, page.cut) == ("Tags of AAPL: Core, growth.", "tag")
    assert {row["name"] for row in page.slices} == {"Cash", "Core", "growth"}
    await page.tag({"symbol": "AAPL", "tags": "Cash"})
    assert page.problem
    await page.add_others(True)
    assert page.together


async def test_from_targets_to_a_basket_that_is_not_sent(tab: Tab) -> None:
    page = await opened(tab)
    assert page.targets["set"] == ""
    for wrong in (
        {"targets": "AAPL forty"},
        {"cash": "11"},
        {"cash": "ten"},
        {"by": "tag"},
        {"targets": "AAPL 40\nAAPL 50"},
    ):
        await page.save(TARGETS | wrong)
        assert page.problem, wrong
        assert page.targets["set"] == ""
    await page.save(TARGETS)
    assert (page.problem, page.targets["text"], page.targets["band"]) == ("", "AAPL 40\nMSFT 50", "2")
    assert {row["part"] for row in page.drifts} == {"AAPL", "MSFT", "Cash"}
    plan = await tab.state(RebalanceState)
    await plan.propose({"mode": "both", "sizes": "whole", "spend": "lots"})
    assert "figure above zero" in plan.problem
    await plan.propose({"mode": "both", "sizes": "whole", "spend": ""})
    assert (plan.problem, plan.proposal["shown"], len(plan.trades)) == ("", "yes", 2)
    before = len(await list_orders(tab.desk.b, tab.desk.caller))
    assert await plan.hand_over() is not None
    [basket] = await list_baskets(tab.desk.b, tab.desk.caller)
    assert (basket.state, basket.head.source) == ("draft", "rebalance")
    assert len(await list_orders(tab.desk.b, tab.desk.caller)) == before
    await page.forget()
    assert (page.targets["set"], page.drifts, plan.proposal["shown"]) == ("", [], "")


async def test_tried_on_a_branch_the_frame_shows_it_beside_its_original(tab: Tab) -> None:
    page = await opened(tab)
    assert page.beside["shown"] == ""
    await page.save(TARGETS)
    plan = await tab.state(RebalanceState)
    await plan.propose({"mode": "both", "sizes": "whole", "spend": ""})
    await plan.try_on_branch()
    assert plan.problem == ""
    frame = await tab.state(FrameState)
    assert frame.account["name"] == "Practice, what if"
    await page.load()
    assert (page.beside["shown"], page.beside["original"]) == ("yes", "Practice")
    assert page.beside["result_branch"] == "0.00"
    assert {row["part"] for row in page.weights} == {"AAPL", "Cash"}
    [basket] = await list_baskets(tab.desk.b, tab.desk.caller)
    assert str(basket.head.account_id) == frame.account["id"]
