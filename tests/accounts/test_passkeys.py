"""Passkeys: each challenge once and where it belongs, the person's own key only, a device's count never back."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.accounts import throttle
from starkmatter.accounts.passkeys import challenges
from starkmatter.accounts.passkeys.keys import list_passkeys, remove_passkey, rename_passkey
from starkmatter.accounts.passkeys.place import find_place
from starkmatter.accounts.passkeys.register import MOST_PASSKEYS, begin_registration, finish_registration
from starkmatter.accounts.passkeys.use import (
    begin_sign_in,
    begin_step_up,
    sign_in_with_passkey,
    step_up_with_passkey,
)
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import caller_of_token, open_session
from starkmatter.backends import Backends
from starkmatter.db.database import Database
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound, NotSignedIn, TooMany
from starkmatter.settings import load_settings
from tests.accounts.authenticator import Authenticator
from tests.accounts.conftest import make_person


class Hours:
    """The clock of challenges, moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    made = Hours()
    monkeypatch.setattr(challenges, "utc_now", lambda: made.now)
    return made


async def session_of(b: Backends, caller: Caller) -> tuple[Caller, str]:
    return await open_session(b, caller.user_id, "trader", caller.email, "x", ip="test", user_agent="test")


async def with_passkey(b: Backends, device: Authenticator) -> Caller:
    """Somebody in a session of theirs who has added that device."""
    caller, _ = await session_of(b, await make_person(b))
    await finish_registration(b, caller, "Phone", device.make(await begin_registration(b, caller)))
    return caller


async def enter(b: Backends, answer: Callable[[dict[str, Any]], Any], attempt: str | None = None) -> Caller:
    options, given = await begin_sign_in(b, ip=uuid4().hex)
    signed, _ = await sign_in_with_passkey(
        b, answer(options), attempt=attempt or given, ip=uuid4().hex, user_agent="test"
    )
    return signed


async def test_a_passkey_alone_signs_its_person_in(b: Backends) -> None:
    device = Authenticator()
    caller = await with_passkey(b, device)
    assert (await enter(b, device.use)).user_id == caller.user_id
    assert (await list_passkeys(b, caller))[0].last_used_at is not None


async def test_what_is_asked_of_the_browser_is_the_same_for_everybody_and_wants_the_person_checked(b: Backends) -> None:
    await with_passkey(b, Authenticator())
    options, _ = await begin_sign_in(b, ip="test")
    assert options["allowCredentials"] == []
    assert (options["rpId"], options["userVerification"]) == ("localhost", "required")
    caller, _ = await session_of(b, await make_person(b))
    asked = await begin_registration(b, caller)
    assert (asked["attestation"], asked["rp"]["id"]) == ("none", "localhost")
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "preferred"


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "http://localhost:3001"},
        {"origin": "https://localhost:3000"},
        {"origin": "http://evil.test"},
        {"origin": "http://127.0.0.1:3000"},
        {"rp_id": "evil.test"},
        {"verified": False},
    ],
    ids=str,
)
async def test_an_answer_of_another_place_or_without_its_person_is_refused(b: Backends, wrong: dict[str, Any]) -> None:
    device = Authenticator()
    caller = await with_passkey(b, device)
    with pytest.raises(NotSignedIn):
        await enter(b, lambda options: device.use(options, **wrong))
    with pytest.raises(NotAllowed):
        await step_up_with_passkey(b, caller, device.use(await begin_step_up(b, caller), **wrong))
    with pytest.raises(InvalidInput):
        await finish_registration(
            b, caller, "Another", Authenticator().make(await begin_registration(b, caller), **wrong)
        )
    assert len(await list_passkeys(b, caller)) == 1


async def test_of_twenty_that_answer_one_challenge_at_once_one_gets_in(b: Backends) -> None:
    device = Authenticator(step=0)  # does not count, as synced passkeys do not: the challenge alone must hold
    await with_passkey(b, device)
    options, attempt = await begin_sign_in(b, ip="test")
    answer = device.use(options)
    entries = [sign_in_with_passkey(b, answer, attempt=attempt, ip=uuid4().hex, user_agent="test") for _ in range(20)]
    ended = await asyncio.gather(*entries, return_exceptions=True)
    assert sum(isinstance(one, tuple) for one in ended) == 1
    assert sum(isinstance(one, NotSignedIn) for one in ended) == 19


