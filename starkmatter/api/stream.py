"""The live socket `/api/v1/stream`: who may open it, what they may ask, and when it ends. Protocol: docs/stream.md.

Pure ASGI, outside every middleware. A bearer token, or Origin and cookie, and the caps are checked before the socket
is accepted; a session or token that ends closes its sockets within a second.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson
import structlog

from starkmatter.domain.quotes import INTERVALS, Venue
from starkmatter.errors import NotAllowed, NotSignedIn, StarkMatterError
from starkmatter.market.hub import USER_CHANNELS, Hub
from starkmatter.market.stream_client import CLOSE_UNAUTHORIZED, KINDS, VENUES, HubClient, Kind, Send, Topic

MAX_SYMBOLS = 200
MAX_SYMBOLS_PER_USER = 800
MAX_SOCKETS_PER_USER = 10
MAX_SOCKETS_PER_ADDRESS = 50
MAX_MESSAGE_BYTES = 65_536
MAX_BAD_MESSAGES = 5
MESSAGES_PER_SEC = 20.0
MESSAGE_BURST = 40.0
SESSION_CHECK_SECS = 1.0

CLOSE_BAD_MESSAGES = 4400
CLOSE_TOO_MANY_MESSAGES = 4429
CLOSE_TOO_LARGE = 1009

TOO_MANY_SOCKETS = "Too many live connections are open: close some tabs."
SYMBOL = re.compile(r"[A-Z0-9.^=\-]{1,20}")
BARS = re.compile(rf"{SYMBOL.pattern}:({'|'.join(INTERVALS)})")
SUBJECTS: dict[Kind, re.Pattern[str]] = {"quotes": SYMBOL, "bars": BARS, "depth": SYMBOL}
CHANNELS = "channels are quotes:SYMBOL, bars:SYMBOL:INTERVAL, depth:SYMBOL, clock, orders and alerts."

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
StreamApp = Callable[[Scope, Receive, Send], Awaitable[None]]

log = structlog.get_logger(__name__)


class StreamCaller(Protocol):
    """What the stream needs to know of a signed-in person."""

    @property
    def user_id(self) -> UUID: ...
    @property
    def session_id(self) -> UUID: ...
    @property
    def role(self) -> str: ...
    @property
    def proven_at(self) -> datetime | None: ...


Authenticate = Callable[[dict[str, str]], Awaitable[StreamCaller | None]]
ByBearer = Callable[[Scope], Awaitable[StreamCaller | None]]
LiveSessions = Callable[[set[UUID]], Awaitable[Mapping[UUID, datetime | None]]]
AddressOf = Callable[[Scope], str]


class Stream:
    """The ASGI app, and the loop `watch_sessions` that must run beside it."""

    def __init__(
        self,
        hub: Hub,
        authenticate: Authenticate,
        allowed_origins: tuple[str, ...],
        *,
        by_bearer: ByBearer | None = None,
        live_sessions: LiveSessions | None = None,
        address_of: AddressOf | None = None,
    ) -> None:
        self._hub = hub
        self._authenticate = authenticate
        self._allowed_origins = frozenset(allowed_origins)
        self._by_bearer = by_bearer
        self._live_sessions = live_sessions
        self._address_of = address_of or _peer_address
        self._of_address: Counter[str] = Counter()
        self._cookies: dict[UUID, dict[str, str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise RuntimeError("the stream answers websocket connections only")
        await receive()  # websocket.connect
        address = self._address_of(scope)
        if self._of_address[address] >= MAX_SOCKETS_PER_ADDRESS:
            await _refuse(scope, send, 429, TOO_MANY_SOCKETS)
            return
        try:
            caller, cookies = await self._admit(scope)
        except StarkMatterError as error:
            await _refuse(scope, send, error.status, error.text)
            return
        full = self._of_address[address] >= MAX_SOCKETS_PER_ADDRESS  # again: others came in while we asked
        if full or self._hub.sockets_of(caller.user_id) >= MAX_SOCKETS_PER_USER:
            await _refuse(scope, send, 429, TOO_MANY_SOCKETS)
            return
        client = HubClient(send, caller.user_id, caller.session_id, caller.proven_at)
        self._hub.join(client)
        self._of_address[address] += 1
        self._cookies[caller.session_id] = cookies
        try:
            await send({"type": "websocket.accept"})
            await _Conversation(self._hub, client).hold(receive)
        except OSError:
            pass  # the peer went away while we spoke
        finally:
            self._hub.leave(client)
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]

    async def _admit(self, scope: Scope) -> tuple[StreamCaller, dict[str, str]]:
        """Who opens the socket, and the cookies if it is a browser. A bearer token decides alone."""
        program = await self._by_bearer(scope) if self._by_bearer is not None else None
        if program is not None:
            return program, {}
        headers = _headers(scope)
        if headers.get("origin") not in self._allowed_origins:
            raise NotAllowed("This page may not open the stream.")
        cookies = _cookies(headers.get("cookie", ""))
        caller = await self._authenticate(cookies) if cookies else None
        if caller is None:
            raise NotSignedIn("Sign in first.")
        return caller, cookies

    async def watch_sessions(self, stop: asyncio.Event) -> None:
        """Close the sockets of sessions that are over, once a second, with one question for all of them."""
        while not stop.is_set():
            try:
                await self.check_sessions()
            except StarkMatterError as error:
                log.warning("stream_sessions_unchecked", reason=error.text)
            self._hub.close_stuck()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SESSION_CHECK_SECS)

    async def check_sessions(self) -> None:
        """One round of `watch_sessions`."""
        asked = {client.session_id for client in self._hub.clients}
        for session_id in self._cookies.keys() - asked:
            del self._cookies[session_id]
        if not asked:
            return
        live = await self._still_live(asked)
        for session_id in asked - live.keys():
            self._hub.close_session(session_id)
        self._hub.close_renewed(live)

    async def _still_live(self, asked: set[UUID]) -> Mapping[UUID, datetime | None]:
        if self._live_sessions is not None:
            return await self._live_sessions(asked)
        callers = [await self._authenticate(self._cookies[session_id]) for session_id in asked]
        return {caller.session_id: caller.proven_at for caller in callers if caller is not None}


def make_stream_app(
    hub: Hub,
    authenticate: Authenticate,
    allowed_origins: tuple[str, ...],
    *,
    by_bearer: ByBearer | None = None,
    live_sessions: LiveSessions | None = None,
    address_of: AddressOf | None = None,
) -> Stream:
    """The stream's ASGI app. `authenticate` turns cookies into a caller or None; origins are compared exactly.

    `by_bearer` is the caller of a handshake's bearer token, None when it has none; it raises when the token is no good.
    `live_sessions` answers which of many session ids are still good, and when each was last proven, so that a socket
    opened with a token its session no longer has is closed (one query a second for all sockets); without it
    every distinct session is authenticated again each second. `address_of` is the client's address behind proxies.
    """
    return Stream(
        hub, authenticate, allowed_origins, by_bearer=by_bearer, live_sessions=live_sessions, address_of=address_of
    )


class _Conversation:
    """What one socket says, and the answers."""

    def __init__(self, hub: Hub, client: HubClient) -> None:
        self._hub = hub
        self._client = client
        self._bad_count = 0
        self._allowance = MESSAGE_BURST
        self._heard_at = asyncio.get_running_loop().time()

    async def hold(self, receive: Receive) -> None:
        """Answer until the peer leaves or is closed."""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            if self._client.close_code is not None:
                continue
            text = event.get("text")
            raw = text.encode() if text is not None else event.get("bytes") or b""
            if len(raw) > MAX_MESSAGE_BYTES:
                self._client.close(CLOSE_TOO_LARGE)
            elif not self._spend():
                self._client.close(CLOSE_TOO_MANY_MESSAGES)
            else:
                self._answer(raw)

    def _spend(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._allowance = min(MESSAGE_BURST, self._allowance + (now - self._heard_at) * MESSAGES_PER_SEC)
        self._heard_at = now
        self._allowance -= 1.0
        return self._allowance >= 0.0

    def _answer(self, raw: bytes) -> None:
        try:
            message = orjson.loads(raw)
        except orjson.JSONDecodeError:
            self._refuse("bad_message", "That is not JSON.")
            return
        if not isinstance(message, dict):
            self._refuse("bad_message", "Send one JSON object per message.")
            return
        match message.get("op"):
            case "ping":
                self._client.offer_event('{"ch":"pong","d":[]}')
            case "subscribe" | "unsubscribe" as op:
                self._change(message, adding=op == "subscribe")
            case _:
                self._refuse("unknown_op", "op is one of subscribe, unsubscribe, ping.")

    def _change(self, message: dict[str, Any], *, adding: bool) -> None:
        venue = next((known for known in VENUES if known == message.get("venue", "replay")), None)
        channels = message.get("channels")
        if venue is None:
            self._refuse("unknown_venue", "venue is replay or market.")
            return
        if not isinstance(channels, list) or not all(isinstance(one, str) for one in channels):
            self._refuse("bad_message", "channels is a list of texts such as quotes:AAPL.")
            return
        asked: dict[Kind, set[str]] = {kind: set() for kind in KINDS}
        others = set(channels)
        for kind in KINDS:
            named = {one for one in channels if one.startswith(f"{kind}:")}
            asked[kind] = {one.removeprefix(f"{kind}:") for one in named}
            others -= named
        good = all(SUBJECTS[kind].fullmatch(subject) for kind, subjects in asked.items() for subject in subjects)
        if not good or not others <= {"clock", *USER_CHANNELS}:
            self._refuse("unknown_channel", CHANNELS)
            return
        wants = {Topic(kind, venue): subjects for kind, subjects in asked.items() if subjects}
        if adding and not self._may_add(wants):
            return
        for topic, subjects in wants.items():
            own = self._client.wants.get(topic, frozenset())
            self._hub.resubscribe(self._client, topic, set(own | subjects if adding else own - subjects))
        self._change_lists(venue, others, adding=adding)
        self._confirm(venue)
        if adding:
            for topic, subjects in wants.items():
                self._hub.send_snapshot(self._client, topic, sorted(subjects))
            if "clock" in others:
                self._hub.send_clock(self._client, venue)

    def _may_add(self, wants: Mapping[Topic, set[str]]) -> bool:
        """Whether that many are allowed; what the socket has already counts once. Bars and depth count like symbols."""
        own = self._client.wants
        more = sum(len(subjects - own.get(topic, frozenset())) for topic, subjects in wants.items())
        if more + sum(map(len, own.values())) > MAX_SYMBOLS:
            self._refuse("too_many_symbols", f"At most {MAX_SYMBOLS} symbols per connection.")
            return False
        if more and more + self._hub.subjects_of(self._client.user_id) > MAX_SYMBOLS_PER_USER:
            text = f"At most {MAX_SYMBOLS_PER_USER} symbols over all your connections. Close one first."
            self._refuse("too_many_symbols", text)
            return False
        return True

    def _change_lists(self, venue: Venue, others: set[str], *, adding: bool) -> None:
        lists, clocks = self._client.lists, self._client.wants_clock
        (lists.update if adding else lists.difference_update)(others & set(USER_CHANNELS))
        if "clock" in others:
            (clocks.add if adding else clocks.discard)(venue)

    def _confirm(self, venue: Venue) -> None:
        channels = sorted(self._client.lists | ({"clock"} if venue in self._client.wants_clock else set()))
        count = {kind: len(self._client.wants.get(Topic(kind, venue), ())) for kind in KINDS}
        counts = {"symbols": count["quotes"], "bars": count["bars"], "depth": count["depth"]}
        body = {"venue": venue, **counts, "channels": channels}
        self._client.offer_event(orjson.dumps({"ch": "subscribed", "d": [body]}).decode())

    def _refuse(self, code: str, text: str) -> None:
        self._bad_count += 1
        self._client.offer_event(orjson.dumps({"ch": "error", "d": [{"code": code, "text": text}]}).decode())
        if self._bad_count >= MAX_BAD_MESSAGES:
            self._client.close(CLOSE_BAD_MESSAGES)


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name; one that is given twice with different values counts as absent."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key in found and found[key] != text:
            if key == "cookie":
                text = f"{found[key]}; {text}"
            else:
                twice.add(key)
        found[key] = text
    return {key: text for key, text in found.items() if key not in twice}


def _cookies(header: str) -> dict[str, str]:
    pairs: Iterable[tuple[str, str, str]] = (part.strip().partition("=") for part in header.split(";"))
    return {name: value.strip('"') for name, sign, value in pairs if sign and name}


def _peer_address(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


async def _refuse(scope: Scope, send: Send, status: int, text: str) -> None:
    """A plain HTTP answer where the server can give one, else a refused handshake (403)."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": CLOSE_UNAUTHORIZED, "reason": text})
        return
    body = orjson.dumps({"type": "about:blank", "title": text, "status": status})
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
