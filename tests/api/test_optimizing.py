"""Weights over the wire: asked, looked at, made targets."""

from starkmatter.portfolio.optimizing.work import optimize_once
from tests.api.conftest import Api
from tests.builders import Desk
from tests.portfolio.test_optimizing import closes, leads


async def test_asked_answered_and_made_the_targets(api: Api, desk: Desk) -> None:
    await closes(desk, 300)
    body = {"venue": "replay", "name": "Two", "symbols": ["AAPL", "MSFT"]}
    listed = (await api.http.post("/api/v1/watchlists", json=body)).json()["id"]
    path = f"/api/v1/accounts/{desk.account_id}/optimizations"
    question = {"goal": "least_risk", "watchlist_id": listed, "most_pct": "60", "cash_pct": "5", "days": 252}
    asked = await api.http.post(path, json=question)
    assert asked.status_code == 202, asked.text
    one = asked.json()
    assert (one["state"], one["found"]) == ("waiting", None)
    assert "Past returns" in one["caution"]
    early = await api.http.post(f"/api/v1/optimizations/{one['id']}/targets")
    assert (early.status_code, early.json()["code"]) == (422, "not_optimized")
    while await optimize_once(desk.b, leads):
        pass
    found = (await api.http.get(f"/api/v1/optimizations/{one['id']}")).json()
    assert found["state"] == "done", found
    assert {part["symbol"]: part["proposed_pct"] for part in found["found"]["parts"]} == {"MSFT": "57", "AAPL": "38"}
    assert found["found"]["now"] is None
    assert (await api.http.get(path)).json()["items"][0]["id"] == one["id"]
    targets = await api.http.post(f"/api/v1/optimizations/{one['id']}/targets")
    assert targets.status_code == 200, targets.text
    assert targets.json()["cash_pct"] == "5"


async def test_figures_that_cannot_be_are_refused(api: Api, desk: Desk) -> None:
    path = f"/api/v1/accounts/{desk.account_id}/optimizations"
    for wrong in ({"goal": "luck"}, {"most_pct": "NaN"}, {"days": 1}, {"least_pct": 0.5}, {"bounds": [{}]}):
        answer = await api.http.post(path, json={"goal": "least_risk"} | wrong)
        assert answer.status_code == 422, wrong
