"""Imports over REST: a file in, its dry run out, steps that are refused in words, and files that mean harm."""

import asyncio
from typing import Any

import pytest

from starkmatter.clock import utc_now
from starkmatter.domain.sessions import exchange_day
from starkmatter.portfolio.importing.work import work_once
from tests.api.conftest import Api
from tests.portfolio.importing import SAMPLES, always, table

BYTES = {"content-type": "application/octet-stream"}
DEPOSIT = table("2024-01-02,deposit,,,,1000.00,,,")
BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
    b"<FlexQueryResponse><FlexStatements>&c;</FlexStatements></FlexQueryResponse>"
)
# What is refused as a whole, with a word of why.
HOSTILE = {
    "entities": (BILLION_LAUGHS, ""),
    "nothing but a NUL": (b"a\0b", "not text"),
    "a zip": (b"PK\x03\x04" + b"\0" * 200, ""),
    "deep JSON": (b"[" * 5_000 + b"]" * 5_000, ""),
    "a cell of a megabyte": (b"at,kind,amount\n" + b"x" * 1_000_000, ""),
    "a thousand columns": (b",".join(b"c%d" % n for n in range(1_000)) + b"\n1\n", ""),
    "too many lines": (b"at,kind,amount\n" + b"2024-01-02,deposit,1\n" * 60_000, "50,000"),
}


async def tracked(api: Api, currency: str = "USD") -> str:
    answer = await api.http.post(
        "/api/v1/accounts", json={"name": "Elsewhere", "broker": "tracked", "currency": currency}
    )
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["broker"], body["mode"], body["venue"], body["currency"]) == ("tracked", "live", "market", currency)
    return str(body["id"])


async def send(api: Api, account: str, content: bytes, name: str = "file.csv", **query: str) -> Any:
    path = f"/api/v1/accounts/{account}/imports"
    return await api.http.post(path, content=content, headers=BYTES, params={"file_name": name, **query})


async def worked(api: Api, import_id: str) -> Any:
    """The import after the worker has done what waits."""
    while await work_once(api.desk.b, always):
        pass
    return (await api.http.get(f"/api/v1/imports/{import_id}")).json()


async def step(api: Api, import_id: str, verb: str, body: Any = None) -> Any:
    return await api.http.post(f"/api/v1/imports/{import_id}/{verb}", json=body)


async def test_a_file_is_read_confirmed_booked_and_taken_back(api: Api) -> None:
    account = await tracked(api)
    sent = await send(api, account, (SAMPLES / "schwab.csv").read_bytes(), "../../etc/statement.csv")
    assert sent.status_code == 202, sent.text
    assert (sent.json()["state"], sent.json()["file_name"]) == ("uploaded", "statement.csv")
    read = await worked(api, sent.json()["id"])
    assert (read["state"], read["format"]) == ("read", "schwab")
    assert read["summary"]["counts"] == {"booked": 9, "known": 0, "not_booked": 0, "problem": 0, "note": 1}
    assert read["stated"] == [
        {"name": "Change in cash", "currency": "USD", "stated": "3423.88", "come": "3423.88", "agrees": True}
    ]
    lines = await api.http.get(f"/api/v1/imports/{read['id']}/lines", params={"limit": 4})
    assert (len(lines.json()["items"]), lines.json()["next_cursor"]) == (4, "4")
    rest = await api.http.get(f"/api/v1/imports/{read['id']}/lines", params={"limit": 50, "cursor": "4"})
    assert (len(rest.json()["items"]), rest.json()["next_cursor"]) == (5, None)
    assert (await step(api, read["id"], "confirm")).status_code == 202
    assert (await worked(api, read["id"]))["state"] == "booked"
    assert (await api.http.get(f"/api/v1/accounts/{account}")).json()["cash"] == "3423.88"
    again = await step(api, read["id"], "confirm")
    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"
    assert "it is booked" in again.json()["detail"]
    assert (await step(api, read["id"], "undo")).status_code == 202
    assert (await worked(api, read["id"]))["state"] == "undone"
    assert (await api.http.get(f"/api/v1/accounts/{account}")).json()["cash"] == "0.00"
    listed = (await api.http.get("/api/v1/imports", params={"account_id": account})).json()
    assert [one["id"] for one in listed["items"]] == [read["id"]]


