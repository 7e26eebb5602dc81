"""What corporate actions did to accounts and orders over REST, a problem that is waived, and an operator's word."""

from decimal import Decimal

import pytest

from starkmatter.trading.submit import submit_order
from tests.api.conftest import Api
from tests.builders import ALL_READ, CLOSES_AT, order
from tests.portfolio.test_exporting import check
from tests.trading.acting import A_DAY, EX_ON, look, record, say, told


@pytest.fixture
async def holder(api: Api) -> Api:
    """Ten AAPL, and an order to buy as many."""
    desk = api.desk
    for number, text in enumerate(("buy 10 AAPL", "buy 10 AAPL @ 60.01 gtc")):
        key = f"key-action-{number}"
        await submit_order(desk.b, desk.caller, desk.account_id, order(text), key, acknowledged=ALL_READ)
        await desk.broker.drain()
    return api


async def test_the_record_says_before_and_after_and_orders_say_what_became_of_them(holder: Api) -> None:
    at = f"/api/v1/accounts/{holder.desk.account_id}/actions"
    assert (await holder.http.get(at)).json() == {"items": [], "next_cursor": None, "problem": ""}
    await say(holder.desk, told("AAPL split 4:1"), told("AAPL dividend 0.20", id_="a2"))
    await look(holder.desk, 1, "AAPL 25.00/25.01")
    body = (await holder.http.get(at)).json()
    split, dividend = body["items"]
    assert (split["kind"], split["symbol"], split["ex_on"], split["undone"]) == ("split", "AAPL", "2021-03-02", False)
    assert split["figures"] == [
        {
            "symbol": "AAPL",
            "qty_before": "10",
            "qty_after": "40",
            "cost_basis_before": "1000.50",
            "cost_basis_after": "1000.50",
            "realized_pl_before": "0.00",
            "realized_pl_after": "0.00",
        }
    ]
    assert dividend["words"] == "AAPL dividend of 0.2 USD a share on 2021-03-02: 2.00 USD came for 10 AAPL."
    page = (await holder.http.get(at, params={"limit": 1})).json()
    assert page["items"] == [split]
    assert (await holder.http.get(at, params={"limit": 1, "cursor": page["next_cursor"]})).json()["items"] == [dividend]
    assert (await holder.http.get(at, params={"symbol": "msft"})).json()["items"] == []
    assert (await holder.http.get(at, params={"cursor": "x"})).status_code == 422
    orders = (await holder.http.get("/api/v1/orders", params={"status": "working"})).json()["items"]
    changed = (await holder.http.get(f"/api/v1/orders/{orders[0]['id']}/actions")).json()["items"]
    terms = {one["action_id"]: (one["verb"], one["before"], one["after"]) for one in changed}
    for name, before, after in (("a2", "10 60.01", "10 59.81"), ("a1", "10 59.81", "40 14.95")):
        verb, was, now = terms[name]
        assert (verb, f"{was['qty']} {was['limit_price']}", f"{now['qty']} {now['limit_price']}") == (
            "change",
            before,
            after,
        )
    ledger = (await holder.http.get(f"/api/v1/accounts/{holder.desk.account_id}/ledger")).json()["items"]
    assert {one["id"] for one in ledger} >= {*split["entry_ids"], *dividend["entry_ids"]}


async def test_exports_explanation_and_performance_know_of_actions_that_came_late(holder: Api) -> None:
    desk, account = holder.desk, holder.desk.account_id
    await record(desk.b.db, CLOSES_AT, "100.00")
    await look(desk, 1, "AAPL 25.00/25.01")
    await record(desk.b.db, CLOSES_AT + A_DAY, "26.00")
    await say(
        desk,
        told("AAPL split 4:1"),
        told("AAPL dividend 0.40", id_="a2"),
        told("AAPL dividend 0.30", id_="a2", revision=2),
        told("AAPL symbol PEAR", EX_ON + A_DAY, id_="a3"),
    )
    await look(desk, 2, "AAPL 26.00/26.01")
    text = (await holder.http.get(f"/api/v1/accounts/{account}/ledger.beancount")).text
    assert check(text) == 6  # a deposit, two purchases, a dividend, a split, a name
    assert "50 PEAR" in text  # forty of the ten that were split, and ten bought that day in new shares
    asked = {"account_id": str(account), "start": "2021-03-01", "end": "2021-03-02"}
    body = (await holder.http.get("/api/v1/portfolio/explain", params=asked)).json()
    steps = {one["key"]: Decimal(one["value"]) for one in body["steps"]}
    assert body["exact"], body
    assert steps["dividends"] == 3
    assert sum(steps.values()) == Decimal(body["change"])
    returns = (await holder.http.get("/api/v1/portfolio/performance", params=asked)).json()
    assert Decimal(returns["end_value"]) - Decimal(returns["start_value"]) == Decimal(body["change"])
    assert Decimal(returns["twr"]) == Decimal(body["change"]) / 100_000


