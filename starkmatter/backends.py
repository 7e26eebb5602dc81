"""The open connections of one process, made at its composition root and handed to services as arguments."""

from dataclasses import dataclass

from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.errors import ConfigError, Unavailable
from starkmatter.settings import Settings


@dataclass(frozen=True, slots=True)
class Backends:
    """What a process talks to. `cache` holds quotes, pub/sub and limits; nothing about money lives only there."""

    settings: Settings
    db: Database
    cache: Redis


CACHE_TIMEOUT_SECS = 2.0


def open_cache(url: str) -> Redis:
    """A client of Valkey or Redis; connects on first use and gives up on a silent server after two seconds."""
    return Redis.from_url(
        url,
        socket_connect_timeout=CACHE_TIMEOUT_SECS,
        socket_timeout=CACHE_TIMEOUT_SECS,
        health_check_interval=30,
    )


async def open_backends(settings: Settings, name: str, *, max_size: int = 10, walled: bool = False) -> Backends:
    """Open what `settings` point to; ConfigError when an address is missing (the supervisor normally gives both).

    `walled`: each statement sees the rows of the person it runs for alone, as everything that answers people must.
    """
    if settings.database_url is None or settings.redis_url is None:
        raise ConfigError(
            "DATABASE_URL and REDIS_URL are not set. `starkmatter run` starts both engines and everything else."
        )
    db = Database(settings.database_url.get_secret_value(), name=name, max_size=max_size, walled=walled)
    await db.open()
    return Backends(settings, db, open_cache(settings.redis_url.get_secret_value()))


async def close_backends(opened: Backends) -> None:
    """Close the pool and the cache's connections."""
    await opened.cache.aclose()
    await opened.db.close()


_current: Backends | None = None


def set_backends(backends: Backends | None) -> None:
    """Called once by the composition root (and by tests)."""
    global _current
    _current = backends


def backends() -> Backends:
    """The backends of this process; Unavailable while they are still being opened."""
    if _current is None:
        raise Unavailable("StarkMatter is still starting. Try again in a moment.")
    return _current
