"""The replay in the worker: continuity over restarts, commands, the end of data, and no look into the future."""

import asyncio
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from redis.asyncio import Redis

from starkmatter.domain.quotes import INTERVALS
from starkmatter.domain.replay import price_of
from starkmatter.errors import InvalidInput, NotFound, Unavailable
from starkmatter.market import replay_feed
from starkmatter.market.board import QuoteBoard
from starkmatter.market.clocks import market_clock, venue_clock
from starkmatter.market.feed import Feed
from starkmatter.market.providers.replay import ReplayHistory, build_day
from starkmatter.market.replay_feed import Replay, run_replay_feed
from starkmatter.market.replay_runs import resume_or_start
from starkmatter.market.service import (
    closes_before,
    get_instrument,
    list_instruments,
    load_bars,
    load_bars_json,
    replay_status,
    steer_replay,
)
from starkmatter.settings import Settings

OPEN = datetime(2021, 3, 1, 14, 30, tzinfo=UTC)


def settings(**changes) -> Settings:
    named = {f"STARKMATTER_REPLAY_{name.upper()}": value for name, value in changes.items()}
    return Settings(**named, _env_file=None)


@pytest.fixture(autouse=True)
def short_backfill(monkeypatch):
    """Five sessions of every interval are enough to test with."""
    monkeypatch.setattr(replay_feed, "BACKFILL_SESSIONS", dict.fromkeys(("1m", "5m", "15m", "1h"), 5))


class Seen:
    """Every batch the worker's matching engine would be given."""

    def __init__(self) -> None:
        self.batches = []

    async def __call__(self, clock, quotes):
        self.batches.append((clock, quotes))

    @property
    def ticks(self) -> list[tuple[str, datetime, Decimal]]:
        return [(q.symbol, q.observed_at, q.last) for _, quotes in self.batches for q in quotes.values()]


@pytest.fixture
def worker(market_db, cache, history, calendar, wall):
    """Starts a worker's replay on the prepared database, as a fresh process would; `of` these symbols alone.

    A symbol's path is its own, whichever others are played, and whole sessions of all 26 take long.
    """

    async def start(seen=None, of=None, on_bars=None, **changes) -> Replay:
        run = await resume_or_start(market_db, settings(**changes), history, calendar)
        feed = Feed("replay", QuoteBoard(cache), wall)
        played = ReplayHistory({name: one for name, one in history.symbols.items() if of is None or name in of})
        assert played.ends_on == history.ends_on
        replay = Replay(market_db, feed, played, calendar, run, seen, *([on_bars] if on_bars else []))
        await replay.open(wall())
        return replay

    return start


async def run_for(replay: Replay, wall, secs: float) -> None:
    """Let the wall clock run in tenths of a second, with a checkpoint every four seconds, as the worker does."""
    for tenth in range(round(secs * 10)):
        if tenth % 40 == 0:
            await replay.checkpoint()
        await replay.advance(wall.pass_secs(0.1))


async def test_a_new_home_starts_at_the_open_of_the_start_date(worker, wall):
    seen = Seen()
    replay = await worker(seen)
    await run_for(replay, wall, 2)
    assert replay.venue_now == OPEN + timedelta(seconds=20)
    first_clock, first_quotes = seen.batches[0]
    assert first_clock.state == "open"
    assert len(first_quotes) == 26


async def test_on_batch_gets_every_second_in_order_at_any_speed(worker, wall, market_db):
    streams = []
    for speed in (10, 60):
        seen = Seen()
        await market_db.run("DELETE FROM replay_run")
        replay = await worker(seen, speed=speed)
        await run_for(replay, wall, 120 / speed)
        ticks = [tick for tick in seen.ticks if tick[1] < OPEN + timedelta(seconds=110)]
        streams.append(sorted(set(ticks)))
        instants = [clock.venue_now for clock, _ in seen.batches]
        assert instants == sorted(instants)
        assert all(q.observed_at <= clock.venue_now for clock, quotes in seen.batches for q in quotes.values())
    assert streams[0] == streams[1]


async def test_a_worker_that_stopped_in_order_continues_at_the_same_second(worker, wall):
    replay = await worker()
    await run_for(replay, wall, 5)
    stopped_at = replay.venue_now
    await replay.close(wall())
    wall.pass_secs(8 * 3600)
    again = await worker()
    assert again.run.id == replay.run.id
    assert again.venue_now == stopped_at
    await run_for(again, wall, 1)
    assert again.venue_now == stopped_at + timedelta(seconds=10)


