"""Every route of REST, called by everybody with the ids of somebody else: what the matrix says happens, and no more."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from starkmatter.accounts.records import ADMIN_ROLES, ASKING_ROLES, TRADING_ROLES
from starkmatter.api.app import API_PREFIX
from starkmatter.api.matrix import RULES, STREAM
from tests.api.described import described
from tests.security.conftest import FILL_SECS, Estate
from tests.security.product import Product, tracebacks

pytestmark = pytest.mark.process

LEAST = {"analyst": ASKING_ROLES, "trader": TRADING_ROLES, "admin": ADMIN_ROLES}
# What somebody who is let in to trade may do with any body at all.
OF_TRADERS = {"POST /baskets/{basket_id}/review", "POST /accounts/{account_id}/rebalance/basket"}
GUESSES = {
    "symbol": "AAPL",
    "qty": "1",
    "side": "sell",
    "type": "market",
    "time_in_force": "day",
    "email": "mallory@example.org",
    "level": "trade",
    "amount": "-1",
    "cash": "1000",
    "name": "Mallory",
    "kind": "price_above",
    "threshold": "1",
    "venue": "replay",
    "broker": "paper",
    "currency": "USD",
    "grant_type": "api_token",
    "period": "2021",
    "label": "Mallory",
}


@dataclass(frozen=True)
class Call:
    """One request that names things of the owner wherever it can."""

    key: str
    method: str
    path: str
    query: dict[str, str]
    body: Any

    def send(self, http: httpx.Client) -> httpx.Response:
        headers = {"connection": "close", "idempotency-key": f"matrix-{uuid4()}"}
        return http.request(self.method, self.path, params=self.query, json=self.body, headers=headers)


# One that was taken back: it asks nothing of the books.
MOVED = """
INSERT INTO lot_transfer (id, from_account_id, to_account_id, symbol, qty, worth, cost, lots, lot_qtys, origin,
                          out_entry_id, in_entry_id, venue_at, booked_at, ended_at)
SELECT %(id)s, %(from)s, %(to)s, 'AAPL', 1, 1, 1, '{}', '{}', 'moved', min(id), max(id), now(), now(), now()
  FROM ledger_entry WHERE account_id = %(from)s
