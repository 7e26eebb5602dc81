"""How many reports are made at a time: making one costs more than most of what is asked of the web process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

from starkmatter.errors import Unavailable

MAX_WAITING = 8
Who = Literal["person", "visitor"]
AT_ONCE: dict[Who, int] = {"person": 2, "visitor": 1}


@dataclass(slots=True)
class _Gate:
    """How many of one kind of askers have a report made at this moment, or wait for it."""

    free: asyncio.Semaphore
    inside: int = 0


_gates: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Who, _Gate]]" = WeakKeyDictionary()


@asynccontextmanager
async def one_of_few(who: Who = "person") -> AsyncIterator[None]:
    """Reports are made two at a time in a process, for visitors with a link one at a time; a few more wait.

    Unavailable for those beyond. Visitors wait for one another only.
    """
    gates = _gates.setdefault(asyncio.get_running_loop(), {})
    gate = gates.setdefault(who, _Gate(asyncio.Semaphore(AT_ONCE[who])))
    if gate.inside >= AT_ONCE[who] + MAX_WAITING:
        raise Unavailable("Too many reports are being made at this moment. Try again in a few seconds.")
    gate.inside += 1
    try:
        async with gate.free:
            yield
    finally:
        gate.inside -= 1
