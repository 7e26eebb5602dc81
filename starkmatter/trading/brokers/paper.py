"""The paper broker: matches the paper orders of one venue against its live quotes and books what they get.

It runs in the one active worker. The database is its only truth: the book in memory is read from there at the start,
every execution is booked in one call that checks the order again, and a crash between any two steps loses or repeats
nothing, because the outbox row goes with the booking that answers it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from uuid import UUID

import orjson
import structlog
from psycopg import Error as DatabaseError
from redis.asyncio import Redis

from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.db.database import Database
from starkmatter.domain.money import plain
from starkmatter.domain.order_groups import Action
from starkmatter.domain.orders import AUCTION_TIMES, TERMINAL
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.errors import Unavailable
from starkmatter.market.calendar import load_calendar
from starkmatter.market.clocks import EXCHANGE
from starkmatter.market.service import instruments_named
from starkmatter.trading import queries
from starkmatter.trading.brokers.paper_groups import carry_out, met_words, open_groups, settle_groups
from starkmatter.trading.brokers.paper_market import PaperMarket
from starkmatter.trading.brokers.paper_work import (
    RESTING,
    News,
    Work,
    announcement,
    ended,
    filled,
    moved,
    triggered_words,
)
from starkmatter.trading.events import announce_orders, wake_worker
from starkmatter.trading.freeze import freeze_account
from starkmatter.trading.listeners import listeners_of

MAX_BATCH = 64
LOOK_AT_ALL_SECS = 1.0

log = structlog.get_logger("paper")


class PaperBroker:
    """Call `start` once, `on_quotes` with every batch of the feed and `drain` whenever the outbox may have work."""

    def __init__(self, db: Database, cache: Redis, venue: Venue) -> None:
        self._db = db
        self._cache = cache
        self._venue: Venue = venue
        self._market = PaperMarket(venue)
        self._book: dict[str, dict[UUID, Work]] = defaultdict(dict)
        self._broken: set[UUID] = set()
        self._unkept: dict[UUID, Work] = {}
        self._waiting: dict[UUID, Work] = {}
        self._unsettled: set[UUID] = set()
        self._hour: tuple[date | None, str] | None = None
        self._turn = asyncio.Lock()
        self._in_doubt = False
        self._taken_id = 0
        self._looked_at = float("-inf")

    @property
    def resting(self) -> int:
        """How many orders wait in the book."""
        return sum(len(orders) for orders in self._book.values())

    async def start(self) -> None:
        """Read the book from the database: the same path after a crash as at the first start."""
        self._market.forget()
        async with self._turn:
            self._market.learn({}, (await load_calendar(self._db, EXCHANGE)).sessions)
            await self._read_book()

    def forget(self) -> None:
        """Somebody else changed orders: the book is read anew before it is used again."""
        self._in_doubt = True

    async def _read_book(self) -> None:
        found = await self._db.all(Work, queries.RESTING_WORK, (self._venue,))
        self._book.clear()
        self._waiting = {work.id: work for work in found if work.held}
        for work in found:
            if not work.held:
                self._book[work.symbol][work.id] = work.remembering(self._unkept.get(work.id))
        self._unsettled |= await open_groups(self._db, self._venue)
        await self._learn({work.symbol for work in found})
        self._in_doubt, self._taken_id, self._hour = False, 0, None
        log.info("book read", venue=self._venue, resting=self.resting)

    async def _learn(self, symbols: Iterable[str]) -> None:
        """Read the instruments that are not known yet."""
        unknown = self._market.unknown(symbols)
        if unknown:
            self._market.learn(await instruments_named(self._db, self._venue, unknown))

    async def on_quotes(self, clock: VenueClock, quotes: dict[str, Quote]) -> None:
        """Take a batch of new quotes: orders may be over, stops reached, resting orders filled."""
        async with self._turn:
            self._market.take(clock, quotes)
            if self._in_doubt:
                await self._read_book()
            await self._settle(clock)  # Whatever a crash or a lost connection left undone comes first.
            news = list(self._timed(clock))
            done = {entry.work.turn for entry in news}
            for symbol in quotes:
                for work in tuple(self._book.get(symbol, {}).values()):
                    if work.turn in done or work.time_in_force in AUCTION_TIMES:
                        continue
                    if (found := self._look(work, clock, resting=True)) is not None:
                        news.append(found)
                        done.add(work.turn)
            await self._keep_watches()
            for start in range(0, len(news), MAX_BATCH):
                await self._book_news(news[start : start + MAX_BATCH])
            await self._settle(clock)
            await self._wake_those(work for work in self._waiting.values() if work.cond_symbol in quotes)

    async def drain(self) -> int:
        """Work through the outbox; the number of rows taken. Nothing is taken before the venue's clock is known."""
        taken = 0
        while (clock := self._market.clock) is not None:
            async with self._turn:
                if self._in_doubt:
                    await self._read_book()
                asked = (self._venue, self._look_after(), MAX_BATCH)
                rows = await self._db.all(Work, queries.PENDING_WORK, asked)
                # A batch names an order once, and one order of a group: what else is asked is next.
                first = list({work.turn: work for work in reversed(rows)}.values())
                first = [work for work in reversed(first) if work.id not in self._broken]
                more = False
                if first:
                    await self._learn({work.symbol for work in first})
                    asked_for = {work.id for work in first}
                    news = [self._answer(work.remembering(self._unkept.get(work.id)), clock) for work in first]
                    await self._keep_watches()
                    await self._book_news(news)
                    more = await self._settle(clock)
                    heard = [work for work in self._waiting.values() if work.id in asked_for]
                    more = await self._wake_those(heard) or more
            later = {work.outbox for work in rows if work.id not in self._broken} - {work.outbox for work in first}
            self._taken_id = max([self._taken_id, *(work.outbox or 0 for work in first)])
            if later:
                self._taken_id = min(outbox or 0 for outbox in later) - 1
            taken += len(first)
            if not later and not more and len(rows) < MAX_BATCH:
                break
        return taken

    def _look_after(self) -> int:
        """The outbox id behind which to look: what was taken lies before it, as rows that are not swept away yet.

        Ids are handed out before they commit, so one below may still appear: once a second everything is looked at.
        """
        now = monotonic_secs()
        if now - self._looked_at > LOOK_AT_ALL_SECS:
            self._looked_at = now
            return 0
        return self._taken_id

    def _answer(self, work: Work, clock: VenueClock) -> News:
        """What an outbox row leads to: a cancel is confirmed, a new or changed order fills or goes into the book."""
        if work.kind == "cancel":
            return moved(work, clock, ["canceled"], ["pending_cancel"])
        if work.held or work.kind == "group" or (work.kind == "submit" and not work.fresh):
            return moved(work, clock, ["submitting"], [])  # Nothing to be sent: only heard of.
        if work.stopped is not None and work.fresh:
            return moved(work, clock, ["not_sent"], ["pending_submit"], work.stopped)
        if self._market.over(work) is not None:
            self._hour = None  # It came too late: the next batch ends it.
        found = self._look(work, clock, resting=False)
        if found is None:
            return moved(work, clock, ["submitting", "working"], ["pending_submit"] if work.fresh else [])
        return found

    def _look(self, work: Work, clock: VenueClock, *, resting: bool) -> News | None:
        """What the market has for an order; None when it goes on as it is."""
        if work.id in self._broken:
            return None
        found = self._market.match(work, resting=resting)
        if found is None:
            return None
        seen = work.watching(found.watch, clock.venue_now)
        if seen is not work:
            self._unkept[work.id] = seen
            if not work.fresh:
                self._book[work.symbol][work.id] = seen
        words = triggered_words(work, found)
        if found.execution is not None:
            news = filled(work, clock, found, found.execution)
        elif found.ends_as is not None:
            news = ended(work, clock, found.ends_as, found.why or "")
        elif words is not None or work.fresh:
            steps = ["submitting", "working"] if work.fresh else ["working"]
            news = moved(work, clock, steps, ["pending_submit"] if work.fresh else RESTING, words)
        else:
            return None
        return news if seen is work else replace(news, work=seen)

    def _timed(self, clock: VenueClock) -> Iterable[News]:
        """Orders whose auction was held or whose time is over, and everything when the venue's history has ended."""
        hour = (clock.session_on, clock.state)
        changed, self._hour = hour != self._hour, hour
        if changed:
            for work in self._waiting.values():
                if (end := self._market.over(work)) is not None:
                    yield ended(work, clock, *end)
        for orders in self._book.values():
            for work in tuple(orders.values()):
                at_auction = work.time_in_force in AUCTION_TIMES
                if work.id in self._broken or not (changed or at_auction or work.extended_hours):
                    continue
                news = self._look(work, clock, resting=True) if at_auction else None
                if news is None and (end := self._market.over(work)) is not None:
                    news = ended(work, clock, *end)
                if news is not None:
                    yield news

    async def _keep_watches(self) -> None:
        """Store what stops remember before anything is booked on it; in memory it outlives a database that is away."""
        if not self._unkept:
            return
        batch = [
            {
                "order": work.id,
                "revision": work.revision,
                "water": None if work.water is None else plain(work.water),
                "stop_price": None if work.stop_price is None else plain(work.stop_price),
                "triggered_at": work.triggered_at,
            }
            for work in self._unkept.values()
        ]
        try:
            await self._db.tuples(queries.KEEP_WATCHES, (orjson.dumps(batch).decode(),))
        except Unavailable:
            self._in_doubt = True
            return
        self._unkept.clear()

    async def _book_news(self, news: list[News], skipped: frozenset[UUID] = frozenset()) -> None:
        """Book, then let the memory follow what the database says happened.

        When no answer comes, the booking may still have been committed: the book is read anew before it is used again.
        What an order could not take any more goes to those that wait, but for the `skipped`, which changed meanwhile.
        """
        if not news:
            return
        news.sort(key=lambda entry: str(entry.work.account_id))
        try:
            batch = orjson.dumps([entry.item for entry in news]).decode()
            rows = await self._db.tuples(queries.BOOK, (batch, utc_now()))
        except Unavailable:
            self._in_doubt = True
            log.warning("booking postponed", orders=len(news), why="the database does not answer")
            return
        except DatabaseError as error:
            if len(news) > 1:
                for entry in news:
                    await self._book_news([entry])
                return
            await self._freeze(news[0].work, error)
            return
        told = []
        for entry, (_, booked, status) in zip(news, rows, strict=True):
            self._follow(entry, booked, status)
            said = announcement(entry, booked, status)
            told += [(who, said) for who in (entry.work.user_id, *listeners_of(entry.work.account_id))]
        announce_orders(self._cache, told)
        refused = [entry for entry, row in zip(news, rows, strict=True) if entry.execution is not None and not row[1]]
        if refused:
            skipped |= {entry.work.id for entry in refused}
            await self._offer_again(refused, skipped)

    async def _offer_again(self, refused: list[News], skipped: frozenset[UUID]) -> None:
        """Let the orders in the book have what others were given and could not take."""
        for entry in refused:
            if entry.execution is not None:
                self._market.give_back(entry.work, entry.execution.qty)
        if self._market.clock is None:
            return
        waiting = [work for symbol in {entry.work.symbol for entry in refused} for work in self._book[symbol].values()]
        looks = (self._look(work, self._market.clock, resting=True) for work in waiting if work.id not in skipped)
        news = [found for found in looks if found is not None]
        await self._keep_watches()
        await self._book_news(news, skipped)

    def _follow(self, entry: News, booked: bool, status: str | None) -> None:
        work, orders = entry.work, self._book[entry.work.symbol]
        over = status is None or status in TERMINAL
        if work.group_id is not None and (over or (booked and entry.execution is not None)):
            self._unsettled.add(work.group_id)
        if over:
            orders.pop(work.id, None)
            self._waiting.pop(work.id, None)
        elif not work.held:
            orders[work.id] = work.after(entry, booked, str(status))
        elif work.cond_symbol is not None:
            self._waiting[work.id] = work

    async def _settle(self, clock: VenueClock) -> bool:
        """Let groups follow what happened to one of theirs; whether anything was to be done.

        What cannot be written now is looked at again.
        """
        if not self._unsettled or self._in_doubt:
            return False
        try:
            touched = await settle_groups(self._db, self._unsettled, clock.venue_now)
            found = await self._db.all(Work, queries.WORK_OF, (list(touched),)) if touched else []
        except Unavailable:
            self._in_doubt = True
            return False
        self._unsettled.clear()
        if not touched:
            return False
        for orders in self._book.values():
            for order_id in touched & orders.keys():
                del orders[order_id]
        for work in found:
            self._book[work.symbol][work.id] = work
        wake_worker(self._cache, self._venue)
        return True

    async def _wake_those(self, waiting: Iterable[Work]) -> bool:
        """Send the orders whose condition was met on their way; whether there were any."""
        clock = self._market.clock
        met = [(work, quote) for work in waiting if (quote := self._market.met(work)) is not None]
        if clock is None or not met:
            return False
        actions = [
            Action("activate", str(work.id), work.qty, met_words(work.condition, quote))
            for work, quote in met
            if work.condition is not None
        ]
        try:
            await carry_out(self._db, actions, clock.venue_now)
        except Unavailable:
            self._in_doubt = True
            return False
        for work, _ in met:
            self._waiting.pop(work.id, None)
        wake_worker(self._cache, self._venue)
        return True

    async def _freeze(self, work: Work, error: DatabaseError) -> None:
        """A booking the database refuses is a broken invariant: stop that account, keep the rest going, say so.

        An account that cannot be stopped now is asked for again with its booking: only who was told is left aside.
        """
        reason = "A booking did not pass its checks. Cancels still work; ask the operator to look at the log."
        try:
            await freeze_account(self._db, work.account_id, reason)
        except Unavailable:
            self._in_doubt = True
            log.warning("booking postponed", orders=1, why="the database does not answer")
            return
        self._broken.add(work.id)
        self._book[work.symbol].pop(work.id, None)
        log.error("account frozen", order_id=str(work.id), account_id=str(work.account_id), error=str(error)[:200])
