"""An order's states as FIX tells them, told to the product's own books: the desk, its reports, PostgreSQL.

The scenarios follow FIX 5.0 SP2, Order State Changes (appendix D of FIX 4.4), in our own words and with our states, and
come in Alpaca's words. Each is told for a purchase and for a sale. After each line the order has the state that is said
and so much filled; cash, shares, and the money or shares set aside follow from the trades that stand.
"""

import runpy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.money import plain
from starkmatter.domain.orders import BUST_LEADS_TO, OPEN, OrderRequest, OrderStatus, may_move
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import Conflict
from starkmatter.portfolio import queries as portfolio_queries
from starkmatter.portfolio.invariants import check_books
from starkmatter.trading import broker_queries
from starkmatter.trading.brokered import client_order_id
from starkmatter.trading.brokers.alpaca import AlpacaBroker
from starkmatter.trading.brokers.alpaca_words import update_of
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.desk import OrderDesk
from starkmatter.trading.guarding.sweeping import cancel_all
from starkmatter.trading.ports import BrokerBook, BrokerOrder, BrokerPosition, CashActivity, OnConnected, OnOrder
from starkmatter.trading.reconcile import Reconciler
from tests.standins.alpaca_trading import AlpacaTrading
from tests.trading.broker_desk import QUICK, BrokerSeat, always, make_seat

MONEY, SHARES, QTY, LIMIT = Decimal(2_000_000), Decimal(20_000), Decimal(10_000), Decimal(100)
MIGRATION = Path(__file__).parents[2] / "alembic" / "versions" / "0085_ends_set_free.py"
ZERO, PRICE = Decimal(0), Decimal(50)

