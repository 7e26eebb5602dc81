"""Lots, realized gains and the choice of a method over REST and as CSV."""

import csv
import json
import re
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from starkmatter.trading.submit import submit_order
from tests.api.conftest import Api
from tests.builders import ALL_READ, open_clock, order, quote
from tests.portfolio.test_exporting import check

PATHS = (
    "/portfolio/lots",
    "/portfolio/lots.csv",
    "/portfolio/gains",
    "/portfolio/gains.csv",
    "/portfolio/income",
    "/portfolio/income.csv",
)


async def get(api: Api, path: str, **query: object) -> Any:
    return await api.http.get(f"/api/v1{path}", params={"account_id": str(api.desk.account_id), **query})


@pytest.fixture
async def traded(api: Api) -> Api:
    """10 and 5 AAPL bought at 100.05 and 110.05, 12 sold at 90.00, 4 bought back at 90.05."""
    steps = (("buy 10 AAPL", "100.00"), ("buy 5 AAPL", "110.00"), ("sell 12 AAPL", "90.00"), ("buy 4 AAPL", "90.00"))
    for number, (text, bid) in enumerate(steps):
        desk = api.desk
        await desk.tell(quote(f"AAPL {bid}/{Decimal(bid) + Decimal('0.05')}"), clock=open_clock(10 + number))
        await submit_order(
            desk.b, desk.caller, desk.account_id, order(text), f"key-0000000{number}", acknowledged=ALL_READ
        )
        await desk.broker.drain()
    return api


async def test_open_lots_are_strings_that_add_up(traded: Api) -> None:
    body = (await get(traded, "/portfolio/lots")).json()
    assert (body["method"], body["changes"], body["may_choose"], body["on"]) == ("fifo", [], True, "2021-03-01")
    assert [(one["symbol"], one["qty"], one["acquired_on"], one["term"]) for one in body["items"]] == [
        ("AAPL", "3", "2021-03-01", "short"),
        ("AAPL", "4", "2021-03-01", "short"),
    ]
    for name in ("cost", "market_value", "unrealized_pl"):
        assert sum(Decimal(one[name]) for one in body["items"]) == Decimal(body[name])
    assert body["market_value"] == "630.00"
    loss = Decimal("10.05") + Decimal("0.01")  # a share of the first purchase, with its part of the fees, about
    assert [round(Decimal(one["washed"]) / Decimal(one["qty"]) / loss, 2) for one in body["items"]] == [1, 1]
    rows = list(csv.reader(StringIO((await get(traded, "/portfolio/lots.csv")).text)))
    assert [row[2:4] for row in rows[1:]] == [["AAPL", "3"], ["AAPL", "4"]]
    assert rows[0][:4] == ["lot", "entry", "symbol", "qty"]


async def test_a_year_of_gains_has_the_columns_of_the_form_and_sums_that_agree(traded: Api) -> None:
    body = (await get(traded, "/portfolio/gains")).json()
    assert (body["year"], body["years"], body["long"]["gain"]) == (2021, [2021], "0.00")
    for line in body["lines"]:
        parts = [Decimal(line[name]) for name in ("proceeds", "cost", "adjustment", "gain")]
        assert parts[0] - parts[1] + parts[2] == parts[3]
    for name in ("proceeds", "cost", "adjustment", "gain"):
        assert sum(Decimal(line[name]) for line in body["lines"]) == Decimal(body["short"][name])
    assert body["disallowed"] == body["short"]["adjustment"]
    # 3 of the second purchase and the 4 bought back replace 7 of the first 10; nothing replaces the other 2.
    assert [(line["description"], line["code"]) for line in body["lines"]] == [("10 AAPL", "W"), ("2 AAPL", "")]
    assert [(one["symbol"], one["qty"], one["method"]) for one in body["sales"]] == [("AAPL", "12", "fifo")]
    rows = list(csv.reader(StringIO((await get(traded, "/portfolio/gains.csv", year=2021)).text)))
    assert rows[0][0] == "(a) description"
    assert len(rows) == 1 + len(body["lines"])
    assert [row[7] for row in rows[1:]] == [line["gain"].rstrip("0").rstrip(".") for line in body["lines"]]
    assert (await get(traded, "/portfolio/gains", year=2019)).json()["lines"] == []
    assert (await get(traded, "/portfolio/gains", year=99)).status_code == 422
    assert (await get(traded, "/portfolio/gains", year="x")).status_code == 422


async def test_a_method_is_put_and_counts_from_then_on(traded: Api) -> None:
    at = f"/api/v1/accounts/{traded.desk.account_id}/lot-method"
    before = (await get(traded, "/portfolio/gains")).json()
    answer = await traded.http.put(at, json={"method": "hifo"})
    assert (answer.status_code, answer.json()["method"]) == (200, "hifo")
    assert (await traded.http.put(at, json={"method": "specific"})).status_code == 422
    body = (await get(traded, "/portfolio/lots")).json()
    assert (body["method"], [one["method"] for one in body["changes"]]) == ("hifo", ["hifo"])
    assert (await get(traded, "/portfolio/gains")).json()["lines"] == before["lines"]


