"""The assistant's page without a key, and the ticket that a proposal fills in: taken as it is, once, by its person."""

from pathlib import Path

import pytest

from starkmatter.accounts.vault import keep_secret
from starkmatter.assistant import service
from starkmatter.assistant.proposals import Ticket, get_proposal, propose_order
from starkmatter.assistant.records import Proposal
from starkmatter.backends import Backends, set_backends
from starkmatter.settings import load_settings
from starkmatter.trading.orders import list_orders
from starkmatter.ui.state.assistant import AssistantState
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.ticket import TicketState
from starkmatter.ui.state.trade import TradeState
from tests.builders import Desk, make_account
from tests.ui.conftest import Tab, open_tab


async def propose(desk: Desk, **changes: object) -> Proposal:
    chat = await service.create_chat(desk.b, desk.caller)
    values = {
        "account_id": desk.account_id,
        "symbol": "AAPL",
        "side": "buy",
        "type": "market",
        "qty": "3",
        "why": "Asked.",
    }
    ticket = Ticket.model_validate(values | changes, strict=False)
    return await propose_order(desk.b, desk.caller, chat.id, ticket)


async def open_ticket(tab: Tab, asked: object, symbol: str = "AAPL") -> TicketState:
    await (await tab.state(FrameState)).load()
    await (await tab.at(f"/trade/{symbol}?proposal={asked}").state(TradeState)).load()
    ticket = await tab.state(TicketState)
    await ticket.load()
    return ticket


async def send(ticket: TicketState) -> None:
    async for _ in ticket.send():
        pass


async def test_a_proposal_fills_in_the_ticket_and_its_account(tab: Tab) -> None:
    desk = tab.desk
    other = await make_account(desk.b.db, desk.caller, "5000")
    found = await propose(desk, account_id=other, type="limit", limit_price="99.50", time_in_force="gtc", qty="7")
    ticket = await open_ticket(tab, found.id)
    assert (ticket.side, ticket.kind, ticket.qty, ticket.limit, ticket.tif) == ("buy", "limit", "7", "99.5", "gtc")
    assert (await tab.state(FrameState)).account["id"] == str(other)
    assert ticket.proposal["why"] == "Asked."
    assert not ticket.review
    assert ticket.refusals == []
    assert await list_orders(desk.b, desk.caller) == []


async def test_sending_it_as_it_is_marks_it_and_twice_is_once(tab: Tab) -> None:
    desk = tab.desk
    found = await propose(desk)
    tickets = [await open_ticket(one, found.id) for one in (tab, await open_tab(desk))]
    for ticket in tickets:
        await ticket.start_review({"qty": "3"})
        assert ticket.review
    for ticket in tickets:
        await send(ticket)
    [order] = await list_orders(desk.b, desk.caller)
    kept = await get_proposal(desk.b, desk.caller, found.id)
    assert kept.order_id == order.id
    assert "taken already" in tickets[1].result["text"]
    later = await open_ticket(await open_tab(desk), found.id)
    assert later.proposal == {}
    assert "taken already" in later.result["text"]


async def test_an_edited_ticket_is_the_persons_own(tab: Tab) -> None:
    desk = tab.desk
    found = await propose(desk)
    ticket = await open_ticket(tab, found.id)
    await ticket.write_qty("4")
    await ticket.start_review({})
    await send(ticket)
    [order] = await list_orders(desk.b, desk.caller)
    assert order.qty == 4
    assert (await get_proposal(desk.b, desk.caller, found.id)).used_at is None


async def test_a_socket_opened_anew_under_review_sends_what_was_reviewed(tab: Tab) -> None:
    desk = tab.desk
    found = await propose(desk)
    await (await open_ticket(tab, found.id)).start_review({"qty": "3"})
    ticket = await open_ticket(tab, found.id)
    assert (ticket.review, ticket.proposal["id"]) == (True, str(found.id))
    await send(ticket)
    [order] = await list_orders(desk.b, desk.caller)
    assert (await get_proposal(desk.b, desk.caller, found.id)).order_id == order.id


async def test_what_expires_under_review_is_not_sent(tab: Tab) -> None:
    desk = tab.desk
    found = await propose(desk)
    ticket = await open_ticket(tab, found.id)
    await ticket.start_review({})
    await desk.b.db.run("UPDATE order_proposal SET expires_at = now() - interval '1 second'")
    await send(ticket)
    assert "expired" in ticket.result["text"]
    assert (ticket.review, ticket.proposal) == (False, {})
    assert await list_orders(desk.b, desk.caller) == []


@pytest.mark.parametrize("asked", ["", "me", "'; --", "099eee80-2c5a-41fb-9209-07aca510f551", "a" * 500])
async def test_a_proposal_that_is_not_there_fills_in_nothing(tab: Tab, asked: str) -> None:
    ticket = await open_ticket(tab, asked)
    assert (ticket.proposal, ticket.qty) == ({}, "10")


async def test_another_persons_proposal_or_symbol_fills_in_nothing(tab: Tab) -> None:
    found = await propose(tab.desk)
    stranger = await open_tab(await tab.desk.person())
    ticket = await open_ticket(stranger, found.id)
    assert ticket.proposal == {}
    assert "no such proposal" in ticket.result["text"]
    assert (await open_ticket(tab, found.id, "MSFT")).proposal == {}


async def test_the_page_knows_whether_a_model_is_connected_and_no_key(tab: Tab, tmp_path: Path) -> None:
    here = tab.desk.b
    tab.desk.b = Backends(load_settings({"STARKMATTER_HOME": str(tmp_path)}), here.db, here.cache)
    set_backends(tab.desk.b)
    state = await tab.state(AssistantState)
    await state.load()
    assert (state.ready, state.connected, state.budget) == (True, False, "–")
    assert "AAPL" in state.symbols
    values = {"key": "sk-ant-canary-0001", "model": "claude-sonnet-5-5", "budget_usd": "20"}
    await keep_secret(tab.desk.b, "claude", None, values, {"key"})
    await state.spent_more()
    assert (state.connected, state.budget, state.spent, state.used_pct) == (True, "20.00", "0.00", "0")
    assert "canary" not in str(state.dict())
    await keep_secret(tab.desk.b, "claude", None, values | {"budget_usd": "lots"}, {"key"})
    await state.spent_more()
    assert "no figure" in state.problem
