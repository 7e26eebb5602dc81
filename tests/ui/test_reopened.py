"""What a page says outlives the socket that a step-up opens anew, and nothing else."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from starkmatter.ui.state.reopened import is_reopened, note_said


class _Page:
    """A page's state as far as it is asked here: the tab's sockets, and the one it hears of now."""

    def __init__(self) -> None:
        self.sockets = SimpleNamespace(_said_over="", _read_over="")
        self.over("first")

    def over(self, socket: str) -> None:
        self.router = SimpleNamespace(session=SimpleNamespace(session_id=socket))

    async def get_state(self, _: object) -> Any:
        return self.sockets


@pytest.fixture
async def page() -> Any:
    entered = cast(Any, _Page())
    assert not await is_reopened(entered)
    return entered


@pytest.mark.parametrize("said_first", [True, False])
async def test_what_is_said_over_a_new_socket_stays_whichever_comes_first(page: Any, said_first: bool) -> None:
    page.over("second")
    if said_first:
        await note_said(page)
        assert await is_reopened(page)
    else:
        assert not await is_reopened(page)  # there is nothing yet to keep
        await note_said(page)


async def test_a_page_that_is_entered_again_begins_with_nothing_said(page: Any) -> None:
    await note_said(page)
    assert not await is_reopened(page)
    page.over("second")
    assert not await is_reopened(page)
    await note_said(page)
    assert not await is_reopened(page)


async def test_what_was_kept_once_is_not_kept_for_the_next_page(page: Any) -> None:
    page.over("second")
    await note_said(page)
    assert await is_reopened(page)
    assert not await is_reopened(page)
