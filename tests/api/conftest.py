"""The HTTP side over ASGI, with the real database and cache behind it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from redis.asyncio import Redis

from starkmatter.accounts.sessions import cookie_name, open_session
from starkmatter.api.app import Front, build_api
from starkmatter.backends import set_backends
from starkmatter.db.database import Database
from tests.builders import Desk, make_desk

ORIGIN = "http://127.0.0.1:3000"


@dataclass
class Api:
    """A browser-like client of one person."""

    http: httpx.AsyncClient
    desk: Desk

    async def as_person(self, desk: Desk) -> "Api":
        """The same server for somebody else."""
        token = await _sign_in(desk)
        cookies = {cookie_name(desk.b.settings): token}
        client = httpx.AsyncClient(
            transport=self.http._transport, base_url=ORIGIN, headers={"origin": ORIGIN}, cookies=cookies
        )
        return Api(client, desk)


async def _sign_in(desk: Desk) -> str:
    caller = desk.caller
    _, token = await open_session(
        desk.b, caller.user_id, caller.role, caller.email, caller.display_name, ip="test", user_agent="test"
    )
    return token


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    set_backends(made.b)
    yield made
    set_backends(None)


@pytest.fixture
async def anonymous(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Front(build_api(), desk.b.settings), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as client:
        yield client


@pytest.fixture
async def api(desk: Desk, anonymous: httpx.AsyncClient) -> Api:
    return await Api(anonymous, desk).as_person(desk)
