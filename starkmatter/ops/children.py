"""Starts child processes that never outlive the process which started them."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starkmatter.ops.accounts import Account

PR_SET_PDEATHSIG = 1
PARENT_POLL_SECS = 1.0
STOP_SECS = 8.0

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Command:
    """One child: what to run, as whom, and which signal asks it to stop; `verb`, when it is `starkmatter VERB`."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    keep_fds: tuple[int, ...] = field(default=())
    own_group: bool = True
    verb: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """The keyword arguments for subprocess.Popen or asyncio.create_subprocess_exec."""
        options: dict[str, Any] = {
            "env": dict(self.env),
            "cwd": self.cwd,
            "stdin": subprocess.DEVNULL,
            "start_new_session": self.own_group,
            "pass_fds": self.keep_fds,
            "preexec_fn": death_with_parent(self.stop_signal),
        }
        if self.account is not None:
            options |= {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        return options


def start(command: Command, **pipes: Any) -> "subprocess.Popen[bytes]":
    """Start `command`; the kernel ends it when this process ends, however that happens (Linux)."""
    return subprocess.Popen(command.argv, **command.options(), **pipes)  # noqa: S603 - our own argv


def stop(process: "subprocess.Popen[bytes]", stop_signal: signal.Signals, *, within_secs: float = STOP_SECS) -> int:
    """Ask the process to stop, insist after `within_secs`; its exit code."""
    if process.poll() is None:
        process.send_signal(stop_signal)
    try:
        return process.wait(within_secs)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def death_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """For a child of this process to call: the kernel sends it the signal when we end. None where there is no such."""
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(stop_signal))
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def end_group_on_sigterm() -> None:
    """For a child that leads its own group: SIGTERM ends everything it has started, builders included."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, lambda _number, _frame: os.killpg(0, signal.SIGKILL))


def die_with_parent() -> None:
    """For our own Python children where the kernel has no such promise (macOS): leave when the parent is gone."""
    if _libc is not None:
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL_SECS)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
