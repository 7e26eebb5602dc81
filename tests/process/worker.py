"""The real worker process on engines of the test, people who trade with it, and what must hold when all is quiet."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from decimal import Decimal
from functools import cache
from pathlib import Path
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends, close_backends, open_backends
from starkmatter.clock import utc_now
from starkmatter.domain.orders import OPEN, TERMINAL
from starkmatter.domain.quotes import Quote
from starkmatter.errors import Conflict, Unavailable
from starkmatter.market.board import QuoteBoard
from starkmatter.market.clocks import market_clock
from starkmatter.portfolio.accounts import list_accounts
from starkmatter.portfolio.at_broker import broker_status
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import ensure_first_account
from starkmatter.portfolio.valuation import list_positions
from starkmatter.settings import load_settings
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import MAX_LIMIT, get_order, list_orders
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, make_caller, order
from tests.ops.instance import environment
from tests.process.nursery import Nursery

SYMBOLS = ("AAPL", "AMZN", "NVDA", "KO")
SETTLED = TERMINAL | (OPEN - {"pending_submit", "submitting", "unknown", "pending_cancel"})
LEADER_PID = """
SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'advisory' AND l.granted
 WHERE a.application_name = 'starkmatter leader' AND a.datname = current_database()
"""
IN_DOUBT = {"pending_submit", "submitting", "unknown", "pending_cancel"}
READY_SECS = 60.0
QUIET_SECS = 20.0
# After a worker is up nothing at a broker is in doubt any more, not even what never arrived there.
QUIET_AT_BROKER_SECS = 10.0
# For that an order is looked for the fourth time 8 seconds after it was sent. By default that is at 30 (SAFETY A.3).
LOOK_AFTER_SECS = (0.5, 2.0, 4.0, 8.0)
LOOKS = {"STARKMATTER_LOOK_AFTER_SECS": ",".join(map(str, LOOK_AFTER_SECS))}


@cache
def nursery() -> Nursery:
    """The one of this run."""
    return Nursery()


class Worker:
    """One `starkmatter worker`; its log goes to a file of its own."""

    def __init__(
        self, home: Path, name: str, database_url: str, redis_url: str, more: Mapping[str, str] | None = None
    ) -> None:
        home.mkdir(exist_ok=True)
        self.log = home / f"{name}.log"
        variables = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "STARKMATTER_REPLAY_SPEED": "60",
            "STARKMATTER_LOG_FORMAT": "json",
            **LOOKS,
            **(more or {}),
        }
        self.process = nursery().start("worker", environment(home, 3999, variables), self.log)

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def leads(self) -> bool:
        return '"leading"' in self.text

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def worker_process(
    home: Path, name: str, database_url: str, redis_url: str, more: Mapping[str, str] | None = None
) -> Iterator[Worker]:
    """A worker for the length of the block; a stopped (SIGSTOP) one ends too."""
    worker = Worker(home, name, database_url, redis_url, more)
    try:
        yield worker
    finally:
        worker.kill()


async def every_order(b: Backends, caller: Caller, account_id: UUID) -> list[OrderView]:
    """All orders of the account, the newest first, however many pages they are."""
    found: list[OrderView] = []
    before = None
    while page := await list_orders(b, caller, account_id, limit=MAX_LIMIT, before=before):
        found += page
        before = (page[-1].created_at, page[-1].id)
    return found


async def none_in_doubt(
    b: Backends, caller: Caller, account_id: UUID, secs: float = QUIET_AT_BROKER_SECS
) -> tuple[list[OrderView], float]:
    """All orders of the account once no one is in doubt, and how long that took; an AssertionError says which are."""
    found: list[OrderView] = []

    async def quiet() -> bool:
        found[:] = await every_order(b, caller, account_id)
        return not [one for one in found if one.status in IN_DOUBT]

    try:
        took_secs = await until(quiet, secs, "no order in doubt")
    except AssertionError as late:
        raise AssertionError(f"{late}: {[one for one in found if one.status in IN_DOUBT]}") from None
    return found, took_secs


@asynccontextmanager
async def backends_on(database_url: str, redis_url: str) -> AsyncIterator[Backends]:
    """What a web process would have open."""
    opened = await open_backends(load_settings({"DATABASE_URL": database_url, "REDIS_URL": redis_url}), "test")
    try:
        yield opened
    finally:
        await close_backends(opened)


async def until(done: Callable[[], Awaitable[bool]], secs: float, what: str) -> float:
    """Wait for `done`; how long it took, an AssertionError when it takes longer than `secs`."""
    started = time.monotonic()
    while True:
        with suppress(Unavailable):
            if await done():
                return time.monotonic() - started
        assert time.monotonic() - started < secs, f"not within {secs} s: {what}"
        await asyncio.sleep(0.05)


async def until_open(b: Backends, secs: float = READY_SECS) -> float:
    """Wait until the replay trades: an open session and a quote of every symbol."""
    board = QuoteBoard(b.cache)

    async def trades() -> bool:
        clock = await board.venue_clock("replay")
        return clock.state == "open" and len(await board.quotes("replay", SYMBOLS)) == len(SYMBOLS)

    return await until(trades, secs, "an open market with quotes")


class Person:
    """Somebody with an account who remembers every key ever sent and what was answered."""

    def __init__(self, b: Backends, caller: Caller, account_id: UUID, seed: int) -> None:
        self.b, self.caller, self.account_id = b, caller, account_id
        self.rng = random.Random(seed)
        self.wanted: dict[str, str] = {}
        self.answered: dict[str, UUID] = {}
        self.unanswered: set[str] = set()
        self.spared: set[UUID] = set()
        self.stop = asyncio.Event()

    async def send(self, text: str, b: Backends | None = None) -> OrderView:
        """Submit under a new key. An Unavailable is kept in mind: the same key is repeated when all is quiet."""
        key = f"key-{len(self.wanted):06d}"
        self.wanted[key] = text
        try:
            placed = await submit_order(
                b or self.b, self.caller, self.account_id, order(text), key, acknowledged=ALL_READ
            )
        except Unavailable:
            self.unanswered.add(key)
            raise
        self.answered[key] = placed.id
        return placed

    async def order(self, order_id: UUID) -> OrderView:
        return await get_order(self.b, self.caller, order_id)

    async def trade(self) -> None:
        """Send, repeat and cancel at random until `stop` is set, whatever is down meanwhile."""
        while not self.stop.is_set():
            with suppress(Unavailable, Conflict):
                await self._one_step()
            await asyncio.sleep(self.rng.uniform(0.005, 0.05))

    async def _one_step(self) -> None:
        wish = await self._wish()
        key = f"key-{len(self.wanted):06d}"  # of this order, whatever the test itself sends meanwhile
        placed = await self.send(wish)
        chance = self.rng.random()
        if chance < 0.15:
            again = await submit_order(
                self.b, self.caller, self.account_id, order(self.wanted[key]), key, acknowledged=ALL_READ
            )
            assert again.id == placed.id
        elif chance < 0.35:
            mine = [one for one in self.answered.values() if one not in self.spared]
            await cancel_order(self.b, self.caller, self.rng.choice(mine[-30:]))

    async def _wish(self) -> str:
        symbol = self.rng.choice(SYMBOLS)
        held = {one.symbol: int(one.qty) for one in await list_positions(self.b, self.caller, self.account_id)}
        free = held.get(symbol, 0)
        side, qty = ("sell", self.rng.randint(1, min(free, 9))) if free and self.rng.random() < 0.45 else ("buy", 3)
        quotes = await QuoteBoard(self.b.cache).quotes("replay", [symbol])
        if symbol not in quotes or self.rng.random() < 0.5:
            return f"{side} {qty} {symbol}"
        limit = quotes[symbol].last * Decimal(self.rng.randint(97, 103)) / 100
        return f"{side} {qty} {symbol} @ {limit:.2f}{self.rng.choice([' gtc', ''])}"


async def make_people(b: Backends, count: int, seed: int) -> list[Person]:
    """People with the practice account each."""
    people = []
    for number in range(count):
        caller = await make_caller(b.db, "trader")
        await ensure_first_account(b, caller.user_id)
        [account] = await list_accounts(b, caller)
        people.append(Person(b, caller, account.id, seed * 1_000 + number))
    return people


@asynccontextmanager
async def trading(people: list[Person]) -> AsyncIterator[None]:
    """All of them trade at random during the block; at its end the last requests are answered."""
    tasks = [asyncio.create_task(person.trade()) for person in people]
    try:
        yield
        for person in people:
            person.stop.set()
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def until_quiet(b: Backends, secs: float = QUIET_SECS) -> None:
    """Wait until the outbox is empty and no order is on its way."""

    async def quiet() -> bool:
        moving = "SELECT count(*) FROM trade_order WHERE NOT status = ANY (%s)"
        waiting = await b.db.value("SELECT count(*) FROM outbox")
        return waiting + await b.db.value(moving, ([str(status) for status in SETTLED],)) == 0

    await until(quiet, secs, "no order on its way")


TWICE_FILLED = "SELECT order_id, execution FROM fill GROUP BY 1, 2 HAVING count(*) > 1"
FILLS_WITHOUT_ENTRY = """
SELECT f.id FROM fill f LEFT JOIN ledger_entry e ON e.fill_id = f.id GROUP BY f.id HAVING count(e.id) <> 1
"""
LAST_EVENT_UNLIKE_ORDER = """
SELECT o.id, o.status, e.status FROM trade_order o
  JOIN order_event e ON e.order_id = o.id AND e.sequence = o.sequence WHERE e.status <> o.status
