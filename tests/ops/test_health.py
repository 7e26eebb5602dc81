"""Readiness: every required part answers and is fresh."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.ops import health
from starkmatter.ops.metrics import exposition


async def test_worker_is_in_order_while_it_beats_and_not_without_a_heartbeat(cache: Redis) -> None:
    assert not (await health.check_worker(cache)).ok
    await health.beat(cache)
    part = await health.check_worker(cache)
    assert part.ok
    assert part.age_secs is not None
    assert part.age_secs < health.HEARTBEAT_TTL_SECS
    assert 0 < await cache.ttl(health.HEARTBEAT_KEY) <= health.HEARTBEAT_TTL_SECS
    assert await health.has_beaten(cache)
    await health.forget_beat(cache)
    assert not await health.has_beaten(cache)
    assert not (await health.check_worker(cache)).ok


async def test_feed_is_stale_when_its_newest_quote_is_old(cache: Redis) -> None:
    await cache.set("feed:replay:at", (utc_now() - timedelta(seconds=1)).isoformat())
    assert (await health.check_feed(cache, "replay")).ok
    await cache.set("feed:replay:at", (utc_now() - timedelta(seconds=60)).isoformat())
    part = await health.check_feed(cache, "replay")
    assert not part.ok
    assert part.age_secs == pytest.approx(60, abs=5)


async def test_a_sleeping_market_feed_does_not_make_the_instance_unready(cache: Redis) -> None:
    part = await health.check_feed(cache, "market")
    assert not part.ok
    assert health.is_ready([part])


@pytest.mark.parametrize("check", [health.check_cache, health.check_worker])
async def test_cache_that_is_down_is_reported_and_not_raised(check: Callable[[Redis], Awaitable[health.Part]]) -> None:
    nobody = Redis.from_url("redis://127.0.0.1:1/0")
    assert not (await check(nobody)).ok
    await nobody.aclose()


async def test_database_check_names_the_schema(database: Database) -> None:
    part = await health.check_database(database)
    assert part.ok
    assert part.text.startswith("Schema ")


def test_metrics_have_the_version_and_a_content_type() -> None:
    body, content_type = exposition()
    assert b"starkmatter_build_info{version=" in body
    assert content_type.startswith("text/plain")
