"""REST with texts PostgreSQL cannot take and values of the wrong kind: refused in words, never a server error."""

import pytest

from tests.security.conftest import Estate
from tests.security.product import Product, tracebacks

pytestmark = pytest.mark.process

NASTY = ("\x00", "a\x00b", "\x80\xff", "'" * 60, "٣", "%", "\\", "x" * 5_000)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_a_nasty_text_is_no_server_error(product: Product, estate: Estate, text: str) -> None:
    mark = product.log_mark
    order = {"account_id": str(estate.account_id), "side": "buy", "type": "market", "qty": "1", "time_in_force": "day"}
    with product.client(estate.owner) as http:
        answers = [
            http.get("/api/v1/instruments", params={"query": text}),
            http.get("/api/v1/quotes", params={"symbols": text}),
            http.get("/api/v1/bars", params={"symbol": text}),
            http.get("/api/v1/orders", params={"status": text}),
            http.get("/api/v1/orders", params={"cursor": text}),
            http.get("/api/v1/news", params={"symbols": text}),
            http.get("/api/v1/news", params={"cursor": text}),
            http.post("/api/v1/news/feeds", json={"url": text, "title": text}),
            http.patch(f"/api/v1/news/feeds/{estate.account_id}", json={"title": text}),
            http.post("/api/v1/orders/preview", json={**order, "symbol": text}),
            http.post("/api/v1/orders", json={**order, "symbol": text}, headers={"idempotency-key": "nasty-0001"}),
            http.post("/api/v1/auth/login", json={"email": text, "password": text}),
            http.post("/api/v1/accounts", json={"name": text, "venue": "replay", "currency": text, "cash": "1"}),
            http.post(f"/api/v1/accounts/{estate.account_id}/deposits", json={"amount": text}),
        ]
    assert [(one.request.url.path, one.status_code) for one in answers if one.status_code >= 500] == []
    assert tracebacks(product.log_since(mark)) == []