"""


@pytest.fixture(scope="module")
def things(product: Product, estate: Estate) -> dict[str, str]:
    """The ids of what the owner has, by the name a route gives them."""
    found = {
        "account_id": str(estate.account_id),
        "order_id": str(estate.working_id),
        "fill_id": str(estate.fill_id),
        "session_id": str(estate.session_id),
        "user_id": str(estate.owner.id),
        "feed_id": str(uuid4()),
        "proposal_id": str(uuid4()),
        "passkey_id": str(uuid4()),
        "provider": "oidc",
        "kind": "alpaca",
        "name": "no_such_job",
        "symbol": "AAPL",
    }
    with product.database() as connection:
        found["identity_id"] = str(uuid4())
        connection.execute(
            "INSERT INTO oidc_identity (id, user_id, provider, issuer, subject, label, created_at)"
            " VALUES (%s, %s, 'oidc', 'https://id.example', %s, 'canary-7f3a91', now())",
            (found["identity_id"], estate.owner.id, f"canary-7f3a91-{found['identity_id']}"),
        )
        found["import_id"], found["mapping_id"] = str(uuid4()), str(uuid4())
        connection.execute(
            "INSERT INTO portfolio_import (id, account_id, user_id, origin, file_name, file_bytes, state, created_at,"
            " changed_at) VALUES (%s, %s, %s, 'file', 'canary-7f3a91', 1, 'read', now(), now())",
            (found["import_id"], found["account_id"], estate.owner.id),
        )
        connection.execute(
            "INSERT INTO import_line (import_id, outcome, place, line_no, words)"
            " VALUES (%s, 'booked', 0, 1, 'canary-7f3a91')",
            (found["import_id"],),
        )
        connection.execute(
            "INSERT INTO import_mapping (id, user_id, name, mapping, updated_at) VALUES (%s, %s, %s, '{}', now())",
            (found["mapping_id"], estate.owner.id, f"canary-7f3a91-{found['mapping_id']}"),
        )
    alert = {"venue": "replay", "symbol": "AAPL", "kind": "price_above", "threshold": "9999", "note": "canary-7f3a91"}
    token = {"name": "canary-7f3a91", "scopes": ["read"]}
    drawing = {"venue": "replay", "symbol": "AAPL", "kind": "text", "words": "canary-7f3a91"}
    drawing["points"] = [{"at": "2021-03-01T15:00:00Z", "price": "100"}]
    ticket = {"account_id": found["account_id"], "symbol": "AAPL", "side": "buy", "qty": "1"}
    ticket |= {"thesis": "canary-7f3a91", "invalidation": "canary-7f3a91"}
    basket = {"account_id": found["account_id"], "name": "canary-7f3a91"}
    basket["lines"] = [{"symbol": "AAPL", "side": "buy", "qty": "1"}]
    link = {"account_ids": [found["account_id"]], "period": "2021", "label": "canary-7f3a91"}
    with product.client(estate.owner) as http:
        for name, path, body in (
            ("approval_id", "approvals", ticket),
            ("basket_id", "baskets", basket),
            ("alert_id", "alerts", alert),
            ("chat_id", "assistant/chats", {"title": "canary-7f3a91"}),
            ("token_id", "tokens", token),
            ("drawing_id", "chart/drawings", drawing),
            ("template_id", "chart/templates", {"name": "canary-7f3a91", "look": {}}),
            ("watchlist_id", "watchlists", {"venue": "replay", "name": f"canary-7f3a91-{uuid4().hex[:8]}"}),
            ("schedule_id", "report-schedules", {"account_ids": [found["account_id"]], "every": "month"}),
            ("link_id", "report-links", link),
            ("screen_id", "screens", {"name": f"canary-7f3a91-{uuid4().hex[:8]}", "screen": {}}),
        ):
            answer = http.post(f"{API_PREFIX}/{path}", json=body)
            assert answer.status_code == 201, answer.text
            found[name] = answer.json()["id"]
        two = {"venue": "replay", "name": f"canary-7f3a91-{uuid4().hex[:8]}", "symbols": ["AAPL", "MSFT"]}
        listed = http.post(f"{API_PREFIX}/watchlists", json=two).json()["id"]
        question = {"goal": "least_risk", "watchlist_id": listed}
        answer = http.post(f"{API_PREFIX}/accounts/{found['account_id']}/optimizations", json=question)
        assert answer.status_code == 202, answer.text
        found["optimization_id"] = answer.json()["id"]
        _answered(http, found["optimization_id"])
        aims = {"by": "symbol", "targets": [{"name": "AAPL", "percent": "100"}], "cash_pct": "0", "tolerance_pct": "0"}
        answer = http.put(f"{API_PREFIX}/accounts/{found['account_id']}/targets", json=aims)
        assert answer.status_code == 200, answer.text
        found["entry"] = _sold(http, found["account_id"])
        other = http.post(f"{API_PREFIX}/accounts", json={"name": "canary-7f3a91", "cash": "1"}).json()["id"]
    found["transfer_id"] = str(uuid4())
    with product.database() as connection:
        connection.execute(MOVED, {"id": found["transfer_id"], "from": found["account_id"], "to": other})
    return found


def _answered(http: httpx.Client, optimization_id: str) -> None:
    """Wait until the worker is done with it: then its row stays as it is."""
    deadline = time.monotonic() + FILL_SECS
    while http.get(f"{API_PREFIX}/optimizations/{optimization_id}").json()["ended_at"] is None:
        assert time.monotonic() < deadline, "the worker did not answer"
        time.sleep(0.2)


def _sold(http: httpx.Client, account_id: str) -> str:
    """The ledger entry of a sale of the owner's."""
    order = {"account_id": account_id, "symbol": "AAPL", "side": "sell", "type": "market", "qty": "1"}
    order |= {"time_in_force": "day", "acknowledge": ["wash_sale", "good_faith"]}
    placed = http.post(f"{API_PREFIX}/orders", json=order, headers={"idempotency-key": f"sold-{uuid4()}"})
    assert placed.status_code == 201, placed.text
    deadline = time.monotonic() + FILL_SECS
    while not (sales := http.get(f"{API_PREFIX}/portfolio/gains?account_id={account_id}").json()["sales"]):
        assert time.monotonic() < deadline, "the sale did not fill"
        time.sleep(0.2)
    return str(sales[0]["entry_id"])


def calls(things: dict[str, str]) -> Iterator[Call]:
    spec = described()
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            key = f"{method.upper()} {path.removeprefix(API_PREFIX)}"
            filled, query = path, {}
            for parameter in operation.get("parameters", []):
                name = parameter["name"]
                if parameter["in"] == "path":
                    filled = filled.replace(f"{{{name}}}", things[name])
                elif parameter["in"] == "query" and (name in things or parameter.get("required")):
                    query[name] = things.get(name) or GUESSES.get(name, "AAPL")
            body = None
            if content := operation.get("requestBody", {}).get("content", {}).get("application/json"):
                body = _guess(spec, content["schema"], things)
            yield Call(key, method.upper(), filled, query, body)


def _guess(spec: dict[str, Any], schema: dict[str, Any], things: dict[str, str], name: str = "") -> Any:
    """A body of the right form, with the owner's ids in it."""
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if name in things and name not in {"kind", "name"}:
        return things[name]
    if "properties" in schema:
        return {
            one: _guess(spec, part, things, one) for one, part in schema["properties"].items() if _wanted(schema, one)
        }
    if "anyOf" in schema or "oneOf" in schema:
        return _guess(spec, (schema.get("anyOf") or schema["oneOf"])[0], things, name)
    if "enum" in schema:
        return GUESSES[name] if GUESSES.get(name) in schema["enum"] else schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    if kind == "array":
        return [_guess(spec, schema["items"], things)]
    if kind in {"integer", "number"}:
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return True
    return GUESSES.get(name, "x" * max(12, schema.get("minLength", 0))) if kind == "string" else {}


