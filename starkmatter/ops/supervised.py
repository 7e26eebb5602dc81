"""One process under supervision: its life, how it is asked whether it is ready, and ended."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from redis.exceptions import RedisError

from starkmatter.errors import ConfigError
from starkmatter.ops.children import Command
from starkmatter.ops.forks import Forked

Process = asyncio.subprocess.Process | Forked


class Phase(Enum):
    """Where one child is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPED = "stopped"


@dataclass(eq=False)
class Child:
    """One supervised process and how to tell that it is ready."""

    name: str
    command: Callable[[], Command]
    ready: Callable[[], Awaitable[bool]]
    before_restart: Callable[[], None] | None = None
    phase: Phase = Phase.STOPPED
    process: Process | None = None
    became_ready: asyncio.Event = field(default_factory=asyncio.Event)


async def is_ready(child: Child) -> bool:
    """Whether it says so; a part that cannot be asked is not."""
    try:
        return await child.ready()
    except (RedisError, OSError, TimeoutError):
        return False


async def ready_within(child: Child, secs: float) -> None:
    """Wait until it is; ConfigError when it takes longer."""
    try:
        await asyncio.wait_for(child.became_ready.wait(), secs)
    except TimeoutError:
        raise ConfigError(f"{child.name} did not become ready within {secs:.0f} s: see the lines above.") from None


def in_thread(check: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    """A check that blocks, as one that does not."""

    async def checked() -> bool:
        return await asyncio.to_thread(check)

    return checked


def send_signal(process: Process | None, number: signal.Signals) -> None:
    """Send a signal; the one that cannot be refused goes to whatever the child has started as well."""
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
