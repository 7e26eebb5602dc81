"""Lets every process see how vendors answer the others: each one leaves its lines' status in the cache.

Best effort, never the truth of anything: a missing report means that nobody has asked that vendor lately. Requests are
counted there by minute and day (UTC) for all processes together, so that a restart forgets nothing of the day.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.clock import utc_now
from starkmatter.egress.failures import FailureKind
from starkmatter.egress.line import Line, living_lines

KEY = "vendors:{process}"
PROCESSES = ("worker", "web")
EVERY_SECS = 2.0
KEPT_SECS = 900
CACHE_TIMEOUT_SECS = 2.0
MINUTE_KEY = "asked:{vendor}:{at:%Y%m%d%H%M}"
DAY_KEY = "asked:{vendor}:{on:%Y%m%d}"
MINUTE_KEPT, DAY_KEPT = timedelta(minutes=3), timedelta(days=2)


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
    failed_text: str = ""
    per_min: float = 0.0
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """Requests that all processes made of a vendor in this minute and on this day (UTC)."""

    of_minute: int
    of_day: int


async def report_until(cache: Redis, process: str, stop: asyncio.Event) -> None:
    """Leave this process's reports every few seconds until `stop` is set."""
    while not stop.is_set():
        with contextlib.suppress(RedisError, OSError):
            await leave_reports(cache, process)
            await count_requests(cache)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_SECS)


async def leave_reports(cache: Redis, process: str) -> None:
    """Write the status of every line of this process that was used."""
    used = [line.status for line in living_lines() if line.status.asked_count or line.status.failed_count]
    if used:
        await cache.set(KEY.format(process=process), orjson.dumps([asdict(one) for one in used]), ex=KEPT_SECS)


async def count_requests(cache: Redis) -> None:
    """Add what this process's lines asked to the shared counts, and let them know what is used of the day."""
    now = utc_now()
    lines = living_lines()
    told = [(line, line.untold()) for line in lines]
    asked = [(line, counts) for line, counts in told if counts or line.status.per_day]
    if not asked:
        return
    try:
        totals = await _added(cache, asked, now)
    except (RedisError, OSError):
        for line, counts in asked:
            line.take_back(counts)
        raise
    of_vendor: dict[str, int] = {}  # of several lines to one vendor the last one's total is the newest
    for (line, _), total in zip(asked, totals, strict=True):
        of_vendor[line.vendor] = max(total, of_vendor.get(line.vendor, 0))
    for line, _ in asked:
        line.know_used(now.date(), of_vendor[line.vendor])


async def _added(cache: Redis, asked: "list[tuple[Line, Counter[datetime]]]", now: datetime) -> list[int]:
    async with cache.pipeline(transaction=False) as pipe:
        for line, counts in asked:
            for minute, count in counts.items():
                key = MINUTE_KEY.format(vendor=line.vendor, at=minute)
                pipe.incrby(key, count)
                pipe.expire(key, MINUTE_KEPT)
            key = DAY_KEY.format(vendor=line.vendor, on=now)
            pipe.incrby(key, sum(count for minute, count in counts.items() if minute.date() == now.date()))
            pipe.expire(key, DAY_KEPT)
        answers = await pipe.execute()
    # Of each line's answers the last but one is the day's total.
    ends = list(accumulate(2 * len(counts) + 2 for _, counts in asked))
    return [int(answers[end - 2]) for end in ends]


async def read_used(cache: Redis, vendors: Sequence[str]) -> dict[str, Used]:
    """The shared counts of these vendors; nothing when the cache does not answer."""
    now = utc_now()
    keys = [MINUTE_KEY.format(vendor=one, at=now) for one in vendors]
    keys += [DAY_KEY.format(vendor=one, on=now) for one in vendors]
    if not keys:
        return {}
    try:
        async with asyncio.timeout(CACHE_TIMEOUT_SECS):
            raws = await cast("Awaitable[list[bytes | None]]", cache.mget(keys))
    except (RedisError, OSError, TimeoutError):
        return {}
    counts = [int(raw or 0) for raw in raws]
    return {one: Used(counts[at], counts[at + len(vendors)]) for at, one in enumerate(vendors)}


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
        fields.get("failed_text", ""),
        fields.get("per_min", 0.0),
        fields.get("per_day"),
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _spoke_at(report: VendorReport) -> float:
    return max((at.timestamp() for at in (report.last_ok_at, report.last_failed_at) if at), default=0.0)
