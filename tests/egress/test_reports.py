"""What one process learns of a vendor, the others can see."""

import asyncio

import pytest
from redis.asyncio import Redis

from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.line import Line
from starkmatter.egress.reports import leave_reports, read_reports, report_until


async def answer() -> str:
    return "fine"


async def fail() -> str:
    raise VendorFailure("Acme", "refused", "Acme refuses the key.")


async def test_a_vendor_nobody_asked_is_not_reported(cache: Redis) -> None:
    line = Line("Nobody asked", per_min=60)
    await leave_reports(cache, "worker")
    assert line.vendor not in {one.vendor for one in await read_reports(cache)}


async def test_another_process_reads_the_last_failure_and_then_that_it_is_over(cache: Redis) -> None:
    line = Line("Acme", per_min=60, tries=1)
    with pytest.raises(VendorFailure):
        await line.read(fail)
    await leave_reports(cache, "worker")
    found = {one.vendor: one for one in await read_reports(cache)}["Acme"]
    assert (found.failure, found.text, found.failed_count, found.last_ok_at) == (
        "refused",
        "Acme refuses the key.",
        1,
        None,
    )
    await line.read(answer)
    await leave_reports(cache, "worker")
    found = {one.vendor: one for one in await read_reports(cache)}["Acme"]
    assert (found.failure, found.asked_count) == (None, 2)
    assert found.last_ok_at is not None


async def test_reports_keep_coming_until_told_to_stop(cache: Redis) -> None:
    line, stop = Line("Acme", per_min=60), asyncio.Event()
    await line.read(answer)
    reporting = asyncio.create_task(report_until(cache, "web", stop))
    while not await read_reports(cache):
        await asyncio.sleep(0.01)
    stop.set()
    await reporting


async def test_a_dead_cache_means_no_reports_and_no_failure() -> None:
    assert await read_reports(Redis.from_url("redis://127.0.0.1:1/0")) == []
