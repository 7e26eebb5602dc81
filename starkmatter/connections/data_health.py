"""What admins see of market data: each source's answers and failures, what of its plan is used, what was refused.

The worker tells how sources do; requests are counted in the cache; refused data is in the database. A part that cannot
be read is shown as unknown, never as good.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import stored_secrets
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.connections.providers import MARKET_DATA
from starkmatter.egress.capability import Capability
from starkmatter.egress.reports import Used, VendorReport, read_reports, read_used
from starkmatter.errors import InvalidInput, NotAllowed, NotFound
from starkmatter.market.health import Refusal, SourcesNow, newest_refusals, read_sources, refused_since
from starkmatter.market.source_order import choose_order, chosen_order

SINCE = timedelta(days=1)
CACHE_SECS = 2.0
REFUSALS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class SourceView:
    """One source. `state`: `answers`, `stands in`, `at its limit`, `does not answer`, `quiet` (nobody asks it now),
    `not connected`.

    `minute_limit` is what we allow ourselves of the vendor's plan, None until it was asked once; counts of the minute
    and the day (UTC) are of all processes. `refused` and `suspects` are those of the last 24 hours, `answers` and
    `failures` since the worker began. `newest_age_secs` is by the vendor's clock.
    """

    adapter: str
    vendor: str
    place: int
    connected: bool
    state: str
    words: str
    answers: int
    failures: int
    refused: int
    suspects: int
    last_ok_at: datetime | None
    last_failed_at: datetime | None
    failed_words: str
    newest_age_secs: float | None
    minute_used: int
    minute_limit: float | None
    day_used: int
    day_limit: int | None


@dataclass(frozen=True, slots=True)
class DataHealth:
    """`told_at` is when the worker spoke last; None: it has not for a minute. `note` says who stands in for whom."""

    told_at: datetime | None
    note: str
    sources: tuple[SourceView, ...]
    refusals: tuple[Refusal, ...]


async def data_health(b: Backends, caller: Caller) -> DataHealth:
    """How market data does now. NotAllowed for those who are no admins."""
    _check(caller)
    now = utc_now()
    told = await _told(b)
    reports = {one.vendor: one for one in await read_reports(b.cache)}
    used = await read_used(b.cache, [one.vendor for one in MARKET_DATA])
    refused = await refused_since(b.db, now - SINCE)
    stored = await stored_secrets(b, None)
    order = await chosen_order(b.db)
    by_name = {one.adapter: one for one in MARKET_DATA}
    views = []
    for place, adapter in enumerate((one for one in order if one in by_name), start=1):
        capability = by_name[adapter]
        connected = capability.connection is None or capability.connection in stored
        report, counts = reports.get(capability.vendor), used.get(capability.vendor, Used(0, 0))
        views.append(_view(capability, place, connected, told, report, counts, refused.get(adapter, (0, 0)), now))
    note_now = told.note if told else ""
    newest = await newest_refusals(b.db, REFUSALS_SHOWN)
    return DataHealth(told.told_at if told else None, note_now, tuple(views), tuple(newest))


async def move_source(b: Backends, caller: Caller, adapter: str, *, up: bool) -> None:
    """Have it asked one place earlier or later. At the end of the list nothing changes."""
    _check(caller)
    order = await chosen_order(b.db)
    if adapter not in order:
        raise NotFound("There is no such source.")
    at = order.index(adapter)
    to = at - 1 if up else at + 1
    if 0 <= to < len(order):
        order[at], order[to] = order[to], order[at]
        await order_sources(b, caller, order)


async def order_sources(b: Backends, caller: Caller, adapters: Sequence[str]) -> None:
    """Ask in this order from now on. InvalidInput unless every source is named once."""
    _check(caller)
    known = [one.adapter for one in MARKET_DATA]
    if sorted(adapters) != sorted(known):
        raise InvalidInput(f"Name each source once: {', '.join(known)}.")
    before = await chosen_order(b.db)
    await choose_order(b.db, adapters)
    await note(
        b, caller, "market.sources_ordered", before={"order": ", ".join(before)}, after={"order": ", ".join(adapters)}
    )


def _check(caller: Caller) -> None:
    if not caller.is_admin:
        raise NotAllowed("Only an admin sees how market data does.")


async def _told(b: Backends) -> SourcesNow | None:
    try:
        async with asyncio.timeout(CACHE_SECS):
            return await read_sources(b.cache)
    except (RedisError, OSError, TimeoutError):
        return None


def _view(
    capability: Capability,
    place: int,
    connected: bool,
    told: SourcesNow | None,
    report: VendorReport | None,
    used: Used,
    refused: tuple[int, int],
    now: datetime,
) -> SourceView:
    seen = {one.adapter: one for one in told.sources} if told else {}
    health = seen.get(capability.adapter)
    lead = told.lead if told else ""
    if not connected:
        state, words = "not connected", ""
    elif health is None or (health.last_ok_at is None and health.last_failed_at is None):
        state, words = "quiet", "Nobody has asked it yet."
    elif health.failure == "rate_limited":
        state, words = "at its limit", health.text
    elif health.failure is not None:
        state, words = "does not answer", health.text
    elif told is not None and told.note and lead == capability.adapter:
        state, words = "stands in", told.note
    else:
        state, words = "answers", ""
    newest = health.newest_at if health else None
    return SourceView(
        capability.adapter,
        capability.vendor,
        place,
        connected,
        state,
        words,
        health.answers if health else 0,
        health.failures if health else 0,
        refused[0],
        refused[1],
        report.last_ok_at if report else None,
        report.last_failed_at if report else None,
        report.failed_text if report else "",
        max(0.0, (now - newest).total_seconds()) if newest else None,
        used.of_minute,
        report.per_min or None if report else None,
        used.of_day,
        report.per_day if report else None,
    )
