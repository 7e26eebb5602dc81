"""The worker's answers about whole venues: it keeps their universes while somebody asks, then lets go of them."""

import asyncio
from collections import defaultdict
from typing import get_args

from redis.asyncio import Redis

from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.db.database import Database
from starkmatter.domain.quotes import Venue
from starkmatter.domain.screening import parse_screen
from starkmatter.errors import InvalidInput
from starkmatter.market.clocks import venue_clock
from starkmatter.market.errands import Answer, serve_until
from starkmatter.market.screener.evaluate import Figures, overview, run_screen
from starkmatter.market.screener.service import CHANNEL
from starkmatter.market.screener.universe import Universe
from starkmatter.market.wire import iso

FRESH_SECS = 3.0
KEPT_SECS = 900.0
LOOK_SECS = 30.0


class ScreenDesk:
    """One universe per venue; whoever asks of the same one waits for the other."""

    def __init__(self, db: Database, cache: Redis) -> None:
        self._db = db
        self._cache = cache
        self._figures: dict[Venue, Figures] = {}
        self._refreshed_at: dict[Venue, float] = {}
        self._asked_at: dict[Venue, float] = {}
        self._turns: defaultdict[Venue, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until `stop` is set."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(serve_until(self._cache, self.answer, stop, channel=CHANNEL))
            parts.create_task(self._let_go_until(stop))

    async def answer(self, errand: Answer) -> Answer:
        """A screen or the overview of a venue as of its now; see `service`."""
        venue: Venue = errand["venue"]
        if venue not in get_args(Venue):
            raise InvalidInput("venue is replay or market.")
        screen = parse_screen(errand["screen"]) if errand.get("kind") == "screen" else None
        async with self._turns[venue]:
            figures = await self._fresh(venue)
            if screen is not None:
                found = await asyncio.to_thread(run_screen, figures, screen, int(errand["limit"]))
            else:
                found = await asyncio.to_thread(overview, figures)
            until = figures.universe.until
            return found | {"as_of": iso(until) if until else None}

    async def _fresh(self, venue: Venue) -> Figures:
        """The figures of the venue's now, at most three seconds old, never of a run that is over."""
        now = monotonic_secs()
        self._asked_at[venue] = now
        figures = self._figures.setdefault(venue, Figures(Universe(self._db, venue)))
        clock = await venue_clock(self._db, self._cache, venue, utc_now())
        universe = figures.universe
        recent = now - self._refreshed_at.get(venue, float("-inf")) < FRESH_SECS
        if not recent or universe.until is None or clock.venue_now < universe.until or universe.run_id != clock.run_id:
            await universe.refresh(clock.venue_now, clock.run_id)
            self._refreshed_at[venue] = monotonic_secs()
        return figures

    async def _let_go_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            for venue, asked_at in list(self._asked_at.items()):
                if monotonic_secs() - asked_at > KEPT_SECS:
                    async with self._turns[venue]:
                        self._figures.pop(venue, None)
                        self._asked_at.pop(venue, None)
            try:
                await asyncio.wait_for(stop.wait(), LOOK_SECS)
            except TimeoutError:
                continue
