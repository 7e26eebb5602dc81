"""Points of the value line: one per open account every five venue minutes of trading, and at each close."""

from datetime import datetime, timedelta

import orjson

from starkmatter.db.database import Database
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.portfolio import queries

EVERY = timedelta(minutes=5)


class EquityRecorder:
    """Fed with every batch of a venue by the worker; writes when a point is due or the session changed."""

    def __init__(self, db: Database, venue: Venue) -> None:
        self._db = db
        self._venue: Venue = venue
        self._prices: dict[str, str] = {}
        self._last_at: datetime | None = None
        self._last_state = ""

    async def on_quotes(self, clock: VenueClock, quotes: dict[str, Quote]) -> None:
        """Remember the prices and record a point when one is due."""
        for symbol, quote in quotes.items():
            self._prices[symbol] = format(quote.last, "f")
        changed = self._last_state not in {"", clock.state}
        self._last_state = clock.state
        due = self._last_at is None or clock.venue_now - self._last_at >= EVERY
        if not self._prices or not (changed or (clock.state == "open" and due)):
            return
        self._last_at = clock.venue_now
        prices = orjson.dumps([{"symbol": symbol, "last": last} for symbol, last in self._prices.items()]).decode()
        await self._db.run(queries.SNAPSHOT_ALL, {"venue": self._venue, "venue_at": clock.venue_now, "prices": prices})
