"""One process under supervision: its life, how it is held and let go, asked whether it is ready, and ended."""

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
from starkmatter.ops.held import LET_GO


class Phase(Enum):
    """Where one child is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPED = "stopped"


@dataclass(eq=False)
class Child:
    """One supervised process and how to tell that it is ready. Until `may_work` is set it only gets itself loaded."""

    name: str
    command: Callable[[], Command]
    ready: Callable[[], Awaitable[bool]]
    before_restart: Callable[[], None] | None = None
    phase: Phase = Phase.STOPPED
    process: asyncio.subprocess.Process | None = None
    became_ready: asyncio.Event = field(default_factory=asyncio.Event)
    may_work: asyncio.Event | None = None


async def let_go(child: Child, process: asyncio.subprocess.Process) -> None:
    """Tell a held process to begin, once it may."""
    assert child.may_work is not None
    assert process.stdin is not None
    await child.may_work.wait()
    with contextlib.suppress(OSError):  # it has crashed meanwhile; the next one is not held
        process.stdin.write(LET_GO)
        await process.stdin.drain()
        process.stdin.close()


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


def send_signal(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    """Send a signal; the one that cannot be refused goes to whatever the child has started as well."""
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
