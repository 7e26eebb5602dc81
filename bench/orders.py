"""Paper orders per second, from acceptance over matching to the ledger, against one-row commits of the same client.

Durable commits on both sides. Orders are submitted through the product's gate, over 1 connection and over 8 (a gate for
each, all in this one process), by eight people for each; the paper broker works the outbox in a process of its own, as
the worker does. An order counts when it is filled and booked. The floor is the same number of connections, each
updating a row of its own, one commit each. An order that comes when no other is under way shares its commits with
nobody: that it is kept before anything is done about it takes one, its fill another, so that half the floor is more
than it can reach. It is shown beside a floor of its own, two such commits one after the other.
"""

import asyncio
import multiprocessing
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from redis.asyncio import Redis

from bench.table import Row
from starkmatter.accounts.records import Caller
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.db.migrate import migrate
from starkmatter.jobs.venues import GATHER_SECS
from starkmatter.ops.engines import engines_of, running
from starkmatter.settings import Settings
from starkmatter.trading.brokers.paper import PaperBroker
from starkmatter.trading.gate import gate_of
from tests.builders import OPENS_AT, make_account, make_caller, make_market, open_clock, quote

SECS = 4.0
PEOPLE = 8
TARGET_SHARE = 0.55
REFRESH_SECS = 1.0
COUNT_FILLED = "SELECT count(*) FROM trade_order WHERE status = 'filled'"
# An order's row of the outbox goes with its booking.
IS_AT_WORK = "SELECT EXISTS (SELECT FROM outbox)"


def run() -> list[Row]:
    """Full order path and its floor, over 1 and over 8 connections, and a lone order."""
    home = Path(tempfile.mkdtemp(prefix="sm-bench-"))
    settings = Settings(STARKMATTER_HOME=str(home), DATABASE_URL=None, REDIS_URL=None, _env_file=None)
    try:
        with running(engines_of(settings)) as engines:
            migrate(engines.database_url)
            return asyncio.run(_rows(engines.database_url, engines.redis_url))
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def _rows(database_url: str, redis_url: str) -> list[Row]:
    db = Database(database_url, name="bench", max_size=8)
    await db.open()
    await make_market(db)
    await db.run("CREATE TABLE floor_row (id int PRIMARY KEY, n int NOT NULL) WITH (fillfactor = 50)")
    await db.run("INSERT INTO floor_row SELECT g, 0 FROM generate_series(1, 8) g")
    gates = [db, *[Database(database_url, name=f"bench {n}", max_size=1) for n in range(2, 9)]]
    for other in gates[1:]:
        await other.open()
    work = Work(database_url, redis_url, gates)
    rows = []
    try:
        await _floor(database_url, 2, secs=0.5)
        for number in (1, 8):
            floor, done = await work.measured(number, PEOPLE)
            rows.append(
                Row(
                    f"paper orders, accepted to booked, {number} connection{'s' if number > 1 else ''}",
                    f"{done:,.0f}/s ({done / floor:.2f} of the floor)",
                    f"{floor:,.0f} one-row commits/s",
                    floor / done,
                    1 / TARGET_SHARE,
                )
            )
        floor, done = await work.measured(1, 1)
        rows.append(
            Row(
                "a lone paper order, accepted to booked",
                f"{1000 / done:.2f} ms ({done / floor:.2f} of the floor)",
                f"{2000 / floor:.2f} ms, two commits",
                floor / done / 2,
            )
        )
    finally:
        for one in gates:
            await one.close()
    return rows


@dataclass(frozen=True, slots=True)
class Work:
    """The engines, and databases with a gate each."""

    database_url: str
    redis_url: str
    gates: list[Database]

    async def measured(self, number: int, people: int) -> tuple[float, float]:
        """Commits per second over this many connections, before and after, and orders with so many people for each."""
        before = await _floor(self.database_url, number)
        spawn = multiprocessing.get_context("spawn")
        stop, taken = spawn.Event(), spawn.Value("q", 0)
        broker = spawn.Process(target=_broker, args=(self.database_url, self.redis_url, stop, taken))
        broker.start()
        try:
            await _orders(self.gates[:number], people, taken, secs=1.0)
            done = await _orders(self.gates[:number], people, taken)
        finally:
            stop.set()
            broker.join(10)
        return (before + await _floor(self.database_url, number)) / 2, done


