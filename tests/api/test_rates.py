"""REST may be called so often and no oftener: by person, by their programs, by address; also without the cache."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from starkmatter.accounts.programs.tokens import make_token
from starkmatter.api import rates
from starkmatter.api.app import Front, build_api
from starkmatter.api.rates import Rates, TooOften
from starkmatter.backends import Backends, set_backends
from starkmatter.settings import load_settings
from tests.api.conftest import ORIGIN, Api
from tests.builders import Desk

FEW = {
    "STARKMATTER_READS_PER_MIN": 12,
    "STARKMATTER_WRITES_PER_MIN": 4,
    "STARKMATTER_SIGN_IN_PER_MIN": 6,
    "STARKMATTER_REQUESTS_PER_MIN": 60,
}


class Seconds:
    """The clock of the buckets in this process."""

    def __init__(self) -> None:
        self.now = 1_000.0


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    made = Seconds()
    monkeypatch.setattr(rates, "monotonic_secs", lambda: made.now)
    return made


def few(desk: Desk, **more: Any) -> Desk:
    """The same desk under small figures."""
    b = Backends(load_settings(FEW | more), desk.b.db, desk.b.cache)
    set_backends(b)
    return replace(desk, b=b)


async def client(desk: Desk, address: str = "203.0.113.7") -> Api:
    """Somebody's browser at that address, on a web process of its own."""
    transport = httpx.ASGITransport(
        Front(build_api(), desk.b.settings), raise_app_exceptions=False, client=(address, 4711)
    )
    http = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN})
    return await Api(http, desk).as_person(desk)


async def statuses(times: int, ask: Any) -> list[int]:
    return [(await ask()).status_code for _ in range(times)]


async def test_a_person_reads_and_writes_so_often_and_is_told_when_to_go_on(desk: Desk, seconds: Seconds) -> None:
    api = await client(few(desk))
    answers = [await api.http.get("/api/v1/auth/me") for _ in range(13)]
    assert [one.status_code for one in answers] == [200] * 12 + [429]
    assert answers[0].headers["ratelimit-policy"] == '"read";q=12;w=60'
    assert answers[0].headers["ratelimit"] == '"read";r=11;t=60'
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json()["code"], refused.headers["ratelimit"]) == ("too_many_requests", '"read";r=0;t=5')
    assert refused.headers["retry-after"] == str(refused.json()["retry_after_secs"]) == "5"
    # Another kind has its own count, and so has another person at the same address.
    pause = {"paused": True}
    assert await statuses(5, lambda: api.http.post("/api/v1/replay", json=pause)) == [200] * 4 + [429]
    other = await api.as_person(await desk.person())
    assert (await other.http.get("/api/v1/auth/me")).status_code == 200


async def test_two_sessions_of_one_person_and_two_processes_share_a_count(desk: Desk, seconds: Seconds) -> None:
    desk = few(desk)
    one, other = await client(desk), await client(desk, "203.0.113.8")
    body = {"paused": True}
    here = await statuses(3, lambda: one.http.post("/api/v1/replay", json=body))
    there = await statuses(3, lambda: other.http.post("/api/v1/replay", json=body))
    assert here + there == [200] * 4 + [429] * 2


async def test_all_programs_of_a_person_share_a_count_that_is_not_their_browsers(desk: Desk, seconds: Seconds) -> None:
    api = await client(few(desk))
    made = [
        (await make_token(desk.b, desk.caller, name=name, scopes=["read"], expires_days=1, networks=[]))[1]
        for name in ("one", "two")
    ]
    programs = httpx.AsyncClient(transport=api.http._transport, base_url=ORIGIN)
    heads = [{"authorization": f"Bearer {text}"} for text in made]
    said = [(await programs.get("/api/v1/auth/me", headers=heads[number % 2])).status_code for number in range(14)]
    assert said == [200] * 12 + [429] * 2
    assert (await api.http.get("/api/v1/auth/me")).status_code == 200


