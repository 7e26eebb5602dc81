"""The worker is killed while it deals with a broker that keeps no id of ours: each order is there once or never."""

import asyncio
import json
import random
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
from starkmatter.errors import StarkMatterError
from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.at_broker import open_at_broker
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.valuation import list_positions
from starkmatter.settings import load_settings
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import list_orders
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, INSTRUMENT, make_caller, order, quote
from tests.process.worker import Worker, broker_worker, kill_after, until
from tests.standins.etrade import SIGNED_IN, ETrade, etrade

pytestmark = pytest.mark.process

SEED = 20261126
# An order that never arrived is looked for during forty seconds before it is given up.
QUIET_SECS = 150.0
IN_DOUBT = {"pending_submit", "submitting", "unknown", "pending_cancel"}
SECRET_FIELDS = {"key", "secret", "token", "token_secret"}


@pytest.fixture
def there() -> Iterator[ETrade]:
    with etrade() as broker:
        yield broker


@dataclass
class Seat:
    """Somebody with an account in E*TRADE's sandbox; no two orders have the same quantity, which tells them apart."""

    b: Backends
    caller: Caller
    account_id: UUID
    there: ETrade
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
        assert placed.status != "risk_rejected", placed.reject_reason
        return placed

    def posted(self) -> list[int]:
        """The quantities that went over the wire, in their order."""
        return [int(one["Order"][0]["Instrument"][0]["quantity"]) for one in self.there.posts]

    async def same_as_there(self) -> dict[int, OrderView]:
        """Each order once or not at all, nothing sent twice, and both books equal."""
        found: list[OrderView] = []

        async def quiet() -> bool:
            found[:] = await list_orders(self.b, self.caller, self.account_id, limit=500)
            return not [one for one in found if one.status in IN_DOUBT]

        async def equal() -> bool:
            return (await get_account(self.b, self.caller, self.account_id)).cash == self.there.cash

        await until(quiet, QUIET_SECS, "no order in doubt")
        await until(equal, 30.0, "the same cash")  # what filled is asked for every two seconds
        await quiet()
        ours = {int(one.qty): one for one in found}
        taken = {int(one.qty): one for one in self.there.orders.values()}
        assert len(taken) == len(self.there.orders), "one order each"
        assert len(set(self.posted())) == len(self.posted()), "nothing is sent twice"
        assert set(taken) <= set(ours)
        for qty, one in ours.items():
            if qty in taken:
                assert one.filled_qty == taken[qty].filled, one
                assert (one.status in {"filled", "canceled"}) == (not self.there.is_open(taken[qty])), one
            else:
                assert one.status == "not_sent", one
        positions = {one.symbol: one.qty for one in await list_positions(self.b, self.caller, self.account_id)}
        assert {name: qty for name, qty in positions.items() if qty} == {
            name: qty for name, (qty, _) in self.there.positions.items()
        }
        assert await check_books(self.b.db) == []
        return ours


@pytest.fixture
async def seat(database_url: str, redis_url: str, cache: Redis, tmp_path: Path, there: ETrade) -> AsyncIterator[Seat]:
    home = tmp_path / "home"
    home.mkdir()
    settings = load_settings(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "STARKMATTER_HOME": str(home),
            "STARKMATTER_VENDOR_URLS": there.urls,
        }
    )
    b = await open_backends(settings, "test")
    caller = await make_caller(b.db, "trader")
    await b.db.run(INSTRUMENT, ("AAPL", "Apple", "equity", True))
    await keep_secret(b, "etrade", caller.user_id, SIGNED_IN, SECRET_FIELDS)

    def start(name: str) -> AbstractAsyncContextManager[Worker]:
        return broker_worker(
            b,
            caller,
            seat.account_id,
            home,
            name,
            database_url,
            redis_url,
            {"STARKMATTER_VENDOR_URLS": json.dumps(there.urls)},
        )

    account = await open_at_broker(b, caller, broker="etrade", name="Sandbox")
    seat = Seat(b, caller, account.id, there, start)
    yield seat
    await close_backends(b)


async def test_a_worker_killed_at_each_step_sends_nothing_twice(seat: Seat) -> None:
    there = seat.there

    async def killed_while_it_sends(name: str, fault: str | None) -> OrderView:
        """The worker dies while the broker reads the order, and the broker goes on as told."""
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

    lost = await killed_while_it_sends("lost", "drop")
    taken = await killed_while_it_sends("taken", None)
    there.fills_at_once, there.prices["AAPL"] = True, Decimal("99.98")
    filled = await killed_while_it_sends("filled", None)

    async def has_filled() -> bool:
        return any(one.qty == filled.qty and one.filled == filled.qty for one in list(there.orders.values()))

    await until(has_filled, 20.0, "the broker, which goes on by itself, to fill it")
    there.fills_at_once = False
    async with seat.start("parts") as worker:
        parts = await seat.send()

        async def known() -> bool:
            return int(parts.qty) in {int(one.qty) for one in there.orders.values()}

        await until(known, 20.0, "the order at the broker")
        [number] = [one.number for one in there.orders.values() if one.qty == parts.qty]
        there.fill(number, "2", "99.97")
        worker.kill()
        there.fill(number, "1", "99.96")
    async with seat.start("last"):
        ours = await seat.same_as_there()
    assert ours[int(lost.qty)].status == "not_sent"
    assert ours[int(taken.qty)].status in {"accepted", "working"}
    assert ours[int(filled.qty)].status == "filled"
    assert (ours[int(parts.qty)].status, ours[int(parts.qty)].filled_qty) == ("partial", Decimal(3))


@pytest.mark.parametrize("rounds", [3, pytest.param(40, marks=pytest.mark.nightly)])
async def test_a_worker_killed_at_random_instants_loses_and_doubles_nothing(seat: Seat, rounds: int) -> None:
    rng = random.Random(SEED + rounds)
    there = seat.there
    for number in range(rounds):
        there.fills_at_once = rng.random() < 0.5
        there.prices["AAPL"] = Decimal(9_990 + rng.randrange(10)) / 100
        async with seat.start(f"round-{number}") as worker:
            killing = asyncio.create_task(kill_after(worker, rng.random() * 1.2))
            while worker.process.poll() is None:
                if rng.random() < 0.2:
                    there.fault("submit", rng.choice(["accept-504", "accept-drop", "drop", 500]))
                try:
                    placed = await seat.send()
                    if rng.random() < 0.3:
                        await cancel_order(seat.b, seat.caller, placed.id)
                except (StarkMatterError, AssertionError):
                    pass  # It ended before it was asked back, or the account pauses.
                await asyncio.sleep(rng.random() * 0.1)
            await killing
    there.faults.clear()
    async with seat.start("last"):
        await seat.same_as_there()
    assert there.orders
