"""Reflex's event socket spoken by hand, as an attacker would: engine.io frames over a websocket, no browser."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.security.product import Person, Product

ROOT = "reflex___state____state"
HYDRATE = f"{ROOT}.hydrate"
ANSWER_SECS = 15.0


class Wire:
    """One socket: everything it received is in `frames`."""

    def __init__(self, socket: ClientConnection, token: str) -> None:
        self.token = token
        self.frames: list[str] = []
        self._socket = socket
        self._heard = asyncio.Condition()
        self._listener = asyncio.create_task(self._listen())
        self.closed = False
        self._settled = 0

    async def _listen(self) -> None:
        try:
            async for frame in self._socket:
                text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
                if text == "2":
                    await self._socket.send("3")
                    continue
                async with self._heard:
                    self.frames.append(text)
                    self._heard.notify_all()
        except ConnectionClosed:
            pass
        finally:
            self.closed = True
            async with self._heard:
                self._heard.notify_all()

    async def say(self, text: str) -> None:
        await self._socket.send(text)

    async def call(self, name: str, payload: Any = None, path: str = "/", **more: Any) -> None:
        """Send one event and do not wait."""
        event = {"name": name, "payload": {} if payload is None else payload, **more}
        event.setdefault("router_data", {"pathname": path, "asPath": path, "query": {}})
        await self.say("42/_event," + json.dumps(["event", event]))

    async def until(self, wanted: Callable[[str], bool], what: str, secs: float = ANSWER_SECS) -> None:
        """Until a frame is `wanted`, or the socket is closed. Each frame is looked at once: there are thousands."""
        looked_at = 0

        def found() -> bool:
            nonlocal looked_at
            while looked_at < len(self.frames):
                if wanted(self.frames[looked_at]):
                    return True
                looked_at += 1
            return False

        async with self._heard:
            try:
                await asyncio.wait_for(self._heard.wait_for(lambda: found() or self.closed), secs)
            except TimeoutError:
                raise AssertionError(f"no {what} within {secs} s; {len(self.frames)} frames") from None
        assert found(), f"the socket was closed before {what}"

    async def settled(self, secs: float = ANSWER_SECS) -> list[str]:
        """Until everything sent so far has been worked off: events of one tab run in order, and hydrate answers."""
        self._settled += 1
        address = f"/?settled={self._settled}-"
        await self.call(HYDRATE, router_data={"pathname": "/", "asPath": address, "query": {}})
        await self.until(lambda frame: _is_hydration(frame) and address in frame, "an answer", secs)
        return self.frames

    async def settled_twice(self, secs: float = ANSWER_SECS) -> list[str]:
        """The same, and what the handlers themselves queued has run as well."""
        await self.settled(secs)
        return await self.settled()

    async def state(self) -> dict[str, Any]:
        """The whole state of this tab, as the server sees it."""
        await self.settled()
        full = next(frame for frame in reversed(self.frames) if _is_hydration(frame))
        return dict(json.loads(full[full.index("[") :])[1]["delta"])

    async def ended(self, secs: float = ANSWER_SECS) -> None:
        """Until the server has closed the socket."""
        await asyncio.wait_for(asyncio.shield(self._listener), secs)

    async def end(self) -> None:
        await self._socket.close()
        await self._listener


def _is_hydration(frame: str) -> bool:
    return frame.startswith("42/_event") and f'"{ROOT}":' in frame and "starkmatter___ui___state___frame" in frame


def event_url(product: Product, token: str) -> str:
    return f"ws://127.0.0.1:{product.instance.port}/_event/?token={token}&EIO=4&transport=websocket"


@asynccontextmanager
async def wire(
    product: Product, person: Person | None = None, *, token: str | None = None, origin: str | None = ""
) -> AsyncIterator[Wire]:
    """An open, linked socket with that person's cookie. `origin=None` sends none, "" sends our own."""
    token = token or str(uuid4())
    headers = {"cookie": person.cookie} if person else {}
    asked = (origin or product.origin) if origin is not None else None
    async with connect(
        event_url(product, token), additional_headers=headers, origin=asked, max_size=None, proxy=None
    ) as socket:
        opened = Wire(socket, token)
        try:
            await opened.until(lambda frame: frame.startswith("0"), "the engine's hello")
            await opened.say("40/_event,")
            await opened.until(lambda frame: frame.startswith("40/_event"), "the namespace")
            yield opened
        finally:
            await opened.end()
