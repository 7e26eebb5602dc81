"""How many small changes of a module, or of a function of the database, its tests notice; each in a process of its own.

    python -m tests.mutation starkmatter/domain/ledger.py tests/domain/test_ledger.py
    python -m tests.mutation take_plain_orders tests/trading/test_batches.py -k batch

A function is changed as the newest migration has left it. Prints what lived, and how many of how many died.
`--sample N` tries that many, the same ones each time; `--lines A-B` those lines only. Everything else goes to pytest.
Nothing is written into the sources.
"""

import argparse
import gc
import importlib
import importlib.abc
import importlib.machinery
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.mutation import python, sql
from tests.mutation.python import Mutant

ROOT = Path(__file__).parent.parent.parent
SLOW_SECS = 300.0
MAX_EXAMPLES = 200
ALONE = (
    "-p",
    "no:cacheprovider",
    "-p",
    "no:unraisableexception",
    "-p",
    "no:xdist",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
LIVES, SLOW, INVALID = 0, 98, 99


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the engines are that all children use."""

    superuser_url: str
    template_url: str
    redis_url: str
    home: Path


@contextmanager
def _servers() -> Iterator[Servers]:
    """Started by a child, so that what is changed, and whatever needs it, is not loaded in this process."""
    (told, tell), (ends, end) = os.pipe(), os.pipe()
    pid = os.fork()
    if not pid:
        os.close(end)
        from tests.engines import engines_for_tests

        with engines_for_tests() as started:
            said = (started.superuser_url, started.template_url, started.redis_url, str(started.home))
            os.write(tell, "\n".join(said).encode())
            os.close(tell)
            os.read(ends, 1)
        os._exit(0)
    os.close(tell)
    os.close(ends)
    try:
        *urls, home = os.read(told, 10_000).decode().split("\n")
        yield Servers(*urls, Path(home))
    finally:
        os.close(end)
        os.waitpid(pid, 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--lines")
    asked, to_pytest = parser.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    in_database = not asked.target.endswith(".py")
    with _servers() as servers:
        if in_database:
            every = list(sql.mutants(_definition(servers, asked.target)))
        else:
            every = list(python.mutants((ROOT / asked.target).read_text(encoding="utf-8")))
        _try(servers, asked.target, _chosen(every, asked), to_pytest, in_database=in_database)
    return 0


def _definition(servers: Servers, function: str) -> str:
    with psycopg.connect(servers.template_url) as there:
        found = there.execute("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = %s", (function,)).fetchall()
    ((text,),) = found
    return str(text)


def _chosen(every: list[Mutant], asked: argparse.Namespace) -> list[Mutant]:
    if asked.lines:
        low, high = (int(part) for part in asked.lines.split("-"))
        every = [one for one in every if low <= one.line <= high]
    if asked.sample and asked.sample < len(every):
        every = sorted(random.Random(1).sample(every, asked.sample), key=lambda one: one.line)
    return every


def _try(servers: Servers, path: str, every: list[Mutant], to_pytest: list[str], *, in_database: bool) -> None:
    loaded = servers.home / "loaded"
    assert _in_child(lambda: _noting(loaded, _run(servers, to_pytest))) == LIVES, "the tests fail without a mutant"
    _load(loaded.read_text().split(), None if in_database else _module_of(path))
    began = time.monotonic()
    assert _in_child(lambda: _run(servers, to_pytest)) == LIVES, "the tests do not pass twice"
    print(f"{path}: {len(every)} mutants, {time.monotonic() - began:.0f} s for all tests", flush=True)
    told = {LIVES: 0, INVALID: 0, SLOW: 0, 1: 0}
    try:
        for one in every:

            def attempt(one: Mutant = one) -> int:
                if in_database:
                    return _run(servers, to_pytest, function=one.source)
                sys.meta_path.insert(0, _Changed(path, one.source))
                return _run(servers, to_pytest)

            result = _in_child(attempt)
            told[result if result in told else 1] += 1
            if result in {LIVES, SLOW}:
                print(f"{'LIVES' if result == LIVES else 'SLOW'}  {path}:{one.line}  {one.what}", flush=True)
    finally:  # Also of one that is ended before: what was tried until then.
        counted = sum(told.values()) - told[INVALID]
        print(
            f"{path}: {counted - told[LIVES]} of {counted} noticed ({told[SLOW]} by never ending),"
            f" {told[INVALID]} that the server does not read, {time.monotonic() - began:.0f} s",
            flush=True,
        )


def _noting(loaded: Path, result: int) -> int:
    loaded.write_text("\n".join(sys.modules))
    return result


def _load(names: list[str], changed: str | None) -> None:
    """What the tests need and what does not need the changed module, loaded once for all children."""
    refusing = _Absent(changed)
    sys.meta_path.insert(0, refusing)
    for name in names:
        # pytest itself loads what it rewrites.
        if name != "__mp_main__" and not name.rpartition(".")[2].startswith(("test_", "conftest")):
            with suppress(Exception):
                importlib.import_module(name)
    sys.meta_path.remove(refusing)
    gc.freeze()  # or each child would look through all of this several times


class _Absent(importlib.abc.MetaPathFinder):
    """Lets nobody import one module: whoever needs it is not loaded either."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == self._name:
            raise ImportError(name)


def _module_of(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def _fewer_examples() -> None:
    """A mutant is found by a few examples or by none, and what fails here is nothing to be tried again."""
    from hypothesis import settings

    begin = settings.__init__

    def fewer(self: settings, parent: settings | None = None, **more: Any) -> None:
        if "max_examples" in more:
            more["max_examples"] = min(more["max_examples"], MAX_EXAMPLES)
        begin(self, parent, **{"derandomize": True, "database": None, **more})

    settings.__init__ = fewer


def _in_child(attempt: Callable[[], int]) -> int:
    """What pytest ended with there; a child that does not end is ended."""
    pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        quiet = os.open(os.devnull, os.O_WRONLY)
        if "STARKMATTER_MUTATION_LOUD" not in os.environ:
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
        result = 1
        try:
            result = attempt()
        finally:
            if sys.exc_info()[0]:
                traceback.print_exc()
            os._exit(result)
    until = time.monotonic() + SLOW_SECS
    ended, status = 0, 0
    try:
        while not ended and time.monotonic() < until:
            ended, status = os.waitpid(pid, os.WNOHANG)
            time.sleep(0.02)
    finally:
        _end_group(pid)
        if not ended:
            os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) if ended else SLOW


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _run(servers: Servers, to_pytest: list[str], *, function: str | None = None) -> int:
    """The tests on the servers that run already, with that function of the database when there is one."""
    from tests import engines

    _fewer_examples()
    admin = psycopg.connect(servers.superuser_url, autocommit=True)
    there = engines.TestEngines(servers.superuser_url, servers.template_url, servers.redis_url, servers.home, admin)
    engines.engines_for_tests = lambda: nullcontext(there)
    if function is None:
        return _pytest(to_pytest)
    name = f"mutant_{os.getpid()}"
    admin.execute(f"CREATE DATABASE {name} TEMPLATE {engines.TEMPLATE} OWNER starkmatter STRATEGY FILE_COPY")
    try:
        with psycopg.connect(there.database_url(name), autocommit=True) as changed:
            try:
                changed.execute(function)
            except psycopg.Error:
                return INVALID
        engines.create_database.__defaults__ = engines.fresh_database.__wrapped__.__defaults__ = (name,)
        return _pytest(to_pytest)
    finally:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _pytest(arguments: list[str]) -> int:
    return int(pytest.main(["-x", "-q", *ALONE, *arguments]))


class _Changed(importlib.machinery.SourceFileLoader):
    """Finds and loads the one module, changed; the others are found as always."""

    def __init__(self, path: str, source: str) -> None:
        super().__init__(_module_of(path), str(ROOT / path))
        self._source = source

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        return importlib.machinery.ModuleSpec(name, self, origin=self.path) if name == self.name else None

    def get_code(self, fullname: str) -> object:
        return compile(self._source, self.path, "exec")


if __name__ == "__main__":
    sys.exit(main())