async def test_an_order_is_given_a_method_of_its_own_and_goes_back_to_the_accounts(traded: Api) -> None:
    orders = (await get(traded, "/orders")).json()["items"]
    [sale] = [one["id"] for one in orders if one["side"] == "sell"]
    at = f"/api/v1/orders/{sale}/lots"
    before = (await traded.http.get(at)).json()
    told = {"account_method": "fifo", "chosen": None, "closes": True, "may_choose": True, "why_not": ""}
    assert {name: before[name] for name in told} == told
    for method in ("lifo", None):
        answer = await traded.http.put(at, json={"method": method})
        assert (answer.status_code, answer.json()) == (200, before | {"chosen": method})
        [found] = (await get(traded, "/portfolio/gains")).json()["sales"]
        assert found["method"] == (method or "fifo")
    for wrong in ({"method": "average"}, {"method": ""}, {}):
        assert (await traded.http.put(at, json=wrong)).status_code == 422
    stranger = await traded.as_person(await traded.desk.person())
    for answer in (await stranger.http.get(at), await stranger.http.put(at, json={"method": "lifo"})):
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("path", PATHS)
async def test_somebody_elses_account_is_not_there(traded: Api, anonymous, path: str) -> None:
    stranger = await traded.as_person(await traded.desk.person())
    for asked in (traded.desk.account_id, "00000000-0000-0000-0000-000000000000"):
        answer = await stranger.http.get(f"/api/v1{path}", params={"account_id": str(asked)})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    at = f"/api/v1/accounts/{traded.desk.account_id}/lot-method"
    assert (await stranger.http.put(at, json={"method": "lifo"})).status_code == 404
    answer = await anonymous.get(f"/api/v1{path}", params={"account_id": str(traded.desk.account_id)})
    assert answer.status_code == 401


async def test_income_is_strings_and_a_table(traded: Api) -> None:
    body = (await get(traded, "/portfolio/income")).json()
    assert (body["received"], body["yield_on_cost"], body["months"], body["coming"]) == ("0.00", None, [], [])
    assert "pay their real dividends" in body["notes"][0]
    rows = list(csv.reader(StringIO((await get(traded, "/portfolio/income.csv")).text)))
    assert rows == [["entry", "at", "kind", "symbol", "received", "currency", "description"]]


async def test_the_lots_of_a_sale_are_picked_over_rest(traded: Api) -> None:
    [sale] = (await get(traded, "/portfolio/gains")).json()["sales"]
    at = f"/api/v1/accounts/{traded.desk.account_id}/sales/{sale['entry_id']}/lots"
    body = (await traded.http.get(at)).json()
    assert [(one["qty"], one["taken"]) for one in body["lots"]] == [("10", "10"), ("5", "2")]
    first, second = (one["lot_id"] for one in body["lots"])
    chosen = {"lots": [{"lot_id": first, "qty": "7"}, {"lot_id": second, "qty": "5"}]}
    answer = await traded.http.put(at, json=chosen)
    assert (answer.status_code, answer.json()["sale"]["method"]) == (200, "specific")
    assert [one["taken"] for one in answer.json()["lots"]] == ["7", "5"]
    for wrong in ({"lots": [{"lot_id": first, "qty": "1"}]}, {"lots": [{"lot_id": first, "qty": "0"}]}, {}):
        assert (await traded.http.put(at, json=wrong)).status_code == 422
    assert (await traded.http.put(at, json={"lots": []})).json()["sale"]["method"] == "fifo"
    stranger = await traded.as_person(await traded.desk.person())
    assert (await stranger.http.get(at)).status_code == (await stranger.http.put(at, json=chosen)).status_code == 404
    assert (await traded.http.get(at.replace(f"/{sale['entry_id']}/", "/0/"))).status_code == 422


async def test_the_journal_is_taken_along_for_beancount_and_as_json_lines(traded: Api, anonymous) -> None:
    at = f"/api/v1/accounts/{traded.desk.account_id}/ledger"
    text = await traded.http.get(f"{at}.beancount")
    assert text.headers["content-type"].startswith("text/plain")
    assert f'filename="starkmatter-ledger-{traded.desk.account_id}.beancount"' in text.headers["content-disposition"]
    assert check(text.text) == 5
    assert re.search(r"balance Assets:Holding  7 AAPL$", text.text, re.MULTILINE)
    lines = (await traded.http.get(f"{at}.jsonl")).text.split("\n")[:-1]
    assert [json.loads(line)["kind"] for line in lines] == ["deposit", "fill", "fill", "fill", "fill"]
    stranger = await traded.as_person(await traded.desk.person())
    for kind in ("beancount", "jsonl"):
        assert (await stranger.http.get(f"{at}.{kind}")).status_code == 404
        assert (await anonymous.get(f"{at}.{kind}")).status_code == 401
