"""What a tab shows and does: the states, on the real services."""

import json
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
import reflex as rx

from starkmatter.errors import NotSignedIn
from starkmatter.trading.orders import list_fills, list_orders
from starkmatter.ui.lines import line_points
from starkmatter.ui.state.assistant import AssistantState
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.guard import undeclared_handlers
from starkmatter.ui.state.news import FeedsState, NewsPanelState, NewsState
from starkmatter.ui.state.pages import DashboardState, OrdersState, PortfolioState
from starkmatter.ui.state.palette import PaletteState
from starkmatter.ui.state.performance import PerformanceState
from starkmatter.ui.state.receipts import alternative_rows
from starkmatter.ui.state.settings import ReplayState, SettingsState
from starkmatter.ui.state.terms import TermsState
from starkmatter.ui.state.ticket import TicketState
from starkmatter.ui.state.trade import TradeState
from tests.builders import Desk, make_account, make_caller, quote
from tests.ui.conftest import Tab, open_tab

MAX_VARS = 15
OUR_STATES = (
    AssistantState,
    FrameState,
    PaletteState,
    DashboardState,
    OrdersState,
    PortfolioState,
    PerformanceState,
    SettingsState,
    ReplayState,
    TicketState,
    TradeState,
    NewsState,
    NewsPanelState,
    FeedsState,
)


async def ticket_for(tab: Tab, symbol: str = "AAPL", qty: str = "10") -> TicketState:
    """The ticket as it stands when somebody has opened a symbol and typed a quantity."""
    await (await tab.state(FrameState)).load()
    await (await tab.at(f"/trade/{symbol}").state(TradeState)).load()
    ticket = await tab.state(TicketState)
    await ticket.load()
    await ticket.write_qty(qty)
    return ticket


async def send(ticket: TicketState) -> None:
    async for _ in ticket.send():
        pass


async def buy(tab: Tab, qty: str = "10") -> None:
    ticket = await ticket_for(tab, qty=qty)
    await ticket.start_review({})
    await send(ticket)
    await tab.desk.broker.drain()


def test_every_handler_of_ours_says_who_may_call_it() -> None:
    refused = {name for name in undeclared_handlers() if "starkmatter___ui" in name}
    assert {name for name in refused if not name.endswith(".setvar")} == set()


@pytest.mark.parametrize("state", OUR_STATES, ids=lambda state: state.__name__)
def test_a_state_is_thin_and_holds_no_id_of_a_person(state: type[rx.State]) -> None:
    assert len(state.base_vars) <= MAX_VARS
    assert not {"user_id", "session_id", "token", "cookie", "passphrase", "password"} & set(state.base_vars)


async def test_the_frame_shows_money_as_text(tab: Tab) -> None:
    frame = await tab.state(FrameState)
    await frame.load()
    assert frame.account["equity"] == "100,000.00"
    assert frame.account["mode"] == "PAPER"
    assert frame.ready
    assert str(tab.desk.caller.user_id) not in json.dumps(frame.dict(), default=str)


async def test_a_stranger_gets_nothing(tab: Tab) -> None:
    tab.sign_out()
    with pytest.raises(NotSignedIn):
        await (await tab.state(FrameState)).load()


async def test_the_ticket_previews_while_it_is_written(tab: Tab) -> None:
    ticket = await ticket_for(tab, qty="10")
    assert ticket.preview["cost"] == "1,000.50"
    assert ticket.preview["position_after"] == "10"
    assert ticket.refusals == []
    await ticket.write_qty("5000")
    assert "Buying power" in ticket.refusals[0]


@pytest.mark.parametrize(
    "typed", ["", "ten", "-1", "0", "NaN", "Infinity", "1e999999", "9" * 500, "1;DROP TABLE", "٣", "0.0000000001"]
)
async def test_a_quantity_that_cannot_be_ordered_is_refused_in_words(tab: Tab, typed: str) -> None:
    ticket = await ticket_for(tab, qty=typed)
    assert ticket.refusals
    await ticket.start_review({})
    assert not ticket.review
    await send(ticket)
    assert await list_orders(tab.desk.b, tab.desk.caller) == []


