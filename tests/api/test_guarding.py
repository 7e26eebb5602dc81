"""Switches, rules, warnings and approvals over REST."""

from datetime import timedelta
from uuid import uuid4

import httpx

from starkmatter.accounts.sharing.service import share_account
from tests.api.conftest import Api
from tests.builders import Desk

BASE = "/api/v1"


async def order(api: Api, qty: str = "10", **more: object) -> httpx.Response:
    body = {"account_id": str(api.desk.account_id), "symbol": "AAPL", "side": "buy", "type": "market", "qty": qty}
    return await api.http.post(f"{BASE}/orders", json=body | more, headers={"idempotency-key": f"key-{uuid4()}"})


async def test_the_kill_switch_is_turned_on_seen_and_off(api: Api, desk: Desk) -> None:
    await order(api, type="limit", limit_price="90")
    await desk.broker.drain()
    answer = await api.http.post(f"{BASE}/kill-switch", json={})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["canceled"], answer.json()["stop"]["scope"]) == (1, "mine")
    refused = (await order(api)).json()
    assert (refused["status"], refused["reject_reason"]) == (
        "risk_rejected",
        "The kill switch of all accounts of its owner is on: no new orders are taken.",
    )
    assert len((await api.http.get(f"{BASE}/kill-switch")).json()["items"]) == 1
    gone = await api.http.delete(f"{BASE}/kill-switch")
    assert gone.status_code == 204
    assert (await api.http.delete(f"{BASE}/kill-switch")).status_code == 404
    assert (await order(api, "11")).json()["status"] == "pending_submit"


async def test_a_warning_is_a_conflict_that_names_its_code(api: Api) -> None:
    assert (await order(api)).status_code == 201
    asked = await order(api)
    body = asked.json()
    assert (asked.status_code, body["code"]) == (409, "warnings_unacknowledged")
    assert [one["code"] for one in body["warnings"]] == ["duplicate"]
    assert body["detail"] == body["warnings"][0]["text"]
    assert (await order(api, acknowledge=["duplicate"])).status_code == 201
    assert (await order(api, acknowledge=["nothing"])).status_code == 422


async def test_rules_are_put_loosened_and_withdrawn(api: Api) -> None:
    put = await api.http.put(f"{BASE}/limits/trades_per_day", json={"value": "1"})
    assert (put.status_code, put.json()["in_force"]) == (200, "1")
    looser = (await api.http.put(f"{BASE}/limits/trades_per_day", json={"value": None})).json()
    assert (looser["in_force"], looser["loosens_to"], looser["loosens_at"] is not None) == ("1", None, True)
    assert (await order(api)).json()["status"] == "pending_submit"
    assert "1 orders a day" in (await order(api, "11")).json()["reject_reason"]
    assert (await api.http.delete(f"{BASE}/limits/trades_per_day/loosening")).json()["loosens_at"] is None
    assert (await api.http.delete(f"{BASE}/limits/trades_per_day/loosening")).status_code == 404
    assert (await api.http.put(f"{BASE}/limits/no_such_rule", json={"value": "1"})).status_code == 422
    assert (await api.http.put(f"{BASE}/limits/trades_per_day", json={"value": "-1"})).status_code == 422


async def test_all_cancels_at_once_and_the_orders_as_csv(api: Api, desk: Desk) -> None:
    await order(api, type="limit", limit_price="90")
    await order(api, "7")
    await desk.broker.drain()
    done = await api.http.post(f"{BASE}/orders/cancel-all", json={"account_id": str(desk.account_id)})
    assert (done.status_code, done.json()) == (202, {"canceled": 1})
    await desk.broker.drain()
    table = await api.http.get(f"{BASE}/orders.csv", params={"account_id": str(desk.account_id)})
    head, *rows = table.text.strip().split("\r\n")
    assert head.startswith("id,created_at,symbol,side,type,qty,limit_price")
    assert sorted(row.split(",")[8] for row in rows) == ["canceled", "filled"]
    stranger = await api.as_person(await desk.person("trader"))
    assert (
        await stranger.http.get(f"{BASE}/orders.csv", params={"account_id": str(desk.account_id)})
    ).status_code == 404


async def test_what_one_proposes_another_confirms(api: Api, desk: Desk) -> None:
    viewer = await api.as_person(await desk.person("viewer"))
    await share_account(desk.b, desk.caller, desk.account_id, viewer.desk.caller.email, "view")
    ticket = {"account_id": str(desk.account_id), "symbol": "AAPL", "side": "buy", "qty": "3"}
    reasons = {"thesis": "It is cheap.", "invalidation": "It closes below 90."}
    made = await viewer.http.post(f"{BASE}/approvals", json=ticket | reasons)
    assert made.status_code == 201, made.text
    one = made.json()
    assert (one["state"], one["source"], one["may_confirm"], one["reference_price"]) == (
        "waiting",
        "person",
        False,
        "100.05",
    )
    seen = {"ticket_hash": one["ticket_hash"]}
    at = f"{BASE}/approvals/{one['id']}"
    assert (await viewer.http.post(f"{at}/confirm", json=seen)).status_code == 403
    wrong = await api.http.post(f"{at}/confirm", json={"ticket_hash": "0" * 64})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "not_confirmed")
    done = await api.http.post(f"{at}/confirm", json=seen)
    assert (done.status_code, done.json()["qty"]) == (201, "3")
    assert (await api.http.post(f"{at}/confirm", json=seen)).status_code == 422
    assert (await viewer.http.get(at)).json()["state"] == "ordered"
    assert (await api.http.get(f"{BASE}/approvals", params={"waiting": "true"})).json()["items"] == []


async def test_ones_own_proposal_needs_a_proof_that_is_fresh(api: Api, desk: Desk) -> None:
    ticket = {"account_id": str(desk.account_id), "symbol": "AAPL", "side": "buy", "qty": "3"}
    made = await api.http.post(f"{BASE}/approvals", json=ticket | {"thesis": "Cheap.", "invalidation": "Below 90."})
    one = made.json()
    age = timedelta(minutes=6)
    await desk.b.db.run("UPDATE user_session SET proven_at = proven_at - %s", (age,))
    at, seen = f"{BASE}/approvals/{one['id']}", {"ticket_hash": one["ticket_hash"]}
    stale = await api.http.post(f"{at}/confirm", json=seen)
    assert (stale.status_code, stale.json()["code"]) == (403, "step_up_required")
    await desk.b.db.run("UPDATE user_session SET proven_at = proven_at + %s", (age,))
    assert (await api.http.post(f"{at}/confirm", json=seen)).status_code == 201
