"""Presets, margin accounts and short sales over REST."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from starkmatter.accounts.sharing.service import share_account
from tests.api.conftest import Api
from tests.builders import quote


async def open_account(api: Api, **more: str) -> dict[str, Any]:
    made = await api.http.post("/api/v1/accounts", json={"name": "Ideas", "cash": "10000", **more})
    assert made.status_code == 201, made.text
    return made.json()


async def order(api: Api, account: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"account_id": account["id"], "symbol": "AAPL", "side": "sell", "type": "market", "qty": "10", **more}
    sent = await api.http.post("/api/v1/orders", json=body, headers={"idempotency-key": f"key-{uuid4()}"})
    assert sent.status_code == 201, sent.text
    await api.desk.broker.drain()
    return (await api.http.get(f"/api/v1/orders/{sent.json()['id']}")).json()


async def test_an_account_is_opened_with_a_preset_and_says_it(api: Api) -> None:
    plain, hard = await open_account(api), await open_account(api, preset="harsh")
    assert (plain["preset"], plain["kind"], hard["preset"]) == ("realistic/2", "cash", "harsh/1")
    bought = await order(api, hard, side="buy", qty="1")
    fills = (await api.http.get(f"/api/v1/orders/{bought['id']}/fills")).json()["items"]
    assert {one["preset"] for one in fills} == {"harsh/1"}
    for wrong in ({"preset": "soft"}, {"kind": "loan"}, {"kind": "margin", "cash": "1999.99"}):
        answer = await api.http.post("/api/v1/accounts", json={"name": "x", "cash": "10000", **wrong})
        assert answer.status_code == 422, wrong


async def test_a_short_sale_is_previewed_sent_and_shown(api: Api) -> None:
    account = await open_account(api, kind="margin")
    assert account["buying_power"] == "20000.00"
    body = {"account_id": account["id"], "symbol": "AAPL", "side": "sell", "type": "market", "qty": "10"}
    seen = (await api.http.post("/api/v1/orders/preview", json=body | {"allow_short": True})).json()
    assert (seen["refusals"], seen["sold_short"], seen["maintenance_after"]) == ([], "10", "300.00")
    refused = (await api.http.post("/api/v1/orders/preview", json=body)).json()["refusals"]
    assert refused == [
        "You can sell 0 AAPL at most: selling more opens a short position, which the order has to ask for."
    ]
    placed = await order(api, account, allow_short=True)
    assert (placed["status"], placed["allow_short"]) == ("filled", True)
    [position] = (await api.http.get("/api/v1/positions", params={"account_id": account["id"]})).json()["items"]
    assert (position["qty"], position["market_value"], position["cost_basis"]) == ("-10", "-1000.00", "-999.96")
    await api.desk.tell(quote("AAPL 110.00/110.05"))
    margin = (await api.http.get(f"/api/v1/accounts/{account['id']}/margin")).json()
    assert {name: margin[name] for name in ("equity", "short_value", "maintenance", "excess", "call", "debit")} == {
        "equity": "9899.96",
        "short_value": "1100.00",
        "maintenance": "330.00",
        "excess": "9569.96",
        "call": "0.00",
        "debit": "0.00",
    }
    assert (margin["borrow_ratio"], margin["interest_ratio"], margin["calls"]) == ("0.003", "0.06", [])
    allocation = (await api.http.get("/api/v1/portfolio/allocation", params={"account_id": account["id"]})).json()
    parts = [Decimal(allocation["cash"]["value"]), *(Decimal(one["value"]) for one in allocation["symbols"])]
    assert sum(parts) == Decimal(allocation["equity"]) == Decimal("9899.96")


async def test_the_margin_of_others_and_of_cash_accounts_is_not_found(api: Api) -> None:
    mine = await open_account(api, kind="margin")
    other = await api.as_person(await api.desk.person())
    assert (await other.http.get(f"/api/v1/accounts/{mine['id']}/margin")).status_code == 404
    assert (await api.http.get(f"/api/v1/accounts/{api.desk.account_id}/margin")).status_code == 404
    assert (await api.http.get(f"/api/v1/accounts/{UUID(int=0)}/margin")).status_code == 404
    await share_account(api.desk.b, api.desk.caller, UUID(mine["id"]), other.desk.caller.email, "view")
    assert (await other.http.get(f"/api/v1/accounts/{mine['id']}/margin")).status_code == 200


async def test_an_account_is_branched_and_begun_anew_over_rest(api: Api) -> None:
    account = await open_account(api)
    await order(api, account, side="buy", qty="3")
    at = f"/api/v1/accounts/{account['id']}"
    branch = await api.http.post(f"{at}/fork", json={"name": "What if", "on": "", "preset": ""})
    assert branch.status_code == 201, branch.text
    seen = branch.json()
    assert (seen["branch"], seen["parent_id"], seen["parent_name"]) == ("fork", account["id"], "Ideas")
    now = (await api.http.get(at)).json()
    assert (seen["cash"], seen["equity"], seen["preset"]) == (now["cash"], now["equity"], "realistic/2")
    for body in (
        {"name": "x", "on": "2020-01-01"},
        {"name": "x", "on": "soon"},
        {"name": ""},
        {"name": "x", "size": 1},
    ):
        assert (await api.http.post(f"{at}/fork", json=body)).status_code == 422, body
    assert (await api.http.post(f"{at}/reset", json={"confirm": "ideas"})).status_code == 422
    anew = await api.http.post(f"{at}/reset", json={"confirm": "Ideas", "cash": "2500.50"})
    assert anew.status_code == 201, anew.text
    assert (anew.json()["branch"], anew.json()["cash"], anew.json()["name"]) == ("reset", "2500.50", "Ideas")
    former = (await api.http.get(at)).json()
    assert (former["read_only"], former["equity"]) == (True, now["equity"])
    assert (await api.http.post(f"{at}/reset", json={"confirm": "Ideas"})).status_code == 409
    other = await api.as_person(await api.desk.person())
    for verb, body in (("fork", {"name": "x"}), ("reset", {"confirm": "Ideas"})):
        assert (await other.http.post(f"{at}/{verb}", json=body)).status_code == 404


async def test_an_admin_says_which_shares_can_be_borrowed(api: Api) -> None:
    account = await open_account(api, kind="margin")
    at = "/api/v1/instruments/MSFT"
    answer = await api.http.patch(at, json={"borrowable": False})
    assert (answer.status_code, answer.json()["borrowable"]) == (200, False)
    refused = await order(api, account, symbol="MSFT", allow_short=True)
    assert refused["reject_reason"] == "Shares of MSFT cannot be borrowed now, so it cannot be sold short."
    found = (await api.http.get("/api/v1/instruments", params={"query": "MSFT"})).json()["items"]
    assert [one["borrowable"] for one in found] == [False]
    assert (await api.http.patch("/api/v1/instruments/NONE", json={"borrowable": False})).status_code == 404
    trader = await api.as_person(await api.desk.person())
    assert (await trader.http.patch(at, json={"borrowable": True})).status_code == 403
    logged = await api.desk.b.db.tuples("SELECT after FROM audit_event WHERE action = 'instrument.borrowable'")
    assert [one[0]["borrowable"] for one in logged] in ([False], ["false"], ["False"])
