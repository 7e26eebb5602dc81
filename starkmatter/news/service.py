"""Reading news, and the feeds it comes from. News is nobody's own; which feeds are asked is an admin's word."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.quotes import Venue
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound, Unavailable
from starkmatter.market.clocks import venue_clock
from starkmatter.news import queries
from starkmatter.news.records import FeedView, NewsView, SourceHealth
from starkmatter.news.sanitise import SOURCE_CHARS, clean_text
from starkmatter.news.sources.catalog import KEYED
from starkmatter.news.sources.rss import FeedAddress, RssSource, check_address

MAX_NEWS = 200
MAX_SYMBOLS = 200
MAX_FEEDS = 50
VENUES = ("replay", "market")


async def list_news(
    b: Backends,
    caller: Caller,
    *,
    venue: Venue,
    symbols: Sequence[str] | None = None,
    limit: int = 50,
    before: tuple[datetime, UUID] | None = None,
) -> list[NewsView]:
    """The newest stories of a venue as of its present time, about any of `symbols` (None: about anything).

    No symbols, no stories. `before` is the last story of the page before. The replay has samples only, the market real
    stories only. A replay that has not started has none yet.
    """
    if venue not in VENUES:
        raise InvalidInput("venue: replay or market.")
    if symbols is not None and not symbols:
        return []
    until = utc_now()
    if venue == "replay":
        try:
            until = (await venue_clock(b.db, b.cache, venue, until)).venue_now
        except Unavailable:
            return []
    asked = {
        "venue": venue,
        "until": until,
        "symbols": None if symbols is None else [one.strip().upper() for one in symbols][:MAX_SYMBOLS],
        "at": before[0] if before else None,
        "id": before[1] if before else None,
        "limit": max(1, min(limit, MAX_NEWS)),
    }
    return await b.db.all(NewsView, queries.NEWS, asked)


async def list_health(b: Backends, caller: Caller) -> list[SourceHealth]:
    """How each source of the market's news has answered; sources with a key once they were asked."""
    keyed = await b.db.all(SourceHealth, queries.KEYED_SOURCES)
    return [_named(one) for one in keyed] + await b.db.all(SourceHealth, queries.FEED_HEALTH)


async def list_feeds(b: Backends, caller: Caller) -> list[FeedView]:
    """Every feed with its address. Admins only: an address may hold a private word."""
    _check(caller)
    return await b.db.all(FeedView, queries.FEEDS)


async def get_feed(b: Backends, caller: Caller, feed_id: UUID) -> FeedView:
    """One feed; NotFound when there is none."""
    _check(caller)
    found = await b.db.one(FeedView, queries.FEED, (feed_id,))
    if found is None:
        raise NotFound("There is no such feed.")
    return found


async def add_feed(b: Backends, caller: Caller, url: str, title: str = "") -> FeedView:
    """Read the feed once and keep its address; its stories come with the next collection.

    InvalidInput when it may not be asked (a private network, a strange port), VendorFailure when it does not answer
    with a feed, Conflict when it is there already.
    """
    _check(caller)
    address = check_address(url)
    if await b.db.value(queries.COUNT_FEEDS) >= MAX_FEEDS:
        raise InvalidInput(f"There can be {MAX_FEEDS} feeds. Remove one first.")
    source = RssSource(b.settings, FeedAddress(address))
    await source.fetch(())
    name = clean_text(title, SOURCE_CHARS) or clean_text(source.title, SOURCE_CHARS) or source.host
    row = {"id": uuid4(), "url": address, "title": name, "added_by": caller.user_id, "now": utc_now()}
    if not await b.db.run(queries.INSERT_FEED, row):
        raise Conflict("This feed is there already.")
    return await get_feed(b, caller, UUID(str(row["id"])))


async def change_feed(
    b: Backends, caller: Caller, feed_id: UUID, *, enabled: bool | None = None, title: str | None = None
) -> FeedView:
    """Pause it, ask it again, or call it something else."""
    _check(caller)
    name = None if title is None else clean_text(title, SOURCE_CHARS)
    if name == "":
        raise InvalidInput("A feed needs a name.")
    if not await b.db.run(queries.CHANGE_FEED, {"id": feed_id, "enabled": enabled, "title": name}):
        raise NotFound("There is no such feed.")
    return await get_feed(b, caller, feed_id)


async def delete_feed(b: Backends, caller: Caller, feed_id: UUID) -> None:
    """Ask it no more; the stories it gave stay."""
    _check(caller)
    if not await b.db.run(queries.DELETE_FEED, (feed_id,)):
        raise NotFound("There is no such feed.")


def _named(one: SourceHealth) -> SourceHealth:
    title = KEYED[one.title].vendor if one.title in KEYED else one.title
    return SourceHealth(title, one.enabled, one.last_ok_at, one.last_failed_at, one.failure)


def _check(caller: Caller) -> None:
    if not caller.is_admin:
        raise NotAllowed("Only an admin chooses the feeds.")
