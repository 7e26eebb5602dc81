"""The worker is killed while it deals with a broker that lives on: every order exists there once or not at all."""

import asyncio
import json
import os
import random
import time
from collections import Counter
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
from starkmatter.domain.orders import TERMINAL
from starkmatter.errors import StarkMatterError
from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.at_broker import open_at_broker
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.valuation import list_positions
from starkmatter.settings import load_settings
from starkmatter.trading.brokers.alpaca_keys import PER_MIN
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, INSTRUMENT, make_caller, order, quote
from tests.process.worker import (
    QUIET_AT_BROKER_SECS,
    Worker,
    broker_worker,
    every_order,
    kill_after,
    kill_at_work,
    none_in_doubt,
    until,
)
from tests.standins.alpaca_trading import KEY_ID, SECRET, AlpacaTrading, alpaca_trading

pytestmark = pytest.mark.process

SEED = int(os.environ.get("STARKMATTER_KILL_SEED", "20261125"))
JUDGED_EVERY = 10  # kills
KILLS_BY_NIGHT = int(os.environ.get("STARKMATTER_KILLS", "400"))
ENOUGH = Decimal(1_000_000_000)  # none is refused for want of money, or most kills would meet no order
# What the vendor takes: orders and cancels come no faster, since what is proved here is recovery.
EVERY_SECS = 60 / PER_MIN


@pytest.fixture
def there() -> Iterator[AlpacaTrading]:
    with alpaca_trading(cash=ENOUGH) as broker:
        yield broker


@dataclass
class Seat:
    """Somebody with an account at the stand-in, and how to start the worker that serves it."""

    b: Backends
    caller: Caller
    account_id: UUID
    there: AlpacaTrading
    start: Callable[[str], AbstractAsyncContextManager[Worker]]
    took_secs: float = 0.0

    async def send(self, text: str) -> OrderView:
        """An order at a fresh price; one that risk refuses is a mistake of the test."""
        fresh = {one.symbol: one for one in (quote("AAPL 100.00/100.05", at=utc_now()),)}
        await QuoteBoard(self.b.cache).publish("market", fresh, clock=None, now=utc_now())
        placed = await submit_order(
            self.b, self.caller, self.account_id, order(text), f"key-{time.monotonic_ns()}", acknowledged=ALL_READ
        )
        assert placed.status != "risk_rejected", placed.reject_reason
        return placed

    async def quiet(self) -> list[OrderView]:
        """Every order, once nothing is in doubt any more."""
        found, self.took_secs = await none_in_doubt(self.b, self.caller, self.account_id)
        return found

    async def same_as_there(self) -> list[OrderView]:
        """Every order; broker's book == ours, order by order, share by share, cent by cent."""
        orders = await self.quiet()
        ours = {one.client_order_id: one for one in orders}
        assert set(self.there.orders) <= set(ours)
        for client_id, one in ours.items():
            at_broker = self.there.orders.get(client_id)
            if at_broker is None:
                assert one.status in {"not_sent", "rejected"}, one
                continue
            assert one.filled_qty == Decimal(at_broker["filled_qty"]), one
            assert (one.status in TERMINAL) == (at_broker["status"] in {"filled", "canceled"}), (one, at_broker)
        posted = [body["client_order_id"] for body in self.there.posts]
        assert set(posted) <= set(ours)
        account = await get_account(self.b, self.caller, self.account_id)
        assert account.cash == self.there.cash
        positions = {one.symbol: one.qty for one in await list_positions(self.b, self.caller, self.account_id)}
        assert {name: qty for name, qty in positions.items() if qty} == {
            name: qty for name, (qty, _) in self.there.positions.items()
        }
        assert await check_books(self.b.db) == []
        return orders


@pytest.fixture
async def seat(
    database_url: str, redis_url: str, cache: Redis, tmp_path: Path, there: AlpacaTrading
) -> AsyncIterator[Seat]:
    home = tmp_path / "home"
    home.mkdir()
    variables = {"STARKMATTER_VENDOR_URLS": json.dumps(there.urls)}
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
    keys = {"key_id": KEY_ID, "secret": SECRET}
    await keep_secret(b, "alpaca", caller.user_id, keys, set(keys))

    def start(name: str) -> AbstractAsyncContextManager[Worker]:
        return broker_worker(b, caller, seat.account_id, home, name, database_url, redis_url, variables)

    account = await open_at_broker(b, caller, broker="alpaca", name="Alpaca")
    seat = Seat(b, caller, account.id, there, start)
    yield seat
    await close_backends(b)


