"""The worker is killed while it deals with a broker that keeps no id of ours: each order is there once or never."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.errors import StarkMatterError
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.brokers.etrade import PER_MIN
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.records import OrderView
from tests.process.seats import Seat, seated
from tests.process.worker import QUIET_AT_BROKER_SECS, every_order, kill_after, kill_at_work, until
from tests.standins.etrade import SIGNED_IN, ETrade, etrade

pytestmark = pytest.mark.process

SEED = int(os.environ.get("STARKMATTER_KILL_SEED", "20261126"))
JUDGED_EVERY = 10  # kills
# What the vendor takes, a preview and the order itself: faster, and most orders would only wait until they are too old.
EVERY_SECS = 2 * 60 / PER_MIN
KILLS_BY_NIGHT = int(os.environ.get("STARKMATTER_KILLS", "300"))
# Each order is of one share more than the last: none is refused for want of money, or most kills would meet no order.
ENOUGH = Decimal(1_000_000_000)
SECRET_FIELDS = {"key", "secret", "token", "token_secret"}


@pytest.fixture
def there() -> Iterator[ETrade]:
    with etrade(cash=ENOUGH) as broker:
        yield broker


@dataclass
class SandboxSeat(Seat):
    """Somebody with an account in E*TRADE's sandbox."""

    equal_secs: float = 0.0

    def posted(self) -> list[int]:
        """The quantities that went over the wire, in their order."""
        return [int(one["Order"][0]["Instrument"][0]["quantity"]) for one in self.there.posts]

    async def same_as_there(self) -> dict[int, OrderView]:
        """Each order once or not at all, nothing sent twice, and both books equal."""

        async def equal() -> bool:
            return (await get_account(self.b, self.caller, self.account_id)).cash == self.there.cash

        await self.quiet()
        # What filled is asked for every two seconds.
        self.equal_secs = self.took_secs + await until(equal, QUIET_AT_BROKER_SECS - self.took_secs, "the same cash")
        ours = {int(one.qty): one for one in await every_order(self.b, self.caller, self.account_id)}
        taken = {int(one.qty): one for one in self.there.orders.values()}
        assert len(taken) == len(self.there.orders), "one order each"
        assert len(set(self.posted())) == len(self.posted()), "nothing is sent twice"
        assert set(taken) <= set(ours)
        for qty, one in ours.items():
            if qty in taken:
                assert one.filled_qty == taken[qty].filled, one
                assert (one.status in {"filled", "canceled"}) == (not self.there.is_open(taken[qty])), one
            else:
                assert one.status == "not_sent", (one.status, one.reject_reason)
        positions = {one.symbol: one.qty for one in await list_positions(self.b, self.caller, self.account_id)}
        assert {name: qty for name, qty in positions.items() if qty} == {
            name: qty for name, (qty, _) in self.there.positions.items()
        }
        assert await check_books(self.b.db) == []
        return ours


@pytest.fixture
async def seat(
    database_url: str, redis_url: str, cache: Redis, tmp_path: Path, there: ETrade
) -> AsyncIterator[SandboxSeat]:
    home, urls = tmp_path / "home", (database_url, redis_url)
    async with seated(SandboxSeat, there, "etrade", SIGNED_IN, SECRET_FIELDS, home, urls, there.urls) as made:
        yield made


@pytest.mark.nightly
async def test_a_worker_killed_at_each_step_sends_nothing_twice(seat: SandboxSeat) -> None:
    there = seat.there

    lost = await seat.killed_while_it_sends("lost", "drop")
    taken = await seat.killed_while_it_sends("taken", None)
    there.fills_at_once, there.prices["AAPL"] = True, Decimal("99.98")
    filled = await seat.killed_while_it_sends("filled", None)

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


@pytest.mark.nightly
@pytest.mark.parametrize("rounds", [KILLS_BY_NIGHT])
async def test_a_worker_killed_at_random_instants_loses_and_doubles_nothing(seat: SandboxSeat, rounds: int) -> None:
    rng = random.Random(SEED + rounds)
    there, refused = seat.there, Counter[str]()
    lately: list[OrderView] = []
    for number in range(rounds):
        judged = (number + 1) % JUDGED_EVERY == 0 or number + 1 == rounds
        there.fills_at_once = rng.random() < 0.5
        there.prices["AAPL"] = Decimal(9_990 + rng.randrange(10)) / 100
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
                try:
                    lately = [*lately[-4:], await seat.send()]
                    if rng.random() < 0.4:  # one that is on its way, or one that rests there
                        await cancel_order(seat.b, seat.caller, rng.choice(lately).id)
                except (StarkMatterError, AssertionError) as why:
                    refused[f"{why}".partition("\n")[0]] += (
                        1  # It ended before it was asked back, or the account pauses.
                    )
                await asyncio.sleep(2 * rng.random() * EVERY_SECS)
            await killing
        if not judged:
            continue
        there.faults.clear()
        async with seat.start(f"quiet-{number}"):
            ours = await seat.same_as_there()
        took = f"quiet in {seat.took_secs:.1f} s, the same cash in {seat.equal_secs:.1f}"
        print(f"after {number + 1} kills, seed {SEED}, both books are one: {took}", flush=True)
    print(f"{rounds} kills, seed {SEED}: {dict(Counter(str(one.status) for one in ours.values()))}")
    print(f"{len(there.posts)} times the broker was asked, {dict(refused)}")
    assert len(there.posts) >= rounds // 2
