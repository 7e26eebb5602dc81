"""The one place that decides who may call which Reflex event handler: what is not declared is refused.

A client can send any event by name, so pages, `on_load` and hidden buttons protect nothing. Every handler carries
`@allow(...)`; framework handlers are listed by name here. The caller is read from the HttpOnly session cookie of the
socket's handshake and checked against the session table at every event. The tab token is never an identity: a state
tree belongs to the session that first used it and is emptied when another session, or none, comes with its token.
A handler marked `fresh` takes a proof no older than five minutes: without one the page asks for it and the event waits.
A proof changes the session's token; what still comes with the former one is dropped for as long as sockets change.
Arguments are what the handler's annotations say, strictly, or the event is refused: Reflex itself checks nothing.
"""

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal, TypeVar, get_type_hints

import reflex as rx
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from redis.exceptions import RedisError
from reflex.event import Event
from reflex.middleware import Middleware
from reflex.state import BaseState, StateUpdate
from reflex.utils.token_manager import RedisTokenManager
from reflex_base.constants import RouteVar
from reflex_base.event.context import EventContext
from reflex_base.registry import RegistrationContext
from reflex_base.utils.form import FORM_DATA_ENTRIES_KEY

from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import caller_of_cookie_header, has_just_had, token_of_cookies
from starkmatter.accounts.step_up import is_fresh
from starkmatter.backends import backends
from starkmatter.errors import NotSignedIn, Unavailable
from starkmatter.ops.seldom import Seldom

Who = Literal["public", "user", "trader", "admin"]
F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__allowed_to__"
_FRESH = "__needs_fresh_proof__"
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
LOOKS, LOOK_SECS = 50, 0.02
_MALFORMED = object()  # fits no annotation

log = structlog.get_logger("guard")
_seldom = Seldom()


def allow(who: Who, *, fresh: bool = False) -> Callable[[F], F]:
    """Declare who may call a handler, and whether only after a fresh proof of who it is. Stands under `@rx.event`."""

    def mark(function: F) -> F:
        setattr(function, _MARK, who)
        setattr(function, _FRESH, fresh)
        return function

    return mark


def declared(event_name: str) -> Who | Literal["framework"] | None:
    """Who may call the handler of that full name; None when nobody said, or when there is no such handler."""
    if event_name in FRAMEWORK_HANDLERS:
        return "framework"
    registered = RegistrationContext.ensure_context().event_handlers.get(event_name)
    return None if registered is None else getattr(registered.handler.fn, _MARK, None)


def needs_fresh(event_name: str) -> bool:
    """Whether the handler of that full name takes a fresh proof of who it is."""
    registered = RegistrationContext.ensure_context().event_handlers.get(event_name)
    return registered is not None and bool(getattr(registered.handler.fn, _FRESH, False))


def undeclared_handlers() -> list[str]:
    """Every registered handler that nobody may call: fine for the framework's own, a mistake for ours."""
    names = RegistrationContext.ensure_context().event_handlers
    return sorted(name for name in names if declared(name) is None)


def fits(event_name: str, payload: object) -> bool:
    """Whether the payload has exactly the handler's arguments, each of the annotated type and none with a NUL."""
    if not isinstance(payload, dict):
        return False
    try:
        _arguments_of(event_name).model_validate({name: _unwrapped(value) for name, value in payload.items()})
    except ValidationError:
        return False
    return not _has_nul(payload)


def _unwrapped(value: object) -> object:
    """A form as the handler gets it: the script sends pairs, null for a field that is not shown; all else as it is."""
    if not isinstance(value, dict) or FORM_DATA_ENTRIES_KEY not in value:
        return value
    pairs = value[FORM_DATA_ENTRIES_KEY]
    if len(value) > 1 or not isinstance(pairs, list):
        return _MALFORMED
    if not all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
        return _MALFORMED
    return {name: text for name, text in pairs if text is not None}


def _has_nul(value: object) -> bool:
    """PostgreSQL takes no text with a NUL in it."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_has_nul(part) for part in value)


@lru_cache(maxsize=512)
def _arguments_of(event_name: str) -> type[BaseModel]:
    function = RegistrationContext.ensure_context().event_handlers[event_name].handler.fn
    hints = get_type_hints(function)
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if one.default is inspect.Parameter.empty else one.default)
        for name, one in list(inspect.signature(function).parameters.items())[1:]
    }
    return create_model("Arguments", __config__=ConfigDict(strict=True, extra="forbid"), **fields)


def _note(event_name: str, why: str, **more: str) -> None:
    held_back = _seldom.take()
    if held_back is not None:
        log.warning("event refused", handler=event_name[:120], why=why, more_like_it=held_back, **more)


async def caller_of(state: BaseState) -> Caller:
    """The signed-in person behind this socket, checked against the session table now; raises NotSignedIn."""
    caller = await caller_of_cookie_header(backends(), state.router.headers.cookie)
    if caller is None:
        raise NotSignedIn("Your session has ended. Sign in again; nothing was lost.")
    return _from_where(state, caller)


def _from_where(state: BaseState, caller: Caller) -> Caller:
    # The framework counts proxies as `address_behind` does, by the same setting.
    ip = state.router.session.client_ip
    return replace(caller, ip=ip, admin_here=backends().settings.is_admin_address(ip))


class TabOwner(rx.State):
    """Remembers, on the server only, which session this tab's state belongs to."""

    _session: str = NOBODY


