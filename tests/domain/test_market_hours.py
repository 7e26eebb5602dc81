"""When currencies and coins trade: sessions that follow each other, the weekend, clocks that change, a leap day."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain.freshness import is_late, is_stale
from starkmatter.domain.market_hours import COINS, CURRENCIES, RULED, SHARES, clock_of, hours_of, rule_of
from starkmatter.domain.quotes import Quote, VenueClock
from starkmatter.domain.sessions import SessionCalendar
from starkmatter.market.published import published_sessions
from tests.builders import open_clock, quote
from tests.domain.test_sessions import CALENDAR

NEW_YORK = ZoneInfo("America/New_York")
FX, COIN = RULED["fx"], RULED["crypto"]
instants = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))
NOTHING = SessionCalendar([])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(instants)
def test_an_instant_lies_in_the_one_session_that_its_day_names(instant: datetime) -> None:
    for hours in (FX, COIN):
        day = hours.rule.day_of(instant)
        session = hours.session_at(instant)
        assert session == hours.session_on(day)
        around = [hours.session_on(day + timedelta(days=by)) for by in (-2, -1, 0, 1, 2)]
        holding = [one for one in around if one is not None and one.opens_at <= instant < one.closes_at]
        assert holding == ([session] if session is not None else [])


@given(instants)
def test_sessions_neither_overlap_nor_leave_a_break_inside_the_week(instant: datetime) -> None:
    for hours in (FX, COIN):
        found = hours.between(instant, instant + timedelta(days=40))
        for before, after in pairwise(found):
            weekend = hours is FX and after.session_on.weekday() == 0
            assert after.opens_at - before.closes_at == (_weekend(before.session_on) if weekend else timedelta(0))
        assert SessionCalendar(found).sessions == tuple(found)


def _weekend(friday: date) -> timedelta:
    """Two days, an hour less or more when the clocks change on that Sunday."""
    edges = (datetime.combine(friday + timedelta(days=by), time(17), NEW_YORK).astimezone(UTC) for by in (0, 2))
    first, last = edges
    return last - first


@given(instants)
def test_state_and_neighbors_agree_with_the_wall_clock_of_new_york(instant: datetime) -> None:
    local = instant.astimezone(NEW_YORK)
    minutes = local.weekday() * 1440 + local.hour * 60 + local.minute
    closes, opens = 4 * 1440 + 17 * 60, 6 * 1440 + 17 * 60
    state = "open" if not closes <= minutes < opens else "pre" if minutes >= opens - 30 else "closed"
    found = FX.at(instant)
    assert found.state == state
    assert found.next_open is not None
    assert found.next_close is not None
    for edge, weekday in ((found.next_open, 6), (found.next_close, 4)):
        assert instant < edge <= instant + timedelta(days=15)
        assert (edge.astimezone(NEW_YORK).weekday(), edge.astimezone(NEW_YORK).time()) == (weekday, time(17))
    assert (found.next_close < found.next_open) == (state == "open")


@given(instants)
def test_coins_trade_always_and_never_close(instant: datetime) -> None:
    found = COIN.at(instant)
    assert (found.state, found.next_open, found.next_close) == ("open", None, None)
    assert found.session is not None
    assert found.session.length_secs == 86_400


def test_coins_keep_the_published_calendar_that_never_closes() -> None:
    published = published_sessions("24/7", date(2024, 2, 1), date(2024, 3, 31))
    assert COIN.between(at("2024-02-01T00:00"), at("2024-04-01T00:00")) == published


@pytest.mark.parametrize(
    ("sunday", "turn", "before"),
    [("2026-03-08", "21:00", "22:00"), ("2026-11-01", "22:00", "21:00")],
)
def test_the_week_in_which_clocks_change_begins_at_five_in_new_york(sunday: str, turn: str, before: str) -> None:
    monday = FX.session_on(date.fromisoformat(sunday) + timedelta(days=1))
    friday = FX.session_on(date.fromisoformat(sunday) - timedelta(days=2))
    assert monday is not None
    assert friday is not None
    assert monday.opens_at == at(f"{sunday}T{turn}")
    assert f"{friday.closes_at:%H:%M}" == before
    assert monday.length_secs == friday.length_secs == 86_400


def test_a_leap_day_is_a_day_like_others() -> None:
    for hours in (FX, COIN):
        found = hours.session_on(date(2024, 2, 29))
        assert found is not None
        assert found.length_secs == 86_400
        assert hours.rule.day_of(found.opens_at) == hours.rule.day_of(found.closes_at - timedelta(seconds=1))
    assert hours_of("BTC-USD", NOTHING).session_on(date(2023, 2, 28)) is not None


def test_what_a_symbol_is_decides_its_hours() -> None:
    assert rule_of("AAPL") is rule_of("^GSPC") is rule_of("BRK.B") is SHARES
    assert rule_of("EUR-USD") is CURRENCIES
    assert rule_of("BTC-USD") is COINS
    assert hours_of("AAPL", CALENDAR) is CALENDAR
    assert CALENDAR.session_at(CALENDAR.sessions[0].closes_at) is None
    assert CALENDAR.last_session(CALENDAR.sessions[0].closes_at) == CALENDAR.sessions[0]
    assert CALENDAR.last_session(CALENDAR.sessions[0].opens_at - timedelta(seconds=1)) is None


SATURDAY = at("2026-11-28T15:00")


def _clock(now: datetime) -> VenueClock:
    return open_clock(venue="market", run_id=None, venue_now=now, state="closed")


def _quote(symbol: str, secs_ago: float, now: datetime) -> Quote:
    return quote(f"{symbol} 100.00/100.05", at=now - timedelta(seconds=secs_ago))


def test_on_a_saturday_a_pair_is_closed_and_not_stale_and_a_silent_coin_is_stale() -> None:
    clock = _clock(SATURDAY)
    assert not is_stale(_quote("EUR-USD", 60_000, SATURDAY), clock)
    assert is_stale(_quote("BTC-USD", 61, SATURDAY), clock)
    assert is_late(_quote("BTC-USD", 20, SATURDAY), clock)
    assert not is_stale(_quote("BTC-USD", 5, SATURDAY), clock)
    assert not is_stale(_quote("AAPL", 60_000, SATURDAY), clock)


def test_at_night_a_pair_ages_while_shares_rest() -> None:
    night = at("2026-11-25T03:00")
    assert is_stale(_quote("EUR-USD", 61, night), _clock(night))
    assert not is_stale(_quote("AAPL", 61, night), _clock(night))


def test_the_clock_of_a_symbol_is_the_venues_but_for_pairs_and_coins() -> None:
    clock = _clock(SATURDAY)
    assert clock_of("AAPL", clock) is clock
    assert clock_of("BTC-USD", clock).state == "open"
    pair = clock_of("EUR-USD", clock)
    assert (pair.state, pair.next_open) == ("closed", at("2026-11-29T22:00"))
    replay = open_clock(venue="replay")
    assert clock_of("BTC-USD", replay) is replay
