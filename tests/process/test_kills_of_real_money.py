"""The worker is killed while it sends orders of real money to Interactive Brokers: each is there once or never.

What was allowed stays allowed over a kill, and what was turned off meanwhile is not sent by the next worker.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import keep_secret
from starkmatter.backends import Backends, close_backends, open_backends
from starkmatter.clock import utc_now
from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.at_broker import open_at_broker
from starkmatter.portfolio.invariants import check_books
from starkmatter.settings import load_settings
from starkmatter.trading.live.switch import turn_off_live
from starkmatter.trading.orders import get_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, INSTRUMENT, make_caller, order, quote
from tests.process.worker import Worker, broker_worker, until
from tests.standins.ib import Tws, tws

pytestmark = pytest.mark.process

# Where a second factor is not what is looked at: a limit that no order of this test reaches.
LIVE_ON = """
INSERT INTO live_trading (account_id, turned_on_by, factor_at, on_since, most) VALUES (%s, %s, now(), now(), 100000)
"""
# An order that never arrived is looked for during forty seconds before it is given up.
QUIET_SECS = 150.0


@pytest.fixture
def there() -> Iterator[Tws]:
    with tws(number="U8400123") as broker:
        yield broker


@dataclass
class Seat:
    """Somebody with an account of real money; no two orders have the same quantity, which tells them apart."""

    b: Backends
    caller: Caller
    account_id: UUID
    there: Tws
    start: Callable[[str], AbstractAsyncContextManager[Worker]]
    qty: int = 0

    async def send(self) -> OrderView:
        fresh = {one.symbol: one for one in (quote("AAPL 100.00/100.05", at=utc_now()),)}
        await QuoteBoard(self.b.cache).publish("market", fresh, clock=None, now=utc_now())
        self.qty += 1
        text = f"buy {self.qty} AAPL @ 100.05 gtc"
        placed = await submit_order(
            self.b, self.caller, self.account_id, order(text), f"key-{time.monotonic_ns()}", acknowledged=ALL_READ
        )
        assert placed.status == "pending_submit", placed.reject_reason
        return placed

    async def ends(self, placed: OrderView, *statuses: str) -> OrderView:
        found = [placed]

        async def there_yet() -> bool:
            found[:] = [await get_order(self.b, self.caller, placed.id)]
            return found[0].status in statuses

        await until(there_yet, QUIET_SECS, f"an order of {placed.qty} to be {statuses}")
        return found[0]


@pytest.fixture
async def seat(database_url: str, redis_url: str, cache: Redis, tmp_path: Path, there: Tws) -> AsyncIterator[Seat]:
    home = tmp_path / "home"
    home.mkdir()
    variables = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "STARKMATTER_HOME": str(home)}
    b = await open_backends(load_settings(variables), "test")
    caller = await make_caller(b.db, "trader")
    await b.db.run(INSTRUMENT, ("AAPL", "Apple", "equity", True))
    await keep_secret(b, "ib", caller.user_id, there.keys | {"mode": "live"}, set())
    account = await open_at_broker(b, caller, broker="ib", name="Real")
    await b.db.run(LIVE_ON, (account.id, caller.user_id))

    def start(name: str) -> AbstractAsyncContextManager[Worker]:
        return broker_worker(b, caller, account.id, home, name, database_url, redis_url, {})

    yield Seat(b, caller, account.id, there, start)
    await close_backends(b)


async def killed_while_it_sends(seat: Seat, name: str, fault: str | None) -> OrderView:
    """The worker dies while TWS reads the order, and TWS goes on as told."""
    there = seat.there
    async with seat.start(name) as worker:

        def on_post(_: object) -> None:
            there.on_post = None
            worker.kill()

        if fault:
            there.fault("submit", fault)
        there.on_post = on_post
        placed = await seat.send()

        async def dead() -> bool:
            return worker.process.poll() is not None

        await until(dead, 20.0, "the worker to be dead")
    return placed


async def test_a_worker_killed_while_it_sends_real_money_doubles_and_loses_nothing(seat: Seat) -> None:
    there = seat.there
    taken = await killed_while_it_sends(seat, "taken", None)
    lost = await killed_while_it_sends(seat, "lost", "drop")
    async with seat.start("last"):
        assert (await seat.ends(taken, "accepted", "working")).filled_qty == 0
        assert (await seat.ends(lost, "not_sent")).filled_qty == 0
    assert [one.qty for one in there.orders.values()] == [taken.qty]
    assert len(there.posts) == 2, "nothing is sent twice"
    assert await check_books(seat.b.db) == []


async def test_what_waits_when_live_trading_is_turned_off_is_not_sent_by_the_next_worker(seat: Seat) -> None:
    async with seat.start("first"):
        pass  # It has read the book, so that orders are taken.
    waits = await seat.send()
    await turn_off_live(seat.b, seat.caller, seat.account_id)
    async with seat.start("next"):
        ended = await seat.ends(waits, "not_sent")
    assert "turned off" in (ended.reject_reason or "")
    assert seat.there.posts == []
    assert (await seat.b.db.value("SELECT reserved FROM account WHERE id = %s", (seat.account_id,))) == Decimal(0)
    assert await check_books(seat.b.db) == []
