"""Keeps the prices of the wall-clock market as they came, for a week: what was known when, to the source's clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from starkmatter.db.database import Database
from starkmatter.domain.quotes import Quote, QuoteCondition, Venue
from starkmatter.errors import InvalidInput, Unavailable
from starkmatter.market.history import queries
from starkmatter.market.history.room import TICKS, drop_room, has_partitions, make_room

VENUE: Venue = "market"
KEPT = timedelta(days=7)
MAX_HELD = 50_000
MAX_TICKS = 20_000


@dataclass(frozen=True, slots=True)
class Tick:
    """One admitted price. `at` is the source's clock, `received_at` ours; `volume` is the day's so far."""

    symbol: str
    at: datetime
    received_at: datetime
    last: Decimal
    bid: Decimal | None
    ask: Decimal | None
    volume: Decimal | None
    condition: QuoteCondition
    provider: str


class TickStore:
    """Collects changed quotes and writes them together. Ticks that the database cannot take in time are let go."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._held: list[Quote] = []
        self._before: dict[str, tuple[object, ...]] = {}

    def take(self, quotes: Mapping[str, Quote]) -> None:
        """Remember the quotes whose price, bid or ask is new."""
        for symbol, quote in quotes.items():
            said = (quote.last, quote.bid, quote.ask, quote.provider)
            if self._before.get(symbol) != said:
                self._before[symbol] = said
                self._held.append(quote)
        del self._held[:-MAX_HELD]

    async def store(self) -> None:
        """Write what was taken; it stays when the database does not answer. An instant is written once per source."""
        held, self._held = self._held, []
        if not held:
            return
        try:
            await make_room(self._db, TICKS, *_bounds(held))
            columns = ("symbol", "received_at", "last", "bid", "ask", "volume", "condition", "provider")
            values = {name: [getattr(one, name) for one in held] for name in columns}
            at = [one.observed_at for one in held]
            await self._db.run(queries.PUT_TICKS, {"venue": VENUE, "at": at, **values})
        except Unavailable:
            self._held = held + self._held
            raise

    async def prune(self, now: datetime) -> None:
        """Forget what is older than KEPT, by whole days."""
        if await has_partitions(self._db):
            await drop_room(self._db, TICKS, now - KEPT)
        else:
            await self._db.run(queries.PRUNE_TICKS, {"before": now - KEPT})


def _bounds(quotes: list[Quote]) -> tuple[datetime, datetime]:
    instants = [one.observed_at for one in quotes]
    return min(instants), max(instants)


async def load_ticks(db: Database, symbol: str, start: datetime, end: datetime, limit: int = 1_000) -> list[Tick]:
    """The newest `limit` ticks with start <= at < end, oldest first; empty for what was never seen here."""
    if start.tzinfo is None or end.tzinfo is None:
        raise InvalidInput("start, end: give instants with a time zone, such as 2026-03-02T14:30:00Z.")
    params = {"venue": VENUE, "symbol": symbol, "start": start, "end": end, "limit": max(1, min(limit, MAX_TICKS))}
    return (await db.all(Tick, queries.TICKS, params))[::-1]
