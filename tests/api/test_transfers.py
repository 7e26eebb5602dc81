"""Moving shares over REST: strings, words of refusal, and nobody else's accounts."""

from uuid import uuid4

import pytest

from tests.api.conftest import Api
from tests.builders import Desk
from tests.trading.acting import filled


@pytest.fixture
async def other(api: Api, desk: Desk) -> str:
    """A second account of the same person; the first one holds ten shares."""
    await filled(desk, "buy 10 AAPL")
    made = await api.http.post("/api/v1/accounts", json={"name": "Other", "cash": "1000"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_shares_move_and_are_taken_back(api: Api, desk: Desk, other: str) -> None:
    at = f"/api/v1/accounts/{desk.account_id}/transfers"
    asked = {"to_account_id": other, "symbol": "aapl", "qty": "4", "method": "lifo"}
    answer = await api.http.post(at, json=asked)
    assert answer.status_code == 201, answer.text
    moved = answer.json()
    assert (moved["qty"], moved["worth"], moved["cost"]) == ("4", "400.00", "400.20")
    assert (moved["symbol"], moved["origin"], moved["to_name"], moved["ended_at"]) == ("AAPL", "moved", "Other", None)
    assert (await api.http.get(at)).json()["items"] == [moved]
    assert (await api.http.get(f"/api/v1/accounts/{other}/transfers")).json()["items"] == [moved]
    positions = (await api.http.get(f"/api/v1/positions?account_id={other}")).json()["items"]
    assert [(one["symbol"], one["qty"], one["cost_basis"]) for one in positions] == [("AAPL", "4", "400.20")]
    kinds = [one["kind"] for one in (await api.http.get(f"/api/v1/accounts/{other}/ledger")).json()["items"]]
    assert kinds[0] == "transfer_in"
    back = await api.http.post(f"/api/v1/transfers/{moved['id']}/take-back")
    assert back.status_code == 200, back.text
    assert back.json()["ended_at"] is not None
    again = await api.http.post(f"/api/v1/transfers/{moved['id']}/take-back")
    assert (again.status_code, again.json()["detail"]) == (409, "This move was taken back already.")


async def test_what_does_not_fit_is_refused(api: Api, desk: Desk, other: str) -> None:
    at = f"/api/v1/accounts/{desk.account_id}/transfers"
    good = {"to_account_id": other, "symbol": "AAPL", "qty": "1"}
    for change, status in (
        ({"qty": "11"}, 422),
        ({"qty": "0"}, 422),
        ({"qty": 1.5}, 422),
        ({"method": "average"}, 422),
        ({"lots": [{"lot_id": "1", "qty": "2"}]}, 422),
        ({"on": "2024-01-02"}, 422),
        ({"price": "0"}, 422),
        ({"to_account_id": str(desk.account_id)}, 422),
        ({"to_account_id": str(uuid4())}, 404),
    ):
        answer = await api.http.post(at, json=good | change)
        assert answer.status_code == status, (change, answer.text)
    stranger = await desk.person()
    answer = await api.http.post(at, json=good | {"to_account_id": str(stranger.account_id)})
    assert answer.status_code == 404
    assert (await api.http.get(f"/api/v1/accounts/{stranger.account_id}/transfers")).status_code == 404
    assert (await api.http.post(f"/api/v1/transfers/{uuid4()}/take-back")).status_code == 404
    assert (await api.http.get(at)).json()["items"] == []
