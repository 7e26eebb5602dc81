"""From sources to stories: fetch, make plain, link, score, keep once. One source that fails stops no other."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from starkmatter.accounts.vault import open_secret
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.quotes import Venue
from starkmatter.errors import StarkMatterError
from starkmatter.market.clocks import venue_clock
from starkmatter.news import queries
from starkmatter.news.deduplicate import SAME_STORY_WITHIN, title_key, url_key
from starkmatter.news.link import Linker, company_name
from starkmatter.news.ports import NewsSource, RawItem
from starkmatter.news.records import Story
from starkmatter.news.sanitise import SOURCE_CHARS, SUMMARY_CHARS, TITLE_CHARS, clean_instant, clean_text, clean_url
from starkmatter.news.sentiment import score
from starkmatter.news.sources.catalog import KEYED, KeyedSource
from starkmatter.news.sources.rss import FeedAddress, RssSource
from starkmatter.news.sources.sample import FinishedDay, SampleSource

STORY_SPACE = UUID("6f0a7d52-0f5b-4c0e-9d35-5a1f6a7f2b11")
FEEDS_AT_ONCE = 3
KEEP = timedelta(days=90)
KEEP_ROWS: dict[Venue, int] = {"market": 20_000, "replay": 3_000}
SAMPLE_DAYS = timedelta(days=60)
USUAL_DAYS = timedelta(days=100)


@dataclass(frozen=True, slots=True)
class _Feed:
    id: UUID
    url: str
    title: str
    etag: str
    last_modified: str


@dataclass(slots=True)
class _Asked:
    """What one source answered: its items, or in words why there are none. `noted` writes down which."""

    title: str
    items: list[RawItem]
    failure: str
    noted: Callable[["_Asked"], Awaitable[object]]


async def collect_news(b: Backends) -> str:
    """Ask every source for the market's news, when anybody wants it; one sentence about what came."""
    if not await b.db.value(queries.IS_WANTED, {"kinds": list(KEYED)}):
        return "nobody uses the market yet, so nobody was asked"
    linker = await _linker(b)
    some = asyncio.Semaphore(FEEDS_AT_ONCE)
    feeds = [_ask_feed(b, some, feed) for feed in await b.db.all(_Feed, queries.FEEDS_TO_ASK)]
    keyed = [_ask_keyed(b, name, how) for name, how in KEYED.items()]
    asked, new = [], 0
    for answer in asyncio.as_completed([*feeds, *keyed]):
        one = await answer
        if one is not None:
            new += await keep(b, "market", one.items, utc_now(), linker)
            await one.noted(one)
            asked.append(one)
    failed = [one.title for one in asked if one.failure]
    words = f"{new} new stories from {len(asked) - len(failed)} of {len(asked)} sources"
    return words + (f"; no answer from {', '.join(failed)[:160]}" if failed else "")


async def write_samples(b: Backends, until: datetime | None = None) -> str:
    """Items about the replay's sessions that are over at venue time `until` (None: at its present time).

    A session is written about once, whichever run comes by; a run far from all former ones starts with sixty days.
    """
    now = until or (await venue_clock(b.db, b.cache, "replay", utc_now())).venue_now
    since: datetime = await b.db.value(queries.SAMPLES_UNTIL, {"now": now, "oldest": now - SAMPLE_DAYS})
    days = await b.db.all(FinishedDay, queries.FINISHED_DAYS, {"until": now, "since": since - USUAL_DAYS})
    new = await keep(b, "replay", await SampleSource(days, since).fetch(), now, await _linker(b))
    return f"{new} new sample items up to {now:%Y-%m-%d} on the replay"


async def forget_old_news(b: Backends) -> str:
    """Market news for ninety days, and never more rows than KEEP_ROWS says."""
    gone = await b.db.run(queries.FORGET_OLD, (utc_now() - KEEP,))
    for venue, count in KEEP_ROWS.items():
        gone += await b.db.run(queries.CAP_ROWS, {"venue": venue, "keep": count})
    return f"{gone} stories forgotten"


