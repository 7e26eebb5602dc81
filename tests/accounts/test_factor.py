"""The second factor: one use per code, a bounded number of tries, recovery codes once each."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest

from starkmatter.accounts import factor, throttle
from starkmatter.accounts.factor import (
    SecondFactorNeeded,
    confirm,
    enroll,
    factor_state,
    renew_recovery_codes,
    turn_off,
)
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import caller_of_token, open_session
from starkmatter.accounts.sign_in import sign_in
from starkmatter.backends import Backends
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotSignedIn
from tests.accounts.conftest import PASSPHRASE, make_person

Turn = Callable[[int], None]


class Phone:
    """An authenticator app on the same clock as the server, which the test moves by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 10, 0, 5, tzinfo=UTC)
        self.secret = ""

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(self.now + timedelta(seconds=30 * steps))

    def later(self, **period: int) -> None:
        self.now += timedelta(**period)


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Phone:
    made = Phone()
    monkeypatch.setattr(factor, "utc_now", lambda: made.now)
    monkeypatch.setattr(throttle, "FREE_TRIES", 1_000)  # The factor has a limit of its own.
    return made


async def person_with_factor(b: Backends, phone: Phone) -> tuple[Caller, list[str]]:
    caller = await make_person(b)
    phone.secret = (await enroll(b, caller)).secret
    codes = await confirm(b, caller, phone.code())
    phone.later(seconds=60)
    return caller, codes


async def enter(b: Backends, caller: Caller, totp: str | None = None) -> Caller:
    return (await sign_in(b, caller.email, PASSPHRASE, totp=totp, ip=uuid4().hex, user_agent="test")).caller


async def test_with_a_second_factor_the_passphrase_alone_does_not_open(b: Backends, phone: Phone) -> None:
    caller, _ = await person_with_factor(b, phone)
    with pytest.raises(SecondFactorNeeded) as needed:
        await enter(b, caller)
    assert needed.value.status == 428
    assert (await enter(b, caller, phone.code())).user_id == caller.user_id


async def test_nobody_learns_of_a_second_factor_without_the_passphrase(b: Backends, phone: Phone) -> None:
    caller, _ = await person_with_factor(b, phone)
    with pytest.raises(NotSignedIn) as failed:
        await sign_in(b, caller.email, "another passphrase", totp=phone.code(), ip="test", user_agent="test")
    assert failed.value.code == "wrong_credentials"


async def test_a_code_is_good_once(b: Backends, phone: Phone) -> None:
    caller, _ = await person_with_factor(b, phone)
    code = phone.code()
    await enter(b, caller, code)
    with pytest.raises(NotSignedIn):
        await enter(b, caller, code)


async def test_of_twenty_that_enter_one_code_at_once_one_gets_in(b: Backends, phone: Phone, monkeypatch) -> None:
    monkeypatch.setattr(factor, "TRIES_PER_HOUR", 100)
    caller, _ = await person_with_factor(b, phone)
    code = phone.code()
    ended = await asyncio.gather(*[enter(b, caller, code) for _ in range(20)], return_exceptions=True)
    assert sum(isinstance(one, Caller) for one in ended) == 1
    assert sum(isinstance(one, NotSignedIn) for one in ended) == 19


async def test_an_earlier_step_after_a_later_one_is_refused(b: Backends, phone: Phone) -> None:
    caller, _ = await person_with_factor(b, phone)
    early, late = phone.code(), phone.code(+1)
    await enter(b, caller, late)
    with pytest.raises(NotSignedIn):
        await enter(b, caller, early)


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_code_counts_for_its_own_half_minute_and_its_neighbors(
    b: Backends, phone: Phone, steps: int, good: bool
) -> None:
    caller, _ = await person_with_factor(b, phone)
    phone.later(hours=1)
    if good:
        await enter(b, caller, phone.code(steps))
    else:
        with pytest.raises(NotSignedIn):
            await enter(b, caller, phone.code(steps))


