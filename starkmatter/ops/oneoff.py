"""The database for one-off commands: the external one, the running instance's, or our own started for the moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from starkmatter.ops.engines import engines_of, running
from starkmatter.ops.home import only_instance, running_instance
from starkmatter.settings import Settings


@contextmanager
def reachable_database(settings: Settings) -> Iterator[str]:
    """The address of the product's database; the embedded engine is started when no instance runs."""
    engines = replace(engines_of(settings), valkey=None)
    if engines.postgres is None:
        yield engines.database_url
    elif running_instance(settings.home):
        engines.postgres.find_socket()
        yield engines.database_url
    else:
        with only_instance(settings.home), running(engines):
            yield engines.database_url