async def test_a_wrong_answer_uses_the_challenge_up(b: Backends) -> None:
    device = Authenticator()
    await with_passkey(b, device)
    options, attempt = await begin_sign_in(b, ip="test")
    for answer in (device.use(options, origin="http://evil.test"), device.use(options)):
        with pytest.raises(NotSignedIn):
            await sign_in_with_passkey(b, answer, attempt=attempt, ip="test", user_agent="test")


@pytest.mark.parametrize(("secs", "good"), [(299, True), (300, False), (301, False)])
async def test_a_challenge_keeps_for_five_minutes(b: Backends, hours: Hours, secs: int, good: bool) -> None:
    device = Authenticator()
    await with_passkey(b, device)
    options, attempt = await begin_sign_in(b, ip="test")
    hours.now += timedelta(seconds=secs)
    if good:
        await sign_in_with_passkey(b, device.use(options), attempt=attempt, ip="test", user_agent="test")
    else:
        with pytest.raises(NotSignedIn):
            await sign_in_with_passkey(b, device.use(options), attempt=attempt, ip="test", user_agent="test")


async def test_a_challenge_counts_for_its_own_purpose_session_and_attempt(b: Backends) -> None:
    device = Authenticator()
    caller = await with_passkey(b, device)
    elsewhere, _ = await session_of(b, caller)
    options, attempt = await begin_sign_in(b, ip="test")
    _, another = await begin_sign_in(b, ip="test")
    for given in (another, None, "", str(caller.session_id)):
        with pytest.raises(NotSignedIn):
            await sign_in_with_passkey(b, device.use(options), attempt=given, ip="test", user_agent="test")
    with pytest.raises(NotAllowed):  # asked for at a sign-in, answered as a step-up
        await step_up_with_passkey(b, caller, device.use(options))
    with pytest.raises(NotAllowed):  # asked for in one session, answered in another
        await step_up_with_passkey(b, elsewhere, device.use(await begin_step_up(b, caller)))
    asked = await begin_registration(b, caller)
    with pytest.raises(NotAllowed):  # asked for a new one, answered with an old one, in the same session
        await step_up_with_passkey(b, caller, device.use({"challenge": asked["challenge"], "rpId": "localhost"}))
    with pytest.raises(InvalidInput):
        await finish_registration(b, elsewhere, "Phone", Authenticator().make(asked))
    await sign_in_with_passkey(b, device.use(options), attempt=attempt, ip="test", user_agent="test")


async def test_a_count_that_does_not_go_up_is_a_copied_key_and_refused(b: Backends) -> None:
    device = Authenticator(count=7)
    await with_passkey(b, device)
    await enter(b, device.use)
    for step in (0, -1):
        device.step = step
        with pytest.raises(NotSignedIn):
            await enter(b, device.use)


async def test_a_foreign_passkey_proves_nothing(b: Backends) -> None:
    device, hers = Authenticator(), Authenticator()
    caller = await with_passkey(b, device)
    her = await with_passkey(b, hers)
    with pytest.raises(NotAllowed):
        await step_up_with_passkey(b, caller, hers.use(await begin_step_up(b, caller)))
    with pytest.raises(NotSignedIn):  # her key under the name of his
        await enter(b, Authenticator(id=device.id, key=hers.key, user_handle=device.user_handle).use)
    with pytest.raises(NotSignedIn):  # his key that says it is hers
        await enter(b, Authenticator(id=device.id, key=device.key, count=9, user_handle=her.user_id.bytes).use)
    with pytest.raises(NotSignedIn):  # known to nobody
        await enter(b, Authenticator(user_handle=device.user_handle).use)


async def test_who_is_kept_out_does_not_get_in_with_a_passkey_either(b: Backends) -> None:
    device = Authenticator()
    caller = await with_passkey(b, device)
    await b.db.run("UPDATE app_user SET disabled_at = now() WHERE id = %s", (caller.user_id,))
    with pytest.raises(NotSignedIn):
        await enter(b, device.use)


async def test_a_device_that_is_known_is_not_added_twice_nor_by_somebody_else(b: Backends) -> None:
    device = Authenticator()
    caller = await with_passkey(b, device)
    other, _ = await session_of(b, await make_person(b))
    for who in (caller, other):
        with pytest.raises(Conflict):
            await finish_registration(b, who, "Again", device.make(await begin_registration(b, who)))
    assert (await begin_registration(b, caller))["excludeCredentials"] != []
    assert await list_passkeys(b, other) == []


