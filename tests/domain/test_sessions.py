"""Sessions: half days, daylight saving time, the half hour before the open and the end of data."""

from datetime import UTC, date, datetime, timedelta

import pytest

from starkmatter.domain.sessions import Session, SessionCalendar, instant_of_day


def session(text: str) -> Session:
    """`2021-03-12 14:30-21:00` in UTC."""
    day, hours = text.split()
    opens, closes = (datetime.fromisoformat(f"{day}T{hour}+00:00") for hour in hours.split("-"))
    return Session(date.fromisoformat(day), opens, closes)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# the weekend of the change to daylight saving time, then the day after Thanksgiving
CALENDAR = SessionCalendar(
    [
        session("2021-03-12 14:30-21:00"),
        session("2021-03-15 13:30-20:00"),
        session("2021-11-24 14:30-21:00"),
        session("2021-11-26 14:30-18:00"),
    ]
)


@pytest.mark.parametrize(
    ("instant", "state", "session_on", "next_open"),
    [
        ("2021-03-12T13:00", "closed", None, "2021-03-12T14:30"),
        ("2021-03-12T14:00", "pre", "2021-03-12", "2021-03-12T14:30"),
        ("2021-03-12T14:30", "open", "2021-03-12", "2021-03-15T13:30"),
        ("2021-03-12T20:59:59", "open", "2021-03-12", "2021-03-15T13:30"),
        ("2021-03-12T21:00", "closed", "2021-03-12", "2021-03-15T13:30"),
        ("2021-03-13T15:00", "closed", "2021-03-12", "2021-03-15T13:30"),
        ("2021-03-15T13:00", "pre", "2021-03-15", "2021-03-15T13:30"),
        ("2021-11-25T16:00", "closed", "2021-11-24", "2021-11-26T14:30"),
        ("2021-11-26T17:59:59", "open", "2021-11-26", None),
        ("2021-11-26T18:00", "ended", "2021-11-26", None),
    ],
)
def test_state_of_an_instant(instant, state, session_on, next_open):
    found = CALENDAR.at(at(instant))
    assert found.state == state
    assert (found.session and found.session.session_on.isoformat()) == session_on
    assert found.next_open == (at(next_open) if next_open else None)


def test_lengths_of_whole_and_half_days():
    assert [one.length_secs / 3600 for one in CALENDAR.sessions] == [6.5, 6.5, 6.5, 3.5]


def test_sessions_out_of_order_are_refused():
    with pytest.raises(ValueError, match="out of order"):
        SessionCalendar([session("2021-03-15 13:30-20:00"), session("2021-03-12 14:30-21:00")])


def test_a_calendar_can_be_cut_and_searched_by_date():
    assert CALENDAR.on_or_after(date(2021, 3, 13)).session_on == date(2021, 3, 15)
    assert CALENDAR.on_or_after(date(2021, 11, 27)) is None
    assert len(CALENDAR.until(date(2021, 3, 31))) == 2
    assert CALENDAR.at(CALENDAR.sessions[0].opens_at - timedelta(days=9)).next_close == at("2021-03-12T21:00")


@pytest.mark.parametrize(
    ("now", "instant"),
    [
        ("2021-03-16 13:00", "2021-03-15 16:00"),  # noon of a day that is over, in summer
        ("2021-03-15 20:00", "2021-03-15 16:00"),
        ("2021-03-15 13:00", "2021-03-15 13:00"),  # before noon of that very day: now, which is not to come
        ("2021-03-15 03:00", "2021-03-15 16:00"),  # the evening before at the exchange: its day is to come
    ],
)
def test_a_day_without_an_hour_is_its_noon_or_now(now: str, instant: str) -> None:
    assert instant_of_day(date(2021, 3, 15), at(now)) == at(instant)
