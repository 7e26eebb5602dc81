"""What happened to a symbol, and to the person in it, for the marks under the candles.

A source of events is one function in SOURCES. What comes later (corporate actions, earnings) is one more entry.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.charts import queries
from starkmatter.charts.records import ChartEvent
from starkmatter.domain.money import plain
from starkmatter.domain.quotes import Venue
from starkmatter.news.service import MAX_NEWS, list_news
from starkmatter.trading.orders import list_fills

MAX_EVENTS = 500


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Whose events, of what and when: start <= at < end, None for open ends. `account_id` None: all accounts."""

    venue: Venue
    symbol: str
    account_id: UUID | None = None
    start: datetime | None = None
    end: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return (self.start is None or at >= self.start) and (self.end is None or at < self.end)


Source = Callable[[Backends, Caller, EventQuery], Awaitable[list[ChartEvent]]]


async def list_events(b: Backends, caller: Caller, query: EventQuery) -> list[ChartEvent]:
    """The newest events of every source, oldest first; nothing from the venue's future, nobody else's fills."""
    found = [one for source in SOURCES for one in await source(b, caller, query)]
    found.sort(key=lambda one: one.at)
    return found[-MAX_EVENTS:]


async def _fills(b: Backends, caller: Caller, query: EventQuery) -> list[ChartEvent]:
    fills = await list_fills(b, caller, account_id=query.account_id, symbol=query.symbol, limit=MAX_EVENTS)
    asked = {"accounts": list({one.account_id for one in fills}), "venue": query.venue}
    of_venue = {row[0] for row in await b.db.tuples(queries.ACCOUNTS_OF_VENUE, asked)} if fills else set()
    return [
        ChartEvent(
            kind="fill",
            at=one.executed_at,
            title=f"{'Bought' if one.side == 'buy' else 'Sold'} {plain(one.qty)} at {one.price:.2f}",
            url=f"/orders?order={one.order_id}",
            side=one.side,
            price=one.price,
            qty=one.qty,
        )
        for one in fills
        if one.account_id in of_venue and query.covers(one.executed_at)
    ]


async def _news(b: Backends, caller: Caller, query: EventQuery) -> list[ChartEvent]:
    stories = await list_news(b, caller, venue=query.venue, symbols=[query.symbol], limit=MAX_NEWS)
    return [
        ChartEvent(kind="news", at=one.published_at, title=one.title, text=one.source, url=one.url)
        for one in stories
        if query.covers(one.published_at)
    ]


SOURCES: tuple[Source, ...] = (_fills, _news)