async def test_a_worker_that_crashed_continues_within_seconds_and_never_goes_back(worker, wall):
    replay = await worker(speed=60)
    await run_for(replay, wall, 7.3)
    crashed_at = replay.venue_now
    wall.pass_secs(1.0)
    again = await worker(speed=60)
    assert crashed_at <= again.venue_now <= crashed_at + timedelta(seconds=10 * 60)
    assert again.run.id == replay.run.id


async def test_without_the_database_the_clock_stands_still_at_its_horizon(worker, wall):
    replay = await worker(speed=60)
    await replay.checkpoint()
    for _ in range(300):
        await replay.advance(wall.pass_secs(0.1))
    assert replay.venue_now == OPEN + timedelta(minutes=10)
    await replay.checkpoint()
    await replay.advance(wall.pass_secs(0.1))
    assert replay.venue_now == OPEN + timedelta(minutes=10, seconds=6)


async def test_a_suspended_machine_is_a_pause(worker, wall):
    replay = await worker(speed=10)
    await run_for(replay, wall, 4)
    wall.pass_secs(12 * 3600)
    await replay.advance(wall())
    assert replay.venue_now <= OPEN + timedelta(seconds=40 + 100)


async def test_a_night_passes_within_seconds_and_the_next_day_opens(worker, wall):
    seen = Seen()
    replay = await worker(seen, of={"AAPL", "KO"}, speed=60)
    for _ in range(100):
        await replay.checkpoint()
        await replay.advance(wall.pass_secs(4))
    assert replay.venue_now > OPEN + timedelta(days=1)
    days = {clock.session_on for clock, _ in seen.batches}
    assert days == {date(2021, 3, 1), date(2021, 3, 2)}
    closes = [q.last for clock, quotes in seen.batches for q in quotes.values() if q.symbol == "AAPL"]
    assert Decimal("127.79") in closes  # the real close of 1 March 2021


async def test_matching_is_told_of_the_close_and_of_the_end(worker, wall):
    seen = Seen()
    replay = await worker(seen, of={"AAPL", "KO"}, start_on=date(2023, 9, 20), speed=60)
    for _ in range(300):
        await replay.checkpoint()
        await replay.advance(wall.pass_secs(3))
    told = [(clock.session_on.day, clock.state) for clock, quotes in seen.batches if not quotes]
    assert told[0] == (20, "closed")
    assert told[-1] == (21, "ended")
    assert all(clock.state == "open" for clock, quotes in seen.batches if quotes)


async def test_matching_is_told_that_a_symbol_no_longer_trades(worker, wall):
    seen = Seen()
    replay = await worker(seen, of={"AAPL", "XOM"}, start_on=date(2022, 12, 28), speed=60)
    for _ in range(105):
        await replay.checkpoint()
        await replay.advance(wall.pass_secs(4))
    assert replay.venue_now.date() == date(2022, 12, 29)
    (last,) = {quotes["XOM"].condition for _, quotes in seen.batches[-2_000:] if "XOM" in quotes} - {"normal"}
    assert last == "halted"
    instants = [clock.venue_now for clock, _ in seen.batches]
    assert instants == sorted(instants)


async def test_an_admin_changes_speed_and_pause_within_the_run(worker, wall, market_db, cache):
    replay = await worker()
    await run_for(replay, wall, 1)
    status = await steer_replay(market_db, cache, speed=60, paused=True)
    assert status.pending_commands == 1
    await replay.obey()
    paused_at = replay.venue_now
    await run_for(replay, wall, 5)
    assert replay.venue_now <= paused_at + timedelta(seconds=1)
    await steer_replay(market_db, cache, paused=False)
    await replay.obey()
    resumed_at = replay.venue_now
    await run_for(replay, wall, 1)
    assert replay.venue_now == resumed_at + timedelta(seconds=60)
    status = await replay_status(market_db, cache)
    assert (status.run.id, status.run.speed, status.pending_commands) == (replay.run.id, 60, 0)


