"""A tab keeps its state when its sockets change places, and shares it with no other window."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from reflex.event import Event
from reflex.state import StateUpdate
from reflex.utils.token_manager import LocalTokenManager, RedisTokenManager, TokenManager

from starkmatter.accounts.sessions import cookie_name, renew_session, revoke_other_sessions
from starkmatter.ui.state import guard
from starkmatter.ui.state.ticket import TicketState
from tests.builders import Desk
from tests.ui.conftest import Tab, open_tab

TAB = "tab"
LOOK = Event(name="reflex___state____state.starkmatter___ui___state___ticket____ticket_state.look")
HYDRATE = Event(name="reflex___state____state.hydrate")


@pytest.fixture(params=["memory", "redis", "a replica"])
async def managers(request: pytest.FixtureRequest, cache: Redis) -> Any:
    """Whose socket comes and whose goes: of one process, or of two that share Redis."""
    if request.param == "memory":
        comes = goes = cast(TokenManager, LocalTokenManager())
    else:
        await cache.delete(f"token_manager_socket_record_{TAB}")
        comes = RedisTokenManager(cache)
        goes = RedisTokenManager(cache) if request.param == "a replica" else comes
    guard.wait_for_the_socket_that_goes(
        cast(Any, SimpleNamespace(event_namespace=SimpleNamespace(_token_manager=comes)))
    )
    assert await goes.link_token_to_sid(TAB, "old") is None
    yield comes, goes
    for manager in {comes, goes}:
        await manager.disconnect_all()
        await manager.close()


async def test_the_next_socket_of_a_tab_takes_over_its_token_though_the_server_sees_it_first(managers: Any) -> None:
    comes, goes = managers
    following = asyncio.create_task(comes.link_token_to_sid(TAB, "new"))
    await asyncio.sleep(3 * guard.LOOK_SECS)
    assert not following.done()
    await goes.disconnect_token(TAB, "old")
    assert await following is None
    assert comes.token_to_sid[TAB] == "new"


async def test_a_window_that_was_duplicated_gets_a_token_of_its_own(
    managers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LOOKS", 2)
    comes, goes = managers
    token = await comes.link_token_to_sid(TAB, "new")
    assert token not in {None, TAB}
    assert comes.token_to_sid[token] == "new"
    assert goes.token_to_sid[TAB] == "old"


class _Proven:
    """A tab whose state waits for a proof that its person has just given: its socket still has the token before."""

    def __init__(self, tab: Tab, ticket: TicketState, cookie: str) -> None:
        self.tab, self.ticket, self.cookie = tab, ticket, cookie

    async def comes(self, event: Event, cookie: str | None = None) -> Any:
        if cookie is not None:
            self.tab.cookie = cookie
            self.tab.at("/trade/AAPL")
        return await guard.Guard().preprocess(cast(Any, None), self.tab.root, event)


@pytest.fixture
async def proven(desk: Desk) -> _Proven:
    tab = await open_tab(desk)
    ticket = await tab.state(TicketState)
    assert await guard.Guard().preprocess(cast(Any, None), tab.root, LOOK) is None
    ticket.qty, ticket.review = "7", True
    caller = await guard.caller_of(ticket)
    token = await renew_session(desk.b, caller)
    return _Proven(tab, ticket, f"{cookie_name(desk.b.settings)}={token}")


@pytest.mark.parametrize("event", [LOOK, HYDRATE], ids=["a look", "hydrate"])
async def test_what_comes_with_the_token_before_the_proof_empties_nothing_and_is_told_nothing(
    proven: _Proven, event: Event
) -> None:
    assert await proven.comes(event) == StateUpdate()
    assert (proven.ticket.qty, proven.ticket.review) == ("7", True)
    assert await proven.comes(LOOK, proven.cookie) is None
    assert (proven.ticket.qty, proven.ticket.review) == ("7", True)


async def is_shown_out(proven: _Proven) -> bool:
    """Whether a look is answered with the way to the door, and the state is empty."""
    answer = await proven.comes(LOOK)
    return "_redirect" in str(answer.events) and not (await proven.tab.state(TicketState)).review


async def test_a_while_later_the_token_before_is_like_any_other_that_is_void(proven: _Proven) -> None:
    await proven.tab.desk.b.db.run("UPDATE user_session SET proven_at = proven_at - interval '31 seconds'")
    assert await is_shown_out(proven)


async def test_the_token_before_is_nothing_once_the_session_has_ended(proven: _Proven) -> None:
    other = await guard.caller_of(await (await open_tab(proven.tab.desk)).state(TicketState))
    await revoke_other_sessions(proven.tab.desk.b, other)
    assert await is_shown_out(proven)


@pytest.mark.parametrize("cookie", ["", "starkmatter_session=made-up"], ids=["none", "made up"])
async def test_another_token_empties_the_tab_at_once(proven: _Proven, cookie: str) -> None:
    await proven.comes(LOOK, cookie)
    assert await is_shown_out(proven)


async def test_the_token_before_of_somebody_else_empties_the_tab(proven: _Proven) -> None:
    desk = await proven.tab.desk.person()
    stranger = await open_tab(desk)
    await renew_session(desk.b, await guard.caller_of(await stranger.state(TicketState)))
    await proven.comes(LOOK, stranger.cookie)
    assert await is_shown_out(proven)