async def test_an_address_has_a_count_whoever_asks_and_the_doors_a_smaller_one(desk: Desk, seconds: Seconds) -> None:
    api = await client(few(desk))
    ask = {"grant_type": "api_token", "api_token": "smk_" + "x" * 43}
    said = await statuses(8, lambda: api.http.post("/api/v1/auth/token", json=ask))
    assert said == [401] * 6 + [429] * 2
    said = await statuses(60, lambda: api.http.get("/api/v1/nowhere", headers={"authorization": "Bearer none"}))
    assert said == [404] * 52 + [429] * 8
    assert (await api.http.get("/readyz")).status_code == 429
    assert (await api.http.get("/healthz")).status_code == 200


@pytest.mark.parametrize("hops", [0, 1])
async def test_a_forged_forwarding_header_changes_nothing(desk: Desk, seconds: Seconds, hops: int) -> None:
    api = await client(few(desk, STARKMATTER_TRUSTED_PROXY_HOPS=hops))
    ask = {"grant_type": "api_token", "api_token": "none"}
    said = []
    for number in range(9):
        forged = [("x-forwarded-for", f"198.51.100.{number}")]
        real = [("x-forwarded-for", "192.0.2.1")] if hops else []  # what our own proxy adds, in a line of its own
        said.append((await api.http.post("/api/v1/auth/token", json=ask, headers=forged + real)).status_code)
    assert said.count(429) == 3


async def test_the_addresses_of_one_household_share_a_count(desk: Desk, seconds: Seconds) -> None:
    front = Front(build_api(), few(desk).b.settings)
    said = []
    for number in range(8):
        transport = httpx.ASGITransport(front, client=(f"2001:db8:1:2::{number:x}", 1))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
            said.append(
                (await http.post("/api/v1/auth/login", json={"email": f"n{number}@a.org", "password": "b"})).status_code
            )
    assert said.count(429) == 2


async def test_a_dead_cache_leaves_reading_as_it_is_and_makes_guessing_and_trading_rarer(
    desk: Desk, seconds: Seconds
) -> None:
    dead = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.5)
    set_backends(Backends(desk.b.settings, desk.b.db, dead))
    counted = Rates(load_settings({"STARKMATTER_WRITES_PER_MIN": 120, "STARKMATTER_SIGN_IN_PER_MIN": 30}))
    assert await admitted(counted, counted.read, 700) == 600
    assert await admitted(counted, counted.write, 200) == 30
    assert await admitted(counted, counted.sign_in, 60) == 10
    await dead.aclose()


async def test_a_cache_that_does_not_answer_is_asked_once_a_second_at_most(
    desk: Desk, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def tell(*_: Any) -> float:
        nonlocal asked
        asked += 1
        await asyncio.sleep(3_600)
        return 0.0

    monkeypatch.setattr(rates, "ANSWER_SECS", 0.01)
    counted = Rates(load_settings({}))
    monkeypatch.setattr(counted, "_tell", tell)
    assert await admitted(counted, counted.write, 40) == 30
    assert asked == 1
    seconds.now += 2
    assert await admitted(counted, counted.write, 1) == 1
    assert asked == 2


async def test_reads_are_told_to_the_cache_by_tens(
    desk: Desk, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, told = Rates(load_settings({})), []
    real = counted._tell

    async def tell(rate: Any, whose: str, count: int) -> float:
        told.append(count)
        return await real(rate, whose, count)

    monkeypatch.setattr(counted, "_tell", tell)
    await admitted(counted, counted.read, 100)
    assert told == [10] * 10
    # Another process with the same limit learns of them.
    elsewhere = Rates(load_settings({}))
    assert 500 <= await admitted(elsewhere, elsewhere.read, 600) < 510


async def admitted(counted: Rates, rate: rates.Rate, times: int) -> int:
    count = 0
    for _ in range(times):
        try:
            await counted.take(rate, "somebody")
            count += 1
        except TooOften:
            pass
    return count