async def test_ten_wrong_codes_and_even_the_right_one_waits_an_hour(b: Backends, phone: Phone) -> None:
    caller, _ = await person_with_factor(b, phone)
    evaluated = 0
    for n in range(40):
        with pytest.raises((NotSignedIn, NotAllowed)) as refused:
            await enter(b, caller, f"{n:06}")
        evaluated += isinstance(refused.value, NotSignedIn)
    assert evaluated <= factor.TRIES_PER_HOUR
    with pytest.raises(NotAllowed):
        await enter(b, caller, phone.code())
    phone.later(hours=1, seconds=1)
    await enter(b, caller, phone.code())


async def test_a_recovery_code_stands_in_once(b: Backends, phone: Phone) -> None:
    caller, codes = await person_with_factor(b, phone)
    assert len(set(codes)) == 10
    await enter(b, caller, codes[0].lower())
    with pytest.raises(NotSignedIn):
        await enter(b, caller, codes[0])
    await enter(b, caller, codes[1].replace("-", " "))
    assert (await factor_state(b, caller)).recovery_codes_left == 8


async def test_new_recovery_codes_make_the_former_ones_worthless(b: Backends, phone: Phone) -> None:
    caller, codes = await person_with_factor(b, phone)
    fresh = await renew_recovery_codes(b, caller)
    with pytest.raises(NotSignedIn):
        await enter(b, caller, codes[5])
    await enter(b, caller, fresh[5])


async def test_turned_off_the_passphrase_alone_opens_again(b: Backends, phone: Phone) -> None:
    caller, _ = await person_with_factor(b, phone)
    await turn_off(b, caller)
    assert not (await factor_state(b, caller)).on
    await enter(b, caller)
    with pytest.raises(Conflict):
        await renew_recovery_codes(b, caller)


async def test_enrolling_takes_a_code_that_fits(b: Backends, phone: Phone) -> None:
    caller = await make_person(b)
    phone.secret = (await enroll(b, caller)).secret
    with pytest.raises(InvalidInput):
        await confirm(b, caller, "000000")
    await enter(b, caller)
    await confirm(b, caller, phone.code())
    with pytest.raises(Conflict):
        await enroll(b, caller)
    with pytest.raises(Conflict):
        await confirm(b, caller, phone.code(+1))


async def test_turning_it_on_ends_the_other_sessions(b: Backends, phone: Phone) -> None:
    caller = await make_person(b)
    here, token = await open_session(b, caller.user_id, "trader", caller.email, "x", ip="test", user_agent="test")
    _, other = await open_session(b, caller.user_id, "trader", caller.email, "x", ip="test", user_agent="test")
    phone.secret = (await enroll(b, here)).secret
    await confirm(b, here, phone.code())
    assert await caller_of_token(b, token) is not None
    assert await caller_of_token(b, other) is None


async def test_the_seed_is_sealed_and_codes_are_hashed(b: Backends, phone: Phone) -> None:
    _, codes = await person_with_factor(b, phone)
    everything = str(await b.db.tuples("SELECT t::text FROM user_totp t UNION ALL SELECT r::text FROM recovery_code r"))
    for secret in (phone.secret, *codes, *(code.replace("-", "") for code in codes)):
        assert secret not in everything
        assert secret.encode().hex() not in everything


async def test_a_seed_moved_to_another_person_does_not_open(b: Backends, phone: Phone) -> None:
    caller, _ = await person_with_factor(b, phone)
    other = await make_person(b)
    await enroll(b, other)
    await b.db.run(
        "UPDATE user_totp t SET nonce = s.nonce, ciphertext = s.ciphertext FROM user_totp s"
        " WHERE t.user_id = %s AND s.user_id = %s",
        (other.user_id, caller.user_id),
    )
    with pytest.raises(Exception, match="cannot be opened"):
        await confirm(b, other, phone.code())


@pytest.mark.parametrize("text", ["", " ", "12345", "1234567", "abcdef", "１２３４５６", "0" * 64, "\n", "-1-2-3"])
async def test_what_is_no_code_is_refused_in_words(b: Backends, phone: Phone, text: str) -> None:
    caller, _ = await person_with_factor(b, phone)
    with pytest.raises((NotSignedIn, SecondFactorNeeded)):
        await enter(b, caller, text)
