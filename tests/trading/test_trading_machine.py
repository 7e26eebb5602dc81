"""Hypothesis trades: every kind of order, groups, changes, crashes and lost answers on the real database.

After each step the product's books are those of a naive bookkeeper (`machine_books`), the database's own promises hold
and no order moved as it may not. A failure is told with its days; by night they are made as short as
they can be, which takes minutes.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.orders import Condition, OrderRequest, StopLoss, TakeProfit
from starkmatter.domain.quotes import Quote
from starkmatter.errors import Conflict, InvalidInput, Refused
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.promises_queries import BROKEN_INVARIANTS
from starkmatter.trading.brokers import paper_market
from starkmatter.trading.brokers.paper import PaperBroker
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import list_fills, list_orders
from starkmatter.trading.replace import Terms, replace_order
from starkmatter.trading.submit import submit_order
from tests.builders import (
    ALL_READ,
    CLOSES_AT,
    OPENS_AT,
    SESSION,
    Desk,
    make_account,
    make_caller,
    make_desk,
    open_clock,
    order,
    quote,
)
from tests.trading.lossy import LossyDatabase
from tests.trading.machine_books import CENT, ENDED, Books, Fill, Moment, Order

SYMBOLS = ("AAPL", "MSFT")
FIRST_BIDS = {"AAPL": Decimal("100.00"), "MSFT": Decimal("200.00")}
# The promises of all books are looked at after each step: a round of few histories has little to look through.
EXAMPLES, ROUNDS, STEPS = 10, 30, 50
# By night 500 rounds of 100 steps, 5,000 histories: all of them, or the part that is asked for.
STEPS_BY_NIGHT = 100
FIRST_BY_NIGHT, _, LAST_BY_NIGHT = os.environ.get("STARKMATTER_MACHINE_ROUNDS", "1000-1499").partition("-")
# What is stored, read past the product.
WRITTEN = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"  # another one after every transaction that wrote
ACCOUNT = "SELECT cash, reserved FROM account WHERE id = %s"
HOLDINGS = """
SELECT symbol, signed_qty, cost_basis, realized_pl FROM holding
 WHERE account_id = %s AND (signed_qty <> 0 OR realized_pl <> 0)
"""
ORDERS = f"SELECT {', '.join(Order._fields)} FROM trade_order WHERE account_id = %s"
EVENTS = """
SELECT e.order_id, e.sequence, e.status FROM order_event e JOIN trade_order o ON o.id = e.order_id
 WHERE o.account_id = %s ORDER BY e.order_id, e.sequence
