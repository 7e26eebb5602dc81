"""What a plan lets us ask: below the vendor's limit in any minute, counted for the day by all processes together."""

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from starkmatter.egress.excerpt import MAX_CHARS, excerpt_of
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.line import Line
from starkmatter.egress.plan import Plan, check_plan, plan_of
from starkmatter.egress.reports import Used, count_requests, leave_reports, read_reports, read_used
from starkmatter.errors import InvalidInput

FREE = Plan(per_min=5, per_day=25)


async def answer() -> str:
    return "fine"


@pytest.mark.parametrize("per_min", [5, 8, 60, 200, 1_000])
def test_no_minute_sees_more_than_the_plan(per_min: float) -> None:
    plan = Plan(per_min)
    assert plan.burst + plan.refill_per_min <= max(per_min, plan.refill_per_min + 1)
    assert plan.bucket().max_rate == plan.burst


def test_a_plan_says_how_often_so_much_can_be_asked() -> None:
    assert Plan(60).every_secs(1) == pytest.approx(2.5)
    assert Plan(60).every_secs(20) == pytest.approx(50)
    assert FREE.every_secs(1) > 600, "25 a day are few"


@pytest.mark.parametrize(
    ("values", "plan"),
    [
        ({}, FREE),
        ({"per_min": "600", "per_day": "0"}, Plan(600, None)),
        ({"per_min": "", "per_day": "500"}, Plan(5, 500)),
        ({"per_min": "30", "per_day": ""}, Plan(30, None)),
    ],
)
def test_what_was_entered_replaces_the_free_plan(values: dict[str, str], plan: Plan) -> None:
    assert plan_of(values, FREE) == plan


@pytest.mark.parametrize(
    "values", [{"per_min": "many"}, {"per_min": "-1"}, {"per_min": "0"}, {"per_min": "1.5"}, {"per_day": "9" * 12}]
)
def test_what_is_no_plan_is_refused_in_words(values: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        check_plan(values)


async def test_the_day_is_counted_for_all_processes_and_over_a_restart(cache: Redis) -> None:
    plan = Plan(per_min=600, per_day=4)
    line = Line("Small", plan=plan, tries=1)
    await count_requests(cache)
    for _ in range(2):
        await line.read(answer)
    await count_requests(cache)
    await leave_reports(cache, "worker")
    reborn = Line("Small", plan=plan, tries=1)
    await count_requests(cache)
    await reborn.read(answer, cost=2)
    await count_requests(cache)
    assert (await read_used(cache, ["Small"]))["Small"] == Used(4, 4)
    for one in (line, reborn):
        with pytest.raises(VendorFailure) as failed:
            await one.read(answer)
        assert failed.value.kind == "rate_limited"
        assert "of this day are used up" in failed.value.text
    report = {one.vendor: one for one in await read_reports(cache)}["Small"]
    assert (report.per_min, report.per_day) == (480.0, 4)


async def test_what_could_not_be_counted_is_counted_later(cache: Redis) -> None:
    line = Line("Later", plan=Plan(per_min=600), tries=1)
    await line.read(answer)
    dead = Redis.from_url("redis://127.0.0.1:1/0")
    with pytest.raises(RedisConnectionError):
        await count_requests(dead)
    await count_requests(cache)
    assert (await read_used(cache, ["Later"]))["Later"].of_day == 1


async def test_a_turn_that_does_not_come_soon_is_not_waited_for() -> None:
    line = Line("Slow", plan=Plan(per_min=5), tries=1)
    await line.read(answer)
    with pytest.raises(VendorFailure) as failed:
        await line.read(answer, wait_secs=0.01)
    assert failed.value.kind == "rate_limited"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"<html>\n\x00\xff no", "<html> no"),
        ("your API key is KEY-1234!", "your API key is ***!"),
        ("?token=KEY%2D1234&x=key-1234", "?token=***&x=***"),
        (b"x" * 5_000, "x" * MAX_CHARS),
        ("a" * 195 + "KEY-1234", "a" * 195 + "***"),
    ],
)
def test_an_excerpt_is_short_printable_and_holds_no_key(sent: bytes | str, shown: str) -> None:
    assert excerpt_of(sent, ["KEY-1234"]) == shown
