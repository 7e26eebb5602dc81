"""Runs the wall-clock market in the worker: asks for what somebody wants, streams where it can, and says how old it is.

Nobody wanting anything, no vendor is asked. With no vendor answering, the clock goes on and quotes keep their age. One
part's failure is told in words and tried again; it never ends the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter import clock
from starkmatter.db.database import Database
from starkmatter.domain.instruments import class_of
from starkmatter.domain.market_hours import clock_of
from starkmatter.domain.quotes import INTERVALS, Interval, Quote, Venue, VenueClock
from starkmatter.domain.sessions import SessionCalendar
from starkmatter.errors import InvalidInput, StarkMatterError, Unavailable
from starkmatter.market.actions.store import ActionStore
from starkmatter.market.board import QuoteBoard
from starkmatter.market.books import tell_books_until
from starkmatter.market.border import Corridor
from starkmatter.market.clocks import market_clock_at
from starkmatter.market.doubt import Doubt
from starkmatter.market.errands import Answer, serve_until
from starkmatter.market.failover import Failover, NoSource
from starkmatter.market.feed import Feed
from starkmatter.market.forming import MarketForming
from starkmatter.market.health import Health, keep_refusals, quote_excerpt, tell_sources
from starkmatter.market.history.gaps import repair_gaps
from starkmatter.market.history.market_bars import BarStore
from starkmatter.market.history.ticks import TickStore
from starkmatter.market.identifiers import Identifier
from starkmatter.market.listing import FIRST, add_instruments
from starkmatter.market.naming import add_symbol, identify
from starkmatter.market.pace import InPlay, Pace, Turns
from starkmatter.market.ports import IdentifierSource
from starkmatter.market.service import instruments_named
from starkmatter.market.streaming import Streaming
from starkmatter.market.told import tell_bars
from starkmatter.market.wanted import CHANGED_CHANNEL, MAX_WANTED, NOTHING, read_wanted
from starkmatter.ops.seldom import Seldom

VENUE: Venue = "market"
STREAM_MAX = 30
OnBatch = Callable[[VenueClock, dict[str, Quote]], Awaitable[None]]
Confirm = Callable[[], Awaitable[None]]

log = structlog.get_logger("market")


async def _alone() -> None:
    """The answer where no other process runs the market."""


class MarketFeed:
    """`run` until `stop`. `sources` gives the vendors as they are connected now, `in_play` what accounts need."""

    def __init__(
        self,
        db: Database,
        cache: Redis,
        sources: Callable[[], Awaitable[Failover]],
        in_play: Callable[[], Awaitable[InPlay]],
        on_batch: OnBatch,
        confirm: Confirm = _alone,
        pace: Pace | None = None,
        health: Health | None = None,
        identifiers: IdentifierSource | None = None,
    ) -> None:
        self._db = db
        self._cache = cache
        self._sources = sources
        self._in_play = in_play
        self._identifiers = identifiers
        self._on_batch = on_batch
        self._confirm = confirm
        self._pace = pace or Pace()
        self._health = health or Health()
        self._feed = Feed("market", QuoteBoard(cache), clock.utc_now, self._refused)
        self._doubt = Doubt()
        self._forming = MarketForming(db)
        self._bars = BarStore(db)
        self._ticks = TickStore(db)
        self._actions = ActionStore(db, self._pace.actions_secs)
        self._play = InPlay([], accounts=False)
        self._play_read_at = float("-inf")
        self._wanted: list[str] = []
        self._books: list[str] = []
        self._used = False
        self._turns = Turns(self._pace)
        self._streaming = Streaming(
            sources,
            self._to_stream,
            self._take_streamed,
            self._health,
            self._pace.stream,
            self._pace.look_secs,
            self._say,
        )
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._seldom = Seldom(60.0)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; a part that ends for another reason ends all of it."""
        await self._open(stop)
        parts = (
            self._feed.publish_until(stop, self._confirm),
            self._tick_until(stop),
            self._ask_until(stop),
            self._streaming.run(stop),
            self._store_until(stop),
            self._tell_health_until(stop),
            self._listen_until(stop),
            self._actions.serve_until(stop, self._sources),
            tell_books_until(self._cache, self._sources, lambda: self._books, self._pace.books_secs, self._say, stop),
            serve_until(self._cache, self._do, stop),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part) for part in parts]
            await stop.wait()
            for task in tasks:
                task.cancel()

    async def _open(self, stop: asyncio.Event) -> None:
        """Wait for the sessions, add what a watchlist begins with, and go on with the quotes that are known."""
        while not stop.is_set():
            with suppress(Unavailable):
                calendar = await self._bars.calendar(clock.utc_now())
                if len(calendar):
                    await self._confirm()
                    await add_instruments(self._db, FIRST)
                    await self._forming.resume(calendar)
                    break
            await self._pause(stop, self._pace.look_secs)
        with suppress(Unavailable):
            known = await QuoteBoard(self._cache).quotes("market")
            self._feed.newest.update(known)
            self._doubt.believe(known)

    async def _pause(self, stop: asyncio.Event, secs: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), secs)

    # --- the clock ----------------------------------------------------------------------------------------------------

    async def _clock(self) -> VenueClock:
        now = clock.utc_now()
        return market_clock_at(await self._bars.calendar(now), now)

    async def _tick_until(self, stop: asyncio.Event) -> None:
        """Each second, while anybody uses the market: announce the clock, let orders expire and values be recorded."""
        told_known = False
        while not stop.is_set():
            await self._confirm()
            try:
                await self._read_wishes()
                if self._used:
                    shown = replace(await self._clock(), note=self._health.note)
                    self._feed.tell_clock(shown)
                    await self._hand_over(shown, {} if told_known else dict(self._feed.newest))
                    told_known = True
            except Unavailable as error:
                self._say("market waits", reason=error.text)
            await self._pause(stop, self._pace.look_secs)

    async def _hand_over(self, shown: VenueClock, quotes: dict[str, Quote]) -> None:
        try:
            await self._on_batch(shown, quotes)
        except StarkMatterError as error:
            self._say("batch refused", reason=error.text)

    def _say(self, event: str, **more: object) -> None:
        held_back = self._seldom.take()
        if held_back is not None:
            log.warning(event, venue=VENUE, more_like_it=held_back, **more)

    # --- who wants what -----------------------------------------------------------------------------------------------

    async def _read_wishes(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._play_read_at >= self._pace.play_secs:
            self._play = await self._in_play()
            self._play_read_at = now
        wishes = NOTHING
        with suppress(RedisError, OSError):
            wishes = await read_wanted(self._cache, clock.utc_now())
        self._books = wishes.books
        wanted = list(dict.fromkeys([*self._play.symbols, *wishes.symbols, *self._play.tracked]))[:MAX_WANTED]
        if set(wanted) - set(self._wanted):
            self._wake.set()
        self._wanted, self._used = wanted, bool(wanted) or wishes.anybody or self._play.accounts

    async def _to_stream(self) -> list[str]:
        """What is to be streamed now: nothing outside the session of its market."""
        symbols = [symbol for symbol in self._wanted if not symbol.startswith("^")]
        return (await self._trading(symbols))[:STREAM_MAX] if symbols else []

    async def _trading(self, symbols: Iterable[str]) -> list[str]:
        """Those whose market is open now."""
        now = await self._clock()
        return [symbol for symbol in symbols if clock_of(symbol, now).state == "open"]

    async def _listen_until(self, stop: asyncio.Event) -> None:
        """Look at once when somebody wants something new."""
        while not stop.is_set():
            try:
                async with self._cache.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANGED_CHANNEL)
                    while not stop.is_set():
                        if await channel.get_message(timeout=self._pace.look_secs) is not None:
                            with suppress(Unavailable):
                                await self._read_wishes()
            except (RedisError, OSError):
                await self._pause(stop, self._pace.look_secs)

    # --- asking -------------------------------------------------------------------------------------------------------

    async def _ask_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._pace.due_secs)
            self._wake.clear()
            try:
                if not self._wanted:
                    continue
                allowed_secs = (await self._sources()).pace_secs(len(self._wanted))
                due = self._due(await self._clock(), allowed_secs)
                if due:
                    await self._ask(due)
            except Unavailable as error:
                self._say("market waits", reason=error.text)

    def _due(self, shown: VenueClock, allowed_secs: float) -> list[str]:
        """What is to be asked now; `allowed_secs` is how often the source's plan lets us ask."""
        states = {symbol: clock_of(symbol, shown).state for symbol in self._wanted}
        now, streamed = asyncio.get_running_loop().time(), self._streaming.streamed
        return self._turns.due(states, now, allowed_secs, streamed=streamed, priced=self._feed.newest)

    async def _ask(self, symbols: Sequence[str]) -> None:
        await self._confirm()
        self._turns.asked(symbols, asyncio.get_running_loop().time(), priced=self._feed.newest)
        failover = await self._sources()
        failing = {one for one in self._health.order if self._health.of(one).failure is not None}
        try:
            found = await failover.quotes(symbols)
        except NoSource as error:
            self._turns.failed()
            self._say("no quotes", reason=error.text)
            return
        self._turns.answered()
        for adapter in failing:
            if self._health.of(adapter).failure is None:
                self._streaming.welcome(adapter)  # It is back: so may its stream be.
        await self._take(failover, found)

    async def _take_streamed(self, failover: Failover, quotes: dict[str, Quote]) -> None:
        """A stream goes on while any market is open: what it tells of a closed one is no price of its session."""
        trading = set(await self._trading(quotes))
        if told := {symbol: quote for symbol, quote in quotes.items() if symbol in trading}:
            await self._take(failover, told)

    async def _take(self, failover: Failover, quotes: dict[str, Quote]) -> None:
        """Judge, admit, show and hand over."""
        async with self._turn:
            await self._confirm()
            now = clock.utc_now()
            quotes = {symbol: quote for symbol, quote in quotes.items() if not self._is_old(quote)}
            second: dict[str, Quote] = {}
            doubtful = self._doubt.doubtful(quotes)
            if doubtful:
                with suppress(NoSource):
                    second = await failover.quotes(doubtful, but=quotes[doubtful[0]].provider)
            judged = self._doubt.judged(quotes, second, now)
            self._note_suspects(judged, now)
            borne_out = {
                symbol: Corridor(one.last, one.last) for symbol, one in judged.items() if one.condition == "normal"
            }
            admitted = self._feed.admit(judged, now, borne_out)
            for quote in admitted.values():
                self._health.gave(quote)
            if not admitted:
                return
            calendar = await self._bars.calendar(now)
            self._forming.take(admitted, calendar)
            self._ticks.take(admitted)
            self._feed.announce()
            await self._hand_over(market_clock_at(calendar, now), admitted)

    def _note_suspects(self, judged: Mapping[str, Quote], now: datetime) -> None:
        for symbol, quote in judged.items():
            if quote.condition == "suspect":
                reason = "jumped, and no second source bears it out"
                self._health.refuse(quote.provider, symbol, "suspect", reason, quote_excerpt(quote), now)

    def _refused(self, symbol: str, quote: Quote, reason: str) -> None:
        self._health.refuse_quote(quote.provider, symbol, quote, reason, clock.utc_now())

    def _is_old(self, quote: Quote) -> bool:
        """Whether something newer is shown already: an answer may have been on its way while a stream told more."""
        shown = self._feed.newest.get(quote.symbol)
        return shown is not None and quote.observed_at < shown.observed_at

    # --- data health --------------------------------------------------------------------------------------------------

    async def _tell_health_until(self, stop: asyncio.Event) -> None:
        """Let the pages see how sources do, and keep what was refused; either is tried again when it fails."""
        while not stop.is_set():
            await self._confirm()
            with suppress(RedisError, OSError):
                await tell_sources(self._cache, self._health, clock.utc_now())
            refused = self._health.take_refusals()
            try:
                await keep_refusals(self._db, refused)
            except Unavailable:
                self._health.give_back(refused)
            await self._pause(stop, self._pace.health_secs)

    # --- bars and errands ---------------------------------------------------------------------------------------------

    async def _store_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._confirm()
            try:
                await tell_bars(self._cache, VENUE, *await self._forming.store(clock.utc_now()))
                await self._ticks.store()
            except Unavailable as error:
                self._say("market waits", reason=error.text)
            await self._pause(stop, self._pace.store_secs)

    async def _do(self, errand: Answer) -> Answer:
        """What the web process or a job asks for; see `market.errands`."""
        await self._confirm()
        now = clock.utc_now()
        failover = await self._sources()
        match errand.get("kind"):
            case "search":
                return {"found": [asdict(one) for one in await failover.search(str(errand["text"]))]}
            case "add":
                return {"found": await add_symbol(self._db, failover, str(errand["symbol"]))}
            case "identify":
                identifier = Identifier(errand["what"], str(errand["value"]))
                return await identify(self._db, failover, self._identifiers, identifier)
            case "bars":
                return {"fetched": await self._look(failover, str(errand["symbol"]), errand["interval"], now)}
            case "refresh":
                symbols = list(dict.fromkeys([*self._play.symbols, *self._wanted]))
                since = datetime.fromisoformat(errand["since"])
                words = await self._bars.refresh(failover, symbols, since, now)
                await self._ticks.prune(now)
                return {"words": f"{words}, {await self._bars.prune(now)} old parts dropped"}
            case "actions":
                told, changed, failed = await self._actions.refresh(failover, list(errand["symbols"]), now)
                return {"told": told, "changed": changed, "failed": failed}
            case "gaps":
                return {"words": await repair_gaps(self._db, self._bars, failover, now)}
        raise InvalidInput("There is no such errand.")

    async def _look(self, failover: Failover, symbol: str, interval: Interval, now: datetime) -> bool:
        if interval not in INTERVALS or not await instruments_named(self._db, "market", [symbol]):
            return False
        if class_of(symbol) not in {"fx", "crypto"}:
            self._actions.saw(symbol)
        growing = await self._bars.look(failover, symbol, interval, now)
        calendar: SessionCalendar = await self._bars.calendar(now)
        for bar in growing or []:
            self._forming.seed(bar, calendar)
        if growing:
            await tell_bars(self._cache, VENUE, *await self._forming.store(now))
        return growing is not None
