"""A database with the replay's history in it, prepared once per module, and a wall clock the test moves."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from starkmatter import clock
from starkmatter.db.database import Database
from starkmatter.domain.sessions import SessionCalendar
from starkmatter.market.calendar import load_calendar
from starkmatter.market.providers.replay import EXCHANGE, ReplayHistory, load_history
from tests.engines import TestEngines, fresh_database

WALL = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class WallClock:
    """The wall clock of a test: it moves only when told to."""

    def __init__(self) -> None:
        self.now = WALL

    def __call__(self) -> datetime:
        return self.now

    def pass_secs(self, secs: float) -> datetime:
        self.now += timedelta(seconds=secs)
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    """Stands in for the time of the whole process."""
    moved = WallClock()
    monkeypatch.setattr(clock, "utc_now", moved)
    return moved


@pytest.fixture(scope="session")
def history() -> ReplayHistory:
    return load_history()


@pytest.fixture(scope="module")
def market_url(engines: TestEngines, replay_template: str) -> Iterator[str]:
    """A migrated database with sessions, instruments and every daily bar."""
    with fresh_database(engines, replay_template) as url:
        yield url


@pytest.fixture
async def market_db(market_url: str) -> AsyncIterator[Database]:
    """The prepared database without runs, commands or bars inside a day."""
    opened = Database(market_url, name="test", max_size=4)
    await opened.open()
    await opened.run("DELETE FROM bar WHERE interval <> '1d'")
    for table in ("bar_forming", "replay_run", "replay_command"):
        await opened.run(f"DELETE FROM {table}")  # type: ignore[arg-type]
    yield opened
    await opened.close()


@pytest.fixture
async def calendar(market_db: Database, history: ReplayHistory) -> SessionCalendar:
    return (await load_calendar(market_db, EXCHANGE)).until(history.ends_on)
