"""Random days of trading on the real database against a naive bookkeeper: equal to the cent after every step.

Each walk is one person's days, drawn from one seed: orders, repeats, cancels, quotes, closes, new days, restarts of the
broker, cash in and out, bookings whose answer is lost. A failure prints the walk's seed, its steps and how often each
rule ran; STARKMATTER_WALK_SEED=n runs that walk alone.
"""

import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.quotes import VenueClock
from starkmatter.errors import Conflict, InvalidInput, Unavailable
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.brokers.paper import PaperBroker
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import list_fills, list_orders
from starkmatter.trading.records import FillView
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, CLOSES_AT, OPENS_AT, Desk, make_desk, open_clock, order, quote

SEED = 1_000
ROUNDS = 10
WALKS_PER_ROUND = 15
STEPS = 30
CENT = Decimal("0.01")
MICRO = Decimal("0.000001")
ENDED = {"filled", "canceled", "expired", "not_sent", "risk_rejected"}


@dataclass
class Wish:
    """What the bookkeeper knows of one order."""

    side: str
    symbol: str
    qty: Decimal
    limit: Decimal | None
    tif: str
    session_on: date
    state: str
    reserved: Decimal = Decimal(0)
    per_share: Decimal = Decimal(0)
    filled: Decimal = Decimal(0)
    in_book: bool = False

    @property
    def leaves(self) -> Decimal:
        return self.qty - self.filled


@dataclass
class Held:
    qty: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)


@dataclass
class Bookkeeper:
    """Cash, reservations, holdings and realized results, computed the slow and obvious way from what was asked."""

    cash: Decimal
    orders: dict[UUID, Wish] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=lambda: defaultdict(Held))
    seen: set[UUID] = field(default_factory=set)

    @property
    def reserved(self) -> Decimal:
        return sum((one.reserved for one in self.orders.values()), Decimal(0))

    def free_shares(self, symbol: str) -> Decimal:
        waiting = (o.leaves for o in self.orders.values() if o.side == "sell" and o.symbol == symbol and self._open(o))
        return self.held[symbol].qty - sum(waiting, Decimal(0))

    def _open(self, wish: Wish) -> bool:
        return wish.state not in ENDED

    def take(self, fill: FillView) -> None:
        """One fill as the product reports it: it must be one that this order may have."""
        wish, held = self.orders[fill.order_id], self.held[fill.symbol]
        assert self._open(wish), f"a fill after the order ended as {wish.state}"
        assert fill.id not in self.seen
        self.seen.add(fill.id)
        assert 0 < fill.qty <= wish.leaves
        assert fill.fees == self._fees(fill)
        if wish.side == "buy":
            assert fill.price <= (wish.limit or wish.per_share)
            spent = fill.qty * fill.price + fill.fees
            release = wish.reserved if fill.qty == wish.leaves else min(wish.reserved, wish.per_share * fill.qty)
            assert spent <= release
            wish.reserved -= release
            self.cash -= spent
            held.qty += fill.qty
            held.cost += spent
        else:
            assert wish.limit is None or fill.price >= wish.limit
            proceeds = fill.qty * fill.price - fill.fees
            basis = held.cost if fill.qty == held.qty else held.cost * fill.qty / held.qty
            basis = basis.quantize(MICRO, ROUND_HALF_UP)
            self.cash += proceeds
            held.qty -= fill.qty
            held.cost -= basis
            held.realized += proceeds - basis
        wish.filled += fill.qty
        if wish.leaves == 0:
            wish.state = "filled"

    def _fees(self, fill: FillView) -> Decimal:
        if fill.side == "buy":
            return Decimal(0)
        sec = (fill.qty * fill.price * Decimal("27.80") / 1_000_000).quantize(CENT, ROUND_CEILING)
        taf = min((fill.qty * Decimal("0.000166")).quantize(CENT, ROUND_CEILING), Decimal("8.30"))
        return sec + taf

    def end(self, wish: Wish, state: str) -> None:
        wish.state, wish.reserved, wish.in_book = state, Decimal(0), False


