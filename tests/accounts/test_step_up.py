"""Step-up: a proof counts for five minutes, and brings another token; confirmations count once, for what was shown."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest

from starkmatter.accounts import confirmation, sessions, step_up
from starkmatter.accounts.confirmation import confirm_action, forget_old_confirmations, use_confirmation
from starkmatter.accounts.factor import SecondFactorNeeded, confirm, enroll
from starkmatter.accounts.passkeys.register import begin_registration, finish_registration
from starkmatter.accounts.passkeys.use import begin_step_up, step_up_with_passkey
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import caller_of_token, list_sessions, open_session, revoke_session
from starkmatter.accounts.sign_in import sign_in
from starkmatter.accounts.step_up import StepUpNeeded, accepted_ways, fresh_until, require_fresh
from starkmatter.backends import Backends
from starkmatter.errors import NotAllowed, NotSignedIn, TooMany
from tests.accounts.authenticator import Authenticator
from tests.accounts.conftest import PASSPHRASE, make_person

ORDER = {"account_id": str(uuid4()), "symbol": "AAPL", "side": "buy", "qty": "10", "limit_price": None, "live": True}


class Hours:
    """The clock of sessions, step-up and confirmations, moved by hand."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def later(self, **period: float) -> None:
        self.now += timedelta(**period)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    made = Hours()
    for module in (sessions, step_up, confirmation):
        monkeypatch.setattr(module, "utc_now", lambda: made.now)
    return made


async def signed_in(b: Backends, caller: Caller | None = None) -> tuple[Caller, str]:
    caller = caller or await make_person(b)
    return await open_session(b, caller.user_id, "trader", caller.email, "x", ip="test", user_agent="test")


@pytest.mark.parametrize(("secs", "fresh"), [(0, True), (299, True), (300, True), (300.001, False), (3_600, False)])
async def test_a_proof_counts_for_five_minutes(b: Backends, hours: Hours, secs: float, fresh: bool) -> None:
    caller, _ = await signed_in(b)
    hours.later(seconds=secs)
    if fresh:
        await require_fresh(b, caller)
        return
    with pytest.raises(StepUpNeeded) as needed:
        await require_fresh(b, caller)
    assert (needed.value.status, needed.value.code) == (403, "step_up_required")
    assert needed.value.details == {"accepted": ["passphrase"]}


async def test_signing_in_is_a_proof_and_being_active_is_none(b: Backends, hours: Hours) -> None:
    person = await make_person(b)
    signed = await sign_in(b, person.email, PASSPHRASE, ip="test", user_agent="test")
    await require_fresh(b, signed.caller)
    for _ in range(6):
        hours.later(minutes=1)
        assert await caller_of_token(b, signed.token) is not None
    with pytest.raises(StepUpNeeded):
        await require_fresh(b, signed.caller)


async def test_a_session_from_before_has_proven_nothing(b: Backends) -> None:
    caller, _ = await signed_in(b)
    await b.db.run("UPDATE user_session SET proven_at = NULL WHERE id = %s", (caller.session_id,))
    with pytest.raises(StepUpNeeded):
        await require_fresh(b, caller)


async def test_the_proof_of_one_session_is_none_for_another(b: Backends, hours: Hours) -> None:
    caller, _ = await signed_in(b)
    elsewhere, _ = await signed_in(b, caller)
    hours.later(minutes=6)
    await step_up.step_up(b, caller, PASSPHRASE, None)
    await require_fresh(b, caller)
    with pytest.raises(StepUpNeeded):
        await require_fresh(b, elsewhere)


async def test_a_new_proof_changes_the_token_and_keeps_the_session(b: Backends, hours: Hours) -> None:
    caller, old = await signed_in(b)
    assert await caller_of_token(b, old) is not None  # and is kept for a moment
    hours.later(minutes=6)
    new = await step_up.step_up(b, caller, PASSPHRASE, None)
    assert await caller_of_token(b, old) is None
    renewed = await caller_of_token(b, new)
    assert renewed is not None
    assert (renewed.session_id, renewed.proven_at) == (caller.session_id, hours.now)
    assert await fresh_until(b, renewed) == hours.now + timedelta(minutes=5)
    assert [one.id for one in await list_sessions(b, caller)] == [caller.session_id]


async def test_a_new_proof_does_not_lengthen_the_session(b: Backends, hours: Hours) -> None:
    caller, _ = await signed_in(b)
    (before,) = await list_sessions(b, caller)
    hours.later(minutes=6)
    await step_up.step_up(b, caller, PASSPHRASE, None)
    (after,) = await list_sessions(b, caller)
    assert after.expires_at == before.expires_at


async def test_an_ended_session_is_not_renewed(b: Backends) -> None:
    caller, _ = await signed_in(b)
    await revoke_session(b, caller, caller.session_id)
    with pytest.raises(NotSignedIn):
        await step_up.step_up(b, caller, PASSPHRASE, None)


