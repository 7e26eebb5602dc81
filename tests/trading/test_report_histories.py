"""What a broker reports may come shuffled, twice or not at all: the ledger is the one of all reports in their order.

Told to the product's own books, orders of one account in a jumble. Of each history the last report arrives, since each
comparison with the broker reads it again; which others do, when, and how often is drawn. Reports whose meaning hangs on
their order and that the next comparison puts right (a halt and its end, a pending change) are not drawn here.
"""

import hashlib
import random
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid5

import orjson
import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.orders import OPEN, OrderStatus
from starkmatter.trading import queries
from starkmatter.trading.brokered import PREFIX
from starkmatter.trading.ports import BrokerOrder
from starkmatter.trading.reports import apply_report
from tests.standins.alpaca_trading import AlpacaTrading
from tests.trading.broker_desk import BrokerSeat, make_seat

TOGETHER = 50  # orders of one account whose reports are told in one jumble
PARTS_BY_DAY, JUMBLES_BY_DAY = 10, 4  # 2,000 histories
PARTS_BY_NIGHT, JUMBLES_BY_NIGHT = 50, 20  # 50,000
BUSTS_BY_DAY, BUSTS_BY_NIGHT = 2, 10  # parts in which trades are taken back: 400 histories, and 10,000
MONEY = Decimal(1_000_000_000)
SHARES = Decimal(1_000_000)
LIMIT = Decimal(100)
ZERO = Decimal(0)
S = OrderStatus

CLAIM = "SELECT move_order(id, ARRAY['submitting'], ARRAY['pending_submit'], NULL, now(), now()) FROM trade_order"
BOOKED = """
SELECT o.id, o.status, o.filled_qty, o.reserved,
       coalesce(sum(l.amount) FILTER (WHERE l.account = 'assets:cash'), 0),
       coalesce(sum(l.amount) FILTER (WHERE l.account = 'assets:holding'), 0)
  FROM trade_order o LEFT JOIN ledger_entry e ON e.order_id = o.id
  LEFT JOIN unnest(e.accounts, e.amounts) AS l (account, amount) ON true
 WHERE o.id = ANY (%s) GROUP BY o.id
"""
ACCOUNT = """
SELECT a.cash, a.reserved, h.signed_qty, h.reserved_qty
  FROM account a JOIN holding h ON h.account_id = a.id WHERE a.id = %s
"""


@pytest.fixture
async def seat(database: Database, cache: Redis, tmp_path: Path, alpaca: AlpacaTrading) -> BrokerSeat:
    """An account with money and shares for everything that is drawn, read from its broker."""
    alpaca.cash = MONEY
    alpaca.positions["AAPL"] = (SHARES, SHARES * 100)
    alpaca.prices["AAPL"] = Decimal(100)
    seat = await make_seat(database, cache, tmp_path, alpaca)
    async with seat.house():
        await seat.until_state("ready")
    return seat


class Ledger(NamedTuple):
    """Where an order is: its state and shares, the money set aside for it, and what its entries moved."""

    status: str
    filled_qty: Decimal
    reserved: Decimal
    cash: Decimal
    shares: Decimal


@dataclass(frozen=True)
class History:
    """One order and all that its broker reported of it, in order; `trades` are (shares, price) of what filled."""

    id: UUID
    side: str
    qty: int
    trades: tuple[tuple[int, Decimal], ...]
    reports: tuple[BrokerOrder, ...]

    @property
    def open_qty(self) -> Decimal:
        filled = sum(qty for qty, _ in self.trades)
        return Decimal(self.qty - filled) if self.reports[-1].status in OPEN else ZERO

    @property
    def ledger(self) -> Ledger:
        """Where it must end, by the trades alone."""
        sign = 1 if self.side == "buy" else -1
        value = sum((qty * price for qty, price in self.trades), ZERO)
        filled = Decimal(sum(qty for qty, _ in self.trades))
        reserved = LIMIT * self.open_qty if self.side == "buy" else ZERO
        return Ledger(str(self.reports[-1].status), filled, reserved, -sign * value, sign * filled)


def drawn_history(drawn: random.Random, order_id: UUID, *, busts: bool = False) -> History:
    """Taken, filled in parts at prices of whole cents, and open, filled or ended; a trade may follow the end.

    With `busts` it buys, and trades are taken back or get another price: what was sold since would stand in the way.
    """
    side, qty = "buy" if busts else drawn.choice(["buy", "buy", "sell"]), drawn.randint(1, 40)
    trades: list[tuple[int, Decimal]] = []
    reports: list[BrokerOrder] = []
    began = utc_now()

    def tell(status: OrderStatus, takes_back: str = "") -> None:
        filled = sum(shares for shares, _ in trades)
        value = sum((shares * price for shares, price in trades), ZERO)
        reports.append(
            BrokerOrder(
                f"b-{order_id}", f"{PREFIX}{order_id}", "AAPL", side, status, str(status), Decimal(filled),
                value / filled if filled else None, began + timedelta(milliseconds=len(reports)), takes_back=takes_back,
            )
        )  # fmt: skip

    for status in (S.ACCEPTED, S.WORKING)[: drawn.randint(1, 2)]:
        tell(status)
    left = qty
    for _ in range(drawn.randint(0, 4)):
        if left and drawn.random() < 0.8:
            trades.append((shares := drawn.randint(1, left), Decimal(drawn.randint(9_000, 10_000)) / 100))
            left -= shares
            tell(S.PARTIAL if left else S.FILLED)
        if busts and trades and drawn.random() < 0.5:
            shares, price = trades.pop(drawn.randrange(len(trades)))
            if drawn.random() < 0.3:
                trades.append((shares, price - Decimal("0.13")))
            else:
                left += shares
            word = S.FILLED if not left else S.PARTIAL if trades else S.WORKING
            tell(word, f"{order_id}-{len(reports)}")
    if left and drawn.random() < 0.6:
        tell(end := drawn.choice([S.CANCELED, S.EXPIRED]))
        if left > 1 and drawn.random() < 0.3:
            trades.append((drawn.randint(1, left - 1), Decimal(drawn.randint(9_000, 10_000)) / 100))
            tell(end)
    return History(order_id, side, qty, tuple(trades), tuple(reports))


