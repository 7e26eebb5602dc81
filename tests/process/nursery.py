"""Starts `starkmatter` processes that have their imports behind them: a process forks itself for each one asked for.

What runs in the child is the command itself, in a process of its own with its own environment, files and signals; only
the two seconds of importing are saved, which is most of a test that kills a worker thirty times.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

from starkmatter.version import ROOT_DIR

PRELOADED = (
    "starkmatter.cli",
    "starkmatter.jobs.worker",
    "alpaca.trading.client",
    "alpaca.trading.stream",
    "alpaca.trading.requests",
    "authlib.integrations.httpx_client",
    "tests.process.doomed",
)


class Child:
    """One process; what `subprocess.Popen` offers of it."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery, self.pid = nursery, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.ask(poll=self.pid)
        return self.returncode

    def wait(self, secs: float = 30.0) -> int:
        ends_at = time.monotonic() + secs
        while (code := self.poll()) is None:
            if time.monotonic() > ends_at:
                raise subprocess.TimeoutExpired("starkmatter", secs)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if self.poll() is None:
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that forks, seen from the tests. It ends, with whatever it started, when the tests do."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.process.nursery"],
            cwd=ROOT_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._asking = Lock()
        atexit.register(self._process.kill)

    def ask(self, **question: Any) -> int | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._asking:  # stand-ins kill from threads of their own
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        return None if answer is None else int(answer)

    def start(self, verb: str, environment: Mapping[str, str], log: Path) -> Child:
        """`starkmatter VERB`, or `main` of the module of that name, with exactly this environment; it tells `log`."""
        pid = self.ask(start=verb, environment=dict(environment), log=str(log))
        assert pid is not None
        return Child(self, pid)


def _serve() -> None:
    """Answer questions until the tests hang up."""
    for name in PRELOADED:
        import_module(name)
    questions, answers = sys.stdin.buffer, os.dup(1)
    os.dup2(2, 1)
    ended: dict[int, int] = {}
    started: set[int] = set()
    while line := questions.readline():
        question = json.loads(line)
        if "poll" in question:
            _reap(started, ended)
            answer = ended.get(question["poll"])
        else:
            answer = _fork(question, answers)
            started.add(answer)
        os.write(answers, json.dumps(answer).encode() + b"\n")
    _reap(started, ended)
    for pid in started:
        os.kill(pid, signal.SIGKILL)


def _reap(started: set[int], ended: dict[int, int]) -> None:
    for pid in tuple(started):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended[pid] = os.waitstatus_to_exitcode(status)
            started.discard(pid)


def _fork(question: dict[str, Any], answers: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.close(answers)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = os.open(question["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.clear()
        os.environ.update(question["environment"])
        program = question["start"]
        sys.argv = ["starkmatter", program]
        import_module(program if program.startswith("tests.") else "starkmatter.cli").main()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except Exception:  # noqa: BLE001 - its last words go to its log, as they would without us
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