"""
FILLS = f"SELECT {', '.join(Fill._fields)} FROM fill WHERE account_id = %s AND id <> ALL (%s)"

symbols = st.sampled_from(SYMBOLS)
sides = st.sampled_from(["buy", "buy", "sell"])
quantities = st.sampled_from([Decimal(one) for one in (1, 5, 17, 40, 90, 700)])
ticks = st.integers(-150, 150)
some = st.integers(0, 200)
DID: Counter[str] = Counter()


@dataclass
class World:
    """The engines of a test, with an event loop of its own for a machine that knows none."""

    loop: asyncio.AbstractEventLoop
    desk: Desk
    look: psycopg.Connection[Any]

    def run(self, work: Coroutine[Any, Any, Any] | Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)


class Trading(RuleBasedStateMachine):
    """One person's days at the replay market."""

    world: World
    kind = "cash"

    def __init__(self) -> None:
        super().__init__()
        self.run = self.world.run
        self.day, self.minute, self.state = 0, 10, "open"
        self.books = Books(Decimal(100_000), lends=self.kind == "margin")
        self.keys: list[tuple[OrderRequest, UUID]] = []
        self.heard = True  # Everything that was asked for has reached the broker.
        self.written = ""
        self.stored: tuple[list[Any], ...] = ()  # what was read after the last transaction that wrote
        self.bids = dict(FIRST_BIDS)
        self.run(self._begin())

    async def _begin(self) -> None:
        b = self.world.desk.b
        caller = await make_caller(b.db, "trader")
        account_id = await make_account(b.db, caller, kind=self.kind)
        self.desk = Desk(b, self.world.desk.broker, caller, account_id, self.world.desk.clock)
        self.db = LossyDatabase(self.desk.b.db)
        self.desk.broker = PaperBroker(self.db, self.desk.b.cache, "replay")  # type: ignore[arg-type]
        await self.desk.broker.start()
        await self._tell({symbol: self._quote(symbol, 5, 500) for symbol in SYMBOLS})

    # --- orders -------------------------------------------------------------------------------------------------------

    @rule(symbol=symbols, side=sides, qty=quantities, away=ticks, tif=st.sampled_from(["day", "gtc", "ioc", "fok"]))
    def limit(self, symbol: str, side: str, qty: Decimal, away: int, tif: str) -> None:
        self._send("limit", symbol, side, qty, tif, limit_price=self._near(symbol, away))

    @rule(symbol=symbols, side=sides, qty=quantities, tif=st.sampled_from(["day", "gtc", "opg", "cls", "ioc"]))
    def market(self, symbol: str, side: str, qty: Decimal, tif: str) -> None:
        self._send("market", symbol, side, qty, tif)

    @rule(
        symbol=symbols,
        side=sides,
        qty=quantities,
        away=ticks,
        cap=st.integers(0, 80),
        tif=st.sampled_from(["day", "gtc"]),
    )
    def stop(self, symbol: str, side: str, qty: Decimal, away: int, cap: int, tif: str) -> None:
        stop = self._near(symbol, abs(away) + 1 if side == "buy" else -abs(away) - 1)
        if cap < 40:
            self._send("stop", symbol, side, qty, tif, stop_price=stop)
        else:
            limit = stop + CENT * (cap - 40) * (1 if side == "buy" else -1)
            self._send("stop_limit", symbol, side, qty, tif, stop_price=stop, limit_price=limit)

    @rule(symbol=symbols, side=sides, qty=quantities, trail=st.integers(1, 120), part=st.booleans())
    def trail(self, symbol: str, side: str, qty: Decimal, trail: int, part: bool) -> None:
        terms = {"trail_percent": Decimal(trail) / 100} if part else {"trail_amount": trail * CENT}
        self._send("trailing_stop", symbol, side, qty, "gtc", **terms)

    @rule(symbol=symbols, side=sides, money=st.integers(100, 900_000))
    def amount(self, symbol: str, side: str, money: int) -> None:
        self._send("market", symbol, side, Decimal(0), "day", notional=money * CENT)

    @rule(symbol=symbols, side=sides, parts=st.integers(1, 10**10))
    def parts(self, symbol: str, side: str, parts: int) -> None:
        self._send("market", symbol, side, Decimal(parts).scaleb(-9), "day")

    @rule(symbol=symbols, side=sides, qty=quantities, away=ticks, days=st.integers(0, 2))
    def dated(self, symbol: str, side: str, qty: Decimal, away: int, days: int) -> None:
        until = (OPENS_AT + timedelta(days=self.day + days)).date()
        self._send("limit", symbol, side, qty, "gtd", limit_price=self._near(symbol, away), expires_on=until)

    @rule(symbol=symbols, side=sides, qty=quantities, away=ticks)
    def extended(self, symbol: str, side: str, qty: Decimal, away: int) -> None:
        self._send("limit", symbol, side, qty, "day", limit_price=self._near(symbol, away), extended_hours=True)

    @rule(symbol=symbols, qty=quantities, away=ticks, up=st.integers(1, 120), down=st.integers(1, 120), legs=some)
    def group(self, symbol: str, qty: Decimal, away: int, up: int, down: int, legs: int) -> None:
        entry = self._near(symbol, away)
        target, stop = TakeProfit(entry + up * CENT), StopLoss(entry - down * CENT)
        if legs % 3 == 0:
            self._send("limit", symbol, "buy", qty, "gtc", limit_price=entry, order_class="oto", stop_loss=stop)
        else:
            ways = {"order_class": "bracket", "take_profit": target, "stop_loss": stop}
            self._send("limit", symbol, "buy", qty, "gtc", limit_price=entry, **ways)

    @rule(symbol=symbols, qty=quantities, up=st.integers(1, 120), down=st.integers(1, 120))
    def pair(self, symbol: str, qty: Decimal, up: int, down: int) -> None:
        loss = StopLoss(self._near(symbol, -down))
        self._send(
            "limit", symbol, "sell", qty, "gtc", limit_price=self._near(symbol, up), order_class="oco", stop_loss=loss
        )

    @rule(symbol=symbols, side=sides, qty=quantities, away=ticks, above=st.booleans())
    def when(self, symbol: str, side: str, qty: Decimal, away: int, above: bool) -> None:
        other = SYMBOLS[1 - SYMBOLS.index(symbol)]
        condition = Condition(other, "at_or_above" if above else "at_or_below", self._near(other, away))
        self._send("market", symbol, side, qty, "day", condition=condition)

    def _send(self, kind: str, symbol: str, side: str, qty: Decimal, tif: str, **more: Any) -> None:
        # Every other sale of a margin account may go below what is held.
        short = self.kind == "margin" and side == "sell" and len(self.keys) % 2 == 0 and "order_class" not in more
        request = OrderRequest(symbol, side, kind, qty, tif, allow_short=short, **more)  # type: ignore[arg-type]
        free, shares = self.books.cash - self._reserved(), self.books.free_shares(symbol)
        self.heard = False
        placed = self.run(self._submit(request, len(self.keys)))
        self.keys.append((request, placed.id))
        why = placed.reject_reason or ""
        DID[f"{kind} {tif} {placed.status}"] += 1
        if "Buying power" in why and request.limit_price is not None and not self.books.lends:
            assert free < (qty * request.limit_price).quantize(CENT) + CENT, why
        if "You can sell" in why and request.order_class == "simple" and request.notional is None and not short:
            assert shares < qty, (why, shares)
        self._check()

    async def _submit(self, request: OrderRequest, number: int) -> Any:
        desk, key = self.desk, f"key-{number:05d}"
        return await submit_order(desk.b, desk.caller, desk.account_id, request, key, acknowledged=ALL_READ)

    @precondition(lambda self: self.keys)
    @rule(which=some)
    def repeat(self, which: int) -> None:
        number = which % len(self.keys)
        request, order_id = self.keys[number]
        assert self.run(self._submit(request, number)).id == order_id
        self._check()

    @precondition(lambda self: self.books.orders)
    @rule(which=some)
    def cancel(self, which: int) -> None:
        order_id = self._some_order(which)
        was = self.books.orders[order_id].seen.status
        try:
            self.run(cancel_order(self.desk.b, self.desk.caller, order_id))
        except Conflict:
            assert was in ENDED or was == "pending_cancel", was
        self._check()

    @precondition(lambda self: self.books.orders)
    @rule(which=some, away=ticks, more=st.integers(1, 60), what=st.sampled_from(["limit_price", "stop_price", "qty"]))
    def change(self, which: int, away: int, more: int, what: str) -> None:
        order_id = self._some_order(which)
        order = self.books.orders[order_id].seen
        self.heard = False
        value = Decimal(more) if what == "qty" else self._near(order.symbol, away)
        try:
            self.run(replace_order(self.desk.b, self.desk.caller, order_id, Terms(**{what: value})))
            DID["changed"] += 1
        except (Conflict, InvalidInput, Refused):
            DID["not changed"] += 1
        self._check()

    def _some_order(self, which: int) -> UUID:
        alive = [order_id for order_id, known in self.books.orders.items() if known.seen.status not in ENDED]
        return (alive or list(self.books.orders))[which % len(alive or self.books.orders)]

    # --- the market ---------------------------------------------------------------------------------------------------

    @rule()
    def drain(self) -> None:
        self.run(self._drained())
        self._check()

    async def _drained(self) -> None:
        lost = self.db.lost
        await self.desk.broker.drain()
        while self.db.lost > lost:
            lost = self.db.lost
            self.books.doubt()
            DID["lost answers"] += 1
            await self.desk.broker.drain()
        self.heard = True

    @rule(which=st.integers(0, 2), drift=ticks, wide=st.integers(1, 20), size=st.sampled_from([3, 20, 60, 500]))
    def move(self, which: int, drift: int, wide: int, size: int) -> None:
        moved = SYMBOLS if which == 2 else SYMBOLS[which : which + 1]
        for symbol in moved:
            self.bids[symbol] = max(self.bids[symbol] + drift * CENT, Decimal(50))
        self.minute += 1
        self.run(self._tell({symbol: self._quote(symbol, wide, size) for symbol in moved}))
        self._check()

    @precondition(lambda self: self.state == "open")
    @rule(drift=ticks)
    def close(self, drift: int) -> None:
        """The last trades of the day, then the bell."""
        self.minute = 390
        for symbol in SYMBOLS:
            self.bids[symbol] = max(self.bids[symbol] + drift * CENT, Decimal(50))
        last = {symbol: self._quote(symbol, 4, 500, secs=-1) for symbol in SYMBOLS}
        self.run(self._tell(last, secs=-1))
        self.state = "closed"
        self.run(self._tell({}))
        self._check()

    @precondition(lambda self: self.state == "closed" and self.day < 8)
    @rule(gap=ticks)
    def open(self, gap: int) -> None:
        self.day, self.minute, self.state = self.day + 1, 0, "open"
        for symbol in SYMBOLS:
            self.bids[symbol] = max(self.bids[symbol] + gap * CENT, Decimal(50))
        self.run(self._tell({symbol: self._quote(symbol, 6, 500) for symbol in SYMBOLS}))
        self._check()

    @rule()
    def restart(self) -> None:
        self.run(self._restarted())
        self._check()

    async def _restarted(self) -> None:
        self.desk.broker = PaperBroker(self.db, self.desk.b.cache, "replay")  # type: ignore[arg-type]
        await self.desk.broker.start()
        await self._tell({symbol: self._quote(symbol, 5, 500) for symbol in SYMBOLS})

    @rule()
    def lose_an_answer(self) -> None:
        self.db.lose_next = True

    @rule(cents=st.integers(-10_000_000, 500_000).filter(bool))
    def pay(self, cents: int) -> None:
        free = self.books.cash - self._reserved()
        try:
            self.run(deposit(self.desk.b, self.desk.caller, self.desk.account_id, cents * CENT))
        except InvalidInput:
            assert cents < 0
            assert self.books.lends or free < -cents * CENT
        else:
            self.books.cash += cents * CENT
        self._check()

    def _reserved(self) -> Decimal:
        return sum((known.seen.reserved for known in self.books.orders.values()), Decimal(0))

    def _near(self, symbol: str, away: int) -> Decimal:
        return self.bids[symbol] + away * CENT

    def _quote(self, symbol: str, wide: int, size: int, secs: int = 0) -> Quote:
        bid = self.bids[symbol]
        return quote(f"{symbol} {bid}/{bid + wide * CENT}", size=str(size), at=self._now(secs))

    def _now(self, secs: int = 0) -> Any:
        return OPENS_AT + timedelta(days=self.day, minutes=self.minute, seconds=secs)

    async def _tell(self, quotes: dict[str, Quote], secs: int = 0) -> None:
        opened, closed = (at + timedelta(days=self.day) for at in (OPENS_AT, CLOSES_AT))
        tomorrow = timedelta(days=1)
        clock = open_clock(
            venue_now=self._now(secs),
            state=self.state,
            session_on=opened.date(),
            next_open=opened + tomorrow,
            next_close=closed if self.state == "open" else closed + tomorrow,
        )
        self.books.show(Moment(clock.venue_now, self.state == "open", quotes))
        lost = self.db.lost
        await self.desk.tell(*quotes.values(), clock=clock)
        if self.db.lost > lost:  # The broker hears of it again with the next quotes.
            await self.desk.tell(*[replace(one) for one in quotes.values()], clock=clock)
            self.books.doubt()

    # --- what must hold -----------------------------------------------------------------------------------------------

    def _check(self) -> None:
        orders, events, fills, account, holdings = self._read()
        self.books.see([Order(*row) for row in orders])
        self.books.events(events)
        new = [Fill(*row) for row in fills if row[0] not in self.books.fills]
        for fill in sorted(new, key=lambda fill: self.db.turns[fill.id]):
            self.books.take(fill)
            if self.books.held[fill.symbol].qty < 0:
                DID["short fills"] += 1
            DID["group fills" if self.books.orders[fill.order_id].seen.group_id else "fills"] += 1
        cash, reserved = account[0] if account else (None, None)
        self.books.agree(cash, reserved, holdings)
        if self.heard:
            self.books.nothing_left_undone()

    def _read(self) -> tuple[list[Any], ...]:
        """What is stored, the database's own promises kept; read again where anything at all was written since."""
        look, mine = self.world.look, (self.desk.account_id,)
        (written,) = look.execute(WRITTEN).fetchone() or ("",)
        if written != self.written:
            asked = ((ORDERS, mine), (EVENTS, mine), (FILLS, (*mine, list(self.books.fills))), (ACCOUNT, mine))
            with look.pipeline():
                found = [look.execute(*one) for one in (*asked, (HOLDINGS, mine), (BROKEN_INVARIANTS,))]
            *stored, broken = (one.fetchall() for one in found)
            assert broken == []
            self.written, self.stored = written, tuple(stored)
        return self.stored

    def teardown(self) -> None:
        """Everything is taken back: then nothing is held any more, and the next one has the market to itself."""
        self.db.lose_next = False
        for _ in range(3):
            for order_id, known in list(self.books.orders.items()):
                if known.seen.status not in ENDED:
                    try:
                        self.run(cancel_order(self.desk.b, self.desk.caller, order_id))
                    except Conflict:
                        continue
            self.run(self._drained())
            self._check()
        assert {known.seen.status for known in self.books.orders.values()} <= ENDED
        assert self._reserved() == 0
        assert all(self.books.free_shares(symbol) == self.books.held[symbol].qty for symbol in SYMBOLS)


