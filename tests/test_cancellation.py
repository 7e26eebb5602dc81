"""A cancelled task is cancelled, whatever comes in the same moment: else a worker that lost the lead never leaves."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from starkmatter.backends import open_cache
from starkmatter.cancellation import wait_for
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.market.board import QuoteBoard
from starkmatter.market.feed import Feed

TURNS = range(8)  # of the event loop, between what the task waited for and its cancellation


async def cancelled_after(work: Awaitable[object], comes: Callable[[], None], turns: int) -> bool:
    """Have it wait, let come what it waits for, cancel it some turns later; False when it ended before that."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.01)
    comes()
    for _ in range(turns):
        await asyncio.sleep(0)
    asked = task.cancel()
    done, _ = await asyncio.wait({task}, timeout=1)
    assert done, f"cancelled after {turns} turns, it waits on"
    assert task.cancelled() or not asked, f"cancelled after {turns} turns, it went on"
    return asked


@pytest.mark.parametrize("turns", TURNS)
async def test_who_waits_for_an_event_is_cancelled_though_it_just_came(turns: int) -> None:
    came = asyncio.Event()
    await cancelled_after(asyncio.wait_for(came.wait(), 5), came.set, turns)


@pytest.mark.parametrize("turns", TURNS)
async def test_what_was_just_told_to_publish_is_cancelled(cache: Redis, turns: int) -> None:
    feed = Feed("replay", QuoteBoard(cache), utc_now)
    confirmed = asyncio.Event()

    async def confirm() -> None:
        confirmed.set()
        await asyncio.Event().wait()  # as for a worker that does not lead any more

    assert await cancelled_after(feed.publish_until(asyncio.Event(), confirm), feed.announce, turns)


@pytest.mark.parametrize("turns", range(12))
async def test_a_command_to_the_cache_is_cancelled(redis_url: str, turns: int) -> None:
    async with open_cache(redis_url) as client:
        await client.ping()

        async def many() -> None:
            while True:
                await client.ping()

        for more in range(4):
            assert await cancelled_after(many(), lambda: None, turns + more)


@pytest.mark.parametrize("turns", TURNS)
async def test_who_waits_for_a_connection_is_cancelled_though_it_just_came(database_url: str, turns: int) -> None:
    database = Database(database_url, name="test", max_size=1)
    await database.open()
    lent = asyncio.Event()

    async def borrow() -> None:
        async with database.connection():
            await lent.wait()

    async def want() -> None:
        async with database.connection():
            await asyncio.Event().wait()

    borrowing = asyncio.create_task(borrow())
    await asyncio.sleep(0.1)
    try:
        await cancelled_after(want(), lent.set, turns)
    finally:
        await borrowing
        await database.close()


async def test_the_rest_of_it_is_as_in_the_library() -> None:
    async def answer() -> int:
        return 7

    assert await wait_for(answer(), None) == 7
    assert await wait_for(answer(), 1) == 7
    with pytest.raises(TimeoutError):
        await wait_for(asyncio.sleep(5), 0.01)
    with pytest.raises(TimeoutError):
        await wait_for(asyncio.sleep(5), 0)
    done = asyncio.get_running_loop().create_future()
    done.set_result(8)
    assert await wait_for(done, 0) == 8
