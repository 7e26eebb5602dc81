"""When a symbol's market trades, by what the symbol is: the exchange's sessions, the week of currencies, or always.

A trading day of currencies begins at 17:00 in New York on the evening before and carries the date it ends on; the week
runs from Sunday's to Friday's 17:00 (the market's convention for the turn of the value date). Banks' holidays thin that
market and do not close it. A coin's day is UTC's, and one follows the other without a break.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol

from starkmatter.domain.instruments import class_of
from starkmatter.domain.quotes import VenueClock
from starkmatter.domain.sessions import EXCHANGE_ZONE, PRE_OPEN, Session, SessionAt, SessionCalendar

EXCHANGE = "XNYS"
DAY = timedelta(days=1)
WEEKDAYS = frozenset(range(5))


@dataclass(frozen=True, slots=True)
class DayRule:
    """Which trading day an instant belongs to: its date in `zone` once `shift` has been added to the wall clock.

    `name` is that of the calendar; only XNYS has stored sessions, since the others follow from the rule. `weekdays`
    are the dates that have a session (Monday is 0). `sessions_a_year` is what a year's figures count by.
    """

    name: str
    zone: tzinfo
    zone_name: str
    shift: timedelta
    weekdays: frozenset[int]
    sessions_a_year: int

    def day_of(self, at: datetime) -> date:
        """The trading day's date of an aware instant, whether anything trades on it or not."""
        return (at.astimezone(self.zone).replace(tzinfo=None) + self.shift).date()


SHARES = DayRule(EXCHANGE, EXCHANGE_ZONE, EXCHANGE_ZONE.key, timedelta(0), WEEKDAYS, 252)
CURRENCIES = DayRule("FX", EXCHANGE_ZONE, EXCHANGE_ZONE.key, timedelta(hours=7), WEEKDAYS, 260)
COINS = DayRule("24/7", UTC, "UTC", timedelta(0), frozenset(range(7)), 365)


def rule_of(symbol: str) -> DayRule:
    """How the symbol's trading days are counted."""
    return {"fx": CURRENCIES, "crypto": COINS}.get(class_of(symbol), SHARES)


class Hours(Protocol):
    """When a market trades. Instants are aware; a session trades at `opens_at <= t < closes_at`."""

    def session_on(self, day: date) -> Session | None:
        """The session of that date; None when there is none."""
        ...

    def session_at(self, at: datetime) -> Session | None:
        """The session that trades at this instant; None when none does."""
        ...

    def last_session(self, at: datetime) -> Session | None:
        """The last session that has opened by then; None before the first."""
        ...

    def at(self, instant: datetime) -> SessionAt:
        """State and neighbors of the instant; `next_close` is None where trading never ends."""
        ...


@dataclass(frozen=True, slots=True)
class RuledHours:
    """The hours of a market whose sessions follow from a rule: each lasts from one turn of the day to the next."""

    rule: DayRule

    def session_on(self, day: date) -> Session | None:
        """See the port."""
        if day.weekday() not in self.rule.weekdays:
            return None
        return Session(day, self._turn(day), self._turn(day + DAY))

    def session_at(self, at: datetime) -> Session | None:
        """See the port."""
        return self.session_on(self.rule.day_of(at))

    def last_session(self, at: datetime) -> Session | None:
        """See the port."""
        day = self.rule.day_of(at)
        return next(one for back in range(7) if (one := self.session_on(day - back * DAY)) is not None)

    def at(self, instant: datetime) -> SessionAt:
        """See the port. Sessions without a break between them are one opening: it closes with the last of them."""
        current = self.session_at(instant)
        if len(self.rule.weekdays) == 7:
            return SessionAt("open", current, None, None)
        day = self.rule.day_of(instant)
        if current is not None:
            last = self._last_before_a_break(day)
            return SessionAt("open", current, self._next_open(last + DAY).opens_at, self._turn(last + DAY))
        following = self._next_open(day)
        closes_at = self._turn(self._last_before_a_break(following.session_on) + DAY)
        soon = instant >= following.opens_at - PRE_OPEN
        session = following if soon else self.last_session(instant)
        return SessionAt("pre" if soon else "closed", session, following.opens_at, closes_at)

    def between(self, start: datetime, end: datetime) -> list[Session]:
        """The sessions that open at `start` or later and close by `end`, in order."""
        first, last = self.rule.day_of(start), self.rule.day_of(end)
        days = (first + number * DAY for number in range((last - first).days + 1))
        found = (one for day in days if (one := self.session_on(day)) is not None)
        return [one for one in found if one.opens_at >= start and one.closes_at <= end]

    def _turn(self, day: date) -> datetime:
        """The instant at which the trading day of that date begins."""
        return (datetime.combine(day, time(0)) - self.rule.shift).replace(tzinfo=self.rule.zone).astimezone(UTC)

    def _last_before_a_break(self, day: date) -> date:
        while (day + DAY).weekday() in self.rule.weekdays:
            day += DAY
        return day

    def _next_open(self, day: date) -> Session:
        return next(one for ahead in range(7) if (one := self.session_on(day + ahead * DAY)) is not None)


RULED: dict[str, RuledHours] = {"fx": RuledHours(CURRENCIES), "crypto": RuledHours(COINS)}


def hours_of(symbol: str, exchange: SessionCalendar) -> Hours:
    """The hours of the symbol's market; `exchange` are the sessions of shares, funds and indices."""
    return RULED.get(class_of(symbol), exchange)


def clock_of(symbol: str, clock: VenueClock) -> VenueClock:
    """What the venue's clock shows for this symbol: the state of its own market where that is not the exchange."""
    hours = RULED.get(class_of(symbol)) if clock.venue == "market" else None
    if hours is None:
        return clock
    found = hours.at(clock.venue_now)
    session_on = found.session.session_on if found.session else None
    return replace(
        clock, state=found.state, session_on=session_on, next_open=found.next_open, next_close=found.next_close
    )
