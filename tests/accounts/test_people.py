"""People: invited once, given a role, kept out at once; nobody makes themselves more than they are."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from starkmatter.accounts import setup
from starkmatter.accounts.people import change_role, disable_person, invite, list_people
from starkmatter.accounts.sessions import caller_of_token, open_session
from starkmatter.accounts.setup import Newcomer, register_invited
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound, StarkMatterError
from tests.accounts.conftest import PASSPHRASE, make_person

EVE = Newcomer("eve@example.org", PASSPHRASE, "Eve")


def token_in(link: str) -> str:
    return parse_qs(urlsplit(link).query)["invite"][0]


async def register(b: Backends, token: str, newcomer: Newcomer = EVE):
    return await register_invited(b, newcomer, token, ip="test", user_agent="test")


@pytest.mark.parametrize("role", ["trader", "viewer", "admin"])
async def test_an_invitation_lets_one_person_in_with_its_role(b: Backends, role: str) -> None:
    owner = await make_person(b, "owner")
    token = token_in(await invite(b, owner, role))
    caller, _ = await register(b, token)
    assert caller.role == role
    with pytest.raises(NotAllowed):
        await register(b, token, Newcomer("late@example.org", PASSPHRASE, "Late"))


async def test_an_invitation_ends_after_seven_days(b: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_in(await invite(b, await make_person(b, "owner"), "trader"))
    monkeypatch.setattr(setup, "utc_now", lambda: utc_now() + timedelta(days=8))
    with pytest.raises(NotAllowed, match="too old"):
        await register(b, token)


async def test_a_weak_passphrase_or_a_taken_address_leaves_the_invitation_usable(b: Backends) -> None:
    owner = await make_person(b, "owner")
    token = token_in(await invite(b, owner, "viewer"))
    with pytest.raises(InvalidInput):
        await register(b, token, Newcomer("eve@example.org", "short", "Eve"))
    with pytest.raises(Conflict):
        await register(b, token, Newcomer(owner.email.upper(), PASSPHRASE, "Eve"))
    assert (await register(b, token))[0].role == "viewer"


async def test_a_guessed_token_opens_nothing(b: Backends) -> None:
    with pytest.raises(NotAllowed):
        await register(b, "guess")


async def test_a_changed_role_counts_at_once(b: Backends) -> None:
    owner, person = await make_person(b, "owner"), await make_person(b, "trader")
    _, token = await open_session(b, person.user_id, "trader", person.email, "x", ip="test", user_agent="test")
    assert await caller_of_token(b, token) is not None
    await change_role(b, owner, person.user_id, "viewer")
    assert await caller_of_token(b, token) is None
    assert {one.id: one.role for one in await list_people(b, owner)}[person.user_id] == "viewer"


async def test_who_is_kept_out_is_out_at_once_and_can_come_back(b: Backends) -> None:
    owner, person = await make_person(b, "owner"), await make_person(b, "trader")
    _, token = await open_session(b, person.user_id, "trader", person.email, "x", ip="test", user_agent="test")
    await disable_person(b, owner, person.user_id, disabled=True)
    assert await caller_of_token(b, token) is None
    await disable_person(b, owner, person.user_id, disabled=False)
    _, token = await open_session(b, person.user_id, "trader", person.email, "x", ip="test", user_agent="test")
    assert await caller_of_token(b, token) is not None


async def test_nobody_touches_the_owner_or_themselves(b: Backends) -> None:
    owner, admin = await make_person(b, "owner"), await make_person(b, "admin")
    for caller, target in ((admin, owner), (admin, admin), (owner, owner)):
        with pytest.raises(NotFound):
            await change_role(b, caller, target.user_id, "viewer")
        with pytest.raises(NotFound):
            await disable_person(b, caller, target.user_id, disabled=True)


@pytest.mark.parametrize("role", ["owner", "root", "", "Admin"])
async def test_a_role_nobody_can_give_is_refused(b: Backends, role: str) -> None:
    owner, person = await make_person(b, "owner"), await make_person(b)
    with pytest.raises(InvalidInput):
        await change_role(b, owner, person.user_id, role)
    with pytest.raises(InvalidInput):
        await invite(b, owner, role)


async def test_only_the_owner_makes_admins_and_only_admins_look_after_people(b: Backends) -> None:
    admin, trader = await make_person(b, "admin"), await make_person(b, "trader")
    with pytest.raises(NotAllowed):
        await invite(b, admin, "admin")
    with pytest.raises(NotAllowed):
        await change_role(b, admin, trader.user_id, "admin")
    for role in ("trader", "viewer"):
        caller = await make_person(b, role)
        for call in (
            list_people(b, caller),
            invite(b, caller, "viewer"),
            change_role(b, caller, trader.user_id, "viewer"),
            disable_person(b, caller, trader.user_id, disabled=True),
        ):
            with pytest.raises(StarkMatterError) as refused:
                await call
            assert refused.value.status == 403
