"""One socket that sends events as fast as it can, and a person who works meanwhile."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from websockets.exceptions import ConnectionClosed

from tests.security.wire import HYDRATE, wire

EVENTS_PER_SEC = 5_000
# While a server gets little of a processor it reads more slowly than a page may send: nobody is over the rate then.
LONGEST_SECS = 90.0
WORK = 20


def flood(port: int, cookie: str, tell: Callable[[str, float], None]) -> None:
    """Flood `port` until its socket is closed, while the person behind `cookie` sends twenty events one by one.

    Tells "answered" (how many of the twenty), "sent" (how many of the flood) and "closed" (after how many seconds). It
    runs in a thread of its own, since a browser may be open in this one.
    """
    thread = threading.Thread(target=lambda: asyncio.run(_flood(port, cookie, tell)))
    thread.start()
    thread.join()


async def _flood(port: int, cookie: str, tell: Callable[[str, float], None]) -> None:
    product: Any = SimpleNamespace(instance=SimpleNamespace(port=port), origin=f"http://127.0.0.1:{port}")
    person: Any = SimpleNamespace(cookie=cookie)
    async with wire(product, token=str(uuid4())) as attacker, wire(product, person, token=str(uuid4())) as worker:
        attack = asyncio.create_task(_attack(attacker, tell))
        answered = 0
        for _ in range(WORK):
            await worker.settled(secs=LONGEST_SECS)
            answered += 1
        tell("answered", answered)
        await attack


async def _attack(attacker: Any, tell: Callable[[str, float], None]) -> None:
    began, sent = time.monotonic(), 0
    with suppress(ConnectionClosed, TimeoutError):
        while not attacker.closed and time.monotonic() < began + LONGEST_SECS:
            due = int((time.monotonic() - began) * EVENTS_PER_SEC)
            while sent < due:
                await asyncio.wait_for(attacker.call(HYDRATE), 1.0)
                sent += 1
            await asyncio.sleep(0.002)
    await attacker.ended(LONGEST_SECS)
    tell("sent", sent)
    tell("closed", time.monotonic() - began)
