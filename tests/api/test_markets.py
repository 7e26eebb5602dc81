"""Watchlists, screens, figures and sessions over HTTP."""

import csv
from io import StringIO

from tests.api.conftest import Api


async def test_a_list_is_made_changed_exported_and_deleted(api: Api) -> None:
    http = api.http
    first = (await http.get("/api/v1/watchlists", params={"venue": "replay"})).json()["items"]
    assert [one["name"] for one in first] == ["Watchlist"]
    made = await http.post("/api/v1/watchlists", json={"venue": "replay", "name": "Mine", "symbols": ["MSFT", "AAPL"]})
    assert made.status_code == 201
    path = f"/api/v1/watchlists/{made.json()['id']}"
    changed = await http.patch(path, json={"name": "Ours", "symbols": ["AAPL", "^GSPC", "MSFT"], "place": 0})
    assert changed.json()["symbols"] == ["AAPL", "^GSPC", "MSFT"]
    lists = (await http.get("/api/v1/watchlists", params={"venue": "replay"})).json()["items"]
    assert [one["name"] for one in lists] == ["Ours", "Watchlist"]
    rows = list(csv.DictReader(StringIO((await http.get(f"{path}.csv")).text)))
    assert [row["symbol"] for row in rows] == ["AAPL", "^GSPC", "MSFT"]
    assert (rows[0]["name"], rows[0]["last"], rows[0]["provider"]) == ("Apple", "100", "test")
    assert (await http.get(f"{path}.txt")).text == "AAPL\n^GSPC\nMSFT\n"
    brought = await http.post(f"{path}/import", json={"text": (await http.get(f"{path}.csv")).text})
    assert [one["why"] for one in brought.json()["refused"]] == ["it is in the list already"] * 3
    assert (await http.delete(path)).status_code == 204
    assert (await http.patch(path, json={"name": "Gone"})).status_code == 404
    assert (await http.delete(f"/api/v1/watchlists/{first[0]['id']}")).status_code == 409


async def test_lists_and_screens_are_ones_own(api: Api) -> None:
    other = await api.as_person(await api.desk.person("trader"))
    mine = (await api.http.get("/api/v1/watchlists")).json()["items"][0]["id"]
    screen = {"name": "Low", "screen": {"conditions": [{"left": "rsi(14)", "op": "below", "right": "30"}]}}
    kept = await api.http.post("/api/v1/screens", json=screen)
    assert kept.status_code == 201
    assert kept.json()["screen"]["sort"] == "change_pct"
    assert (await api.http.post("/api/v1/screens", json=screen)).status_code == 409
    for path in (f"/api/v1/watchlists/{mine}", f"/api/v1/screens/{kept.json()['id']}"):
        assert (await other.http.patch(path, json={"name": "Theirs"})).status_code == 404
        assert (await other.http.delete(path)).status_code == 404
    assert (await other.http.get(f"/api/v1/watchlists/{mine}.csv")).status_code == 404
    assert (await other.http.get("/api/v1/screens")).json()["items"] == []
    path = f"/api/v1/screens/{kept.json()['id']}"
    renamed = await api.http.patch(path, json={"name": "Lower", "screen": {"sort": "price"}})
    assert (renamed.json()["name"], renamed.json()["screen"]["sort"]) == ("Lower", "price")
    assert (await api.http.delete(path)).status_code == 204
    await other.http.aclose()


async def test_a_screen_that_cannot_be_is_refused_in_words_before_anybody_is_asked(api: Api) -> None:
    for condition, why in (
        ({"left": "nothing(1)", "op": "below", "right": "30"}, "no indicator"),
        ({"left": "rsi(900)", "op": "below", "right": "30"}, "must be from"),
        ({"left": "price", "op": "beside", "right": "30"}, "one of"),
    ):
        body = {"venue": "replay", "screen": {"conditions": [condition]}}
        answer = await api.http.post("/api/v1/screener", json=body)
        assert answer.status_code == 422
        assert why in answer.json()["detail"]
    assert (await api.http.get("/api/v1/screener.csv", params={"screen": "[1"})).status_code == 422
    assert (await api.http.post("/api/v1/screener", json={"venue": "replay", "screen": {}})).status_code == 503


async def test_figures_and_sessions_answer_for_a_young_market(api: Api) -> None:
    figures = (await api.http.get("/api/v1/figures", params={"symbol": "aapl"})).json()
    assert (figures["symbol"], figures["sessions"], figures["beta"]) == ("AAPL", 0, None)
    assert (await api.http.get("/api/v1/figures", params={"symbol": "NOPE"})).status_code == 404
    table = (await api.http.get("/api/v1/correlations", params={"symbols": "AAPL,MSFT"})).json()
    assert table["table"] == [[None, None], [None, None]]
    assert (await api.http.get("/api/v1/correlations", params={"symbols": "AAPL"})).status_code == 422
    sessions = (await api.http.get("/api/v1/sessions")).json()
    assert [one["session_on"] for one in sessions["coming"]] == ["2021-03-01", "2021-03-02"]
    listed = (await api.http.get("/api/v1/screener/figures")).json()["items"]
    assert {"name": "rsi", "parameters": ["period"]}.items() <= next(
        {"name": one["name"], "parameters": one["parameters"]} for one in listed if one["name"] == "rsi"
    ).items()


async def test_a_rate_names_its_day_and_its_source_or_why_there_is_none(api: Api) -> None:
    none = await api.http.get("/api/v1/fx?base=USD&quote=JPY&on=2026-11-25")
    assert (none.status_code, "stored yet" in none.json()["detail"]) == (404, True)
    put = "INSERT INTO fx_rate VALUES ('2026-11-25', %s, %s, 'ecb', now())"
    for row in (("USD", "1.25"), ("JPY", "150")):
        await api.desk.b.db.run(put, row)
    told = (await api.http.get("/api/v1/fx?base=usd&quote=JPY&on=2026-11-28")).json()
    day = {"on": "2026-11-28", "day": "2026-11-25", "source": "ecb"}
    assert told == {"base": "USD", "quote": "JPY", "rate": "120", **day}
    old = await api.http.get("/api/v1/fx?base=USD&quote=JPY&on=2026-12-28")
    assert (old.status_code, "too old" in old.json()["detail"]) == (404, True)
    for wrong in ("base=US&quote=JPY", "base=USD", "base=USD&quote=JPY&on=never"):
        assert (await api.http.get(f"/api/v1/fx?{wrong}")).status_code == 422
