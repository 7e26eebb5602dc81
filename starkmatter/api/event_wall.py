"""Stands before Reflex's event socket: our own pages only, only messages of the form their script sends, and no floods.

Reflex answers a malformed message with a traceback in the log, and takes a browser's cookie from a socket without an
Origin. What is refused here closes the socket and is logged at most once a second, without its text.
"""

from typing import Any

import orjson
import structlog

from starkmatter.api.event_flood import Crowd, Seat
from starkmatter.api.wall import App, Message, Receive, Scope, Send
from starkmatter.ops.seldom import Seldom
from starkmatter.settings import Settings

EVENT_PATH = "/_event"
NAMESPACE = "/_event"
MAX_MESSAGE_CHARS = 65_536
MAX_NAME_CHARS = 200
MAX_ADDRESS_CHARS = 2_048
CLOSE_REFUSED = 1008
ADDRESS_FIELDS = ("pathname", "asPath")

log = structlog.get_logger("event wall")


_seldom = Seldom()


class EventWall:
    """An ASGI application in front of another, for the websocket at EVENT_PATH."""

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._origins = frozenset(settings.origins)
        self._crowd = Crowd(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not may_open(scope, self._origins):
            await _refuse(receive, send)
            return
        seat = await self._crowd.enter(scope)
        if seat is None:
            _note("too many sockets")
            await _refuse(receive, send)
            return
        try:
            await self._hold(seat, scope, receive, send)
        finally:
            self._crowd.leave(seat)

    async def _hold(self, seat: Seat, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through what is well formed and not too much, until the socket is closed."""
        refused = False

        async def checked_receive() -> Message:
            nonlocal refused
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            why = await _objection(seat, message.get("text"))
            if why is not None:
                refused = True
                _note(why)
                await send({"type": "websocket.close", "code": CLOSE_REFUSED})
                return {"type": "websocket.disconnect", "code": CLOSE_REFUSED}
            return message

        async def open_send(message: Message) -> None:
            if not refused:
                await send(message)

        await self._app(scope, checked_receive, open_send)


async def _refuse(receive: Receive, send: Send) -> None:
    await receive()  # websocket.connect
    await send({"type": "websocket.close", "code": CLOSE_REFUSED})


async def _objection(seat: Seat, text: str | None) -> str | None:
    """Why this message closes the socket; None when it may pass. Waits when it is one too many."""
    if not is_well_formed(text):
        return "malformed message"
    return None if await seat.may_send() else "too many events"


def may_open(scope: Scope, origins: frozenset[str]) -> bool:
    """An Origin must be one of ours exactly; a program without one may come, but not with a browser's cookie."""
    given = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"origin"]
    if not given:
        return not any(name.lower() == b"cookie" for name, _ in scope["headers"])
    return len(given) == 1 and given[0] in origins


def is_well_formed(text: str | None) -> bool:
    """Whether this is a message that Reflex's own client may send: a ping's answer, connect, leave, or one event."""
    if text in {"1", "2", "3", f"41{NAMESPACE},"}:
        return True
    if text is None or len(text) > MAX_MESSAGE_CHARS:
        return False
    kind, comma, body = text.partition(",")
    if not comma or kind not in {f"40{NAMESPACE}", f"42{NAMESPACE}"}:
        return False
    if kind.startswith("40") and not body:
        return True
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return _is_hello(said) if kind.startswith("40") else _is_packet(said)


def _is_hello(said: Any) -> bool:
    return isinstance(said, dict) and (said.get("event") is None or _is_event(said["event"]))


def _is_packet(said: Any) -> bool:
    match said:
        case ["event", event]:
            return _is_event(event)
        case ["ping"] | ["ping", None]:
            return True
        case ["client_error", dict()]:
            return True
    return False


def _is_event(event: Any) -> bool:
    if not isinstance(event, dict):
        return False
    name, payload, router = event.get("name"), event.get("payload", {}), event.get("router_data", {})
    if not (isinstance(name, str) and 0 < len(name) <= MAX_NAME_CHARS and isinstance(payload, dict)):
        return False
    return isinstance(router, dict) and _is_address(router)


def _is_address(router: dict[str, Any]) -> bool:
    texts = [router[field] for field in ADDRESS_FIELDS if field in router]
    if not all(isinstance(text, str) and len(text) <= MAX_ADDRESS_CHARS for text in texts):
        return False
    query = router.get("query", {})
    return isinstance(query, dict) and all(_is_text(value) for value in query.values())


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _note(why: str) -> None:
    held_back = _seldom.take()
    if held_back is not None:
        log.warning("event socket closed", why=why, more_like_it=held_back)
