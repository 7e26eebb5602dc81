"""News on its own page and in the panels of others, and the feeds an admin chooses."""

from datetime import datetime
from uuid import UUID

import reflex as rx

from starkmatter.accounts.records import Caller
from starkmatter.backends import backends
from starkmatter.clock import utc_now
from starkmatter.domain.quotes import Venue
from starkmatter.errors import NotFound, StarkMatterError
from starkmatter.jobs.history import ask_for_news
from starkmatter.news import service
from starkmatter.news.records import FeedView, NewsView, SourceHealth
from starkmatter.news.sources.newsapi import VENDOR as NEWSAPI
from starkmatter.portfolio.valuation import clock_or_none, list_positions
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState, chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row
from starkmatter.ui.state.trade import SYMBOL, TradeState

PAGE = 30
MAX_SHOWN = 300
ON_TRADE, ON_DASHBOARD = 5, 6
CHOICES = ("all", "holdings", "symbol")


class NewsState(rx.State):
    """The page of news. `before` is where older stories go on, empty at the end."""

    ready: bool = False
    venue: str = "replay"
    choice: str = "all"
    symbol: str = ""
    items: list[Row] = []
    before: str = ""
    holds: bool = True
    sources: list[Row] = []
    has_key: bool = True
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read the newest; a symbol named in the address is chosen."""
        asked = str(self.router.url.query_parameters.get("symbol", "")).upper()
        if SYMBOL.fullmatch(asked):
            self.choice, self.symbol = "symbol", asked
        await self._read()

    @rx.event
    @allow("user")
    async def refresh(self) -> None:
        """Look again, unless the reader has gone back in time."""
        if len(self.items) <= PAGE:
            await self._read()

    @rx.event
    @allow("user")
    async def follow_account(self) -> None:
        """Another account was chosen."""
        await self._read()

    @rx.event
    @allow("user")
    async def choose(self, choice: str) -> None:
        """All stories, those on one's holdings, or those on one symbol."""
        if choice in CHOICES:
            self.choice = choice
            await self._read()

    @rx.event
    @allow("user")
    async def look_for(self, form: dict[str, str]) -> None:
        """Stories on one symbol."""
        symbol = form.get("symbol", "").strip().upper()
        if not SYMBOL.fullmatch(symbol):
            self.problem = "A symbol is a word such as AAPL."
            return
        self.choice, self.symbol = "symbol", symbol
        await self._read()

    @rx.event
    @allow("user")
    async def older(self) -> None:
        """Go on where the list ends."""
        at, _, item_id = self.before.partition("|")
        if not item_id or len(self.items) >= MAX_SHOWN:
            return
        try:
            found = await self._news(await caller_of(self), (datetime.fromisoformat(at), UUID(item_id)))
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.items = [*self.items, *await _rows(found, self.venue)]
        self._mark_end(found)

    async def _read(self) -> None:
        caller = await caller_of(self)
        self.venue = await _venue(self)
        try:
            found = await self._news(caller)
            rows = await _rows(found, self.venue)
            if rows != self.items:
                self.items = rows
            self._mark_end(found)
            health = await service.list_health(backends(), caller) if self.venue == "market" else []
            self.sources = [_source_row(one, utc_now()) for one in health]
            self.has_key = self.venue != "market" or any(one.title == NEWSAPI for one in health)
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True

    async def _news(self, caller: Caller, before: tuple[datetime, UUID] | None = None) -> list[NewsView]:
        symbols = None
        if self.choice == "holdings":
            symbols = await _held(self, caller)
            self.holds = bool(symbols)
        elif self.choice == "symbol":
            symbols = [self.symbol] if self.symbol else []
        venue: Venue = "market" if self.venue == "market" else "replay"
        return await service.list_news(backends(), caller, venue=venue, symbols=symbols, limit=PAGE, before=before)

    def _mark_end(self, found: list[NewsView]) -> None:
        full = len(found) == PAGE and len(self.items) < MAX_SHOWN
        self.before = f"{found[-1].published_at.isoformat()}|{found[-1].id}" if full else ""


