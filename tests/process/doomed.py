"""A process that does the worker's part of the money path and dies by SIGKILL at a named point of it.

The product's own code runs on real engines; only the point is put in from outside: before or after a statement, or
around a call. `POINTS` names them; `main` is run in a process of its own by `tests.process.nursery`.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from psycopg import AsyncCursor

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends, close_backends, open_backends
from starkmatter.domain.orders import OrderStatus
from starkmatter.domain.quotes import VenueClock
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.line import Line
from starkmatter.settings import load_settings
from starkmatter.trading import broker_queries, desk, queries
from starkmatter.trading.brokers.alpaca import AlpacaBroker
from starkmatter.trading.brokers.paper import PaperBroker
from starkmatter.trading.corporate import queries as acting
from starkmatter.trading.corporate.desk import ActionDesk
from starkmatter.trading.desk import OrderDesk
from starkmatter.trading.house import BrokerHouse
from starkmatter.trading.order_steps import Claimed
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, open_clock, order, quote
from tests.trading.broker_desk import QUICK, always

When = Literal["before", "after"]
PAPER_TURNS = 50


def die(*_: object) -> None:
    """Here and now, as a power cut would have it."""
    os.kill(os.getpid(), signal.SIGKILL)


def at_statement(sql: str, when: When) -> Callable[[], None]:
    """Around a statement; inside of a transaction that is before its commit, else after it."""

    def put_in() -> None:
        execute = AsyncCursor.execute

        async def dying(self: Any, query: Any, *args: Any, **more: Any) -> Any:
            if query == sql and when == "before":
                die()
            found = await execute(self, query, *args, **more)
            if query == sql:
                die()
            return found

        AsyncCursor.execute = dying  # type: ignore[method-assign]

    return put_in


def at_call(
    owner: object, name: str, when: When, only: Callable[..., bool] = lambda *_, **__: True
) -> Callable[[], None]:
    """Around a coroutine or a plain method of a class (or a function of a module), when its arguments are such."""

    def put_in() -> None:
        call = getattr(owner, name)
        waits = asyncio.iscoroutinefunction(call)

        async def dying(self: Any, *args: Any, **more: Any) -> Any:
            chosen = only(*args, **more)
            if chosen and when == "before":
                die()
            found = await call(self, *args, **more)
            if chosen:
                die()
            return found

        def dying_at_once(self: Any, *args: Any, **more: Any) -> Any:
            die()

        setattr(owner, name, dying if waits else dying_at_once)

    return put_in


def _doubtful(claimed: Claimed) -> bool:
    return claimed.was is OrderStatus.UNKNOWN


def close_lines() -> None:
    """From now on no line takes anything that is sent, as after several failures in a row."""

    async def send(self: Line, _: object) -> None:
        raise VendorFailure(self.vendor, "paused", f"{self.vendor} is asked again shortly.", unsent=True)

    Line.send = send  # type: ignore[assignment,method-assign]


@dataclass(frozen=True, slots=True)
class Point:
    """Where it dies, who gets there (`broker`, `cancel`, `paper`, `web`) and what the broker has to do for that.

    `closed`: it is our own line that does not let anything go.
    """

    put_in: Callable[[], None]
    who: str
    fault: str | None = None
    text: str = "buy 1 AAPL @ 99.00 gtc"


POINTS = {
    # An order on its way to a broker.
    "before its order is locked": Point(at_statement(broker_queries.LOCK_BROKERED, "before"), "broker"),
    "claimed, not committed": Point(at_statement(broker_queries.CLAIM, "after"), "broker"),
    "claimed, not sent": Point(at_call(OrderDesk, "_send", "before"), "broker"),
    "answered, not booked": Point(at_call(OrderDesk, "on_order", "before"), "broker"),
    "report noted, not committed": Point(at_statement(broker_queries.NOTE_REPORT, "after"), "broker"),
    "report booked, nobody told": Point(at_call(desk, "announce", "before"), "broker"),
    "fill booked, not committed": Point(at_statement(broker_queries.FILL_ORDER, "after"), "broker", "fill"),
    "never left, not written": Point(at_call(OrderDesk, "_put_back", "before"), "broker", "closed"),
    "never left, not committed": Point(at_statement(broker_queries.FENCE, "after"), "broker", "closed"),
    "never left, written": Point(at_call(OrderDesk, "_put_back", "after"), "broker", "closed"),
    "in doubt, not written": Point(at_call(OrderDesk, "_end_sending", "before"), "broker", "accept-504"),
    "in doubt, written": Point(at_call(OrderDesk, "_end_sending", "after"), "broker", "accept-504"),
    "in doubt, to be looked for": Point(at_call(OrderDesk, "_look_for", "before"), "broker", "drop"),
    "not found, not written": Point(at_call(OrderDesk, "_look_later", "before"), "broker", "drop"),
    "not found, written": Point(at_call(OrderDesk, "_look_later", "after"), "broker", "drop"),
    "about to be sent again": Point(at_call(OrderDesk, "_send", "before", _doubtful), "broker", "drop"),
    # A cancel on its way to a broker.
    "cancel not sent": Point(at_call(AlpacaBroker, "cancel", "before"), "cancel"),
    "cancel sent, not written": Point(at_statement(broker_queries.DROP_CANCEL, "before"), "cancel"),
    "cancel written": Point(at_statement(broker_queries.DROP_CANCEL, "after"), "cancel"),
    # The paper market.
    "paper: work read": Point(at_statement(queries.PENDING_WORK, "after"), "paper"),
    "paper: fill not booked": Point(at_statement(queries.BOOK, "before"), "paper", text="buy 1 AAPL"),
    "paper: fill booked, nobody told": Point(at_statement(queries.BOOK, "after"), "paper", text="buy 1 AAPL"),
    "paper: trail not kept": Point(at_statement(queries.KEEP_WATCHES, "before"), "paper", text="buy 1 AAPL trl=9.00"),
    "paper: trail kept": Point(at_statement(queries.KEEP_WATCHES, "after"), "paper", text="buy 1 AAPL trl=9.00"),
    # A corporate action on an account and its open orders.
    "action: order changed, not committed": Point(at_statement(acting.CHANGE_ORDER, "after"), "action"),
    "action: entries written, not committed": Point(at_statement(acting.PUT_POSTING, "after"), "action"),
    "action: holding written, not committed": Point(at_statement(acting.PUT_HELD, "after"), "action"),
    "action: booked, nobody told": Point(at_call(ActionDesk, "_settle", "after"), "action"),
    # The web process takes an order.
    "taken, not stored": Point(at_statement(queries.SUBMIT, "before"), "web"),
    "stored, not answered": Point(at_statement(queries.SUBMIT, "after"), "web"),
}


def main() -> None:
    """Do the part of the point in `DOOMED_POINT` until it is reached."""
    asyncio.run(_live())


async def _live() -> None:
    point = POINTS[os.environ["DOOMED_POINT"]]
    b = await open_backends(load_settings(), "doomed")
    point.put_in()
    if point.fault == "closed":
        close_lines()
    if point.who == "paper":
        await _trade(b)
    elif point.who == "action":
        await ActionDesk(b, "replay").on_quotes(day_after(), {"AAPL": quote("AAPL 100.00/100.05")})
    elif point.who == "web":
        await _submit(b, point.text)
    else:
        pace = replace(QUICK, look_after_secs=b.settings.look_after_secs)
        await BrokerHouse(b, always, pace).run(asyncio.Event())
    await close_backends(b)


async def _trade(b: Backends) -> None:
    broker = PaperBroker(b.db, b.cache, "replay")
    await broker.start()
    for minute in range(PAPER_TURNS):
        await broker.on_quotes(open_clock(11 + minute), {"AAPL": quote("AAPL 100.00/100.05")})
        await broker.drain()


def day_after() -> VenueClock:
    """An hour into the second session."""
    clock = open_clock(60)
    at = clock.venue_now + timedelta(days=1)
    return replace(clock, venue_now=at, session_on=at.date())


async def _submit(b: Backends, text: str) -> None:
    user_id, account_id = UUID(os.environ["DOOMED_USER"]), UUID(os.environ["DOOMED_ACCOUNT"])
    caller = Caller(user_id, user_id, "owner", "doomed@example.org", "Doomed")
    await submit_order(b, caller, account_id, order(text), os.environ["DOOMED_KEY"], acknowledged=ALL_READ)
