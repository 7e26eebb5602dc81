"""Which symbols of the wall-clock market somebody looks at: told by the web process, read by the feed, soon forgotten.

Best effort through the cache. Nobody wanting anything means that no vendor is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.market.hub import Hub

KEY = "wanted:market"
CHANGED_CHANNEL = "wanted:market:changed"
CLOCK = "clock"  # not a symbol: somebody looks at the venue without naming any
DEPTH = "depth:"  # before a symbol: somebody looks at its book
KEPT_SECS = 60.0
TELL_EVERY_SECS = 15.0
LOOK_SECS = 0.5
MAX_WANTED = 200


async def want(cache: Redis, symbols: Iterable[str], now: datetime) -> None:
    """Say that these are looked at now; a cache that does not answer is no reason to fail."""
    scores = {symbol: now.timestamp() for symbol in symbols}
    if not scores:
        return
    with suppress(RedisError, OSError):
        async with cache.pipeline(transaction=False) as pipe:
            pipe.zadd(KEY, scores)
            pipe.zremrangebyrank(KEY, 0, -MAX_WANTED * 2)
            pipe.publish(CHANGED_CHANNEL, b"1")
            await pipe.execute()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is looked at lately, the newest wish first. `anybody`: somebody looks at the venue at all."""

    symbols: list[str]
    books: list[str]
    anybody: bool


NOTHING = Wishes([], [], anybody=False)


async def read_wanted(cache: Redis, now: datetime) -> Wishes:
    """What every web process has told. RedisError when the cache does not answer."""
    oldest = now.timestamp() - KEPT_SECS
    async with cache.pipeline(transaction=False) as pipe:
        pipe.zremrangebyscore(KEY, 0, oldest)
        pipe.zrevrangebyscore(KEY, "+inf", oldest, start=0, num=MAX_WANTED)
        _, raws = await cast("Awaitable[list[list[bytes]]]", pipe.execute())
    names = [raw.decode() for raw in raws]
    books = [name.removeprefix(DEPTH) for name in names if name.startswith(DEPTH)]
    return Wishes([name for name in names if name != CLOCK and not name.startswith(DEPTH)], books, bool(names))


def wishes_of(hub: Hub) -> set[str]:
    """What the sockets of a process want of the market. Bars grow by quotes: their symbols are wanted."""
    growing = {subject.partition(":")[0] for subject in hub.wanted("market", "bars")}
    books = {f"{DEPTH}{symbol}" for symbol in hub.wanted("market", "depth")}
    return hub.wanted("market") | growing | books | ({CLOCK} if hub.clock_wanted("market") else set())


async def tell_wanted_until(hub: Hub, cache: Redis, now: Callable[[], datetime], stop: asyncio.Event) -> None:
    """Pass on what the sockets of this process ask for: at once when it changed, else now and then."""
    told: set[str] = set()
    told_at = 0.0
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        wishes = wishes_of(hub)
        if wishes - told or loop.time() - told_at >= TELL_EVERY_SECS:
            await want(cache, wishes, now())
            told, told_at = wishes, loop.time()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECS)
