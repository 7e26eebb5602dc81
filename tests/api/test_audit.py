"""The audit log over REST: admins only, by filter, page by page, and as a CSV in which nothing acts as a formula."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO

import httpx
import pytest

from starkmatter.accounts.audit.records import SYSTEM, Actor
from starkmatter.accounts.audit.trail import append, event
from tests.api.conftest import Api

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


async def fill(api: Api) -> None:
    """Nine events on nine days, three of each action, every other one by the caller."""
    me = Actor("session", "203.0.113.7", api.desk.caller.user_id, "=cmd|' /C calc'!A0")
    for number, action in enumerate(["person.kept_out", "order.submitted", "order.filled"] * 3):
        who = me if number % 2 else SYSTEM
        at = AT + timedelta(days=number)
        subject = ("order", f"o-{number}") if action.startswith("order") else ("person", api.desk.caller.user_id)
        await append(api.desk.b, [event(who, action, subject, after={"n": number}, at=at)])


async def actions(api: Api, **params: str) -> list[str]:
    answer = await api.http.get("/api/v1/audit", params=params)
    assert answer.status_code == 200, answer.text
    return [
        one["action"] for one in answer.json()["items"] if one["action"] not in {"session.opened", "account.opened"}
    ]


async def test_filters(api: Api) -> None:
    await fill(api)
    assert await actions(api, action="order.") == ["order.filled", "order.submitted"] * 3
    assert await actions(api, action="order_") == []
    assert await actions(api, subject="order/o-4") == ["order.submitted"]
    assert len(await actions(api, subject="order")) == 6
    mine = str(api.desk.caller.user_id)
    assert len(await actions(api, person=mine)) == 4 + 2, "acted, or was acted upon"
    assert await actions(api, action="order.", start="2026-11-08T00:00:00Z") == ["order.filled", "order.submitted"]
    assert await actions(api, start="2026-11-01T00:00:00Z", end="2026-11-03T12:00:00Z") == [
        "order.submitted",
        "person.kept_out",
    ]


async def test_one_event_tells_everything(api: Api) -> None:
    await fill(api)
    (one,) = (await api.http.get("/api/v1/audit", params={"subject": "order/o-1"})).json()["items"]
    assert len(one.pop("hash")) == 64
    assert one == {
        "sequence": one["sequence"],
        "at": "2026-11-02T12:00:00Z",
        "actor_id": str(api.desk.caller.user_id),
        "actor_name": "=cmd|' /C calc'!A0",
        "via": "session",
        "ip": "203.0.113.7",
        "action": "order.submitted",
        "subject_type": "order",
        "subject_id": "o-1",
        "before": None,
        "after": {"n": 1},
    }


async def test_pages_follow_each_other_without_a_gap(api: Api) -> None:
    await fill(api)
    seen, cursor = [], None
    while True:
        params = {"limit": "4"} | ({"cursor": cursor} if cursor else {})
        page = (await api.http.get("/api/v1/audit", params=params)).json()
        seen += [one["sequence"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == list(range(max(seen), 0, -1))


@pytest.mark.parametrize(
    "params",
    [
        {"cursor": "x"},
        {"cursor": "0"},
        {"cursor": "9999999999999999999"},
        {"person": "nobody"},
        {"start": "2026-11-01T00:00:00"},
        {"limit": "501"},
    ],
)
async def test_what_cannot_be_understood_is_said(api: Api, params: dict[str, str]) -> None:
    assert (await api.http.get("/api/v1/audit", params=params)).status_code == 422


@pytest.mark.parametrize("path", ["/api/v1/audit", "/api/v1/audit.csv"])
async def test_only_admins_read_it(api: Api, anonymous: httpx.AsyncClient, path: str) -> None:
    assert (await anonymous.get(path)).status_code == 401
    for role, status in (("viewer", 403), ("trader", 403), ("admin", 200)):
        other = await api.as_person(await api.desk.person(role))
        assert (await other.http.get(path)).status_code == status


async def test_the_csv_has_the_same_events_and_no_formula(api: Api) -> None:
    await fill(api)
    answer = await api.http.get("/api/v1/audit.csv", params={"action": "order."})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [row["action"] for row in rows] == ["order.filled", "order.submitted"] * 3
    assert {row["actor_name"] for row in rows} == {"", "'=cmd|' /C calc'!A0"}
    assert rows[0]["after"] == '{"n": 8}'


async def test_what_is_done_over_rest_carries_the_address_of_whoever_asked(api: Api) -> None:
    account = {"account_id": str(api.desk.account_id)}
    await api.http.post(f"/api/v1/accounts/{account['account_id']}/deposits", json={"amount": "5"})
    await api.http.post("/api/v1/jobs/audit log/runs")
    items = (await api.http.get("/api/v1/audit", params={"limit": "2"})).json()["items"]
    assert [(one["action"], one["ip"], one["via"]) for one in items] == [
        ("job.asked", "127.0.0.1", "session"),
        ("cash.deposited", "127.0.0.1", "session"),
    ]
