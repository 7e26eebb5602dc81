"""Engines and workers die under load: nothing acknowledged is lost, nothing is booked twice, trading goes on."""

import asyncio
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.backends import Backends
from starkmatter.jobs.worker import LOST_EXIT_CODE
from starkmatter.market.board import QuoteBoard, quotes_key
from starkmatter.ops import children
from starkmatter.ops.valkey import Valkey
from tests.ops.instance import running_instance
from tests.prepared import lay_out
from tests.process.worker import (
    LEADER_PID,
    SYMBOLS,
    Person,
    Worker,
    assert_one_outcome,
    backends_on,
    make_people,
    prices,
    trading,
    until,
    until_open,
    until_quiet,
    worker_process,
)
from tests.ram import fast_folder

pytestmark = pytest.mark.process

SEED = 20210301
TAKEOVER_SECS = 30.0  # on a machine that runs other tests beside this one
RECOVERY_SECS = 60.0  # six seconds on an idle machine, half a minute where seven others want each processor


@pytest.fixture
async def b(database_url: str, redis_url: str, cache: Redis) -> AsyncIterator[Backends]:
    async with backends_on(database_url, redis_url) as opened:
        yield opened


async def until_leads(worker: Worker, secs: float) -> float:
    async def leads() -> bool:
        assert worker.process.poll() is None, worker.text[-2_000:]
        return worker.leads

    return await until(leads, secs, f"{worker.log.name} leads")


async def until_filled(person: Person, text: str, secs: float, b: Backends | None = None) -> float:
    """Send an order that can trade at once; how long until it is filled."""
    placed = await person.send(text, b)
    person.spared.add(placed.id)  # from the person's own random cancels
    assert placed.status == "pending_submit", placed.reject_reason

    async def filled() -> bool:
        return (await person.order(placed.id)).status == "filled"

    try:
        return await until(filled, secs, f"{text} fills")
    except AssertionError as late:
        order = await person.order(placed.id)
        raise AssertionError(f"{late}: it is {order.status} after {secs} s, {order.filled_qty} filled") from None