# what is said | the state and what is filled. `fill A 2000`, `bust C of A`, `correct D of A 900 @ 51` name executions;
# `cancel?` is a person's wish, `cancel!` its refusal by the broker, `replace?` a change asked for at the broker's own
# place, `replace!` its refusal. `at=3` is the broker's third instant, for a message that was under way for longer,
# `cum=` what it counts as filled, `as=` its word where that is another; `again 2` the second report anew. Every report
# is told twice at once, and all of a scenario once more at its end, the newest first.
# Words of FIX that have none here: `replaced` ends an order, since at Alpaca another one with an id of its own takes
# its place, and what that one fills is no trade of ours; `restated` changes no quantity here, the order ends when the
# broker says so; `stopped` and `calculated` are in the book and done for the day; executions are not told apart, what
# the broker counts in all is booked; more than was ordered is not, the comparison of the books shows it.
SCENARIOS = {
    "filled in three parts": """
        accepted | accepted 0
        working | working 0
        fill A 2000 | partial 2000
        fill B 3000 | partial 5000
        fill C 5000 | filled 10000
    """,
    "filled at once, the acknowledgment behind it": """
        fill A 10000 at=2 | filled 10000
        working at=1 cum=0 | filled 10000
    """,
    "done for the day and expired at its end": """
        working | working 0
        fill A 2000 | partial 2000
        done_for_day | done_for_day 2000
        expired | expired 2000
    """,
    "reached its stop, told after the first part": """
        accepted | accepted 0
        fill A 2000 | partial 2000
        triggered | partial 2000
    """,
    "reached its stop before it was said to be in the book": """
        triggered cum=0 at=2 | working 0
        fill A 2000 at=1 | partial 2000
    """,
    "refused by the broker": """
        rejected | rejected 0
    """,
    "refused late, after it was in the book": """
        working | working 0
        rejected | rejected 0
    """,
    "refused after a fill: cannot be": """
        working | working 0
        fill A 10 | partial 10
        rejected | partial 10
    """,
    "a fill of a refused order: booked, as every trade that the broker counts": """
        rejected | rejected 0
        fill A 10 | rejected 10
    """,
    "expired at once": """
        expired | expired 0
    """,
    "halted at once": """
        suspended | suspended 0
    """,
    "a bust of what is no execution": """
        working | working 0
        bust B of #1 cum=0 | working 0
    """,
    "expired without a fill": """
        working | working 0
        expired | expired 0
    """,
    "canceled before any fill": """
        working | working 0
        cancel? X | pending_cancel 0
        canceled X | canceled 0
    """,
    "canceled before it was in the book": """
        accepted | accepted 0
        cancel? X | pending_cancel 0
        canceled X | canceled 0
    """,
    "asked to cancel while it is on its way out": """
        cancel? X | submitting 0
        working | pending_cancel 0
        canceled X | canceled 0
    """,
    "filled in part, then canceled": """
        working | working 0
        fill A 2000 | partial 2000
        cancel? X | pending_cancel 2000
        fill B 3000 | pending_cancel 5000
        canceled X | canceled 5000
    """,
    "filled while the cancel is pending": """
        working | working 0
        fill A 2000 | partial 2000
        cancel? X | pending_cancel 2000
        fill B 8000 | filled 10000
        cancel! X | filled 10000
    """,
    "cancel refused": """
        working | working 0
        cancel? X | pending_cancel 0
        cancel! X | working 0
    """,
    "cancel refused, the second one granted": """
        working | working 0
        fill A 1000 | partial 1000
        cancel? X | pending_cancel 1000
        cancel! X | partial 1000
        cancel? Y | pending_cancel 1000
        canceled Y | canceled 1000
    """,
    "two cancels, one refused": """
        working | working 0
        cancel? X | pending_cancel 0
        cancel? Y | pending_cancel 0
        cancel! Y | working 0
        canceled X | canceled 0
    """,
    "the refusal overtakes the request": """
        working | working 0
        cancel! X at=4 | working 0
        cancel? X at=3 | pending_cancel 0
        cancel! X at=5 | working 0
    """,
    "cancel of a filled order": """
        fill A 10000 | filled 10000
        cancel? X | filled 10000
        cancel! X | filled 10000
    """,
    "a filled order that is said to be canceled": """
        fill A 10000 | filled 10000
        canceled | filled 10000
    """,
    "canceled without being asked": """
        working | working 0
        fill A 2000 | partial 2000
        canceled | canceled 2000
    """,
    "canceled twice": """
        working | working 0
        canceled | canceled 0
        canceled | canceled 0
    """,
    "expired after it was canceled": """
        working | working 0
        canceled | canceled 0
        expired | canceled 0
    """,
    "a fill crosses the cancel and comes after it": """
        working | working 0
        cancel? X | pending_cancel 0
        canceled X cum=1000 | canceled 1000
        fill A 1000 at=2 cum=1000 | canceled 1000
    """,
    "the last fill comes after the cancel": """
        working | working 0
        fill A 4000 | partial 4000
        canceled | canceled 4000
        fill B 6000 | filled 10000
    """,
    "a fill after it expired": """
        working | working 0
        expired | expired 0
        fill A 500 | expired 500
    """,
    "replaced by more": """
        working | working 0
        replace? Y | pending_replace 0
        replaced Y 11000 | replaced 0
        fill A 1000 | replaced 1000
        fill B 10000 | filled 10000
    """,
    "replacement refused": """
        working | working 0
        fill A 1000 | partial 1000
        replace? Y | pending_replace 1000
        replace! Y | partial 1000
    """,
    "fills while the replacement is pending": """
        working | working 0
        replace? Y | pending_replace 0
        fill A 1000 | pending_replace 1000
        fill B 500 | pending_replace 1500
        replaced Y 12000 | replaced 1500
    """,
    "filled before the replacement was seen": """
        working | working 0
        replace? Y | pending_replace 0
        fill A 10000 | filled 10000
        replace! Y | filled 10000
    """,
    "a filled order cannot grow": """
        fill A 10000 | filled 10000
        replaced Y 12000 | filled 10000
    """,
    "replaced by what is filled": """
        working | working 0
        fill A 6000 | partial 6000
        replaced Y 6000 | replaced 6000
    """,
    "replaced by less than is filled": """
        working | working 0
        fill A 6000 | partial 6000
        replace? Y | pending_replace 6000
        replaced Y 5000 | replaced 6000
    """,
    "replaced by less than is filled, the fill still under way": """
        working | working 0
        replaced Y 5000 at=5 cum=6000 | replaced 6000
        fill A 6000 at=4 cum=6000 | replaced 6000
    """,
    "one replacement after the other": """
        working | working 0
        replace? Y | pending_replace 0
        replace? Z | pending_replace 0
        replaced Y 8000 | replaced 0
        replaced Z 7000 | replaced 0
    """,
    "one replacement after the other, the first refused": """
        working | working 0
        replace? Y | pending_replace 0
        replace? Z | pending_replace 0
        replace! Y | working 0
        replaced Z 7000 | replaced 0
    """,
    "the answers to two replacements overtake each other": """
        working | working 0
        replaced Z 7000 at=5 | replaced 0
        replaced Y 8000 at=4 | replaced 0
    """,
    "a cancel behind a replacement": """
        working | working 0
        replace? Y | pending_replace 0
        cancel? X | pending_cancel 0
        replaced Y 9000 | replaced 0
        canceled X | replaced 0
    """,
    "another order took its place": """
        working | working 0
        fill A 100 | partial 100
        replace? Y | pending_replace 100
        superseded | replaced 100
        fill B 50 | replaced 150
    """,
    "replaced without being asked": """
        working | working 0
        replaced - 9000 | replaced 0
        replace? Y | replaced 0
        replaced - 8000 | replaced 0
        replaced Y 7000 | replaced 0
    """,
    "the broker makes it smaller": """
        working | working 0
        fill A 1000 | partial 1000
        restated 4000 | partial 1000
        fill B 3000 as=filled | filled 4000
        again 4 | filled 4000
    """,
    "the broker makes it smaller than it ever was": """
        working | working 0
        restated 0 as=canceled | canceled 0
    """,
    "done for the day, on again the next": """
        working | working 0
        fill A 2000 | partial 2000
        done_for_day | done_for_day 2000
        working | partial 2000
        fill B 8000 | filled 10000
    """,
    "done for the day without a fill, canceled overnight": """
        working | working 0
        done_for_day | done_for_day 0
        canceled | canceled 0
    """,
    "a fill that is told after the day was done": """
        working | working 0
        done_for_day | done_for_day 0
        fill A 100 | done_for_day 100
        fill B 9900 | filled 10000
    """,
    "trading halts and goes on": """
        working | working 0
        suspended | suspended 0
        resumed | working 0
        fill A 10000 | filled 10000
    """,
    "trading halts after a part": """
        working | working 0
        fill A 1 | partial 1
        suspended | suspended 1
        resumed | partial 1
    """,
    "done for the day, another order takes its place overnight": """
        working | working 0
        fill A 2000 | partial 2000
        done_for_day | done_for_day 2000
        superseded | replaced 2000
        fill B 500 | replaced 2500
    """,
    "done for the day, a change asked for overnight": """
        working | working 0
        done_for_day | done_for_day 0
        replace? Y | pending_replace 0
        replaced Y 11000 | replaced 0
    """,
    "done for the day, a change asked for overnight and refused": """
        working | working 0
        fill A 2000 | partial 2000
        done_for_day | done_for_day 2000
        replace? Y | pending_replace 2000
        replace! Y as=done_for_day | done_for_day 2000
        working | partial 2000
    """,
    "done for the day, asked back overnight and refused": """
        working | working 0
        done_for_day | done_for_day 0
        cancel? X | pending_cancel 0
        cancel! X as=done_for_day | done_for_day 0
        expired | expired 0
    """,
    "done for the day, and canceled by the broker's hand": """
        working | working 0
        fill A 2000 | partial 2000
        done_for_day | done_for_day 2000
        pending_cancel | pending_cancel 2000
        canceled | canceled 2000
    """,
    "replaced in a halt": """
        working | working 0
        fill A 2000 | partial 2000
        suspended | suspended 2000
        superseded | replaced 2000
    """,
    "a change asked for in a halt, refused, and the halt ends": """
        working | working 0
        suspended | suspended 0
        replace? Y | pending_replace 0
        replace! Y as=suspended | suspended 0
        resumed | working 0
    """,
    "refused in a halt": """
        accepted | accepted 0
        suspended | suspended 0
        rejected | rejected 0
    """,
    "refused in a halt after a fill": """
        working | working 0
        fill A 10 | partial 10
        suspended | suspended 10
        rejected | rejected 10
    """,
    "asked back in a halt, refused": """
        working | working 0
        fill A 2000 | partial 2000
        suspended | suspended 2000
        cancel? X | pending_cancel 2000
        suspended | pending_cancel 2000
        cancel! X as=suspended | suspended 2000
        resumed | partial 2000
    """,
    "halted until the day is done, halted still in the morning": """
        working | working 0
        suspended | suspended 0
        done_for_day | done_for_day 0
        suspended | suspended 0
        resumed | working 0
        fill A 10000 | filled 10000
    """,
    "canceled in a halt": """
        accepted | accepted 0
        suspended | suspended 0
        cancel? X | pending_cancel 0
        canceled X | canceled 0
    """,
    "immediate or cancel: a part, the rest canceled": """
        fill A 1000 | partial 1000
        canceled | canceled 1000
    """,
    "immediate or cancel: nothing": """
        working | working 0
        canceled | canceled 0
    """,
    "fill or kill: killed": """
        canceled | canceled 0
    """,
    "fill or kill: filled": """
        working | working 0
        fill A 10000 | filled 10000
    """,
    "a stop that triggers": """
        accepted | accepted 0
        triggered | working 0
        fill A 10000 | filled 10000
    """,
    "the same execution twice": """
        working | working 0
        fill A 2000 | partial 2000
        again 2 | partial 2000
    """,
    "everything sent again": """
        working | working 0
        fill A 2000 | partial 2000
        canceled | canceled 2000
        again 1 | canceled 2000
        again 2 | canceled 2000
        again 3 | canceled 2000
    """,
    "an execution sent again with another time": """
        working | working 0
        fill A 2000 | partial 2000
        fill A 2000 cum=2000 at=9 | partial 2000
    """,
    "an execution's number used twice": """
        working | working 0
        fill A 2000 | partial 2000
        fill A2 3000 cum=5000 | partial 5000
    """,
    "more than there is": """
        working | working 0
        fill A 9000 | partial 9000
        fill B 1001 | filled 10000
    """,
    "executions in the wrong order": """
        working | working 0
        fill B 3000 at=3 cum=5000 | partial 5000
        fill A 2000 at=2 cum=2000 | partial 5000
    """,
    "a busted part": """
        working | working 0
        fill A 2000 | partial 2000
        bust B of A cum=0 | working 0
    """,
    "a busted part, and its fill sent again": """
        working | working 0
        fill A 2000 | partial 2000
        bust B of A cum=0 | working 0
        again 2 | working 0
        fill C 3000 cum=3000 | partial 3000
        again 2 | partial 3000
        again 3 | partial 3000
    """,
    "filled, busted, and the whole fill sent again": """
        fill A 4000 | partial 4000
        fill B 6000 | filled 10000
        bust C of B cum=4000 | partial 4000
        again 2 | partial 4000
        again 1 | partial 4000
    """,
    "a busted part of a filled order: it works again": """
        fill A 4000 | partial 4000
        fill B 6000 | filled 10000
        bust C of B cum=4000 | partial 4000
        fill D 6000 cum=10000 | filled 10000
    """,
    "a busted part of a canceled order": """
        working | working 0
        fill A 5000 | partial 5000
        canceled | canceled 5000
        bust B of A cum=0 | canceled 0
        fill C 4000 cum=4000 | canceled 4000
    """,
    "busted before it is known: never booked": """
        working | working 0
        bust B of A cum=0 | working 0
        fill A 5000 at=1 cum=5000 | working 0
        again 2 | working 0
        fill C 3000 cum=3000 | partial 3000
    """,
    "corrected": """
        fill A 4000 @ 50 | partial 4000
        correct B of A 4000 @ 51 cum=4000 | partial 4000
        correct C of B 3000 @ 51 cum=3000 | partial 3000
        bust D of C cum=0 | working 0
    """,
    "corrected beyond its quantity": """
        fill A 4000 | partial 4000
        correct B of A 10001 @ 50 | filled 10000
    """,
}


