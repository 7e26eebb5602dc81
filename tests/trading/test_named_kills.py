"""SIGKILL at each named point of an order's way, again and again: one outcome each, both books equal, nothing twice."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.corporate.terms import Splitting, Told
from starkmatter.domain.orders import TERMINAL
from starkmatter.market.actions.telling import tell_actions
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.corporate.desk import ActionDesk
from starkmatter.trading.desk import Pace
from starkmatter.trading.orders import list_fills
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, make_desk, open_clock, order, quote
from tests.ops.instance import environment
from tests.process.doomed import POINTS, day_after
from tests.process.worker import (
    LOOK_AFTER_SECS,
    LOOKS,
    QUIET_AT_BROKER_SECS,
    every_order,
    none_in_doubt,
    nursery,
    until,
)
from tests.standins.alpaca_trading import AlpacaTrading, alpaca_trading
from tests.trading.broker_desk import BrokerSeat, make_seat

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

DEATH_SECS = 30.0
# The last look alone is eight seconds after an order was sent, and by day three other processes run beside this one.
BY_DAY_MARGIN = 3
# Every other point of an order's way ten times and those between once by day, all of them fifty times by night.
OFTEN, SELDOM, BY_NIGHT = 10, 1, 50


class Doom:
    """Starts doomed processes on the engines of a test, and sees them die."""

    def __init__(self, home: Path, database_url: str, redis_url: str, more: dict[str, str]) -> None:
        self._log = home / "doomed.log"
        self._variables = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, **more}
        self._home = home

    async def meet(self, point: str, **more: str) -> None:
        """One process that dies there; an AssertionError when it ends otherwise."""
        variables = {**self._variables, **more, "DOOMED_POINT": point}
        child = nursery().start("tests.process.doomed", environment(self._home, 3999, variables), self._log)
        try:

            async def dead() -> bool:
                return child.poll() is not None

            await until(dead, DEATH_SECS, f"death at {point!r}: {self._told()}")
        finally:
            child.kill()
        assert child.returncode == -9, self._told()

    def _told(self) -> str:
        return self._log.read_text(errors="replace")[-3_000:] if self._log.exists() else ""


def deaths(who: str) -> pytest.MarkDecorator:
    """The points of one part of the way, and how many times each."""
    names = [name for name, point in POINTS.items() if point.who == who]
    by_day = [(name, OFTEN if list(POINTS).index(name) % 2 == 0 else SELDOM) for name in names]
    by_night = [pytest.param(name, BY_NIGHT, marks=pytest.mark.nightly) for name in names]
    return pytest.mark.parametrize(("point", "rounds"), [*by_day, *by_night])


@pytest.fixture
async def seat(database: Database, cache: Redis, tmp_path: Path) -> AsyncIterator[BrokerSeat]:
    with alpaca_trading() as there:
        yield await make_seat(database, cache, tmp_path, there)


@pytest.fixture
def doom(seat: BrokerSeat, tmp_path: Path, database_url: str, redis_url: str) -> Doom:
    urls = {"STARKMATTER_VENDOR_URLS": json.dumps(seat.there.urls)}
    return Doom(tmp_path, database_url, redis_url, LOOKS | urls)


async def come_to_rest(seat: BrokerSeat, point: str, rounds: int) -> None:
    """A healthy worker takes over; then no order is in doubt and both books are one."""
    within_secs = QUIET_AT_BROKER_SECS * (1 if rounds == BY_NIGHT else BY_DAY_MARGIN)
    async with seat.house(Pace(LOOK_AFTER_SECS)):
        await seat.until_state("ready")
        found, took_secs = await none_in_doubt(seat.b, seat.caller, seat.account_id, within_secs)
    print(f"{rounds} kills at {point!r}, then quiet in {took_secs:.1f} s")
    there: AlpacaTrading = seat.there
    for one in found:
        at_broker = there.orders.get(one.client_order_id)
        if at_broker is None:
            assert one.status in {"not_sent", "rejected"}, one
            continue
        assert one.filled_qty == Decimal(at_broker["filled_qty"])
        assert (one.status in TERMINAL) == (at_broker["status"] in {"filled", "canceled"}), (one, at_broker)
    assert set(there.orders) <= {one.client_order_id for one in found}
    account = await get_account(seat.b, seat.caller, seat.account_id)
    assert account.cash == there.cash
    held = {one.symbol: one.qty for one in await list_positions(seat.b, seat.caller, seat.account_id)}
    assert {name: qty for name, qty in held.items() if qty} == {n: qty for n, (qty, _) in there.positions.items()}
    assert await check_books(seat.b.db) == []


@deaths("broker")
async def test_an_order_on_its_way_to_the_broker(point: str, rounds: int, seat: BrokerSeat, doom: Doom) -> None:
    there, fault = seat.there, POINTS[point].fault
    async with seat.house():
        await seat.until_state("ready")
    for _ in range(rounds):
        there.fills_at_once = fault == "fill"
        there.prices["AAPL"] = Decimal("98.50")
        there.faults.clear()
        if fault and fault not in {"fill", "closed"}:
            there.fault("submit", *[fault] * 3)
        await seat.quote(quote("AAPL 100.00/100.05"))
        placed = await seat.order(POINTS[point].text)
        assert placed.status == "pending_submit"
        await doom.meet(point)
    there.faults.clear()
    await come_to_rest(seat, point, rounds)
    assert len(await every_order(seat.b, seat.caller, seat.account_id)) == rounds


@deaths("cancel")
async def test_a_cancel_on_its_way_to_the_broker(point: str, rounds: int, seat: BrokerSeat, doom: Doom) -> None:
    for _ in range(rounds):
        async with seat.house():
            await seat.until_state("ready")
            await seat.quote(quote("AAPL 100.00/100.05"))
            placed = await seat.order(POINTS[point].text)
            await seat.until(placed, "working", "accepted")
        await cancel_order(seat.b, seat.caller, placed.id)
        await doom.meet(point)
    await come_to_rest(seat, point, rounds)
    found = await every_order(seat.b, seat.caller, seat.account_id)
    assert [one.status for one in found] == ["canceled"] * rounds


@deaths("paper")
async def test_an_order_on_the_paper_market(
    point: str, rounds: int, database: Database, cache: Redis, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    desk, doom = await make_desk(database, cache), Doom(tmp_path, database_url, redis_url, {})
    for number in range(rounds):
        await desk.tell(quote("AAPL 100.00/100.05"))
        request, key = order(POINTS[point].text), f"key-{number:05d}"
        await submit_order(desk.b, desk.caller, desk.account_id, request, key, acknowledged=ALL_READ)
        await doom.meet(point)
        assert await check_books(database) == []
    await desk.broker.start()
    for minute in (80, 81):
        await desk.tell(quote("AAPL 100.00/100.05"), clock=open_clock(minute))
        await desk.broker.drain()
    found = await every_order(desk.b, desk.caller, desk.account_id)
    fills = await list_fills(desk.b, desk.caller, account_id=desk.account_id, limit=500)
    expected = "filled" if POINTS[point].text == "buy 1 AAPL" else "working"
    assert [one.status for one in found] == [expected] * rounds
    assert len(fills) == (rounds if expected == "filled" else 0)
    assert await check_books(database) == []


@deaths("action")
async def test_a_corporate_action_on_an_account(
    point: str, rounds: int, database: Database, cache: Redis, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    desk, doom = await make_desk(database, cache), Doom(tmp_path, database_url, redis_url, {})
    for number, text in enumerate(("buy 10 AAPL", "buy 10 AAPL @ 40.00 gtc")):
        await submit_order(
            desk.b, desk.caller, desk.account_id, order(text), f"key-{number:05d}", acknowledged=ALL_READ
        )
        await desk.broker.drain()
    clock = day_after()
    for number in range(rounds):
        ratio = (2, 1) if number % 2 == 0 else (1, 2)
        split = Splitting(*(Decimal(one) for one in ratio))
        told = Told(f"split {number:02d}", 1, "AAPL", clock.venue_now.date(), "USD", split, "test")
        async with database.transaction() as connection:
            await tell_actions(connection, "replay", [told], utc_now())
        await doom.meet(point)
        assert await check_books(database) == []
        await ActionDesk(desk.b, "replay").on_quotes(clock, {})
        held = (await list_positions(desk.b, desk.caller, desk.account_id))[0].qty
        resting = (await every_order(desk.b, desk.caller, desk.account_id))[0]
        assert (held, resting.qty, resting.limit_price) == ((20, 20, 20) if number % 2 == 0 else (10, 10, 40))
    entries = await list_entries(desk.b, desk.caller, desk.account_id, limit=500)
    assert [one.kind for one in entries].count("split") == rounds
    assert await check_books(database) == []


@deaths("web")
async def test_an_order_being_taken(
    point: str, rounds: int, database: Database, cache: Redis, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    desk, doom = await make_desk(database, cache), Doom(tmp_path, database_url, redis_url, {})
    mine = {"DOOMED_USER": str(desk.caller.user_id), "DOOMED_ACCOUNT": str(desk.account_id)}
    ids: set[UUID] = set()
    for number in range(rounds):
        await desk.tell(quote("AAPL 100.00/100.05"))
        key = f"key-{number:05d}"
        await doom.meet(point, **mine, DOOMED_KEY=key)
        request = order(POINTS[point].text)
        again = await submit_order(desk.b, desk.caller, desk.account_id, request, key, acknowledged=ALL_READ)
        assert again.status == "pending_submit"
        ids.add(again.id)
    assert {one.id for one in await every_order(desk.b, desk.caller, desk.account_id)} == ids
    assert len(ids) == rounds
    assert await check_books(database) == []
