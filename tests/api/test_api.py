"""The HTTP contract: shapes, figures as strings, problems, and who is let in."""

import re
from uuid import uuid4

import httpx
import pytest

from starkmatter.accounts.sessions import cookie_name
from starkmatter.accounts.setup import issue_setup_link
from tests.api.conftest import ORIGIN, Api
from tests.api.described import described
from tests.builders import Desk, quote

KEY = {"Idempotency-Key": "key-00000001"}
PUBLIC = {
    *("/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/password/forgot", "/api/v1/auth/password/reset"),
    *("/api/v1/auth/passkeys/sign-in", "/api/v1/auth/passkeys/sign-in/options"),
    *("/api/v1/auth/oidc", "/api/v1/auth/oidc/{provider}/start", "/api/v1/auth/oidc/{provider}/callback"),
    *("/api/v1/auth/oidc/{provider}/register", "/api/v1/auth/oidc/finish"),
    *("/api/v1/auth/token", "/healthz", "/readyz", "/metrics", "/api/docs"),
}


def body(api: Api, **changes) -> dict:
    return {
        "account_id": str(api.desk.account_id),
        "symbol": "AAPL",
        "side": "buy",
        "type": "market",
        "qty": "10",
        "time_in_force": "day",
    } | changes


async def test_an_order_goes_from_post_to_fill_with_figures_as_strings(api: Api) -> None:
    placed = await api.http.post("/api/v1/orders", json=body(api), headers=KEY)
    assert placed.status_code == 201
    order = placed.json()
    assert (order["status"], order["qty"], order["filled_qty"], order["avg_price"]) == (
        "pending_submit",
        "10",
        "0",
        None,
    )
    await api.desk.broker.drain()
    order = (await api.http.get(f"/api/v1/orders/{order['id']}")).json()
    assert (order["status"], order["filled_qty"], order["avg_price"]) == ("filled", "10", "100.05")
    [fill] = (await api.http.get(f"/api/v1/orders/{order['id']}/fills")).json()["items"]
    assert (fill["price"], fill["fees"], fill["preset"]) == ("100.05", "0.00", "realistic/2")
    receipt = (await api.http.get(f"/api/v1/fills/{fill['id']}/receipt")).json()
    assert receipt["quote"]["ask"] == "100.05"
    account = (await api.http.get(f"/api/v1/accounts/{api.desk.account_id}")).json()
    assert (account["cash"], account["equity"], account["mode"]) == ("98999.50", "99999.50", "paper")
    [position] = (await api.http.get("/api/v1/positions", params={"account_id": api.desk.account_id})).json()["items"]
    assert (position["qty"], position["unrealized_pl"]) == ("10", "-0.50")
    ledger = (await api.http.get(f"/api/v1/accounts/{api.desk.account_id}/ledger")).json()
    assert [entry["kind"] for entry in ledger["items"]] == ["fill", "deposit"]
    events = (await api.http.get(f"/api/v1/orders/{order['id']}/events")).json()["items"]
    assert [event["sequence"] for event in events] == [1, 2, 3]


async def test_the_same_key_answers_the_same_and_another_body_is_a_problem(api: Api) -> None:
    first = await api.http.post("/api/v1/orders", json=body(api), headers=KEY)
    again = await api.http.post("/api/v1/orders", json=body(api), headers=KEY)
    assert again.json()["id"] == first.json()["id"]
    other = await api.http.post("/api/v1/orders", json=body(api, qty="11"), headers=KEY)
    assert other.status_code == 422
    assert other.headers["content-type"] == "application/problem+json"
    assert other.json()["code"] == "idempotency_key_reused"


async def test_an_order_risk_refuses_comes_back_with_its_reason(api: Api) -> None:
    answer = await api.http.post("/api/v1/orders", json=body(api, qty="5000"), headers=KEY)
    assert (answer.status_code, answer.json()["status"]) == (201, "risk_rejected")
    assert "Buying power" in answer.json()["reject_reason"]


