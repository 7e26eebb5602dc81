"""Performance, allocation and the CSV exports over REST."""

import csv
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import psycopg
import pytest

from starkmatter.api.csv_text import cell_text, csv_text
from starkmatter.trading.submit import submit_order
from tests.api.conftest import Api
from tests.builders import open_clock, order, quote
from tests.portfolio.history import give_bars, give_past, give_sessions
from tests.portfolio.test_attribution import CLOSES, day_of, live_through
from tests.portfolio.test_performance import OPENED_AT, WEEK

PATHS = (
    "/portfolio/performance",
    "/portfolio/risk",
    "/portfolio/explain",
    "/portfolio/performance.csv",
    "/portfolio/allocation",
    "/portfolio/summary",
)


@pytest.fixture
async def week(api: Api, database_url: str) -> Api:
    with psycopg.connect(database_url, autocommit=True) as stored:
        give_sessions(stored, WEEK)
        give_past(stored, api.desk.account_id, WEEK, opened_at=OPENED_AT)
        give_bars(stored, "^GSPC", "2021-02-25 4000", "2021-03-04 4200")
    evening = WEEK[-1].closes_at + timedelta(hours=1)
    await api.desk.tell(
        quote("AAPL 100.00/100.05"),
        clock=open_clock(venue_now=evening, state="closed", session_on=WEEK[-1].closes_at.date(), next_close=None),
    )
    return api


async def get(api: Api, path: str, **query: object) -> Any:
    return await api.http.get(f"/api/v1{path}", params={"account_id": str(api.desk.account_id), **query})


async def test_performance_is_strings_that_agree_with_each_other(week: Api) -> None:
    answer = await get(week, "/portfolio/performance")
    assert answer.status_code == 200
    body = answer.json()
    ratios = ("twr", "mwr", "simple")
    money = ("pl", "flows", "deposits", "withdrawals", "fees", "dividends", "start_value", "end_value")
    assert all(isinstance(body[name], str) for name in (*ratios, *money))
    figures = {name: Decimal(body[name]) for name in (*ratios, *money)}
    assert figures["pl"] == figures["end_value"] - figures["start_value"] - figures["flows"]
    assert body["twr"] == "-0.0044363636"
    assert body["simple"] == "-0.0172"
    assert (body["flows"], body["fees"], body["dividends"]) == ("50000.00", "0.00", "0.00")
    assert body["twr_annual"] is None
    assert body["drawdown"] == {
        "depth": "-0.1", "peak_on": "2021-03-02", "trough_on": "2021-03-03", "recovered_on": None
    }  # fmt: skip
    assert body["benchmark"]["symbol"] == "^GSPC"
    assert body["benchmark"]["twr"] == "0.05"
    assert body["missing"] == ["^GSPC has no price on 2021-02-26, 2021-03-01, 2021-03-02, 2021-03-03."]
    part = (await get(week, "/portfolio/performance", start="2021-03-03", end="2021-03-03", benchmark="")).json()
    assert (part["twr"], part["start_value"], part["end_value"]) == ("-0.1", "156000.00", "140400.00")


async def test_allocation_and_summary(api: Api) -> None:
    desk = api.desk
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 100 AAPL"), "key-00000001")
    await desk.broker.drain()
    body = (await get(api, "/portfolio/allocation")).json()
    assert (
        body["symbols"] == [{"name": "AAPL", "value": "10000.00", "weight": "0.100005"}] or body["symbols"][0]["name"]
    )
    assert Decimal(body["cash"]["value"]) + Decimal(body["symbols"][0]["value"]) == Decimal(body["equity"])
    summary = (await get(api, "/portfolio/summary")).json()
    assert summary["equity"] == body["equity"]


