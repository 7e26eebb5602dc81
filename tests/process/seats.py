"""Somebody with an account at a broker on loopback, whose worker can be started and killed."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import keep_secret
from starkmatter.backends import Backends, close_backends, open_backends
from starkmatter.clock import utc_now
from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.at_broker import open_at_broker
from starkmatter.settings import load_settings
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, INSTRUMENT, make_caller, order, quote
from tests.process.worker import Worker, broker_worker, none_in_doubt, until


@dataclass
class Seat:
    """Somebody with an account there; no two orders have the same quantity, which tells them apart."""

    b: Backends
    caller: Caller
    account_id: UUID
    there: Any
    start: Callable[[str], AbstractAsyncContextManager[Worker]]
    qty: int = 0
    took_secs: float = 0.0

    async def send(self) -> OrderView:
        """An order at a fresh price, of one share more than the last; one that is refused is a mistake of the test."""
        fresh = {one.symbol: one for one in (quote("AAPL 100.00/100.05", at=utc_now()),)}
        await QuoteBoard(self.b.cache).publish("market", fresh, clock=None, now=utc_now())
        self.qty += 1
        text = f"buy {self.qty} AAPL @ 100.05 gtc"
        placed = await submit_order(
            self.b, self.caller, self.account_id, order(text), f"key-{time.monotonic_ns()}", acknowledged=ALL_READ
        )
        assert placed.status == "pending_submit", placed.reject_reason
        return placed

    async def quiet(self) -> dict[int, OrderView]:
        """Every order by its quantity, once nothing is in doubt any more."""
        found, self.took_secs = await none_in_doubt(self.b, self.caller, self.account_id)
        return {int(one.qty): one for one in found}

    async def killed_while_it_sends(self, name: str, fault: str | None) -> OrderView:
        """The worker dies while the broker reads the order, and the broker goes on as told."""
        there = self.there
        before = len(there.orders)
        async with self.start(name) as worker:

            def on_post(_: object) -> None:
                there.on_post = None
                worker.kill()

            if fault:
                there.fault("submit", fault)
            there.on_post = on_post
            placed = await self.send()

            async def dead() -> bool:
                return worker.process.poll() is not None

            await until(dead, 20.0, "the worker to be dead")

        async def taken() -> bool:
            return fault is not None or len(there.orders) > before

        await until(taken, 20.0, "the broker, which goes on by itself, to take it")
        return placed


S = TypeVar("S", bound=Seat)


@asynccontextmanager
async def seated(
    kind: type[S],
    there: Any,
    broker: str,
    keys: Mapping[str, str],
    hide: set[str],
    home: Path,
    urls: tuple[str, str],
    vendors: dict[str, str] | None = None,
) -> AsyncIterator[S]:
    """A new person with those keys and an account at that broker; `urls` are those of database and cache."""
    home.mkdir()
    settings: dict[str, Any] = {"DATABASE_URL": urls[0], "REDIS_URL": urls[1], "STARKMATTER_HOME": str(home)}
    of_worker = {}
    if vendors is not None:
        settings["STARKMATTER_VENDOR_URLS"] = vendors
        of_worker["STARKMATTER_VENDOR_URLS"] = json.dumps(vendors)
    b = await open_backends(load_settings(settings), "test")
    caller = await make_caller(b.db, "trader")
    await b.db.run(INSTRUMENT, ("AAPL", "Apple", "equity", True))
    await keep_secret(b, broker, caller.user_id, keys, hide)
    account = await open_at_broker(b, caller, broker=broker, name="Real")

    def start(name: str) -> AbstractAsyncContextManager[Worker]:
        return broker_worker(b, caller, account.id, home, name, *urls, of_worker)

    yield kind(b, caller, account.id, there, start)
    await close_backends(b)