@dataclass
class TellingBroker:
    """The broker's side of one account: takes what is sent and says only what a scenario says."""

    capability: Capability = AlpacaBroker.capability
    repeatable: bool = True
    live: bool = False
    number: str = field(default_factory=lambda: str(uuid4()))
    told: dict[str, BrokerOrder] = field(default_factory=dict)
    canceled: list[str] = field(default_factory=list)

    async def read_book(self) -> BrokerBook:
        shares = BrokerPosition("AAPL", SHARES, SHARES * 50, SHARES * 50)
        return BrokerBook(self.number, "USD", MONEY, None, (shares,), ())

    async def activities(self, after: datetime) -> list[CashActivity]:
        return []

    async def find(self, client_order_id: str) -> BrokerOrder | None:
        return self.told.get(client_order_id)

    async def submit(self, client_order_id: str, request: OrderRequest) -> BrokerOrder:
        raise VendorFailure("Alpaca", "broken", "No answer.")  # Its reports say what became of it.

    async def cancel(self, broker_order_id: str) -> None:
        self.canceled.append(broker_order_id)

    async def listen(self, on_order: OnOrder, on_connected: OnConnected) -> None:
        """A scenario tells."""

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Telling:
    """One order at the broker, and what it must be here by the trades that stand there."""

    seat: BrokerSeat
    desk: OrderDesk
    broker: TellingBroker
    account_id: UUID
    order_id: UUID
    side: str
    trades: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    first_of: dict[str, str] = field(default_factory=dict)
    word: str = "new"
    reports: list[BrokerOrder] = field(default_factory=list)
    began: datetime = field(default_factory=utc_now)

    @property
    def filled(self) -> Decimal:
        return sum((qty for qty, _ in self.trades.values()), ZERO)

    @property
    def value(self) -> Decimal:
        return sum((qty * price for qty, price in self.trades.values()), ZERO)

    async def say(self, line: str, number: int) -> None:
        """Do what the line says: ask, or have the broker report, twice."""
        words = [word for word in line.split() if "=" not in word]
        options = dict(word.split("=") for word in line.split() if "=" in word)
        at = int(options.get("at", number))
        kind, *rest = words
        if kind == "again":
            await self.desk.on_order(self.reports[int(rest[0]) - 1])
            return
        if kind == "cancel?":
            try:
                await cancel_order(self.seat.b, self.seat.caller, self.order_id)
            except Conflict:
                return  # It has ended.
            await self.desk.drain(sending=True)
            return
        report = self._report(kind, rest, at, options)
        self.reports.append(report)
        for _ in range(2):
            await self.desk.on_order(report)
            await self.desk.drain(sending=True)

    async def all_again(self) -> None:
        """Every report a second time, the newest first, and once more the newest, as a comparison reads it."""
        for report in [*self.reports[::-1], *self.reports[-1:]]:
            await self.desk.on_order(report)

    def _report(self, kind: str, rest: list[str], at: int, options: dict[str, str]) -> BrokerOrder:
        """What the broker says then: the order as it is there, in its words."""
        event, word = WORDS.get(kind, (kind, kind))
        if kind == "fill":
            price = Decimal(rest[rest.index("@") + 1]) if "@" in rest else PRICE
            self.trades[rest[0]] = Decimal(rest[1]), price
        elif kind in {"bust", "correct"}:
            about = self.first_of[rest[0]] = self.first_of.get(rest[2], rest[2])
            self.trades.pop(about, None)
            if kind == "correct":
                self.trades[about] = Decimal(rest[3]), Decimal(rest[rest.index("@") + 1])
        else:
            self.word = word
        filled = Decimal(options.get("cum", self.filled))
        word = "filled" if filled >= QTY else self.word
        if word == "new" and filled:
            word = "partially_filled"
        average = self.value / self.filled if self.filled else PRICE
        order: dict[str, str | None] = {
            "id": f"b-{self.order_id}",
            "client_order_id": client_order_id(self.order_id),
            "symbol": "AAPL",
        }
        order |= {"side": self.side, "status": options.get("as", word), "filled_qty": str(filled)}
        order |= {"filled_avg_price": str(average) if filled else None}
        stamp = (self.began + timedelta(milliseconds=at)).isoformat()
        event_data = {"event": event, "execution_id": rest[0] if rest else "-", "timestamp": stamp, "order": order}
        return update_of({"data": event_data})

    async def stands(self) -> str:
        """The order, its account's cash and shares, and what is set aside of either."""
        [(status, filled, reserved)] = await self.seat.b.db.tuples(ORDER, (self.order_id,))
        [figures] = await self.seat.b.db.tuples(ACCOUNT, (self.account_id,))
        return f"{status} {plain(filled)}; {[plain(one) for one in (reserved, *figures)]}"

    async def strays(self) -> list[tuple[str, str]]:
        """Moves that are none of the table; what a bust led to is no report like others."""
        told = [OrderStatus(status) for (status,) in await self.seat.b.db.tuples(MOVES, (self.order_id,))]
        busted = {*product([OrderStatus.FILLED], BUST_LEADS_TO), (OrderStatus.PARTIAL, OrderStatus.WORKING)}
        return [
            (str(one), str(two))
            for one, two in pairwise(told)
            if one is not two and not may_move(one, two) and (one, two) not in busted
        ]

    def must(self, said: str) -> str:
        """The same, from what the scenario says: money follows from the trades that stand."""
        status, filled = said.split()
        sign, qty = (1 if self.side == "buy" else -1), Decimal(filled)
        value = self.value if self.filled == qty else qty * PRICE
        left = QTY - qty if OrderStatus(status) in OPEN else ZERO
        aside, shares_aside = (LIMIT * left, ZERO) if self.side == "buy" else (ZERO, left)
        figures = (aside, MONEY - sign * value, aside, SHARES + sign * qty, shares_aside)
        return f"{status} {filled}; {[plain(one) for one in figures]}"


