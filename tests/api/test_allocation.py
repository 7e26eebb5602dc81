"""Allocation, targets and proposals over REST."""

from starkmatter.accounts.sharing.service import share_account
from starkmatter.trading.submit import submit_order
from tests.api.conftest import Api
from tests.builders import Desk, order, quote

BASE = "/api/v1"
TARGETS = {
    "by": "symbol",
    "targets": [{"name": "AAPL", "percent": "40"}, {"name": "MSFT", "percent": "50"}],
    "cash_pct": "10",
    "tolerance_pct": "2",
}


async def test_from_targets_over_a_proposal_to_a_basket(api: Api, desk: Desk) -> None:
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 100 AAPL"), "before-0001")
    await desk.broker.drain()
    await desk.tell(quote("AAPL 100.00/100.05", volume="1000000"))
    at = f"{BASE}/accounts/{desk.account_id}"
    assert (await api.http.get(f"{at}/targets")).status_code == 404
    wrong = await api.http.put(f"{at}/targets", json=TARGETS | {"cash_pct": "11"})
    assert (wrong.status_code, "add up to 101 %" in wrong.text) == (422, True), wrong.text
    twice = TARGETS | {"targets": [{"name": "AAPL", "percent": "45"}] * 2}
    assert (await api.http.put(f"{at}/targets", json=twice)).status_code == 422
    put = await api.http.put(f"{at}/targets", json=TARGETS)
    assert put.status_code == 200, put.text
    assert {one["part"] for one in put.json()["parts"]} == {"AAPL", "MSFT", "Cash"}
    found = (await api.http.post(f"{at}/rebalance", json={})).json()
    assert sorted(one["symbol"] for one in found["trades"]) == ["AAPL", "MSFT"]
    assert float(found["drift_pct_after"]) < float(found["drift_pct"])
    made = await api.http.post(f"{at}/rebalance/basket", json={"whole": False})
    assert (made.status_code, made.json()["source"], made.json()["state"]) == (201, "rebalance", "draft")
    viewer = await api.as_person(await desk.person("viewer"))
    assert (await viewer.http.get(f"{at}/targets")).status_code == 404
    await share_account(desk.b, desk.caller, desk.account_id, viewer.desk.caller.email, "view")
    assert (await viewer.http.get(f"{at}/targets")).status_code == 200
    assert (await viewer.http.post(f"{at}/rebalance", json={})).status_code == 200
    assert (await viewer.http.post(f"{at}/rebalance/basket", json={})).status_code == 403
    assert (await viewer.http.put(f"{at}/targets", json=TARGETS)).status_code == 403
    assert (await api.http.delete(f"{at}/targets")).status_code == 204
    assert (await api.http.post(f"{at}/rebalance", json={})).status_code == 404


async def test_cuts_and_tags(api: Api, desk: Desk) -> None:
    tagged = await api.http.put(f"{BASE}/tags/aapl", json={"tags": ["Core"]})
    assert tagged.json() == {"symbol": "AAPL", "tags": ["Core"]}
    found = (await api.http.get(f"{BASE}/portfolio/breakdown", params={"account_id": str(desk.account_id)})).json()
    assert set(found["cuts"]) == {"symbol", "class", "sector", "country", "currency", "account", "tag"}
    assert found["tags"] == {"AAPL": ["Core"]}
    assert found["cuts"]["class"] == [{"name": "Cash", "value": "100000.00", "weight": "1"}]
    assert (await api.http.put(f"{BASE}/tags/aapl", json={"tags": ["Cash"]})).status_code == 422


async def test_texts_and_figures_that_no_table_takes_are_refused(api: Api, desk: Desk) -> None:
    account = str(desk.account_id)
    line = {"symbol": "AAPL", "side": "buy", "qty": "1"}
    for wrong in (
        {"name": "a\0b"},
        {"lines": [line | {"symbol": "A\0"}]},
        {"lines": [line | {"qty": "999999999999999"}]},
        {"lines": [line | {"qty": "-1"}]},
    ):
        made = await api.http.post(
            f"{BASE}/baskets", json={"account_id": account, "name": "x", "lines": [line]} | wrong
        )
        assert made.status_code == 422, (wrong, made.text)
    for name, percent in (("A\0", "100"), ("AAPL", "-1"), ("AAPL", "999999999999999")):
        body = TARGETS | {"by": "sector", "targets": [{"name": name, "percent": percent}], "cash_pct": "0"}
        put = await api.http.put(f"{BASE}/accounts/{account}/targets", json=body)
        assert put.status_code == 422, put.text
    for symbol, tag in (("A%00", "x"), ("AAPL", "\0"), ("A" * 30, "x")):
        assert (await api.http.put(f"{BASE}/tags/{symbol}", json={"tags": [tag]})).status_code == 422
