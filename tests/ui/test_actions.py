"""The page of corporate actions: its state on the real services."""

from datetime import UTC, date, datetime
from uuid import uuid4

from starkmatter.trading.corporate.reading import ActionView
from starkmatter.trading.submit import submit_order
from starkmatter.ui.pages.actions import actions
from starkmatter.ui.state.actions import ActionsState, action_row
from tests.builders import ALL_READ, order
from tests.trading.acting import look, say, told
from tests.ui.conftest import Tab


async def test_without_an_action_the_page_is_empty_and_whole(tab: Tab) -> None:
    state = await tab.at("/portfolio/actions").state(ActionsState)
    await state.load()
    assert (state.ready, state.actions, state.orders, state.waiting, state.problem) == (True, [], [], "", "")
    await state.leave()
    assert state.problem == "No corporate action waits for you on this account."
    assert actions().render()


async def test_a_split_is_shown_before_and_after_and_what_became_of_orders(tab: Tab) -> None:
    desk = tab.desk
    for text in ("buy 10 AAPL", "buy 5 AAPL @ 60.00 gtc"):
        await submit_order(desk.b, desk.caller, desk.account_id, order(text), f"key-{uuid4()}", acknowledged=ALL_READ)
        await desk.broker.drain()
    await say(desk, told("AAPL split 4:1"))
    await look(desk, 1, "AAPL 25.00/25.01")
    state = await tab.at("/portfolio/actions").state(ActionsState)
    await state.load()
    [row] = state.actions
    assert (row["kind"], row["on"], row["state"]) == ("Split", "Mar 2, 2021", "")
    assert row["what"] == "AAPL 10 at 100.05 → 40 at 25.01"
    [changed] = state.orders
    assert (changed["order"], changed["verb"]) == ("Buy AAPL", "Changed")
    assert changed["why"] == "AAPL split 4:1 on 2021-03-02: 5 at limit 60.00 became 20 at limit 15.00."
    await say(desk, told("AAPL withdrawn", revision=2))
    await look(desk, 1)
    await state.load()
    assert [row["state"] for row in state.actions] == ["Takes back", "Taken back"]


async def test_what_waits_is_said_and_left_as_it_is_by_a_click(tab: Tab) -> None:
    desk = tab.desk
    state = await tab.at("/portfolio/actions").state(ActionsState)
    await state.load()
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 10 AAPL"), "key-first", acknowledged=ALL_READ)
    await desk.broker.drain()
    await say(desk, told("AAPL split 4:1"))
    await look(desk, 1, "AAPL 25.00/25.01")
    await submit_order(desk.b, desk.caller, desk.account_id, order("sell 30 AAPL"), "key-sell", acknowledged=ALL_READ)
    await desk.broker.drain()
    await say(desk, told("AAPL withdrawn", revision=2))
    await look(desk, 1)
    await state.load()
    assert "a person has to look" in state.waiting
    await state.leave()
    assert (state.waiting, state.problem) == ("", "")
    assert state.said.startswith("What was booked stays")


def test_a_position_that_ended_is_none_afterwards() -> None:
    figures = {"symbol": "FB", "qty_before": "-3", "qty_after": "0"}
    figures |= {"cost_basis_before": "-600", "cost_basis_after": "0"}
    now = datetime(2026, 1, 2, tzinfo=UTC)
    one = ActionView(1, "a", 1, 1, False, "FB", date(2026, 1, 2), "delisting", "Ended.", [figures], [1], now, False)
    assert action_row(one)["what"] == "FB −3 at 200.00 → none"