class LossyDatabase:
    """The broker's database: it notes in which order fills are booked, and loses the answer to a booking when told."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.lose_next = False
        self.lost = 0
        self.turns: dict[UUID, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def tuples(self, sql: Any, params: Any = ()) -> list[tuple[Any, ...]]:
        rows = await self._db.tuples(sql, params)
        if "book_executions" not in sql:
            return rows
        for item in json.loads(params[0]):
            if "fill" in item:
                self.turns.setdefault(UUID(item["fill"]), len(self.turns))
        if self.lose_next:
            self.lose_next = False
            self.lost += 1
            raise Unavailable("The connection broke after the commit.")
        return rows


class Walk:
    """One person's random days."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.rng = desk, random.Random(seed)
        self.books = Bookkeeper(Decimal(100_000))
        self.day, self.clock = 0, open_clock()
        self.steps: list[str] = []
        self.rules: Counter[str] = Counter()
        self.texts: dict[UUID, tuple[str, str]] = {}
        self.shown: dict[tuple[str, str], Decimal] = {}
        self.touch: dict[tuple[str, str], Decimal] = {}
        self.certain = True

    def clock_of(self, state: str) -> VenueClock:
        shift = timedelta(days=self.day)
        session_on = (OPENS_AT + shift).date()
        next_open = OPENS_AT + shift + timedelta(days=1)
        if state == "open":
            self.minutes = getattr(self, "minutes", 10) + 1
            at = OPENS_AT + shift + timedelta(minutes=self.minutes % 300)
            return open_clock(venue_now=at, session_on=session_on, next_open=next_open, next_close=CLOSES_AT + shift)
        return open_clock(
            venue_now=CLOSES_AT + shift + timedelta(minutes=30),
            state="closed",
            session_on=session_on,
            next_open=next_open,
            next_close=CLOSES_AT + shift + timedelta(days=1),
        )

    # --- the rules ----------------------------------------------------------------------------------------------------

    async def submit(self) -> str:
        symbol = self.rng.choice(["AAPL", "MSFT"])
        held = self.books.held[symbol].qty
        side = "sell" if held > 0 and self.rng.random() < 0.5 else "buy"
        # Now and then more than there is of shares or of cash: that must be refused.
        qty = Decimal(self.rng.choice([1, 5, 17, 40, 90, 90, 700]))
        limit = None
        if self.rng.random() < 0.65:
            near = self.touch[symbol, side] * Decimal(self.rng.randint(985, 1015)) / 1000
            limit = near.quantize(CENT)
        tif = "gtc" if self.rng.random() < 0.5 else "day"
        text = f"{side} {qty} {symbol}" + (f" @ {limit}" if limit is not None else "") + (" gtc" * (tif == "gtc"))
        key = f"key-{len(self.texts):05d}"
        placed = await submit_order(
            self.desk.b, self.desk.caller, self.desk.account_id, order(text), key, acknowledged=ALL_READ
        )
        wish = Wish(side, symbol, qty, limit, tif, self._session_on(), "sent")
        if side == "buy":
            wish.per_share = limit or (self.touch[symbol, "buy"] * Decimal("1.05")).quantize(CENT, ROUND_CEILING)
            wish.reserved = (qty * wish.per_share).quantize(CENT, ROUND_CEILING)
            taken = self.books.cash - self.books.reserved >= wish.reserved
        else:
            taken = self.books.free_shares(symbol) >= qty
        if not taken:
            self.books.end(wish, "risk_rejected")
        self.books.orders[placed.id] = wish
        self.texts[placed.id] = (text, key)
        return f"{text} -> {placed.status}"

    def _session_on(self) -> date:
        clock = self.clock
        if clock.state == "open":
            assert clock.session_on is not None
            return clock.session_on
        assert clock.next_open is not None
        return clock.next_open.date()

    async def repeat(self) -> str:
        if not self.texts:
            return "nothing to repeat"
        order_id = self.rng.choice(list(self.texts))
        text, key = self.texts[order_id]
        again = await submit_order(
            self.desk.b, self.desk.caller, self.desk.account_id, order(text), key, acknowledged=ALL_READ
        )
        assert again.id == order_id
        return f"{key} again"

    async def cancel(self) -> str:
        alive = [order_id for order_id, wish in self.books.orders.items() if wish.state not in ENDED]
        order_id = self.rng.choice(alive or [None, *self.books.orders])
        if order_id is None:
            return "nothing to cancel"
        wish = self.books.orders[order_id]
        try:
            await cancel_order(self.desk.b, self.desk.caller, order_id)
        except Conflict:
            assert wish.state in ENDED
            return "too late"
        assert wish.state not in ENDED
        if wish.state == "sent":
            self.books.end(wish, "not_sent")
        else:
            wish.state = "cancel_asked"
        return f"{wish.side} {wish.symbol} -> {wish.state}"

    async def drain(self) -> str:
        lost = self.broker_db.lost
        taken = await self.desk.broker.drain()
        while self.broker_db.lost > lost:
            lost = self.broker_db.lost
            taken += await self.desk.broker.drain()
        await self._take_fills()
        for wish in self.books.orders.values():
            if wish.state == "sent":
                wish.state, wish.in_book = "resting", True
            elif wish.state == "cancel_asked":
                self.books.end(wish, "canceled")
        return f"{taken} taken"

    async def move(self) -> str:
        symbols = self.rng.sample(["AAPL", "MSFT"], self.rng.choice([1, 2]))
        return await self._tell(self.clock_of(self.clock.state), symbols)

    async def close(self) -> str:
        if self.clock.state == "closed":
            return "closed already"
        return await self._tell(self.clock_of("closed"), [])

    async def next_day(self) -> str:
        if self.clock.state == "open":
            return "still open"
        self.day += 1
        return await self._tell(self.clock_of("open"), ["AAPL", "MSFT"])

    async def restart(self) -> str:
        self.desk.broker = PaperBroker(self.broker_db, self.desk.b.cache, "replay")  # type: ignore[arg-type]
        await self.desk.broker.start()
        for wish in self.books.orders.values():
            wish.in_book = wish.state == "resting"
        return await self._tell(self.clock_of(self.clock.state), ["AAPL", "MSFT"])

    async def lose_an_answer(self) -> str:
        self.broker_db.lose_next = True
        return "the next booking's answer is lost"

    async def pay_in(self) -> str:
        amount = Decimal(self.rng.randint(1, 500_000)) / 100
        await deposit(self.desk.b, self.desk.caller, self.desk.account_id, amount)
        self.books.cash += amount
        return f"{amount}"

    async def take_out(self) -> str:
        free = self.books.cash - self.books.reserved
        amount = (free * Decimal(self.rng.choice([1, 5, 100, 101])) / 100).quantize(CENT, ROUND_CEILING)
        if amount <= 0:
            return "nothing is free"
        try:
            await deposit(self.desk.b, self.desk.caller, self.desk.account_id, -amount)
        except InvalidInput:
            assert amount > free
            return f"{amount} refused"
        assert amount <= free
        self.books.cash -= amount
        return f"{amount}"

    # --- quotes and what follows from them ----------------------------------------------------------------------------

    async def _tell(self, clock: VenueClock, symbols: list[str]) -> str:
        self.clock = clock
        told = []
        for symbol in symbols:
            start = self.touch.get((symbol, "sell"), Decimal(100 if symbol == "AAPL" else 200))
            bid = (start * Decimal(self.rng.randint(990, 1010)) / 1000).quantize(CENT)
            ask = bid + CENT * self.rng.randint(1, 20)
            size = self.rng.choice([3, 20, 60, 500])
            told.append(quote(f"{symbol} {bid}/{ask}", size=str(size)))
            self.touch[symbol, "sell"], self.touch[symbol, "buy"] = bid, ask
            self.shown[symbol, "sell"] = self.shown[symbol, "buy"] = Decimal(size)
        lost = self.broker_db.lost
        await self.desk.tell(*told, clock=clock)
        if self.broker_db.lost > lost:
            # The news of this batch came late: the broker has it again with the next one.
            await self.desk.tell(*[replace(one) for one in told], clock=clock)
            self.certain = False
        elif len(symbols) == 2:
            self.certain = True
        for wish in self.books.orders.values():
            if wish.in_book and wish.tif == "day" and wish.state in {"resting", "cancel_asked"} and self._over(wish):
                self.books.end(wish, "expired")
        await self._take_fills()
        return f"{clock.state} {[f'{one.symbol} {one.bid}/{one.ask} x{one.bid_size}' for one in told]}"

    def _over(self, wish: Wish) -> bool:
        assert self.clock.session_on is not None
        closed = self.clock.session_on == wish.session_on and self.clock.state == "closed"
        return self.clock.session_on > wish.session_on or closed

    async def _take_fills(self) -> None:
        fills = await list_fills(self.desk.b, self.desk.caller, account_id=self.desk.account_id, limit=500)
        fresh = [fill for fill in fills if fill.id not in self.books.seen]
        fresh.sort(key=lambda fill: self.broker_db.turns[fill.id])
        assert not fresh or self.clock.state == "open", "a fill while the market is closed"
        for fill in fresh:
            self.books.take(fill)
            self.shown[fill.symbol, fill.side] -= fill.qty
            if self.certain:
                assert self.shown[fill.symbol, fill.side] >= 0, "more was sold than the quote showed"

    # --- what must hold -----------------------------------------------------------------------------------------------

    async def check(self) -> None:
        desk, books = self.desk, self.books
        assert await check_books(desk.b.db) == []
        account = await get_account(desk.b, desk.caller, desk.account_id)
        assert (account.cash, account.reserved) == (books.cash, books.reserved)
        found = {
            one.symbol: (one.qty, one.cost_basis, one.realized_pl)
            for one in await list_positions(desk.b, desk.caller, desk.account_id)
        }
        expected = {
            symbol: (held.qty, held.cost, held.realized)
            for symbol, held in books.held.items()
            if held.qty or held.realized
        }
        assert found == expected
        orders = {one.id: one for one in await list_orders(desk.b, desk.caller, limit=500)}
        assert set(orders) == set(books.orders)
        for order_id, wish in books.orders.items():
            seen = orders[order_id]
            assert (seen.status, seen.filled_qty) == (self._status(wish), wish.filled), wish
            self._nothing_left_undone(wish)

    def _status(self, wish: Wish) -> str:
        working = "partial" if wish.filled else "working"
        return {"sent": "pending_submit", "cancel_asked": "pending_cancel", "resting": working}.get(
            wish.state, wish.state
        )

    def _nothing_left_undone(self, wish: Wish) -> None:
        """An order in the book that could trade at the newest quote has done so, or that quote is used up."""
        if not (self.certain and wish.in_book and wish.state == "resting" and self.clock.state == "open"):
            return
        touch, worst = self.touch[wish.symbol, wish.side], wish.limit
        buying = wish.side == "buy"
        crosses = touch <= (worst or wish.per_share) if buying else worst is None or touch >= worst
        assert not crosses or self.shown[wish.symbol, wish.side] <= 0, f"this should have filled: {wish}"

    async def run(self, broker_db: LossyDatabase) -> None:
        self.broker_db = broker_db
        weights: list[tuple[Callable[[], Awaitable[str]], int]] = [
            (self.submit, 26),
            (self.drain, 22),
            (self.move, 18),
            (self.cancel, 9),
            (self.close, 4),
            (self.next_day, 7),
            (self.repeat, 4),
            (self.restart, 3),
            (self.lose_an_answer, 3),
            (self.pay_in, 2),
            (self.take_out, 2),
        ]
        rules, chances = zip(*weights, strict=True)
        await self.restart()
        for _ in range(STEPS):
            rule = self.rng.choices(rules, chances)[0]
            self.rules[rule.__name__] += 1
            self.steps.append(f"{rule.__name__}: ...")
            self.steps[-1] = f"{rule.__name__}: {await rule()}"
            await self.check()
        await self._go_home()

    async def _go_home(self) -> None:
        """Everything is taken back, so nothing is held any more, and the next walk has the market to itself."""
        self.broker_db.lose_next = False
        for order_id, wish in self.books.orders.items():
            if wish.state not in ENDED:
                await cancel_order(self.desk.b, self.desk.caller, order_id)
                self.books.end(wish, "not_sent") if wish.state == "sent" else setattr(wish, "state", "cancel_asked")
        await self.drain()
        await self.check()
        assert self.books.reserved == 0


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_the_books_equal_a_naive_bookkeepers_after_every_step(
    number: int, database: Database, cache: Redis
) -> None:
    desk = await make_desk(database, cache)
    only = os.environ.get("STARKMATTER_WALK_SEED")
    first = SEED + number * WALKS_PER_ROUND
    rules: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for seed in [int(only)] if only else range(first, first + WALKS_PER_ROUND):
        walk = Walk(await desk.person(), seed)
        try:
            await walk.run(LossyDatabase(database))
        except Exception as error:  # noqa: BLE001 - whatever it was, the walk is told
            steps = "\n  ".join(walk.steps)
            pytest.fail(f"walk {seed}: {error}\n  {steps}\n{dict(rules + walk.rules)}")
        rules += walk.rules
        states += Counter(wish.state for wish in walk.books.orders.values())
    if not only:
        assert min(rules.values()) >= 1, rules
        assert {"filled", "canceled", "expired", "risk_rejected", "not_sent"} <= set(states), states


async def test_an_order_whose_booking_was_not_answered_still_fills(database: Database, cache: Redis) -> None:
    desk = await make_desk(database, cache)
    lossy = LossyDatabase(database)
    desk.broker = PaperBroker(lossy, cache, "replay")  # type: ignore[arg-type]
    await desk.broker.start()
    await desk.tell(quote("AAPL 100.00/100.05", size="60"))
    placed = await submit_order(
        desk.b, desk.caller, desk.account_id, order("buy 90 AAPL @ 100.05 gtc"), "key-00000001", acknowledged=ALL_READ
    )
    lossy.lose_next = True
    await desk.broker.drain()
    await desk.tell(quote("AAPL 100.00/100.05", size="60"))
    [done] = await list_orders(desk.b, desk.caller)
    assert (done.id, done.status) == (placed.id, "filled")
    assert sorted(fill.qty for fill in await list_fills(desk.b, desk.caller)) == [30, 60]
    assert await check_books(database) == []