async def test_going_back_or_another_seed_starts_a_new_run_and_going_forward_does_not(worker, wall, market_db, cache):
    replay = await worker()
    await run_for(replay, wall, 1)
    first = replay.run.id
    await steer_replay(market_db, cache, start_on=date(2021, 6, 1))
    await replay.obey()
    await run_for(replay, wall, 1)
    assert replay.run.id == first
    assert replay.venue_now == datetime(2021, 6, 1, 13, 30, 10, tzinfo=UTC)
    await steer_replay(market_db, cache, start_on=date(2020, 2, 3))
    await replay.obey()
    await run_for(replay, wall, 1)
    second = replay.run.id
    assert second > first
    assert replay.venue_now == datetime(2020, 2, 3, 14, 30, 10, tzinfo=UTC)
    await steer_replay(market_db, cache, seed=99)
    await replay.obey()
    assert replay.run.id > second
    assert (replay.run.seed, replay.run.start_on) == (99, date(2020, 2, 3))
    assert await market_db.value("SELECT count(*) FROM replay_run WHERE ended_at IS NULL") == 1


@pytest.mark.parametrize(
    "wrong",
    [{"speed": 0}, {"speed": 61}, {"seed": -1}, {"start_on": date(2012, 12, 31)}, {"start_on": date(2023, 9, 22)}],
)
async def test_a_command_out_of_range_is_refused_in_words(wrong, market_db, cache):
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        await steer_replay(market_db, cache, **wrong)
    assert (await replay_status(market_db, cache)).pending_commands == 0


async def test_changed_settings_count_as_a_command_at_the_next_start(worker, wall):
    first = await worker()
    faster = await worker(speed=30)
    assert (faster.run.id, faster.run.speed) == (first.run.id, 30)
    other = await worker(speed=30, seed=8)
    assert other.run.id > first.run.id


async def test_symbols_whose_data_ended_are_halted_at_their_last_close(worker, wall):
    replay = await worker(start_on=date(2023, 5, 1))
    await run_for(replay, wall, 1)
    quotes = replay._feed.newest
    assert quotes["XOM"].condition == "halted"
    assert (quotes["XOM"].bid, quotes["XOM"].ask) == (None, None)
    assert quotes["XOM"].observed_at == datetime(2022, 12, 28, 21, 0, tzinfo=UTC)
    assert quotes["AAPL"].condition == "normal"
    assert quotes["AAPL"].bid < quotes["AAPL"].ask


async def test_the_run_ends_with_the_data_and_an_admin_can_start_again(worker, wall, market_db, cache):
    seen = Seen()
    replay = await worker(seen, of={"AAPL", "KO"}, start_on=date(2023, 9, 21), speed=60)
    for _ in range(120):
        await replay.checkpoint()
        await replay.advance(wall.pass_secs(4))
    shown = replay.clock_at(replay.venue_now)
    assert (shown.state, shown.next_open) == ("ended", None)
    assert replay.venue_now == datetime(2023, 9, 21, 20, 0, tzinfo=UTC)
    assert seen.ticks[-1][1] == datetime(2023, 9, 21, 19, 59, 59, tzinfo=UTC)
    await steer_replay(market_db, cache, start_on=date(2021, 3, 1))
    await replay.obey()
    await run_for(replay, wall, 1)
    assert replay.clock_at(replay.venue_now).state == "open"


async def test_an_overnight_gap_that_really_happened_is_not_suspect(worker, wall, market_db, cache):
    replay = await worker(of={"AAPL", "META"}, start_on=date(2022, 2, 2), speed=60)  # META lost 26 % overnight
    for _ in range(105):
        await replay.checkpoint()
        await replay.advance(wall.pass_secs(4))
    assert replay.venue_now.date() == date(2022, 2, 3)
    assert replay._feed.newest["META"].last < Decimal(260)
    assert replay._feed.newest["META"].condition == "normal"


async def everything_visible(db, until):
    return {name: await load_bars(db, "replay", "AAPL", name, limit=5_000, until=until) for name in INTERVALS}


