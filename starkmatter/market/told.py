"""Growing and finished bars and the depth of books, told by the worker to whoever listens: nothing of it is kept here.

Best effort through the cache: who comes late reads `/bars`, and gets the next one in a moment.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.domain.depth import Depth
from starkmatter.domain.quotes import Bar, Venue
from starkmatter.errors import InvalidInput
from starkmatter.market.wire import iso


def bars_key(venue: Venue) -> str:
    """The channel on which bars are published as they grow and finish."""
    return f"bars:{venue}"


def depth_key(venue: Venue) -> str:
    """The channel on which books are published."""
    return f"depth:{venue}"


def bar_fields(bar: Bar, *, finished: bool) -> dict[str, Any]:
    """A bar ready for JSON. `finished`: it will not change any more."""
    return {
        "symbol": bar.symbol,
        "interval": bar.interval,
        "starts_at": iso(bar.starts_at),
        **{name: _text(getattr(bar, name)) for name in ("open", "high", "low", "close", "volume")},
        "provider": bar.provider,
        "note": bar.note,
        "finished": finished,
    }


def depth_fields(depth: Depth) -> dict[str, Any]:
    """A book ready for JSON: levels as [price, size], the best first."""
    return {
        "symbol": depth.symbol,
        "bids": [[_text(level.price), _text(level.size)] for level in depth.bids],
        "asks": [[_text(level.price), _text(level.size)] for level in depth.asks],
        "observed_at": iso(depth.observed_at),
        "received_at": iso(depth.received_at),
        "provider": depth.provider,
    }


async def tell_bars(cache: Redis, venue: Venue, finished: Iterable[Bar], growing: Iterable[Bar]) -> None:
    """Publish bars, the finished ones first; a cache that does not answer is no reason to fail."""
    told = [bar_fields(bar, finished=True) for bar in finished] + [bar_fields(bar, finished=False) for bar in growing]
    await _publish(cache, bars_key(venue), told)


async def tell_depth(cache: Redis, venue: Venue, books: Mapping[str, Depth]) -> None:
    """Publish books; as `tell_bars`."""
    await _publish(cache, depth_key(venue), [depth_fields(book) for book in books.values()])


async def _publish(cache: Redis, key: str, told: list[dict[str, Any]]) -> None:
    if told:
        with suppress(RedisError, OSError):
            await cache.publish(key, orjson.dumps(told))


def parts_of(raw: bytes) -> dict[str, dict[str, str]]:
    """A published batch as subject (`AAPL:1m`, or a book's symbol) → part → JSON, in the order of the batch.

    A finished bar is a part of its own: the growing one after it does not take its place where somebody is slow.
    """
    batch = orjson.loads(raw)
    if not isinstance(batch, list):
        raise InvalidInput("batch: not a list.")
    parts: dict[str, dict[str, str]] = {}
    for fields in batch:
        subject = str(fields["symbol"])
        if "interval" in fields:
            subject = f"{subject}:{fields['interval']}"
        name = f"{subject}:{fields['starts_at']}" if fields.get("finished") else subject
        parts.setdefault(subject, {})[name] = orjson.dumps(fields).decode()
    return parts


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")
