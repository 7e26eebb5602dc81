"""Bars of every length, indicators, events, drawings and templates over REST."""

from datetime import date, timedelta
from typing import Any

import pytest

from starkmatter.charts import drawings, templates
from starkmatter.domain.quotes import SHOWN_INTERVALS
from starkmatter.trading.submit import submit_order
from tests.api.conftest import Api
from tests.builders import OPENS_AT, open_clock, order, quote
from tests.market.test_rolled_bars import Store, days
from tests.market_hours import open_now

TREND = {
    "venue": "replay",
    "symbol": "AAPL",
    "kind": "trend",
    "points": [{"at": "2021-02-01T15:00:00Z", "price": "100.25"}, {"at": "2021-03-01T15:00:00Z", "price": "120"}],
}


@pytest.fixture
def store(database_url: str) -> Store:
    return Store(database_url, "replay")


async def test_bars_come_in_every_length_that_is_shown(api: Api, store: Store) -> None:
    await api.desk.tell(quote("AAPL 100.00/100.05"), clock=open_clock())
    days(store, date(2020, 12, 1), range(100, 140))
    for interval in SHOWN_INTERVALS:
        answer = await api.http.get(f"/api/v1/bars?symbol=AAPL&interval={interval}&limit=10")
        assert answer.status_code == 200, answer.text
    weeks = (await api.http.get("/api/v1/bars?symbol=AAPL&interval=1w&limit=3")).json()["items"]
    assert [one["interval"] for one in weeks] == ["1w"] * 3
    assert (await api.http.get("/api/v1/bars?symbol=AAPL&interval=2w")).status_code == 422


async def test_indicators_stand_on_the_bars_that_are_answered(api: Api, store: Store) -> None:
    await api.desk.tell(quote("AAPL 100.00/100.05"), clock=open_clock())
    days(store, date(2020, 12, 1), range(100, 140))
    asked = "symbol=AAPL&interval=1d&limit=5"
    bars = (await api.http.get(f"/api/v1/bars?{asked}")).json()["items"]
    answer = (await api.http.get(f"/api/v1/indicators?{asked}&names=sma:3,macd:12:26:9")).json()
    assert answer["starts_at"] == [one["starts_at"] for one in bars]
    sma, macd = answer["items"]
    assert (sma["name"], sma["pane"], sma["unit"], sma["parameters"]) == ("sma:3", "price", "price", {"period": 3})
    assert sma["lines"][0]["values"] == [134.0, 135.0, 136.0, 137.0, 138.0]
    assert [line["id"] for line in macd["lines"]] == ["macd", "signal", "histogram"]
    newest = (await api.http.get(f"/api/v1/indicators?{asked[:-1]}2&names=sma:3")).json()
    assert newest["items"][0]["lines"][0]["values"] == [137.0, 138.0]
    for wrong in ("sma:1", "nothing", ""):
        assert (await api.http.get(f"/api/v1/indicators?{asked}&names={wrong}")).status_code == 422
    catalogue = (await api.http.get("/api/v1/indicators/catalogue")).json()["items"]
    assert len(catalogue) >= 60
    assert next(one for one in catalogue if one["name"] == "rsi")["levels"] == [30, 70]


async def test_a_drawing_is_kept_moved_and_removed_by_its_person_alone(api: Api) -> None:
    kept = (await api.http.post("/api/v1/chart/drawings", json=TREND)).json()
    assert kept["points"] == TREND["points"]
    mine = f"/api/v1/chart/drawings/{kept['id']}"
    listed = "/api/v1/chart/drawings?symbol=AAPL"
    stranger = await api.as_person(await api.desk.person())
    assert (await stranger.http.get(listed)).json()["items"] == []
    assert (await stranger.http.patch(mine, json={"color": "up"})).status_code == 404
    assert (await stranger.http.delete(mine)).status_code == 404
    moved = [TREND["points"][0], {"at": "2030-01-01T00:00:00Z", "price": "-1.5"}]
    changed = (await api.http.patch(mine, json={"points": moved, "color": "up", "width": 3})).json()
    assert (changed["points"], changed["color"], changed["width"]) == (moved, "up", 3)
    assert [one["id"] for one in (await api.http.get(listed)).json()["items"]] == [kept["id"]]
    assert (await api.http.get("/api/v1/chart/drawings?symbol=AAPL&venue=market")).json()["items"] == []
    assert (await api.http.delete(mine)).status_code == 204
    assert (await api.http.get(listed)).json()["items"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"points": TREND["points"][:1]},
        {"points": TREND["points"] * 2},
        {"kind": "circle"},
        {"kind": "text", "points": TREND["points"][:1]},
        {"kind": "text", "points": TREND["points"][:1], "words": "x" * 201},
        {"color": "#ff0000"},
        {"width": 9},
        {"points": [{"at": "2021-02-01T15:00:00", "price": "1"}, TREND["points"][1]]},
        {"points": [{"at": "1021-02-01T15:00:00Z", "price": "1"}, TREND["points"][1]]},
        {"points": [{"at": "2021-02-01T15:00:00Z", "price": "1e9"}, TREND["points"][1]]},
        {"points": [{"at": "2021-02-01T15:00:00Z", "price": 1.5}, TREND["points"][1]]},
        {"anything": "more"},
    ],
)
async def test_what_cannot_be_drawn_is_refused(api: Api, change: dict[str, Any]) -> None:
    answer = await api.http.post("/api/v1/chart/drawings", json=TREND | change)
    assert answer.status_code == 422, answer.text


