"""Rotation of the vault's key: nobody waits, nothing is lost wherever it ends, and the former keys can go."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from redis.asyncio import Redis

from starkmatter.accounts import factor
from starkmatter.accounts.sealing import commands, local, rotation
from starkmatter.accounts.sealing.local import local_keys
from starkmatter.accounts.sealing.ports import LOST
from starkmatter.accounts.sealing.report import vault_part, vault_status
from starkmatter.accounts.sealing.rotation import drop_former, finish_rotation, rotate
from starkmatter.accounts.vault import keep_secret, open_secret
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import ConfigError, Conflict
from starkmatter.settings import load_settings
from tests.accounts.vault_rows import as_before_data_keys, opened, plant, versions
from tests.builders import make_caller
from tests.db.test_migrations import run as migrate
from tests.standins.hashicorp import hashicorp_vault

ROOT = Path(__file__).parents[2]


def key_file(b: Backends) -> Path:
    return b.settings.home / "secrets" / "vault_key"


def some_time_later(b: Backends) -> None:
    """As if the key file had been changed a while ago."""
    then = (utc_now() - timedelta(hours=1)).timestamp()
    os.utime(key_file(b), (then, then))


async def test_every_row_comes_under_the_newer_key_and_keeps_its_ciphertext(b: Backends) -> None:
    planted = await plant(b)
    sealed = "SELECT ciphertext FROM vault_secret ORDER BY id"
    before = await b.db.tuples(sealed)
    moved = await rotate(b.db, b.settings)
    assert (str(moved.newest), moved.rows, moved.not_opened) == ("local:2", 6, 0)
    assert await versions(b) == {"local:2"}
    assert await b.db.tuples(sealed) == before
    assert await opened(b, planted) == planted
    assert key_file(b).stat().st_mode & 0o777 == 0o600


async def test_rows_of_before_data_keys_open_and_come_into_the_new_form(b: Backends) -> None:
    planted = await plant(b)
    await as_before_data_keys(b, planted)
    assert await versions(b) == {None}
    assert await opened(b, planted) == planted
    assert (await finish_rotation(b)).startswith("6 rows were brought under the vault's key local:1")
    assert await versions(b) == {"local:1"}
    assert await opened(b, planted) == planted
    await as_before_data_keys(b, planted)
    assert (await rotate(b.db, b.settings)).rows == 6
    assert await opened(b, planted) == planted


async def test_former_keys_go_when_no_row_needs_them_and_all_is_readable(b: Backends) -> None:
    planted = await plant(b)
    text = key_file(b).read_text()
    assert await drop_former(b.db, b.settings) == []
    await rotate(b.db, b.settings)
    with pytest.raises(Conflict, match="within the last minute"):
        await drop_former(b.db, b.settings)
    some_time_later(b)
    assert [str(one) for one in await drop_former(b.db, b.settings)] == ["local:1"]
    assert local_keys(b.settings).numbers() == {2}
    assert text.strip().rpartition(":")[2] not in key_file(b).read_text()
    assert await opened(b, planted) == planted


@pytest.mark.parametrize("former", ["a data key", "before data keys"])
async def test_a_key_that_one_row_needs_does_not_go(b: Backends, former: str) -> None:
    planted = await plant(b, people=0)
    if former == "before data keys":
        await as_before_data_keys(b, planted)
    local_keys_made = await local_keys(b.settings).make_newer()
    some_time_later(b)
    with pytest.raises(Conflict, match="2 rows still need a former key"):
        await drop_former(b.db, b.settings)
    assert local_keys_made.number == 2
    assert await opened(b, planted) == planted


async def test_what_was_begun_is_finished_without_another_key(b: Backends) -> None:
    planted = await plant(b)
    await local_keys(b.settings).make_newer()
    assert str((await rotate(b.db, b.settings, resume=True)).newest) == "local:2"
    assert (await rotate(b.db, b.settings, resume=True)).rows == 0
    assert await opened(b, planted) == planted


async def test_a_row_that_no_key_opens_stops_none_of_the_others(b: Backends) -> None:
    planted = await plant(b)
    await b.db.run("UPDATE vault_secret SET wrapped_key = '\\x00' WHERE owner_id IS NULL")
    moved = await rotate(b.db, b.settings)
    assert (moved.rows, moved.not_opened) == (5, 1)
    assert "1 rows cannot be opened" in moved.as_text()
    del planted.secrets[None]
    assert await opened(b, planted) == planted


async def test_no_key_is_made_in_place_of_one_that_is_missing(b: Backends) -> None:
    planted = await plant(b)
    key_file(b).rename(aside := b.settings.home / "aside")
    with pytest.raises(ConfigError) as refused:
        await rotate(b.db, b.settings)
    assert refused.value.text == LOST
    assert "cannot be opened" in await finish_rotation(b)
    part = await vault_part(b.settings, b.db)
    assert not part.ok
    assert "restore it" in part.text
    assert not key_file(b).exists()
    aside.rename(key_file(b))
    assert await opened(b, planted) == planted


async def test_a_change_in_the_same_instant_wins_over_the_rotation(
    b: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted, owner = await plant(b, people=0), await make_caller(b.db)
    planted.seeds[owner.user_id] = (await factor.enroll(b, owner)).secret
    real, changed = rotation.rewrap, set()

    async def rewrap(*arguments: Any) -> Any:
        fresh, table = await real(*arguments), arguments[2].partition("|")[0]
        if table == "vault_secret" and table not in changed:
            planted.secrets[None] = {"key_id": "entered meanwhile"}
            await keep_secret(b, "alpaca", None, planted.secrets[None], hide=set())
        if table == "user_totp" and table not in changed:
            planted.seeds[owner.user_id] = (await factor.enroll(b, owner)).secret
        changed.add(table)
        return fresh

    monkeypatch.setattr(rotation, "rewrap", rewrap)
    await rotate(b.db, b.settings)
    assert changed == {"vault_secret", "user_totp", "signing_key"}
    assert await opened(b, planted) == planted
    assert await versions(b) == {"local:2"}


async def test_a_newer_key_never_takes_the_number_of_one_that_is_away(b: Backends) -> None:
    planted = await plant(b)
    former = key_file(b).read_text()
    await rotate(b.db, b.settings)
    both = key_file(b).read_text()
    key_file(b).write_text(former)  # as an older copy of the home would have it
    moved = await rotate(b.db, b.settings)
    assert (str(moved.newest), moved.rows, moved.not_opened) == ("local:3", 0, 6)
    newest = key_file(b).read_text().split()[0]
    key_file(b).write_text(f"{newest}\n{both}")
    assert await opened(b, planted) == planted


class Killed(BaseException):
    """As a kill -9 between two steps: nothing catches it."""


@contextmanager
def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Ends what runs before its step of that number; the names of the steps that were come out."""
    steps: list[str] = []

    def counted(owner: Any, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def counting(*arguments: Any, **named: Any) -> Any:
            steps.append(name)
            if len(steps) == step:
                raise Killed
            return real(*arguments, **named)

        patched.setattr(owner, name, counting)

    with monkeypatch.context() as patched:
        for name in ("tuples", "run", "transaction"):
            counted(Database, name)
        for name in ("open", "fsync", "unlink"):
            counted(os, name)
        counted(Path, "replace")
        counted(rotation, "rewrap")
        yield steps


@pytest.mark.parametrize("form", ["data keys", "before data keys"])
async def test_a_rotation_that_is_killed_at_any_step_leaves_everything_readable(
    b: Backends, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = await plant(b, people=1)
    if form == "before data keys":
        await as_before_data_keys(b, planted)
    before = key_file(b).read_text()
    for step in range(1, 100):
        with killed_at(step, monkeypatch) as steps:
            try:
                await rotate(b.db, b.settings)
            except Killed:
                done = False
            else:
                done = True
        assert await opened(b, planted) == planted, f"killed before step {step}, {steps[-1]}"
        await keep_secret(b, "alpaca", None, planted.secrets[None], hide=set())
        assert await opened(b, planted) == planted
        if done:
            break
        # Each try begins where the first one did, so that each step is reached.
        if form == "before data keys":
            key_file(b).write_text(before)
            await as_before_data_keys(b, planted)
    assert done
    assert len(steps) > 15
    await rotate(b.db, b.settings, resume=True)
    some_time_later(b)
    await drop_former(b.db, b.settings)
    assert len(local_keys(b.settings).numbers()) == len(await versions(b)) == 1
    assert await opened(b, planted) == planted


READER = """
import asyncio, sys
from redis.asyncio import Redis
from starkmatter.accounts.vault import keep_secret, open_secret
from starkmatter.backends import open_backends, close_backends
from starkmatter.errors import StarkMatterError
from starkmatter.settings import load_settings

async def main():
    assert not {"hvac", "requests", "cryptography.hazmat"} & set(sys.modules), "loaded before the first secret"
    b = await open_backends(load_settings(), "reader")
    reads = failed = 0
    print("ready", flush=True)
    stop = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    while not stop.done() or reads < 20:
        try:
            found = await open_secret(b, "alpaca")
            assert found and found["key_id"].startswith("PKCANARY")
            if reads % 5 == 0:
                await keep_secret(b, "written", None, {"key_id": str(reads)}, set())
                assert (await open_secret(b, "written"))["key_id"] == str(reads)
            reads += 1
        except StarkMatterError as error:
            failed += 1
            print(error.text, file=sys.stderr)
    await close_backends(b)
    print(reads, failed, flush=True)

asyncio.run(main())
"""


async def test_nobody_reads_in_vain_while_keys_are_rotated_and_dropped(
    b: Backends, database_url: str, redis_url: str
) -> None:
    """Readers and writers here and in another process, which learns of each newer key by itself."""
    planted = await plant(b)
    environment = {**os.environ, "STARKMATTER_HOME": str(b.settings.home)}
    environment |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PYTHONPATH": str(ROOT)}
    other = subprocess.Popen(
        [sys.executable, "-c", READER],
        env=environment,
        cwd=b.settings.home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stop, reads = asyncio.Event(), 0

    async def read() -> None:
        nonlocal reads
        while not stop.is_set():
            assert await opened(b, planted) == planted
            reads += 1

    async def write() -> None:
        person, at = await make_caller(b.db, "trader"), 0
        while not stop.is_set():
            at += 1
            await keep_secret(b, "own", person.user_id, {"key_id": str(at)}, hide=set())
            assert dict(await open_secret(b, "own", person.user_id) or {}) == {"key_id": str(at)}

    try:
        assert other.stdout is not None
        assert await asyncio.to_thread(other.stdout.readline) == "ready\n"
        busy = [asyncio.create_task(work()) for work in (read, read, write)]
        for _ in range(4):
            await rotate(b.db, b.settings)
            some_time_later(b)
        while reads < 4:
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.gather(*busy)
        out, errors = await asyncio.to_thread(other.communicate, "\n")
    finally:
        other.kill()
        other.wait()
    assert errors == ""
    assert out.split()[1:] == ["0"]
    assert int(out.split()[0]) >= 20
    await rotate(b.db, b.settings, resume=True)
    assert await versions(b) == {"local:5"}
    some_time_later(b)
    assert len(await drop_former(b.db, b.settings)) == 4
    assert await opened(b, planted) == planted


async def test_it_is_in_the_audit_log_without_a_key(b: Backends) -> None:
    await plant(b)
    await rotate(b.db, b.settings)
    some_time_later(b)
    await drop_former(b.db, b.settings)
    rows = await b.db.tuples(
        "SELECT action, via, subject_id, before::text, after::text FROM audit_event WHERE action LIKE 'vault.%%'"
        " ORDER BY sequence"
    )
    assert [row[:3] for row in rows] == [
        ("vault.key_made", "command", "local:2"),
        ("vault.rewrapped", "command", "local:2"),
        ("vault.keys_dropped", "command", "local:2"),
    ]
    assert [row[3:] for row in rows] == [
        ('{"version": "local:1"}', None),
        (None, '{"rows": 6}'),
        ('{"versions": ["local:1"]}', None),
    ]


async def test_status_counts_rows_by_key_and_shows_none(b: Backends) -> None:
    assert "no key yet" in (await vault_status(b.db, b.settings)).as_text()
    assert not key_file(b).exists()
    planted = await plant(b)
    await as_before_data_keys(b, replace(planted, secrets={}, signing={}))
    await local_keys(b.settings).make_newer()
    await keep_secret(b, "another", None, {"key_id": "x"}, hide=set())
    status = await vault_status(b.db, b.settings)
    assert status.as_json()["rows"] == {"local:1": 4, "local:2": 1, "before data keys": 2}
    assert status.former_rows == 6
    text = status.as_text() + str(status.as_json()) + (await vault_part(b.settings, b.db)).text
    assert "6 of them under former keys" in text
    for line in key_file(b).read_text().split():
        assert line.rpartition(":")[2] not in text


async def test_it_moves_to_hashicorp_vault_and_back(b: Backends, database: Database, cache: Redis) -> None:
    planted = await plant(b)
    home = {"STARKMATTER_HOME": str(b.settings.home)}
    with hashicorp_vault() as transit:
        there = Backends(load_settings(home | transit.settings), database, cache)
        assert await opened(there, planted) == planted
        assert str((await rotate(database, there.settings, resume=True)).newest) == "hashicorp:1"
        some_time_later(b)
        assert [str(one) for one in await drop_former(database, there.settings)] == ["local:1"]
        assert not key_file(b).exists()
        assert await opened(there, planted) == planted
        assert str((await rotate(database, there.settings)).newest) == "hashicorp:2"
        assert await opened(there, planted) == planted
        back = load_settings(home | transit.settings | {"STARKMATTER_VAULT_SOURCE": "local"})
        assert (await rotate(database, back)).rows == 6
    assert await versions(b) == {"local:1"}
    assert await opened(b, planted) == planted


async def test_the_step_down_refuses_to_destroy_what_is_under_data_keys(b: Backends, database_url: str) -> None:
    planted = await plant(b, people=1)
    with pytest.raises(RuntimeError, match="Bring back a backup"):
        await asyncio.to_thread(migrate, database_url, command.downgrade, "0015_sharing")
    assert await opened(b, planted) == planted
    await as_before_data_keys(b, planted)
    await asyncio.to_thread(migrate, database_url, command.downgrade, "0015_sharing")
    await asyncio.to_thread(migrate, database_url, command.upgrade, "head")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM user_totp WHERE wrapped_key IS NULL").fetchone() == (1,)
    assert await opened(b, planted) == planted


def test_two_that_make_a_newer_key_at_once_make_two(tmp_path: Path) -> None:
    settings = load_settings({"STARKMATTER_HOME": str(tmp_path)})

    async def work() -> set[int]:
        made = await asyncio.gather(
            *(asyncio.to_thread(asyncio.run, local.LocalKeys(settings).make_newer()) for _ in range(4))
        )
        return {version.number for version in made}

    assert asyncio.run(work()) == local_keys(settings).numbers() == {1, 2, 3, 4}


def test_the_commands_work_on_a_database_of_the_moment(database_url: str, tmp_path: Path) -> None:
    settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "DATABASE_URL": database_url})
    assert "no key yet" in commands.status_of_vault(settings).as_text()
    moved = commands.rotate_vault(settings, resume=True)
    assert moved.as_text() == "The vault has no key yet."
    assert commands.rotate_vault(settings, resume=False).as_text().startswith("0 rows were brought under")
    assert commands.drop_former_keys(settings) == []
    assert commands.status_of_vault(settings).as_json()["rows"] == {}
    assert "local:1                  0 rows  newest" in commands.status_of_vault(settings).as_text()