async def test_strangers_see_none_of_it(holder: Api) -> None:
    orders = (await holder.http.get("/api/v1/orders", params={"status": "working"})).json()["items"]
    stranger = await holder.as_person(await holder.desk.person("trader"))
    assert (await stranger.http.get(f"/api/v1/accounts/{holder.desk.account_id}/actions")).status_code == 404
    assert (await stranger.http.post(f"/api/v1/accounts/{holder.desk.account_id}/actions/waive")).status_code == 404
    assert (await stranger.http.get(f"/api/v1/orders/{orders[0]['id']}/actions")).status_code == 404
    assert (await stranger.http.get("/api/v1/admin/corporate-actions?symbol=AAPL")).status_code == 403


async def test_what_cannot_be_booked_is_said_and_may_be_left_as_it_is(api: Api) -> None:
    desk = api.desk
    at = f"/api/v1/accounts/{desk.account_id}/actions"
    assert (await api.http.post(f"{at}/waive")).status_code == 409
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 10 AAPL"), "key-first-1", acknowledged=ALL_READ)
    await desk.broker.drain()
    await say(desk, told("AAPL split 4:1"))
    await look(desk, 1, "AAPL 25.00/25.01")
    await submit_order(
        desk.b, desk.caller, desk.account_id, order("sell 30 AAPL"), "key-sell-30", acknowledged=ALL_READ
    )
    await desk.broker.drain()
    await say(desk, told("AAPL split 2:1", revision=2))
    await look(desk, 1, "AAPL 25.00/25.01")
    body = (await api.http.get(at)).json()
    assert "30 AAPL were sold on 2021-03-02 and only 20 were there" in body["problem"]
    refused = await submit_order(desk.b, desk.caller, desk.account_id, order("buy 1 AAPL"), "key-while-frozen")
    assert refused.status == "risk_rejected"
    assert (await api.http.post(f"{at}/waive")).json() == {"account_id": str(desk.account_id), "waived": 1}
    await look(desk, 1, "AAPL 25.00/25.01")
    assert (await api.http.get(at)).json()["problem"] == ""
    [position] = (await api.http.get(f"/api/v1/positions?account_id={desk.account_id}")).json()["items"]
    assert position["qty"] == "10"
    lots = (await api.http.get(f"/api/v1/portfolio/lots?account_id={desk.account_id}")).json()
    assert ([one["qty"] for one in lots["items"]], lots["notes"]) == (["10"], [])


async def test_an_operator_tells_corrects_and_withdraws(api: Api) -> None:
    at = "/api/v1/admin/corporate-actions"
    body = {"symbol": "aapl", "ex_on": "2026-03-02", "kind": "split", "numerator": "4", "denominator": "1"}
    first = await api.http.post(at, json=body)
    assert first.status_code == 201, first.text
    name = first.json()["action_id"]
    assert (name, first.json()["revision"]) == ("split/AAPL/2026-03-02", 1)
    second = (await api.http.post(at, json=body | {"numerator": "5", "action_id": name})).json()
    assert (second["revision"], second["numerator"], second["provider"]) == (2, "5", "operator")
    withdrawn = {"symbol": "AAPL", "ex_on": "2026-03-02", "action_id": name}
    assert (await api.http.post(at, json=withdrawn)).json()["kind"] is None
    listed = (await api.http.get(at, params={"symbol": "AAPL"})).json()["items"]
    assert [one["revision"] for one in listed] == [3, 2, 1]
    for wrong, code in (
        (body | {"symbol": "NOPE"}, 422),
        (body | {"denominator": None}, 422),
        (body | {"numerator": "0"}, 422),
        ({"symbol": "AAPL", "ex_on": "2026-03-02", "kind": "symbol_change", "to_symbol": "AAPL"}, 422),
        ({"symbol": "AAPL", "ex_on": "2026-03-02"}, 422),
        ({"symbol": "AAPL", "ex_on": "2026-03-02", "kind": "dividend"}, 422),
        (withdrawn | {"action_id": "split/AAPL/1999-01-01"}, 404),
        (withdrawn | {"symbol": "MSFT"}, 422),
    ):
        assert (await api.http.post(at, json=wrong)).status_code == code, wrong
    assert Decimal(listed[0]["numerator"] or 0) == 0
