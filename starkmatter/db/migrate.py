"""Brings the schema to this version's head, one process at a time, and refuses a schema newer than the code."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.exc import OperationalError

from starkmatter.errors import ConfigError
from starkmatter.version import ROOT_DIR, VERSION

MIGRATION_LOCK_KEY = 0x5354_4152_4B01
LOCK_TIMEOUT_MS = 3_000
NEWER_SCHEMA_EXIT_CODE = 3


def alembic_config() -> Config:
    """The Alembic configuration of this checkout."""
    return Config(str(ROOT_DIR / "alembic.ini"))


def sqlalchemy_url(url: str) -> str:
    """The same database for SQLAlchemy's psycopg dialect."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]


@contextmanager
def _connect(url: str) -> Iterator[Connection]:
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool, connect_args={"connect_timeout": 5})
    try:
        connection = engine.connect()
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0] if error.orig else "no answer"
        raise ConfigError(f"DATABASE_URL: cannot connect to PostgreSQL: {reason}.") from None
    with connection:
        yield connection


def migrate(url: str) -> str:
    """Upgrade to head under an advisory lock; the revision reached. Exit code 3 when the schema is newer."""
    config = alembic_config()
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    if head is None:
        raise ConfigError("The migrations folder has no head.")
    with _connect(url) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK_KEY})
        try:
            known = {revision.revision for revision in script.walk_revisions()}
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                raise ConfigError(
                    f"The database schema ({current}) is newer than this StarkMatter ({VERSION}): "
                    "start the version that wrote it, or restore a backup.",
                    exit_code=NEWER_SCHEMA_EXIT_CODE,
                )
            if current != head:
                connection.execute(text(f"SET lock_timeout = {LOCK_TIMEOUT_MS}"))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK_KEY})
            connection.commit()
    return head
