"""Trading sessions: which days a venue trades, from when to when, and what that makes of an instant."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from starkmatter.domain.quotes import SessionState

PRE_OPEN = timedelta(minutes=30)
EXCHANGE_ZONE = ZoneInfo("America/New_York")


def exchange_day(at: datetime) -> date:
    """The date on the exchange's wall clock."""
    return at.astimezone(EXCHANGE_ZONE).date()


def instant_of_day(on: date, now: datetime) -> datetime:
    """What stands for a day that was typed without an hour: noon at the exchange, which is that day in UTC as well.

    Of the day that is going on it is `now` as long as its noon is still to come. Aware, in UTC.
    """
    return by_now(datetime.combine(on, time(12), EXCHANGE_ZONE).astimezone(UTC), now)


def by_now(at: datetime, now: datetime) -> datetime:
    """The instant, but `now` for one that lies ahead in the day that is going on: so does the noon of that day."""
    return min(at, now) if exchange_day(at) == exchange_day(now) else at


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: it trades at `opens_at <= t < closes_at` (aware UTC). `session_on` is the exchange's date."""

    session_on: date
    opens_at: datetime
    closes_at: datetime

    @property
    def length_secs(self) -> int:
        return int((self.closes_at - self.opens_at).total_seconds())


@dataclass(frozen=True, slots=True)
class SessionAt:
    """Where an instant lies: the session it belongs to (the next one before an open) and what comes next."""

    state: SessionState
    session: Session | None
    next_open: datetime | None
    next_close: datetime | None


class SessionCalendar:
    """Sessions in order of time, without overlap. After the last one nothing trades again: `ended`."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._sessions = tuple(sessions)
        self._opens = [session.opens_at for session in self._sessions]
        self._of_day = {session.session_on: session for session in self._sessions}
        for before, after in pairwise(self._sessions):
            if after.opens_at < before.closes_at:
                raise ValueError(f"sessions {before.session_on} and {after.session_on} overlap or are out of order")

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def sessions(self) -> tuple[Session, ...]:
        return self._sessions

    def index_at(self, at: datetime) -> int:
        """Index of the last session that has opened by `at`; -1 before the first open."""
        return bisect_right(self._opens, at) - 1

    def session_on(self, day: date) -> Session | None:
        """The session dated `day`; None when there is none."""
        return self._of_day.get(day)

    def session_at(self, at: datetime) -> Session | None:
        """The session that trades at `at`; None when none does."""
        last = self.last_session(at)
        return last if last is not None and at < last.closes_at else None

    def last_session(self, at: datetime) -> Session | None:
        """The last session that has opened by `at`; None before the first open."""
        index = self.index_at(at)
        return self._sessions[index] if index >= 0 else None

    def on_or_after(self, day: date) -> Session | None:
        """The first session dated `day` or later."""
        return next((session for session in self._sessions if session.session_on >= day), None)

    def until(self, day: date) -> "SessionCalendar":
        """The same calendar without the sessions after `day`."""
        return SessionCalendar([session for session in self._sessions if session.session_on <= day])

    def at(self, instant: datetime) -> SessionAt:
        """State and neighbors of `instant`; the close itself is already `closed`."""
        index = self.index_at(instant)
        current = self._sessions[index] if index >= 0 else None
        following = self._sessions[index + 1] if index + 1 < len(self._sessions) else None
        next_open = following.opens_at if following else None
        if current is not None and instant < current.closes_at:
            return SessionAt("open", current, next_open, current.closes_at)
        if following is None:
            return SessionAt("ended", current, None, None)
        state: SessionState = "pre" if instant >= following.opens_at - PRE_OPEN else "closed"
        return SessionAt(state, following if state == "pre" else current, next_open, following.closes_at)
