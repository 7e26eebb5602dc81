"""What the web process has the worker do: vendors' SDKs, their lines and rows of numbers live there alone.

A question goes over the cache's channels and is answered within seconds or not at all; nothing is kept.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.errors import InvalidInput, StarkMatterError, Unavailable

CHANNEL = "errands:market"
REPLY = "errand:{id}"
WITHIN_SECS = 3.0
LATE = "The sources of market data did not answer in time."
LISTEN_SECS = 0.5
AT_ONCE = 8
MAX_BYTES = 10_000

Answer = dict[str, Any]
Handler = Callable[[Answer], Awaitable[Answer]]

log = structlog.get_logger("errands")
_running: set[asyncio.Task[None]] = set()


async def ask(
    cache: Redis, errand: Answer, *, within_secs: float = WITHIN_SECS, channel: str = CHANNEL, late: str = LATE
) -> Answer:
    """The worker's answer; Unavailable in words when it has none in time or the vendors failed.

    InvalidInput when the worker says that this cannot be asked.
    """
    reply = REPLY.format(id=uuid4().hex)
    try:
        async with asyncio.timeout(within_secs), cache.pubsub(ignore_subscribe_messages=True) as line:
            await line.subscribe(reply)
            if not await cache.publish(channel, orjson.dumps(errand | {"reply": reply})):
                raise Unavailable("The market's data is not being read right now.")
            while True:
                message = await line.get_message(timeout=LISTEN_SECS)
                if message is not None:
                    return _answer(message["data"])
    except TimeoutError:
        raise Unavailable(late) from None
    except (RedisError, OSError):
        raise Unavailable("The cache does not answer.") from None


async def tell(cache: Redis, errand: Answer) -> None:
    """Have it done without waiting for it."""
    with suppress(RedisError, OSError):
        await cache.publish(CHANNEL, orjson.dumps(errand))


async def serve_until(
    cache: Redis, handle: Handler, stop: asyncio.Event, retry_secs: float = 1.0, channel: str = CHANNEL
) -> None:
    """Answer what is asked, several at once; a cache that is away is tried again."""
    places = asyncio.Semaphore(AT_ONCE)
    while not stop.is_set():
        try:
            async with cache.pubsub(ignore_subscribe_messages=True) as line:
                await line.subscribe(channel)
                while not stop.is_set():
                    message = await line.get_message(timeout=LISTEN_SECS)
                    if message is not None and len(message["data"]) <= MAX_BYTES:
                        task = asyncio.create_task(_serve(cache, handle, message["data"], places))
                        _running.add(task)
                        task.add_done_callback(_running.discard)
        except (RedisError, OSError):
            await asyncio.sleep(retry_secs)


async def _serve(cache: Redis, handle: Handler, raw: bytes, places: asyncio.Semaphore) -> None:
    errand = orjson.loads(raw)
    try:
        async with places:
            body = {"ok": True, "answer": await handle(errand)}
    except StarkMatterError as error:
        body = {"ok": False, "text": error.text, "invalid": isinstance(error, InvalidInput)}
    if "reply" in errand:
        with suppress(RedisError, OSError):
            await cache.publish(errand["reply"], orjson.dumps(body))


def _answer(raw: bytes) -> Answer:
    body = orjson.loads(raw)
    if not body["ok"]:
        raise InvalidInput(body["text"]) if body["invalid"] else Unavailable(body["text"])
    answer: Answer = body["answer"]
    return answer
