"""Remembers which schema the migrations of this code ended at: the next start of the same code has nothing to migrate.

Starting Alembic takes a second and a half of processor time; asking the database for one row takes none.
"""

import hashlib
from pathlib import Path

import psycopg

from starkmatter.version import ROOT_DIR, VERSION

CONNECT_SECS = 5


class SchemaMemo:
    """A file in the home. It is only believed when the database says the same."""

    def __init__(self, file: Path, migrations: Path = ROOT_DIR / "alembic" / "versions") -> None:
        self._file = file
        self._migrations = migrations

    def is_current(self, url: str) -> bool:
        """Whether the database stands where the last migration of exactly this code left it."""
        try:
            code, _, head = self._file.read_text(encoding="utf-8").partition(" ")
        except (OSError, ValueError):
            return False
        return code == self._code() and head != "" and head == _revision(url)

    def remember(self, url: str) -> None:
        """Keep where a migration that has just ended left the database."""
        revision = _revision(url)
        if revision is not None:
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
            self._file.write_text(f"{self._code()} {revision}", encoding="utf-8")

    def _code(self) -> str:
        digest = hashlib.sha256(VERSION.encode())
        for path in sorted(self._migrations.glob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()


def _revision(url: str) -> str | None:
    """What the database says of itself; None when it is new, or says nothing."""
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECS) as connection:
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except psycopg.Error:
        return None
    return str(rows[0][0]) if len(rows) == 1 else None
