"""The vault: what is put in comes out for its owner only, and nothing of it is readable anywhere else."""

import asyncio
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.sealing.envelope import seal
from starkmatter.accounts.vault import (
    CHANGED_CHANNEL,
    forget_secret,
    keep_secret,
    note_test,
    open_secret,
    stored_secrets,
)
from starkmatter.backends import Backends
from starkmatter.db.database import Database
from starkmatter.errors import ConfigError
from starkmatter.settings import load_settings
from tests.builders import make_caller

KEY = "PKCANARY0123456789ABCDEF"
FIELDS = {"key_id": KEY, "secret": "s3cr3t-canary-value-0001", "feed": "iex"}


async def keep(b: Backends, owner=None, values=FIELDS) -> None:
    await keep_secret(b, "alpaca", owner, values, hide={"key_id", "secret"})


async def test_what_was_kept_can_be_opened_and_is_shown_masked(b: Backends) -> None:
    await keep(b)
    opened = await open_secret(b, "alpaca")
    assert opened is not None
    assert dict(opened) == FIELDS
    shown = (await stored_secrets(b, None))["alpaca"]
    assert shown.hints == {"key_id": "…CDEF", "secret": "…0001", "feed": "iex"}


async def test_a_person_and_the_installation_keep_apart(b: Backends) -> None:
    one, other = await make_caller(b.db), await make_caller(b.db, "trader")
    await keep(b, one.user_id, {"key_id": "of one"})
    await keep(b, other.user_id, {"key_id": "of other"})
    assert await open_secret(b, "alpaca") is None
    assert dict(await open_secret(b, "alpaca", one.user_id) or {}) == {"key_id": "of one"}
    assert dict(await open_secret(b, "alpaca", other.user_id) or {}) == {"key_id": "of other"}


async def test_a_short_secret_shows_nothing_of_itself(b: Backends) -> None:
    await keep(b, None, {"key_id": "12345678901"})
    assert (await stored_secrets(b, None))["alpaca"].hints == {"key_id": "…"}


async def test_two_ciphertexts_that_change_places_do_not_open(b: Backends) -> None:
    one, other = await make_caller(b.db), await make_caller(b.db, "trader")
    await keep(b, one.user_id)
    await keep(b, other.user_id, {"key_id": "of other"})
    await b.db.run(
        "UPDATE vault_secret v SET nonce = w.nonce, ciphertext = w.ciphertext FROM vault_secret w WHERE v.id <> w.id"
    )
    for person in (one, other):
        with pytest.raises(ConfigError, match="cannot be opened"):
            await open_secret(b, "alpaca", person.user_id)


async def test_a_row_given_to_another_person_does_not_open(b: Backends) -> None:
    one, other = await make_caller(b.db), await make_caller(b.db, "trader")
    await keep(b, one.user_id)
    await b.db.run("UPDATE vault_secret SET owner_id = %s", (other.user_id,))
    with pytest.raises(ConfigError):
        await open_secret(b, "alpaca", other.user_id)


async def test_another_key_file_is_named_as_the_reason(b: Backends, tmp_path: Path) -> None:
    await keep(b)
    elsewhere = replace(b, settings=load_settings({"STARKMATTER_HOME": str(tmp_path / "other")}))
    with pytest.raises(ConfigError, match="key file"):
        await open_secret(elsewhere, "alpaca")


async def test_nothing_of_it_is_in_the_database_in_clear(b: Backends) -> None:
    await keep(b)
    everything = str(await b.db.tuples("SELECT v::text FROM vault_secret v"))
    for value in (KEY, FIELDS["secret"]):
        assert value not in everything
        assert value.encode().hex() not in everything


async def test_each_writing_takes_a_new_nonce_and_forgets_the_old_test(b: Backends) -> None:
    nonces = set()
    for _ in range(5):
        await keep(b)
        nonces.add(await b.db.value("SELECT nonce FROM vault_secret"))
        assert (await stored_secrets(b, None))["alpaca"].tested_ok is None
        await note_test(b, "alpaca", None, ok=True, text="It answers.")
    assert len(nonces) == 5
    assert (await stored_secrets(b, None))["alpaca"].tested_ok is True


async def test_forgetting_takes_it_away(b: Backends) -> None:
    await keep(b)
    assert await forget_secret(b, "alpaca", None)
    assert await open_secret(b, "alpaca") is None
    assert not await forget_secret(b, "alpaca", None)


async def test_a_change_is_announced_without_its_content(b: Backends) -> None:
    pubsub = b.cache.pubsub(ignore_subscribe_messages=True)
    await pubsub.subscribe(CHANGED_CHANNEL)
    await pubsub.get_message(timeout=1)
    await keep(b)
    message = None
    for _ in range(20):
        message = message or await pubsub.get_message(timeout=0.1)
        await asyncio.sleep(0)
    assert message is not None
    assert message["data"] == b"alpaca"
    await pubsub.aclose()


async def test_secrets_cannot_be_printed_or_pickled(b: Backends) -> None:
    await keep(b)
    opened = await open_secret(b, "alpaca")
    assert KEY not in f"{opened!r} {opened} {opened!s}"
    with pytest.raises(TypeError):
        pickle.dumps(opened)


async def test_the_key_file_is_for_us_alone(b: Backends, tmp_path: Path) -> None:
    await seal(b.settings, b"x", "here")
    assert (tmp_path / "secrets" / "vault_key").stat().st_mode & 0o777 == 0o600


async def test_a_key_of_the_wrong_length_is_named(database: Database, cache: Redis, tmp_path: Path) -> None:
    short = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VAULT_KEY": "c2hvcnQtYnV0LWxvbmc"})
    with pytest.raises(ConfigError, match="STARKMATTER_VAULT_KEY"):
        await keep(Backends(short, database, cache))
