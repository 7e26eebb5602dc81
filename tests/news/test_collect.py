"""From sources to the page: collected once, read by venue, feeds in an admin's hand."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import keep_secret
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.quotes import Venue
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound, Unavailable
from starkmatter.jobs.schedule import timetable
from starkmatter.market.board import QuoteBoard
from starkmatter.market.providers.replay import ReplayHistory, load_history
from starkmatter.market.replay_runs import prepare_market
from starkmatter.news import collect, service
from starkmatter.news.collect import collect_news, forget_old_news, write_samples
from starkmatter.news.records import NewsView
from starkmatter.news.samples import SampleWriter
from starkmatter.news.service import add_feed, change_feed, delete_feed, list_feeds, list_health, list_news
from tests.builders import make_caller, open_clock
from tests.news.conftest import Wires
from tests.standins.feeds import Entry, feed_server
from tests.standins.newsapi import KEY, article

WALL = datetime(2026, 11, 25, 12, tzinfo=UTC)


async def use_market(b: Backends, caller: Caller, *, holds: str = "", closed: bool = False) -> UUID:
    """An account on the market, as another room opens it."""
    account_id = uuid4()
    await b.db.run(
        "INSERT INTO account (id, user_id, name, venue, broker, mode, currency, preset, cash, reserved, created_at,"
        " opened_venue_at, closed_at) VALUES (%s, %s, 'Market', 'market', 'paper', 'paper', 'USD', 'realistic', 0, 0,"
        " now(), now(), CASE WHEN %s THEN now() END)",
        (account_id, caller.user_id, closed),
    )
    if holds:
        await b.db.run(
            "INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at,"
            " updated_at) VALUES (%s, %s, 10, 100, 0, 0, now(), now())",
            (account_id, holds),
        )
    return account_id


async def feed_row(b: Backends, url: str, title: str, *, shipped: bool = False) -> UUID:
    feed_id = uuid4()
    await b.db.run(
        "INSERT INTO news_feed (id, url, title, shipped, enabled, created_at) VALUES (%s, %s, %s, %s, true, now())",
        (feed_id, url, title, shipped),
    )
    return feed_id


async def read(b: Backends, venue: Venue = "market", **asked: Any) -> list[NewsView]:
    return await list_news(b, await make_caller(b.db, "viewer"), venue=venue, **asked)


async def health(b: Backends) -> dict[str, str]:
    return {one.title: one.failure for one in await list_health(b, await make_caller(b.db, "viewer"))}


# --- collecting -------------------------------------------------------------------------------------------------------


async def test_an_idle_installation_asks_nobody(wires: Wires) -> None:
    wires.feeds.entries["/official"] = [Entry("Something happened today at noon")]
    await feed_row(wires.b, wires.feeds.origin + "/official", "Official", shipped=True)
    await use_market(wires.b, await make_caller(wires.b.db, "trader"), closed=True)
    assert "nobody was asked" in await collect_news(wires.b)
    assert wires.feeds.asked == []
    await use_market(wires.b, await make_caller(wires.b.db, "trader"))
    assert await collect_news(wires.b) == "1 new stories from 1 of 1 sources"


async def test_a_poisoned_story_is_kept_as_plain_text(wires: Wires) -> None:
    wires.feeds.entries["/x"] = [
        Entry(
            "<script>alert(1)</script>Apple &lt;img src=x onerror=alert(1)&gt; beats estimates\u202e",
            "https://example.org/a?utm_source=x&id=1#f",
            "<p>Profit rose.</p><img src='https://tracker.example/p.gif'>",
        ),
        Entry("Second story about nothing at all", "javascript:alert(1)"),
        Entry("<b></b>", "https://example.org/untitled"),
        Entry("Too old to be news by now", "https://example.org/old", at=utc_now() - timedelta(days=400)),
    ]
    await feed_row(wires.b, wires.feeds.origin + "/x", "Wire")
    await collect_news(wires.b)
    first, second = sorted(await read(wires.b), key=lambda one: one.title)
    assert (first.title, first.summary, first.url) == (
        "Apple beats estimates",
        "Profit rose.",
        "https://example.org/a?id=1",
    )
    assert (first.symbols, first.mood, first.sample, first.sources) == (["AAPL"], "bullish", False, ["Wire"])
    assert first.sentiment > Decimal("0.5")
    assert (second.url, second.symbols) == ("", [])


async def test_the_same_story_from_two_sources_is_one_that_names_both(wires: Wires) -> None:
    wires.feeds.entries["/one"] = [Entry("Coca-Cola raises its dividend again", "https://one.example/1")]
    wires.feeds.entries["/two"] = [Entry("COCA-COLA RAISES ITS DIVIDEND AGAIN", "https://two.example/2")]
    wires.feeds.entries["/three"] = [
        Entry("Coca-Cola raises its dividend again", "http://www.one.example/1/?utm_medium=rss")
    ]
    await feed_row(wires.b, wires.feeds.origin + "/one", "Wire one")
    await feed_row(wires.b, wires.feeds.origin + "/two", "Wire two")
    await feed_row(wires.b, wires.feeds.origin + "/three", "Wire three")
    assert (await collect_news(wires.b)).startswith("1 new stories")
    (story,) = await read(wires.b)
    assert sorted(story.sources) == ["Wire one", "Wire three", "Wire two"]
    assert story.source == story.sources[0]
    assert story.symbols == ["KO"]


async def test_a_headline_that_comes_back_weeks_later_is_another_story(wires: Wires) -> None:
    title, now = "Minutes of the committee are published", utc_now()
    wires.feeds.entries["/x"] = [
        Entry(title, "https://example.org/1", at=now - timedelta(days=40)),
        Entry(title, "https://example.org/2", at=now - timedelta(hours=2)),
    ]
    await feed_row(wires.b, wires.feeds.origin + "/x", "Bank")
    await collect_news(wires.b)
    assert len(await read(wires.b)) == 2


async def test_two_collectors_at_once_and_again_keep_each_story_once(wires: Wires, database_url: str) -> None:
    wires.feeds.entries["/x"] = [Entry(f"Story number {n} of the day", f"https://x.example/{n}") for n in range(30)]
    wires.feeds.entries["/y"] = [Entry(f"Story number {n} of the day", f"https://y.example/{n}") for n in range(30)]
    for path in ("/x", "/y"):
        await feed_row(wires.b, wires.feeds.origin + path, path)
    second = Database(database_url, name="second", max_size=4)
    await second.open()
    try:
        other = Backends(wires.b.settings, second, wires.b.cache)
        await asyncio.gather(collect_news(wires.b), collect_news(other))
    finally:
        await second.close()
    found = await read(wires.b, limit=200)
    assert len(found) == 30
    assert all(sorted(one.sources) == ["/x", "/y"] for one in found)
    assert (await collect_news(wires.b)).startswith("0 new stories from 2 of 2")


async def test_a_feed_that_fails_is_named_and_stops_no_other(wires: Wires) -> None:
    wires.feeds.entries["/good"] = [Entry("A good story of four words")]
    wires.feeds.raw["/garbage"] = b"<html>no</html>"
    for path in ("/500", "/garbage", "/good", "/404"):
        await feed_row(wires.b, wires.feeds.origin + path, path)
    await feed_row(wires.b, "http://10.0.0.1/feed", "private")
    said = await collect_news(wires.b)
    assert said.startswith("1 new stories from 1 of 5 sources; no answer from")
    failures = await health(wires.b)
    assert failures["/good"] == ""
    assert "problem of its own" in failures["/500"]
    assert "not with an RSS" in failures["/garbage"]
    assert "private network" in failures["private"]
    assert wires.feeds.origin not in repr(failures)
    wires.feeds.entries["/500"] = []
    await collect_news(wires.b)
    assert (await health(wires.b))["/500"] == ""


async def test_a_feed_is_asked_with_what_it_said_last_time(wires: Wires) -> None:
    wires.feeds.entries["/x"] = [Entry("A good story of four words")]
    await feed_row(wires.b, wires.feeds.origin + "/x", "Wire")
    await collect_news(wires.b)
    await collect_news(wires.b)
    assert "if-none-match" not in wires.feeds.asked[0][1]
    assert "if-none-match" in wires.feeds.asked[1][1]


async def test_the_key_is_used_for_what_people_hold_and_watch(wires: Wires) -> None:
    holder = await make_caller(wires.b.db, "trader")
    await use_market(wires.b, holder, holds="KO")
    await keep_secret(wires.b, "newsapi", None, {"key": KEY}, {"key"})
    wires.api.articles = [article("Coca-Cola beats estimates once more")]
    assert (await collect_news(wires.b)).startswith("1 new stories from 1 of 1")
    ((path, query, _),) = wires.api.asked
    assert (path, query["q"]) == ("/v2/everything", ['"Coca-Cola"'])
    (story,) = await read(wires.b)
    assert (story.source, story.symbols) == ("Example Times", ["KO"])
    assert (await health(wires.b))["NewsAPI"] == ""


async def test_the_plans_day_is_never_used_up_by_us(wires: Wires) -> None:
    await keep_secret(wires.b, "newsapi", None, {"key": KEY}, {"key"})
    await collect_news(wires.b)
    await collect_news(wires.b)
    assert len(wires.api.asked) == 1  # within the pause
    rested = "UPDATE news_source SET last_asked_at = last_asked_at - interval '26 minutes'"
    for _ in range(3):
        await wires.b.db.run(rested)
        await collect_news(wires.b)
    assert len(wires.api.asked) == 4
    await wires.b.db.run("UPDATE news_source SET asked_count = 80, last_asked_at = now() - interval '1 day'")
    await wires.b.db.run("UPDATE news_source SET asked_on = %s", (utc_now().date(),))
    await collect_news(wires.b)
    assert len(wires.api.asked) == 4
    await wires.b.db.run("UPDATE news_source SET asked_on = asked_on - 1")
    await collect_news(wires.b)
    assert len(wires.api.asked) == 5


async def test_a_key_that_is_refused_is_said_in_words(wires: Wires) -> None:
    await keep_secret(wires.b, "newsapi", None, {"key": "not-the-right-key"}, {"key"})
    said = await collect_news(wires.b)
    assert "no answer from NewsAPI" in said
    assert "does not accept this key" in (await health(wires.b))["NewsAPI"]


async def test_what_is_old_or_too_much_is_forgotten(wires: Wires, monkeypatch: pytest.MonkeyPatch) -> None:
    wires.feeds.entries["/x"] = [Entry(f"Story number {n} of the day", f"https://x.example/{n}") for n in range(12)]
    await feed_row(wires.b, wires.feeds.origin + "/x", "Wire")
    await collect_news(wires.b)
    await wires.b.db.run("UPDATE news_item SET published_at = now() - interval '91 days' WHERE title LIKE '%% 1%%'")
    monkeypatch.setitem(collect.KEEP_ROWS, "market", 5)
    assert await forget_old_news(wires.b) == "7 stories forgotten"
    assert len(await read(wires.b)) == 5


def test_the_timetable_has_the_three_jobs() -> None:
    assert {"collect news", "sample news", "forget old news"} <= {job.name for job in timetable()}


async def test_a_report_of_a_known_address_is_the_same_story_under_another_headline(wires: Wires) -> None:
    wires.feeds.entries["/x"] = [
        Entry("A first headline of five words", "https://one.example/1"),
        Entry("Another headline of that address", "http://www.one.example/1/?utm_medium=rss"),
    ]
    await feed_row(wires.b, wires.feeds.origin + "/x", "Wire")
    await collect_news(wires.b)
    (story,) = await read(wires.b)
    assert (story.title, story.sources) == ("A first headline of five words", ["Wire"])


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_stories_are_read_by_symbol_and_page(wires: Wires) -> None:
    now = utc_now()
    names = ("Apple", "Microsoft", "Nobody")
    wires.feeds.entries["/x"] = [
        Entry(f"{names[n % 3]} story of day {n}", f"https://x.example/{n}", at=now - timedelta(hours=n))
        for n in range(9)
    ]
    await feed_row(wires.b, wires.feeds.origin + "/x", "Wire")
    await collect_news(wires.b)
    everything = await read(wires.b)
    assert [one.published_at for one in everything] == sorted((one.published_at for one in everything), reverse=True)
    assert len(everything) == 9
    assert {one.symbols[0] for one in await read(wires.b, symbols=["aapl", "MSFT"])} == {"AAPL", "MSFT"}
    assert await read(wires.b, symbols=[]) == []
    assert await read(wires.b, symbols=["'; DROP TABLE news_item"]) == []
    paged: list[NewsView] = []
    while True:
        before = (paged[-1].published_at, paged[-1].id) if paged else None
        page = await read(wires.b, limit=4, before=before)
        paged += page
        if len(page) < 4:
            break
    assert paged == everything
    assert await read(wires.b, "replay") == []
    with pytest.raises(InvalidInput):
        await read(wires.b, "moon")  # type: ignore[arg-type]


# --- samples ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def history() -> ReplayHistory:
    return load_history()


async def at_replay(b: Backends, venue_now: datetime) -> None:
    clock = open_clock(venue_now=venue_now)
    await QuoteBoard(b.cache).publish("replay", {}, clock=clock, now=utc_now())


async def test_samples_follow_the_replay_and_never_run_ahead(wires: Wires, history: ReplayHistory) -> None:
    b = wires.b
    await prepare_market(b.db, history, WALL)
    noon = datetime(2021, 3, 5, 17, tzinfo=UTC)
    await at_replay(b, noon)
    said = await write_samples(b)
    assert "sample items up to 2021-03-05" in said
    found = await read(b, "replay", limit=200)
    assert len(found) > 60
    assert all(one.sample and one.title.startswith("Sample: ") and one.url == "" for one in found)
    assert all("invented item" in one.summary for one in found)
    assert max(one.published_at for one in found) == datetime(2021, 3, 4, 21, tzinfo=UTC)
    assert await read(b, "market") == []
    assert await write_samples(b) == "0 new sample items up to 2021-03-05 on the replay"

    await at_replay(b, noon + timedelta(hours=4))
    assert not (await write_samples(b)).startswith("0 new")
    after = await read(b, "replay", limit=200)
    assert {one.id for one in found} < {one.id for one in after}
    assert max(one.published_at for one in after) == datetime(2021, 3, 5, 21, tzinfo=UTC)
    review = next(one for one in after if "in review" in one.title)
    assert review.title == "Sample: February 2021 in review, 11 of 25 stocks up"
    assert (review.mood, review.published_at) == ("neutral", datetime(2021, 3, 1, 21, tzinfo=UTC))

    await at_replay(b, noon - timedelta(days=10))  # a new run that begins earlier sees nothing of the later one
    assert max(one.published_at for one in await read(b, "replay")) <= noon - timedelta(days=10)


async def test_sample_figures_are_those_of_the_history(wires: Wires, history: ReplayHistory) -> None:
    b = wires.b
    await prepare_market(b.db, history, WALL)
    now = datetime(2021, 3, 5, 22, tzinfo=UTC)
    await at_replay(b, now)
    await write_samples(b)
    moved = [one for one in await read(b, "replay", limit=200) if "closed" in one.title and "AAPL" in one.symbols]
    assert moved
    for one in moved:
        on = one.published_at.date()
        figures, (_, before) = history.symbols["AAPL"].on(on), history.symbols["AAPL"].before(on)  # type: ignore[misc]
        assert figures is not None
        percent = Decimal(figures.close - before.close) / before.close * 100
        assert f"{abs(percent):.1f} % {'higher' if percent > 0 else 'lower'}" in one.title
        assert one.mood == ("bullish" if percent > 0 else "bearish")


async def test_a_close_has_samples_written_and_a_dead_database_stops_nothing(
    wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[datetime] = []

    async def write(_: Backends, until: datetime) -> str:
        written.append(until)
        if len(written) == 2:
            raise Unavailable("The database does not answer.")
        return ""

    monkeypatch.setattr("starkmatter.news.samples.write_samples", write)
    writer = SampleWriter(wires.b)
    for state in ("open", "open", "closed", "closed", "open"):
        writer.on_clock(open_clock(state=state))
        await asyncio.sleep(0.01)
    assert len(written) == 3


# --- feeds in an admin's hand -----------------------------------------------------------------------------------------


async def test_an_admin_adds_pauses_renames_and_removes_a_feed(wires: Wires) -> None:
    b, admin = wires.b, await make_caller(wires.b.db, "admin")
    wires.feeds.entries["/x"] = [Entry("A good story of four words")]
    made = await add_feed(b, admin, wires.feeds.origin + "/x")
    assert (made.title, made.enabled, made.shipped) == ("Example wire", True, False)
    with pytest.raises(Conflict):
        await add_feed(b, admin, wires.feeds.origin + "/x")
    await collect_news(b)
    assert len(await read(b)) == 1
    assert (await change_feed(b, admin, made.id, enabled=False)).enabled is False
    asked = wires.feeds.count("/x")
    await collect_news(b)
    assert wires.feeds.count("/x") == asked
    assert (await change_feed(b, admin, made.id, title="<b>Mine</b>")).title == "Mine"
    await delete_feed(b, admin, made.id)
    assert await list_feeds(b, admin) == []
    assert len(await read(b)) == 1
    for gone in (delete_feed(b, admin, made.id), change_feed(b, admin, made.id, enabled=True)):
        with pytest.raises(NotFound):
            await gone


@pytest.mark.parametrize("role", ["viewer", "trader"])
async def test_nobody_else_touches_or_reads_the_feeds(wires: Wires, role: Any) -> None:
    b, caller = wires.b, await make_caller(wires.b.db, role)
    feed_id = await feed_row(b, wires.feeds.origin + "/x?token=canary", "Wire")
    calls = (
        list_feeds(b, caller),
        service.get_feed(b, caller, feed_id),
        add_feed(b, caller, wires.feeds.origin + "/y"),
        change_feed(b, caller, feed_id, enabled=False),
        delete_feed(b, caller, feed_id),
    )
    for call in calls:
        with pytest.raises(NotAllowed):
            await call
    assert wires.feeds.asked == []
    assert "canary" not in repr(await list_health(b, caller))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://10.1.2.3/feed", InvalidInput),
        ("http://169.254.169.254/", InvalidInput),
        ("http://localhost:1/feed", InvalidInput),
        ("file:///etc/passwd", InvalidInput),
        ("{origin}/404", VendorFailure),
        ("{origin}/garbage", VendorFailure),
    ],
)
async def test_what_cannot_be_read_is_not_added(wires: Wires, url: str, error: type[Exception]) -> None:
    admin = await make_caller(wires.b.db, "admin")
    wires.feeds.raw["/garbage"] = b"no feed"
    with pytest.raises(error):
        await add_feed(wires.b, admin, url.format(origin=wires.feeds.origin))
    assert await list_feeds(wires.b, admin) == []


async def test_adding_follows_no_redirect_into_this_machine(wires: Wires) -> None:
    admin = await make_caller(wires.b.db, "admin")
    with feed_server() as canary:
        wires.feeds.redirect_to = canary.origin + "/secret"
        with pytest.raises(InvalidInput):
            await add_feed(wires.b, admin, wires.feeds.origin + "/redirect")
        assert canary.asked == []


async def test_there_is_an_end_to_feeds(wires: Wires, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await make_caller(wires.b.db, "admin")
    monkeypatch.setattr(service, "MAX_FEEDS", 1)
    await feed_row(wires.b, "https://example.org/1", "One")
    with pytest.raises(InvalidInput, match="Remove one first"):
        await add_feed(wires.b, admin, wires.feeds.origin + "/x")


async def test_the_first_feeds_are_two_official_ones(database: Database) -> None:
    rows = await database.tuples("SELECT url, shipped, enabled FROM news_feed ORDER BY url")
    assert rows == [
        ("https://www.federalreserve.gov/feeds/press_all.xml", True, True),
        ("https://www.sec.gov/news/pressreleases.rss", True, True),
    ]