WORDS = {
    "working": ("new", "new"),
    "triggered": ("new", "new"),
    "resumed": ("new", "new"),
    "cancel!": ("order_cancel_rejected", "new"),
    "replace!": ("order_replace_rejected", "new"),
    "replace?": ("pending_replace", "pending_replace"),
    "superseded": ("replaced", "replaced"),
    "restated": ("restated", "new"),
    "bust": ("trade_bust", ""),
    "correct": ("trade_correct", ""),
}
CLAIM = """
SELECT move_order(id, ARRAY['submitting'], ARRAY['pending_submit'], NULL, now(), now()) FROM trade_order WHERE id = %s
"""
MOVES = "SELECT status FROM order_event WHERE order_id = %s ORDER BY sequence"
ORDER = "SELECT status, filled_qty, reserved FROM trade_order WHERE id = %s"
ACCOUNT = """
SELECT a.cash, a.reserved, h.signed_qty, h.reserved_qty
  FROM account a JOIN holding h ON h.account_id = a.id WHERE a.id = %s
"""


@pytest.fixture
async def seat(database: Database, cache: Redis, tmp_path: Path, alpaca: AlpacaTrading) -> BrokerSeat:
    return await make_seat(database, cache, tmp_path, alpaca, open_now=False)


async def begin(seat: BrokerSeat, side: str) -> Telling:
    """An account of its own, opened from its broker's book, and an order that is on its way there."""
    db, account_id, now, broker = seat.b.db, uuid4(), utc_now(), TellingBroker()
    opened = {"id": account_id, "user": seat.caller.user_id, "name": "FIX", "venue": "market", "broker": "alpaca"}
    opened |= {"mode": "paper", "currency": "USD", "preset": "realistic", "kind": "cash", "run": None, "now": now}
    await db.run(portfolio_queries.INSERT_ACCOUNT, opened | {"venue_at": now})
    named = {"account": account_id, "broker": "alpaca", "words": "-"}
    await db.run(broker_queries.INSERT_BROKER_ACCOUNT, named)
    desk = OrderDesk(seat.b, account_id, broker, always, QUICK)
    assert await Reconciler(seat.b, account_id, "USD", broker, desk, always, QUICK).reconcile(number=None, accept=False)
    seat.account_id = account_id
    placed = await seat.order(f"{side} {QTY} AAPL @ {LIMIT} gtc")
    assert placed.status == "pending_submit", placed
    await db.run(CLAIM, (placed.id,))
    return Telling(seat, desk, broker, account_id, placed.id, side)


