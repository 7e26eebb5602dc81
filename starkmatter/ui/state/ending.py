"""Ending one of the things a page lists, by its id as the browser says it."""

from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends, backends
from starkmatter.errors import NotFound, StarkMatterError
from starkmatter.ui.state.guard import caller_of


class Listing(Protocol):
    """A state that lists things and says what went wrong with one."""

    problem: str

    async def _read(self) -> None: ...


async def end_one(
    state: Listing, end: Callable[[Backends, Caller, UUID], Awaitable[object]], said_id: str, missing: str
) -> None:
    """End it and list what is left; `missing` is said of an id that is none."""
    try:
        await end(backends(), await caller_of(state), _id(said_id, missing))  # type: ignore[arg-type]
        state.problem = ""
    except StarkMatterError as error:
        state.problem = error.text
    await state._read()


def _id(text: str, missing: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(missing) from None
