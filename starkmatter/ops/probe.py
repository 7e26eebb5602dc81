"""Looks from outside whether a port is free and whether servers answer; says in one line why not."""

import asyncio
import socket
from collections.abc import Awaitable
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from starkmatter.errors import ConfigError

PROBE_SECS = 5.0


def check_port_free(host: str, port: int) -> None:
    """ConfigError when nobody else may listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError(f"STARKMATTER_PORT: cannot listen on {host}:{port}: {reason}. Choose another.") from None


async def check_database_reachable(url: str) -> None:
    """ConfigError when the external PostgreSQL does not answer."""
    import psycopg

    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=5)
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or ["no answer"])[0]
        raise ConfigError(f"DATABASE_URL: cannot connect to PostgreSQL: {reason}.") from None
    await connection.close()


async def check_cache_reachable(url: str) -> None:
    """ConfigError when the external Redis does not answer."""
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    try:
        async with asyncio.timeout(PROBE_SECS), Redis.from_url(url) as client:
            await cast(Awaitable[bool], client.ping())
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        place = urlsplit(url)
        raise ConfigError(f"REDIS_URL: no answer from {place.hostname or Path(place.path)}: {error}.") from None


async def http_ok(host: str, port: int, path: str) -> bool:
    """Whether GET `path` on this machine answers 200 within PROBE_SECS; without an HTTP library, to stay small."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host).strip("[]")  # noqa: S104 - compared, not bound
    try:
        async with asyncio.timeout(PROBE_SECS):
            reader, writer = await asyncio.open_connection(target, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {target}:{port}\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
