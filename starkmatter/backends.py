"""The open connections of one process, made at its composition root and handed to services as arguments."""

from dataclasses import dataclass

from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.errors import Unavailable
from starkmatter.settings import Settings


@dataclass(frozen=True, slots=True)
class Backends:
    """What a process talks to. `cache` holds quotes, pub/sub and limits; nothing about money lives only there."""

    settings: Settings
    db: Database
    cache: Redis


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
