"""The quote board: the newest quote of every symbol and each venue's clock, kept in Valkey by the worker.

Written by one feed per venue, read by everyone. What cannot be read as a quote is left out and logged, never shown.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.errors import InvalidInput, Unavailable
from starkmatter.market.wire import clock_json, iso, parse_clock, parse_quote, quote_json

CACHE_TIMEOUT_SECS = 2.0

log = structlog.get_logger(__name__)


def quotes_key(venue: Venue) -> str:
    """Hash symbol → JSON of its newest quote, and the channel on which changed quotes are published."""
    return f"quotes:{venue}"


def clock_key(venue: Venue) -> str:
    """JSON of the venue's clock, and the channel of the same name."""
    return f"clock:{venue}"


def feed_key(venue: Venue) -> str:
    """ISO wall time at which the venue's feed was last heard of."""
    return f"feed:{venue}:at"


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(CACHE_TIMEOUT_SECS):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable("Quotes are not available: the cache does not answer.") from error


class QuoteBoard:
    """Reads and writes the board. Every method raises Unavailable when Valkey does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def quotes(self, venue: Venue, symbols: Sequence[str] | None = None) -> dict[str, Quote]:
        """The newest quotes of `symbols` (None: of all). A symbol without a quote is absent."""
        if symbols is not None and not symbols:
            return {}
        async with _answering():
            if symbols is None:
                raws: list[Any] = await cast("Awaitable[list[Any]]", self._redis.hvals(quotes_key(venue)))
            else:
                raws = await cast("Awaitable[list[Any]]", self._redis.hmget(quotes_key(venue), list(symbols)))
        quotes = {}
        for raw in raws:
            if raw is None:
                continue
            try:
                quote = parse_quote(raw)
            except InvalidInput as error:
                log.warning("board_entry_refused", venue=venue, reason=error.text)
                continue
            quotes[quote.symbol] = quote
        return quotes

    async def venue_clock(self, venue: Venue) -> VenueClock:
        """The venue's clock as its feed last said it; Unavailable when no feed has said anything."""
        async with _answering():
            raw = await self._redis.get(clock_key(venue))
        if raw is None:
            raise Unavailable(f"The {venue} market has not started yet. Try again in a moment.")
        try:
            return parse_clock(raw)
        except InvalidInput as error:
            raise Unavailable(f"The {venue} market's clock cannot be read: {error.text}") from error

    async def heard_at(self, venue: Venue) -> datetime | None:
        """When the feed was last heard of on the wall clock; None when never."""
        async with _answering():
            raw = await self._redis.get(feed_key(venue))
        return datetime.fromisoformat(raw.decode() if isinstance(raw, bytes) else raw) if raw else None

    async def publish(
        self,
        venue: Venue,
        changed: Mapping[str, Quote],
        *,
        clock: VenueClock | None,
        now: datetime,
        refreshed: Mapping[str, Quote] | None = None,
        replace: bool = False,
    ) -> None:
        """Store and announce `changed` (and `clock`); `refreshed` is stored again without being announced.

        `replace` forgets every other quote of the venue: a new run begins. The clock goes out first, since readers
        drop what they know of a former run when they see a new one.
        """
        encoded = {symbol: quote_json(quote) for symbol, quote in changed.items()}
        stored = {symbol: quote_json(quote) for symbol, quote in (refreshed or {}).items()} | encoded
        async with _answering(), self._redis.pipeline(transaction=False) as pipe:
            if clock is not None:
                raw = clock_json(clock)
                pipe.set(clock_key(venue), raw)
                pipe.publish(clock_key(venue), raw)
            if replace:
                pipe.delete(quotes_key(venue))
            if stored:
                pipe.hset(quotes_key(venue), mapping=stored)
            if encoded:
                pipe.publish(quotes_key(venue), b"[" + b",".join(encoded.values()) + b"]")
            pipe.set(feed_key(venue), iso(now))
            await pipe.execute()


def age_ms(quote: Quote, now: datetime) -> int:
    """How old the quote is on our clock, in milliseconds; never negative."""
    return max(0, round((now - quote.received_at).total_seconds() * 1000))


def batch_of(raw: bytes) -> list[dict[str, Any]]:
    """The quote objects of one published batch."""
    batch = orjson.loads(raw)
    if not isinstance(batch, list):
        raise InvalidInput("batch: not a list.")
    return batch
