"""Builds the HTTP side of the web process: the API, the stream, health and metrics, behind one wall."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from starkmatter.accounts.programs.bearer import alive_programs, caller_of_bearer
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import alive_sessions, caller_of_token, cookie_name
from starkmatter.api.emergency import router as emergency
from starkmatter.api.event_wall import EVENT_PATH, EventWall
from starkmatter.api.matrix import API_PREFIX, STREAM, check_rule, describe_security
from starkmatter.api.pages import add_docs
from starkmatter.api.pages import router as pages
from starkmatter.api.problems import add_problem_handlers
from starkmatter.api.routes import (
    actions,
    admin,
    alerts,
    allocation,
    approvals,
    assistant,
    audit,
    auth,
    baskets,
    charts,
    connections,
    guarding,
    importing,
    live,
    lots,
    market,
    markets,
    news,
    oidc,
    optimizing,
    passkeys,
    performance,
    portfolio,
    programs,
    reports,
    sharing,
    step_up,
    trading,
    transfers,
    watchlists,
)
from starkmatter.api.security import bearer_of, client_ip_of
from starkmatter.api.shared import router as shared
from starkmatter.api.stream import Stream, make_stream_app
from starkmatter.api.wall import App, Wall
from starkmatter.backends import Backends, close_backends, open_backends, set_backends
from starkmatter.clock import utc_now
from starkmatter.egress.reports import report_until
from starkmatter.market.hub import Hub
from starkmatter.market.wanted import tell_wanted_until
from starkmatter.settings import Settings
from starkmatter.version import VERSION

STREAM_PATH = f"{API_PREFIX}/stream"


def build_api() -> FastAPI:
    """The FastAPI application with every route, without backends: `lifespan` opens those.

    Routes are taken as they are: `include_router` would keep a second copy of each, made within the first request.
    """
    api = FastAPI(
        title="StarkMatter",
        version=VERSION,
        description="Money and quantities are strings, instants ISO 8601 in UTC, failures problem+json (RFC 9457).",
        openapi_url=f"{API_PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    add_problem_handlers(api)
    for room in (
        auth,
        step_up,
        passkeys,
        oidc,
        programs,
        market,
        markets,
        watchlists,
        trading,
        guarding,
        approvals,
        baskets,
        allocation,
        optimizing,
        portfolio,
        sharing,
        performance,
        lots,
        transfers,
        importing,
        live,
        reports,
        actions,
        connections,
        alerts,
        charts,
        admin,
        audit,
        assistant,
        news,
    ):
        api.router.routes.extend(room.router.routes)
    for router in (programs.well_known, pages, emergency, shared):
        api.router.routes.extend(router.routes)
    describe_security(api)
    add_docs(api)
    return api


class Front:
    """The outermost application: each of the two websockets to its own door, everything else through the wall."""

    def __init__(self, app: App, settings: Settings) -> None:
        self._wall = Wall(app, settings)
        self._events = EventWall(app, settings)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket" and scope["path"] == STREAM_PATH:
            if _stream is None:
                await send({"type": "websocket.close", "code": 1013})
                return
            await _stream(scope, receive, send)
            return
        if scope["type"] == "websocket" and scope["path"].rstrip("/") == EVENT_PATH:
            await self._events(scope, receive, send)
            return
        await self._wall(scope, receive, send)


_stream: Stream | None = None


def transformers(settings: Settings) -> list[FastAPI | Callable[[App], App]]:
    """What Reflex wraps around itself, from the inside out: the API, then the front."""
    return [build_api(), lambda app: Front(app, settings)]


@asynccontextmanager
async def lifespan(settings: Settings) -> AsyncIterator[None]:
    """Open the backends and run the hub for as long as the web process serves."""
    opened = await open_backends(settings, "starkmatter web", walled=True)
    set_backends(opened)
    async with serve_stream(opened):
        yield
    set_backends(None)
    await close_backends(opened)


@asynccontextmanager
async def serve_stream(b: Backends) -> AsyncIterator[Stream]:
    """The stream with its hub, listening until the block ends."""
    global _stream
    stop = asyncio.Event()
    hub = Hub(b.cache, utc_now)

    async def authenticate(cookies: dict[str, str]) -> Caller | None:
        return await caller_of_token(b, cookies.get(cookie_name(b.settings)))

    async def by_bearer(scope: dict[str, Any]) -> Caller | None:
        given = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"authorization"]
        token = bearer_of(given)
        if token is None:
            return None
        caller = await caller_of_bearer(b, token, address(scope))
        check_rule(caller, STREAM)
        return caller

    async def live(asked: set[UUID]) -> dict[UUID, datetime | None]:
        sessions = await alive_sessions(b, asked)
        others = asked - set(sessions)
        return sessions | dict.fromkeys(await alive_programs(b, others)) if others else sessions

    def address(scope: dict[str, Any]) -> str:
        return client_ip_of(scope, b.settings)

    stream = make_stream_app(
        hub, authenticate, b.settings.origins, by_bearer=by_bearer, live_sessions=live, address_of=address
    )
    parts = (
        hub.run(stop),
        stream.watch_sessions(stop),
        report_until(b.cache, "web", stop),
        tell_wanted_until(hub, b.cache, utc_now, stop),
    )
    tasks = [asyncio.create_task(part) for part in parts]
    _stream = stream
    try:
        yield stream
    finally:
        _stream = None
        stop.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