def _wanted(schema: dict[str, Any], name: str) -> bool:
    return name in schema.get("required", []) or name.endswith("_id") or name in {"role", "disabled", "title"}


def test_the_matrix_decides_every_route(things: dict[str, str]) -> None:
    assert {one.key for one in calls(things)} <= set(RULES)
    assert len(set(RULES) - {STREAM}) > 80


@pytest.mark.parametrize("role", [None, "viewer", "analyst", "trader"])
def test_every_route_answers_as_the_matrix_says_and_nobody_learns_or_changes_a_thing(
    product: Product, estate: Estate, things: dict[str, str], role: str | None
) -> None:
    person = product.person(role) if role else None
    before, mark = product.tables(but_of=person), product.log_mark
    wrong: dict[str, object] = {}
    with product.client(person) as http:
        for call in calls(things):
            if call.key == "POST /auth/logout":
                continue
            answer = call.send(http)
            fits = _expected(call.key, role, answer)
            ids = [one for name, one in things.items() if name.endswith("_id")]
            secrets = [one for one in (*estate.secrets, *ids) if one not in _said(call)]
            leaked = [one for one in secrets if one in answer.text]
            if not fits or leaked or answer.status_code >= 500:
                wrong[call.key] = (answer.status_code, leaked, answer.text[:200])
    assert wrong == {}
    assert product.tables(but_of=person) == before
    assert tracebacks(product.log_since(mark)) == []


def _expected(key: str, role: str | None, answer: httpx.Response) -> bool:
    rule, status = RULES[key], answer.status_code
    if rule.who == "anyone":
        return True
    if role is None:
        return status == 401
    if rule.who in LEAST and role not in LEAST[rule.who]:
        return status == 403
    # Somebody else's things: by their path they are not there; a list that is asked for them is empty.
    by_path = rule.reach and "{" in key
    return status in {403, 404, 422} if by_path or key in {"POST /orders", "POST /orders/preview"} else status != 401


def _said(call: Call) -> str:
    """What the caller said themselves and may hear again."""
    return f"{call.path} {call.query} {call.body}"


def test_an_admin_reaches_nobodys_accounts_orders_chats_or_sessions(
    product: Product, estate: Estate, things: dict[str, str]
) -> None:
    person = product.person("admin")
    before = product.tables(but_of=person)
    reached = {}
    with product.client(person) as http:
        for call in calls(things):
            if not RULES[call.key].reach:
                continue
            answer = call.send(http)
            leaked = [one for one in estate.secrets if one in answer.text and one not in _said(call)]
            if leaked or answer.status_code >= 500 or not _expected(call.key, "admin", answer):
                reached[call.key] = (answer.status_code, leaked)
    assert reached == {}
    assert product.tables(but_of=person) == before


@pytest.mark.parametrize("level", ["view", "trade"])
def test_who_is_let_in_reaches_what_the_matrix_says_and_no_more(
    product: Product, estate: Estate, things: dict[str, str], level: str
) -> None:
    person = product.person("trader")
    product.prove(estate.owner.email)
    with product.client(estate.owner) as http:
        body = {"email": person.email, "level": level}
        assert http.post(f"{API_PREFIX}/accounts/{estate.account_id}/shares", json=body).status_code == 201
    wrong = {}
    try:
        with product.client(person) as http:
            for call in calls(things):
                rule = RULES[call.key]
                if not rule.reach or "{" not in call.key or call.key.startswith(("DELETE /orders", "DELETE /baskets")):
                    continue
                if call.key == "DELETE /accounts/{account_id}/targets" or (level == "trade" and call.key in OF_TRADERS):
                    continue
                if call.key.endswith("/shares/{user_id}") or call.key.endswith(("/broker", "/margin")):
                    continue
                reached = call.send(http).status_code
                if (reached < 300) != (rule.reach == "view"):
                    wrong[call.key] = reached
            canceled = http.delete(f"{API_PREFIX}/orders/{uuid4()}").status_code
            order = {"account_id": str(estate.account_id), "symbol": "AAPL", "side": "sell", "type": "limit"}
            order |= {"qty": "1", "limit_price": "9000.00", "time_in_force": "day"}
            placed = http.post(f"{API_PREFIX}/orders", json=order, headers={"idempotency-key": f"shared-{uuid4()}"})
            if placed.status_code == 201:
                canceled = http.delete(f"{API_PREFIX}/orders/{placed.json()['id']}").status_code
    finally:
        with product.client(estate.owner) as http:
            http.delete(f"{API_PREFIX}/accounts/{estate.account_id}/shares/{person.id}")
    assert wrong == {}
    assert (placed.status_code, canceled) == ((201, 202) if level == "trade" else (403, 404))
