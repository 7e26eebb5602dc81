"""One-file backups: pg_dump's custom format with a manifest; restore verifies first and refuses a running instance."""

import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg

from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.errors import ConfigError, Conflict, InvalidInput
from starkmatter.ops.home import prepare_home, private_folder, running_instance
from starkmatter.ops.oneoff import reachable_database
from starkmatter.ops.programs import binary, plain_env
from starkmatter.settings import Settings
from starkmatter.version import VERSION

DUMP_NAME = "database.dump"
MANIFEST_NAME = "manifest.json"
FORMAT = 1
CHUNK_BYTES = 1 << 20
ASIDE: Final = "before_restore"
LEAVING_SECS, LOOK_SECS = 2.0, 0.05
OTHERS: Final = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usesysid IS NOT NULL AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, to be checked before anything is replaced."""

    format: int
    version: str
    schema: str | None
    created_at: str
    postgres: str
    size_bytes: int
    sha256: str


def back_up(settings: Settings, target: Path | None) -> str:
    """Write a backup while the instance may run; the sentence to print. Keys kept in the home are not in it."""
    now = utc_now()
    if target is None:
        prepare_home(settings.home)
        target = private_folder(settings.home / "backups") / f"starkmatter-{now:%Y%m%dT%H%M%SZ}.tar"
    if target.exists():
        raise Conflict(f"{target} exists already: choose another name.")
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as folder:
            with reachable_database(settings) as url:
                dump = Path(folder) / DUMP_NAME
                # Row-level security shows everything to who names no person, and this must not name one.
                flags = ("--no-owner", "--no-privileges", "--enable-row-security")
                _run_tool("pg_dump", url, "--format=custom", *flags, f"--file={dump}")
                schema, server = _schema_and_server(url)
            manifest = Manifest(FORMAT, VERSION, schema, now.isoformat(), server, dump.stat().st_size, _sha256(dump))
            (Path(folder) / MANIFEST_NAME).write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")
            whole = Path(folder) / target.name
            _pack(whole, [Path(folder) / MANIFEST_NAME, dump])
            whole.rename(target)
    except OSError as error:
        raise ConfigError(f"Cannot write {target}: {error.strerror or error}.") from None
    return f"Wrote {target} ({target.stat().st_size:,} bytes). {_what_else(settings)}"


def _what_else(settings: Settings) -> str:
    """What a backup is not worth much without."""
    needed = f"Keep a copy of {settings.home / 'secrets'} elsewhere too"
    if settings.vault_key is not None:
        needed += ", and of STARKMATTER_VAULT_KEY"
    if settings.vault_addr is not None:
        needed += f", and the key {settings.vault_transit_key} in HashiCorp Vault"
    return f"{needed}: stored keys cannot be read without it."


def _pack(whole: Path, files: list[Path]) -> None:
    handle = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for file in files:
                archive.add(file, arcname=file.name)
        stream.flush()
        os.fsync(stream.fileno())


def bring_back(settings: Settings, source: Path, *, replace: bool) -> str:
    """Restore `source` in one transaction after verifying it; the sentence to print."""
    if running_instance(settings.home):
        raise Conflict(f"StarkMatter runs in {settings.home}: stop it before restoring.")
    with tempfile.TemporaryDirectory(prefix="starkmatter-restore-") as folder:
        manifest = _unpack(source, Path(folder))
        with reachable_database(settings) as url, _replacing_schema(url, replace=replace):
            flags = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
            _run_tool("pg_restore", url, *flags, str(Path(folder) / DUMP_NAME))
            was_live = _turn_live_off(url)
    words = f"Restored {source}: schema {manifest.schema}, written {manifest.created_at} by {manifest.version}."
    return f"{words} Live trading, which was on for {was_live} accounts, is off." if was_live else words


def _turn_live_off(url: str) -> int:
    """A backup knows nothing of what its owners turned off later, so no order of real money goes by what it says; of
    how many accounts it was on.
    """
    with psycopg.connect(url) as connection:
        known = connection.execute("SELECT to_regclass('public.live_trading') IS NOT NULL").fetchone()
        if not known or not known[0]:
            return 0
        connection.execute("UPDATE user_session SET factor_at = NULL WHERE factor_at IS NOT NULL")
        return connection.execute("DELETE FROM live_trading").rowcount


def _unpack(source: Path, folder: Path) -> Manifest:
    """Extract the two known members and verify them; InvalidInput says what is wrong."""
    try:
        with tarfile.open(source) as archive:
            for name in (MANIFEST_NAME, DUMP_NAME):
                member = archive.extractfile(name)
                if member is None:
                    raise InvalidInput(f"{source} is not a StarkMatter backup: {name} is no file.")
                with closing(member), (folder / name).open("wb") as file:
                    while chunk := member.read(CHUNK_BYTES):
                        file.write(chunk)
        manifest = Manifest(**json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8")))
    except (OSError, tarfile.TarError, KeyError, ValueError, TypeError) as error:
        raise InvalidInput(f"{source} is not a StarkMatter backup: {error}.") from None
    if manifest.format != FORMAT:
        raise InvalidInput(f"{source} has backup format {manifest.format}; this version reads {FORMAT}.")
    dump = folder / DUMP_NAME
    if dump.stat().st_size != manifest.size_bytes or _sha256(dump) != manifest.sha256:
        raise InvalidInput(f"{source} is damaged: the checksum of its database does not match the manifest.")
    return manifest


@contextmanager
def _replacing_schema(url: str, *, replace: bool) -> Iterator[None]:
    """An empty schema `public` for the block; what was there returns if the block fails and goes if it succeeds."""
    with psycopg.connect(url, autocommit=True) as connection:
        if not _is_alone(connection):
            raise Conflict("Other programs are connected to the database: stop them before restoring.")
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        if tables and tables[0] and not replace:
            raise Conflict("The database is not empty: add --replace to replace everything it holds.")
        connection.execute(f"DROP SCHEMA IF EXISTS {ASIDE} CASCADE")
        with connection.transaction():
            connection.execute(f"ALTER SCHEMA public RENAME TO {ASIDE}")
            connection.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
        try:
            yield
        except BaseException:
            with connection.transaction():
                connection.execute("DROP SCHEMA public CASCADE")
                connection.execute(f"ALTER SCHEMA {ASIDE} RENAME TO public")
            raise
        connection.execute(f"DROP SCHEMA {ASIDE} CASCADE")


def _is_alone(connection: psycopg.Connection) -> bool:
    """Whether nobody else is connected. Who has just gone is listed a moment longer; vacuum has no user."""
    ends_at = monotonic_secs() + LEAVING_SECS
    while connection.execute(OTHERS).fetchone() != (0,):
        if monotonic_secs() > ends_at:
            return False
        time.sleep(LOOK_SECS)
    return True


def _schema_and_server(url: str) -> tuple[str | None, str]:
    with psycopg.connect(url) as connection:
        known = connection.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known and known[0] else None
        server = connection.execute("SHOW server_version").fetchone()
    return (row[0] if row else None), str(server[0] if server else "")


def _run_tool(name: str, url: str, *arguments: str) -> None:
    """Run one PostgreSQL tool on `url`; the password travels by environment, never by argument."""
    parts = urlsplit(url)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    env = plain_env() | {
        "PGHOST": query.get("host") or parts.hostname or "localhost",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGSSLMODE": query.get("sslmode", "prefer"),
    }
    database = unquote(parts.path.lstrip("/"))
    done = subprocess.run(  # noqa: S603 - our own argv
        (str(binary(name)), f"--dbname={database}", *arguments), env=env, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ConfigError(f"{name} failed: {reason}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
