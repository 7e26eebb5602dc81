"""News over REST: lists that page, by venue and symbol; feeds for admins."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from starkmatter.backends import Backends, set_backends
from starkmatter.clock import utc_now
from starkmatter.settings import load_settings
from tests.api.conftest import Api
from tests.builders import OPENS_AT, closed_clock, quote
from tests.standins.feeds import Entry, Feeds, feed_server


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    with feed_server() as started:
        yield started


async def stories(api: Api, count: int, *, venue: str = "market", symbol: str = "AAPL") -> None:
    at = utc_now() if venue == "market" else OPENS_AT
    for number in range(count):
        await api.desk.b.db.run(
            "INSERT INTO news_item (id, venue, title, title_key, source, sources, symbols, published_at, received_at,"
            " sentiment, mood, sample) VALUES (%s, %s, %s, %s, 'Wire', '{Wire}', %s, %s, now(), 0.572, 'bullish', %s)",
            (
                uuid4(),
                venue,
                f"Story {number}",
                f"story {number}",
                [symbol],
                at - timedelta(hours=number + 1),
                venue == "replay",
            ),
        )


async def test_news_is_paged_without_gaps_or_repeats_and_figures_are_strings(api: Api) -> None:
    await stories(api, 5)
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        params = {"venue": "market", "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await api.http.get("/api/v1/news", params=params)).json()
        seen += [one["title"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [f"Story {number}" for number in range(5)]
    assert cursor is None
    one = page["items"][0]
    assert (one["sentiment"], one["mood"], one["symbols"], one["sample"]) == ("0.572", "bullish", ["AAPL"], False)
    assert one["published_at"].endswith("Z")


async def test_each_venue_has_its_own_news_and_symbols_choose(api: Api) -> None:
    await api.desk.tell(quote("AAPL 100.00/100.05"), clock=closed_clock())
    await stories(api, 1)
    await stories(api, 2, venue="replay", symbol="KO")
    market = (await api.http.get("/api/v1/news?venue=market")).json()["items"]
    replay = (await api.http.get("/api/v1/news")).json()["items"]
    assert ([one["sample"] for one in market], [one["sample"] for one in replay]) == ([False], [True, True])
    assert (await api.http.get("/api/v1/news?symbols=AAPL,MSFT")).json()["items"] == []
    assert len((await api.http.get("/api/v1/news?symbols=ko")).json()["items"]) == 2


@pytest.mark.parametrize("query", ["venue=moon", "limit=0", "limit=9999", "cursor=x", "cursor=MjAyMXx4", "cursor=%00"])
async def test_a_question_that_makes_no_sense_is_a_problem(api: Api, query: str) -> None:
    answer = await api.http.get(f"/api/v1/news?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_admin_keeps_feeds_and_their_addition_has_news_collected(
    api: Api, feeds: Feeds, tmp_path: Path
) -> None:
    b = api.desk.b
    allowed = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_EGRESS_ALLOW": feeds.allow})
    set_backends(Backends(allowed, b.db, b.cache))
    feeds.entries["/x"] = [Entry("A good story of four words")]
    body = {"url": feeds.origin + "/x", "title": ""}
    trader = await api.as_person(await api.desk.person("trader"))
    assert (await trader.http.post("/api/v1/news/feeds", json=body)).status_code == 403
    assert feeds.asked == []
    made = await api.http.post("/api/v1/news/feeds", json=body)
    assert (made.status_code, made.json()["title"]) == (201, "Example wire")
    assert await b.db.value("SELECT count(*) FROM job_run WHERE job = 'collect news' AND claimed_at IS NULL") == 1
    assert (await api.http.post("/api/v1/news/feeds", json=body)).status_code == 409
    path = f"/api/v1/news/feeds/{made.json()['id']}"
    assert (await api.http.patch(path, json={"enabled": False})).json()["enabled"] is False
    assert (await api.http.patch(path, json={"url": "https://example.org"})).status_code == 422
    assert len((await api.http.get("/api/v1/news/feeds")).json()["items"]) == 3
    assert (await api.http.delete(path)).status_code == 204
    assert (await api.http.delete(path)).status_code == 404
    assert (await api.http.post("/api/v1/news/feeds", json={"url": "http://10.0.0.1/feed"})).status_code == 422
    assert (await api.http.post("/api/v1/news/feeds", json={"url": feeds.origin + "/500"})).status_code == 503


async def test_health_names_sources_without_their_addresses(api: Api) -> None:
    answer = await api.http.get("/api/v1/news/sources")
    assert [one["title"] for one in answer.json()["items"]] == [
        "Federal Reserve press releases",
        "SEC press releases",
    ]
    assert "http" not in answer.text
    trader = await api.as_person(await api.desk.person("trader"))
    assert (await trader.http.get("/api/v1/news/sources")).text == answer.text
    assert (await trader.http.get("/api/v1/news/feeds")).status_code == 403
