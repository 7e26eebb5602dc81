"""The paper broker: matches the paper orders of one venue against its live quotes and books what they get.

It runs in the one active worker. The database is its only truth: the book in memory is read from there at the start,
every execution is booked in one call that checks the order again, and a crash between any two steps loses or repeats
nothing, because the outbox row goes with the booking that answers it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import orjson
import structlog
from psycopg import Error as DatabaseError
from redis.asyncio import Redis

from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.db.database import Database
from starkmatter.domain.freshness import is_stale, with_touch
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.ledger import book_fill
from starkmatter.domain.matching import PRESETS, Execution, match
from starkmatter.domain.money import ZERO, money_text, plain
from starkmatter.domain.orders import TERMINAL, OrderStatus, OrderType, Side, TimeInForce, WorkingOrder
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.errors import Unavailable
from starkmatter.market.service import instruments_named
from starkmatter.trading import queries
from starkmatter.trading.events import announce_orders
from starkmatter.trading.freeze import freeze_account
from starkmatter.trading.listeners import listeners_of

MAX_BATCH = 64
LOOK_AT_ALL_SECS = 1.0
# The wall-clock market is asked every few seconds: an order need not wait for the next answer.
MARKET_MAX_QUOTE_AGE = timedelta(seconds=15)
TOUCH_NOTE = (
    "The source gave no bid and ask or no sizes: five basis points around the last trade and a round lot stand in."
)

log = structlog.get_logger("paper")


@dataclass(frozen=True, slots=True)
class Work:
    """One open paper order as the broker sees it; `outbox` is the row that brought it, if any.

    `stopped`: why a switch that was turned on meanwhile keeps a new order from the market.
    """

    outbox: int | None
    kind: str
    id: UUID
    account_id: UUID
    user_id: UUID
    currency: str
    preset: str
    symbol: str
    side: Side
    type: OrderType
    leaves_qty: Decimal
    qty: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    session_on: date
    status: str
    reserve_per_share: Decimal
    submitted_venue_at: datetime
    sequence: int
    stopped: str | None = None


@dataclass(slots=True)
class _Tape:
    """The newest quote of a symbol, what traded since the one before and what orders already took from it."""

    quote: Quote
    traded_qty: Decimal | None = None
    taken_qty: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))


@dataclass(frozen=True, slots=True)
class _News:
    """What is about to be booked for one order."""

    work: Work
    item: dict[str, Any]
    execution: Execution | None = None


class PaperBroker:
    """Call `start` once, `on_quotes` with every batch of the feed and `drain` whenever the outbox may have work."""

    def __init__(self, db: Database, cache: Redis, venue: Venue) -> None:
        self._db = db
        self._cache = cache
        self._venue: Venue = venue
        self._clock: VenueClock | None = None
        self._tapes: dict[str, _Tape] = {}
        self._book: dict[str, dict[UUID, Work]] = defaultdict(dict)
        self._instruments: dict[str, Instrument] = {}
        self._broken: set[UUID] = set()
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
        self._instruments = {}
        async with self._turn:
            await self._read_book()

    async def _read_book(self) -> None:
        found = await self._db.all(Work, queries.RESTING_WORK, (self._venue,))
        self._book.clear()
        for work in found:
            self._book[work.symbol][work.id] = work
        await self._learn(self._book)
        self._in_doubt, self._taken_id = False, 0
        log.info("book read", venue=self._venue, resting=self.resting)

    async def _learn(self, symbols: Iterable[str]) -> None:
        """Read the instruments that are not known yet."""
        unknown = [symbol for symbol in symbols if symbol not in self._instruments]
        if unknown:
            self._instruments |= await instruments_named(self._db, self._venue, unknown)

    async def on_quotes(self, clock: VenueClock, quotes: dict[str, Quote]) -> None:
        """Take a batch of new quotes: resting orders of these symbols may fill, day orders may expire."""
        async with self._turn:
            self._clock = clock
            for symbol, quote in quotes.items():
                before = self._tapes.get(symbol)
                self._tapes[symbol] = _Tape(quote, _traded(before.quote if before else None, quote))
            if self._in_doubt:
                await self._read_book()
            news = [self._expiry(work, clock) for work in self._over(clock)]
            ended = {entry.work.id for entry in news}
            for symbol in quotes:
                for work in tuple(self._book.get(symbol, {}).values()):
                    if work.id not in ended and (found := self._match(work, resting=True)) is not None:
                        news.append(found)
            for start in range(0, len(news), MAX_BATCH):
                await self._book_news(news[start : start + MAX_BATCH])

    async def drain(self) -> int:
        """Work through the outbox; the number of rows taken. Nothing is taken before the venue's clock is known."""
        taken = 0
        while self._clock is not None:
            async with self._turn:
                if self._in_doubt:
                    await self._read_book()
                rows = await self._db.all(Work, queries.PENDING_WORK, (self._venue, self._look_after(), MAX_BATCH))
                rows = [work for work in rows if work.id not in self._broken]
                if rows:
                    await self._learn({work.symbol for work in rows})
                    await self._book_news([self._answer(work, self._clock) for work in rows])
            self._taken_id = max([self._taken_id, *(work.outbox or 0 for work in rows)])
            taken += len(rows)
            if len(rows) < MAX_BATCH:
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

    def _answer(self, work: Work, clock: VenueClock) -> _News:
        """What an outbox row leads to: a cancel is confirmed, a new order fills or goes into the book."""
        if work.kind == "cancel":
            return _News(work, self._item(work, clock, ["canceled"], ["pending_cancel"]))
        if work.status != OrderStatus.PENDING_SUBMIT:
            return _News(work, self._item(work, clock, ["submitting"], []))
        if work.stopped is not None:
            return _News(work, self._item(work, clock, ["not_sent"], ["pending_submit"], work.stopped))
        found = self._match(work, resting=False)
        return found or _News(work, self._item(work, clock, ["submitting", "working"], ["pending_submit"]))

    def _match(self, work: Work, *, resting: bool) -> _News | None:
        clock, tape = self._clock, self._tapes.get(work.symbol)
        instrument = self._instruments.get(work.symbol)
        if clock is None or clock.state != "open" or tape is None or instrument is None or work.id in self._broken:
            return None
        quote, preset, made_up = tape.quote, PRESETS[work.preset], False
        if self._venue == "market":
            if is_stale(quote, replace(clock, venue_now=utc_now())):
                return None
            preset = replace(preset, max_quote_age=MARKET_MAX_QUOTE_AGE)
            quote, made_up = with_touch(quote, instrument.tick_size)
        execution = match(
            WorkingOrder(
                str(work.id),
                work.symbol,
                work.side,
                work.type,
                work.leaves_qty,
                work.limit_price,
                work.time_in_force,
                work.submitted_venue_at,
                self._venue,
            ),
            quote,
            resting=resting,
            traded_qty=tape.traded_qty,
            taken_qty=tape.taken_qty[work.side],
            preset=preset,
            tick_size=instrument.tick_size,
            lot_size=instrument.lot_size,
            max_price=work.reserve_per_share if work.side == "buy" else None,
            now=utc_now(),
            note=TOUCH_NOTE if made_up else None,
        )
        if execution is None:
            return None
        tape.taken_qty[work.side] += execution.qty
        return _News(work, self._fill_item(work, clock, execution), execution)

    def _item(
        self, work: Work, clock: VenueClock, steps: list[str], come_from: list[str], reason: str | None = None
    ) -> dict[str, Any]:
        item: dict[str, Any] = {
            "order": work.id,
            "steps": steps,
            "from": come_from,
            "venue_at": clock.venue_now,
            "reason": reason,
        }
        if work.outbox is not None:
            item["outbox"] = work.outbox
        return item

    def _fill_item(self, work: Work, clock: VenueClock, execution: Execution) -> dict[str, Any]:
        booking = book_fill(work.side, work.symbol, execution.qty, execution.price, execution.fees, work.currency)
        # An order's state sequence only grows, so its number also names the execution: booked once, whoever asks.
        number = work.sequence + 1
        fresh = work.status == OrderStatus.PENDING_SUBMIT
        return self._item(work, clock, ["submitting", "filled"] if fresh else ["filled"], []) | {
            "execution": number,
            "fill": uuid5(work.id, f"fill-{number}"),
            "qty": plain(execution.qty),
            "price": plain(execution.price),
            "fees": plain(execution.fees),
            "preset": PRESETS[work.preset].stamp,
            "receipt": execution.receipt,
            "description": booking.description,
            "cash": plain(booking.cash),
            "accounts": [leg.account for leg in booking.legs],
            "commodities": [leg.commodity for leg in booking.legs],
            "amounts": [plain(leg.amount) for leg in booking.legs],
        }

    def _over(self, clock: VenueClock) -> Iterable[Work]:
        """Day orders whose session is over, and everything when the venue's history has ended."""
        for orders in self._book.values():
            for work in orders.values():
                if work.id in self._broken:
                    continue
                if clock.state == "ended" or (work.time_in_force == "day" and _session_over(work.session_on, clock)):
                    yield work

    def _expiry(self, work: Work, clock: VenueClock) -> _News:
        reason = "The replay reached the end of its data." if clock.state == "ended" else "The session closed."
        return _News(
            work, self._item(work, clock, ["expired"], ["working", "partial", "accepted", "pending_cancel"], reason)
        )

    async def _book_news(self, news: list[_News]) -> None:
        """Book, then let the memory follow what the database says happened.

        When no answer comes, the booking may still have been committed: the book is read anew before it is used again.
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
        for entry, (_, booked, status) in zip(news, rows, strict=True):
            self._follow(entry, booked, status)
        announce_orders(
            self._cache,
            [
                (who, _announcement(entry, booked, status))
                for entry, (_, booked, status) in zip(news, rows, strict=True)
                for who in (entry.work.user_id, *listeners_of(entry.work.account_id))
            ],
        )

    def _follow(self, entry: _News, booked: bool, status: str | None) -> None:
        work = entry.work
        orders = self._book[work.symbol]
        if status is None or status in TERMINAL:
            orders.pop(work.id, None)
            return
        filled = entry.execution.qty if entry.execution and booked else ZERO
        orders[work.id] = replace(
            work,
            outbox=None,
            kind="rest",
            status=status,
            leaves_qty=work.leaves_qty - filled,
            sequence=work.sequence + len(entry.item["steps"]),
        )

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


def _announcement(entry: _News, booked: bool, status: str | None) -> dict[str, Any]:
    """What the person's pages are told: enough for a short note, the rest they read themselves."""
    work, execution = entry.work, entry.execution if booked else None
    return {
        "order_id": work.id,
        "status": status or work.status,
        "symbol": work.symbol,
        "side": work.side,
        "filled_qty": plain(execution.qty) if execution else None,
        "price": money_text(execution.price) if execution else None,
    }


def _traded(before: Quote | None, quote: Quote) -> Decimal | None:
    """Shares traded between two quotes of a symbol; a new day's volume counts from zero."""
    if quote.volume is None:
        return None
    if before is None or before.volume is None:
        return ZERO
    return quote.volume - before.volume if quote.volume >= before.volume else quote.volume


def _session_over(session_on: date, clock: VenueClock) -> bool:
    if clock.session_on is None:
        return False
    return clock.session_on > session_on or (clock.session_on == session_on and clock.state == "closed")
