"""Corporate actions at work in the worker: before the first tick of a day, and whenever something new is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import structlog

from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.domain.corporate.terms import Splitting, Told
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.domain.sessions import EXCHANGE_ZONE, exchange_day
from starkmatter.errors import Unavailable
from starkmatter.market.actions.telling import OPENING_PRICE, newest_telling, tell_actions
from starkmatter.trading.corporate import queries
from starkmatter.trading.corporate.applying import BooksApart, Outcome, order_ids, settle_account
from starkmatter.trading.corporate.records import Acting, Heard
from starkmatter.trading.corporate.rule import BOOKED_HERE
from starkmatter.trading.events import announce_order
from starkmatter.trading.freeze import freeze_account
from starkmatter.trading.listeners import listeners_of

LOOK_SECS, AGAIN_SECS = 2.0, 10.0
PRICED_WITHIN = timedelta(days=30)
APART = "A corporate action does not fit its books. Cancels still work; ask the operator to look at the log."

log = structlog.get_logger("actions")


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of a look: what owners have to hear, and whether orders changed, so that books in memory are old."""

    heard: tuple[Heard, ...] = ()
    orders_changed: bool = False


class ActionDesk:
    """Fed with every batch of its venue, before nights are charged, orders matched or values recorded."""

    def __init__(self, b: Backends, venue: Venue) -> None:
        self._b = b
        self._venue: Venue = venue
        self._done: tuple[int | None, date, str, int, datetime | None] | None = None
        self._looked_at = float("-inf")
        self._newest: tuple[int, datetime | None] = (0, None)
        self._again_at = float("inf")

    async def on_quotes(self, clock: VenueClock, quotes: Mapping[str, Quote]) -> Looked | None:
        """None when the database did not answer: nothing of this batch may be traded before it does."""
        try:
            return await self._look(clock, quotes)
        except Unavailable:
            log.debug("actions wait", venue=self._venue, why="the database does not answer")
            self._done, self._looked_at = None, float("-inf")
            return None

    async def _look(self, clock: VenueClock, quotes: Mapping[str, Quote]) -> Looked:
        today = exchange_day(clock.venue_now)
        hour = (clock.run_id, today, clock.state)
        if self._done is None or self._done[:3] != hour or monotonic_secs() - self._looked_at >= LOOK_SECS:
            await self._price_parts(clock, quotes, today)
            self._newest = (await newest_telling(self._b.db), await self._b.db.value(queries.BOOKED_ELSEWHERE))
            self._looked_at = monotonic_secs()
        if self._done == (*hour, *self._newest) and monotonic_secs() < self._again_at:
            return Looked()
        newest = self._newest
        self._again_at = float("inf")
        looked = await self._settle_all(clock, today, newest[0])
        self._done = (*hour, *newest)
        return looked

    async def _settle_all(self, clock: VenueClock, today: date, told_id: int) -> Looked:
        asked = {"venue": self._venue, "brokers": list(BOOKED_HERE), "zone": EXCHANGE_ZONE.key, "today": today}
        heard: list[Heard] = []
        changed = False
        for account in await self._b.db.all(Acting, queries.DUE, asked):
            outcome = await self._settle(account, told_id, today, clock)
            heard += outcome.heard
            if outcome.stopped:
                # A person may pay in what is missing, or say that it is to stay as it is.
                self._again_at = monotonic_secs() + AGAIN_SECS
            changed = changed or bool(outcome.orders)
            for order_id, verb, symbol in order_ids(outcome.orders):
                if verb != "keep":
                    people = {account.user_id, *listeners_of(account.id)}
                    status = "canceled" if verb == "cancel" else "changed"
                    announce_order(self._b.cache, people, order_id, status, symbol)
        return Looked(tuple(heard), changed)

    async def _settle(self, account: Acting, told_id: int, today: date, clock: VenueClock) -> Outcome:
        try:
            outcome = await settle_account(self._b.db, account, told_id, today, clock.venue_now, utc_now())
        except BooksApart as error:
            log.error("actions do not fit", account=str(account.id), why=str(error))
            await freeze_account(self._b.db, account.id, APART)
            return Outcome()
        if outcome.booked or outcome.orders:
            log.info("actions settled", account=str(account.id), booked=outcome.booked, orders=len(outcome.orders))
        return outcome

    async def _price_parts(self, clock: VenueClock, quotes: Mapping[str, Quote], today: date) -> None:
        """Say what parts of a share are worth after a reverse split: the day's open, or its first trade."""
        about = {"venue": self._venue, "zone": EXCHANGE_ZONE.key, "today": today, "since": today - PRICED_WITHIN}
        rows = await self._b.db.tuples(queries.UNPRICED, about | {"brokers": list(BOOKED_HERE)})
        told = []
        for action_id, revision, symbol, ex_on, currency, up, down, opened_at in rows:
            price = opened_at or self._first_trade(clock, quotes.get(symbol), ex_on)
            if price:
                terms = Splitting(up, down, price)
                told.append(Told(action_id, revision + 1, symbol, ex_on, currency, terms, OPENING_PRICE))
        if told:
            async with self._b.db.transaction() as connection:
                await tell_actions(connection, self._venue, told, utc_now())

    def _first_trade(self, clock: VenueClock, quote: Quote | None, ex_on: date) -> Decimal | None:
        if quote is None or clock.state != "open" or clock.session_on != ex_on:
            return None
        return quote.last
