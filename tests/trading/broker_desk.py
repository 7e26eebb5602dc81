"""A person with an account at the stand-in broker, and the house of desks that works for them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import keep_secret
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.quotes import Quote
from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.at_broker import BrokerStatus, broker_status, open_at_broker
from starkmatter.portfolio.invariants import check_books
from starkmatter.settings import load_settings
from starkmatter.trading.desk import Pace
from starkmatter.trading.house import BrokerHouse
from starkmatter.trading.orders import get_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, SESSION, make_caller, make_market, order, quote
from tests.standins.alpaca_trading import KEY_ID, SECRET

ALPACA_KEYS = {"key_id": KEY_ID, "secret": SECRET}
WITHIN_SECS = 20.0
QUICK = Pace(
    look_after_secs=(0.05, 0.1, 0.1, 0.1),
    young=timedelta(0),
    settle_secs=0.05,
    check_every_secs=3600.0,
    reconnect_secs=(0.05, 0.2),
    accounts_every_secs=0.1,
    poll_secs=0.05,
    retry_secs=0.1,
)


async def always() -> None:
    """This worker leads."""


@dataclass
class BrokerSeat:
    """What a test of brokers needs at hand."""

    b: Backends
    caller: Caller
    there: Any
    account_id: UUID
    pace: Pace = QUICK

    @asynccontextmanager
    async def house(self, pace: Pace | None = None) -> AsyncIterator[BrokerHouse]:
        """The worker's part, running; it ends as abruptly as a task can."""
        stop = asyncio.Event()
        house = BrokerHouse(self.b, always, pace or self.pace)
        running = asyncio.create_task(house.run(stop))
        try:
            yield house
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def order(self, text: str, key: str = "") -> OrderView:
        return await submit_order(
            self.b, self.caller, self.account_id, order(text), key or f"key-{uuid4()}", acknowledged=ALL_READ
        )

    async def now(self, placed: OrderView) -> OrderView:
        return await get_order(self.b, self.caller, placed.id)

    async def until(self, placed: OrderView, *statuses: str) -> OrderView:
        """The order once it has one of these states."""

        async def there_yet() -> bool:
            return (await self.now(placed)).status in statuses

        try:
            await eventually(there_yet, f"the order to be {statuses}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {await self.now(placed)}, {await self.status()}") from None
        return await self.now(placed)

    async def status(self) -> BrokerStatus:
        found = await broker_status(self.b, self.caller, self.account_id)
        assert found is not None
        return found

    async def until_state(self, state: str) -> BrokerStatus:
        async def there_yet() -> bool:
            return (await self.status()).state == state

        await eventually(there_yet, f"the account to be {state}")
        return await self.status()

    async def quote(self, *quotes: Quote) -> None:
        """Prices of the market venue."""
        fresh = {one.symbol: replace(one, observed_at=utc_now(), received_at=utc_now()) for one in quotes}
        await QuoteBoard(self.b.cache).publish("market", fresh, clock=None, now=utc_now())

    async def books_add_up(self) -> None:
        assert await check_books(self.b.db) == []


async def eventually(true: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for it, with a limit that only a failure meets."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WITHIN_SECS
    while not await true():
        if loop.time() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        await asyncio.sleep(0.02)


async def make_seat(
    db: Database,
    cache: Redis,
    home: Path,
    there: Any,
    *,
    broker: str = "alpaca",
    keys: Mapping[str, str] = ALPACA_KEYS,
    hide: frozenset[str] = frozenset(ALPACA_KEYS),
    open_now: bool = True,
) -> BrokerSeat:
    """Market, person, connected keys and, unless told otherwise, the account (its book not read yet)."""
    settings = load_settings({"STARKMATTER_HOME": str(home), "STARKMATTER_VENDOR_URLS": there.urls})
    b = Backends(settings, db, cache)
    await make_market(db)
    for days in (0, 1):
        opens_at = utc_now() - timedelta(hours=2) + timedelta(days=days)
        await db.run(SESSION, (opens_at.date(), opens_at, opens_at + timedelta(hours=6)))
    caller = await make_caller(db, "trader")
    await keep_secret(b, broker, caller.user_id, keys, set(hide))
    seat = BrokerSeat(b, caller, there, uuid4())
    await seat.quote(quote("AAPL 100.00/100.05"), quote("MSFT 200.00/200.10"))
    if open_now:
        seat.account_id = (await open_at_broker(b, caller, broker=broker, name=broker.title())).id
    return seat