@pytest.mark.nightly
async def test_when_the_leading_worker_is_killed_the_standby_takes_over_and_every_order_ends_once(
    b: Backends, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with (
        worker_process(tmp_path / "one", "one", database_url, redis_url) as one,
        worker_process(tmp_path / "two", "two", database_url, redis_url) as two,
    ):
        await until_open(b)
        first, second = (one, two) if one.leads else (two, one)
        await until_standing_by(second)
        assert not second.leads
        people = await make_people(b, 3, SEED)
        async with trading(people):
            await asyncio.sleep(2.0)
            first.kill()
            await until_leads(second, TAKEOVER_SECS)
            await until_filled(people[0], "buy 1 KO", TAKEOVER_SECS)
            await asyncio.sleep(1.0)
        await until_quiet(b)
        states = await assert_one_outcome(b, people)
    assert states["filled"] > 10, states


async def test_a_trail_does_not_forget_the_best_trade_when_its_worker_is_killed(
    b: Backends, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    best = Decimal(0)

    async def better(times: int) -> None:
        """Watch the market until it has made so many new highs since the order came."""
        nonlocal best
        highs = 0
        deadline = time.monotonic() + TAKEOVER_SECS
        while highs < times and time.monotonic() < deadline:
            last = (await prices(b))["AAPL"].last
            highs += last > best
            best = max(best, last)
            await asyncio.sleep(0.02)

    with worker_process(tmp_path / "one", "one", database_url, redis_url) as one:
        await until_open(b)
        [person] = await make_people(b, 1, SEED + 7)
        await until_filled(person, "buy 3 AAPL", TAKEOVER_SECS)
        trail = await person.send("sell 3 AAPL pct=50 gtc")
        await until_quiet(b)
        await better(2)
        one.kill()
    kept = await person.order(trail.id)
    assert kept.water is not None
    assert kept.water >= best, "what anybody saw, the order had followed"
    with worker_process(tmp_path / "two", "two", database_url, redis_url) as two:
        await until_leads(two, TAKEOVER_SECS)
        await until_filled(person, "buy 1 KO", TAKEOVER_SECS)
        again = await person.order(trail.id)
        assert again.water is not None
        assert again.water >= kept.water
        assert again.stop_price is not None
        assert abs(again.stop_price - again.water / 2) <= Decimal("0.01")


async def until_standing_by(worker: Worker) -> None:
    async def waits() -> bool:
        return "standing by" in worker.text

    await until(waits, TAKEOVER_SECS, "the other stands by")


HORIZON = "SELECT horizon_venue_at FROM replay_run WHERE ended_at IS NULL"
FILLS_BACK_IN_TIME = """
SELECT * FROM (SELECT executed_at, lag(executed_at) OVER (ORDER BY booked_at) AS before FROM fill) f
 WHERE executed_at < before - interval '1 minute'
"""


async def test_a_worker_that_was_asleep_while_another_took_over_changes_nothing_and_leaves(
    b: Backends, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with worker_process(tmp_path / "one", "zombie", database_url, redis_url) as zombie:
        await until_open(b)
        with worker_process(tmp_path / "two", "standby", database_url, redis_url) as standby:
            await until_standing_by(standby)
            people = await make_people(b, 3, SEED + 1)
            async with trading(people):
                await asyncio.sleep(1.5)

                zombie.signal(signal.SIGSTOP)
                await asyncio.sleep(4.0)
                # The lock lives in the sleeper's connection: nobody may lead yet, and orders wait.
                assert not standby.leads
                waiting = await people[0].send("buy 1 KO")
                people[0].spared.add(waiting.id)
                assert (await people[0].order(waiting.id)).status == "pending_submit"

                [(pid,)] = await b.db.tuples(LEADER_PID)
                await b.db.run("SELECT pg_terminate_backend(%s)", (pid,))
                await until_leads(standby, TAKEOVER_SECS)
                await until_filled(people[0], "buy 1 KO", TAKEOVER_SECS)
                assert (await people[0].order(waiting.id)).status == "filled"

                before = await b.db.value(HORIZON)
                shown = (await QuoteBoard(b.cache).venue_clock("replay")).venue_now
                zombie.signal(signal.SIGCONT)
                gone_at = time.monotonic() + TAKEOVER_SECS
                while zombie.process.poll() is None:
                    assert time.monotonic() < gone_at, "the woken worker still runs"
                    now = (await QuoteBoard(b.cache).venue_clock("replay")).venue_now
                    assert now >= shown, "the woken worker turned the venue's clock back"
                    shown = now
                    await asyncio.sleep(0.01)
                assert zombie.process.returncode == LOST_EXIT_CODE
                assert await b.db.value(HORIZON) >= before
                await until_filled(people[0], "buy 1 KO", TAKEOVER_SECS)
            await until_quiet(b)
            await assert_one_outcome(b, people)
            assert await b.db.tuples(FILLS_BACK_IN_TIME) == []


@contextmanager
def killable_valkey(engine: Valkey) -> Iterator["subprocess.Popen[bytes]"]:
    """Valkey in a process that the test may kill."""
    engine.prepare()
    process = children.start(engine.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ends_at = time.monotonic() + 10
        while not engine.answers():
            assert time.monotonic() < ends_at, "Valkey does not answer"
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sm-", dir=fast_folder()))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.nightly
async def test_without_valkey_the_worker_trades_on_and_who_sees_no_quotes_is_refused_in_words(
    b: Backends, database_url: str, redis_url: str, short_folder: Path, tmp_path: Path
) -> None:
    mortal = Valkey(short_folder, "not-a-secret-of-anybody")
    with (
        killable_valkey(mortal) as first,
        worker_process(tmp_path / "one", "one", database_url, mortal.url) as worker,
    ):
        async with backends_on(database_url, mortal.url) as blind:
            await until_open(blind)
            people = await make_people(blind, 2, SEED + 2)
            async with trading(people):
                await asyncio.sleep(1.0)
                # `b` stands for a process that still knows prices: the same board in a Valkey of its own.
                quotes = await prices(blind)
                clock = await QuoteBoard(blind.cache).venue_clock("replay")
                await QuoteBoard(b.cache).publish("replay", quotes, clock=clock, now=quotes["KO"].received_at)
                first.kill()
                first.wait()

                refused = await people[0].send("buy 1 KO")
                assert refused.status == "risk_rejected"
                assert "There is no quote for KO right now" in (refused.reject_reason or "")
                await until_filled(people[0], "buy 1 KO", TAKEOVER_SECS, b)
                await asyncio.sleep(2.0)
                await until_filled(people[1], "buy 1 AAPL", TAKEOVER_SECS, b)
                assert worker.process.poll() is None

                with killable_valkey(mortal):
                    await until_open(blind, RECOVERY_SECS)
                    await until_filled(people[0], "buy 1 AMZN", TAKEOVER_SECS)
                    await blind.cache.flushall()
                    await until_open(blind, RECOVERY_SECS)
                    assert await blind.cache.hlen(quotes_key("replay")) >= len(SYMBOLS)
                    await until_filled(people[1], "buy 1 NVDA", TAKEOVER_SECS)
                await until_quiet(blind)
                states = await assert_one_outcome(blind, people)
            assert states["filled"] > 5, states
            assert worker.process.poll() is None


@pytest.mark.nightly
@pytest.mark.timeout(240)
async def test_a_killed_postgres_loses_no_acknowledged_order_and_trading_is_back_soon(
    short_folder: Path, tmp_path: Path
) -> None:
    speed = {"STARKMATTER_REPLAY_SPEED": "60"}
    lay_out(short_folder / "home", with_market=True)
    with running_instance(short_folder / "home", tmp_path / "run.log", more=speed) as instance:
        instance.wait_for_page()
        instance.wait_until_ready()
        worker = instance.child("worker")
        assert worker is not None
        seen = worker.environ()
        async with backends_on(seen["DATABASE_URL"], seen["REDIS_URL"]) as b:
            await until_open(b)
            people = await make_people(b, 3, SEED + 3)

            async def are_at_it() -> bool:
                return sum(len(person.answered) for person in people) > 10

            async with trading(people):
                await asyncio.sleep(2.0)
                await until(are_at_it, RECOVERY_SECS, "ten orders that were answered")
                postmaster = instance.child("postgres")
                assert postmaster is not None
                acknowledged = [one for person in people for one in person.answered.values()]
                postmaster.kill()
                killed_at = time.monotonic()

                async def trades_again() -> bool:
                    await until_filled(people[0], "buy 1 KO", RECOVERY_SECS)
                    return True

                await asyncio.sleep(0.3)
                try:
                    await until(trades_again, RECOVERY_SECS, "an order fills after PostgreSQL was killed")
                except AssertionError as late:
                    raise AssertionError(f"{late}\n{instance.text[-6_000:]}") from None
                assert time.monotonic() - killed_at < RECOVERY_SECS
                instance.wait(lambda: instance.get("/readyz") == 200, "readiness", RECOVERY_SECS)
                await asyncio.sleep(1.0)
            await until_quiet(b)
            states = await assert_one_outcome(b, people)
            stored = {row[0] for row in await b.db.tuples("SELECT id FROM trade_order")}
            assert set(acknowledged) <= stored
        assert states["filled"] > 10, states
        assert instance.stop() == 0
