"""Tells others that something happened to an order: best effort through the cache, never the truth itself."""

import asyncio
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
    _publish(cache, WAKE_CHANNEL.format(venue=venue), b"1")


def announce_order(cache: Redis, user_id: UUID, order_id: UUID, status: str, symbol: str, **more: Any) -> None:
    """Tell the person's open pages that an order changed; they read it again from the database."""
    body = {"order_id": order_id, "status": status, "symbol": symbol, **more}
    _publish(cache, ORDERS_CHANNEL.format(user_id=user_id), orjson.dumps(body, default=str))


def _publish(cache: Redis, channel: str, body: bytes) -> None:
    task = asyncio.create_task(_send(cache, channel, body))
    _sending.add(task)
    task.add_done_callback(_sending.discard)


async def _send(cache: Redis, channel: str, body: bytes) -> None:
    try:
        await cache.publish(channel, body)
    except (RedisError, OSError) as error:
        log.debug("not announced", channel=channel.split(":")[0], error=type(error).__name__)
