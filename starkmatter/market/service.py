"""What pages, API, trading and the worker ask of the market. Checks of role are the caller's."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any

import orjson
from redis.asyncio import Redis

from starkmatter import clock
from starkmatter.db.database import Database
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.market_hours import rule_of
from starkmatter.domain.quotes import ROLL_UPS, SHOWN_INTERVALS, Bar, ShownInterval, Venue
from starkmatter.domain.replay_clock import MAX_SPEED, MIN_SPEED
from starkmatter.domain.sessions import SessionCalendar
from starkmatter.errors import InvalidInput, NotFound, Unavailable
from starkmatter.market import queries
from starkmatter.market.board import QuoteBoard
from starkmatter.market.calendar import day_params, load_calendar
from starkmatter.market.records import BarColumns, ReplayRunView, ReplayStatus

MAX_BARS = 20_000
MAX_INSTRUMENTS = 500
MAX_SEED = 2**31 - 1
REPLAY_EXCHANGE = "XNYS"


async def list_instruments(
    db: Database, query: str = "", limit: int = 50, *, venue: Venue = "replay"
) -> list[Instrument]:
    """Stored instruments of a venue whose symbol or name contains `query` (any case), exact and leading ones first."""
    text = query.strip()[:60]
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    params = {
        "venue": venue,
        "query": escaped,
        "pattern": f"%{escaped}%" if text else None,
        "limit": max(1, min(limit, MAX_INSTRUMENTS)),
    }
    return await db.all(Instrument, queries.INSTRUMENTS, params)


async def get_instrument(db: Database, symbol: str, *, venue: Venue = "replay") -> Instrument:
    """The venue's instrument, or NotFound."""
    found = await db.one(Instrument, queries.INSTRUMENT, {"venue": venue, "symbol": symbol})
    if found is None:
        raise NotFound(f"There is no instrument {symbol[:20]!r} on the {venue} market.")
    return found


async def instruments_named(db: Database, venue: Venue, symbols: Sequence[str]) -> dict[str, Instrument]:
    """The stored ones of `symbols`, by symbol."""
    params = {"venue": venue, "symbols": list(symbols)}
    return {one.symbol: one for one in await db.all(Instrument, queries.INSTRUMENTS_NAMED, params)}


def _bar_params(
    venue: Venue,
    symbol: str,
    interval: ShownInterval,
    start: datetime | None,
    end: datetime | None,
    limit: int,
    until: datetime,
) -> dict[str, Any]:
    """What the statements take. For bars that are rolled up it asks for parts enough to fill the outermost ones."""
    if interval not in SHOWN_INTERVALS:
        raise InvalidInput(f"interval: one of {', '.join(SHOWN_INTERVALS)}.")
    for name, at in (("start", start), ("end", end), ("until", until)):
        if at is not None and at.tzinfo is None:
            raise InvalidInput(f"{name}: give the instant with a time zone, such as 2021-03-01T14:30:00Z.")
    bars = max(1, min(limit, MAX_BARS))
    plain = {"venue": venue, "symbol": symbol, "interval": interval, "until": until, **day_params(symbol)}
    rolled = ROLL_UPS.get(interval)
    if rolled is None:
        return plain | {"start": start or "-infinity", "end": end or "infinity", "limit": bars}
    return plain | {
        "interval": rolled.base,
        "shown": interval,
        "span": rolled.span,
        "start": _moved(start, -rolled.span) or "-infinity",
        "end": _moved(end, rolled.span) or "infinity",
        "limit": (bars + 2) * rolled.parts,
        "first": start or "-infinity",
        "before": end or "infinity",
        "bars": bars,
    }


def bar_range(
    interval: ShownInterval, start: datetime | None, end: datetime | None, limit: int
) -> tuple[datetime | None, datetime | None, int]:
    """Which stored bars make the newest `limit` of [start, end), the outermost of them whole; how many at most."""
    rolled = ROLL_UPS[interval]
    return _moved(start, -rolled.span), _moved(end, rolled.span), (max(1, min(limit, MAX_BARS)) + 2) * rolled.parts


def _moved(at: datetime | None, by: timedelta) -> datetime | None:
    """The instant further out; None where the calendar ends."""
    try:
        return None if at is None else at + by
    except OverflowError:
        return None


async def load_bars(
    db: Database,
    venue: Venue,
    symbol: str,
    interval: ShownInterval,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 500,
    *,
    until: datetime,
) -> list[Bar]:
    """The newest `limit` bars with start <= starts_at < end, oldest first, as known at venue time `until`.

    The last one may still be growing. An unknown symbol has no bars. `until` is the venue's now: nothing that happens
    after it is in the answer, not even in the bar of that day. Intervals that are not stored are rolled up from those
    that are: none reaches over a session's end, weeks begin on Monday, and a bar whose parts do not all have a volume
    has none.
    """
    params = _bar_params(venue, symbol, interval, start, end, limit, until)
    rows = await db.tuples(queries.ROLLED_BARS if interval in ROLL_UPS else queries.BARS, params)
    rows.sort(key=itemgetter(0))
    return [Bar._make((symbol, interval, *row)) for row in rows[-max(1, min(limit, MAX_BARS)) :]]


