"""The lender at work in the worker: nights are charged when a session has closed, calls looked at all the time."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

import structlog

from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.errors import Unavailable
from starkmatter.trading.lending import queries
from starkmatter.trading.lending.calls import Told, follow_call
from starkmatter.trading.lending.financing import charge_nights
from starkmatter.trading.lending.records import CallView, Held, LendingAccount
from starkmatter.trading.lending.state import newest_prices, positions_at

LOOK_SECS = 1.0

log = structlog.get_logger("lending")


class LendingDesk:
    """Fed with every batch of its venue, before orders are matched against it."""

    def __init__(self, b: Backends, venue: Venue) -> None:
        self._b = b
        self._venue: Venue = venue
        self._prices: dict[str, Decimal] = {}
        self._hour: tuple[int | None, date | None, str] | None = None
        self._looked_at = float("-inf")
        self._run_id: int | None = None

    async def charge(self, clock: VenueClock) -> None:
        """Charge the nights of sessions that have closed, when the hour has changed; by what is held now.

        Never raises for a server that is away: the next batch does what is left.
        """
        hour = (clock.run_id, clock.session_on, clock.state)
        if hour == self._hour:
            return
        try:
            await charge_nights(self._b.db, self._venue, clock.venue_now)
        except Unavailable:
            log.debug("nights wait", venue=self._venue, why="the database does not answer")
            return
        self._hour = hour

    async def on_quotes(self, clock: VenueClock, quotes: Mapping[str, Quote]) -> list[Told]:
        """What owners have to hear. Never raises for a server that is away: the next batch does what is left."""
        if clock.run_id != self._run_id:
            self._prices.clear()
            self._run_id = clock.run_id
        self._prices.update({symbol: quote.last for symbol, quote in quotes.items()})
        await self.charge(clock)
        try:
            if monotonic_secs() - self._looked_at < LOOK_SECS:
                return []
            told = await self.look(clock)
        except Unavailable:
            log.debug("calls wait", venue=self._venue, why="the database does not answer")
            return []
        self._looked_at = monotonic_secs()
        return told

    async def look(self, clock: VenueClock) -> list[Told]:
        """Hold every margin account of the venue against what it has to keep."""
        accounts = await self._b.db.all(LendingAccount, queries.LENDING_ACCOUNTS, (self._venue,))
        if not accounts:
            return []
        ids = [one.id for one in accounts]
        held: dict[UUID, list[Held]] = defaultdict(list)
        for one in await self._b.db.all(Held, queries.HELD, (ids,)):
            held[one.account_id].append(one)
        calls = {one.account_id: one for one in await self._b.db.all(CallView, queries.OPEN_CALL, (ids,))}
        unknown = sorted({one.symbol for rows in held.values() for one in rows} - self._prices.keys())
        if unknown:
            self._prices |= await newest_prices(self._b, self._venue, unknown)
        found = []
        for account in accounts:
            positions = positions_at(held[account.id], self._prices)
            told = await follow_call(self._b, account, positions, calls.get(account.id), clock)
            if told is not None:
                label = "[REPLAY] " if self._venue == "replay" else ""
                found.append(replace(told, subject=f"{label}{told.subject}"))
        return found