async def test_no_bar_says_anything_of_the_future_of_the_venue(worker, wall, market_db, history, calendar):
    """Every bar that can be read at some venue time equals one built from the ticks up to then."""
    replay = await worker(of={"AAPL", "KO"}, speed=60)
    await replay._fill(replay.run)
    for secs in (0.5, 3, 17, 64, 130):
        await run_for(replay, wall, secs)
        await replay.store_bars()
        now = replay.venue_now
        day = build_day(history, 7, calendar.on_or_after(now.date()))
        so_far = day.paths["AAPL"].last[: day.step_at(now) + 1]
        for name, bars in (await everything_visible(market_db, now)).items():
            assert bars, name
            newest = bars[-1]
            assert newest.starts_at <= now
            assert newest.close == price_of(so_far[-1]) or newest.starts_at + INTERVALS[name] <= now
            today = [bar for bar in bars if bar.starts_at >= day.session.opens_at]
            assert max((bar.high for bar in today), default=Decimal(0)) <= price_of(so_far.max())
            assert [bar.starts_at for bar in bars] == sorted({bar.starts_at for bar in bars})
        (today,) = await load_bars(market_db, "replay", "AAPL", "1d", start=day.session.opens_at, until=now)
        assert (today.high, today.low) == (price_of(so_far.max()), price_of(so_far.min()))


async def test_bars_are_told_as_they_grow_and_once_when_they_are_finished(worker, wall, market_db):
    finished, growing = [], []

    async def on_bars(done, grew):
        finished.extend(done)
        growing.append({(bar.symbol, bar.interval): bar for bar in grew})

    replay = await worker(of={"AAPL"}, on_bars=on_bars, speed=60)
    for _ in range(7):
        await run_for(replay, wall, 1)
        await replay.store_bars()
    assert [set(told) for told in growing] == [{("AAPL", name) for name in INTERVALS}] * 7
    minutes = [bar for bar in finished if bar.interval == "1m"]
    stored = await load_bars(market_db, "replay", "AAPL", "1m", start=OPEN, until=replay.venue_now)
    assert minutes == stored[: len(minutes)]
    assert len(minutes) in (6, 7)
    for told in growing:
        assert len({bar.close for bar in told.values()}) == 1
        assert told["AAPL", "1d"].starts_at == OPEN


async def test_after_going_back_in_time_the_days_that_were_seen_are_unseen_again(worker, wall, market_db, cache):
    replay = await worker(speed=60)
    await run_for(replay, wall, 30)
    await replay.store_bars()
    await steer_replay(market_db, cache, start_on=date(2021, 2, 1))
    await replay.obey()
    await run_for(replay, wall, 1)
    await replay.store_bars()
    for bars in (await everything_visible(market_db, replay.venue_now)).values():
        assert all(bar.starts_at <= replay.venue_now for bar in bars)
    closes = await closes_before(market_db, "replay", ["AAPL", "NOPE"], replay.venue_now)
    assert closes == {"AAPL": Decimal("131.96")}  # Friday, 29 January 2021


async def test_backfill_fills_five_sessions_and_repeating_it_changes_nothing(worker, wall, market_db):
    replay = await worker()
    await replay._fill(replay.run)
    minutes = await load_bars(market_db, "replay", "XOM", "1m", limit=10_000, until=replay.venue_now)
    assert len(minutes) == 5 * 390
    assert minutes[-1].starts_at == datetime(2021, 2, 26, 20, 59, tzinfo=UTC)
    assert {bar.note for bar in minutes} == {"path_synthesized"}
    count = await market_db.value("SELECT count(*) FROM bar")
    await replay._fill(replay.run)
    assert await market_db.value("SELECT count(*) FROM bar") == count


async def test_bars_inside_a_day_add_up_to_the_stored_day(worker, wall, market_db):
    replay = await worker()
    await replay._fill(replay.run)
    minutes = await load_bars(market_db, "replay", "AAPL", "1m", limit=390, until=replay.venue_now)
    (day,) = await load_bars(market_db, "replay", "AAPL", "1d", limit=1, until=replay.venue_now)
    assert minutes[0].starts_at == day.starts_at
    assert (minutes[0].open, minutes[-1].close) == (day.open, day.close)
    assert max(bar.high for bar in minutes) == day.high
    assert min(bar.low for bar in minutes) == day.low
    assert sum(bar.volume for bar in minutes) == day.volume
    assert day.note is None


async def test_bars_as_json_are_the_same_bars(worker, wall, market_db):
    replay = await worker()
    await run_for(replay, wall, 3)
    await replay.store_bars()
    for symbol in ("AAPL", "XOM", "^GSPC", "N\"O'PE"):
        bars = await load_bars(market_db, "replay", symbol, "1d", limit=20, until=replay.venue_now)
        rows = orjson.loads(await load_bars_json(market_db, "replay", symbol, "1d", limit=20, until=replay.venue_now))
        assert [(row["starts_at"], row["close"], row["volume"], row["note"]) for row in rows] == [
            (f"{bar.starts_at:%Y-%m-%dT%H:%M:%SZ}", str(bar.close), bar.volume and str(bar.volume), bar.note)
            for bar in bars
        ]
        assert all(row["symbol"] == symbol and row["interval"] == "1d" for row in rows)