@pytest.fixture
def world(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """No quote grows too old to trade on while a busy machine gets round to an order: the bookkeeper has no clock."""
    began = utc_now()
    monkeypatch.setattr(paper_market, "utc_now", lambda: began)
    loop = asyncio.new_event_loop()

    async def begin() -> Desk:
        db = Database(database_url, name="test", max_size=4)
        await db.open()
        cache = Redis.from_url(redis_url)
        await cache.flushall()
        desk = await make_desk(db, cache)
        for day in range(2, 10):
            shift = timedelta(days=day)
            await db.run(SESSION, ((OPENS_AT + shift).date(), OPENS_AT + shift, CLOSES_AT + shift))
        return desk

    with psycopg.connect(database_url, autocommit=True) as look:
        made = World(loop, loop.run_until_complete(begin()), look)
        yield made
    loop.run_until_complete(made.desk.b.db.close())
    loop.run_until_complete(made.desk.b.cache.aclose())
    loop.close()


def trade(world: World, number: int, examples: int, steps: int, *, shrink: bool = False) -> None:
    """So many people's days, the same ones for a number each time; odd ones have margin accounts."""
    kind = "margin" if number % 2 else "cash"
    machine = type(f"Trading{number}", (Trading,), {"world": world, "kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_whatever_is_traded_the_books_are_a_naive_bookkeepers(number: int, world: World) -> None:
    trade(world, number, EXAMPLES, STEPS)
    DID["rounds"] += 1


def test_every_kind_of_order_was_taken_and_refused() -> None:
    if DID["rounds"] < ROUNDS:
        pytest.skip("only some of the rounds ran in this process")
    for kind in ("limit", "market", "stop", "stop_limit", "trailing_stop"):
        for status in ("pending_submit", "risk_rejected"):
            assert sum(times for what, times in DID.items() if what.startswith(f"{kind} ") and status in what) >= 20
    for tif in ("day", "gtc", "gtd", "ioc", "fok", "opg", "cls"):
        assert sum(times for what, times in DID.items() if f" {tif} pending" in what) >= 20
    assert min(DID["changed"], DID["fills"], DID["group fills"], DID["short fills"], DID["lost answers"]) >= 20


@pytest.mark.nightly
@pytest.mark.parametrize("number", range(int(FIRST_BY_NIGHT), int(LAST_BY_NIGHT or FIRST_BY_NIGHT) + 1))
def test_whatever_is_traded_by_night(number: int, world: World) -> None:
    trade(world, number, EXAMPLES, STEPS_BY_NIGHT, shrink=True)


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
