"""A vendor's line: reads are tried again, sends never, a dead vendor is left alone for a while."""

import asyncio

import pytest

from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.line import BREAKER_THRESHOLD, Line


class Vendor:
    """Fails as told, then answers."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.asked = list(statuses), 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.statuses:
            status = self.statuses.pop(0)
            raise failure_of_status("Vendor", status, retry_after_secs=60 if status == 429 else None)
        return "answer"


def line(**options: float) -> Line:
    return Line("Vendor", per_min=600, **options)


async def test_a_read_is_tried_again_after_a_server_error() -> None:
    vendor = Vendor(500, 503)
    assert await line().read(vendor) == "answer"
    assert vendor.asked == 3


async def test_a_send_is_never_tried_again() -> None:
    vendor = Vendor(504)
    with pytest.raises(VendorFailure):
        await line().send(vendor)
    assert vendor.asked == 1


@pytest.mark.parametrize("status", [401, 403, 404, 429])
async def test_a_refusal_is_not_asked_again(status: int) -> None:
    vendor = Vendor(status)
    with pytest.raises(VendorFailure):
        await line().read(vendor)
    assert vendor.asked == 1


async def test_what_was_asked_may_have_left_whatever_came_of_it() -> None:
    for status in (401, 404, 429, 500):
        with pytest.raises(VendorFailure) as failed:
            await line().send(Vendor(status))
        assert not failed.value.unsent
    with pytest.raises(VendorFailure) as failed:
        await line(timeout_secs=0.1).send(lambda: asyncio.sleep(30))
    assert not failed.value.unsent


async def test_a_vendor_that_asks_to_wait_is_left_alone() -> None:
    vendor, way = Vendor(429), line()
    for _ in range(3):
        with pytest.raises(VendorFailure) as failed:
            await way.read(vendor)
        assert failed.value.kind == "rate_limited"
    assert vendor.asked == 1
    assert failed.value.unsent
    assert 50 < (failed.value.retry_after_secs or 0) <= 60


async def test_a_dead_vendor_is_not_asked_until_the_pause_is_over() -> None:
    vendor, way = Vendor(*[500] * BREAKER_THRESHOLD), line(pause_secs=0.3)
    for _ in range(BREAKER_THRESHOLD):
        with pytest.raises(VendorFailure):
            await way.send(vendor)
    with pytest.raises(VendorFailure) as failed:
        await way.send(vendor)
    assert (failed.value.kind, vendor.asked, failed.value.unsent) == ("paused", BREAKER_THRESHOLD, True)
    assert 0 < (failed.value.retry_after_secs or 0) <= 0.3
    await asyncio.sleep(0.35)
    assert await way.send(vendor) == "answer"
    assert way.status.last_failure is None


async def test_a_refused_key_does_not_open_the_breaker() -> None:
    vendor, way = Vendor(*[401] * (BREAKER_THRESHOLD + 2)), line()
    for _ in range(BREAKER_THRESHOLD + 2):
        with pytest.raises(VendorFailure) as failed:
            await way.read(vendor)
        assert failed.value.kind == "refused"
    assert await way.read(vendor) == "answer"


async def test_a_silent_vendor_is_given_up() -> None:
    with pytest.raises(VendorFailure) as failed:
        await line(timeout_secs=0.1, tries=1).read(lambda: asyncio.sleep(30))
    assert failed.value.kind == "unreachable"


async def test_the_bucket_refuses_rather_than_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starkmatter.egress.line.WAIT_FOR_TURN_SECS", 0.05)
    way, vendor = Line("Vendor", per_min=3), Vendor()
    for _ in range(3):
        await way.read(vendor)
    with pytest.raises(VendorFailure) as failed:
        await way.read(vendor)
    assert (failed.value.kind, vendor.asked, failed.value.unsent) == ("rate_limited", 3, True)


async def test_the_status_counts_and_names_the_last_failure() -> None:
    way = line()
    await way.read(Vendor())
    with pytest.raises(VendorFailure):
        await way.send(Vendor(500))
    status = way.status
    assert (status.asked_count, status.failed_count, status.last_failure) == (2, 1, "broken")
    assert status.last_ok_at is not None
    assert status.last_failed_at is not None
    assert "Vendor" in status.last_text
