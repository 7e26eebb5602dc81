"""SIGKILL the real worker at random instants of the orders' way: exactly one outcome each, the books always right."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends, close_backends, open_backends
from starkmatter.domain.orders import OPEN, TERMINAL
from starkmatter.errors import Conflict, StarkMatterError, Unavailable
from starkmatter.market.board import QuoteBoard
from starkmatter.market.service import replay_status
from starkmatter.portfolio.accounts import list_accounts
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import ensure_first_account
from starkmatter.portfolio.valuation import list_positions
from starkmatter.settings import load_settings
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import get_order, list_orders
from starkmatter.trading.submit import submit_order
from starkmatter.version import ROOT_DIR
from tests.builders import make_caller, order

pytestmark = [pytest.mark.process, pytest.mark.timeout(420)]

KILLS = 30
PEOPLE = 3
SEED = int(os.environ.get("STARKMATTER_KILL_SEED", "20210301"))
READY_SECS = 60.0
QUIET_SECS = 60.0
MAX_UP_SECS = 1.2
SYMBOLS = ("AAPL", "AMZN", "NVDA", "KO")


class Worker:
    """The worker process, with a home of its own and the run's engines."""

    def __init__(self, home: Path, database_url: str, redis_url: str) -> None:
        self._environment = {
            **os.environ,
            "STARKMATTER_HOME": str(home),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "STARKMATTER_REPLAY_SPEED": "60",
            "STARKMATTER_LOG_FORMAT": "json",
        }
        self.log = home / "worker.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "starkmatter", "worker"],
                env=self._environment,
                cwd=ROOT_DIR,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def leads(self, times: int) -> bool:
        return self.log.exists() and self.log.read_text().count('"leading"') >= times


@pytest.fixture
async def b(
    database_url: str, redis_url: str, cache: Redis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Backends]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    opened = await open_backends(load_settings(), "test", max_size=6)
    yield opened
    await close_backends(opened)


async def until(condition, secs: float, what: str) -> None:
    ends_at = time.monotonic() + secs
    while True:
        try:
            if await condition():
                return
        except StarkMatterError:
            pass
        assert time.monotonic() < ends_at, f"{what} within {secs} s"
        await asyncio.sleep(0.1)


class Person:
    """Somebody who sends orders without pause, remembers every key and repeats some of them."""

    def __init__(self, b: Backends, caller: Caller, account_id: UUID, rng: random.Random) -> None:
        self._b, self._caller, self._account_id, self._rng = b, caller, account_id, rng
        self.sent: dict[str, tuple[str, UUID]] = {}
        self.stop = asyncio.Event()

    async def trade(self) -> None:
        while not self.stop.is_set():
            key = f"key-{self._account_id}-{len(self.sent)}"
            text = await self._patiently(self._wish)
            order_id = await self._patiently(lambda key=key, text=text: self._send(key, text))
            self.sent[key] = (text, order_id)
            if self._rng.random() < 0.2:
                assert await self._patiently(lambda key=key, text=text: self._send(key, text)) == order_id
            if self._rng.random() < 0.3:
                _, earlier = self._rng.choice(list(self.sent.values()))
                with suppress(Conflict):  # it had ended before the cancel came
                    await self._patiently(lambda earlier=earlier: cancel_order(self._b, self._caller, earlier))
            await asyncio.sleep(self._rng.uniform(0.0, 0.03))

    async def _send(self, key: str, text: str) -> UUID:
        return (await submit_order(self._b, self._caller, self._account_id, order(text), key)).id

    async def _patiently(self, call):
        """Do it again while the database is too busy to answer: the same key cannot order twice."""
        for _ in range(50):
            try:
                return await call()
            except Unavailable:
                await asyncio.sleep(0.2)
        return await call()

    async def _wish(self) -> str:
        symbol = self._rng.choice(SYMBOLS)
        held = {one.symbol: int(one.qty) for one in await list_positions(self._b, self._caller, self._account_id)}
        if held.get(symbol, 0) > 0 and self._rng.random() < 0.45:
            text = f"sell {self._rng.randint(1, held[symbol])} {symbol}"
        else:
            text = f"buy {self._rng.randint(1, 5)} {symbol}"
        if self._rng.random() < 0.5:
            quote = (await QuoteBoard(self._b.cache).quotes("replay", [symbol])).get(symbol)
            if quote is not None:
                limit = quote.last * self._rng.choice([98, 99, 100, 101, 102]) / 100
                text += f" @ {limit:.2f} gtc"
        return text


async def test_thirty_sigkills_leave_exactly_one_outcome_for_every_order(
    b: Backends, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    worker = Worker(tmp_path, database_url, redis_url)
    worker.start()
    try:

        async def market_is_open() -> bool:
            status = await replay_status(b.db, b.cache)
            return status.clock is not None and status.clock.state == "open"

        await until(market_is_open, READY_SECS, "the market opens")
        people = []
        for _ in range(PEOPLE):
            caller = await make_caller(b.db, "trader")
            await ensure_first_account(b, caller.user_id)
            [account] = await list_accounts(b, caller)
            people.append(Person(b, caller, account.id, random.Random(rng.random())))
        trading = [asyncio.create_task(person.trade()) for person in people]
        for number in range(KILLS):
            wait_secs = rng.uniform(0.0, MAX_UP_SECS)

            async def leads(times: int = number + 1) -> bool:
                return worker.leads(times)

            await until(leads, READY_SECS, f"worker {number + 1} leads")
            await asyncio.sleep(wait_secs)
            worker.kill()
            assert await check_books(b.db) == [], f"after kill {number + 1}, seed {SEED}"
            worker.start()
        for person in people:
            person.stop.set()
        await asyncio.gather(*trading)

        async def outbox_is_empty() -> bool:
            return await b.db.value("SELECT count(*) FROM outbox") == 0

        await until(outbox_is_empty, QUIET_SECS, "the outbox is worked off")
        await one_outcome_each(b, people)
    finally:
        worker.kill()


async def one_outcome_each(b: Backends, people: list[Person]) -> None:
    assert await check_books(b.db) == []
    states: Counter[str] = Counter()
    for person in people:
        orders = {one.id: one for one in await list_orders(b, person._caller, limit=500)}
        keys_of = Counter(order_id for _, order_id in person.sent.values())
        assert set(keys_of.values()) == {1}, "one key, one order"
        for key, (text, order_id) in person.sent.items():
            one = orders.get(order_id) or await get_order(b, person._caller, order_id)
            states[one.status] += 1
            assert one.status in TERMINAL | (OPEN - {"pending_submit", "submitting", "pending_cancel"}), one
            repeated = await submit_order(b, person._caller, one.account_id, order(text), key)
            assert repeated.id == order_id
    print(dict(states))
    assert states["filled"] >= KILLS
    assert states["canceled"] > 0
    doubled = await b.db.tuples("SELECT order_id, execution FROM fill GROUP BY order_id, execution HAVING count(*) > 1")
    assert doubled == []
    unlike = await b.db.tuples(
        "SELECT e.order_id FROM order_event e GROUP BY e.order_id"
        " HAVING count(*) FILTER (WHERE status IN ('filled', 'canceled', 'expired', 'not_sent', 'rejected',"
        " 'risk_rejected')) > 1"
    )
    assert unlike == [], "an order ends once"
