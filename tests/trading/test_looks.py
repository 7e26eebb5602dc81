"""When an order in doubt is looked for at its broker: at A.3's instants after it was sent, or at the operator's."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.vault import Secrets
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.orders import OrderRequest
from starkmatter.egress.failures import VendorFailure
from starkmatter.settings import load_settings
from starkmatter.trading import desk as of_desk
from starkmatter.trading.brokers.alpaca import AlpacaBroker
from starkmatter.trading.desk import OrderDesk
from starkmatter.trading.house import BrokerHouse
from starkmatter.trading.ports import BrokerOrder
from tests.process.worker import LOOK_AFTER_SECS, LOOKS
from tests.standins.alpaca_trading import KEY_ID, SECRET, AlpacaTrading
from tests.trading.broker_desk import BrokerSeat, always, make_seat

KEYS = Secrets({"key_id": KEY_ID, "secret": SECRET})
TICK_SECS, LAST_SECS = 0.25, 40.0
AS_DESIGNED = (0.5, 2.0, 8.0, 30.0)


class Killed(Exception):
    """The worker, while it sends."""


class HandClock:
    """Seconds since an order was sent, moved by hand."""

    def __init__(self) -> None:
        self.began, self.secs = utc_now(), 0.0

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.secs)


class Losing(AlpacaBroker):
    """The first order never arrives there; remembers when it was sent and when it was asked for."""

    def __init__(self, seat: BrokerSeat, clock: HandClock, first: Exception) -> None:
        super().__init__(seat.b.settings, KEYS)
        self._clock, self._first = clock, first
        self.sent: list[float] = []
        self.asked: list[float] = []

    async def submit(self, client_order_id: str, request: OrderRequest) -> BrokerOrder:
        self.sent.append(self._clock.secs)
        if len(self.sent) == 1:
            raise self._first
        return await super().submit(client_order_id, request)

    async def find(self, client_order_id: str) -> BrokerOrder | None:
        self.asked.append(self._clock.secs)
        return await super().find(client_order_id)


@pytest.fixture
async def seat(database: Database, cache: Redis, tmp_path: Path, alpaca: AlpacaTrading) -> BrokerSeat:
    return await make_seat(database, cache, tmp_path, alpaca)


def house_of(seat: BrokerSeat, variables: dict[str, str]) -> BrokerHouse:
    """As the worker composes it of what the operator chose."""
    same = {"STARKMATTER_HOME": str(seat.b.settings.home), "STARKMATTER_VENDOR_URLS": seat.there.urls}
    settings = load_settings(same | variables)
    return BrokerHouse(replace(seat.b, settings=settings), always)


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize(
    ("variables", "died", "asked"),
    [
        ({}, False, AS_DESIGNED),
        ({}, True, (3.0, 3.5, 8.0, 30.0)),
        (LOOKS, False, LOOK_AFTER_SECS),
        (LOOKS, True, (3.0, 3.5, 4.0, 8.0)),
    ],
)
async def test_a_lost_order_is_looked_for_four_times_counted_from_when_it_was_sent(
    variables: dict[str, str],
    died: bool,
    asked: tuple[float, ...],
    repeatable: bool,
    seat: BrokerSeat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also by a worker that was started three seconds later, because the one that sent it had died."""
    async with seat.house():
        await seat.until_state("ready")
    placed = await seat.order("buy 1 AAPL @ 99.00 gtc")
    clock = HandClock()
    monkeypatch.setattr(of_desk, "utc_now", clock.now)
    broker = Losing(seat, clock, Killed() if died else VendorFailure("Alpaca", "broken", "No answer."))
    monkeypatch.setattr(broker, "repeatable", repeatable)
    desk = OrderDesk(seat.b, seat.account_id, broker, always, house_of(seat, variables)._pace)
    if died:
        with pytest.raises(Killed):
            await desk.drain(sending=True)
        clock.secs = asked[0]
        await desk.strand()
    while clock.secs < LAST_SECS:
        await desk.drain(sending=True)
        clock.secs += TICK_SECS
    assert tuple(broker.asked) == asked
    assert broker.sent == ([0.0, asked[-1]] if repeatable else [0.0])
    assert (await seat.now(placed)).status in ({"accepted", "working"} if repeatable else {"not_sent"})
    await seat.books_add_up()


async def test_what_the_operator_chose_reaches_the_desks(seat: BrokerSeat) -> None:
    house = house_of(seat, {"STARKMATTER_LOOK_AFTER_SECS": "1,2,3,9.5"})
    await house._look()
    try:
        [(_, desk, _)] = house._desks.values()
        assert desk._desk._pace.look_after_secs == (1.0, 2.0, 3.0, 9.5)
    finally:
        await house._end(seat.account_id)