class NewsPanelState(rx.State):
    """The newest stories beside something else: on the symbol of the trade page, elsewhere on what is held."""

    ready: bool = False
    items: list[Row] = []
    holds: bool = True

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read them for the page that is open."""
        on_trade = str(self.router.url.path).startswith("/trade")
        caller = await caller_of(self)
        venue = await _venue(self)
        try:
            symbols = [(await self.get_state(TradeState)).symbol_shown] if on_trade else await _held(self, caller)
            self.holds = bool(symbols)
            found = await service.list_news(
                backends(),
                caller,
                venue="market" if venue == "market" else "replay",
                symbols=symbols,
                limit=ON_TRADE if on_trade else ON_DASHBOARD,
            )
            self.items = await _rows(found, venue)
        except StarkMatterError:
            self.items = []
        self.ready = True


class FeedsState(rx.State):
    """The feeds, for admins."""

    ready: bool = False
    feeds: list[Row] = []
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("admin")
    async def load(self) -> None:
        """Read them again."""
        await self._read()

    @rx.event
    @allow("admin")
    async def switch(self, feed_id: str, on: bool) -> None:
        """Ask it again, or not for now."""
        await self._change(feed_id, on)

    @rx.event
    @allow("admin")
    async def remove(self, feed_id: str) -> None:
        """Ask it no more."""
        await self._change(feed_id, None)

    @rx.event
    @allow("admin")
    async def collect(self) -> None:
        """Ask all of them now."""
        try:
            await ask_for_news(backends(), await caller_of(self))
            self.said = "The worker is asking every source now."
        except StarkMatterError as error:
            self.problem = error.text

    async def _change(self, feed_id: str, on: bool | None) -> None:
        b, caller = backends(), await caller_of(self)
        self.said = ""
        try:
            if on is None:
                await service.delete_feed(b, caller, UUID(feed_id))
            else:
                await service.change_feed(b, caller, UUID(feed_id), enabled=on)
        except (ValueError, StarkMatterError):
            self.problem = "There is no such feed."
            return
        await self._read()

    async def _read(self) -> None:
        try:
            self.feeds = [_feed_row(one) for one in await service.list_feeds(backends(), await caller_of(self))]
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True


async def _venue(state: rx.State) -> str:
    return (await state.get_state(FrameState)).account["venue"]


async def _held(state: rx.State, caller: Caller) -> list[str]:
    try:
        account_id = await chosen_account(state)
    except NotFound:
        return []
    return [one.symbol for one in await list_positions(backends(), caller, account_id) if one.qty]


async def _rows(found: list[NewsView], venue: str) -> list[Row]:
    """The stories as lists show them, their age counted on their venue's clock."""
    now = utc_now()
    if venue == "replay" and found:
        clock = await clock_or_none(backends(), "replay")
        now = clock.venue_now if clock else found[0].published_at
    return [_row(one, now) for one in found]


def _row(one: NewsView, now: datetime) -> Row:
    others = len(one.sources) - 1
    return {
        "id": str(one.id),
        "title": one.title,
        "summary": one.summary,
        # Cleaned when it came; a row that came another way leads nowhere all the same.
        "url": one.url if one.url.startswith(("https://", "http://")) else "",
        "source": one.source,
        "others": "" if others < 1 else f" and {others} more",
        "sources": ", ".join(one.sources),
        "age": show.age(now - one.published_at),
        "at": f"{show.exchange_time(one.published_at)} ET",
        "iso": one.published_at.isoformat(),
        "symbols": " ".join(one.symbols),
        "mood": one.mood.capitalize(),
        "score": show.change(one.sentiment),
        "dir": {"bullish": "up", "bearish": "down"}.get(one.mood, ""),
        "sample": "yes" if one.sample else "",
    }


def _source_row(one: SourceHealth, now: datetime) -> Row:
    failed = one.failure and one.last_failed_at
    if not one.enabled:
        words = "paused"
    elif failed:
        words = f"{one.failure} ({show.age(now - one.last_failed_at)})"
    else:
        words = f"answered {show.age(now - one.last_ok_at)}" if one.last_ok_at else "not asked yet"
    look = "" if not one.enabled or not (failed or one.last_ok_at) else "stale" if failed else "live"
    return {"title": one.title, "words": words, "look": look}


def _feed_row(one: FeedView) -> Row:
    health = _source_row(
        SourceHealth(one.title, one.enabled, one.last_ok_at, one.last_failed_at, one.failure), utc_now()
    )
    return {
        "id": str(one.id),
        "title": one.title,
        "url": one.url,
        "shipped": "yes" if one.shipped else "",
        "on": "yes" if one.enabled else "",
        "words": health["words"],
        "look": health["look"],
    }