async def test_a_wrong_passphrase_proves_nothing_and_tries_are_paused(b: Backends, hours: Hours) -> None:
    caller, token = await signed_in(b)
    hours.later(minutes=6)
    refused = []
    for _ in range(8):
        with pytest.raises((NotAllowed, TooMany)) as failed:
            await step_up.step_up(b, caller, "not the passphrase", None)
        refused.append(isinstance(failed.value, TooMany))
    assert any(refused)
    with pytest.raises(StepUpNeeded):
        await require_fresh(b, caller)
    assert await caller_of_token(b, token) is not None


async def test_with_the_second_factor_on_the_passphrase_alone_proves_nothing(b: Backends) -> None:
    caller, _ = await signed_in(b)
    totp = pyotp.TOTP((await enroll(b, caller)).secret)
    codes = await confirm(b, caller, totp.now())
    assert await accepted_ways(b, caller) == ["passphrase", "code"]
    with pytest.raises(SecondFactorNeeded):
        await step_up.step_up(b, caller, PASSPHRASE, "")
    with pytest.raises(NotAllowed):
        await step_up.step_up(b, caller, PASSPHRASE, "000000")
    await step_up.step_up(b, caller, PASSPHRASE, codes[0])


async def test_a_passkey_alone_is_a_proof(b: Backends, hours: Hours) -> None:
    device = Authenticator()
    caller, old = await signed_in(b)
    await finish_registration(b, caller, "Phone", device.make(await begin_registration(b, caller)))
    assert await accepted_ways(b, caller) == ["passphrase", "passkey"]
    hours.later(minutes=6)
    new = await step_up_with_passkey(b, caller, device.use(await begin_step_up(b, caller)))
    await require_fresh(b, caller)
    assert await caller_of_token(b, old) is None
    assert await caller_of_token(b, new) is not None


# --- confirmations ----------------------------------------------------------------------------------------------------


async def test_a_confirmed_action_is_done_once(b: Backends) -> None:
    caller, _ = await signed_in(b)
    token = await confirm_action(b, caller, "order", ORDER)
    uses = [use_confirmation(b, caller, token, "order", dict(reversed(ORDER.items()))) for _ in range(20)]
    ended = await asyncio.gather(*uses, return_exceptions=True)
    assert sum(one is None for one in ended) == 1
    assert sum(isinstance(one, NotAllowed) for one in ended) == 19


@pytest.mark.parametrize(
    "change",
    [{name: "another"} for name in ORDER] + [{"more": "x"}, {"live": 1}, {"live": "true"}, {"limit_price": "None"}],
    ids=str,
)
async def test_one_field_that_differs_and_nothing_is_confirmed(b: Backends, change: dict[str, str | int]) -> None:
    caller, _ = await signed_in(b)
    token = await confirm_action(b, caller, "order", ORDER)
    for content in (ORDER | change, ORDER):  # it is used up by the first
        with pytest.raises(NotAllowed):
            await use_confirmation(b, caller, token, "order", content)


async def test_a_confirmation_is_for_one_action_in_one_session(b: Backends) -> None:
    caller, _ = await signed_in(b)
    elsewhere, _ = await signed_in(b, caller)
    stranger, _ = await signed_in(b)
    for who, action in ((caller, "kill switch off"), (elsewhere, "order"), (stranger, "order")):
        token = await confirm_action(b, caller, "order", ORDER)
        with pytest.raises(NotAllowed):
            await use_confirmation(b, who, token, action, ORDER)
    with pytest.raises(NotAllowed):
        await use_confirmation(b, caller, "never given", "order", ORDER)


@pytest.mark.parametrize(("secs", "good"), [(120, True), (120.001, False)])
async def test_a_confirmation_keeps_for_two_minutes(b: Backends, hours: Hours, secs: float, good: bool) -> None:
    caller, _ = await signed_in(b)
    token = await confirm_action(b, caller, "order", ORDER)
    hours.later(seconds=secs)
    assert await forget_old_confirmations(b) == (0 if good else 1)
    if good:
        await use_confirmation(b, caller, token, "order", ORDER)
    else:
        with pytest.raises(NotAllowed):
            await use_confirmation(b, caller, token, "order", ORDER)


async def test_confirming_takes_a_fresh_proof(b: Backends, hours: Hours) -> None:
    caller, _ = await signed_in(b)
    hours.later(minutes=6)
    with pytest.raises(StepUpNeeded):
        await confirm_action(b, caller, "order", ORDER)


async def test_what_has_no_one_form_cannot_be_confirmed(b: Backends) -> None:
    caller, _ = await signed_in(b)
    with pytest.raises(TypeError):
        await confirm_action(b, caller, "order", {"qty": 0.1})  # type: ignore[dict-item]
