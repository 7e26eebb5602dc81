"""Time tells nobody who has an account, and many who sign in at once hold up nobody else."""

import asyncio
import math
import statistics
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from starkmatter.accounts import passphrase, reset, sign_in
from starkmatter.accounts.passphrase import MAX_WAITING, PARALLEL_HASHES, verify_passphrase
from starkmatter.accounts.throttle import account_key, forgive
from starkmatter.backends import Backends
from starkmatter.errors import NotSignedIn, Unavailable
from starkmatter.settings import load_settings
from tests.accounts.conftest import make_person

WRONG = "some other words entirely"
ROUNDS = 400
EXPERIMENTS = 3


class Hasher:
    """Stands where Argon2id is, and counts."""

    def __init__(self, secs: float = 0.0) -> None:
        self.secs, self.calls, self.at_once, self.most = secs, 0, 0, 0
        self._lock = threading.Lock()

    def verify(self, *_: object) -> bool:
        with self._lock:
            self.calls, self.at_once = self.calls + 1, self.at_once + 1
            self.most = max(self.most, self.at_once)
        time.sleep(self.secs)
        with self._lock:
            self.at_once -= 1
        return False


@pytest.mark.parametrize("who", ["known", "unknown", "without a passphrase"])
async def test_a_refused_sign_in_hashes_once_whoever_it_is(
    b: Backends, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    email = (await make_person(b)).email
    if who == "without a passphrase":
        await b.db.run("UPDATE app_user SET passphrase_hash = 'none' WHERE email = %s", (email,))
    hasher = Hasher()
    passphrase._dummy_hash()  # kept for the life of the process, so the true one is made first
    monkeypatch.setattr(passphrase, "_context", hasher)
    with pytest.raises(NotSignedIn, match="The address or the passphrase is not right"):
        await try_(b, "nobody@example.org" if who == "unknown" else email)
    assert hasher.calls == 1


async def test_who_asks_for_a_link_waits_for_nothing_that_depends_on_who_it_is(
    b: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = [], asyncio.Event()

    async def looks(_: Backends, email: str, ip: str) -> None:
        begun.append(email)
        await go_on.wait()

    monkeypatch.setattr(reset, "_mail_link", looks)
    for email in ((await make_person(b)).email, "nobody@example.org"):
        await asyncio.wait_for(reset.ask_for_link(b, email, ip="203.0.113.7"), 5)
    await asyncio.sleep(0)
    assert len(begun) == 2
    go_on.set()
    await asyncio.gather(*reset._mailing)


async def test_of_two_hundred_at_once_two_are_hashed_fifty_wait_and_the_rest_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasher = Hasher(secs=0.002)
    monkeypatch.setattr(passphrase, "_context", hasher)
    answers = await asyncio.gather(*(verify_passphrase(WRONG, "known") for _ in range(200)), return_exceptions=True)
    refused = [one for one in answers if isinstance(one, Unavailable)]
    assert (len(refused), hasher.calls) == (200 - MAX_WAITING, MAX_WAITING)
    assert hasher.most <= PARALLEL_HASHES
    assert {one.status for one in refused} == {503}
    assert await verify_passphrase(WRONG, "known") is False


@pytest.mark.nightly
async def test_the_loop_goes_on_while_two_hundred_sign_in() -> None:
    """Against the same loop with nothing to do just before, since other work on the machine is not ours."""
    stored = await passphrase.hash_passphrase(WRONG)
    seen = []
    for _ in range(EXPERIMENTS):
        idle = await lag_during(asyncio.sleep(2))
        many = (verify_passphrase("wrong", stored) for _ in range(200))
        busy = await lag_during(asyncio.gather(*many, return_exceptions=True))
        seen.append((round(idle, 3), round(busy, 3)))
        if busy < idle + 0.05:
            return
    raise AssertionError(f"idle and busy lag in seconds of each experiment: {seen}")


async def lag_during(work: Awaitable[object]) -> float:
    """The 99th percentile of how late the loop woke a sleeper while `work` was done, in seconds."""
    lags, doing = [], asyncio.ensure_future(work)
    while not doing.done():
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - began - 0.005)
    await doing
    return sorted(lags)[int(len(lags) * 0.99)]


@pytest.mark.nightly
@pytest.mark.parametrize("what", ["sign in", "ask for a link"])
async def test_known_and_unknown_addresses_take_the_same_time(b: Backends, what: str) -> None:
    """Interleaved; the whole experiment may be done again, since other work on the machine is no leak."""
    b = replace(b, settings=load_settings({"STARKMATTER_SIGN_IN_PER_MIN": 10_000}))
    known = (await make_person(b)).email
    seen = []
    for _ in range(EXPERIMENTS):
        times: dict[str, list[float]] = {"known": [], "unknown": []}
        for number in range(ROUNDS):
            pair = [("known", known), ("unknown", f"nobody-{number}@example.org")]
            for who, email in pair if number % 2 else reversed(pair):
                times[who].append(await timed(partial(ask, b, what, email)))
                await forgive(b, account_key(email))
        gap_ms = abs(statistics.median(times["known"]) - statistics.median(times["unknown"])) * 1000
        likely = mann_whitney(times["known"], times["unknown"])
        seen.append((round(gap_ms, 3), round(likely, 4)))
        if likely > 0.01 and gap_ms < 2:
            return
    raise AssertionError(f"median gap in ms and p of each experiment: {seen}")


async def ask(b: Backends, what: str, email: str) -> None:
    if what == "sign in":
        with pytest.raises(NotSignedIn):
            await try_(b, email)
    else:
        await reset.ask_for_link(b, email, ip="203.0.113.7")


async def try_(b: Backends, email: str) -> None:
    await sign_in.sign_in(b, email, WRONG, ip="203.0.113.7", user_agent="test")


async def timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def mann_whitney(one: list[float], other: list[float]) -> float:
    """How likely such a difference is when there is none: the U test's two-sided p, by the normal approximation."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(rank for rank, (_, group) in enumerate(ranked, 1) if group == 0)
    n, m = len(one), len(other)
    deviation = ranks - n * (n + 1) / 2 - n * m / 2
    return math.erfc(abs(deviation) / math.sqrt(n * m * (n + m + 1) / 12) / math.sqrt(2))


def test_the_measure_tells_a_difference_from_none() -> None:
    even, odd = [float(n) for n in range(0, 800, 2)], [float(n) for n in range(1, 801, 2)]
    assert mann_whitney(even, odd) > 0.9
    assert mann_whitney(even, [one + 100 for one in even]) < 0.001
