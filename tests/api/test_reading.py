"""GET changes nothing: every such route answers on connections that cannot write."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from psycopg.errors import ReadOnlySqlTransaction

from starkmatter.api.matrix import RULES
from starkmatter.backends import Backends, set_backends
from starkmatter.db.database import Database
from starkmatter.errors import Unavailable
from tests.api.conftest import Api
from tests.builders import Desk, quote

# On its way to another house and back a browser can only GET; what that uses up is held by a cookie and counts once.
OF_THE_WORKER = {"/readyz", "/overview", "/screener.csv"}
JOURNEYS = {"/auth/oidc/{provider}/start", "/auth/oidc/{provider}/callback"}
READS = sorted({route.removeprefix("GET ") for route in RULES if route.startswith("GET ")} - JOURNEYS)
QUERIES = {
    "/instruments": {"query": "AAPL"},
    "/quotes": {"symbols": "AAPL"},
    "/bars": {"symbol": "AAPL"},
    "/ticks": {"symbol": "AAPL"},
    "/fx": {"base": "USD", "quote": "EUR"},
    "/corporate-actions": {"symbol": "AAPL"},
    "/indicators": {"symbol": "AAPL", "names": "sma:5"},
    "/chart/events": {"symbol": "AAPL"},
    "/chart/drawings": {"symbol": "AAPL"},
    "/clock": {"venue": "replay"},
    "/assistant/brief": {"symbol": "AAPL"},
}


@pytest.fixture
async def read_only(desk: Desk, database_url: str) -> AsyncIterator[Backends]:
    """The same database, which refuses every write; when a session was last seen was just noted."""
    opened = Database(database_url, name="read only", max_size=4)
    opened._options["options"] += " -c default_transaction_read_only=on"
    await opened.open()
    yield Backends(desk.b.settings, opened, desk.b.cache)
    await opened.close()


async def an_import(api: Api) -> str:
    """A file that waits to be read."""
    account = await api.http.post("/api/v1/accounts", json={"name": "Elsewhere", "broker": "tracked"})
    assert account.status_code == 201, account.text
    sent = await api.http.post(
        f"/api/v1/accounts/{account.json()['id']}/imports",
        content=b"at,kind,amount",
        headers={"content-type": "application/octet-stream"},
    )
    assert sent.status_code == 202, sent.text
    return str(sent.json()["id"])


async def test_every_route_that_reads_writes_nothing(api: Api, desk: Desk, read_only: Backends) -> None:
    await desk.tell(quote("AAPL 100.00/100.05"))
    body = {"symbol": "AAPL", "side": "buy", "type": "market", "qty": "1", "time_in_force": "day"}
    order = await api.http.post(
        "/api/v1/orders", json={**body, "account_id": str(desk.account_id)}, headers={"idempotency-key": "key-0000001"}
    )
    await desk.broker.drain()
    order_id = order.json()["id"]
    fills = (await api.http.get(f"/api/v1/orders/{order_id}/fills")).json()["items"]
    chat = await api.http.post("/api/v1/assistant/chats", json={})
    proposal = {"symbol": "AAPL", "side": "buy", "qty": "1", "thesis": "x", "invalidation": "x"}
    approval = await api.http.post("/api/v1/approvals", json=proposal | {"account_id": str(desk.account_id)})
    basket = {"account_id": str(desk.account_id), "name": "x", "lines": [{"symbol": "AAPL", "side": "buy", "qty": "1"}]}
    held = {"venue": "replay", "name": "two", "symbols": ["AAPL", "MSFT"]}
    listed = (await api.http.post("/api/v1/watchlists", json=held)).json()["id"]
    question = {"goal": "least_risk", "watchlist_id": listed}
    asked = await api.http.post(f"/api/v1/accounts/{desk.account_id}/optimizations", json=question)
    assert asked.status_code == 202, asked.text
    ids = {
        "optimization_id": asked.json()["id"],
        "basket_id": (await api.http.post("/api/v1/baskets", json=basket)).json()["id"],
        "approval_id": approval.json()["id"],
        "account_id": str(desk.account_id),
        "order_id": order_id,
        "fill_id": fills[0]["id"],
        "entry": "1",
        "chat_id": chat.json()["id"],
        "name": "backup",
        "proposal_id": str(uuid4()),
        "watchlist_id": (await api.http.post("/api/v1/watchlists", json={"venue": "replay", "name": "x"})).json()["id"],
        "screen_id": (await api.http.post("/api/v1/screens", json={"name": "x", "screen": {}})).json()["id"],
        "symbol": "AAPL",
        "import_id": await an_import(api),
        "token": "sml_" + "x" * 49,
    }
    set_backends(read_only)
    with pytest.raises(Unavailable) as refused:  # as a server that may only read is to us
        await read_only.db.run("UPDATE app_user SET display_name = 'x'")
    assert isinstance(refused.value.__cause__, ReadOnlySqlTransaction)
    answers = {}
    for route in READS:
        path = route.format(**ids) if "{" in route else route
        outside = ("/healthz", "/readyz", "/metrics", "/.well-known", "/api/", "/shared/")
        at = path if path.startswith(outside) else f"/api/v1{path}"
        query = QUERIES.get(route, {"account_id": ids["account_id"], "period": "2021-03"})
        answers[route] = (await api.http.get(at, params=query)).status_code
    assert {route: status for route, status in answers.items() if status >= 500 and route not in OF_THE_WORKER} == {}
    assert len([status for status in answers.values() if status == 200]) > len(READS) * 0.8, answers