@pytest.mark.nightly
async def test_a_worker_killed_while_it_sends_a_group_leaves_exactly_one_group(seat: Seat) -> None:
    there = seat.there

    async def send_and_die(text: str, fault: str | None) -> OrderView:
        async with seat.start(fault or "heard") as worker:

            def on_post(_: object) -> None:
                there.on_post = None
                worker.kill()

            if fault:
                there.fault("submit", fault)
            there.on_post = on_post
            placed = await seat.send(text)

            async def dead() -> bool:
                return worker.process.poll() is not None

            await until(dead, 20.0, "the worker to be dead")

        async def there_too() -> bool:
            return fault is not None or placed.client_order_id in there.orders

        await until(there_too, 20.0, "the broker, which goes on by itself, to take it")
        return placed

    async def group(first: OrderView) -> dict[str, OrderView]:
        found = await every_order(seat.b, seat.caller, seat.account_id)
        return {str(one.role): one for one in found if one.group_id == first.id}

    never = await send_and_die("buy 1 AAPL @ 100.00 gtc tp=110 sl=90", "drop")
    taken = await send_and_die("buy 2 AAPL @ 100.00 gtc tp=110 sl=90", None)
    there.fill(taken.client_order_id, "2", "99.90")
    there.fill(there.leg(taken.client_order_id, "limit"), "2", "110.00")
    async with seat.start("last"):
        await seat.quiet()

        async def settled() -> bool:
            states = {role: str(one.status) for role, one in (await group(taken)).items()}
            return states == {"entry": "filled", "target": "filled", "stop": "canceled"}

        await until(settled, QUIET_AT_BROKER_SECS, "the group as it is there")
        states = {str(one.status) for one in (await group(never)).values()}
        assert states in ({"not_sent"}, {"working", "accepted"}, {"accepted"}, {"working"}), states
    firsts = [one for one in there.orders if one in {never.client_order_id, taken.client_order_id}]
    assert len(there.orders) == 3 * len(firsts)
    assert sorted(body["client_order_id"] for body in there.posts).count(taken.client_order_id) == 1
    assert (await get_account(seat.b, seat.caller, seat.account_id)).cash == there.cash
    assert await check_books(seat.b.db) == []


@pytest.mark.nightly
async def test_a_worker_killed_at_each_step_of_an_order_leaves_exactly_one_order(seat: Seat) -> None:
    there = seat.there

    def kill_then(worker: Worker, fault: str | None) -> None:
        """While the broker reads the order: the worker dies, and the broker goes on as told."""

        def on_post(_: object) -> None:
            there.on_post = None
            worker.kill()

        if fault:
            there.fault("submit", fault)
        there.on_post = on_post

    async def dead(worker: Worker) -> None:
        async def ended() -> bool:
            return worker.process.poll() is not None

        await until(ended, 20.0, "the worker to be dead")

    async def at_broker(placed: OrderView, statuses: set[str]) -> None:
        """The broker goes on by itself when the worker is dead: wait until it has."""

        async def has_it() -> bool:
            return there.orders.get(placed.client_order_id, {}).get("status") in statuses

        await until(has_it, 20.0, f"the order at the broker, {statuses}")

    # Written to the socket, never taken by the broker: looked for, and sent again or given up.
    async with seat.start("lost") as worker:
        kill_then(worker, "drop")
        lost = await seat.send("buy 1 AAPL @ 100.00 gtc")
        await dead(worker)
    # Taken by the broker, the answer never read.
    async with seat.start("taken") as worker:
        kill_then(worker, None)
        taken = await seat.send("buy 2 AAPL @ 100.00 gtc")
        await dead(worker)
        await at_broker(taken, {"accepted", "new"})
    # Taken and filled while nobody lived to hear of it.
    there.fills_at_once, there.prices["AAPL"] = True, Decimal("99.98")
    async with seat.start("filled") as worker:
        kill_then(worker, None)
        filled = await seat.send("buy 3 AAPL @ 100.00 gtc")
        await dead(worker)
        await at_broker(filled, {"filled"})
    there.fills_at_once = False
    # Stored, not claimed by anybody.
    async with seat.start("stored") as worker:
        worker.kill()
        stored = await seat.send("buy 4 AAPL @ 100.00 gtc")
    # Filled in two parts, killed between them.
    async with seat.start("parts") as worker:
        parts = await seat.send("buy 6 AAPL @ 100.00 gtc")
        await at_broker(parts, {"accepted", "new"})
        there.fill(parts.client_order_id, "2", "99.97")
        worker.kill()
        there.fill(parts.client_order_id, "1", "99.96")
    # Asked back, killed before the broker hears of it.
    async with seat.start("cancel") as worker:

        async def adopted() -> list[str]:
            found = await every_order(seat.b, seat.caller, seat.account_id)
            return [f"{one.status}: {one.reject_reason}" for one in found if one.id == taken.id]

        async def working() -> bool:
            return (await adopted())[0].split(":")[0] in {"working", "accepted"}

        try:
            await until(working, 20.0, "the order that was adopted")
        except AssertionError as late:
            raise AssertionError(
                f"{late}: {await adopted()}, there {there.orders.get(taken.client_order_id)}"
            ) from None
        worker.kill()
        await cancel_order(seat.b, seat.caller, taken.id)
    async with seat.start("last"):
        await seat.same_as_there()
    found = {one.id: one for one in await every_order(seat.b, seat.caller, seat.account_id)}
    assert found[lost.id].status in {"not_sent", "working", "accepted"}
    assert found[taken.id].status == "canceled"
    assert found[filled.id].status == "filled"
    assert found[stored.id].status in {"not_sent", "working", "accepted"}
    assert (found[parts.id].status, found[parts.id].filled_qty) == ("partial", Decimal(3))
    assert len(there.orders) == len({body["client_order_id"] for body in there.posts if body}) - (
        lost.client_order_id not in there.orders
    )


