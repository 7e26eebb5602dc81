"""Points of the value line: one per open account every five venue minutes of trading, and one at each close."""

from datetime import datetime, timedelta

import orjson

from starkmatter.db.database import Database
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.domain.sessions import exchange_day
from starkmatter.market.fx.service import rates_between
from starkmatter.portfolio import queries

EVERY = timedelta(minutes=5)


class EquityRecorder:
    """Fed with every batch of a venue by the worker; writes when a point is due or the session changed.

    Returns are measured from close to close, so each session that was played to its end gets a point at exactly its
    close, at its own last prices, even when the next batch already belongs to the next session.
    """

    def __init__(self, db: Database, venue: Venue) -> None:
        self._db = db
        self._venue: Venue = venue
        self._run_id: int | None = None
        self._forget()

    def _forget(self) -> None:
        self._prices: dict[str, str] = {}
        self._last_at: datetime | None = None
        self._last_state = ""
        self._seen_at: datetime | None = None
        self._closes_at: datetime | None = None

    async def on_quotes(self, clock: VenueClock, quotes: dict[str, Quote]) -> None:
        """Remember the prices and record a point when one is due."""
        if clock.run_id != self._run_id:
            self._forget()
            self._run_id = clock.run_id
        closed = await self._record_close(clock)
        for symbol, quote in quotes.items():
            self._prices[symbol] = format(quote.last, "f")
        self._seen_at = clock.venue_now
        self._closes_at = clock.next_close if clock.state == "open" else None
        if not self._prices:
            return
        changed = self._last_state != clock.state and not (closed and clock.state in {"closed", "ended"})
        self._last_state = clock.state
        due = self._last_at is None or clock.venue_now - self._last_at >= EVERY
        if changed or (clock.state == "open" and due):
            await self._record(clock.venue_now, with_positions=clock.state != "open")

    async def _record_close(self, clock: VenueClock) -> bool:
        """Whether the close of the session before this batch was recorded now; a jump out of a session is no close."""
        closes_at, seen_at = self._closes_at, self._seen_at
        if closes_at is None or seen_at is None or clock.venue_now < closes_at or not self._prices:
            return False
        if clock.state == "open" and closes_at - seen_at > EVERY:
            return False
        await self._record(closes_at, with_positions=True)
        return True

    async def _record(self, at: datetime, *, with_positions: bool) -> None:
        prices = orjson.dumps([{"symbol": symbol, "last": last} for symbol, last in self._prices.items()]).decode()
        await record_values(self._db, self._venue, at, prices, with_positions=with_positions)
        self._last_at = at


async def record_values(db: Database, venue: Venue, at: datetime, prices: str, *, with_positions: bool = False) -> None:
    """A point of every open account of the venue at `at`; `prices` is JSON, `[{"symbol": "AAPL", "last": "190.12"}]`.

    A holding whose price is not given, or that has no rate in the account's currency, counts at cost; a point that is
    there is replaced. `with_positions` keeps what each of them is worth as well, as for a close.
    """
    statement = queries.SNAPSHOT_CLOSE if with_positions else queries.SNAPSHOT_ALL
    given = {"venue": venue, "venue_at": at, "prices": prices, "rates": await rates_text(db, venue, at)}
    await db.run(statement, given)


async def rates_text(db: Database, venue: Venue, at: datetime) -> str:
    """The day's exchange rates of what accounts of the venue hold in another currency than their own, as JSON."""
    pairs = await db.tuples(queries.FOREIGN_PAIRS, (venue,))
    day = exchange_day(at)
    table = await rates_between(db, {currency for pair in pairs for currency in pair}, day, day)
    rates = [
        {"base": base, "quote": quote, "rate": format(rate, "f")}
        for base, quote in pairs
        if (rate := table.rate(base, quote, day)) is not None
    ]
    return orjson.dumps(rates).decode()
