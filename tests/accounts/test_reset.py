"""A new passphrase: by its person, by a link that counts once, and never a word about who has an address here."""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from starkmatter.accounts import passphrase, reset
from starkmatter.accounts.mail import KIND
from starkmatter.accounts.people import disable_person
from starkmatter.accounts.records import Caller, Role
from starkmatter.accounts.reset import ask_for_link, change_passphrase, forget_old_links, make_link, reset_passphrase
from starkmatter.accounts.sessions import caller_of_token
from starkmatter.accounts.sign_in import sign_in
from starkmatter.accounts.vault import keep_secret
from starkmatter.backends import Backends
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn, TooMany
from tests.accounts.conftest import PASSPHRASE, make_person
from tests.standins.smtp import PASSWORD, USER, Mailbox, mail_server

NEW = "granite owls debate quietly"
LINK = re.compile(r"/reset\?token=([\w-]+)")


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as started:
        yield started


async def connect_mail(b: Backends, box: Mailbox) -> None:
    values = {"host": "127.0.0.1", "port": str(box.port), "security": "none", "user": USER, "password": PASSWORD}
    await keep_secret(b, KIND, None, values | {"sender": "desk@example.org"}, {"password"})


async def enter(b: Backends, caller: Caller, words: str) -> str:
    return (await sign_in(b, caller.email, words, ip="test", user_agent="test")).token


async def mailed(b: Backends, email: str) -> None:
    """Ask, and wait until whatever is done behind the answer is done."""
    await ask_for_link(b, email, ip="test")
    await asyncio.gather(*reset._mailing)


async def token_for(b: Backends, caller: Caller, helper: Caller) -> str:
    found = LINK.search((await make_link(b, helper, caller.user_id))[1])
    assert found is not None
    return found.group(1)


async def test_who_changes_their_passphrase_keeps_this_session_and_no_other(b: Backends) -> None:
    caller = await make_person(b)
    here, there = await enter(b, caller, PASSPHRASE), await enter(b, caller, PASSPHRASE)
    mine = await caller_of_token(b, here)
    assert mine is not None
    with pytest.raises(NotAllowed):
        await change_passphrase(b, mine, "not the present one", NEW, None)
    with pytest.raises(InvalidInput):
        await change_passphrase(b, mine, PASSPHRASE, "password1234", None)
    assert await caller_of_token(b, there) is not None
    await change_passphrase(b, mine, PASSPHRASE, NEW, None)
    assert await caller_of_token(b, here) is not None
    assert await caller_of_token(b, there) is None
    with pytest.raises(NotSignedIn):
        await enter(b, caller, PASSPHRASE)
    assert await enter(b, caller, NEW)


async def test_a_link_by_mail_counts_once_and_ends_every_session(b: Backends, box: Mailbox) -> None:
    await connect_mail(b, box)
    caller = await make_person(b)
    session = await enter(b, caller, PASSPHRASE)
    await mailed(b, f" {caller.email.upper()} ")
    [mail] = box.mails
    assert box.recipients == [[caller.email]]
    found = LINK.search(mail.get_content())
    assert found is not None
    token = found.group(1)
    stored = await b.db.tuples("SELECT token_hash FROM passphrase_reset")
    assert token.encode() not in b"".join(bytes(row[0]) for row in stored)
    with pytest.raises(InvalidInput):  # too weak: the link stays good
        await reset_passphrase(b, token, "summer2026summer", ip="test")
    await reset_passphrase(b, token, NEW, ip="test")
    assert await caller_of_token(b, session) is None
    with pytest.raises(NotAllowed) as used:
        await reset_passphrase(b, token, PASSPHRASE, ip="test")
    assert used.value.code == "reset_closed"
    assert await enter(b, caller, NEW)


async def test_nobody_is_told_whether_an_address_is_known(b: Backends, box: Mailbox) -> None:
    caller, gone, admin = await make_person(b), await make_person(b), await make_person(b, "owner")
    await disable_person(b, admin, gone.user_id, disabled=True)
    await mailed(b, caller.email)  # no mail server: nothing to send, and no word about it
    await connect_mail(b, box)
    for email in ("nobody@example.org", gone.email, "not an address"):
        await mailed(b, email)
    assert box.mails == []
    assert await b.db.value("SELECT count(*) FROM passphrase_reset") == 0


