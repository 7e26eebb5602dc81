"""A desk whose analyst talks to the stand-in, and what its answers said."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.vault import keep_secret
from starkmatter.assistant import answers, service
from starkmatter.assistant.models.claude import KIND
from starkmatter.assistant.records import Exchange
from starkmatter.backends import Backends, set_backends
from starkmatter.db.database import Database
from starkmatter.settings import load_settings
from tests.builders import Desk, make_desk
from tests.standins.claude import KEY, ClaudeStandIn, claude_server


@pytest.fixture
def claude() -> Iterator[ClaudeStandIn]:
    with claude_server() as started:
        yield started


@pytest.fixture
async def desk(database: Database, cache: Redis, claude: ClaudeStandIn, tmp_path: Path) -> AsyncIterator[Desk]:
    """An owner with 100,000 USD; the key is in the vault."""
    made = await make_desk(database, cache)
    settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": {KIND: claude.url}})
    made.b = Backends(settings, database, cache)
    set_backends(made.b)
    await connect(made.b)
    yield made
    claude.released.set()
    await answers.wait_for_all()
    if (kept := service._models.get(database)) is not None:
        await kept[1].close()
    set_backends(None)


async def connect(b: Backends, **changes: str) -> None:
    values = {"key": KEY, "model": "claude-sonnet-5-5", "budget_usd": "20"} | changes
    await keep_secret(b, KIND, None, values, {"key"})


async def new_chat(desk: Desk) -> UUID:
    return (await service.create_chat(desk.b, desk.caller)).id


async def ask(
    desk: Desk, chat_id: UUID, text: str = "How is my book?", **more: Any
) -> list[tuple[str, dict[str, Any]]]:
    """Ask and hear the whole answer."""
    made = await service.ask(desk.b, desk.caller, chat_id, text, **more)
    heard = [event async for event in made.follow()]
    await answers.wait_for_all()
    return heard


async def last(desk: Desk, chat_id: UUID) -> Exchange:
    return (await service.read_chat(desk.b, desk.caller, chat_id)).exchanges[-1]