@pytest.mark.parametrize("path", PATHS)
async def test_somebody_elses_account_is_not_there_and_nobody_gets_nothing(week: Api, anonymous, path: str) -> None:
    stranger = await week.as_person(await week.desk.person())
    for asked in (week.desk.account_id, "00000000-0000-0000-0000-000000000000"):
        answer = await stranger.http.get(f"/api/v1{path}", params={"account_id": str(asked)})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await anonymous.get(f"/api/v1{path}", params={"account_id": str(week.desk.account_id)})).status_code == 401
    ledger = f"/api/v1/accounts/{week.desk.account_id}/ledger.csv"
    assert (await stranger.http.get(ledger)).status_code == 404
    assert (await anonymous.get(ledger)).status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        {"account_id": "me"},
        {"start": "yesterday"},
        {"start": "2021-03-04", "end": "2021-03-01"},
        {"start": "2030-01-01"},
        {"end": "1999-01-01"},
        {"benchmark": "x" * 21},
        {"benchmark": "A\x00"},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_in_words(week: Api, query: dict[str, str]) -> None:
    answer = await get(week, "/portfolio/performance", **query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 10


async def test_an_unknown_benchmark_is_not_found(week: Api) -> None:
    assert (await get(week, "/portfolio/performance", benchmark="NOPE")).status_code == 404


async def test_the_daily_series_downloads_as_csv_and_agrees_with_the_json(week: Api) -> None:
    answer = await get(week, "/portfolio/performance.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["cache-control"] == "no-store"
    head, *rows = csv.reader(StringIO(answer.text))
    assert head[:4] == ["date", "at", "value", "flow"]
    assert [row[0] for row in rows] == [
        "2021-02-26",
        "2021-02-26",
        "2021-03-01",
        "2021-03-02",
        "2021-03-03",
        "2021-03-04",
    ]
    assert [Decimal(row[2]) for row in rows] == [Decimal(100_000), *(day.value for day in WEEK)]
    assert [row[4] for row in rows][-2:] == ["-0.1", "0.05"]
    assert Decimal(rows[-1][5]) - 1 == Decimal((await get(week, "/portfolio/performance")).json()["twr"])


async def test_the_ledger_downloads_whole_and_balances(week: Api) -> None:
    answer = await week.http.get(f"/api/v1/accounts/{week.desk.account_id}/ledger.csv")
    head, *rows = csv.reader(StringIO(answer.text))
    assert head[-1] == "amount"
    assert len({row[0] for row in rows}) == 3
    assert sum(Decimal(row[-1]) for row in rows) == 0


FORMULAS = tuple(
    start + rest
    for start in ("=", "+", "-", "@", "\t", "\r", "\n")
    for rest in ("1+1", "cmd|' /C calc'!A0", 'HYPERLINK("http://example.org","x")', "SUM(A1:A9)\r\n=2", "")
)


@pytest.fixture
def cells() -> list[str]:
    return [row[0] for row in csv.reader(StringIO(csv_text([(text,) for text in FORMULAS]), newline=""))]


def test_no_text_can_act_as_a_formula(cells: list[str]) -> None:
    assert len(FORMULAS) >= 30
    assert [cell[0] for cell in cells] == ["'"] * len(FORMULAS)
    assert [cell[1:] for cell in cells] == list(FORMULAS)


def test_numbers_stay_numbers_and_plain_text_stays_as_it_is() -> None:
    assert [cell_text(value) for value in (Decimal("-1234.50"), Decimal("1E+3"), -5, None)] == [
        "-1234.5",
        "1000",
        "-5",
        "",
    ]
    for text in ("Bought 10 AAPL at 100.05 USD", 'a "quoted", text', "two\r\nlines", "naïve − minus"):
        assert list(csv.reader(StringIO(csv_text([(text, "x")]), newline=""))) == [[text, "x"]]


async def test_risk_is_strings_or_null_with_a_reason(week: Api) -> None:
    body = (await get(week, "/portfolio/risk", risk_free="0.04", window=10)).json()
    assert (body["days"], body["benchmark"], body["risk_free"], body["window_days"]) == (5, "^GSPC", "0.04", 10)
    figures = {one["name"]: one for one in body["figures"]}
    assert figures["max_drawdown"] == {"name": "max_drawdown", "value": "-0.1", "reason": ""}
    assert figures["beta"]["value"] is None
    assert figures["beta"]["reason"] != ""
    assert all((one["value"] is None) == (one["reason"] != "") for one in body["figures"])
    assert body["falls"][0]["depth"] == "-0.1"
    assert body["windows"] == []
    for asked in ({"risk_free": "0.6"}, {"risk_free": "x"}, {"window": 9}, {"window": 253}, {"risk_free": "NaN"}):
        assert (await get(week, "/portfolio/risk", **asked)).status_code == 422, asked


async def test_a_change_is_explained_in_strings_that_add_up_and_name_their_entries(api: Api) -> None:
    desk = api.desk
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 100 AAPL"), "key-00000001")
    await desk.broker.drain()
    await desk.tell(quote("AAPL 103.00/103.05"), clock=open_clock(30))
    body = (await get(api, "/portfolio/explain")).json()
    step = {one["key"]: Decimal(one["value"]) for one in body["steps"]}
    assert sum(step.values()) == Decimal(body["change"]) == Decimal(body["end_value"]) - Decimal(body["start_value"])
    assert (step["unrealized"], body["exact"]) == (295, True)
    assert -step["fees"] == Decimal((await get(api, "/portfolio/performance")).json()["fees"])
    [symbol] = body["symbols"]
    assert (symbol["symbol"], symbol["gain"], symbol["bought"]) == ("AAPL", "295.00", "10005.00")
    assert symbol["end"] == {"qty": "100", "value": "10300.00"}
    assert [one["id"] for one in body["entries"]] == symbol["entry_ids"]
    assert body["entries"][0]["description"].startswith("Bought 100 AAPL")
    assert (await get(api, "/portfolio/explain", start="2031-01-01")).status_code == 422


async def test_attribution_adds_up_or_says_why_there_is_none(api: Api, database_url: str) -> None:
    desk = api.desk
    query = {"account_id": str(desk.account_id)}
    none = (await api.http.get("/api/v1/portfolio/attribution", params=query)).json()
    assert (none["excess"], none["effects"]) == (None, [])
    assert none["notes"]
    await live_through(desk, "buy 500 AAPL")
    with psycopg.connect(database_url, autocommit=True) as stored:
        for place, symbol in enumerate(("AAPL", "MSFT")):
            give_bars(stored, symbol, *[f"{day_of(n)} {prices[place]}" for n, prices in enumerate(CLOSES)])
    found = (await api.http.get("/api/v1/portfolio/attribution", params=query)).json()
    effects = [Decimal(one["total"]) for one in found["effects"]]
    assert sum(effects) + Decimal(found["trading"]) == Decimal(found["excess"])
    assert Decimal(found["ratio"]) - Decimal(found["market_ratio"]) == Decimal(found["excess"])
    for one in found["effects"]:
        assert sum(Decimal(one[name]) for name in ("allocation", "selection", "interaction")) == Decimal(one["total"])
    assert (await api.http.get("/api/v1/portfolio/attribution", params=query | {"start": "x"})).status_code == 422