async def test_a_cancel_is_a_request_until_it_is_confirmed(api: Api) -> None:
    limit = body(api, type="limit", limit_price="90.00", time_in_force="gtc")
    order_id = (await api.http.post("/api/v1/orders", json=limit, headers=KEY)).json()["id"]
    await api.desk.broker.drain()
    canceled = await api.http.delete(f"/api/v1/orders/{order_id}")
    assert (canceled.status_code, canceled.json()["status"]) == (202, "pending_cancel")
    await api.desk.broker.drain()
    assert (await api.http.get(f"/api/v1/orders/{order_id}")).json()["status"] == "canceled"
    late = await api.http.delete(f"/api/v1/orders/{order_id}")
    assert (late.status_code, late.json()["code"]) == (409, "order_ended")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"qty": 10.5}, "qty"),
        ({"qty": "1e400"}, "qty"),
        ({"qty": "NaN"}, "qty"),
        ({"qty": "ten"}, "qty"),
        ({"qty": None}, "qty"),
        ({"side": "hold"}, "side"),
        ({"type": "limit"}, "limit_price"),
        ({"limit_price": "10.00"}, "limit_price"),
        ({"type": "stop"}, "stop_price"),
        ({"stop_price": "10.00"}, "stop_price"),
        ({"type": "trailing_stop"}, "trail_amount"),
        ({"trail_percent": "1"}, "trail_amount"),
        ({"notional": "10.00"}, "qty"),
        ({"order_class": "octopus"}, "order_class"),
        ({"account_id": "1"}, "account_id"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "A" * 300}, "symbol"),
        ({"status": "filled"}, "status"),
        ({"time_in_force": "forever"}, "time_in_force"),
    ],
)
async def test_a_malformed_order_is_a_problem_that_names_the_field(api: Api, changes: dict, field: str) -> None:
    answer = await api.http.post("/api/v1/orders", json=body(api, **changes), headers=KEY)
    assert answer.status_code == 422
    assert field in answer.json()["detail"]
    assert (await api.http.get("/api/v1/orders")).json()["items"] == []


async def test_an_order_without_a_key_is_refused(api: Api) -> None:
    answer = await api.http.post("/api/v1/orders", json=body(api))
    assert answer.status_code == 422
    assert "idempotency" in answer.json()["detail"].lower()


async def test_the_whole_language_of_orders_goes_over_the_wire(api: Api) -> None:
    async def post(number: int, **fields: object) -> dict:
        whole = body(api, acknowledge=["duplicate"], **fields)
        sent = {name: value for name, value in whole.items() if value is not None}
        answer = await api.http.post("/api/v1/orders", json=sent, headers={"idempotency-key": f"key-kinds-{number}"})
        assert answer.status_code == 201, answer.text
        await api.desk.broker.drain()
        return (await api.http.get(f"/api/v1/orders/{answer.json()['id']}")).json()

    stop = await post(1, type="stop", stop_price="104.00", time_in_force="gtc")
    assert (stop["status"], stop["stop_price"], stop["triggered_at"]) == ("working", "104.00", None)
    trail = await post(2, type="trailing_stop", trail_percent="5", time_in_force="gtc")
    assert (trail["trail_percent"], trail["water"], trail["stop_price"]) == ("5", "100.00", "105.00")
    amount = await post(3, qty=None, notional="250.00")
    assert (amount["status"], amount["notional"]) == ("filled", "250.00")
    dated = await post(4, type="limit", limit_price="90.00", time_in_force="gtd", expires_on="2021-03-05")
    assert (dated["status"], dated["expires_on"]) == ("working", "2021-03-05")
    entry = await post(
        5,
        type="limit",
        limit_price="99.00",
        order_class="bracket",
        take_profit={"limit_price": "110.00"},
        stop_loss={"stop_price": "90.00"},
    )
    listed = (await api.http.get("/api/v1/orders")).json()["items"]
    group = {one["role"]: one for one in listed if one["group_id"] == entry["id"]}
    assert {role: one["held"] for role, one in group.items()} == {"entry": False, "target": True, "stop": True}
    condition = {"symbol": "MSFT", "relation": "at_or_above", "price": "250.00"}
    waiting = await post(6, condition=condition, time_in_force="gtc")
    assert (waiting["held"], waiting["condition"]) == (True, condition)
    changed = await api.http.patch(f"/api/v1/orders/{stop['id']}", json={"stop_price": "103.00", "qty": "5"})
    assert (changed.status_code, changed.json()["stop_price"], changed.json()["qty"]) == (200, "103.00", "5")
    ended = await api.http.patch(f"/api/v1/orders/{amount['id']}", json={"qty": "5"})
    assert ended.status_code == 422
    nothing = await api.http.patch(f"/api/v1/orders/{stop['id']}", json={})
    assert nothing.status_code == 422
    seen = (await api.http.post("/api/v1/orders/preview", json=body(api, condition=condition))).json()
    assert seen["notes"] == ["It is sent once the last trade of MSFT is at or above 250.00."]