@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_each_line_leaves_the_books_as_fix_has_it(seat: BrokerSeat, side: str) -> None:
    wrong: list[str] = []
    for name, text in SCENARIOS.items():
        telling = await begin(seat, side)
        for number, line in enumerate(text.strip().splitlines(), start=1):
            said, state = (part.strip() for part in line.split("|"))
            await telling.say(said, number)
            if (found := await telling.stands()) != (must := telling.must(state)):
                wrong.append(f"{name}, {said}: {found} and not {must}")
        await telling.all_again()
        if (found := await telling.stands()) != must:
            wrong.append(f"{name}, all told again backward: {found} and not {must}")
        wrong += [f"{name}: no move of the table: {move}" for move in await telling.strays()]
    assert not wrong, "\n".join(wrong)
    assert await check_books(seat.b.db) == []  # of all scenarios: each has an account of its own


async def test_what_ends_of_before_left_set_aside_is_put_right(seat: BrokerSeat) -> None:
    for side in ("buy", "sell"):
        for status in ("replaced", "working"):
            telling = await begin(seat, side)
            await telling.say("fill A 4000", 1)
            await seat.b.db.run("UPDATE trade_order SET status = %s WHERE id = %s", (status, telling.order_id))
    assert {one.rule for one in await check_books(seat.b.db)} == {"I5"}
    await seat.b.db.run(runpy.run_path(str(MIGRATION))["PUT_RIGHT"])
    assert await check_books(seat.b.db) == []
    found = await seat.b.db.tuples("SELECT status, reserved FROM trade_order WHERE side = 'buy' ORDER BY status")
    assert found == [("replaced", 0), ("working", 600_000)]


def test_there_are_enough_scenarios() -> None:
    assert len(SCENARIOS) >= 80


@pytest.mark.parametrize(
    "lines", [["replace? Y"], ["suspended", "cancel? X", "cancel! X as=suspended"], ["done_for_day"], ["suspended"]]
)
async def test_all_orders_asked_back_are_all_that_are_open(seat: BrokerSeat, lines: list[str]) -> None:
    telling = await begin(seat, "sell")
    for number, line in enumerate(["working", *lines], start=1):
        await telling.say(line, number)
    asked = len(telling.broker.canceled)
    assert await cancel_all(seat.b, seat.caller) == 1
    assert await cancel_all(seat.b, seat.caller) == 0, "a wish that is under way is not a second one"
    await telling.desk.drain(sending=True)
    assert (await telling.stands()).split()[0] == "pending_cancel"
    assert len(telling.broker.canceled) == asked + 1
