"""SIGKILL the real worker at random instants of the orders' way: exactly one outcome each, the books always right."""

import asyncio
import os
import random
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.invariants import check_books
from tests.process.worker import (
    assert_one_outcome,
    backends_on,
    make_people,
    trading,
    until,
    until_open,
    until_quiet,
    worker_process,
)

pytestmark = pytest.mark.process

PEOPLE = 3
SEED = int(os.environ.get("STARKMATTER_KILL_SEED", "20210301"))
KILLS_BY_NIGHT = int(os.environ.get("STARKMATTER_KILLS", "300"))
LEADS_SECS = 60.0
QUIET_SECS = 60.0
MAX_UP_SECS = 1.2
# On a busy machine every cancel comes before its order was sent: one that rests is asked back too.
ASK_ONE_BACK = """
SELECT request_cancel(o.id, a.user_id, now(), now()) FROM trade_order o JOIN account a ON a.id = o.account_id
 WHERE o.status = 'working' ORDER BY o.created_at LIMIT 1
"""
FILLS = "SELECT count(*) FROM fill"
OPEN_ONES = "SELECT status, type, count(*), max(created_at) FROM trade_order GROUP BY 1, 2 ORDER BY 3 DESC"
# Two sales that want the same shares, and a purchase of more than there is; no kill is a reason to refuse anything.
RIGHTLY = ("You can sell ", "Buying power is ")
REFUSED = "SELECT reject_reason FROM trade_order WHERE status = 'risk_rejected'"


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(3, marks=pytest.mark.timeout(300)),
        pytest.param(KILLS_BY_NIGHT, marks=[pytest.mark.nightly, pytest.mark.timeout(3_600)]),
    ],
)
async def test_sigkills_leave_exactly_one_outcome_for_every_order(
    kills: int, database_url: str, redis_url: str, cache: Redis, tmp_path: Path
) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    async with backends_on(database_url, redis_url) as b:
        with worker_process(tmp_path / "first", "first", database_url, redis_url):
            await until_open(b)
        people = await make_people(b, PEOPLE, SEED)
        async with trading(people):
            for number in range(kills):
                before = await b.db.value(FILLS)
                with worker_process(tmp_path / f"{number}", "worker", database_url, redis_url) as worker:

                    async def leads(worker=worker) -> bool:
                        assert worker.process.poll() is None, worker.text[-2_000:]
                        return worker.leads

                    async def trades(before=before) -> bool:
                        return await b.db.value(FILLS) > before

                    # Every other one dies on its way to the market, the rest in the middle of trading.
                    await until(leads, LEADS_SECS, f"worker {number + 1} leads")
                    if number % 2:
                        try:
                            await until(trades, LEADS_SECS, f"worker {number + 1} trades")
                        except AssertionError as late:
                            open_ones = await b.db.tuples(OPEN_ONES)
                            clock = await QuoteBoard(b.cache).venue_clock("replay")
                            raise AssertionError(f"{late}: {open_ones}, {clock}\n{worker.text[-3_000:]}") from None
                    await asyncio.sleep(rng.uniform(0.0, MAX_UP_SECS))
                    worker.kill()
                assert await check_books(b.db) == [], f"after kill {number + 1}, seed {SEED}"
        with worker_process(tmp_path / "last", "last", database_url, redis_url):
            await until_quiet(b, QUIET_SECS)
            await b.db.tuples(ASK_ONE_BACK)
            await until_quiet(b, QUIET_SECS)
            states = await assert_one_outcome(b, people)
        refused = [reason for (reason,) in await b.db.tuples(REFUSED)]
        assert [reason for reason in refused if not reason.startswith(RIGHTLY)] == []
    print(dict(states))
    assert states["filled"] >= kills
    assert states["canceled"] > 0
