"""A backup brings everything back, says when it is damaged, and never overwrites by accident."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer

import psycopg
import pytest

from starkmatter.errors import Conflict, InvalidInput
from starkmatter.ops.backup import DUMP_NAME, MANIFEST_NAME, back_up, bring_back
from starkmatter.ops.home import only_instance
from starkmatter.settings import Settings
from tests.engines import TestEngines, fresh_database


@pytest.fixture
def database_url(engines: TestEngines) -> Iterator[str]:
    """One of its own: a restore refuses a database where somebody else is."""
    with fresh_database(engines) as url:
        yield url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE notes (body text, price numeric(20, 8))")
        connection.execute("INSERT INTO notes VALUES ('naïve — 股票', 0.00000001), (NULL, 123456789.12345678)")
    return Settings(STARKMATTER_HOME=tmp_path / "home", DATABASE_URL=database_url, _env_file=None)


def notes(settings: Settings) -> list[tuple[object, ...]]:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        return connection.execute("SELECT body, price::text FROM notes ORDER BY price").fetchall()


def execute(settings: Settings, statement: str) -> None:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute(statement)


def test_restore_brings_back_every_row_twice_in_a_row(settings: Settings, tmp_path: Path) -> None:
    before = notes(settings)
    back_up(settings, tmp_path / "first.tar")
    execute(settings, "DELETE FROM notes")
    execute(settings, "CREATE TABLE later (n int)")
    bring_back(settings, tmp_path / "first.tar", replace=True)
    assert notes(settings) == before
    with pytest.raises(psycopg.errors.UndefinedTable):
        execute(settings, "SELECT * FROM later")
    back_up(settings, tmp_path / "second.tar")
    bring_back(settings, tmp_path / "second.tar", replace=True)
    assert notes(settings) == before


LIVE = """
WITH person AS (
    INSERT INTO app_user (id, email, display_name, role, passphrase_hash, created_at)
    VALUES (gen_random_uuid(), 'a@example.org', 'A', 'owner', 'none', now()) RETURNING id
)
INSERT INTO account (id, user_id, name, venue, broker, mode, currency, preset, cash, reserved, created_at,
                     opened_venue_at)
SELECT gen_random_uuid(), id, 'Real', 'market', 'schwab', 'live', 'USD', 'realistic', 0, 0, now(), now() FROM person
"""
LIVE_ON = """
INSERT INTO live_trading (account_id, turned_on_by, factor_at, on_since) SELECT id, user_id, now(), now() FROM account
"""


def test_live_trading_is_off_after_a_restore(settings: Settings, tmp_path: Path) -> None:
    execute(settings, LIVE)
    execute(settings, LIVE_ON)
    back_up(settings, tmp_path / "live.tar")
    assert "Live trading, which was on for 1 accounts, is off." in bring_back(
        settings, tmp_path / "live.tar", replace=True
    )
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        assert connection.execute("SELECT count(*) FROM live_trading").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM account").fetchone() == (1,)


def test_backup_is_private_and_its_manifest_names_version_and_schema(settings: Settings) -> None:
    back_up(settings, None)
    (written,) = (settings.home / "backups").iterdir()
    assert written.stat().st_mode & 0o777 == 0o600
    with tarfile.open(written) as archive:
        manifest = json.loads(archive.extractfile(MANIFEST_NAME).read())
    assert {"version", "schema", "created_at", "sha256", "size_bytes"} <= set(manifest)


def test_restore_refuses_a_database_that_holds_something(settings: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "b.tar")
    with pytest.raises(Conflict, match="--replace"):
        bring_back(settings, tmp_path / "b.tar", replace=False)


def test_restore_refuses_while_the_instance_runs(settings: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "b.tar")
    with only_instance(settings.home), pytest.raises(Conflict, match="stop it"):
        bring_back(settings, tmp_path / "b.tar", replace=True)


def test_restore_refuses_while_a_program_is_connected(settings: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "b.tar")
    assert settings.database_url is not None
    with (
        psycopg.connect(settings.database_url.get_secret_value()),
        pytest.raises(Conflict, match="connected"),
    ):
        bring_back(settings, tmp_path / "b.tar", replace=True)


def test_restore_waits_for_a_program_that_is_leaving(settings: Settings, tmp_path: Path) -> None:
    """As what made the backup just before: its connection ends at the server after it has ended itself."""
    assert settings.database_url is not None
    before = notes(settings)
    back_up(settings, tmp_path / "backup.tar")
    leaving = psycopg.connect(settings.database_url.get_secret_value())
    leaver = Timer(0.3, leaving.close)
    leaver.start()
    bring_back(settings, tmp_path / "backup.tar", replace=True)
    leaver.join()
    assert notes(settings) == before


def test_damaged_backup_is_refused_before_anything_changes(settings: Settings, tmp_path: Path) -> None:
    before = notes(settings)
    back_up(settings, tmp_path / "b.tar")
    rewrite(tmp_path / "b.tar", DUMP_NAME, lambda data: data[:-9] + b"x" + data[-8:])
    with pytest.raises(InvalidInput, match="checksum"):
        bring_back(settings, tmp_path / "b.tar", replace=True)
    assert notes(settings) == before


def test_failing_restore_leaves_the_database_as_it_was(settings: Settings, tmp_path: Path) -> None:
    import hashlib

    before = notes(settings)
    back_up(settings, tmp_path / "b.tar")
    broken = b"PGDMP but not really"
    rewrite(tmp_path / "b.tar", DUMP_NAME, lambda _: broken)

    def with_matching_sum(data: bytes) -> bytes:
        sums = {"sha256": hashlib.sha256(broken).hexdigest(), "size_bytes": len(broken)}
        return json.dumps(json.loads(data) | sums).encode()

    rewrite(tmp_path / "b.tar", MANIFEST_NAME, with_matching_sum)
    with pytest.raises(Exception, match="pg_restore failed"):
        bring_back(settings, tmp_path / "b.tar", replace=True)
    assert notes(settings) == before


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 10_240])
def test_foreign_file_is_refused(settings: Settings, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.tar").write_bytes(content)
    with pytest.raises(InvalidInput, match="not a StarkMatter backup"):
        bring_back(settings, tmp_path / "b.tar", replace=True)


def test_backup_overwrites_no_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(Conflict, match="exists already"):
        back_up(settings, tmp_path / "mine")


def rewrite(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Replace one member of a tar by `change(old)`."""
    with tarfile.open(path) as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}
    members[name] = change(members[name])
    with tarfile.open(path, "w") as archive:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
