"""All accounts as one book over REST: in the base currency, in another one, and what is refused."""

from datetime import timedelta
from decimal import Decimal

import psycopg

from starkmatter.clock import utc_now
from starkmatter.domain.sessions import exchange_day
from tests.api.conftest import Api

BASE = "/api/v1/portfolio"
RATE = "INSERT INTO fx_rate (day, currency, per_euro, source, observed_at) VALUES (%s, 'USD', %s, 'test', now())"
BOOKS = ("performance", "explain", "risk", "attribution", "currencies", "allocation", "breakdown", "summary")


async def open_elsewhere(api: Api, currency: str) -> str:
    body = {"name": f"In {currency}", "broker": "tracked", "currency": currency}
    opened = await api.http.post("/api/v1/accounts", json=body)
    assert opened.status_code == 201, opened.text
    return str(opened.json()["id"])


async def test_all_accounts_are_answered_together_in_any_currency(api: Api, database_url: str) -> None:
    mine = (await api.http.get("/api/v1/accounts")).json()["items"]
    assert [one["venue"] for one in mine] == ["replay"]
    alone = (await api.http.get(f"{BASE}/performance", params={"account_id": "all"})).json()
    assert (alone["account_id"], alone["account_ids"]) == (None, [mine[0]["id"]])
    assert (await api.http.get(f"{BASE}/performance")).json()["currency"] == "USD"
    ids = {await open_elsewhere(api, "EUR"), await open_elsewhere(api, "USD")}
    both = await api.http.get(f"{BASE}/performance", params={"account_id": "all"})
    assert both.status_code == 422
    assert "venue=market" in both.json()["detail"]
    with psycopg.connect(database_url, autocommit=True) as stored:
        stored.execute(RATE, (exchange_day(utc_now()) - timedelta(days=1), Decimal("1.25")))
    for name in BOOKS:
        for query in ({"account_id": "all", "venue": "market"}, {"venue": "market", "currency": "EUR"}):
            answer = await api.http.get(f"{BASE}/{name}", params=query)
            assert answer.status_code == 200, f"{name}: {answer.text}"
            assert answer.json().get("currency", "EUR") in {"EUR", "USD"}
            assert answer.json().get("account_id") is None
    found = (await api.http.get(f"{BASE}/performance", params={"venue": "market"})).json()
    assert set(found["account_ids"]) == ids
    assert (found["name"], found["fx"], found["end_value"]) == ("All accounts", "0.00", "0.00")
    assert [one["currency"] for one in found["rates"]] == ["EUR"]
    table = await api.http.get(f"{BASE}/performance.csv", params={"venue": "market", "currency": "EUR"})
    assert table.status_code == 200
    assert "starkmatter-performance-all.csv" in table.headers["content-disposition"]
    for query in (
        {"currency": "XXX"},
        {"account_id": "both"},
        {"venue": "moon"},
        {"account_id": "all", "currency": "EURO"},
    ):
        assert (await api.http.get(f"{BASE}/performance", params=query)).status_code == 422, query
    single = (await api.http.get(f"{BASE}/summary", params={"account_id": mine[0]["id"], "currency": "EUR"})).json()
    assert single["currency"] == "EUR"
    assert Decimal(single["equity"]) == Decimal(mine[0]["equity"]) / Decimal("1.25") or single["missing"]


async def test_the_base_currency_is_read_and_changed_where_the_profile_is(api: Api) -> None:
    me = (await api.http.get("/api/v1/auth/me")).json()
    assert me["base_currency"] == "USD"
    changed = await api.http.patch("/api/v1/auth/me", json={"base_currency": "chf"})
    assert (changed.status_code, changed.json()["base_currency"]) == (200, "CHF")
    renamed = await api.http.patch("/api/v1/auth/me", json={"display_name": "Somebody else"})
    assert (renamed.json()["display_name"], renamed.json()["base_currency"]) == ("Somebody else", "CHF")
    refused = await api.http.patch("/api/v1/auth/me", json={"base_currency": "ZZZ"})
    assert refused.status_code == 422
    assert "USD" in refused.json()["detail"]
    assert (await api.http.get("/api/v1/auth/me")).json()["base_currency"] == "CHF"
    assert (await api.http.patch("/api/v1/auth/me", json={"role": "owner"})).status_code == 422
