"""Every source keeps the same promises: items as sent, empty when there is nothing, failures in words and of a kind."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import InvalidInput
from starkmatter.news.ports import NewsSource, RawItem
from starkmatter.news.sources import newsapi, rss, sample
from starkmatter.news.sources.feed_text import MAX_ENTRIES
from starkmatter.news.sources.newsapi import NewsApiSource, query_of
from starkmatter.news.sources.rss import FeedAddress, RssSource, check_address, parsed
from starkmatter.news.sources.sample import FinishedDay, SampleSource
from starkmatter.settings import load_settings
from tests.standins.feeds import BOMB, ETAG, FILE_READER, Entry, Feeds, feed_server
from tests.standins.newsapi import KEY, NewsApi, article, news_api

TITLE = "Maker <b>beats</b> estimates"
QUICK_SECS = 0.3
NAMES = ("Apple", "Microsoft")


@dataclass
class Case:
    """A source with its stand-in: `prepare(what)` makes the next answer be that."""

    source: Callable[[], NewsSource]
    prepare: Callable[[str], None]
    fails: bool = True
    key: str = ""


def feed(feeds: Feeds, path: str, **more: Any) -> RssSource:
    address = FeedAddress(feeds.origin + path, **more)
    settings = load_settings({"STARKMATTER_EGRESS_ALLOW": feeds.allow})
    return RssSource(settings, address, tries=1, timeout_secs=QUICK_SECS)


def day(symbol: str, at: datetime, close: str, before: str | None, volume: str = "100", usual: str = "100"):
    return FinishedDay(
        symbol,
        f"{symbol.capitalize()} Inc.",
        True,
        at,
        Decimal(close),
        Decimal(before) if before else None,
        Decimal(volume),
        Decimal(usual),
    )


def _rss_case(feeds: Feeds, path: str) -> Case:
    where = {"at": path}

    def prepare(what: str) -> None:
        where["at"] = {
            "429": "/429",
            "500": "/500",
            "hang": "/hang",
            "garbage": "/garbage",
            "huge": "/huge",
            "refused": "/403",
        }.get(what, path)
        feeds.raw["/garbage"] = b"<html><p>502 Bad gateway"
        feeds.entries[path] = [] if what == "empty" else [Entry(TITLE)]

    return Case(lambda: feed(feeds, where["at"]), prepare)


def _newsapi_case(api: NewsApi) -> Case:
    settings = load_settings({"STARKMATTER_VENDOR_URLS": api.urls})

    def prepare(what: str) -> None:
        api.articles = [] if what == "empty" else [article(TITLE)]
        api.faults = {"429": [429], "500": [500], "refused": [401]}.get(what, [])  # type: ignore[assignment]
        if what in {"hang", "garbage", "huge"}:
            api.faults = [what]

    return Case(lambda: NewsApiSource(settings, {"key": KEY}, timeout_secs=QUICK_SECS), prepare, key=KEY)


def _sample_case() -> Case:
    at = datetime(2021, 3, 5, 21, tzinfo=UTC)
    days: list[FinishedDay] = []

    def prepare(what: str) -> None:
        days[:] = [] if what == "empty" else [day("AAPL", at, "103.10", "100.00")]

    return Case(lambda: SampleSource(days, at - timedelta(days=60)), prepare, fails=False)


@pytest.fixture(params=["rss", "atom", "newsapi", "sample"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with ExitStack() as stack:
        if request.param == "sample":
            yield _sample_case()
        elif request.param == "newsapi":
            yield _newsapi_case(stack.enter_context(news_api()))
        else:
            started = stack.enter_context(feed_server())
            yield _rss_case(started, f"/news.{request.param}")


async def test_items_come_as_they_were_sent_with_an_aware_instant(case: Case) -> None:
    case.prepare("normal")
    (found,) = await case.source().fetch(NAMES)
    assert isinstance(found, RawItem)
    assert found.title in {TITLE, "Sample: Aapl (AAPL) closed 3.1 % higher on Mar 5, 2021"}
    assert found.source
    assert found.published_at is not None
    assert found.published_at.tzinfo is not None


async def test_nothing_new_is_an_empty_list_and_no_failure(case: Case) -> None:
    case.prepare("empty")
    assert await case.source().fetch(NAMES) == []


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        ("429", {"rate_limited"}),
        ("500", {"broken"}),
        ("hang", {"unreachable"}),
        ("garbage", {"garbage"}),
        ("huge", {"garbage"}),
        ("refused", {"refused"}),
    ],
)
async def test_a_failure_is_of_its_kind_and_says_so_in_words(case: Case, what: str, kinds: set[str]) -> None:
    if not case.fails:
        pytest.skip("it asks nobody, so nobody can fail it")
    case.prepare(what)
    with pytest.raises(VendorFailure) as failed:
        await case.source().fetch(NAMES)
    assert failed.value.kind in kinds
    assert failed.value.text.endswith((".", "once."))
    assert not case.key or case.key not in failed.value.text
    assert "http" not in failed.value.text


@pytest.mark.parametrize("module", [rss, newsapi, sample])
def test_every_source_describes_itself(module: Any) -> None:
    row = module.CAPABILITY
    assert row.port == "news"
    assert row.gives
    assert row.limits
    assert row.notes


# --- feeds ------------------------------------------------------------------------------------------------------------


async def test_a_feed_is_asked_only_for_what_is_new(feeds: Feeds) -> None:
    feeds.entries["/a"] = [Entry(TITLE)]
    first = feed(feeds, "/a")
    assert len(await first.fetch()) == 1
    assert (first.etag, first.last_modified, first.title) == (ETAG, "Mon, 02 Nov 2026 10:00:00 GMT", "Example wire")
    again = feed(feeds, "/a", title="Mine", etag=first.etag, last_modified=first.last_modified)
    assert await again.fetch() == []
    assert (again.etag, again.title) == (ETAG, "Mine")
    _, headers = feeds.asked[-1]
    assert headers["if-none-match"] == ETAG
    assert headers["if-modified-since"] == "Mon, 02 Nov 2026 10:00:00 GMT"
    assert "cookie" not in headers


async def test_entities_do_not_multiply_and_open_no_file(feeds: Feeds) -> None:
    feeds.raw |= {"/bomb": BOMB.encode(), "/reader": FILE_READER.encode()}
    (bomb,) = await feed(feeds, "/bomb").fetch()
    assert len(bomb.title) < 100
    (reader,) = await feed(feeds, "/reader").fetch()
    assert "root" not in reader.title


@pytest.mark.parametrize(
    "body", [b"/etc/passwd", b"", b"\x00" * 4_000, bytes(range(256)) * 40, b"GIF89a" + b"\x01" * 99]
)
async def test_what_is_no_feed_is_said_to_be_none(feeds: Feeds, body: bytes) -> None:
    feeds.raw["/x"] = body
    with pytest.raises(VendorFailure, match=r"not with an RSS or Atom feed|cannot be read"):
        await feed(feeds, "/x").fetch()


async def test_a_feed_that_keeps_the_parser_busy_is_given_up() -> None:
    slow = b'<rss version="2.0"><channel><item><title>' + b"<a " * 300_000
    assert await parsed(slow, "application/xml", within_secs=0.5) is None


async def test_the_parser_gets_neither_environment_nor_more_than_a_hundred_entries(
    feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "CANARY_SECRET", "canary")
    given: dict[str, Any] = {}
    start = asyncio.create_subprocess_exec

    async def watched(*words: str, **options: Any) -> Any:
        given.update(options)
        return await start(*words, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    feeds.entries["/many"] = [Entry(f"Story {n}", f"https://x.example.org/{n}") for n in range(MAX_ENTRIES + 50)]
    assert len(await feed(feeds, "/many").fetch()) == MAX_ENTRIES
    assert given["env"] == {}


async def test_an_entry_without_link_or_date_has_none(feeds: Feeds) -> None:
    feeds.entries["/bare"] = [Entry("Bare", url="", at=None)]
    (found,) = await feed(feeds, "/bare").fetch()
    assert (found.url, found.published_at) == ("", None)


async def test_one_feed_that_fails_again_and_again_does_not_silence_its_neighbour(feeds: Feeds) -> None:
    feeds.entries["/good"] = [Entry(TITLE)]
    for _ in range(7):
        with pytest.raises(VendorFailure):
            await feed(feeds, "/500").fetch()
    with pytest.raises(VendorFailure) as paused:
        await feed(feeds, "/500").fetch()
    assert paused.value.kind == "paused"
    assert len(await feed(feeds, "/good").fetch()) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a",
        "http://localhost:{port}/a",
        "http://[::1]:{port}/a",
        "http://[::ffff:127.0.0.1]:{port}/a",
        "http://2130706433:{port}/a",
        "http://0x7f000001:{port}/a",
        "http://0177.0.0.1:{port}/a",
        "http://0.0.0.0:{port}/a",
        "http://127.0.0.1/a",
        "http://10.0.0.1/a",
        "http://192.168.1.1/a",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00::1]/a",
        "http://100.64.0.1/a",
    ],
)
async def test_a_feed_on_a_private_network_is_not_asked(feeds: Feeds, url: str) -> None:
    source = RssSource(load_settings({}), FeedAddress(url.format(port=feeds.port)), tries=1, timeout_secs=QUICK_SECS)
    with pytest.raises(InvalidInput):
        await source.fetch()
    assert feeds.asked == []


async def test_a_redirect_into_a_private_network_is_not_followed(feeds: Feeds) -> None:
    with feed_server() as canary:
        for target in (f"{canary.origin}/a", "http://169.254.169.254/", "file:///etc/passwd", "gopher://127.0.0.1/"):
            feeds.redirect_to = target
            with pytest.raises((InvalidInput, VendorFailure)):
                await feed(feeds, "/redirect").fetch()
        assert canary.asked == []


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.org/a", "file:///etc/passwd", "javascript:alert(1)", "https://u:p@example.org/", "x" * 600],
)
def test_an_address_that_is_none_is_refused_before_it_is_kept(url: str) -> None:
    with pytest.raises(InvalidInput):
        check_address(url)


# --- NewsAPI ----------------------------------------------------------------------------------------------------------


def keyed(api: NewsApi, **more: Any) -> NewsApiSource:
    return NewsApiSource(
        load_settings({"STARKMATTER_VENDOR_URLS": api.urls}), {"key": KEY}, timeout_secs=QUICK_SECS, **more
    )


async def test_the_key_travels_in_a_header_only_and_no_picture_comes_back(api: NewsApi) -> None:
    api.articles = [article("One"), article("[Removed]"), {"title": 5}]
    found = await keyed(api).fetch(NAMES)
    assert [one.title for one in found] == ["One", ""]
    assert "tracker" not in repr(found)
    ((path, query, headers),) = api.asked
    assert path == "/v2/everything"
    assert query["q"] == ['"Apple" OR "Microsoft"']
    assert headers["authorization"] == KEY
    assert KEY not in repr(query)


async def test_without_companies_business_headlines_are_asked_for(api: NewsApi) -> None:
    assert await keyed(api).fetch(()) == []
    ((path, query, _),) = api.asked
    assert (path, query["category"]) == ("/v2/top-headlines", ["business"])


@pytest.mark.parametrize("fault", ["html", "drop", "deep", "wrong-types", "redirect", 426])
async def test_whatever_it_answers_is_a_failure_in_our_words(api: NewsApi, fault: int | str) -> None:
    api.faults = [fault]
    with pytest.raises(VendorFailure) as failed:
        await keyed(api).fetch(NAMES)
    assert KEY not in failed.value.text
    if fault == 426:
        assert failed.value.kind == "refused"
        assert "developer plan" in failed.value.text


async def test_a_failed_question_is_not_asked_again(api: NewsApi) -> None:
    api.faults = [500, 500]
    with pytest.raises(VendorFailure):
        await keyed(api).fetch(NAMES)
    assert len(api.asked) == 1


async def test_the_test_button_says_what_it_learned(api: NewsApi) -> None:
    assert "takes the key" in await keyed(api).check()
    api.faults = [401]
    with pytest.raises(VendorFailure, match="does not accept this key"):
        await keyed(api).check()


def test_many_companies_are_asked_for_in_turns() -> None:
    names = [f"Company number {n:03}" for n in range(60)]
    turns = [query_of(names, turn) for turn in range(4)]
    assert all(len(one) <= 500 for one in turns)
    assert all(any(f'"{name}"' in one for one in turns) for name in names)
    assert query_of(names, 4 * 7) in turns
    assert query_of([' "quoted" '], 0) == '" quoted "'
    assert query_of([], 3) == ""


# --- samples ----------------------------------------------------------------------------------------------------------


async def test_samples_say_that_they_are_invented_and_hold_only_figures_of_finished_days() -> None:
    at = datetime(2021, 3, 5, 21, tzinfo=UTC)
    days = [
        day("AAPL", at, "103.10", "100.00"),
        day("MSFT", at, "96.00", "100.00", volume="250"),
        day("CALM", at, "100.50", "100.00"),
        *[day(f"UP{n}", at, "102.50", "100.00") for n in range(6)],
    ]
    found = await SampleSource(days, at - timedelta(days=1)).fetch()
    assert [one.title for one in found[:2]] == [
        "Sample: Msft (MSFT) closed 4.0 % lower on Mar 5, 2021",
        "Sample: Aapl (AAPL) closed 3.1 % higher on Mar 5, 2021",
    ]
    assert "Sample: Msft (MSFT) traded 2.5 times its usual volume on Mar 5, 2021" in [one.title for one in found]
    assert len(found) == 5
    assert all("invented item" in one.summary and one.published_at == at and not one.url for one in found)
    assert await SampleSource(days, at).fetch() == []


async def test_a_month_is_reviewed_at_the_first_close_after_it() -> None:
    ends = [datetime(2021, month, 26, 21, tzinfo=UTC) for month in (1, 2)]
    first = datetime(2021, 3, 1, 21, tzinfo=UTC)
    days = [day("AAPL", at, close, None) for at, close in zip([*ends, first], ("100", "110", "111"), strict=True)]
    days += [day("MSFT", at, close, None) for at, close in zip([*ends, first], ("100", "95", "96"), strict=True)]
    (found,) = await SampleSource(days, ends[0]).fetch()
    assert (found.title, found.published_at) == ("Sample: February 2021 in review, 1 of 2 stocks up", first)
    assert "Aapl (AAPL) moved most upward, +10.0 %; Msft (MSFT) stood last, −5.0 %" in found.summary
    assert await SampleSource([one for one in days if one.closed_at < first], ends[0]).fetch() == []
