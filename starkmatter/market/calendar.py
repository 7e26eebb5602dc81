"""Trading sessions from the exchanges' published calendar, kept in `market_session`.

The worker has them worked out when some are missing; everybody else reads the table.
"""

from datetime import date, timedelta
from typing import Any

from starkmatter.db.database import Database
from starkmatter.domain.market_hours import rule_of
from starkmatter.domain.sessions import Session, SessionCalendar
from starkmatter.market import queries
from starkmatter.market.published import sessions_from_outside

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
    sessions = await sessions_from_outside(exchange, FIRST_SESSION_ON, today + AHEAD)
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