def heard(drawn: random.Random, histories: list[History]) -> list[BrokerOrder]:
    """Reports of all of them as they arrive: shuffled, some twice, some never; of each the last one at some time.

    What takes a trade back is told at some time too: nothing else may say that an order has less than was heard.
    """
    found = []
    for history in histories:
        *others, last = history.reports
        kept = [one for one in others if one.takes_back or drawn.random() > 0.3]
        found += [*kept, last, *drawn.sample([*kept, last], k=drawn.randint(0, len(kept)))]
    drawn.shuffle(found)
    return found


async def take(seat: BrokerSeat, histories: list[History]) -> None:
    """Store and claim their orders, each with a limit of 100."""
    batch = [
        {
            "id": one.id,
            "account_id": seat.account_id,
            "user_id": seat.caller.user_id,
            "venue": "market",
            "symbol": "AAPL",
            "side": one.side,
            "type": "limit",
            "qty": str(one.qty),
            "limit_price": "100",
            "time_in_force": "gtc",
            "session_on": utc_now().date(),
            "reserve": str(100 * one.qty if one.side == "buy" else 0),
            "reserve_per_share": "100",
            "request_hash": "00" * 32,
            "risk": {},
            "refusal": None,
            "venue_at": utc_now(),
        }
        for one in histories
    ]
    told = await seat.b.db.tuples(queries.SUBMIT, (orjson.dumps(batch).decode(), utc_now()))
    assert {outcome for _, outcome, _ in told} == {"taken"}
    await seat.b.db.run(CLAIM)


def hash_of(ledgers: dict[UUID, Ledger]) -> str:
    """Of all orders, each figure as it is, however many zeros it is written with."""
    lines = [
        f"{order_id} {one.status} {' '.join(f'{figure.normalize() + 0:f}' for figure in one[1:])}"
        for order_id, one in ledgers.items()
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


async def check(seat: BrokerSeat, part: int, jumbles: int, *, busts: bool = False) -> None:
    every: list[History] = []
    for number in range(jumbles):
        drawn = random.Random(f"{part} {number}")
        ids = [uuid5(seat.account_id, f"{number} {place}") for place in range(TOGETHER)]
        new = [drawn_history(drawn, one, busts=busts) for one in ids]
        await take(seat, new)
        for one in heard(drawn, new):
            await apply_report(seat.b.db, seat.account_id, one)
        every += new
        expected = {one.id: one.ledger for one in new}
        found = {row[0]: Ledger(*row[1:]) for row in await seat.b.db.tuples(BOOKED, (list(expected),))}
        assert hash_of(found) == hash_of(expected), told_apart(new, found)
    ledgers = [one.ledger for one in every]
    account = (
        MONEY + sum(one.cash for one in ledgers),
        sum(one.reserved for one in ledgers),
        SHARES + sum(one.shares for one in ledgers),
        sum(one.open_qty for one in every if one.side == "sell"),
    )
    assert await seat.b.db.tuples(ACCOUNT, (seat.account_id,)) == [account]
    await seat.books_add_up()


def told_apart(histories: list[History], found: dict[UUID, Ledger]) -> str:
    """The orders that are not where they must be, with what was reported of them."""
    return "\n".join(
        f"{found[one.id]} and not {one.ledger}: {one.side} {one.qty}, "
        f"{[(str(said.status), said.filled_qty, said.avg_price, said.takes_back) for said in one.reports]}"
        for one in histories
        if found[one.id] != one.ledger
    )


@pytest.mark.parametrize("part", range(PARTS_BY_DAY))
async def test_jumbled_reports_leave_the_ledger_of_all_in_their_order(seat: BrokerSeat, part: int) -> None:
    await check(seat, part, JUMBLES_BY_DAY)


@pytest.mark.parametrize("part", range(100, 100 + BUSTS_BY_DAY))
async def test_trades_that_are_taken_back_in_a_jumble_leave_the_ledger_of_all_in_their_order(
    seat: BrokerSeat, part: int
) -> None:
    await check(seat, part, JUMBLES_BY_DAY, busts=True)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(2000, 2000 + BUSTS_BY_NIGHT))
async def test_trades_that_are_taken_back_in_a_jumble_never_change_the_ledger(seat: BrokerSeat, part: int) -> None:
    await check(seat, part, JUMBLES_BY_NIGHT, busts=True)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(1000, 1000 + PARTS_BY_NIGHT))
async def test_jumbled_reports_never_change_the_ledger(seat: BrokerSeat, part: int) -> None:
    await check(seat, part, JUMBLES_BY_NIGHT)
