"""Approvals and warnings as a tab shows them."""

from starkmatter.trading.orders import list_orders
from starkmatter.ui.state.approvals import ApprovalsState
from starkmatter.ui.state.cautions import CautionState
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.notices import NoticeState
from tests.ui.conftest import Tab
from tests.ui.test_states import send, ticket_for

FORM = {"symbol": "aapl", "side": "buy", "qty": "10", "limit": "", "thesis": "Cheap.", "invalidation": "Below 90."}


async def opened(tab: Tab) -> ApprovalsState:
    await (await tab.state(FrameState)).load()
    found = await tab.state(ApprovalsState)
    await found.load()
    return found


async def test_what_is_proposed_waits_is_noticed_and_becomes_one_order(tab: Tab) -> None:
    page, notice = await opened(tab), await tab.state(NoticeState)
    assert (page.waiting, notice.waiting) == ([], 0)
    await page.propose(FORM)
    [row] = page.waiting
    assert (row["ticket"], row["reference"], row["mine"], notice.waiting) == (
        "Buy 10 AAPL at the market",
        "100.05",
        "yes",
        1,
    )
    await page.confirm(row["id"], "0" * 64)
    assert "not the one that waits" in page.problem
    await page.confirm(row["id"], row["hash"])
    assert page.said == "Buy 10 AAPL: order taken."
    assert (page.waiting, page.decided[0]["state"], notice.waiting) == ([], "ordered", 0)
    assert len(await list_orders(tab.desk.b, tab.desk.caller)) == 1


async def test_a_warning_is_shown_before_the_order_is_confirmed(tab: Tab) -> None:
    page = await opened(tab)
    for _ in range(2):
        await page.propose(FORM)
    first, second = page.waiting
    await page.confirm(first["id"], first["hash"])
    await page.confirm(second["id"], second["hash"])
    assert page.asked["codes"] == "duplicate"
    await page.confirm_read()
    assert page.asked == {}
    assert len(await list_orders(tab.desk.b, tab.desk.caller)) == 2


async def test_it_is_withdrawn_and_nonsense_is_refused_in_words(tab: Tab) -> None:
    page = await opened(tab)
    for wrong in ({"qty": "ten"}, {"qty": "NaN"}, {"symbol": "NONE"}, {"thesis": " "}, {"qty": "0.0000000001"}):
        await page.propose(FORM | wrong)
        assert page.problem, wrong
    assert page.waiting == []
    await page.propose(FORM | {"limit": "95", "side": "sell"})
    [row] = page.waiting
    await page.decline(row["id"], row["hash"])
    assert page.decided[0]["state"] == "withdrawn"
    await page.confirm("not an id", "x")
    assert page.problem == "There is no such proposal."
    await page.choose_drift({"drift": "wide"})
    assert "figure" in page.problem
    await page.choose_drift({"drift": "2.5"})
    assert page.said == "Saved."


async def test_the_ticket_sends_nothing_before_its_warnings_were_read(tab: Tab) -> None:
    for read in (False, False, True):
        ticket = await ticket_for(tab)
        cautions = await tab.state(CautionState)
        await ticket.start_review({})
        if read:
            assert [row["code"] for row in cautions.cautions] == ["duplicate"]
            assert not cautions.read
        cautions.tick(read)
        await send(ticket)
    assert len(await list_orders(tab.desk.b, tab.desk.caller)) == 2