async def load_bars_json(
    db: Database,
    venue: Venue,
    symbol: str,
    interval: ShownInterval,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 500,
    *,
    until: datetime,
) -> str:
    """The same bars as a JSON array that PostgreSQL writes: for the API and charts, without an object per row."""
    params = _bar_params(venue, symbol, interval, start, end, limit, until)
    head = orjson.dumps({"symbol": symbol, "interval": interval}).decode()[:-1] + ',"starts_at":"'
    statement = queries.ROLLED_BARS_JSON if interval in ROLL_UPS else queries.BARS_JSON
    text: str = await db.value(statement, params | {"head": head})
    return text


async def load_bar_columns(
    db: Database,
    venue: Venue,
    symbol: str,
    interval: ShownInterval,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = MAX_BARS,
    *,
    until: datetime,
) -> BarColumns:
    """The same bars as columns of floats, for what is computed over them: indicators, never money."""
    params = _bar_params(venue, symbol, interval, start, end, limit, until)
    statement = queries.ROLLED_BAR_COLUMNS if interval in ROLL_UPS else queries.BAR_COLUMNS
    return BarColumns(*(await db.tuples(statement, params))[0])


async def closes_before(db: Database, venue: Venue, symbols: list[str], until: datetime) -> dict[str, Decimal]:
    """Close of the last finished session of each symbol at venue time `until`; symbols without one are absent."""
    rows = await db.tuples(queries.CLOSES_BEFORE, {"venue": venue, "symbols": symbols, "until": until})
    return {symbol: close for symbol, close in rows if close is not None}


async def daily_closes(
    db: Database, venue: Venue, symbols: Sequence[str], since: datetime, until: datetime
) -> dict[str, dict[date, Decimal]]:
    """Closes of the sessions that began at or after `since` and were over by `until`, by the exchange's day.

    They are in shares of today; a symbol without one is absent.
    """
    asked = {"venue": venue, "symbols": list(symbols), "since": since, "until": until}
    rows = await db.tuples(queries.DAILY_CLOSES, asked)
    return {
        symbol: {rule_of(symbol).day_of(at): close for at, close in zip(starts, closes, strict=True)}
        for symbol, starts, closes in rows
    }


async def session_calendar(db: Database, exchange: str = REPLAY_EXCHANGE) -> SessionCalendar:
    """The stored sessions of an exchange; empty until the worker has run once."""
    return await load_calendar(db, exchange)


async def replay_status(db: Database, cache: Redis) -> ReplayStatus:
    """Where the replay stands and between which dates it can be set."""
    try:
        shown = await QuoteBoard(cache).venue_clock("replay")
    except Unavailable:
        shown = None
    bounds = await db.tuples(queries.REPLAY_RANGE)
    return ReplayStatus(
        run=await db.one(ReplayRunView, queries.CURRENT_RUN),
        clock=shown,
        pending_commands=int(await db.value(queries.COUNT_OPEN_COMMANDS)),
        history_starts_on=bounds[0][0],
        history_ends_on=bounds[0][1],
    )


async def steer_replay(
    db: Database,
    cache: Redis,
    *,
    speed: int | None = None,
    start_on: date | None = None,
    seed: int | None = None,
    paused: bool | None = None,
    skip_closed: bool | None = None,
) -> ReplayStatus:
    """Ask the worker to change the replay; it obeys within a second. The caller has checked that an admin asks.

    `speed` (1..60), `paused` and `skip_closed` change the present run. A `start_on` later than the venue's now moves it
    forward; an earlier one, or another `seed`, starts a new run. InvalidInput says what is out of range.
    """
    if speed is not None and not MIN_SPEED <= speed <= MAX_SPEED:
        raise InvalidInput(f"speed: from {MIN_SPEED} to {MAX_SPEED}.")
    if seed is not None and not 0 <= seed <= MAX_SEED:
        raise InvalidInput(f"seed: from 0 to {MAX_SEED}.")
    if start_on is not None:
        ((first, last),) = await db.tuples(queries.REPLAY_RANGE)
        if first is None or last is None:
            raise Unavailable("The replay's history is still being loaded. Try again in a moment.")
        if not first <= start_on <= last:
            raise InvalidInput(f"start_on: the replay's history runs from {first} to {last}.")
    if (speed, start_on, seed, paused, skip_closed) != (None,) * 5:
        params = {
            "speed": speed,
            "start_on": start_on,
            "seed": seed,
            "paused": paused,
            "skip_closed": skip_closed,
            "requested_at": clock.utc_now(),
        }
        await db.run(queries.PUT_COMMAND, params)
    return await replay_status(db, cache)
