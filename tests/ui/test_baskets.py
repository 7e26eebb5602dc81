"""Baskets as a tab shows them."""

from starkmatter.trading.orders import list_orders
from starkmatter.trading.submit import submit_order
from starkmatter.ui.state.baskets import BasketsState
from starkmatter.ui.state.frame import FrameState
from tests.builders import order
from tests.ui.conftest import Tab

FORM = {"name": "Autumn", "lines": "buy 10 AAPL\nbuy 5 MSFT @ 199.50 gtc"}


async def opened(tab: Tab) -> BasketsState:
    await (await tab.state(FrameState)).load()
    found = await tab.state(BasketsState)
    await found.load()
    return found


async def sent(page: BasketsState) -> None:
    async for _ in page.send():
        assert page.sending
    assert not page.sending


async def test_it_is_typed_looked_at_and_sent(tab: Tab) -> None:
    page = await opened(tab)
    assert (page.ready, page.baskets, page.chosen["id"]) == (True, [], "")
    await page.make(FORM)
    assert (page.problem, page.chosen["name"], page.chosen["to_send"]) == ("", "Autumn", "2")
    assert [row["ticket"] for row in page.lines] == ["Buy 10 AAPL", "Buy 5 MSFT"]
    assert [row["bad"] for row in page.lines] == ["", ""]
    assert await list_orders(tab.desk.b, tab.desk.caller) == []
    await page.change({"lines": "buy 11 AAPL"})
    assert [row["ticket"] for row in page.lines] == ["Buy 11 AAPL"]
    await sent(page)
    assert (page.said, page.problem) == ("1 of 1 orders were taken.", "")
    assert (page.baskets[0]["state"], page.lines[0]["state"], page.chosen["to_send"]) == ("sent", "pending_submit", "")
    await page.drop()
    assert page.baskets == []
    assert len(await list_orders(tab.desk.b, tab.desk.caller)) == 1


async def test_nothing_is_sent_before_the_warnings_were_ticked_off(tab: Tab) -> None:
    page = await opened(tab)
    await submit_order(tab.desk.b, tab.desk.caller, tab.desk.account_id, order("buy 10 AAPL"), "before-0001")
    await page.make(FORM)
    assert page.chosen["cautions"] == "yes"
    await sent(page)
    assert page.problem.startswith("Read this first.")
    assert len(await list_orders(tab.desk.b, tab.desk.caller)) == 1
    page.tick(True)
    await sent(page)
    assert page.said == "2 of 2 orders were taken."


async def test_what_fails_is_said_and_what_was_typed_is_not_thrown_away(tab: Tab) -> None:
    page = await opened(tab)
    turn = page.turn
    for wrong in ({"lines": "buy ten AAPL"}, {"lines": ""}, {"name": " "}, {"lines": "buy 1 AAPL\nsell 1 AAPL"}):
        await page.make(FORM | wrong)
        assert page.problem, wrong
    assert (page.turn, page.baskets) == (turn, [])
    await page.make(FORM | {"lines": "buy 10 AAPL\nsell 5 MSFT"})
    await sent(page)
    assert page.problem.startswith("1 of 2 orders were taken. Not sent, sell 5 MSFT: You can sell 0 MSFT")
    await page.choose("no id")
    assert page.problem == "There is no such basket."
