"""The outermost wall of the web process: response headers on everything, a cap on bodies, and request metrics."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from starkmatter.accounts.throttle import network_of
from starkmatter.api.content_policy import PagePolicies, content_policy, served_build
from starkmatter.api.matrix import API_PREFIX, named_route
from starkmatter.api.problems import problem
from starkmatter.api.rates import DOORS, Rates, TooOften
from starkmatter.api.security import client_ip_of
from starkmatter.clock import monotonic_secs
from starkmatter.ops.metrics import REQUESTS
from starkmatter.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Outside the API, and no mere file either.
ASKING = frozenset({"/readyz", "/metrics", "/.well-known/jwks.json", "/emergency", "/emergency/sign-in"})
# What a visitor with a link asks; the token stands in the path.
SHARED = "/shared/"
MAX_BODY_BYTES = 262_144
# The one route that takes files. Who may not call it is refused before its body is read.
UPLOAD = re.compile(r"/api/v1/accounts/[0-9a-fA-F-]{36}/imports")
MAX_UPLOAD_BYTES = 32 * 1024 * 1024
HSTS_SECS = 31_536_000
CSP = b"content-security-policy"
# Parts of a page, twenty to a visit, obey the page's policy. Opened by themselves they may do nothing at all.
PARTS = (b"text/javascript", b"application/javascript", b"text/css", b"font/")
POLICY_OF_PARTS = b"default-src 'none'; frame-ancestors 'none'"


class _TooLarge(Exception):
    """The body went past the cap while it was read."""


class Wall:
    """Wraps the whole application; websockets pass untouched, they are capped by the server."""

    def __init__(self, app: App, settings: Settings) -> None:
        self._app, self._settings, self._rates = app, settings, Rates(settings)
        headers = {
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "x-frame-options": "DENY",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
            "cross-origin-opener-policy": "same-origin",
        }
        if settings.secure_cookies:
            headers["strict-transport-security"] = f"max-age={HSTS_SECS}; includeSubDomains"
        self._policy = content_policy([]).encode()
        self._pages = PagePolicies(served_build())
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = monotonic_secs()
        api = scope["path"].startswith("/api/")
        scope["starkmatter.rates"], scope["starkmatter.headers"] = self._rates, []
        cap = MAX_UPLOAD_BYTES if scope["method"] == "POST" and UPLOAD.fullmatch(scope["path"]) else MAX_BODY_BYTES
        body = _CappedBody(receive, cap)
        status = 500
        replied = False

        async def marked_send(message: Message) -> None:
            nonlocal status, replied
            if message["type"] == "http.response.start":
                status, replied = message["status"], True
                own = message.get("headers", [])
                # A page may be stricter than the rest: what it says itself is not said again.
                said = {name.lower() for name, _ in own}
                ours = (self._policy_for(scope["path"], status, own), *self._headers)
                message["headers"] = [
                    *own,
                    *(one for one in ours if one[0] not in said),
                    *scope["starkmatter.headers"],
                ]
                if api and not any(name.lower() == b"cache-control" for name, _ in message["headers"]):
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        async def app_send(message: Message) -> None:
            # What the application makes of a body that was cut off does not go out; the refusal does.
            if replied or not body.too_large:
                await marked_send(message)

        try:
            asking = api or scope["path"] in ASKING or scope["path"].startswith(SHARED)
            refused = await self._too_often(scope) if asking else None
            if refused is not None:
                answer = problem(refused.status, refused.code, refused.title, refused.text, **refused.details)
                await answer(scope, receive, marked_send)
                return
            with suppress(_TooLarge):
                await self._app(scope, body.receive, app_send)
            if body.too_large and not replied:
                text = f"The body may have {cap // 1024:,} kB at most."
                await problem(413, "too_large", "Too large", text)(scope, receive, marked_send)
        finally:
            if api:
                REQUESTS.labels(scope["method"], named_route(scope), status).observe(monotonic_secs() - started)

    def _policy_for(self, path: str, status: int, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
        """Only a page may have scripts in it. A browser puts the headers of a 304 on the page it has kept."""
        kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
        if status == 304 or kind.startswith(b"text/html"):
            return CSP, self._pages.of(path)
        return CSP, POLICY_OF_PARTS if kind.startswith(PARTS) else self._policy

    async def _too_often(self, scope: Scope) -> TooOften | None:
        """Why this call from that network address is one too many, if it is."""
        signing_in = scope["method"] == "POST" and scope["path"].removeprefix(API_PREFIX) in DOORS
        address = network_of(client_ip_of(scope, self._settings))
        try:
            await self._rates.admit_address(address, signing_in=signing_in)
            if scope["path"].startswith(SHARED):
                await self._rates.admit_visitor(address)
        except TooOften as often:
            return often
        return None


class _CappedBody:
    """Hands a request's body on until it goes past the cap."""

    def __init__(self, receive: Receive, cap_bytes: int) -> None:
        self._receive, self._cap_bytes = receive, cap_bytes
        self._received_bytes = 0
        self.too_large = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._received_bytes += len(message.get("body", b""))
        if self._received_bytes > self._cap_bytes:
            self.too_large = True
            raise _TooLarge
        return message
