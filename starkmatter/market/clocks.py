"""What time it is at each venue: as the feed says it, else from the database, so that a dead cache blinds nobody."""

from datetime import date, datetime, timedelta
from weakref import WeakKeyDictionary

from redis.asyncio import Redis

from starkmatter.clock import monotonic_secs
from starkmatter.db.database import Database
from starkmatter.domain.market_hours import EXCHANGE as EXCHANGE
from starkmatter.domain.quotes import Venue, VenueClock
from starkmatter.domain.replay_clock import ClockAnchor, venue_time
from starkmatter.domain.sessions import Session, SessionCalendar
from starkmatter.errors import Unavailable
from starkmatter.market import queries
from starkmatter.market.board import QuoteBoard
from starkmatter.market.records import ReplayRunView

NEARBY = timedelta(days=15)
CALENDAR_KEPT_SECS = 600.0


async def venue_clock(db: Database, cache: Redis, venue: Venue, now: datetime) -> VenueClock:
    """The venue's clock at wall time `now`; Unavailable when the venue has never run."""
    if venue == "market":
        return await market_clock(db, now)
    try:
        return await QuoteBoard(cache).venue_clock(venue)
    except Unavailable:
        return await stored_replay_clock(db, now)


async def market_clock(db: Database, now: datetime) -> VenueClock:
    """The wall-clock market's state at `now`, from the stored sessions; Unavailable while none are stored."""
    return market_clock_at(await nearby_sessions(db, now), now)


def market_clock_at(calendar: SessionCalendar, now: datetime) -> VenueClock:
    """What the wall-clock market shows at `now`."""
    found = calendar.at(now)
    session_on = found.session.session_on if found.session else None
    return VenueClock("market", now, found.state, session_on, found.next_open, found.next_close)


_kept: "WeakKeyDictionary[Database, tuple[float, SessionCalendar]]" = WeakKeyDictionary()


async def nearby_sessions(db: Database, now: datetime) -> SessionCalendar:
    """The sessions around `now`, remembered for ten minutes so that an order needs no read of its own."""
    kept = _kept.get(db)
    if kept is not None and monotonic_secs() - kept[0] < CALENDAR_KEPT_SECS:
        return kept[1]
    calendar = await _sessions_between(db, now - NEARBY, now + NEARBY)
    if not len(calendar):
        raise Unavailable("The market's sessions are still being loaded. Try again in a moment.")
    _kept[db] = (monotonic_secs(), calendar)
    return calendar


async def stored_replay_clock(db: Database, now: datetime) -> VenueClock:
    """The replay's clock as its last checkpoint implies; it stands still where the worker would have to speak again."""
    run = await db.one(ReplayRunView, queries.CURRENT_RUN)
    ((_, ends_on),) = await db.tuples(queries.REPLAY_RANGE)
    if run is None or ends_on is None:
        raise Unavailable("The replay market has not started yet. Try again in a moment.")
    calendar = await _sessions_between(db, run.anchor_venue_at - NEARBY, run.horizon_venue_at + NEARBY)
    calendar = calendar.until(ends_on)
    anchor = ClockAnchor(run.anchor_venue_at, run.anchor_wall_at, run.speed, run.paused, run.skip_closed)
    venue_now = min(venue_time(anchor, calendar, now), max(run.horizon_venue_at, run.anchor_venue_at))
    return replay_clock(run, anchor, calendar, venue_now, ends_on)


def replay_clock(
    run: ReplayRunView, anchor: ClockAnchor, calendar: SessionCalendar, venue_now: datetime, ends_on: date
) -> VenueClock:
    """What the replay's clock shows at `venue_now`."""
    found = calendar.at(venue_now)
    return VenueClock(
        venue="replay",
        venue_now=venue_now,
        state=found.state,
        session_on=found.session.session_on if found.session else None,
        next_open=found.next_open,
        next_close=found.next_close,
        speed=anchor.speed,
        paused=anchor.paused,
        run_id=run.id,
        start_on=run.start_on,
        seed=run.seed,
        ends_on=ends_on,
    )


async def _sessions_between(db: Database, after: datetime, before: datetime) -> SessionCalendar:
    params = {"exchange": EXCHANGE, "after": after, "before": before}
    return SessionCalendar(await db.all(Session, queries.SESSIONS_BETWEEN, params))
