"""Lets every process see how vendors answer the others: each one leaves its lines' status in the cache.

Best effort, never the truth of anything: a missing report means that nobody has asked that vendor lately.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.egress.failures import FailureKind
from starkmatter.egress.line import living_lines

KEY = "vendors:{process}"
PROCESSES = ("worker", "web")
EVERY_SECS = 2.0
KEPT_SECS = 900
CACHE_TIMEOUT_SECS = 2.0


@dataclass(frozen=True, slots=True)
class VendorReport:
    """How one vendor has answered lately. `failure` is None when its last answer was a good one."""

    vendor: str
    asked_count: int
    failed_count: int
    last_ok_at: datetime | None
    last_failed_at: datetime | None
    failure: FailureKind | None
    text: str


async def report_until(cache: Redis, process: str, stop: asyncio.Event) -> None:
    """Leave this process's reports every few seconds until `stop` is set."""
    while not stop.is_set():
        with contextlib.suppress(RedisError, OSError):
            await leave_reports(cache, process)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_SECS)


async def leave_reports(cache: Redis, process: str) -> None:
    """Write the status of every line of this process that was used."""
    used = [line.status for line in living_lines() if line.status.asked_count or line.status.failed_count]
    if used:
        await cache.set(KEY.format(process=process), orjson.dumps([asdict(one) for one in used]), ex=KEPT_SECS)


async def read_reports(cache: Redis) -> list[VendorReport]:
    """Every vendor that was asked lately, by name; of several lines to one vendor the one that spoke last."""
    try:
        async with asyncio.timeout(CACHE_TIMEOUT_SECS):
            keys = [KEY.format(process=one) for one in PROCESSES]
            raws = await cast("Awaitable[list[bytes | None]]", cache.mget(keys))
    except (RedisError, OSError, TimeoutError):
        return []
    found: dict[str, VendorReport] = {}
    for raw in raws:
        for fields in orjson.loads(raw) if raw else []:
            report = _parsed(fields)
            former = found.get(report.vendor)
            if former is None or _spoke_at(report) >= _spoke_at(former):
                found[report.vendor] = report
    return sorted(found.values(), key=lambda one: one.vendor.lower())


def _parsed(fields: dict[str, Any]) -> VendorReport:
    return VendorReport(
        fields["vendor"],
        fields["asked_count"],
        fields["failed_count"],
        _instant(fields["last_ok_at"]),
        _instant(fields["last_failed_at"]),
        fields["last_failure"],
        fields["last_text"],
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _spoke_at(report: VendorReport) -> float:
    return max((at.timestamp() for at in (report.last_ok_at, report.last_failed_at) if at), default=0.0)