async def test_what_was_typed_last_is_reviewed_and_stays_as_it_is(tab: Tab) -> None:
    ticket = await ticket_for(tab, qty="10")
    await ticket.start_review({"qty": "12"})
    assert ticket.qty == "12"
    await ticket.write_qty("500")
    await ticket.choose("side", "sell")
    assert (ticket.qty, ticket.side) == ("12", "buy")
    await send(ticket)
    assert [order.qty for order in await list_orders(tab.desk.b, tab.desk.caller)] == [12]


async def test_nothing_is_sent_without_a_review(tab: Tab) -> None:
    ticket = await ticket_for(tab)
    await send(ticket)
    assert await list_orders(tab.desk.b, tab.desk.caller) == []


async def test_a_double_click_orders_once(tab: Tab) -> None:
    ticket = await ticket_for(tab)
    await ticket.start_review({})
    await send(ticket)
    await send(ticket)
    assert len(await list_orders(tab.desk.b, tab.desk.caller)) == 1
    assert ticket.result["kind"] == "good"
    assert not ticket.review


async def test_a_second_try_after_a_failure_uses_the_same_key(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    from starkmatter.errors import Unavailable
    from starkmatter.ui.state import ticket as room

    real, keys = room.submit_order, []

    async def stumble(b, caller, account_id, request, key, **more):
        keys.append(key)
        done = await real(b, caller, account_id, request, key, **more)
        if len(keys) == 1:
            raise Unavailable("The database does not answer.")
        return done

    monkeypatch.setattr(room, "submit_order", stumble)
    ticket = await ticket_for(tab)
    await ticket.start_review({})
    await send(ticket)
    assert ticket.result["kind"] == "bad"
    assert ticket.review
    await send(ticket)
    assert keys[0] == keys[1]
    assert len(await list_orders(tab.desk.b, tab.desk.caller)) == 1


async def test_what_was_bought_is_shown_everywhere(tab: Tab) -> None:
    await buy(tab)
    dashboard = await tab.state(DashboardState)
    await dashboard.load()
    assert [row["symbol"] for row in dashboard.positions] == ["AAPL"]
    assert dashboard.positions[0]["qty"] == "10"
    portfolio = await tab.state(PortfolioState)
    await portfolio.load()
    assert any("AAPL" in row["description"] for row in portfolio.ledger)
    trade = await tab.state(TradeState)
    await trade.refresh()
    assert trade.fills[0]["price"] == "100.05"
    assert trade.fills[0]["side"] == "buy"


async def test_the_ticket_says_what_became_of_the_order(tab: Tab) -> None:
    await buy(tab)
    ticket = await tab.state(TicketState)
    await ticket.follow()
    assert ticket.result["text"] == "Buy 10 AAPL: filled at 100.05."
    assert ticket.result["receipt"] == "yes"


async def test_another_account_is_shown_once_chosen_and_until_another_is(tab: Tab) -> None:
    second = await make_account(tab.desk.b.db, tab.desk.caller, "500")
    frame = await tab.state(FrameState)
    await frame.load()
    await frame.choose_account(str(second))
    await frame.load()
    assert frame.account["equity"] == "500.00"
    await tab.desk.b.db.run("UPDATE account SET closed_at = now() WHERE id = %s", (second,))
    await frame.load()
    assert frame.account["equity"] == "100,000.00"
    await frame.choose_account(str(second))
    await frame.load()
    assert frame.account["read_only"] == "yes"


async def test_a_limit_order_is_drawn_on_the_chart_until_it_is_canceled(tab: Tab) -> None:
    ticket = await ticket_for(tab)
    await ticket.choose("kind", "limit")
    await ticket.write_limit("95.00")
    await ticket.start_review({})
    await send(ticket)
    await tab.desk.broker.drain()
    trade = await tab.state(TradeState)
    await trade.refresh()
    assert trade.lines[0]["price"].startswith("95")
    await trade.cancel(trade.orders[0]["id"])
    await tab.desk.broker.drain()
    await trade.refresh()
    assert trade.orders == []
    assert trade.lines == []


async def rest(tab: Tab, limit: str = "95.00") -> str:
    """A limit order of 10 that waits at the broker; its id."""
    ticket = await ticket_for(tab)
    await ticket.choose("kind", "limit")
    await ticket.write_limit(limit)
    await ticket.start_review({})
    await send(ticket)
    await tab.desk.broker.drain()
    trade = await tab.state(TradeState)
    await trade.refresh()
    return trade.lines[0]["id"]


async def test_dragging_an_orders_line_opens_a_review_and_sends_nothing(tab: Tab) -> None:
    order_id = await rest(tab)
    ticket = await tab.state(TicketState)
    await ticket.move_order(order_id, "96.5")
    assert (ticket.review, ticket.side, ticket.kind, ticket.qty, ticket.limit) == (True, "buy", "limit", "10", "96.5")
    assert ticket.replaces["text"] == "buy 10 at 95.00"
    assert [one.status for one in await list_orders(tab.desk.b, tab.desk.caller)] == ["working"]
    ticket.end_review()
    assert ticket.replaces == {}
    for wrong in (("no-uuid", "96"), (str(uuid4()), "96"), (order_id, "cheap"), (order_id, "-1")):
        await ticket.move_order(*wrong)
        assert not ticket.review
        assert ticket.result["kind"] == "bad"


async def test_sending_the_review_of_a_moved_order_changes_it_in_its_place(tab: Tab) -> None:
    order_id = await rest(tab)
    ticket = await tab.state(TicketState)
    await ticket.move_order(order_id, "96.5")
    assert ticket.replaces["in_place"] == "yes"
    await send(ticket)
    assert ticket.result["kind"] == "good"
    await tab.desk.broker.drain()
    [order] = await list_orders(tab.desk.b, tab.desk.caller)
    assert (str(order.id), order.status, str(order.limit_price.normalize())) == (order_id, "working", "96.5")


async def test_a_review_of_one_account_sends_nothing_once_another_is_shown(tab: Tab) -> None:
    await make_account(tab.desk.b.db, tab.desk.caller)
    order_id = await rest(tab)
    frame, ticket = await tab.state(FrameState), await tab.state(TicketState)
    first = frame.account["id"]
    [other] = [row["id"] for row in frame.accounts if row["id"] != first]
    for begin in ("new", "moved"):
        if begin == "new":
            await ticket.start_review({})
        else:
            await ticket.move_order(order_id, "96.5")
        assert ticket.review
        await frame.choose_account(other)
        await send(ticket)
        assert (ticket.review, ticket.sending, ticket.replaces) == (False, False, {})
        words = "Another account is shown now than the one you reviewed the order for. Nothing was sent."
        assert ticket.result == {"kind": "bad", "text": words}
        await send(ticket)  # a second click finds no review
        await frame.choose_account(first)
    [order] = await list_orders(tab.desk.b, tab.desk.caller)
    assert (str(order.id), str(order.limit_price.normalize())) == (order_id, "95")
    # Reviewed anew it goes to the account that is shown.
    await frame.choose_account(other)
    await ticket.start_review({})
    await send(ticket)
    assert [one.account_id for one in await list_orders(tab.desk.b, tab.desk.caller, UUID(other))] == [UUID(other)]


async def test_an_order_that_filled_meanwhile_is_not_changed(tab: Tab) -> None:
    order_id = await rest(tab)
    ticket = await tab.state(TicketState)
    await ticket.move_order(order_id, "96.5")
    await tab.desk.tell(quote("AAPL 94.00/94.05", volume="900000"))
    await tab.desk.broker.drain()
    await send(ticket)
    assert ticket.result == {"kind": "bad", "text": "This order has already ended as filled."}
    assert [one.status for one in await list_orders(tab.desk.b, tab.desk.caller)] == ["filled"]


KINDS = [
    ("stop", {"stop": "104.00"}, "Stop at 104.00 USD, then at the market", "Stop 104.00"),
    (
        "stop",
        {"stop": "104.00", "guard": "105"},
        "Stop at 104.00 USD, then limit 105.00 USD",
        "Stop 104.00, limit 105.00",
    ),
    ("trailing_stop", {"trail": "5"}, "Trailing stop, 5 % behind", "5 % behind, stop 105.00"),
    (
        "trailing_stop",
        {"trail": "2.5", "trail_in": "amount"},
        "Trailing stop, 2.50 USD behind",
        "2.50 behind, stop 102.50",
    ),
]


@pytest.mark.parametrize(("kind", "said", "review", "listed"), KINDS)
async def test_a_stop_is_written_reviewed_sent_and_listed(
    tab: Tab, kind: str, said: dict[str, str], review: str, listed: str
) -> None:
    ticket = await ticket_for(tab)
    await ticket.choose("kind", kind)
    assert ticket.refusals, "a price is missing"
    for field, text in said.items():
        await ticket.say(field, text)
    assert ticket.refusals == []
    await ticket.start_review({})
    assert ticket.preview["type"] == review
    await send(ticket)
    await tab.desk.broker.drain()
    trade = await tab.state(TradeState)
    await trade.refresh()
    assert trade.orders[0]["price"] == listed
    assert trade.lines[0]["title"].startswith("buy trail" if kind == "trailing_stop" else "buy stop")


async def test_a_stops_line_is_dragged_and_a_trails_is_not(tab: Tab) -> None:
    ticket = await ticket_for(tab)
    await ticket.choose("kind", "stop")
    await ticket.say("stop", "104.00")
    await ticket.start_review({})
    await send(ticket)
    await tab.desk.broker.drain()
    [stop] = await list_orders(tab.desk.b, tab.desk.caller)
    await ticket.move_order(str(stop.id), "103")
    assert ticket.preview["type"] == "Stop at 103.00 USD, then at the market"
    await send(ticket)
    [stop] = await list_orders(tab.desk.b, tab.desk.caller)
    assert str(stop.stop_price.normalize()) == "103"
    await ticket.choose("kind", "trailing_stop")
    await ticket.write_qty("7")
    await ticket.say("trail", "5")
    await ticket.start_review({})
    await send(ticket)
    await tab.desk.broker.drain()
    trade = await tab.state(TradeState)
    await trade.refresh()
    assert sorted(one["id"] for one in trade.lines) == ["", str(stop.id)]


async def test_a_bracket_is_written_and_its_ways_out_are_listed(tab: Tab) -> None:
    ticket = await ticket_for(tab)
    terms = await tab.state(TermsState)
    await ticket.say("behind", "yes")
    assert ticket.refusals == ["Enter the target, the stop or both."]
    await ticket.say("target", "110")
    await ticket.say("protect", "90")
    assert terms.notes[0].startswith("As it fills, sales of as many shares follow: the target at 110.00 (+99.50")
    await ticket.start_review({})
    await send(ticket)
    await tab.desk.broker.drain()
    trade = await tab.state(TradeState)
    await trade.refresh()
    assert sorted((one["leg"], one["price"]) for one in trade.orders) == [("Stop", "Stop 90.00"), ("Target", "110.00")]
    assert len(trade.lines) == 2
    assert (terms.said["behind"], terms.said["target"]) == ("", ""), "the next order has none that nobody asked for"


async def test_a_stop_stands_beside_a_sale_and_an_order_waits_for_another_symbol(tab: Tab) -> None:
    await buy(tab)
    ticket = await tab.state(TicketState)
    await ticket.choose("side", "sell")
    await ticket.say("behind", "yes")
    await ticket.say("protect", "95")
    assert "is a limit order" in ticket.refusals[0]
    await ticket.choose("kind", "limit")
    await ticket.write_limit("110")
    assert ticket.refusals == []
    await ticket.say("when", "at_or_above")
    assert ticket.refusals == ["Enter the symbol whose price the order waits for."]
    await ticket.say("when_symbol", "msft")
    await ticket.say("when_price", "250")
    assert ticket.refusals == ["An OCO works at once: it waits for no condition."]
    await ticket.say("behind", "")
    await ticket.start_review({})
    await send(ticket)
    await tab.desk.broker.drain()
    trade = await tab.state(TradeState)
    await trade.refresh()
    [waiting] = trade.orders
    assert (waiting["status"], waiting["open"]) == ("waiting", "yes")
    assert waiting["reason"] == "It waits for a trade of MSFT at or above 250.00."


async def test_an_amount_of_money_is_bought_and_the_times_have_their_fields(tab: Tab) -> None:
    ticket = await ticket_for(tab)
    await ticket.say("by", "amount")
    await ticket.say("amount", "1,000")
    assert (ticket.preview["size"], ticket.preview["position_after"]) == ("1,000.00 USD of", "9.995002498")
    await ticket.start_review({})
    await send(ticket)
    await tab.desk.broker.drain()
    await ticket.follow()
    assert ticket.result["text"] == "Buy 1,000.00 USD of AAPL: filled at 100.05."
    await ticket.choose("kind", "limit")
    await ticket.choose("tif", "other")
    assert (ticket.tif, ticket.preview["time"]) == ("ioc", "At once, cancel the rest")
    await ticket.choose("tif", "gtd")
    assert ticket.refusals == ["Choose the last day of the order."]
    await ticket.say("until", "2021-03-05")
    assert (ticket.refusals, ticket.preview["time"]) == ([], "Until Mar 5, 2021")
    await ticket.say("nonsense", "1")
    await ticket.say("by", "weight")
    assert ticket.refusals == []


async def test_the_receipt_of_a_fill_explains_it(tab: Tab) -> None:
    await buy(tab)
    fill = (await list_fills(tab.desk.b, tab.desk.caller))[0]
    orders = await tab.state(OrdersState)
    await orders.load()
    await orders.open(str(fill.order_id))
    assert [event["status"] for event in orders.events][-1].lower() == "filled"
    await orders.explain(str(fill.id))
    assert orders.receipt["id"] == str(fill.id)
    assert "ms old" in {line["name"]: line["value"] for line in orders.lines}["Quote's age"]
    others = {one["name"]: one for one in orders.alternatives}
    assert set(others) == {"Frictionless", "Alpaca", "Harsh"}
    assert (others["Frictionless"]["price"], others["Frictionless"]["fees"]) == ("100.03", "0.00")


def test_a_receipt_names_why_other_rules_gave_nothing_and_a_brokers_has_no_others() -> None:
    nothing = {"alternatives": {"harsh": {"why": "The ask of 100.05 has not reached its limit of 100.00."}}}
    [row] = alternative_rows(SimpleNamespace(receipt=nothing))  # type: ignore[arg-type]
    assert (row["name"], row["qty"], row["price"]) == ("Harsh", "0", "–")
    assert row["why"].startswith("The ask")
    assert alternative_rows(SimpleNamespace(receipt={"rule": "broker"})) == []  # type: ignore[arg-type]


async def test_somebody_elses_order_is_as_absent_as_no_order(tab: Tab, desk: Desk) -> None:
    await buy(tab)
    fill = (await list_fills(desk.b, desk.caller))[0]
    other = await open_tab(await desk.person())
    orders = await other.state(OrdersState)
    await orders.load()
    for asked in (str(fill.order_id), str(uuid4()), "nonsense", "", "../../etc", None):
        await orders.open(asked)
        assert orders.chosen == {}
        assert orders.problem
    await orders.explain(str(fill.id))
    assert orders.receipt == {}
    await orders.cancel(str(fill.order_id))
    assert orders.problem


async def test_choices_outside_the_list_change_nothing(tab: Tab) -> None:
    ticket = await ticket_for(tab)
    before = ticket.dict()
    await ticket.choose("side", "steal")
    await ticket.choose("_key", "ticket-00000000")
    await ticket.choose("review", True)
    await ticket.take_percent(33)
    assert ticket.dict() == before
    frame = await tab.state(FrameState)
    chosen = frame.account["id"]
    await frame.choose_account(str(uuid4()))
    assert frame.account["id"] == chosen
    settings = await tab.state(SettingsState)
    await settings.load()
    await settings.choose_theme("pink")
    assert settings.theme == "dark"
    assert settings.problem


async def test_half_the_buying_power_stays_within_it(tab: Tab) -> None:
    ticket = await ticket_for(tab)
    await ticket.take_percent(100)
    assert ticket.refusals == []
    assert Decimal(ticket.qty) > 900
    await ticket.take_percent(50)
    assert 400 < Decimal(ticket.qty) < 500


async def test_an_unknown_symbol_is_said_in_words(tab: Tab) -> None:
    await (await tab.state(FrameState)).load()
    trade = await tab.at("/trade/NOPE").state(TradeState)
    await trade.load()
    assert "NOPE" in trade.problem
    assert trade.symbol_shown == ""


async def test_the_palette_finds_pages_and_symbols(tab: Tab) -> None:
    palette = await tab.state(PaletteState)
    await palette.search("micro")
    assert palette.found[0]["href"] == "/trade/MSFT"
    await palette.search("orders")
    assert palette.found[0]["href"] == "/orders"
    await palette.search("x" * 5_000)
    assert palette.found == []


async def test_a_live_total_starts_from_the_servers_own_figures(tab: Tab) -> None:
    await buy(tab)
    frame = await tab.state(FrameState)
    await frame.refresh()
    held = json.loads(frame.holdings)["AAPL"]
    assert Decimal(held["qty"]) == 10
    equity = Decimal(frame.account["raw_cash"]) + Decimal(held["value"])
    assert f"{equity:,.2f}" == frame.account["equity"]


async def test_a_suspect_quote_stops_the_ticket(tab: Tab) -> None:
    ticket = await ticket_for(tab)
    await tab.desk.tell(replace(quote("AAPL 100.00/100.05"), condition="suspect"))
    await ticket.write_qty("10")
    assert any("not confirmed" in text for text in ticket.refusals)


async def test_the_last_session_can_be_ended_from_the_list(tab: Tab) -> None:
    settings = await tab.state(SettingsState)
    await settings.load()
    assert [row["current"] for row in settings.sessions] == ["yes"]
    await settings.end_session("nonsense")
    assert settings.problem
    await settings.end_session(settings.sessions[0]["id"])
    with pytest.raises(NotSignedIn):
        await settings.load()


@pytest.mark.parametrize(
    ("values", "points"),
    [([], ""), ([Decimal(5)], "0.0,50.0 100.0,50.0"), ([Decimal(1), Decimal(2)], "0.0,92.0 100.0,8.0")],
)
def test_a_line_fills_its_box(values: list[Decimal], points: str) -> None:
    assert line_points(values, 100, 100) == points


async def test_who_signed_in_before_the_market_had_started_gets_their_account_at_the_next_page(desk: Desk) -> None:
    caller = await make_caller(desk.b.db, "trader")
    tab = await open_tab(replace(desk, caller=caller))
    frame = await tab.state(FrameState)
    await frame.load()
    assert frame.account["equity"] == "100,000.00"


async def test_a_part_of_nothing_is_refused_in_words(desk: Desk) -> None:
    tab = await open_tab(replace(desk, caller=await make_caller(desk.b.db, "viewer")))
    ticket = await tab.state(TicketState)
    ticket.symbol = "AAPL"
    await ticket.take_percent(50)
    assert "no account" in ticket.refusals[0]
    assert ticket.qty == "10"


async def test_a_market_order_under_review_writes_nothing_into_the_limit_field(tab: Tab) -> None:
    ticket = await ticket_for(tab)
    await ticket.start_review({"qty": "10", "limit": None})
    assert ticket.review
    assert ticket.limit == ""
    ticket.end_review()
    await ticket.choose("kind", "limit")
    assert ticket.limit == "100.05"
