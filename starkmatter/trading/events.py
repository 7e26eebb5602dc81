"""Tells others that something happened to an order: best effort through the cache, never the truth itself."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

WAKE_CHANNEL = "outbox:{venue}"
ORDERS_CHANNEL = "orders:{user_id}"

log = structlog.get_logger("trading")
_sending: set[asyncio.Task[None]] = set()


def wake_worker(cache: Redis, venue: str) -> None:
    """Say that the outbox has work; the worker looks by itself soon anyway."""
    _publish(cache, [(WAKE_CHANNEL.format(venue=venue), b"1")])


def announce_order(cache: Redis, people: Iterable[UUID], order_id: UUID, status: str, symbol: str) -> None:
    """Tell people's open pages that an order changed; they read it again from the database."""
    announce_orders(cache, [(who, {"order_id": order_id, "status": status, "symbol": symbol}) for who in people])


def announce_orders(cache: Redis, news: Sequence[tuple[UUID, dict[str, Any]]]) -> None:
    """The same for many orders at once, in one round trip."""
    _publish(cache, [(ORDERS_CHANNEL.format(user_id=user_id), orjson.dumps(body)) for user_id, body in news])


def _publish(cache: Redis, messages: Sequence[tuple[str, bytes]]) -> None:
    task = asyncio.create_task(_send(cache, messages))
    _sending.add(task)
    task.add_done_callback(_sending.discard)


async def _send(cache: Redis, messages: Sequence[tuple[str, bytes]]) -> None:
    try:
        async with cache.pipeline(transaction=False) as pipe:
            for channel, body in messages:
                pipe.publish(channel, body)
            await pipe.execute()
    except (RedisError, OSError) as error:
        log.debug("not announced", messages=len(messages), error=type(error).__name__)
