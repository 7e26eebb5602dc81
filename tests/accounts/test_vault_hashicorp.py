"""The vault's key in HashiCorp Vault: wrapped and unwrapped there, and clear words for every way it can fail."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from redis.asyncio import Redis

from starkmatter.accounts.sealing import hashicorp, keepers
from starkmatter.accounts.sealing.envelope import seal, unseal
from starkmatter.accounts.sealing.hashicorp import KEEP_SECS, PAUSE_SECS, TransitKeys
from starkmatter.accounts.sealing.ports import KeyVersion
from starkmatter.accounts.sealing.report import vault_part
from starkmatter.accounts.sealing.rotation import finish_rotation, rotate
from starkmatter.accounts.vault import open_secret
from starkmatter.backends import Backends
from starkmatter.db.database import Database
from starkmatter.errors import ConfigError, StarkMatterError, Unavailable
from starkmatter.jobs.sources import MarketSources
from starkmatter.ops.backup import _what_else
from starkmatter.settings import load_settings
from tests.accounts.vault_rows import opened, plant, versions
from tests.standins.hashicorp import KEY, TOKEN, Transit, hashicorp_vault

PLACE = "table|row|column|person"
DATA_KEY = b"\x07" * 32


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def transit() -> Iterator[Transit]:
    with hashicorp_vault() as standin:
        yield standin


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(transit: Transit, clock: Clock) -> TransitKeys:
    return TransitKeys(transit.url, KEY, SecretStr(TOKEN), clock)


@pytest.fixture
async def there(transit: Transit, database: Database, cache: Redis, tmp_path: Path) -> Backends:
    return Backends(load_settings({"STARKMATTER_HOME": str(tmp_path)} | transit.settings), database, cache)


async def test_secrets_of_every_kind_are_under_its_key_and_none_is_sent_there(
    there: Backends, transit: Transit
) -> None:
    planted = await plant(there)
    assert await versions(there) == {"hashicorp:1"}
    keepers._transit_of.cache_clear()
    assert await opened(there, planted) == planted
    assert (transit.counted("encrypt"), transit.counted("decrypt")) == (6, 7)
    assert not (there.settings.home / "secrets").exists()
    sent = repr(transit.asked).encode()
    assert not [canary for canary in planted.canaries if canary in sent]


async def test_a_data_key_opens_for_its_own_place_alone(keys: TransitKeys, clock: Clock) -> None:
    wrapped = await keys.wrap(DATA_KEY, PLACE)
    assert wrapped.version == KeyVersion("hashicorp", 1)
    for _ in range(2):  # asked, and kept in memory
        assert await keys.unwrap(wrapped.blob, PLACE, 1) == DATA_KEY
        with pytest.raises(ConfigError, match="cannot be opened"):
            await keys.unwrap(wrapped.blob, PLACE + "2", 1)
    for blob in (wrapped.blob[:-3] + b"xx=", b"", b"vault:v9:AAAA", b"\xff\xfe"):
        with pytest.raises(ConfigError, match="cannot be opened"):
            await keys.unwrap(blob, PLACE, 1)


async def test_rotation_has_it_make_a_newer_version_and_brings_every_row_under_it(
    there: Backends, transit: Transit
) -> None:
    planted = await plant(there)
    assert str((await rotate(there.db, there.settings)).newest) == "hashicorp:2"
    transit.oldest = 2
    keepers._transit_of.cache_clear()
    assert await opened(there, planted) == planted
    transit.keys[KEY].append(b"\x05" * 32)  # rotated there, by its own schedule
    assert (await finish_rotation(there)).startswith("6 rows were brought under the vault's key hashicorp:3")
    assert await versions(there) == {"hashicorp:3"}


async def test_one_that_goes_down_stops_nobody_for_five_minutes(
    keys: TransitKeys, transit: Transit, clock: Clock
) -> None:
    wrapped = await keys.wrap(DATA_KEY, PLACE)
    await keys.unwrap(wrapped.blob, PLACE, 1)
    transit.always = "sealed"
    clock.now += KEEP_SECS - 1
    assert await keys.unwrap(wrapped.blob, PLACE, 1) == DATA_KEY
    clock.now += 1
    with pytest.raises(Unavailable, match="is sealed"):
        await keys.unwrap(wrapped.blob, PLACE, 1)
    assert not keys._kept
    transit.always = None
    clock.now += PAUSE_SECS
    assert await keys.unwrap(wrapped.blob, PLACE, 1) == DATA_KEY


async def test_what_is_kept_in_memory_is_bounded(keys: TransitKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashicorp, "KEEP_KEYS", 3)
    for at in range(5):
        wrapped = await keys.wrap(DATA_KEY, f"{PLACE}{at}")
        await keys.unwrap(wrapped.blob, f"{PLACE}{at}", 1)
    assert len(keys._kept) == 3


FAULTS: dict[int | str, str] = {
    403: "refuses the token",
    404: "has no key transit/starkmatter",
    429: "failed",
    500: "failed",
    502: "failed",
    "sealed": "is sealed",
    "hang": "does not answer in time",
    "drop": "cannot be reached",
    "html": "something else than a transit engine",
    "redirect": "something else than a transit engine",
    "wrong-types": "something else than a transit engine",
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("verb", ["newest", "wrap", "unwrap"])
async def test_each_failure_is_a_clear_sentence_without_a_secret(
    keys: TransitKeys,
    transit: Transit,
    fault: int | str,
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    wrapped = await keys.wrap(DATA_KEY, PLACE)
    if fault == "hang":
        monkeypatch.setattr(hashicorp, "READ_SECS", 0.05)
    del keys._client
    transit.always = fault
    ask: dict[str, Any] = {
        "newest": keys.newest,
        "wrap": lambda: keys.wrap(DATA_KEY, PLACE),
        "unwrap": lambda: keys.unwrap(wrapped.blob, PLACE, 1),
    }
    with structlog.testing.capture_logs() as lines, pytest.raises(Unavailable, match=FAULTS[fault]) as failed:
        await ask[verb]()
    text = f"{failed.value.text} {failed.value!r} {failed.value.__cause__!r} {lines} {caplog.text}"
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    for secret in (TOKEN, "BwcHBwcH", wrapped.blob.decode()):
        assert secret not in text
    assert not [path for _, path, _ in transit.asked if "elsewhere" in path]


async def test_while_it_hangs_everybody_else_is_told_at_once_and_the_loop_goes_on(
    keys: TransitKeys, transit: Transit, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    transit.always = "hang"
    turns = 0
    with monkeypatch.context() as hasty:
        hasty.setattr(hashicorp, "WHOLE_SECS", 0.05)
        asking = [asyncio.create_task(keys.newest()) for _ in range(20)]
        while not all(task.done() for task in asking):
            turns += 1
            await asyncio.sleep(0.001)
    assert turns > 1
    assert all(isinstance(task.exception(), Unavailable) for task in asking)
    with pytest.raises(Unavailable):
        await keys.newest()
    transit.released.set()
    await asyncio.to_thread(keys._threads.shutdown)
    assert len(transit.asked) <= hashicorp.THREADS
    del keys._threads
    transit.always = None
    clock.now += PAUSE_SECS
    assert await keys.newest() == KeyVersion("hashicorp", 1)


async def test_nobody_there_is_unavailable(clock: Clock) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        await TransitKeys("http://127.0.0.1:9", KEY, SecretStr(TOKEN), clock).newest()


async def test_a_token_that_its_file_holds_anew_counts_at_once(
    transit: Transit, keys: TransitKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("hvs.ended\n")
    monkeypatch.setenv("STARKMATTER_VAULT_TOKEN_FILE", str(file))
    with pytest.raises(Unavailable, match="refuses the token"):
        await keys.newest()
    file.write_text(f"{TOKEN}\n")
    assert await keys.newest() == KeyVersion("hashicorp", 1)


async def test_another_key_or_mount_is_named(transit: Transit, clock: Clock) -> None:
    transit.keys["other"] = [b"\x01" * 32]
    assert await TransitKeys(transit.url, "transit/other", SecretStr(TOKEN), clock).newest()
    with pytest.raises(Unavailable, match="no key safes/prod/other"):
        await TransitKeys(transit.url, "safes/prod/other", SecretStr(TOKEN), clock).newest()
    with pytest.raises(Unavailable, match="no key transit/absent"):
        await TransitKeys(transit.url, "absent", SecretStr(TOKEN), clock).newest()


async def test_proxies_of_the_environment_do_not_see_it(keys: TransitKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert await keys.newest() == KeyVersion("hashicorp", 1)


async def test_a_row_under_its_key_without_its_settings_says_which_are_missing(there: Backends, tmp_path: Path) -> None:
    sealed = await seal(there.settings, b"x", PLACE)
    with pytest.raises(ConfigError, match="STARKMATTER_VAULT_ADDR"):
        await unseal(load_settings({"STARKMATTER_HOME": str(tmp_path)}), sealed, PLACE)


async def test_the_doctor_says_whether_it_answers(there: Backends, transit: Transit) -> None:
    await plant(there)
    part = await vault_part(there.settings, there.db)
    assert part.ok
    assert "HashiCorp Vault at 127.0.0.1 answers: hashicorp:1; 6 rows, all under the newest key." in part.text
    transit.always = "sealed"
    for database in (there.db, None):
        part = await vault_part(there.settings, database)
        assert (part.ok, "is sealed" in part.text or "does not answer" in part.text) == (False, True)
    assert "the key starkmatter in HashiCorp Vault" in _what_else(there.settings)


async def test_while_it_is_down_prices_come_from_the_sources_of_before(there: Backends, transit: Transit) -> None:
    await plant(there, people=0)
    sources = MarketSources(there)
    first = await sources.current()
    sources._looked_at = float("-inf")
    keepers._transit_of.cache_clear()
    transit.always = 500
    with pytest.raises(Unavailable):
        await open_secret(there, "alpaca")
    assert await sources.current() is first


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"STARKMATTER_VAULT_ADDR": "http://vault.example.org:8200"}, "must be an https address"),
        ({"STARKMATTER_VAULT_ADDR": "vault:8200"}, "must be an https address"),
        ({"STARKMATTER_VAULT_ADDR": "https://vault.example.org"}, "STARKMATTER_VAULT_TOKEN is needed"),
        ({"STARKMATTER_VAULT_SOURCE": "hashicorp"}, "STARKMATTER_VAULT_ADDR is needed"),
        ({"STARKMATTER_VAULT_TRANSIT_KEY": "../sys/seal"}, "is a key's name"),
        ({"STARKMATTER_VAULT_TOKEN": "changeme"}, "sample value"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values: dict[str, str], words: str) -> None:
    with pytest.raises(StarkMatterError, match=words):
        load_settings(values)