async def test_drawings_are_limited_in_number(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "MAX_PER_SYMBOL", 2)
    monkeypatch.setattr(drawings, "MAX_PER_PERSON", 3)
    told = [(await api.http.post("/api/v1/chart/drawings", json=TREND)).status_code for _ in range(3)]
    assert told == [201, 201, 422]
    other = [
        (await api.http.post("/api/v1/chart/drawings", json=TREND | {"symbol": "MSFT"})).status_code for _ in (0, 1)
    ]
    assert other == [201, 422]
    assert (await api.http.post("/api/v1/chart/drawings", json=TREND | {"symbol": "NOPE"})).status_code == 404


async def test_a_template_is_kept_under_its_name_with_settled_indicators(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = {"style": "area", "scale": "log", "indicators": ["sma:50", "macd"], "volume": False}
    kept = (await api.http.post("/api/v1/chart/templates", json={"name": " My  look ", "look": look})).json()
    assert kept["name"] == "My look"
    assert kept["look"]["indicators"] == ["sma:50", "macd:12:26:9"]
    again = await api.http.post("/api/v1/chart/templates", json={"name": "My look", "look": {"style": "bars"}})
    assert again.json()["id"] == kept["id"]
    listed = (await api.http.get("/api/v1/chart/templates")).json()["items"]
    assert [(one["name"], one["look"]["style"], one["look"]["indicators"]) for one in listed] == [
        ("My look", "bars", [])
    ]
    stranger = await api.as_person(await api.desk.person())
    assert (await stranger.http.get("/api/v1/chart/templates")).json()["items"] == []
    assert (await stranger.http.delete(f"/api/v1/chart/templates/{kept['id']}")).status_code == 404
    monkeypatch.setattr(templates, "MAX_TEMPLATES", 1)
    for body in (
        {"name": "", "look": {}},
        {"name": "x" * 41, "look": {}},
        {"name": "a", "look": {"style": "pie"}},
        {"name": "a", "look": {"indicators": ["nothing"]}},
        {"name": "a", "look": {"colors": "red"}},
        {"name": "One too many", "look": {}},
    ):
        assert (await api.http.post("/api/v1/chart/templates", json=body)).status_code == 422
    assert (await api.http.delete(f"/api/v1/chart/templates/{kept['id']}")).status_code == 204


async def test_events_are_own_fills_and_news_of_the_symbol_in_their_time(api: Api) -> None:
    desk = api.desk
    await desk.tell(quote("AAPL 100.00/100.05", volume="100000"), clock=open_clock())
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 10 AAPL"), "chart-order-1")
    await desk.broker.drain()
    await desk.tell(quote("AAPL 100.00/100.05", volume="200000", at=OPENS_AT + timedelta(minutes=1)))
    await desk.b.db.run(
        "INSERT INTO news_item (id, venue, title, title_key, source, sources, symbols, published_at, received_at,"
        " sentiment, mood, sample) VALUES (gen_random_uuid(), 'replay', 'A story', 'a story', 'Wire', '{Wire}',"
        " '{AAPL}', %s, now(), 0, 'neutral', true)",
        (OPENS_AT - timedelta(days=1),),
    )
    asked = "/api/v1/chart/events?symbol=AAPL"
    found = (await api.http.get(asked)).json()["items"]
    assert [one["kind"] for one in found] == ["news", "fill"]
    assert (found[1]["side"], found[1]["qty"], found[1]["url"][:14]) == ("buy", "10", "/orders?order=")
    assert found[1]["title"].startswith("Bought 10 at 100.")
    later = {"symbol": "AAPL", "start": (OPENS_AT - timedelta(hours=1)).isoformat()}
    assert [one["kind"] for one in (await api.http.get("/api/v1/chart/events", params=later)).json()["items"]] == [
        "fill"
    ]
    assert (await api.http.get(f"{asked}&venue=market")).json()["items"] == []
    assert (await api.http.get("/api/v1/chart/events?symbol=MSFT")).json()["items"] == []
    stranger = await api.as_person(await desk.person())
    theirs = await stranger.http.get(f"{asked}&account_id={desk.account_id}")
    assert [one["kind"] for one in theirs.json()["items"]] == ["news"]
    assert (await api.http.get(f"{asked}&start=2021-03-01T00:00:00")).status_code == 422


async def _with_actions(api: Api) -> None:
    for statement in (
        "INSERT INTO corporate_split VALUES ('AAPL', '2020-08-31', 4, 1, 'test', now())",
        "INSERT INTO corporate_dividend VALUES ('AAPL', '2020-08-07', 0.82, 'USD', '2020-08-13', 'test', now())",
        "INSERT INTO corporate_dividend VALUES ('AAPL', '2099-08-07', 0.9, 'USD', NULL, 'test', now())",
        "INSERT INTO earnings_date VALUES ('AAPL', '2020-07-30', 'after_close', false, 'test', now())",
        "INSERT INTO action_coverage VALUES ('AAPL', '2026-01-02 03:04:05Z', 'test', 'test')",
    ):
        await api.desk.b.db.run(statement)  # type: ignore[arg-type]


async def test_corporate_actions_are_told_as_declared_also_those_ahead(api: Api) -> None:
    await _with_actions(api)
    told = (await api.http.get("/api/v1/corporate-actions?symbol=aapl")).json()
    assert told["splits"] == [
        {"symbol": "AAPL", "ex_on": "2020-08-31", "numerator": "4", "denominator": "1", "provider": "test"}
    ]
    assert [(one["amount"], one["pay_on"]) for one in told["dividends"]] == [("0.82", "2020-08-13"), ("0.90", None)]
    assert told["earnings"][0]["hour"] == "after_close"
    assert told["asked_at"] == "2026-01-02T03:04:05Z"
    none = (await api.http.get("/api/v1/corporate-actions?symbol=AAPL&venue=replay")).json()
    assert none == {"splits": [], "dividends": [], "earnings": [], "asked_at": None}


async def test_the_chart_marks_what_has_happened_on_the_market_alone(api: Api) -> None:
    await _with_actions(api)
    found = (await api.http.get("/api/v1/chart/events?symbol=AAPL&venue=market")).json()["items"]
    assert [(one["kind"], one["at"], one["title"], one["text"]) for one in found] == [
        ("earnings", "2020-07-30T20:00:00Z", "Earnings after the close", ""),
        ("dividend", "2020-08-07T13:30:00Z", "Dividend 0.82 USD a share", "paid 2020-08-13"),
        ("split", "2020-08-31T13:30:00Z", "Split 4:1", ""),
    ]
    assert (await api.http.get("/api/v1/chart/events?symbol=AAPL&venue=replay")).json()["items"] == []


async def test_bars_come_raw_and_adjusted_and_the_replay_says_that_it_cannot(api: Api, database_url: str) -> None:
    days(Store(database_url), date(2020, 8, 27), [125, 126, 130])
    await _with_actions(api)
    await open_now(api.desk.b.db)
    asked = "/api/v1/bars?symbol=AAPL&venue=market"
    for adjustment, closes in (("splits", ["125", "126", "130"]), ("raw", ["500", "504", "130"])):
        told = (await api.http.get(f"{asked}&adjustment={adjustment}")).json()["items"]
        assert [one["close"] for one in told] == closes
    assert (await api.http.get(f"{asked}&adjustment=all")).status_code == 200
    assert (await api.http.get(f"{asked}&adjustment=none")).status_code == 422
    refused = await api.http.get("/api/v1/bars?symbol=AAPL&adjustment=raw")
    assert refused.status_code == 422
    assert "names none" in refused.json()["detail"]
    lines = f"/api/v1/indicators?{asked.split('?')[1]}&names=sma:2&adjustment=raw"
    assert (await api.http.get(lines)).json()["items"][0]["lines"][0]["values"] == [None, 502.0, 317.0]