async def test_orders_are_paged_without_gaps_or_repeats(api: Api) -> None:
    for number in range(7):
        limit = body(api, type="limit", limit_price="90.00", qty="1", acknowledge=["duplicate"])
        await api.http.post("/api/v1/orders", json=limit, headers={"Idempotency-Key": f"key-page-{number}"})
    seen, cursor = [], None
    while True:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await api.http.get("/api/v1/orders", params=params)).json()
        seen += [order["id"] for order in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 7
    assert (await api.http.get("/api/v1/orders", params={"cursor": "nonsense"})).status_code == 422
    assert len((await api.http.get("/api/v1/orders", params={"status": "open"})).json()["items"]) == 7
    assert (await api.http.get("/api/v1/orders", params={"status": "asleep"})).status_code == 422


async def test_quotes_name_their_provider_and_age(api: Api) -> None:
    items = (await api.http.get("/api/v1/quotes", params={"symbols": "AAPL,NONE"})).json()["items"]
    assert [item["symbol"] for item in items] == ["AAPL"]
    assert (items[0]["bid"], items[0]["ask"], items[0]["provider"]) == ("100.00", "100.05", "test")
    assert items[0]["age_ms"] >= 0


async def test_paper_cash_can_be_paid_in_and_taken_out_but_not_what_is_reserved(api: Api) -> None:
    url = f"/api/v1/accounts/{api.desk.account_id}/deposits"
    assert (await api.http.post(url, json={"amount": "500.25"})).json()["cash"] == "100500.25"
    assert (await api.http.post(url, json={"amount": "-500.25"})).json()["cash"] == "100000.00"
    limit = body(api, type="limit", limit_price="100.00", qty="999")
    await api.http.post("/api/v1/orders", json=limit, headers=KEY)
    refused = await api.http.post(url, json={"amount": "-200.00"})
    assert refused.status_code == 422
    assert "free" in refused.json()["detail"]


async def test_a_second_account_can_be_opened_with_its_own_cash(api: Api) -> None:
    made = await api.http.post("/api/v1/accounts", json={"name": "Ideas", "cash": "25000"})
    assert made.status_code == 201
    assert (made.json()["cash"], made.json()["venue"], made.json()["broker"]) == ("25000.00", "replay", "paper")
    assert len((await api.http.get("/api/v1/accounts")).json()["items"]) == 2
    assert (await api.http.post("/api/v1/accounts", json={"name": "", "cash": "1"})).status_code == 422
    assert (await api.http.post("/api/v1/accounts", json={"name": "x", "cash": "0"})).status_code == 422


def routes() -> list[tuple[str, str]]:
    """Every operation of the API's own document."""
    return [(method.upper(), path) for path, operations in described()["paths"].items() for method in operations]


def test_the_matrix_below_covers_the_whole_api() -> None:
    assert len(routes()) >= 25


def filled(path: str, desk: Desk | None = None) -> str:
    return (
        re.sub(r"\{account_id\}", str(desk.account_id) if desk else str(uuid4()), path)
        .replace("{order_id}", str(uuid4()))
        .replace("{fill_id}", str(uuid4()))
        .replace("{session_id}", str(uuid4()))
    )


async def test_every_route_refuses_a_stranger(anonymous: httpx.AsyncClient) -> None:
    answered = {}
    for method, path in routes():
        if path not in PUBLIC:
            answer = await anonymous.request(method, filled(path), json={})
            answered[method, path] = (answer.status_code, answer.json().get("code"))
    assert len(answered) > 40
    assert {pair: got for pair, got in answered.items() if got != (401, "not_signed_in")} == {}


@pytest.mark.parametrize("origin", [None, "https://evil.test", "null", ORIGIN + ".evil.test", ORIGIN.upper()])
async def test_no_change_is_taken_from_a_foreign_page(api: Api, origin: str | None) -> None:
    answered = {}
    for method, path in routes():
        if method == "GET" or path in PUBLIC:
            continue
        request = api.http.build_request(method, filled(path, api.desk), json={})
        del request.headers["origin"]
        if origin is not None:
            request.headers["origin"] = origin
        answer = await api.http.send(request)
        answered[method, path] = (answer.status_code, answer.json().get("code"))
    assert len(answered) > 20
    assert {pair: got for pair, got in answered.items() if got != (403, "foreign_origin")} == {}


async def test_another_person_gets_the_same_404_as_for_nothing(api: Api) -> None:
    order_id = (await api.http.post("/api/v1/orders", json=body(api), headers=KEY)).json()["id"]
    await api.desk.broker.drain()
    fill_id = (await api.http.get(f"/api/v1/orders/{order_id}/fills")).json()["items"][0]["id"]
    stranger = await api.as_person(await api.desk.person())
    mine = str(api.desk.account_id)
    for method, path, payload in (
        ("GET", f"/api/v1/orders/{order_id}", None),
        ("DELETE", f"/api/v1/orders/{order_id}", None),
        ("GET", f"/api/v1/orders/{order_id}/fills", None),
        ("GET", f"/api/v1/orders/{order_id}/events", None),
        ("GET", f"/api/v1/fills/{fill_id}/receipt", None),
        ("GET", f"/api/v1/accounts/{mine}", None),
        ("GET", f"/api/v1/accounts/{mine}/ledger", None),
        ("GET", f"/api/v1/positions?account_id={mine}", None),
        ("GET", f"/api/v1/portfolio/summary?account_id={mine}", None),
        ("GET", f"/api/v1/portfolio/equity?account_id={mine}", None),
        ("POST", f"/api/v1/accounts/{mine}/deposits", {"amount": "1"}),
        ("POST", "/api/v1/orders/preview", body(api)),
    ):
        answer = await stranger.http.request(method, path, json=payload)
        assert answer.status_code == 404, path
        assert "AAPL" not in answer.text
    answer = await stranger.http.post("/api/v1/orders", json=body(api), headers={"Idempotency-Key": "key-foreign"})
    assert answer.status_code == 404
    assert (await stranger.http.get("/api/v1/orders")).json()["items"] == []


async def test_only_an_admin_steers_the_replay(api: Api) -> None:
    trader = await api.as_person(await api.desk.person())
    assert (await trader.http.post("/api/v1/replay", json={"speed": 20})).status_code == 403
    assert (await api.http.post("/api/v1/replay", json={"speed": 20})).status_code == 200
    assert (await api.http.post("/api/v1/replay", json={"speed": 200})).status_code == 422


async def test_sign_in_sets_an_httponly_cookie_and_a_revoked_session_is_out_at_once(
    anonymous: httpx.AsyncClient, desk: Desk, database_url: str
) -> None:
    await desk.b.db.run("UPDATE app_user SET role = 'trader'")
    link = issue_setup_link(desk.b.settings, database_url)
    assert link is not None
    token = link.split("token=")[1]
    person = {"email": "Ada@Example.org", "password": "correct horse battery", "display_name": "Ada"}
    weak = await anonymous.post("/api/v1/auth/register", json=person | {"setup_token": token, "password": "short"})
    assert weak.status_code == 422
    assert (await anonymous.post("/api/v1/auth/register", json=person | {"setup_token": "x" * 32})).status_code == 403
    made = await anonymous.post("/api/v1/auth/register", json=person | {"setup_token": token})
    assert (made.status_code, made.json()["role"]) == (201, "owner")
    cookie = made.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    [account] = (await anonymous.get("/api/v1/accounts")).json()["items"]
    assert account["cash"] == "100000.00"
    again = await anonymous.post("/api/v1/auth/register", json=person | {"setup_token": token})
    assert (again.status_code, again.json()["code"]) == (403, "registration_closed")
    assert issue_setup_link(desk.b.settings, database_url) is None

    assert (await anonymous.post("/api/v1/auth/logout")).status_code == 204
    anonymous.cookies.set(cookie_name(desk.b.settings), cookie.split("=")[1].split(";")[0])
    assert (await anonymous.get("/api/v1/auth/me")).status_code == 401

    anonymous.cookies.clear()
    wrong = await anonymous.post("/api/v1/auth/login", json={"email": "ada@example.org", "password": "wrong " * 4})
    nobody = await anonymous.post("/api/v1/auth/login", json={"email": "eve@example.org", "password": "wrong " * 4})
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json() == nobody.json()
    right = await anonymous.post(
        "/api/v1/auth/login", json={"email": "ada@example.org", "password": "correct horse battery"}
    )
    assert right.status_code == 200
    device = next(one for one in right.headers.get_list("set-cookie") if one.startswith("starkmatter_device="))
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in device.split(";")}
    sessions = (await anonymous.get("/api/v1/auth/sessions")).json()["items"]
    assert [one["current"] for one in sessions] == [True]
    stored = await desk.b.db.tuples("SELECT token_hash FROM user_session")
    assert all(right.cookies[cookie_name(desk.b.settings)].encode() not in bytes(row[0]) for row in stored)


