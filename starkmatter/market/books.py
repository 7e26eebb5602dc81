"""Asks for the books that somebody looks at, again and again while they do, and tells of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from redis.asyncio import Redis

from starkmatter.domain.quotes import Venue
from starkmatter.errors import Unavailable
from starkmatter.market.failover import Failover
from starkmatter.market.told import tell_depth

VENUE: Venue = "market"
MAX_BOOKS = 20


async def tell_books_until(
    cache: Redis,
    sources: Callable[[], Awaitable[Failover]],
    wanted: Callable[[], Sequence[str]],
    every_secs: float,
    say: Callable[..., None],
    stop: asyncio.Event,
) -> None:
    """Until `stop` is set: at most MAX_BOOKS, those that somebody asked for last. With none nobody is asked."""
    while not stop.is_set():
        books = list(wanted())[:MAX_BOOKS]
        if books:
            try:
                await tell_depth(cache, VENUE, await (await sources()).depth(books))
            except Unavailable as error:
                say("no depth", reason=error.text)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_secs)
