"""The stream of Massive through its SDK's client: trades and quotes as they happen, with our time limits around it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from starkmatter.egress.excerpt import excerpt_of
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.sdk import load
from starkmatter.market.ports import OnQuotes, Quotes
from starkmatter.market.providers.figures import instant, number, price, touch
from starkmatter.market.providers.sockets import (
    MAX_MESSAGE_BYTES,
    NO_MESSAGE,
    PING_SECS,
    PONG_SECS,
    QUEUE,
    first_to_end,
    quiet,
)
from starkmatter.market.providers.tape import Tape

BEGIN_SECS = 6.0
TOO_MANY = frozenset({"max_connections", "force_disconnect"})
GOOD = frozenset({"connected", "auth_success", "success"})


async def stream_until_lost(
    vendor: str,
    key: str,
    url: str,
    symbols: Sequence[str],
    tape: Tape,
    *,
    ask: Callable[[], Awaitable[Quotes]],
    on_quotes: OnQuotes,
    mute_secs: float,
) -> None:
    """Until the connection ends, which is a VendorFailure; see the port."""
    await asyncio.to_thread(load, "massive")
    from massive import WebSocketClient
    from massive.exceptions import AuthError

    heard = asyncio.Event()
    begun = asyncio.Event()

    class Ears:
        """Reads for the SDK, which would only log it, when the vendor says no."""

        dumps = staticmethod(lambda value: orjson.dumps(value).decode())

        @staticmethod
        def loads(raw: str | bytes) -> list[dict[str, Any]]:
            messages = _messages(vendor, raw)
            for message in messages:
                _refuse(vendor, message)
            return messages

    async def take(raw: Any) -> None:
        heard.set()
        for message in _messages(vendor, raw):
            _refuse(vendor, message)
            _take(tape, message)
            if message.get("ev") == "status" and message.get("status") == "success":
                begun.set()

    there = urlsplit(url)
    client = WebSocketClient(
        key,
        feed=there.netloc + there.path.rstrip("/"),
        market="stocks",
        raw=True,
        secure=there.scheme == "wss",
        subscriptions=[f"{kind}.{symbol}" for symbol in symbols for kind in ("T", "Q")],
        max_reconnects=0,
        custom_json=Ears,
    )

    async def listen() -> None:
        try:
            await client.connect(
                take,
                proxy=None,
                ping_interval=PING_SECS,
                ping_timeout=PONG_SECS,
                max_size=MAX_MESSAGE_BYTES,
                max_queue=QUEUE,
                logger=quiet,
            )
        except AuthError:
            raise VendorFailure(vendor, "refused", f"{vendor} does not accept this key for its stream.") from None
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError):
            raise VendorFailure(vendor, "garbage", NO_MESSAGE.format(vendor)) from None

    async def watch() -> None:
        """The SDK tries a dead address for ever, and waits for ever on a mute one."""
        async with asyncio.timeout(BEGIN_SECS):
            await begun.wait()
        while True:
            heard.clear()
            async with asyncio.timeout(mute_secs):
                await heard.wait()

    async def tell() -> None:
        await begun.wait()
        tape.know(await ask())
        await tape.tell(on_quotes)

    try:
        await first_to_end(vendor, listen(), watch(), tell())
    finally:
        if client.websocket is not None:
            await client.close()


def _messages(vendor: str, raw: str | bytes) -> list[dict[str, Any]]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise VendorFailure(vendor, "garbage", NO_MESSAGE.format(vendor), excerpt=excerpt_of(raw))
    return found


def _refuse(vendor: str, message: Mapping[str, Any]) -> None:
    """VendorFailure when the message says that this stream will not be."""
    status = message.get("status")
    if message.get("ev") != "status" or status in GOOD or status == "auth_failed":
        return  # The SDK itself ends at a key that is not accepted.
    if status in TOO_MANY:
        raise VendorFailure(vendor, "refused", f"{vendor}: another program uses this key's only stream.")
    raise VendorFailure(vendor, "refused", f"{vendor} does not include this stream in the plan.")


def _take(tape: Tape, message: Mapping[str, Any]) -> None:
    symbol, at = str(message.get("sym")), instant(message.get("t"), 1_000)
    if message.get("ev") == "T":
        tape.take_trade(symbol, at, price(number(message.get("p"))), number(message.get("s")))
    elif message.get("ev") == "Q":
        lots = [number(message.get(name)) for name in ("bs", "as")]
        sizes = tuple(None if one is None else one * 100 for one in lots)
        best = touch(number(message.get("bp")), number(message.get("ap")))
        tape.take_touch(symbol, at, best, (sizes[0], sizes[1]))
