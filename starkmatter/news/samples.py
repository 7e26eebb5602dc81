"""Has sample news written whenever a session of the replay opens or closes; the market goes on meanwhile."""

import asyncio

import structlog

from starkmatter.backends import Backends
from starkmatter.domain.quotes import VenueClock
from starkmatter.errors import StarkMatterError
from starkmatter.news.collect import write_samples

log = structlog.get_logger("news")


class SampleWriter:
    """Told the replay's clock with every batch; writes once for each state of each session of each run."""

    def __init__(self, b: Backends) -> None:
        self._b = b
        self._told: object = None
        self._writing: asyncio.Task[None] | None = None

    def on_clock(self, clock: VenueClock) -> None:
        """Start writing when the state changed and nothing is being written; the timetable catches up on the rest."""
        seen = (clock.run_id, clock.session_on, clock.state)
        if seen == self._told or (self._writing is not None and not self._writing.done()):
            return
        self._told = seen
        self._writing = asyncio.create_task(self._write(clock))

    async def _write(self, clock: VenueClock) -> None:
        try:
            await write_samples(self._b, clock.venue_now)
        except StarkMatterError as error:
            log.debug("samples wait", why=error.text)
