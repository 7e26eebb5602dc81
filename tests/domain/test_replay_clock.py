"""The replay's clock: speed, pauses, nights within seconds, never backward."""

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from starkmatter.domain.replay_clock import CLOSED_WALL, ClockAnchor, reanchor, venue_time
from starkmatter.domain.sessions import Session, SessionCalendar

WALL = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MONDAY = datetime(2021, 3, 1, 14, 30, tzinfo=UTC)
LENGTH = timedelta(hours=6, minutes=30)
OPENS = [MONDAY + timedelta(days=day) for day in range(5)]
CALENDAR = SessionCalendar([Session(opens.date(), opens, opens + LENGTH) for opens in OPENS])


def anchor(speed: int = 10, venue_at: datetime = MONDAY, **options) -> ClockAnchor:
    return ClockAnchor(venue_at, WALL, speed, **options)


def secs(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_venue_time_runs_at_its_speed_inside_a_session():
    assert venue_time(anchor(10), CALENDAR, WALL + secs(7)) == MONDAY + secs(70)
    assert venue_time(anchor(60), CALENDAR, WALL + secs(7)) == MONDAY + secs(420)


def test_a_night_passes_within_seconds_at_any_speed():
    for speed in (1, 60):
        at_close = WALL + LENGTH / speed
        assert venue_time(anchor(speed), CALENDAR, at_close) == MONDAY + LENGTH
        assert venue_time(anchor(speed), CALENDAR, at_close + CLOSED_WALL) == MONDAY + timedelta(days=1)
        halfway = venue_time(anchor(speed), CALENDAR, at_close + CLOSED_WALL / 2)
        assert MONDAY + LENGTH < halfway < MONDAY + timedelta(days=1)


def test_nights_can_be_lived_through_at_the_speed_of_the_day():
    live = anchor(60, skip_closed=False)
    assert venue_time(live, CALENDAR, WALL + timedelta(days=1) / 60) == MONDAY + timedelta(days=1)


def test_a_long_night_at_a_slow_speed_is_lived_through_hour_by_hour():
    slow = anchor(2, skip_closed=False)
    assert venue_time(slow, CALENDAR, WALL + timedelta(hours=4)) == MONDAY + timedelta(hours=8)


def test_before_the_first_session_the_clock_jumps_to_its_open():
    early = anchor(1, venue_at=MONDAY - timedelta(days=3))
    assert venue_time(early, CALENDAR, WALL + secs(5)) == MONDAY + secs(5)


def test_after_the_last_close_time_rests():
    assert venue_time(anchor(60), CALENDAR, WALL + timedelta(days=9)) == CALENDAR.sessions[-1].closes_at


def test_a_pause_stops_time_and_resuming_continues_there():
    paused = reanchor(anchor(10), CALENDAR, WALL + secs(5), paused=True)
    assert venue_time(paused, CALENDAR, WALL + secs(500)) == MONDAY + secs(50)
    resumed = reanchor(paused, CALENDAR, WALL + secs(500), paused=False)
    assert venue_time(resumed, CALENDAR, WALL + secs(501)) == MONDAY + secs(60)


def test_a_change_of_speed_continues_from_the_same_instant():
    faster = reanchor(anchor(1), CALENDAR, WALL + secs(30), speed=60)
    assert venue_time(faster, CALENDAR, WALL + secs(30)) == MONDAY + secs(30)
    assert venue_time(faster, CALENDAR, WALL + secs(31)) == MONDAY + secs(90)


@example(1, False, [0, 0, 0, 0, 13_071_428_572], [1, 1, 1, 2, 1, 1, 1, 1])
@given(
    speed=st.integers(1, 60),
    skip_closed=st.booleans(),
    walls=st.lists(st.integers(-5_000_000, 400_000_000_000), min_size=2, max_size=8),
    changes=st.lists(st.integers(1, 60), min_size=8, max_size=8),
)
def test_venue_time_never_goes_backward_whatever_the_wall_clock_and_the_speeds_do(speed, skip_closed, walls, changes):
    clock, latest = anchor(speed, skip_closed=skip_closed), MONDAY
    for wall_us, following in zip(sorted(walls), changes, strict=False):
        wall = WALL + timedelta(microseconds=wall_us)
        shown = venue_time(clock, CALENDAR, wall)
        assert latest <= shown <= CALENDAR.sessions[-1].closes_at
        latest, clock = shown, reanchor(clock, CALENDAR, wall, speed=following)


@given(speed=st.integers(1, 60), wall_us=st.integers(0, 300_000_000_000))
def test_anchoring_again_on_the_way_changes_the_course_by_less_than_a_second(speed, wall_us):
    wall = WALL + timedelta(microseconds=wall_us)
    again = reanchor(anchor(speed), CALENDAR, WALL + timedelta(microseconds=wall_us // 2))
    drift = abs(venue_time(anchor(speed), CALENDAR, wall) - venue_time(again, CALENDAR, wall))
    assert drift <= timedelta(seconds=1)
