"""Baskets over REST."""

from tests.api.conftest import Api
from tests.builders import Desk

BASE = "/api/v1/baskets"


def lines(*symbols: str) -> list[dict[str, str]]:
    return [{"symbol": symbol, "side": "buy", "qty": "5"} for symbol in symbols]


async def test_it_is_made_reviewed_changed_and_sent_once(api: Api, desk: Desk) -> None:
    body = {"account_id": str(desk.account_id), "name": "Autumn", "lines": lines("aapl")}
    answer = await api.http.post(BASE, json=body)
    assert answer.status_code == 201, answer.text
    one = answer.json()
    assert (one["state"], one["source"], one["lines"][0]["symbol"], one["lines"][0]["order_id"]) == (
        "draft",
        "person",
        "AAPL",
        None,
    )
    at = f"{BASE}/{one['id']}"
    changed = await api.http.put(
        f"{at}/lines", json={"basket_hash": one["basket_hash"], "lines": lines("AAPL", "MSFT")}
    )
    assert changed.status_code == 200, changed.text
    stale = await api.http.post(f"{at}/send", json={"basket_hash": one["basket_hash"], "prices": []})
    assert (stale.status_code, stale.json()["code"]) == (409, "basket_changed")
    review = (await api.http.post(f"{at}/review")).json()
    assert [line["refusals"] for line in review["lines"]] == [[], []]
    assert (review["currency"], review["buying_power"], review["missing"]) == ("USD", "100000.00", [])
    prices = [{"place": line["place"], "price": line["preview"]["est_price"]} for line in review["lines"]]
    seen = {"basket_hash": review["basket"]["basket_hash"], "prices": prices}
    blind = await api.http.post(f"{at}/send", json=seen | {"prices": []})
    assert (blind.status_code, blind.json()["code"]) == (422, "price_moved")
    missing = await api.http.post(f"{at}/send", json={"basket_hash": seen["basket_hash"]})
    assert missing.status_code == 422
    for _ in range(2):
        sent = await api.http.post(f"{at}/send", json=seen)
        assert (sent.status_code, sent.json()["outcome"]) == (200, "2 of 2 orders were taken."), sent.text
    orders = (await api.http.get("/api/v1/orders")).json()["items"]
    assert sorted(one["id"] for one in orders) == sorted(line["order_id"] for line in sent.json()["lines"])
    assert [one["id"] for one in (await api.http.get(BASE)).json()["items"]] == [one["id"]]
    assert (await api.http.delete(at)).status_code == 204
    assert (await api.http.get(at)).json()["state"] == "closed"


async def test_unread_cautions_are_named_by_their_line(api: Api, desk: Desk) -> None:
    order = {"account_id": str(desk.account_id), "symbol": "AAPL", "side": "buy", "type": "market", "qty": "5"}
    await api.http.post("/api/v1/orders", json=order, headers={"idempotency-key": "before-0001"})
    body = {"account_id": str(desk.account_id), "name": "Autumn", "lines": lines("MSFT", "AAPL")}
    one = (await api.http.post(BASE, json=body)).json()
    at, prices = f"{BASE}/{one['id']}/send", [{"place": 1, "price": "200.10"}, {"place": 2, "price": "100.05"}]
    seen = {"basket_hash": one["basket_hash"], "prices": prices}
    unread = await api.http.post(at, json=seen)
    assert (unread.status_code, unread.json()["code"]) == (409, "warnings_unacknowledged")
    assert [(told["place"], told["code"]) for told in unread.json()["warnings"]] == [(2, "duplicate")]
    read = seen | {"acknowledge": [{"place": 2, "codes": ["duplicate"]}]}
    assert (await api.http.post(at, json=read)).json()["state"] == "sent"


async def test_a_stranger_finds_none_and_nonsense_is_refused(api: Api, desk: Desk) -> None:
    body = {"account_id": str(desk.account_id), "name": "Autumn", "lines": lines("AAPL")}
    one = (await api.http.post(BASE, json=body)).json()
    stranger = await api.as_person(await desk.person("trader"))
    for ask in (stranger.http.get(f"{BASE}/{one['id']}"), stranger.http.post(f"{BASE}/{one['id']}/review")):
        assert (await ask).status_code == 404
    assert (await stranger.http.post(BASE, json=body)).status_code == 404
    for wrong in (
        {"name": " "},
        {"lines": []},
        {"lines": [{"symbol": "AAPL", "side": "buy", "qty": 1.5}]},
        {"lines": [{"symbol": "AAPL", "side": "buy", "qty": "1", "limit_price": "5"}]},
        {"lines": lines("AAPL", "AAPL")},
    ):
        assert (await api.http.post(BASE, json=body | wrong)).status_code == 422, wrong
