"""What is reachable and how stale it is, for /readyz, `doctor` and the supervisor; reads only."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import Unavailable

HEARTBEAT_KEY = "worker:heartbeat"
HEARTBEAT_TTL_SECS = 15
HEARTBEAT_EVERY_SECS = 5
FEED_KEY = "feed:{venue}:at"
FEED_STALE_SECS = 30.0
PING_SECS = 3.0
VENUES = ("replay", "market")


@dataclass(frozen=True, slots=True)
class Part:
    """One thing the product needs: whether it is in order, and one sentence or figure about it."""

    name: str
    ok: bool
    text: str
    age_secs: float | None = None
    required: bool = True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def is_ready(parts: Iterable[Part]) -> bool:
    """Whether every required part is in order."""
    return all(part.ok for part in parts if part.required)


async def beat(cache: Redis) -> None:
    """Say that the worker lives; call every HEARTBEAT_EVERY_SECS. The value is the wall clock as ISO 8601."""
    await cache.set(HEARTBEAT_KEY, utc_now().isoformat(), ex=HEARTBEAT_TTL_SECS)


async def has_beaten(cache: Redis) -> bool:
    """Whether a worker said so within HEARTBEAT_TTL_SECS."""
    return bool(await cache.exists(HEARTBEAT_KEY))


async def forget_beat(cache: Redis) -> None:
    """A worker has ended: what it last said counts no more. Another one that lives says so again within seconds."""
    await cache.delete(HEARTBEAT_KEY)


async def check_database(database: Database) -> Part:
    """One round trip to PostgreSQL."""
    try:
        async with asyncio.timeout(PING_SECS):
            revision = await database.value("SELECT version_num FROM alembic_version")
    except (Unavailable, psycopg.Error, TimeoutError) as error:
        return Part("database", False, f"No answer from PostgreSQL ({type(error).__name__}).")
    return Part("database", True, f"Schema {revision}.")


async def check_cache(cache: Redis) -> Part:
    """One round trip to Valkey or Redis."""
    try:
        async with asyncio.timeout(PING_SECS):
            await cast(Awaitable[bool], cache.ping())
    except (RedisError, OSError, TimeoutError) as error:
        return Part("cache", False, f"No answer from the cache ({type(error).__name__}).")
    return Part("cache", True, "Answers.")


async def check_worker(cache: Redis) -> Part:
    """The age of the worker's last heartbeat."""
    age_secs = await _age_secs(cache, HEARTBEAT_KEY)
    if age_secs is None:
        return Part("worker", False, "No heartbeat.")
    return Part("worker", age_secs <= HEARTBEAT_TTL_SECS, f"Heartbeat {age_secs:.0f} s ago.", age_secs)


async def check_feed(cache: Redis, venue: str) -> Part:
    """The age of the newest quote of one venue; the market venue may sleep, so it is never required."""
    age_secs = await _age_secs(cache, FEED_KEY.format(venue=venue))
    required = venue == "replay"
    name = f"feed:{venue}"
    if age_secs is None:
        return Part(name, False, "No quote yet.", required=required)
    return Part(name, age_secs <= FEED_STALE_SECS, f"Newest quote {age_secs:.0f} s ago.", age_secs, required)


async def check_all(database: Database, cache: Redis) -> list[Part]:
    """Everything /readyz speaks of, checked at the same time."""
    feeds = [check_feed(cache, venue) for venue in VENUES]
    return list(await asyncio.gather(check_database(database), check_cache(cache), check_worker(cache), *feeds))


async def _age_secs(cache: Redis, key: str) -> float | None:
    """Seconds since the instant kept under `key` (ISO 8601), or None when there is none or no answer."""
    try:
        async with asyncio.timeout(PING_SECS):
            value = await cache.get(key)
    except (RedisError, OSError, TimeoutError):
        return None
    try:
        return None if value is None else max(0.0, (utc_now() - datetime.fromisoformat(_text(value))).total_seconds())
    except (TypeError, ValueError):
        return None


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