async def test_old_bars_and_those_of_other_seeds_are_pruned(worker, wall, market_db):
    replay = await worker()
    await replay._fill(replay.run)
    await market_db.run("UPDATE bar SET seed = 3 WHERE interval = '1m' AND symbol = 'AAPL'")
    await replay.prune()
    assert await market_db.value("SELECT count(*) FROM bar WHERE seed = 3") == 0
    assert await market_db.value("SELECT count(*) FROM bar WHERE interval = '1d'") == 66_514
    assert await market_db.value("SELECT count(DISTINCT symbol) FROM bar WHERE interval = '1m'") == 25


async def test_naive_instants_and_unknown_intervals_are_refused(market_db):
    with pytest.raises(InvalidInput, match="interval"):
        await load_bars(market_db, "replay", "AAPL", "2d", until=OPEN)
    with pytest.raises(InvalidInput, match="start"):
        await load_bars(market_db, "replay", "AAPL", "1d", start=datetime(2021, 1, 1), until=OPEN)


async def test_instruments_are_found_by_symbol_and_by_name(market_db):
    assert (await list_instruments(market_db, "ge"))[0].symbol == "GE"
    assert [one.symbol for one in await list_instruments(market_db, "exxon")] == ["XOM"]
    assert len(await list_instruments(market_db)) == 26
    assert await list_instruments(market_db, "100%_\\") == []
    assert (await get_instrument(market_db, "AAPL")).name == "Apple Inc."
    with pytest.raises(NotFound):
        await get_instrument(market_db, "NOPE")


async def test_the_wall_clock_market_follows_the_stored_sessions(market_db):
    monday = await market_clock(market_db, datetime(2026, 11, 23, 15, 0, tzinfo=UTC))
    assert (monday.state, monday.speed, monday.run_id) == ("open", 1, None)
    thanksgiving = await market_clock(market_db, datetime(2026, 11, 26, 15, 0, tzinfo=UTC))
    assert thanksgiving.state == "closed"


async def test_without_valkey_the_clock_is_read_from_the_database_and_never_runs_ahead(worker, wall, market_db, cache):
    dead = Redis.from_url("redis://127.0.0.1:1")
    with pytest.raises(Unavailable):
        await venue_clock(market_db, dead, "replay", wall())
    replay = await worker(speed=10)
    await run_for(replay, wall, 6)
    shown = await venue_clock(market_db, dead, "replay", wall())
    assert abs(shown.venue_now - replay.venue_now) <= timedelta(seconds=1)
    assert (shown.state, shown.run_id, shown.speed) == ("open", replay.run.id, 10)
    later = await venue_clock(market_db, dead, "replay", wall.pass_secs(3600))
    assert later.venue_now <= OPEN + timedelta(seconds=40 + 100)
    assert (await venue_clock(market_db, dead, "market", wall())).venue == "market"


async def test_the_feed_runs_without_valkey_and_keeps_matching(market_db):
    seen, stop = Seen(), asyncio.Event()
    dead = Redis.from_url("redis://127.0.0.1:1")
    running = asyncio.create_task(run_replay_feed(market_db, dead, settings(speed=60), stop, seen))
    deadline = time.monotonic() + 20
    while len(seen.batches) < 60 and time.monotonic() < deadline and not running.done():
        await asyncio.sleep(0.05)
    stop.set()
    await running
    assert len(seen.batches) >= 60


async def test_a_refusal_of_matching_does_not_stop_the_market(market_db, cache):
    stop, count = asyncio.Event(), 0

    async def refuse(clock, quotes):
        nonlocal count
        count += 1
        raise Unavailable("The database does not answer.")

    running = asyncio.create_task(run_replay_feed(market_db, cache, settings(speed=60), stop, refuse))
    deadline = time.monotonic() + 20
    while count < 20 and time.monotonic() < deadline and not running.done():
        await asyncio.sleep(0.05)
    board = QuoteBoard(cache)
    assert len(await board.quotes("replay")) == 26
    assert (await board.venue_clock("replay")).state == "open"
    stop.set()
    await running
