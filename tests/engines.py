"""One embedded PostgreSQL and one Valkey for a whole test run, and a cheap fresh database for each test."""

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from starkmatter.ops import children
from starkmatter.ops.engines import engines_of, running
from starkmatter.ops.valkey import Valkey
from starkmatter.settings import Settings
from tests.prepared import lay_out
from tests.ram import fast_folder

TEMPLATE = "starkmatter_template"
FAST_AND_LOSSY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}


@dataclass(frozen=True)
class TestEngines:
    """Where the engines of this run are. `database_url(name)` is the same server with another database."""

    __test__ = False

    superuser_url: str
    template_url: str
    redis_url: str
    home: Path
    admin: psycopg.Connection  # to make and drop databases: opening one costs as much as copying a table

    def database_url(self, name: str) -> str:
        return urlunsplit(urlsplit(self.template_url)._replace(path=f"/{name}"))


@contextmanager
def engines_for_tests() -> Iterator[TestEngines]:
    """Both engines in a throw-away home, with a migrated template database."""
    folder = Path(tempfile.mkdtemp(prefix="sm-", dir=fast_folder()))
    home = folder / "home"
    lay_out(home, with_market=False)
    environment = {"STARKMATTER_HOME": str(home)}
    settings = Settings(**environment, DATABASE_URL=None, REDIS_URL=None, _env_file=None)
    try:
        with running(engines_of(settings, postgres_overrides=FAST_AND_LOSSY)) as engines:
            assert engines.postgres is not None
            superuser_url = engines.postgres.superuser_url
            template_url = urlunsplit(urlsplit(engines.database_url)._replace(path=f"/{TEMPLATE}"))
            with psycopg.connect(superuser_url, autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE starkmatter OWNER starkmatter STRATEGY FILE_COPY")
                yield TestEngines(superuser_url, template_url, engines.redis_url, home, admin)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_numbers = itertools.count(1)


def create_database(engines: TestEngines, template: str = TEMPLATE) -> str:
    """The name of a new copy."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    # Where nothing is synchronized, copying the files costs two thirds of writing them into the log.
    engines.admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER starkmatter STRATEGY FILE_COPY").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )
    return name


def drop_database(engines: TestEngines, name: str) -> None:
    """Even when connections are left open."""
    engines.admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def fresh_database(engines: TestEngines, template: str = TEMPLATE) -> Iterator[str]:
    """The address of a new copy of the template, dropped at the end."""
    name = create_database(engines, template)
    try:
        yield engines.database_url(name)
    finally:
        drop_database(engines, name)


class MortalValkey:
    """A Valkey of one test's own, to be killed in the middle of it."""

    def __init__(self, url: str, process: Popen[bytes]) -> None:
        self.url = url
        self._process = process

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait()


@contextmanager
def own_valkey() -> Iterator[MortalValkey]:
    """Started for the block, ended with it."""
    folder = Path(tempfile.mkdtemp(prefix="sm-", dir=fast_folder()))
    valkey = Valkey(folder / "run", "secret-of-this-test")
    valkey.prepare()
    command = valkey.command()
    process = children.start(command, stdout=DEVNULL, stderr=DEVNULL)
    try:
        while not valkey.answers():
            assert process.poll() is None, "it did not start"
            time.sleep(0.02)
        yield MortalValkey(valkey.url, process)
    finally:
        children.stop(process, command.stop_signal)
        shutil.rmtree(folder, ignore_errors=True)