async def test_nobody_has_more_than_the_most(b: Backends) -> None:
    caller = await with_passkey(b, Authenticator())
    for _ in range(MOST_PASSKEYS - 1):
        await finish_registration(b, caller, "More", Authenticator().make(await begin_registration(b, caller)))
    with pytest.raises(Conflict):
        await finish_registration(b, caller, "More", Authenticator().make(await begin_registration(b, caller)))


async def test_a_passkey_is_named_and_removed_by_its_person_alone(b: Backends) -> None:
    device = Authenticator()
    caller = await with_passkey(b, device)
    stranger, (mine,) = await make_person(b), await list_passkeys(b, caller)
    with pytest.raises(NotFound):
        await rename_passkey(b, stranger, mine.id, "Mine now")
    with pytest.raises(NotFound):
        await remove_passkey(b, stranger, mine.id)
    await rename_passkey(b, caller, mine.id, " Old phone ")
    assert [one.name for one in await list_passkeys(b, caller)] == ["Old phone"]
    for name in ("", "   ", "x" * 61):
        with pytest.raises(InvalidInput):
            await rename_passkey(b, caller, mine.id, name)
    await remove_passkey(b, caller, mine.id)
    with pytest.raises(NotSignedIn):
        await enter(b, device.use)


async def test_adding_and_removing_one_ends_the_other_sessions(b: Backends) -> None:
    device = Authenticator()
    caller = await with_passkey(b, device)
    _, other = await session_of(b, caller)
    await finish_registration(b, caller, "Tablet", Authenticator().make(await begin_registration(b, caller)))
    assert await caller_of_token(b, other) is None
    _, other = await session_of(b, caller)
    await remove_passkey(b, caller, (await list_passkeys(b, caller))[0].id)
    assert await caller_of_token(b, other) is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"rawId": 7},
        {"rawId": "%%%", "response": {}},
        {"rawId": "AAAA", "response": []},
        {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"userHandle": 7}},
    ],
    ids=range(5),
)
async def test_what_is_no_answer_is_refused_in_words(b: Backends, answer: dict[str, Any]) -> None:
    device = Authenticator()
    caller = await with_passkey(b, device)
    with pytest.raises(NotSignedIn):
        await enter(b, lambda _: answer)
    with pytest.raises(NotSignedIn):  # a known key, and nonsense beside it
        await enter(b, lambda options: device.use(options) | {"response": answer})
    await begin_registration(b, caller)
    with pytest.raises(InvalidInput):
        await finish_registration(b, caller, "x", answer)


async def test_one_network_begins_so_many_attempts_a_minute(b: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
    monkeypatch.setattr(throttle, "utc_now", lambda: now)
    for _ in range(b.settings.sign_in_per_min):
        await begin_sign_in(b, ip="192.0.2.1")
    with pytest.raises(TooMany):
        await begin_sign_in(b, ip="192.0.2.1")


@pytest.mark.parametrize(
    ("address", "id"),
    [
        ("https://trade.example.org", "trade.example.org"),
        ("https://trade.example.org:8443", "trade.example.org"),
        ("http://localhost:3009", "localhost"),
        ("http://trade.example.org", None),
        ("http://127.0.0.1:3000", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]", None),
    ],
)
async def test_passkeys_belong_to_the_public_address_exactly_or_to_none(
    database: Database, cache: Redis, tmp_path: Path, address: str, id: str | None
) -> None:
    given = {"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_PUBLIC_URL": address, "STARKMATTER_ALLOW_PLAINTEXT": "1"}
    b = Backends(load_settings(given), database, cache)
    place = find_place(b.settings)
    assert (place and (place.id, place.origin)) == (id and (id, address))
    if id is None:
        with pytest.raises(InvalidInput, match="Passkeys work on https"):
            await begin_sign_in(b, ip="test")
        return
    caller, _ = await session_of(b, await make_person(b))
    with pytest.raises(InvalidInput):
        await finish_registration(b, caller, "x", Authenticator().make(await begin_registration(b, caller)))
    options = await begin_registration(b, caller)
    await finish_registration(b, caller, "x", Authenticator().make(options, origin=address))