async def test_after_too_many_sign_ins_the_answer_says_how_long_to_wait(anonymous: httpx.AsyncClient) -> None:
    guess = {"email": "ada@example.org", "password": "wrong " * 4}
    answers = [await anonymous.post("/api/v1/auth/login", json=guess) for _ in range(6)]
    assert [one.status_code for one in answers] == [401] * 5 + [429]
    refused = answers[-1]
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json()["code"], refused.json()["retry_after_secs"]) == ("too_many_tries", 1)


async def test_a_foreign_page_cannot_sign_anybody_in(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post(
        "/api/v1/auth/login",
        json={"email": "a@example.org", "password": "x" * 12},
        headers={"origin": "https://evil.test"},
    )
    assert answer.status_code == 403


async def test_every_answer_carries_the_security_headers(anonymous: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/api/v1/accounts", "/api/docs", "/nothing"):
        headers = (await anonymous.get(path)).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "server" not in headers


async def test_a_body_past_the_cap_is_refused(api: Api) -> None:
    answer = await api.http.post("/api/v1/orders", content=b"x" * 300_000, headers=KEY)
    assert answer.status_code == 413


async def test_the_documents_are_served_from_here(anonymous: httpx.AsyncClient) -> None:
    spec = (await anonymous.get("/api/v1/openapi.json")).json()
    assert spec["openapi"].startswith("3.1")
    page = await anonymous.get("/api/docs")
    assert "/api/v1/orders" in page.text
    assert "//cdn" not in page.text
    assert "<script" not in page.text


async def test_health_speaks_of_each_part(anonymous: httpx.AsyncClient, desk: Desk) -> None:
    assert (await anonymous.get("/healthz")).json()["status"] == "alive"
    await desk.tell(quote("AAPL 100.00/100.05"))
    ready = await anonymous.get("/readyz")
    parts = {part["name"]: part["ok"] for part in ready.json()["parts"]}
    assert parts["database"] is True
    assert parts["cache"] is True
    assert parts["feed:replay"] is True
    assert parts["worker"] is False
    assert ready.status_code == 503


async def test_metrics_need_this_machine_or_the_token(anonymous: httpx.AsyncClient) -> None:
    assert "starkmatter_build_info" in (await anonymous.get("/metrics")).text
    behind_proxy = await anonymous.get("/metrics", headers={"x-forwarded-for": "203.0.113.7"})
    assert behind_proxy.status_code == 403
