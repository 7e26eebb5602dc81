"""A real instance of the product for tests: its own home and port, its output kept, its processes counted."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from starkmatter.version import ROOT_DIR

PAGE_SECS = 180
STOP_SECS = 10


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, port: int, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A clean environment: what the tester has set must not reach the product."""
    ours = ("STARKMATTER_", "DATABASE_URL", "REDIS_URL", "REFLEX_", "__REFLEX_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "STARKMATTER_HOME": str(home), "STARKMATTER_PORT": str(port), **(more or {})}


def starkmatter(*verb: str, home: Path, port: int = 0, more: Mapping[str, str] | None = None) -> Any:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "starkmatter", *verb],
        env=environment(home, port or free_port(), more),
        cwd=ROOT_DIR,
        capture_output=True,
        text=True,
        timeout=PAGE_SECS,
    )


class Instance:
    """`starkmatter run`, observed from outside."""

    def __init__(
        self,
        home: Path,
        log: Path,
        *,
        python: str = sys.executable,
        more: Mapping[str, str] | None = None,
        uid: int | None = None,
        gid: int | None = None,
        root: Path = ROOT_DIR,
    ) -> None:
        self.home, self.port, self.log = home, free_port(), log
        self.environment = environment(home, self.port, {"STARKMATTER_LOG_FORMAT": "json", **(more or {})})
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [python, "-m", "starkmatter", "run"],
                env=self.environment,
                cwd=root,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=uid,
                group=gid,
                extra_groups=None if uid is None else [],
            )

    def get(self, path: str) -> int:
        """The status of GET `path`, 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def wait_for_page(self, within_secs: float = PAGE_SECS) -> None:
        self.wait(lambda: self.get("/") == 200, "the first page", within_secs)

    def wait_until_ready(self) -> None:
        """Until `run` has said so: every child is up and the set-up link is printed."""
        self.wait(lambda: "is ready at" in self.text and self.child("worker") is not None, "readiness", PAGE_SECS)

    def wait(self, done: Any, what: str, within_secs: float = 30.0) -> None:
        deadline = time.monotonic() + within_secs
        while not done():
            if self.process.poll() is not None:
                raise AssertionError(f"run ended with {self.process.returncode} before {what}:\n{self.text}")
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} within {within_secs} s:\n{self.text}")
            time.sleep(0.05)

    @property
    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    def processes(self) -> list[psutil.Process]:
        """The supervisor and everything below it."""
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def child(self, name: str) -> psutil.Process | None:
        """The supervisor's child of that name, started by itself or by its fork server, or None while it is down."""
        marks = {
            "postgres": "bin/postgres",
            "valkey": "valkey-server",
            "worker": "worker",
            "web": "web",
            "forkserver": "starkmatter.ops.forkserver",
        }
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                command = process.cmdline()
            except psutil.Error:
                continue
            if any(part == marks[name] or part.endswith(marks[name]) for part in command):
                return process
        return None

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_SECS)

    def end(self) -> None:
        """Whatever happens, leave nothing behind."""
        left = self.processes()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for process in left:
            if process.is_running():
                process.kill()


@contextmanager
def running_instance(home: Path, log: Path, **options: Any) -> Iterator[Instance]:
    instance = Instance(home, log, **options)
    try:
        yield instance
    finally:
        instance.end()
