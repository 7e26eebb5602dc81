"""Phases of whole and half days, and the instant at which an order's time is over."""

from datetime import UTC, date, datetime

import pytest

from starkmatter.domain.sessions import Session
from starkmatter.domain.trading_hours import may_trade, over_because, phase_at
from tests.domain.market_text import order

FULL = Session(
    date(2021, 11, 24), datetime(2021, 11, 24, 14, 30, tzinfo=UTC), datetime(2021, 11, 24, 21, 0, tzinfo=UTC)
)
HALF = Session(
    date(2021, 11, 26), datetime(2021, 11, 26, 14, 30, tzinfo=UTC), datetime(2021, 11, 26, 18, 0, tzinfo=UTC)
)


def at(session: Session, clock: str) -> datetime:
    """`"18:00"` of the session's date in UTC; `"+01:00"` an hour past midnight."""
    day = session.session_on.toordinal() + (1 if clock.startswith("+") else 0)
    return datetime.combine(date.fromordinal(day), datetime.strptime(clock.lstrip("+"), "%H:%M").time(), tzinfo=UTC)


@pytest.mark.parametrize(
    ("session", "clock", "phase"),
    [
        (FULL, "08:59", "closed"),
        (FULL, "09:00", "pre"),
        (FULL, "14:29", "pre"),
        (FULL, "14:30", "open"),
        (FULL, "20:59", "open"),
        (FULL, "21:00", "post"),
        (FULL, "+00:59", "post"),
        (FULL, "+01:00", "closed"),
        (HALF, "17:59", "open"),
        (HALF, "18:00", "post"),
        (HALF, "21:59", "post"),
        (HALF, "22:00", "closed"),
    ],
)
def test_a_day_has_phases_and_a_half_day_ends_early(session: Session, clock: str, phase: str) -> None:
    assert phase_at(session, at(session, clock)) == phase


def test_without_a_session_the_market_is_closed() -> None:
    assert phase_at(None, FULL.opens_at) == "closed"


@pytest.mark.parametrize(
    ("text", "phases"),
    [
        ("buy 1", "open"),
        ("buy 1 limit lmt=1", "open"),
        ("buy 1 limit lmt=1 ext", "pre open post"),
        ("buy 1 ext", "open"),
    ],
)
def test_who_takes_part_when(text: str, phases: str) -> None:
    for phase in ("pre", "open", "post", "closed"):
        assert may_trade(order(text), phase) is (phase in phases.split())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "session", "clock", "over"),
    [
        ("buy 1", FULL, "20:59", None),
        ("buy 1", FULL, "21:00", "The session closed."),
        ("buy 1", HALF, "18:00", "The session closed."),
        ("buy 1 limit lmt=1 ext", FULL, "21:00", None),
        ("buy 1 limit lmt=1 ext", FULL, "+01:00", "The session closed."),
        ("buy 1 limit lmt=1 ext", HALF, "22:00", "The session closed."),
        ("buy 1 gtc", FULL, "+23:00", None),
        ("buy 1 gtd 2021-11-24", FULL, "20:59", None),
        ("buy 1 gtd 2021-11-24", FULL, "21:00", "Its last day is over."),
        ("buy 1 gtd 2021-11-25", FULL, "21:00", None),
        ("buy 1 gtd 2021-11-25", HALF, "00:00", "Its last day is over."),
        ("buy 1 gtd 2021-11-26", HALF, "17:59", None),
        ("buy 1 opg", FULL, "14:29", None),
        ("buy 1 opg", FULL, "14:30", "The opening auction is over."),
        ("buy 1 cls", HALF, "17:59", None),
        ("buy 1 cls", HALF, "18:00", "The closing auction is over."),
        ("buy 1 ioc", FULL, "21:00", None),
    ],
)
def test_an_order_is_over_when_its_time_is(text: str, session: Session, clock: str, over: str | None) -> None:
    words = text.split()
    last = date.fromisoformat(words.pop()) if "gtd" in words else None
    assert over_because(order(" ".join(words), expires_on=last), session, at(session, clock)) == over
