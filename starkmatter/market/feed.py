"""Carries quotes from a provider to the board: admits or refuses them, merges what piles up, survives a dead Valkey.

Newest value wins: when Valkey is slow or away, changed quotes are merged and one batch goes out once it answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime

import structlog

from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.errors import Unavailable
from starkmatter.market.board import QuoteBoard
from starkmatter.market.border import Corridor, marked, refusal_of

RETRY_SECS = 0.5
REFRESH_SECS = 10.0
BEAT_SECS = 1.0
REFUSALS_LOGGED = 20

log = structlog.get_logger(__name__)


class Feed:
    """The newest admitted quote of each symbol of one venue, and what of it the board has not been told yet."""

    def __init__(
        self,
        venue: Venue,
        board: QuoteBoard,
        wall_clock: Callable[[], datetime],
        on_refused: Callable[[str, Quote, str], None] | None = None,
    ) -> None:
        self.venue: Venue = venue
        self.newest: dict[str, Quote] = {}
        self.refused_count = 0
        self._board = board
        self._wall_clock = wall_clock
        self._on_refused = on_refused
        self._pending: dict[str, Quote] = {}
        self._clock: VenueClock | None = None
        self._clock_changed = False
        self._replace = False
        self._wake = asyncio.Event()

    def admit(
        self, quotes: Mapping[str, Quote], venue_now: datetime, corridors: Mapping[str, Corridor] | None = None
    ) -> dict[str, Quote]:
        """The quotes that may come in, jumps marked; the others are counted and logged, never kept."""
        admitted: dict[str, Quote] = {}
        for symbol, quote in quotes.items():
            reason = refusal_of(quote, venue_now=venue_now, asked=symbol)
            if reason is not None:
                self.refused_count += 1
                if self.refused_count <= REFUSALS_LOGGED:
                    log.warning("quote_refused", venue=self.venue, symbol=symbol[:20], reason=reason[:200])
                if self._on_refused is not None:
                    self._on_refused(symbol, quote, reason)
                continue
            corridor = corridors.get(symbol) if corridors else None
            admitted[symbol] = marked(quote, self.newest.get(symbol), corridor)
        self.newest.update(admitted)
        self._pending.update(admitted)
        return admitted

    def tell_clock(self, clock: VenueClock) -> None:
        """The venue's clock as of now; announced each second and at once when more than the time changed."""
        before = self._clock
        self._clock = clock
        if before is None or _fixed_part(before) != _fixed_part(clock):
            self._clock_changed = True
            self._wake.set()

    def announce(self) -> None:
        """Let what was admitted since the last call go out."""
        self._wake.set()

    def forget(self) -> None:
        """Drop every quote, here and on the board: a new run begins."""
        self.newest.clear()
        self._pending.clear()
        self._replace = True

    async def publish_until(self, stop: asyncio.Event, confirm: Callable[[], Awaitable[None]] | None = None) -> None:
        """Publish whatever is pending until `stop` is set; beats at least once a second. `confirm`: see replay_feed."""
        refreshed_at = beaten_at = 0.0
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), BEAT_SECS)
            self._wake.clear()
            if confirm is not None:
                await confirm()
            refresh = loop.time() - refreshed_at >= REFRESH_SECS
            beat = self._clock_changed or self._replace or loop.time() - beaten_at >= BEAT_SECS
            try:
                await self._publish(refresh=refresh, beat=beat)
            except Unavailable:
                log.warning("board_unavailable", venue=self.venue)
                refreshed_at = beaten_at = 0.0
                await asyncio.sleep(RETRY_SECS)
                self._wake.set()
                continue
            refreshed_at = loop.time() if refresh else refreshed_at
            beaten_at = loop.time() if beat else beaten_at

    async def _publish(self, *, refresh: bool, beat: bool) -> None:
        pending, self._pending = self._pending, {}
        changed, self._clock_changed = self._clock_changed, False
        replace, self._replace = self._replace, False
        try:
            await self._board.publish(
                self.venue,
                pending,
                clock=self._clock if beat else None,
                now=self._wall_clock(),
                refreshed=dict(self.newest) if refresh else None,
                replace=replace,
            )
        except Unavailable:
            self._pending = pending | self._pending
            self._clock_changed = self._clock_changed or changed
            self._replace = self._replace or replace
            raise


def _fixed_part(clock: VenueClock) -> tuple[object, ...]:
    return (clock.state, clock.session_on, clock.speed, clock.paused, clock.run_id, clock.seed, clock.note)
