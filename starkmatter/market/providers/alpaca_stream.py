"""Alpaca's stream of stock prices, by the SDK's own client: made strict, read to its end, closed."""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.sdk import load
from starkmatter.market.providers.alpaca_rest import SDK, VENDOR, garbage

if TYPE_CHECKING:
    from alpaca.data.live.stock import StockDataStream

PING_SECS, PONG_SECS, AUTH_SECS, CLOSE_SECS = 10, 20, 10.0, 1.0


def make_stream(keys: Mapping[str, str], url: str, subscribed: asyncio.Event, *, mute_secs: float) -> "StockDataStream":
    """A client that is not connected yet; it sets `subscribed` when the vendor confirms. Blocks: loads the SDK."""
    load(*SDK)
    from alpaca.data.live.stock import StockDataStream

    logging.getLogger("alpaca").setLevel(logging.CRITICAL + 1)

    class Strict(StockDataStream):
        """Says so when the vendor refuses something after the greeting; the SDK only logs it."""

        async def _dispatch(self, msg: dict[Any, Any]) -> None:
            if msg.get("T") == "error":
                raise ValueError(f"{msg.get('code')} {msg.get('msg')}")
            if msg.get("T") == "subscription":
                subscribed.set()
            await super()._dispatch(msg)

    return Strict(
        keys["key_id"],
        keys["secret"],
        raw_data=True,
        url_override=url,
        websocket_params={"ping_interval": PING_SECS, "ping_timeout": PONG_SECS, "max_queue": 1024},
        data_timeout=mute_secs,
    )


async def consume(stream: "StockDataStream") -> None:
    """Connect and read until the stream ends; returns when it was mute for too long."""
    from msgpack.exceptions import ExtraData, UnpackException
    from websockets.exceptions import WebSocketException

    try:
        async with asyncio.timeout(AUTH_SECS):
            await stream._start_ws()
            await stream._send_subscribe_msg()
        await stream._consume()
    except (ExtraData, UnpackException):
        raise garbage("messages") from None
    except ValueError as error:
        raise _refusal(str(error)) from None
    except (TimeoutError, OSError, WebSocketException) as error:
        words = f"The stream of {VENDOR} was lost ({type(error).__name__})."
        raise VendorFailure(VENDOR, "unreachable", words) from None
    except (KeyError, TypeError, AttributeError, IndexError):
        raise garbage("stream") from None


def _refusal(words: str) -> VendorFailure:
    """What an error on the stream means: 402 and 406 as Alpaca's documentation numbers them."""
    if "connection limit" in words or "406" in words:
        return VendorFailure(VENDOR, "refused", f"{VENDOR}: another program uses this key's only stream.")
    if "symbol limit" in words or "405" in words:
        return VendorFailure(VENDOR, "refused", f"{VENDOR}: this plan streams fewer symbols.")
    return VendorFailure(VENDOR, "refused", f"{VENDOR} does not accept these keys or this feed for its stream.")


async def close(stream: "StockDataStream") -> None:
    """End the connection, or leave it to the system when the vendor does not answer."""
    from websockets.exceptions import WebSocketException

    try:
        async with asyncio.timeout(CLOSE_SECS):
            await stream.close()
    except (TimeoutError, OSError, WebSocketException):
        return
