"""Sign-ins are paused after a few tries, for anybody alike, and never for good."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from starkmatter.accounts import factor, sign_in, throttle
from starkmatter.accounts.sign_in import SignedIn
from starkmatter.backends import Backends
from starkmatter.errors import NotAllowed, NotSignedIn, TooMany
from tests.accounts.conftest import PASSPHRASE, make_person

WRONG = "some other words entirely"


class Hours:
    """The throttle's clock, and how often a passphrase was hashed."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
        self.hashed = 0

    def later(self, **period: float) -> None:
        self.now += timedelta(**period)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    made = Hours()

    async def verify(passphrase: str, stored_hash: str | None) -> bool:
        made.hashed += 1
        await asyncio.sleep(0)
        return stored_hash is not None and passphrase == PASSPHRASE

    monkeypatch.setattr(throttle, "utc_now", lambda: made.now)
    monkeypatch.setattr(sign_in, "verify_passphrase", verify)
    return made


async def enter(
    b: Backends, email: str, passphrase: str = PASSPHRASE, *, ip: str = "203.0.113.7", device: str | None = None
) -> SignedIn:
    return await sign_in.sign_in(b, email, passphrase, ip=ip, user_agent="test", device=device)


async def pause_of(b: Backends, email: str, ip: str = "203.0.113.7") -> int:
    """Seconds that a wrong try has to wait now; 0 when it was looked at."""
    try:
        await enter(b, email, WRONG, ip=ip)
    except TooMany as many:
        return int(str(many.details["retry_after_secs"]))
    except NotSignedIn:
        return 0
    raise AssertionError("a wrong passphrase opened a session")


async def test_five_tries_are_free_then_each_costs_twice_the_pause_and_a_quarter_of_an_hour_at_most(
    b: Backends, hours: Hours
) -> None:
    email = (await make_person(b)).email
    assert [await pause_of(b, email) for _ in range(5)] == [0] * 5
    pauses = []
    for _ in range(12):
        wait = await pause_of(b, email)
        pauses.append(wait)
        hours.later(seconds=wait, minutes=1)  # also past the address's own minute
        assert await pause_of(b, email) == 0
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


async def test_a_thousand_guesses_in_ten_minutes_from_everywhere_hash_25_at_most(b: Backends, hours: Hours) -> None:
    email = (await make_person(b)).email
    for number in range(1_000):
        await pause_of(b, email, ip=f"198.51.{number // 250}.{number % 250}")
        hours.later(seconds=0.6)
    assert 5 < hours.hashed <= 25


async def test_guesses_at_the_same_instant_are_counted_in_turn(b: Backends, hours: Hours) -> None:
    email = (await make_person(b)).email
    await asyncio.gather(*[pause_of(b, email, ip=f"198.51.100.{number}") for number in range(60)])
    assert hours.hashed == 5


async def test_an_address_nobody_has_is_paused_in_the_same_words(b: Backends, hours: Hours) -> None:
    known = (await make_person(b)).email
    words = []
    for email in (known, "nobody@example.org"):
        for number in range(6):
            try:
                await enter(b, email, WRONG, ip=f"198.51.100.{number}")
            except (NotSignedIn, TooMany) as error:
                words.append((email, error.text, error.code, error.status))
    assert [one[1:] for one in words if one[0] == known] == [one[1:] for one in words if one[0] != known]
    assert words[-1][1] == "Too many tries. Wait 1 second, then try again."


async def test_the_right_passphrase_makes_the_next_tries_free_again(b: Backends, hours: Hours) -> None:
    email = (await make_person(b)).email
    for _ in range(4):
        await pause_of(b, email)
    await enter(b, email.upper())
    assert [await pause_of(b, email) for _ in range(5)] == [0] * 5


async def test_counts_are_forgotten_after_a_day(b: Backends, hours: Hours) -> None:
    email = (await make_person(b)).email
    for _ in range(6):
        await pause_of(b, email)
    hours.later(hours=25)
    assert await throttle.forget_old_tries(b) == 2  # the account's and the address's
    assert [await pause_of(b, email) for _ in range(5)] == [0] * 5


async def test_who_guesses_does_not_lock_out_a_person_on_their_own_device(b: Backends, hours: Hours) -> None:
    email = (await make_person(b)).email
    device = (await enter(b, email)).device
    for number in range(50):
        await pause_of(b, email, ip=f"198.51.100.{number}")
    with pytest.raises(TooMany):
        await enter(b, email)
    again = await enter(b, email, device=device)
    assert again.device == device
    # The device's own tries are counted too, and it is nobody else's.
    other = (await make_person(b)).email
    hashed = hours.hashed
    for _ in range(10):
        with pytest.raises((NotSignedIn, TooMany)):
            await enter(b, email, WRONG, device=device, ip="192.0.2.9")
    assert hours.hashed - hashed == 5
    for number in range(6):
        await pause_of(b, other, ip=f"192.0.2.{number + 20}")
    with pytest.raises(TooMany):
        await enter(b, other, device=device)


async def test_one_network_tries_so_often_a_minute_whatever_the_account(b: Backends, hours: Hours) -> None:
    most = b.settings.sign_in_per_min
    for number in range(most):
        assert await pause_of(b, f"n{number}@example.org", ip=f"2001:db8:1:2::{number:x}") == 0
    assert await pause_of(b, "one-more@example.org", ip="2001:db8:1:2:ffff::1") == 60
    assert await pause_of(b, "another@example.org", ip="2001:db8:1:3::1") == 0
    hours.later(seconds=61)
    assert await pause_of(b, "one-more@example.org", ip="2001:db8:1:2::1") == 0


async def test_a_stolen_session_cannot_guess_the_passphrase_either(
    b: Backends, hours: Hours, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await make_person(b)
    hashed = 0

    async def verify(*_: object) -> bool:
        nonlocal hashed
        hashed += 1
        return False

    monkeypatch.setattr(factor, "verify_passphrase", verify)
    for _ in range(30):
        with pytest.raises((NotAllowed, TooMany)):
            await factor.prove(b, caller, WRONG, None)
    assert hashed == 5