async def test_a_table_is_read_by_a_mapping_that_is_kept(api: Api) -> None:
    account = await tracked(api)
    content = b"Day;What;Money\n01/02/2024;in;10,50\n"
    sent = await send(api, account, content)
    asked = await worked(api, sent.json()["id"])
    assert (asked["state"], asked["columns"]["heading"]) == ("needs_mapping", ["Day", "What", "Money"])
    mapping = {"columns": {"at": "day", "kind": "what", "amount": "money"}, "date_order": "dmy", "decimal_mark": ","}
    mapping |= {"kinds": {"in": "deposit"}}
    kept = await api.http.post("/api/v1/import-mappings", json={"name": "Mine", "mapping": mapping})
    assert kept.status_code == 201, kept.text
    assert [one["name"] for one in (await api.http.get("/api/v1/import-mappings")).json()["items"]] == ["Mine"]
    assert (await step(api, asked["id"], "read", {"mapping": mapping})).status_code == 202
    read = await worked(api, asked["id"])
    assert (read["state"], read["summary"]["cash"], read["summary"]["first_at"][:10]) == ("read", "10.5", "2024-02-01")
    wrong = await step(api, asked["id"], "read", {"mapping": mapping | {"zone": "Mars/Olympus"}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "import_unreadable")
    assert (await api.http.delete(f"/api/v1/import-mappings/{kept.json()['id']}")).status_code == 204
    assert (await api.http.delete(f"/api/v1/import-mappings/{kept.json()['id']}")).status_code == 404


async def test_entries_are_typed_in(api: Api) -> None:
    account = await tracked(api)
    path = f"/api/v1/accounts/{account}/entries"
    taken = await api.http.post(path, json={"kind": "deposit", "on": "2024-01-02", "amount": "1000", "qty": ""})
    assert taken.status_code == 202, taken.text
    assert (await worked(api, taken.json()["id"]))["state"] == "booked"
    today = exchange_day(utc_now()).isoformat()  # at any hour, also before the noon that stands for a day
    taken_today = await api.http.post(path, json={"kind": "deposit", "on": today, "amount": "1"})
    assert taken_today.status_code == 202, taken_today.text
    assert (await worked(api, taken_today.json()["id"]))["state"] == "booked"
    for body in ({"kind": "deposit", "amount": "1"}, {"kind": "split", "on": "2024-01-02"}, {"kind": "buy", "on": "x"}):
        assert (await api.http.post(path, json=body)).status_code == 422
    old = await api.http.post(path, json={"kind": "deposit", "at": "0001-01-01T00:00:00Z", "amount": "1"})
    assert (old.status_code, old.json()["detail"]) == (422, "The day must be in 1900 or later.")
    number = await api.http.post(path, json={"kind": "deposit", "on": "2024-01-02", "amount": 10.5})
    assert number.status_code == 422


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_file_that_means_harm_is_refused_whole_and_nothing_of_it_stays(api: Api, name: str) -> None:
    account = await tracked(api)
    content, word = HOSTILE[name]
    sent = await send(api, account, content)
    assert sent.status_code == 202, sent.text
    ended = await worked(api, sent.json()["id"])
    assert ended["state"] in {"failed", "needs_mapping"}, ended
    assert word in ended["words"]
    assert ended["words"].endswith((".", "!"))
    assert await api.desk.b.db.value("SELECT count(*) FROM import_line") == 0
    assert await api.desk.b.db.value("SELECT count(*) FROM import_booking") == 0


async def test_uploads_have_bounds(api: Api) -> None:
    account = await tracked(api)
    path = f"/api/v1/accounts/{account}/imports"
    assert (await api.http.post(path, content=DEPOSIT, headers={"content-type": "text/csv"})).status_code == 422
    assert (await api.http.post(path, files={"file": ("x.csv", DEPOSIT)})).status_code == 422
    assert (await send(api, account, b"")).status_code == 422
    assert (await send(api, account, DEPOSIT, format="word")).status_code == 422
    large = await send(api, account, b"x" * (32 * 1024 * 1024 + 1))
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    # Only that route takes as much.
    assert (await api.http.post("/api/v1/alerts", content=b"x" * 300_000)).status_code == 413
    for _ in range(5):
        assert (await send(api, account, DEPOSIT)).status_code == 202
    assert (await send(api, account, DEPOSIT)).status_code == 429


async def test_who_may_not_import_is_refused_before_the_file_is_read(api: Api, anonymous: Any) -> None:
    account = await tracked(api)
    path = f"/api/v1/accounts/{account}/imports"
    read = 0

    async def body() -> Any:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"x" * 65_536

    anonymous.cookies.clear()
    assert (await anonymous.post(path, content=body(), headers=BYTES)).status_code == 401
    assert read <= 1
    foreign = await api.http.post(path, content=DEPOSIT, headers=BYTES | {"origin": "https://evil.test"})
    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_origin")


async def test_an_import_is_nobody_elses(api: Api) -> None:
    account = await tracked(api)
    sent = (await send(api, account, DEPOSIT)).json()["id"]
    await worked(api, sent)
    other = await api.as_person(await api.desk.person("trader"))
    viewer = await api.as_person(await api.desk.person("viewer"))
    for path in (f"/imports/{sent}", f"/imports/{sent}/lines"):
        assert (await other.http.get(f"/api/v1{path}")).status_code == 404
    for verb in ("confirm", "cancel", "undo"):
        assert (await step(other, sent, verb)).status_code == 404
        assert (await step(viewer, sent, verb)).status_code == 403
    assert (await step(other, sent, "read", {})).status_code == 404
    assert (await send(other, account, DEPOSIT)).status_code == 404
    entry = {"kind": "deposit", "on": "2024-01-02", "amount": "1"}
    assert (await other.http.post(f"/api/v1/accounts/{account}/entries", json=entry)).status_code == 404
    assert (await other.http.get("/api/v1/imports")).json()["items"] == []
    paper = await send(api, str(api.desk.account_id), DEPOSIT)
    assert (paper.status_code, paper.json()["code"]) == (409, "conflict")


async def test_canceling_is_for_good_and_asked_twice_refused(api: Api) -> None:
    account = await tracked(api)
    sent = (await send(api, account, DEPOSIT)).json()["id"]
    await worked(api, sent)
    canceled, _ = await asyncio.gather(*(step(api, sent, verb) for verb in ("cancel", "confirm")))
    assert canceled.status_code == 202
    assert (await worked(api, sent))["state"] == "canceled"
    assert (await step(api, sent, "cancel")).status_code == 409