"""
AFTER_THE_END = """
SELECT e.order_id FROM order_event e JOIN trade_order o ON o.id = e.order_id
 WHERE e.status = ANY (%s) AND e.sequence < o.sequence
"""


async def assert_one_outcome(b: Backends, people: list[Person]) -> Counter[str]:
    """Every key is one order with one outcome, every answer still holds, the books are right; states by number."""
    assert await check_books(b.db) == []
    assert await b.db.tuples(TWICE_FILLED) == []
    assert await b.db.tuples(FILLS_WITHOUT_ENTRY) == []
    assert await b.db.tuples(LAST_EVENT_UNLIKE_ORDER) == []
    assert await b.db.tuples(AFTER_THE_END, ([str(status) for status in TERMINAL],)) == []
    states: Counter[str] = Counter()
    for person in people:
        for key, text in person.wanted.items():
            one = await submit_order(b, person.caller, person.account_id, order(text), key, acknowledged=ALL_READ)
            assert one.id == person.answered.get(key, one.id), f"{key} became another order"
            if key not in person.unanswered:
                assert one.status in SETTLED, one
            states[one.status] += 1
        stored = await b.db.value("SELECT count(*) FROM trade_order WHERE account_id = %s", (person.account_id,))
        assert stored == len(person.wanted), "one key, one order"
    await until_quiet(b)
    assert await check_books(b.db) == []
    return states


async def prices(b: Backends) -> dict[str, Quote]:
    return await QuoteBoard(b.cache).quotes("replay", SYMBOLS)


@asynccontextmanager
async def broker_worker(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    home: Path,
    name: str,
    database_url: str,
    redis_url: str,
    variables: Mapping[str, str],
) -> AsyncIterator[Worker]:
    """A worker that serves an account at a broker, once it has found that both books agree."""
    since = utc_now()
    with worker_process(home, name, database_url, redis_url, variables) as worker:

        async def ready() -> bool:
            assert worker.process.poll() is None, worker.text[-2_000:]
            found = await broker_status(b, caller, account_id)
            return (
                (await market_clock(b.db, utc_now())).state != "ended"
                and found is not None
                and found.state == "ready"
                and found.checked_at is not None
                and found.checked_at > since
            )

        try:
            await until(ready, READY_SECS, "both books agree")
        except AssertionError as late:
            status = await broker_status(b, caller, account_id)
            raise AssertionError(f"{late}: {status}\n{worker.text[-4_000:]}") from None
        yield worker


async def kill_after(worker: Worker, secs: float) -> None:
    """SIGKILL it in so many seconds."""
    await asyncio.sleep(secs)
    worker.kill()


async def kill_at_work(worker: Worker, heard: Callable[[], int], secs: float) -> None:
    """SIGKILL it so many seconds after its broker has heard of one more order: on a busy machine it would die idle."""
    before = heard()

    async def hears() -> bool:
        return heard() > before

    await until(hears, READY_SECS, "the broker hears of an order")
    await kill_after(worker, secs)
