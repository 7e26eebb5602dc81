"""What happened to a symbol, and to the person in it, for the marks under the candles.

A source of events is one function in SOURCES. Corporate actions are those of the wall-clock market.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.charts import queries
from starkmatter.charts.records import ChartEvent
from starkmatter.clock import utc_now
from starkmatter.domain.actions import dividend_words, expected_words, hour_words, pay_words, split_words
from starkmatter.domain.money import plain
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import EXCHANGE_ZONE, exchange_day
from starkmatter.market.actions.reading import load_actions
from starkmatter.news.service import MAX_NEWS, list_news
from starkmatter.trading.orders import list_fills

MAX_EVENTS = 500
OPEN, CLOSE = time(9, 30), time(16)


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


async def _actions(b: Backends, caller: Caller, query: EventQuery) -> list[ChartEvent]:
    """What has happened: the chart ends now, and what is announced would lie on its last bar."""
    known = await load_actions(b.db, query.venue, query.symbol)
    now = utc_now()
    found = [ChartEvent(kind="split", at=_at(one.ex_on), title=f"Split {split_words(one)}") for one in known.splits]
    for dividend in known.dividends:
        title, text = f"Dividend {dividend_words(dividend)}", pay_words(dividend)
        found.append(ChartEvent(kind="dividend", at=_at(dividend.ex_on), title=title, text=text))
    for report in known.earnings:
        hour = CLOSE if report.hour == "after_close" else OPEN
        title, text = f"Earnings {hour_words(report)}".rstrip(), expected_words(report, exchange_day(now))
        found.append(ChartEvent(kind="earnings", at=_at(report.reports_on, hour), title=title, text=text))
    return [one for one in found if one.at <= now and query.covers(one.at)]


def _at(day: date, hour: time = OPEN) -> datetime:
    return datetime.combine(day, hour, EXCHANGE_ZONE).astimezone(UTC)


SOURCES: tuple[Source, ...] = (_fills, _news, _actions)