@pytest.mark.nightly
@pytest.mark.parametrize("rounds", [KILLS_BY_NIGHT])
async def test_a_worker_killed_at_random_instants_loses_and_doubles_nothing(seat: Seat, rounds: int) -> None:
    rng = random.Random(SEED + rounds)
    there, refused = seat.there, Counter[str]()
    lately: list[OrderView] = []
    for number in range(rounds):
        judged = (number + 1) % JUDGED_EVERY == 0 or number + 1 == rounds
        there.fills_at_once = rng.random() < 0.5
        there.prices["AAPL"] = Decimal(9_990 + rng.randrange(20)) / 100
        async with seat.start(f"round-{number}") as worker:
            # Every other one dies at any instant, the rest while orders are on their way.
            secs = rng.random() * 1.2
            ending = kill_at_work(worker, lambda: len(there.posts), secs) if number % 2 else kill_after(worker, secs)
            killing = asyncio.create_task(ending)
            while not killing.done():
                if judged:
                    there.fault("submit", "drop")  # What is lost last has to be settled as soon as all else.
                elif rng.random() < 0.2:
                    there.fault("submit", rng.choice(["accept-504", "accept-drop", "drop", 500]))
                requests = 1
                try:
                    lately = [*lately[-4:], await seat.send(f"buy {rng.randrange(1, 5)} AAPL @ 100.05 gtc")]
                    if rng.random() < 0.4:  # one that is on its way, or one that rests there
                        requests = 2
                        await cancel_order(seat.b, seat.caller, rng.choice(lately).id)
                except (StarkMatterError, AssertionError) as why:
                    refused[f"{why}".partition("\n")[0]] += (
                        1  # It ended before it was asked back, or the account pauses.
                    )
                await asyncio.sleep(2 * rng.random() * requests * EVERY_SECS)
            await killing
        if not judged:
            continue
        there.faults.clear()
        started = time.monotonic()
        async with seat.start(f"quiet-{number}"):
            up_secs = round(time.monotonic() - started, 1)
            orders = await seat.same_as_there()
        took = f"up in {up_secs} s, then quiet in {seat.took_secs:.1f}"
        print(f"after {number + 1} kills, seed {SEED}, both books are one: {took}", flush=True)
    print(f"{rounds} kills, seed {SEED}: {dict(Counter(str(one.status) for one in orders))}")
    print(f"{len(there.posts)} times the broker was asked, {dict(refused)}")
    assert len(there.posts) >= rounds // 2
