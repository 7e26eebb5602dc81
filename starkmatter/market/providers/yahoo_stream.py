"""The stream of Yahoo Finance through yfinance's client: protobuf in base64 in JSON, told of as trades.

The SDK subscribes and decodes; the connection, its limits and its end are ours. An address has no key in it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from starkmatter.domain.pairs import DOLLAR, pair_of
from starkmatter.market.ports import OnQuotes, Quotes
from starkmatter.market.providers.figures import NAN, NEVER, WRITTEN, instant, number, price, touch
from starkmatter.market.providers.sockets import Socket, open_socket, streamed
from starkmatter.market.providers.tape import Tape

BEAT_SECS = 15.0
STREAM_SYMBOLS = 100


class SdkSocket:
    """The SDK's client on a connection of ours; `make` awaits the connection."""

    def __init__(self, sdk: Any) -> None:
        self.sdk = sdk

    @classmethod
    async def make(cls, address: str) -> "SdkSocket":
        """Connected."""
        import yfinance

        sdk = yfinance.AsyncWebSocket(url=address, verbose=False)
        sdk._ws = await open_socket(address)
        sdk._heartbeat_task = asyncio.get_running_loop().create_future()  # its own would fail unseen
        return cls(sdk)

    async def send(self, message: str) -> None:
        """Subscribe to these symbols, divided by commas; again is a sign of life."""
        await self.sdk.subscribe(message.split(","))

    async def recv(self) -> str | bytes:
        """The next frame."""
        frame: str | bytes = await self.sdk._ws.recv()
        return frame

    async def close(self) -> None:
        """Let go."""
        await self.sdk._ws.close()


async def stream_until_lost(
    vendor: str,
    url: str,
    symbols: Mapping[str, str],
    *,
    ask: Callable[[], Awaitable[Quotes]],
    on_quotes: OnQuotes,
    mute_secs: float,
) -> None:
    """Until the connection ends, which is a VendorFailure; see the port. `symbols`: theirs and ours."""
    tape = Tape()
    sockets: list[SdkSocket] = []

    async def opened(address: str) -> SdkSocket:
        sockets.append(await SdkSocket.make(address))
        return sockets[0]

    async def begin(socket: Socket) -> None:
        await socket.send(",".join(symbols))

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_SECS)
            await sockets[0].send(",".join(symbols))

    def take(raw: bytes) -> None:
        _take(tape, symbols, _decoded(sockets[0].sdk, raw))

    await streamed(
        vendor,
        url,
        begin=begin,
        take=take,
        ask=ask,
        tape=tape,
        on_quotes=on_quotes,
        mute_secs=mute_secs,
        opened=opened,
        beat=beat,
    )


def _decoded(sdk: Any, raw: bytes) -> Mapping[str, Any]:
    from google.protobuf.message import DecodeError

    envelope = orjson.loads(raw)
    try:
        found: Mapping[str, Any] = sdk._decode_message(envelope["message"])
    except DecodeError as error:
        raise ValueError(str(error)) from None
    return found


def _take(tape: Tape, symbols: Mapping[str, str], fields: Mapping[str, Any]) -> None:
    symbol = symbols.get(str(fields.get("id")))
    if symbol is None:
        return
    pair = pair_of(symbol)
    if fields.get("currency", "") not in {pair.quote if pair is not None else DOLLAR, ""}:
        return  # A subscription of before, or one of the same name elsewhere.
    at = _whole(fields.get("time"))
    observed_at = NEVER if at is None or at != at else instant(int(at), 1_000)
    last = price(number(fields.get("price")))
    best = touch(number(fields.get("bid")), number(fields.get("ask")))
    if best[0] is not None:
        tape.take_touch(symbol, observed_at, best, (_whole(fields.get("bid_size")), _whole(fields.get("ask_size"))))
    volume = _whole(fields.get("day_volume")) if pair is None else None
    tape.take_trade(symbol, observed_at, last, volume=volume, alone=best[0] is None)


def _whole(value: Any) -> Any:
    """A whole number, which protobuf's JSON writes as text."""
    if value is None:
        return None
    return number(int(value)) if isinstance(value, str) and WRITTEN.fullmatch(value) and "." not in value else NAN
