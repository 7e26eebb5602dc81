"""One browser tab without a browser: a state tree whose socket carries a person's cookie."""

from collections.abc import AsyncIterator
from typing import TypeVar

import pytest
import reflex as rx
from redis.asyncio import Redis
from reflex.istate.data import RouterData

from starkmatter.accounts.sessions import cookie_name, open_session
from starkmatter.backends import set_backends
from starkmatter.db.database import Database
from tests.builders import Desk, make_desk

S = TypeVar("S", bound=rx.State)


class Tab:
    """A signed-in tab. `state` gives one of its states, `at` changes its address."""

    def __init__(self, desk: Desk, cookie: str) -> None:
        self.desk = desk
        self.cookie = cookie
        self.root = rx.State(_reflex_internal_init=True)
        self.at("/")

    def at(self, path: str) -> "Tab":
        self.root.router = RouterData.from_router_data(
            {
                "headers": {"cookie": self.cookie, "origin": "http://localhost:3000"},
                "pathname": path,
                "asPath": path,
                "token": "tab",
            }
        )
        return self

    def sign_out(self) -> None:
        self.cookie = ""
        self.at("/")

    async def state(self, kind: type[S]) -> S:
        return await self.root.get_state(kind)


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    set_backends(made.b)
    yield made
    set_backends(None)


async def open_tab(desk: Desk) -> Tab:
    caller = desk.caller
    _, token = await open_session(
        desk.b, caller.user_id, caller.role, caller.email, caller.display_name, ip="test", user_agent="test"
    )
    return Tab(desk, f"{cookie_name(desk.b.settings)}={token}")


@pytest.fixture
async def tab(desk: Desk) -> Tab:
    return await open_tab(desk)