async def _floor(database_url: str, number: int, *, secs: float = SECS) -> float:
    """Commits per second of `number` connections, each on its own row."""

    async def commits(row: int) -> int:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            count = 0
            while time.perf_counter() < ends_at:
                await connection.execute("UPDATE floor_row SET n = n + 1 WHERE id = %s", (row,))
                count += 1
            return count

    started = time.perf_counter()
    ends_at = started + secs
    counts = await asyncio.gather(*[commits(row + 1) for row in range(number)])
    return sum(counts) / (time.perf_counter() - started)


async def _orders(gates: list[Database], people: int, taken: Any, *, secs: float = SECS) -> float:
    """Orders filled and booked per second, submitted by so many people at each gate.

    `taken` is how many the broker has had so far: to ask the database all the while would slow down both.
    """
    db, desks = gates[0], []
    for gate in gates:
        for _ in range(people):
            caller = await make_caller(db, "trader")
            desks.append((gate, caller, await make_account(db, caller, "900000000")))
    before, had = await db.value(COUNT_FILLED), taken.value
    started = time.perf_counter()
    ends_at = started + secs
    counts = await asyncio.gather(*[_submit_until(*desk, ends_at) for desk in desks])
    while taken.value - had < sum(counts):  # noqa: ASYNC110 - another process fills
        await asyncio.sleep(0.002)
    target = before + sum(counts)
    while await db.value(IS_AT_WORK) or await db.value(COUNT_FILLED) < target:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.002)
    return sum(counts) / (time.perf_counter() - started)


async def _submit_until(db: Database, caller: Caller, account_id: UUID, ends_at: float) -> int:
    count = 0
    gate = gate_of(db)
    while time.perf_counter() < ends_at:
        outcome = await gate.submit(_item(caller, account_id))
        assert outcome.outcome == "taken", outcome
        count += 1
    return count


def _item(caller: Caller, account_id: UUID) -> dict[str, Any]:
    """An order as `submit_order` hands it to the gate."""
    return {
        "id": uuid4(),
        "account_id": account_id,
        "user_id": caller.user_id,
        "venue": "replay",
        "symbol": "AAPL",
        "side": "buy",
        "type": "market",
        "qty": "10",
        "limit_price": None,
        "time_in_force": "day",
        "session_on": OPENS_AT.date(),
        "reserve": "1050.60",
        "reserve_per_share": "105.06",
        "request_hash": "00" * 32,
        "risk": {"decision": "passed", "reference_price": "100.05", "preset": "realistic/2"},
        "refusal": None,
        "venue_at": OPENS_AT + timedelta(minutes=10),
    }


def _broker(database_url: str, redis_url: str, stop: Any, taken: Any) -> None:
    """The worker's part: match and book whatever the outbox holds."""
    asyncio.run(_work(database_url, redis_url, stop, taken))


async def _work(database_url: str, redis_url: str, stop: Any, taken: Any) -> None:
    db = Database(database_url, name="bench broker", max_size=1)
    await db.open()
    cache = Redis.from_url(redis_url)
    broker = PaperBroker(db, cache, "replay")
    await broker.start()
    refreshed_at = 0.0
    while not stop.is_set():
        if time.perf_counter() - refreshed_at > REFRESH_SECS:
            refreshed_at = time.perf_counter()
            fresh = quote("AAPL 100.00/100.05", size="1000000000", at=utc_now())
            await broker.on_quotes(open_clock(), {"AAPL": fresh})
        taken.value += await broker.drain()
        await asyncio.sleep(GATHER_SECS)
    await cache.aclose()
    await db.close()
