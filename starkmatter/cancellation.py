"""Lets Python 3.11 keep what 3.12 promises: a cancelled `asyncio.wait_for` is cancelled.

In 3.11 it returns its answer instead when that has just come, and the cancellation is lost: the task goes on, and
whoever cancelled it waits for ever. Libraries call it for every write to the cache and every wait for a connection, so
this is put right in the one place that they all use. From 3.12 on it does nothing.
"""

import asyncio
import sys
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def wait_for(fut: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109 - the signature it stands in for
    """As in Python 3.12: the answer of `fut`, TimeoutError after `timeout` seconds, cancelled whenever asked to be."""
    if timeout is None or timeout > 0:
        async with asyncio.timeout(timeout):
            return await fut
    future = asyncio.ensure_future(fut)
    if not future.done():
        future.cancel()
        await asyncio.wait({future})
    try:
        return future.result()
    except asyncio.CancelledError:
        raise TimeoutError from None


def keep_cancellations() -> None:
    """Put it in the place of 3.11's."""
    if sys.version_info < (3, 12):
        asyncio.wait_for = asyncio.tasks.wait_for = wait_for  # type: ignore[assignment]
