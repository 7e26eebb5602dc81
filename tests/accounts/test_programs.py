"""Programs' tokens behind the front door: their texts, what ends them, what is forgotten, and what a log shows."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from starkmatter.accounts import reset
from starkmatter.accounts.people import list_people
from starkmatter.accounts.programs import grants, tokens
from starkmatter.accounts.programs.bearer import TOUCH_EVERY, alive_programs, caller_of_bearer
from starkmatter.accounts.programs.records import InvalidToken
from starkmatter.accounts.programs.signing_keys import rotate_now
from starkmatter.accounts.programs.wording import API_MARK, REFRESH_MARK, is_text, new_text
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.errors import Conflict, NotAllowed
from starkmatter.ops.logging import redact
from starkmatter.settings import load_settings
from tests.accounts.conftest import make_person

PLACE = "192.0.2.7"


async def token_of(b: Backends, caller: Caller) -> tuple[UUID, str]:
    return await tokens.make_token(b, caller, name="bot", scopes=["read"], expires_days=1, networks=[])


def test_a_token_has_a_mark_that_scanners_know_256_bits_and_a_checksum() -> None:
    made = {new_text(API_MARK) for _ in range(50)}
    assert len(made) == 50
    for text in made:
        assert re.fullmatch(r"smk_[0-9A-Za-z]{49}", text)
        assert is_text(text, API_MARK)
        assert not is_text(text, REFRESH_MARK)
        altered = text[:10] + ("a" if text[10] != "a" else "b") + text[11:]
        assert not is_text(altered, API_MARK)


def test_no_log_shows_a_token_of_any_kind() -> None:
    jwt = "eyJhbGciOiJFZDI1NTE5In0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
    for text in (new_text(API_MARK), new_text(REFRESH_MARK), jwt):
        shown = redact(f"failed for {text} today")
        assert text[5:] not in shown
        assert shown.endswith("*** today")


async def test_a_reading_token_of_the_owner_is_no_admin_and_no_trader_in_any_service(b: Backends) -> None:
    _, text = await token_of(b, await make_person(b, "owner"))
    caller = await caller_of_bearer(b, text, PLACE)
    assert (caller.role, caller.is_admin, caller.may_trade) == ("owner", False, False)
    with pytest.raises(NotAllowed):
        await list_people(b, caller)


async def test_twenty_tokens_per_person_also_when_many_are_made_at_once(b: Backends) -> None:
    person = await make_person(b)
    for _ in range(19):
        await token_of(b, person)
    made = await asyncio.gather(*(token_of(b, person) for _ in range(4)), return_exceptions=True)
    assert [type(one) for one in made if isinstance(one, Exception)] == [Conflict] * 3
    assert len(await tokens.list_tokens(b, person)) == 20


async def test_the_last_use_is_noted_with_its_place_once_a_minute(b: Backends) -> None:
    _, text = await token_of(b, await make_person(b))
    last = "SELECT last_used_at, last_used_ip FROM api_token"
    await caller_of_bearer(b, text, PLACE)
    [first] = await b.db.tuples(last)
    assert first[1] == PLACE
    await caller_of_bearer(b, text, "192.0.2.8")
    assert await b.db.tuples(last) == [first]
    await b.db.run("UPDATE api_token SET last_used_at = last_used_at - %s", (TOUCH_EVERY,))
    await caller_of_bearer(b, text, "192.0.2.8")
    assert (await b.db.tuples(last))[0][1] == "192.0.2.8"


async def test_a_passphrase_set_anew_by_a_link_ends_the_persons_programs(b: Backends) -> None:
    owner, person = await make_person(b, "owner"), await make_person(b)
    (token_id, text), (_, kept) = await token_of(b, person), await token_of(b, owner)
    pair = await grants.begin_family(b, text, None, PLACE)
    family = (await caller_of_bearer(b, pair.access_token, PLACE)).session_id
    assert await alive_programs(b, {token_id, family}) == {token_id, family}
    _, link = await reset.make_link(b, owner, person.user_id)
    await reset.reset_passphrase(b, link.partition("token=")[2], "marble kites borrow winter", ip=PLACE)
    for bearer in (text, pair.access_token):
        with pytest.raises(InvalidToken):
            await caller_of_bearer(b, bearer, PLACE)
    assert await alive_programs(b, {token_id, family}) == set()
    assert (await caller_of_bearer(b, kept, PLACE)).user_id == owner.user_id


async def test_what_has_ended_is_forgotten_after_thirty_days_and_what_lives_stays(b: Backends) -> None:
    person = await make_person(b)
    _, text = await token_of(b, person)
    pair = await grants.begin_family(b, text, None, PLACE)
    family = (await caller_of_bearer(b, pair.access_token, PLACE)).session_id
    ended_id, _ = await token_of(b, person)
    await tokens.revoke_token(b, person, ended_id)
    assert await tokens.forget_old_programs(b) == 0
    await b.db.run("UPDATE api_token SET revoked_at = revoked_at - %s", (tokens.KEEP_ENDED + timedelta(days=1),))
    await grants.begin_family(b, text, None, PLACE)
    await b.db.run("UPDATE token_family SET revoked_at = now() - interval '2 days' WHERE id <> %s", (family,))
    assert await tokens.forget_old_programs(b) == 1
    assert await b.db.tuples("SELECT id FROM token_family") == [(family,)]
    assert (await caller_of_bearer(b, pair.access_token, PLACE)).may_trade is False
    await b.db.run("UPDATE refresh_token SET expires_at = expires_at - interval '1 year'")
    await b.db.run("UPDATE token_family SET created_at = created_at - interval '1 year'")
    assert await tokens.forget_old_programs(b) == 0
    assert await b.db.value("SELECT count(*) FROM token_family") == 0
    assert (await caller_of_bearer(b, text, PLACE)).via == "token"


def test_the_command_puts_another_key_in_place_and_seals_it(database_url: str, tmp_path: Path) -> None:
    settings = load_settings({"STARKMATTER_HOME": str(tmp_path)})
    for _ in range(2):
        rotate_now(settings, database_url, end_former=False)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT retired_at IS NULL, length(ciphertext) FROM signing_key").fetchall()
    assert sorted(rows) == [(False, 48), (True, 48)]