class StepUpState(rx.State):
    """The event that waits, on the server only, until its person has proven who they are; `asked` opens the dialog,
    which says `words` where an order of real money is to be confirmed.
    """

    asked: bool = False
    words: str = ""
    _waiting: str = ""

    @rx.event
    @allow("user")
    async def ask(self) -> None:
        """Open the dialog."""
        self.asked, self.words = True, ""

    @rx.event
    @allow("user", fresh=True)
    async def go_on(self) -> Event | None:
        """It is proven: what waited is looked at by the guard once more and runs."""
        waiting, self._waiting, self.asked = self._waiting, "", False
        return Event(**json.loads(waiting)) if waiting else None

    @rx.event
    @allow("user")
    async def leave_it(self) -> None:
        """The person would rather not."""
        self._waiting, self.asked = "", False

    def _wait_for_factor(self, handler: str, payload: dict[str, Any], words: str) -> None:
        """Hold this event back until a second factor is there; what it is for is decided when it runs again."""
        self._waiting = json.dumps({"name": handler, "payload": payload})
        self.asked, self.words = True, words


class Guard(Middleware):
    """Refuses every event whose handler does not admit its caller."""

    async def preprocess(self, app: rx.App, state: BaseState, event: Event) -> StateUpdate | None:
        who = declared(event.name)
        if who is None:
            _note(event.name, "not declared")
            return StateUpdate()
        if not fits(event.name, event.payload):
            _note(event.name, "arguments")
            return StateUpdate()
        try:
            caller = await caller_of_cookie_header(backends(), state.router.headers.cookie)
            if caller is None and await _is_of_before_a_proof(state):
                return StateUpdate()
        except Unavailable:
            return StateUpdate()
        await _bind(state, caller)
        if who in {"framework", "public"}:
            return None
        if caller is None:
            return StateUpdate(events=Event.from_event_type([rx.redirect("/login")]))
        caller = _from_where(state, caller)
        if (who == "trader" and not caller.may_trade) or (who == "admin" and not caller.is_admin):
            _note(event.name, f"needs {who}", user_id=str(caller.user_id))
            return StateUpdate()
        return await _ask_unless_fresh(state, event, caller) if needs_fresh(event.name) else None


async def _ask_unless_fresh(state: BaseState, event: Event, caller: Caller) -> StateUpdate | None:
    """Nothing when the caller's proof is fresh; else the event waits and the dialog opens."""
    try:
        if await is_fresh(backends(), caller):
            return None
    except Unavailable:
        return StateUpdate()
    step_up = await state.get_state(StepUpState)
    if not event.name.endswith(".go_on"):
        step_up._waiting = json.dumps({"name": event.name, "payload": event.payload})
    return StateUpdate(events=Event.from_event_type([StepUpState.ask()]))


async def _is_of_before_a_proof(state: BaseState) -> bool:
    """Whether this event was still under way on the tab's former socket when its session got another token.

    It is carried out by nobody and told nothing, and it empties nothing: what waits for the proof is in that state.
    """
    owner = await state.get_state(TabOwner)
    if owner._session == NOBODY:
        return False
    return await has_just_had(backends(), owner._session, state.router.headers.cookie)


async def _bind(state: BaseState, caller: Caller | None) -> None:
    """Empty the state tree when it was filled for another session than this one."""
    session = str(caller.session_id) if caller else NOBODY
    owner = await state.get_state(TabOwner)
    if owner._session != session:
        state._get_root_state().reset()
        owner._session = session


def deliver_only_to_own_session(app: rx.App) -> None:
    """Keep what an event produced from a socket of another session that has taken over the tab token meanwhile.

    Reflex sends updates to whichever socket holds the token now, so an event that still ran when its window closed
    would answer the next bearer of the token.
    """
    namespace = app.event_namespace
    assert namespace is not None
    emit = namespace.emit_update

    async def emit_update(update: StateUpdate, token: str) -> None:
        socket = namespace.token_to_sid.get(token)
        if socket is None or _token_in(_headers_of_event()) == _token_in(_headers_of_socket(namespace, socket)):
            await emit(update, token)

    namespace.emit_update = emit_update  # type: ignore[method-assign]


def wait_for_the_socket_that_goes(app: rx.App) -> None:
    """Give a tab's former socket a second to go before another one that comes with its token counts as another window.

    A page that opens its socket anew, or is loaded again, closes one and opens the next; replicas may see them in the
    other order, and Reflex would give the second a new token and an empty state: what waited in the old one, an order
    under review or an event that a proof was asked for, would be gone. A window that was really duplicated waits.
    """
    namespace = app.event_namespace
    assert namespace is not None
    manager = namespace._token_manager
    link = manager.link_token_to_sid

    async def is_taken(token: str) -> bool:
        if not isinstance(manager, RedisTokenManager):
            return token in manager.token_to_socket
        with suppress(RedisError):  # what Reflex itself asks; it logs what goes wrong
            return bool(await manager.redis.exists(manager._get_redis_key(token)))
        return False

    async def link_token_to_sid(token: str, sid: str) -> str | None:
        for _ in range(LOOKS):
            if not await is_taken(token):
                break
            await asyncio.sleep(LOOK_SECS)
        return await link(token, sid)

    manager.link_token_to_sid = link_token_to_sid  # type: ignore[method-assign]


def _token_in(headers: Mapping[str, str] | None) -> str | None:
    return token_of_cookies(backends().settings, headers.get("cookie", "")) if headers is not None else "no socket"


def _headers_of_event() -> Mapping[str, str] | None:
    try:
        return EventContext.get().router_data.get(RouteVar.HEADERS)
    except LookupError:
        return None


def _headers_of_socket(namespace: Any, socket: str) -> Mapping[str, str] | None:
    return namespace._static_router_data.get(socket, {}).get(RouteVar.HEADERS)
