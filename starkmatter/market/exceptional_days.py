"""Which days of the coming year have no session, and which end early: from the stored calendar, with their names."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from starkmatter.db.database import Database
from starkmatter.domain.holidays import early_close_name, holiday_name
from starkmatter.domain.sessions import Session, exchange_day
from starkmatter.market import queries
from starkmatter.market.clocks import EXCHANGE

AHEAD = timedelta(days=370)
BACK = timedelta(days=10)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class ExceptionalDay:
    """A weekday without a session (`session` is None), or one whose session ends earlier than usual."""

    on: date
    name: str
    session: Session | None


@dataclass(frozen=True, slots=True)
class Sessions:
    """The next sessions, and what is out of the ordinary until `known_until`."""

    coming: list[Session]
    exceptions: list[ExceptionalDay]
    known_until: date | None


async def coming_sessions(db: Database, now: datetime, until_on: date | None = None, count: int = 10) -> Sessions:
    """From venue time `now` on, no further than `until_on`; empty while no calendar is stored."""
    params = {"exchange": EXCHANGE, "after": now - BACK, "before": now + AHEAD}
    stored = await db.all(Session, queries.SESSIONS_BETWEEN, params)
    known = [one for one in stored if until_on is None or one.session_on <= until_on]
    coming = [one for one in known if one.closes_at > now]
    if not coming:
        return Sessions([], [], None)
    usual_secs = Counter(one.length_secs for one in known).most_common(1)[0][0]
    by_day = {one.session_on: one for one in known}
    found = []
    day = exchange_day(now)
    while day <= coming[-1].session_on:
        session = by_day.get(day)
        if session is None and day.weekday() < SATURDAY:
            found.append(ExceptionalDay(day, holiday_name(day), None))
        elif session is not None and session.length_secs < usual_secs and session.closes_at > now:
            found.append(ExceptionalDay(day, early_close_name(day), session))
        day += timedelta(days=1)
    return Sessions(coming[:count], found, coming[-1].session_on)
