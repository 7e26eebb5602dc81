"""The one place that decides who may call which Reflex event handler: what is not declared is refused.

A client can send any event by name, so pages, `on_load` and hidden buttons protect nothing. Every handler carries
`@allow(...)`; framework handlers are listed by name here. The caller is read from the HttpOnly session cookie of the
socket's handshake and checked against the session table at every event. The tab token is never an identity: a state
tree belongs to the session that first used it and is emptied when another session, or none, comes with its token.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import reflex as rx
import structlog
from reflex.event import Event
from reflex.middleware import Middleware
from reflex.state import BaseState, StateUpdate
from reflex_base.registry import RegistrationContext

from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import caller_of_cookie_header
from starkmatter.backends import backends
from starkmatter.errors import NotSignedIn, Unavailable

Who = Literal["public", "user", "trader", "admin"]
F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__allowed_to__"
_ROOT = "reflex___state____state"
FRAMEWORK_HANDLERS: frozenset[str] = frozenset(
    {
        f"{_ROOT}.hydrate",
        f"{_ROOT}.hydrate_and_load",
        f"{_ROOT}.set_is_hydrated",
        f"{_ROOT}.reflex___state____on_load_internal_state.on_load_internal",
        f"{_ROOT}.reflex___state____on_load_internal_state.set_is_hydrated",
    }
)
NOBODY = ""

log = structlog.get_logger("guard")


def allow(who: Who) -> Callable[[F], F]:
    """Declare who may call a handler. Stands under `@rx.event`."""

    def mark(function: F) -> F:
        setattr(function, _MARK, who)
        return function

    return mark


def declared(event_name: str) -> Who | Literal["framework"] | None:
    """Who may call the handler of that full name; None when nobody said, or when there is no such handler."""
    if event_name in FRAMEWORK_HANDLERS:
        return "framework"
    registered = RegistrationContext.ensure_context().event_handlers.get(event_name)
    return None if registered is None else getattr(registered.handler.fn, _MARK, None)


def undeclared_handlers() -> list[str]:
    """Every registered handler that nobody may call: fine for the framework's own, a mistake for ours."""
    names = RegistrationContext.ensure_context().event_handlers
    return sorted(name for name in names if declared(name) is None)


async def caller_of(state: BaseState) -> Caller:
    """The signed-in person behind this socket, checked against the session table now; raises NotSignedIn."""
    caller = await caller_of_cookie_header(backends(), state.router.headers.cookie)
    if caller is None:
        raise NotSignedIn("Your session has ended. Sign in again; nothing was lost.")
    return caller


class TabOwner(rx.State):
    """Remembers, on the server only, which session this tab's state belongs to."""

    _session: str = NOBODY


class Guard(Middleware):
    """Refuses every event whose handler does not admit its caller."""

    async def preprocess(self, app: rx.App, state: BaseState, event: Event) -> StateUpdate | None:
        who = declared(event.name)
        if who is None:
            log.warning("event refused", handler=event.name[:120], why="not declared")
            return StateUpdate()
        try:
            caller = await caller_of_cookie_header(backends(), state.router.headers.cookie)
        except Unavailable:
            return StateUpdate()
        await _bind(state, caller)
        if who in {"framework", "public"}:
            return None
        if caller is None:
            return StateUpdate(events=Event.from_event_type([rx.redirect("/login")]))
        if (who == "trader" and not caller.may_trade) or (who == "admin" and not caller.is_admin):
            log.warning("event refused", handler=event.name[:120], why=f"needs {who}", user_id=str(caller.user_id))
            return StateUpdate()
        return None


async def _bind(state: BaseState, caller: Caller | None) -> None:
    """Empty the state tree when it was filled for another session than this one."""
    session = str(caller.session_id) if caller else NOBODY
    owner = await state.get_state(TabOwner)
    if owner._session != session:
        state._get_root_state().reset()
        owner._session = session