async def keep(b: Backends, venue: Venue, items: Iterable[RawItem], now: datetime, linker: Linker) -> int:
    """Clean the reports and keep those that are new stories; how many were. `now` is the venue's."""
    stories = await asyncio.to_thread(_stories, items, now, linker)
    if not stories:
        return 0
    new = 0
    async with b.db.transaction() as connection:
        await connection.execute(queries.TAKE_TURNS)
        for one in stories:
            row = _row(one, venue)
            same = await (await connection.execute(queries.SAME_STORY, row)).fetchone()
            if same is not None:
                await connection.execute(queries.ADD_REPORT, row | {"id": same[0]})
            else:
                new += (await connection.execute(queries.INSERT_STORY, row)).rowcount
    return new


def _stories(items: Iterable[RawItem], now: datetime, linker: Linker) -> list[Story]:
    return [story for item in items if (story := story_of(item, now, linker)) is not None]


def story_of(item: RawItem, now: datetime, linker: Linker) -> Story | None:
    """The report as plain data; None when it has no headline or a date that cannot be believed."""
    title = clean_text(item.title, TITLE_CHARS)
    published_at = clean_instant(item.published_at, now)
    if not any(char.isalnum() for char in title) or published_at is None:
        return None
    summary = clean_text(item.summary, SUMMARY_CHARS)
    if summary.startswith(title):
        summary = summary.removeprefix(title).lstrip(" .:;-–—|")
    url = clean_url(item.url)
    source = clean_text(item.source, SOURCE_CHARS) or "unnamed source"
    sentiment, mood = score(title, summary)
    return Story(
        title=title,
        summary=summary,
        url=url,
        url_key=url_key(url),
        title_key=title_key(title, source),
        source=source,
        published_at=published_at,
        symbols=linker.symbols_in(title, summary),
        sentiment=sentiment,
        mood=mood,
    )


def _row(one: Story, venue: Venue) -> dict[str, object]:
    name = one.url_key or f"{one.title_key}|{one.published_at.isoformat()}"
    return {
        "id": uuid5(STORY_SPACE, f"{venue}|{name}"),
        "venue": venue,
        "title": one.title,
        "summary": one.summary,
        "url": one.url,
        "url_key": one.url_key,
        "title_key": one.title_key,
        "source": one.source,
        "symbols": list(one.symbols),
        "published_at": one.published_at,
        "earliest": one.published_at - SAME_STORY_WITHIN,
        "latest": one.published_at + SAME_STORY_WITHIN,
        "now": utc_now(),
        "sentiment": one.sentiment,
        "mood": one.mood,
        "sample": venue == "replay",
    }


async def _linker(b: Backends) -> Linker:
    return Linker([(str(symbol), str(name)) for symbol, name in await b.db.tuples(queries.INSTRUMENTS)])


async def _ask_feed(b: Backends, some: asyncio.Semaphore, feed: _Feed) -> _Asked:
    source = RssSource(b.settings, FeedAddress(feed.url, feed.title, feed.etag, feed.last_modified))

    async def noted(one: _Asked) -> None:
        row = {"id": feed.id, "now": utc_now(), "etag": source.etag, "last_modified": source.last_modified}
        sql = queries.FEED_FAILED if one.failure else queries.FEED_ANSWERED
        await b.db.run(sql, row | {"words": one.failure})

    async with some:
        return await _answer(feed.title, source, (), noted)


async def _ask_keyed(b: Backends, name: str, how: KeyedSource) -> _Asked | None:
    """None when there is no key, or when the plan's day or pause does not allow a question now."""
    now = utc_now()
    secrets = await open_secret(b, name)
    if secrets is None:
        return None
    claim = {"name": name, "today": now.date(), "now": now, "not_since": now - how.pause, "a_day": how.a_day}
    turn = await b.db.value(queries.TAKE_REQUEST, claim)
    if turn is None:
        return None

    async def noted(one: _Asked) -> None:
        sql = queries.SOURCE_FAILED if one.failure else queries.SOURCE_ANSWERED
        await b.db.run(sql, {"name": name, "now": utc_now(), "words": one.failure})

    return await _answer(how.vendor, how.open(b.settings, secrets, int(turn) - 1), await _wanted_names(b), noted)


async def _answer(
    title: str, source: NewsSource, names: Sequence[str], noted: Callable[[_Asked], Awaitable[object]]
) -> _Asked:
    try:
        return _Asked(title, await source.fetch(names), "", noted)
    except StarkMatterError as error:
        return _Asked(title, [], error.text[:300], noted)


async def _wanted_names(b: Backends) -> Sequence[str]:
    return [company_name(str(name)) for _, name in await b.db.tuples(queries.WANTED_NAMES)]
