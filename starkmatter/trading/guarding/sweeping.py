"""Asks open orders back: all of an account's, of a person's, or of whatever a kill switch covers.

A switch is committed before its orders are asked back, so none can slip in between; whoever dies in between leaves it
unswept, and the worker does the rest.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

import orjson
import structlog

from starkmatter.accounts.audit.records import SYSTEM, Actor
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.quotes import Venue
from starkmatter.errors import NotAllowed, NotFound, Unavailable
from starkmatter.market.clocks import venue_clock
from starkmatter.trading.events import announce_orders, wake_worker
from starkmatter.trading.guarding import queries
from starkmatter.trading.guarding.records import Stop

BATCH = 200
LEFT_ALONE_FOR = timedelta(seconds=5)
LOOK_SECS = 2.0
VENUES: tuple[Venue, ...] = ("replay", "market")

log = structlog.get_logger("trading")


async def cancel_all(b: Backends, caller: Caller, account_id: UUID | None = None) -> int:
    """Ask every open order back, on one account or on all the caller may trade on; how many were asked for.

    A cancel is a request: until it is confirmed an order may still fill. Asking twice is harmless. NotFound when the
    account is not one of those.
    """
    if not caller.may_stop:
        raise NotAllowed("This token may look but take nothing back.")
    asked = {"user": caller.user_id, "account": account_id, "trades": caller.may_trade}
    accounts = [row[0] for row in await b.db.tuples(queries.MAY_CANCEL, asked)]
    if account_id is not None and not accounts:
        raise NotFound("There is no such account.")
    return await _cancel(b, caller, accounts)


async def sweep(b: Backends, stop: Stop, by: Caller | Actor = SYSTEM) -> int:
    """Ask back what a switch covers, and say that it is done; how many orders."""
    covered = {"account": stop.account_id, "user": stop.user_id, "broker": stop.broker}
    async with b.db.own_connection() as own:
        accounts = [row[0] for row in await own.tuples(queries.COVERED, covered)]
    count = await _cancel(b, by, accounts)
    async with b.db.own_connection() as own:
        await own.tuples(queries.SWEPT, (utc_now(), stop.id))
    return count


async def sweep_until(b: Backends, stop: asyncio.Event, confirm: Callable[[], Awaitable[None]]) -> None:
    """The worker's part: finish what whoever turned a switch on could not."""
    while not stop.is_set():
        await confirm()
        try:
            for unswept in await b.db.all(Stop, queries.UNSWEPT, (utc_now() - LEFT_ALONE_FOR,)):
                log.warning("switch swept late", scope=unswept.scope, orders=await sweep(b, unswept))
        except Unavailable:
            log.debug("switches not read", why="the database does not answer")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECS)


async def _cancel(b: Backends, by: Caller | Actor, accounts: Sequence[UUID]) -> int:
    if not accounts:
        return 0
    clocks = await _clocks(b)
    count = 0
    async with b.db.own_connection() as own:
        while True:
            asked = {"accounts": list(accounts), "clocks": clocks, "limit": BATCH, "now": utc_now()}
            rows = await own.tuples(queries.CANCEL_OPEN, asked)
            count += len(rows)
            told = [
                (owner, {"order_id": order_id, "status": status, "symbol": symbol})
                for order_id, owner, _, _, symbol, status in rows
            ]
            announce_orders(b.cache, told)
            if len(rows) < BATCH:
                break
    for venue in VENUES:
        wake_worker(b.cache, venue)
    if count:
        await note(b, by, "order.all_cancels_asked", after={"orders": count, "accounts": list(accounts)[:50]})
    return count


async def _clocks(b: Backends) -> str:
    """The instant of each venue whose clock is known, as JSON; wall time stands in for the others."""
    found = {}
    for venue in VENUES:
        with contextlib.suppress(Unavailable):
            found[venue] = (await venue_clock(b.db, b.cache, venue, utc_now())).venue_now
    return orjson.dumps(found).decode()
