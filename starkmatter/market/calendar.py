"""Trading sessions from the exchanges' published calendar, kept in `market_session`.

The calendar library brings pandas, so it is imported only here, by the worker, when sessions are missing; the web
process reads the table.
"""

import asyncio
import warnings
from datetime import date, timedelta
from typing import Any

from starkmatter.db.database import Database
from starkmatter.domain.market_hours import rule_of
from starkmatter.domain.sessions import Session, SessionCalendar
from starkmatter.market import queries

FIRST_SESSION_ON = date(2012, 12, 1)
AHEAD = timedelta(days=370)
REFRESH_AHEAD = timedelta(days=180)


async def load_calendar(db: Database, exchange: str) -> SessionCalendar:
    """All stored sessions of `exchange`; empty when the worker has not stored any yet."""
    return SessionCalendar(await db.all(Session, queries.SESSIONS, {"exchange": exchange}))


async def ensure_sessions(db: Database, exchange: str, today: date) -> None:
    """Store the sessions from FIRST_SESSION_ON to a year ahead unless half a year ahead is there already."""
    known_until: date | None = await db.value(queries.LAST_SESSION_ON, {"exchange": exchange})
    if known_until is not None and known_until >= today + REFRESH_AHEAD:
        return
    sessions = await asyncio.to_thread(published_sessions, exchange, FIRST_SESSION_ON, today + AHEAD)
    async with db.transaction() as connection:
        await connection.execute(queries.FORGET_SESSIONS, {"exchange": exchange})
        async with connection.cursor() as cursor, cursor.copy(queries.COPY_SESSIONS) as copy:
            for one in sessions:
                await copy.write_row((exchange, one.session_on, one.opens_at, one.closes_at))


def day_params(symbol: str) -> dict[str, Any]:
    """How statements tell the symbol's trading days apart: calendar, zone, shift of the wall clock, weekdays."""
    rule = rule_of(symbol)
    return {
        "exchange": rule.name,
        "zone": rule.zone_name,
        "shift": rule.shift,
        "weekdays": sorted(rule.weekdays),
    }


def published_sessions(exchange: str, start_on: date, end_on: date) -> list[Session]:
    """The exchange's sessions with half days and daylight saving time, as published."""
    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, about its use of pandas
        calendar = exchange_calendars.get_calendar(exchange, start=start_on.isoformat(), end=end_on.isoformat())
    return [
        Session(day.date(), opens.to_pydatetime(), closes.to_pydatetime())
        for day, opens, closes in zip(
            calendar.schedule.index, calendar.schedule["open"], calendar.schedule["close"], strict=True
        )
    ]
