"""Keeps one WebSocket of a vendor: begins it, reads it with limits, tells of what changes, and says how it ended."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from starkmatter.egress.excerpt import excerpt_of
from starkmatter.egress.failures import VendorFailure
from starkmatter.market.ports import OnQuotes, Quotes
from starkmatter.market.providers.tape import Tape

OPEN_SECS = 5.0
PING_SECS, PONG_SECS = 10.0, 20.0
MAX_MESSAGE_BYTES = 1_000_000
QUEUE = 256
NO_MESSAGE = "{} sent something on its stream that is no message."


class Socket(Protocol):
    """What is needed of a connection."""

    async def send(self, message: str) -> None: ...
    async def recv(self) -> str | bytes: ...
    async def close(self) -> None: ...


LOST = (OSError, TimeoutError, EOFError, WebSocketException)
# A key may be in the address or in what is sent: nothing of ours lets that library tell of it. This logger belongs to
# no tree, so that nobody who sets up logging sets it up as well.
quiet = logging.Logger("starkmatter.sockets", logging.CRITICAL + 1)
quiet.addHandler(logging.NullHandler())
quiet.propagate = False


async def open_socket(address: str) -> Any:
    """A connection with our limits, without the environment's proxies."""
    from websockets.asyncio.client import connect

    return await connect(
        address,
        proxy=None,
        open_timeout=OPEN_SECS,
        close_timeout=1.0,
        ping_interval=PING_SECS,
        ping_timeout=PONG_SECS,
        max_size=MAX_MESSAGE_BYTES,
        max_queue=QUEUE,
        logger=quiet,
    )


async def streamed(
    vendor: str,
    address: str,
    *,
    begin: Callable[[Socket], Awaitable[None]],
    take: Callable[[bytes], None],
    ask: Callable[[], Awaitable[Quotes]],
    tape: Tape,
    on_quotes: OnQuotes,
    mute_secs: float,
    opened: Callable[[str], Awaitable[Any]] = open_socket,
    beat: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Connect, `begin`, then `take` every message until the connection ends, which is a VendorFailure.

    Once it has begun, what is known is asked for with `ask`.
    `beat` runs beside it, to keep the connection alive. `take` raises VendorFailure for what ends the stream;
    ValueError, TypeError and the like for what it cannot read.
    """
    try:
        socket = await opened(address)
    except LOST as error:
        raise failure_of(vendor, error) from None

    async def read() -> None:
        with suppress(ConnectionClosed):  # why it was closed may be among what is still to be read
            await begin(socket)
        while True:
            async with asyncio.timeout(mute_secs):
                raw = await socket.recv()
            message = raw.encode() if isinstance(raw, str) else raw
            try:
                take(message)
            except (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError):
                words = NO_MESSAGE.format(vendor)
                raise VendorFailure(vendor, "garbage", words, excerpt=excerpt_of(message)) from None

    async def tell() -> None:
        tape.know(await ask())
        await tape.tell(on_quotes)

    try:
        await first_to_end(vendor, read(), tell(), *([beat()] if beat is not None else []))
    finally:
        await closed(socket)


async def first_to_end(vendor: str, *works: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends: its failure, or that the stream was lost."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                try:
                    task.result()
                except LOST as error:
                    raise failure_of(vendor, error) from None
        raise VendorFailure(vendor, "unreachable", f"The stream of {vendor} has ended.")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def failure_of(vendor: str, error: Exception) -> VendorFailure:
    """What the end of a connection means."""
    if isinstance(error, InvalidStatus) and error.response.status_code in {401, 402, 403}:
        return VendorFailure(vendor, "refused", f"{vendor} does not accept this key for its stream.")
    if isinstance(error, InvalidStatus) and error.response.status_code == 429:
        return VendorFailure(vendor, "refused", f"{vendor} has too many streams of this key already.")
    if isinstance(error, TimeoutError):
        return VendorFailure(vendor, "unreachable", f"The stream of {vendor} was mute.")
    return VendorFailure(vendor, "unreachable", f"The stream of {vendor} was lost ({type(error).__name__}).")


async def closed(socket: Any) -> None:
    """Close it within a moment."""
    with suppress(*LOST):
        async with asyncio.timeout(1.0):
            await socket.close()
