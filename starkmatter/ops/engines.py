"""The two engines of one home: which are embedded, how to start them by themselves, and whether they answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from subprocess import DEVNULL

from starkmatter.clock import monotonic_secs
from starkmatter.errors import ConfigError
from starkmatter.ops import children
from starkmatter.ops.children import Command
from starkmatter.ops.home import prepare_home, private_folder, running_instance
from starkmatter.ops.postgres import Postgres
from starkmatter.ops.valkey import Valkey
from starkmatter.settings import Settings, home_secret

START_SECS = 60.0
POLL_SECS = 0.02


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines this home needs: None where DATABASE_URL or REDIS_URL names an external server."""

    settings: Settings
    postgres: Postgres | None
    valkey: Valkey | None

    @property
    def database_url(self) -> str:
        """Where the product connects; complete only after `prepare`."""
        if self.postgres is not None:
            return self.postgres.url
        assert self.settings.database_url is not None
        return self.settings.database_url.get_secret_value()

    @property
    def redis_url(self) -> str:
        """Where the product connects; complete only after `prepare`."""
        if self.valkey is not None:
            return self.valkey.url
        assert self.settings.redis_url is not None
        return self.settings.redis_url.get_secret_value()

    def prepare(self) -> None:
        """Create what is missing on disk. The caller holds the home's lock."""
        if self.postgres is not None:
            self.postgres.prepare()
        if self.valkey is not None:
            self.valkey.prepare()


def engines_of(settings: Settings, postgres_overrides: dict[str, str] | None = None) -> Engines:
    """The engines of `settings.home`; nothing is started yet."""
    prepare_home(settings.home)
    postgres = valkey = None
    if settings.database_url is None:
        postgres = Postgres(
            settings.home / "postgres",
            password=home_secret(settings, "database_password"),
            superuser_password=home_secret(settings, "postgres_password"),
            overrides=postgres_overrides,
        )
    if settings.redis_url is None:
        valkey = Valkey(private_folder(settings.home / "run"), home_secret(settings, "cache_password"))
    return Engines(settings, postgres, valkey)


@contextmanager
def running(engines: Engines) -> Iterator[Engines]:
    """The engines up and bootstrapped for the length of the block: for tests and one-off commands, unsupervised."""
    engines.prepare()
    with ExitStack() as stack:
        if engines.postgres is not None:
            stack.callback(engines.postgres.close)
            _start(stack, engines.postgres.command(), engines.postgres.answers)
            engines.postgres.bootstrap()
        if engines.valkey is not None:
            _start(stack, engines.valkey.command(), engines.valkey.answers)
        yield engines


def _start(stack: ExitStack, command: Command, answers: Callable[[], bool]) -> None:
    process = children.start(command, stdout=DEVNULL, stderr=DEVNULL)
    stack.callback(children.stop, process, command.stop_signal)
    deadline = monotonic_secs() + START_SECS
    while not answers():
        if process.poll() is not None or monotonic_secs() > deadline:
            raise ConfigError(f"The embedded {command.name} did not start (exit code {process.poll()}).")
        time.sleep(POLL_SECS)


def embedded_addresses(settings: Settings) -> Engines | None:
    """The engines of the running instance, with their sockets found; None when embedded ones are needed and down."""
    embedded = settings.database_url is None or settings.redis_url is None
    if embedded and not running_instance(settings.home):
        return None
    engines = engines_of(settings)
    if engines.postgres is not None:
        engines.postgres.find_socket()
    if engines.valkey is not None:
        engines.valkey.find_socket()
    return engines