async def test_a_mail_server_that_fails_changes_nothing_for_who_asks(b: Backends, box: Mailbox) -> None:
    await connect_mail(b, box)
    box.refuse_with = "550 no"
    caller = await make_person(b)
    await mailed(b, caller.email)
    assert await enter(b, caller, PASSPHRASE)


async def test_links_end_within_the_hour_and_three_are_open_at_most(
    b: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, owner = await make_person(b), await make_person(b, "owner")
    tokens = [await token_for(b, caller, owner) for _ in range(3)]
    with pytest.raises(NotAllowed):
        await make_link(b, owner, caller.user_id)
    later = reset.utc_now() + reset.LINK_KEEPS + timedelta(seconds=1)
    monkeypatch.setattr(reset, "utc_now", lambda: later)
    with pytest.raises(NotAllowed):
        await reset_passphrase(b, tokens[0], NEW, ip="test")
    assert await forget_old_links(b) == 3
    await make_link(b, owner, caller.user_id)


async def test_of_twenty_that_use_one_link_at_once_one_does(b: Backends) -> None:
    caller, owner = await make_person(b), await make_person(b, "owner")
    token = await token_for(b, caller, owner)
    words = [f"{NEW} number {number}" for number in range(20)]
    ended = await asyncio.gather(
        *[reset_passphrase(b, token, one, ip=f"192.0.2.{n}") for n, one in enumerate(words)], return_exceptions=True
    )
    assert sum(one is None for one in ended) == 1
    assert await enter(b, caller, words[ended.index(None)])


@pytest.mark.parametrize(
    ("helper", "helped", "may"),
    [
        ("owner", "trader", True),
        ("owner", "admin", True),
        ("admin", "viewer", True),
        ("admin", "admin", False),
        ("admin", "owner", False),
    ],
)
async def test_whom_an_admin_may_help_in_again(b: Backends, helper: Role, helped: Role, may: bool) -> None:
    by, whom = await make_person(b, helper), await make_person(b, helped)
    if may:
        assert (await make_link(b, by, whom.user_id))[0] == whom.display_name
    else:
        with pytest.raises(NotFound):
            await make_link(b, by, whom.user_id)
    with pytest.raises(NotFound):
        await make_link(b, by, by.user_id)


@pytest.mark.parametrize("role", ["trader", "viewer"])
async def test_nobody_else_makes_links(b: Backends, role: Role) -> None:
    by, whom = await make_person(b, role), await make_person(b)
    with pytest.raises(NotAllowed):
        await make_link(b, by, whom.user_id)


async def test_who_was_paused_by_guesses_gets_in_with_the_new_passphrase(b: Backends) -> None:
    caller, owner = await make_person(b), await make_person(b, "owner")
    for _ in range(8):
        with pytest.raises((NotSignedIn, TooMany)):
            await enter(b, caller, "a wrong guess of words")
    await reset_passphrase(b, await token_for(b, caller, owner), NEW, ip="test")
    assert await enter(b, caller, NEW)


@pytest.mark.parametrize(
    "weak",
    [
        "short words",
        "password1234",
        "Qwertyuiop123",
        "iloveyou2024!",
        "trustno1trustno1",
        "aaaaaaaaaaaaaa",
        "summer2026summer",
        "starkmatter2026",
        "ada@example.org",
    ],
)
async def test_what_guessers_begin_with_is_refused(weak: str) -> None:
    with pytest.raises(InvalidInput):
        await passphrase.check_passphrase(weak, email="ada@example.org", display_name="Ada Lovelace")


@pytest.mark.parametrize(
    "good", [PASSPHRASE, NEW, "correct horse battery", "Tr4nquil;otter;9;maps", "ж" * 3 + " лес и море зимой"]
)
async def test_unrelated_words_are_taken(good: str) -> None:
    await passphrase.check_passphrase(good, email="ada@example.org", display_name="Ada Lovelace")
