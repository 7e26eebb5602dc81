"""Holds our book of one account against the broker's: at the start, after each reconnection and every minute.

The same path every time, and a second run changes nothing. What the broker did not say is never taken for nothing: a
report that cannot be read leaves everything as it is. When the books stay apart the account is frozen for new orders
and says how they differ, until they agree again or a person accepts the broker's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import orjson
import structlog

from starkmatter.accounts.audit.records import SYSTEM
from starkmatter.accounts.audit.trail import note
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.ledger import book_activity, book_adjustment, book_brought_in, book_deposit
from starkmatter.domain.money import ZERO, money_text, plain
from starkmatter.domain.orders import TERMINAL, OrderStatus
from starkmatter.errors import Refused
from starkmatter.trading import broker_queries
from starkmatter.trading.brokered import BrokeredOrder, order_id_of
from starkmatter.trading.desk import UNSENT, OrderDesk, Pace
from starkmatter.trading.journal import write_booking
from starkmatter.trading.ports import Broker, BrokerBook, BrokerOrder, CashActivity, Difference, SeveralAlike

TRIES = 3
FROZEN_APART = "Its book and the broker's differ. Look at the differences on the portfolio page."
LOOK_BACK = timedelta(days=7)
ROUNDING_PER_FILL = Decimal("0.005")
ROUNDING = Decimal("0.01")

log = structlog.get_logger("broker")


class Reconciler:
    """The comparing half of one account's desk."""

    def __init__(
        self,
        b: Backends,
        account_id: UUID,
        currency: str,
        broker: Broker,
        desk: OrderDesk,
        confirm: Callable[[], Awaitable[None]],
        pace: Pace,
    ) -> None:
        self._b = b
        self._account_id = account_id
        self._currency = currency
        self._broker = broker
        self._desk = desk
        self._confirm = confirm
        self._pace = pace
        self._followed: set[str] = set()

    async def reconcile(self, *, number: str | None, accept: bool) -> bool:
        """Whether both books agree now, which is stored with the reasons. VendorFailure when the broker cannot be read.

        `number`: which account at the broker this is; None takes its book over as the account's first entries. Refused
        when the keys lead to another one. `accept`: a person has seen the differences and wants ours to follow.
        """
        if number is None:
            await self._open_books()
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(self._pace.settle_secs)
            await self._confirm()
            book = await self._broker.read_book()
            if number is not None and book.number != number:
                raise Refused("These keys lead to another account at the broker than the one that was opened here.")
            missing = await self._follow_orders(book, accept=accept)
            await self._book_activities()
            differences = [*missing, *await self._compare(book)]
            if not differences:
                break
        if accept:
            if differences:
                await self._accept(book)
                differences = await self._compare(book)
            # A wish that came while this comparison was under way is the next one's.
            await self._b.db.run(broker_queries.ACCEPTED, (self._account_id,))
        await self._store(book, differences)
        return not differences

    async def _open_books(self) -> None:
        """The account's first entries: cash and shares as the broker has them. Refused when that cannot be done."""
        known = await self._broker.activities(utc_now() - LOOK_BACK)
        book = await self._broker.read_book()
        taken = {"broker": self._broker.capability.adapter, "number": book.number, "account": self._account_id}
        if await self._b.db.value(broker_queries.NUMBER_TAKEN, taken):
            raise Refused("This account at the broker is open here already: one book cannot be kept twice.")
        if book.currency != self._currency:
            raise Refused(f"The account at the broker is in {book.currency}; this version keeps {self._currency} only.")
        short = next((one.symbol for one in book.positions if one.signed_qty < 0), None)
        if short is not None:
            raise Refused(f"The account at the broker is short of {short}: short positions are not kept yet.")
        now = utc_now()
        await self._confirm()
        async with self._b.db.transaction() as connection:
            opened = await connection.execute(
                broker_queries.OPENED_AT_BROKER,
                {"account": self._account_id, "number": book.number, "at": now - LOOK_BACK},
            )
            if opened.rowcount != 1:
                return
            for activity in known:
                await self._remember(connection, activity, now)
            worth = await self._bring_in(connection, book, now)
            await connection.execute(
                broker_queries.FIRST_VALUE,
                {"account": self._account_id, "at": now, "equity": book.cash + worth, "cash": book.cash},
            )
        log.info("account opened at the broker", account_id=str(self._account_id), positions=len(book.positions))

    async def _bring_in(self, connection: Connection, book: BrokerBook, now: datetime) -> Decimal:
        """Cash and shares into the journal; what the shares are worth."""
        if book.cash:
            booking = book_deposit(book.cash, self._currency)
            await write_booking(connection, self._account_id, booking, venue_at=now, now=now)
            await connection.execute(broker_queries.MOVE_CASH, self._cash(booking.cash))
        for one in book.positions:
            booking = book_brought_in(one.symbol, one.signed_qty, one.market_value, self._currency)
            await write_booking(connection, self._account_id, booking, venue_at=now, now=now)
            await self._put_holding(connection, one.symbol, one.signed_qty, one.cost_basis, now)
        return sum((one.market_value for one in book.positions), ZERO)

    async def _follow_orders(self, book: BrokerBook, *, accept: bool) -> list[Difference]:
        """Bring every open order of ours to where the broker has it; those it says it has not are differences.

        One sent a moment ago may not be known there yet; what is known of it counts all the same. Of several that look
        alike none is taken for ours until a person accepts the broker's book; then it is the nearest.
        """
        there = {one.client_order_id: one for one in book.open_orders}
        differences = []
        now = utc_now()
        self._followed = set()
        orders = await self._open_orders()
        in_doubt = {order.id for order in orders if order.status in UNSENT}
        for order in orders:
            if order.status is OrderStatus.PENDING_SUBMIT:
                continue
            await self._confirm()
            found = there.get(order.client_order_id)
            if found is None:
                try:
                    found = await self._broker.find(order.client_order_id)
                except SeveralAlike as alike:
                    if not accept:
                        count = str(len(alike.found))
                        differences.append(Difference(f"order {order.id}", str(order.status), count, alike.text))
                        continue
                    found = replace(alike.found[0], client_order_id=order.client_order_id)
            if found is not None:
                self._followed.add(found.broker_order_id)
                await self._desk.on_order(found)
            elif now - order.created_at >= self._pace.young and await self._is_missing(order, in_doubt):
                differences.append(
                    Difference(f"order {order.id}", str(order.status), "none", "The broker says it has no such order.")
                )
        return differences

    async def _is_missing(self, order: BrokeredOrder, in_doubt: set[UUID]) -> bool:
        """Whether the broker should have it: it is known there, or belongs to one that is and did not end unfilled."""
        if order.id not in in_doubt:
            return True
        if not order.is_leg or order.group_id in in_doubt:
            return False
        members = await self._b.db.tuples(broker_queries.MEMBERS, {"order": order.group_id})
        first = next(one for row in members if not (one := BrokeredOrder.of_row(row)).is_leg)
        return first.status not in TERMINAL or first.filled_qty > 0

    async def _open_orders(self) -> list[BrokeredOrder]:
        rows = await self._b.db.tuples(broker_queries.OPEN_BROKERED, {"account": self._account_id})
        return [BrokeredOrder.of_row(row) for row in rows]

    async def _book_activities(self) -> None:
        """Dividends, fees, interest and cash that moved at the broker, each once."""
        for activity in await self._broker.activities(utc_now() - LOOK_BACK):
            if activity.kind == "other" or activity.cash == 0:
                continue  # Shows up as a difference, which a person must look at.
            now = utc_now()
            async with self._b.db.transaction() as connection:
                if not await self._remember(connection, activity, now):
                    continue
                booking = book_activity(activity.kind, _words(activity), activity.cash, self._currency)
                at = max(activity.happened_at, now - LOOK_BACK)
                await write_booking(connection, self._account_id, booking, venue_at=min(at, now), now=now)
                await connection.execute(broker_queries.MOVE_CASH, self._cash(booking.cash))

    async def _remember(self, connection: Connection, activity: CashActivity, now: datetime) -> bool:
        """Whether it is new; either way it is known from here on."""
        cursor = await connection.execute(
            broker_queries.INSERT_ACTIVITY,
            {
                "account": self._account_id,
                "id": activity.id,
                "kind": activity.kind,
                "at": activity.happened_at,
                "now": now,
            },
        )
        return await cursor.fetchone() is not None

    async def _compare(self, book: BrokerBook) -> list[Difference]:
        ((cash, fills),) = await self._b.db.tuples(broker_queries.OUR_BOOK, (self._account_id,))
        found = []
        # Each fill is booked to the cent here; the broker may keep more decimals.
        if abs(cash - book.cash) > ROUNDING + fills * ROUNDING_PER_FILL:
            found.append(Difference("cash", money_text(cash), money_text(book.cash), "Cash is not the same."))
        ours = dict(await self._b.db.tuples(broker_queries.OUR_HOLDINGS, (self._account_id,)))
        theirs = {one.symbol: one.signed_qty for one in book.positions}
        for symbol in sorted(ours.keys() | theirs.keys()):
            mine, other = ours.get(symbol, ZERO), theirs.get(symbol, ZERO)
            if mine != other:
                found.append(Difference(symbol, plain(mine), plain(other), f"{symbol}: not the same shares."))
        if book.blocked:
            found.append(Difference("account", "trades", "blocked", book.blocked))
        return found

    async def _accept(self, book: BrokerBook) -> None:
        """Book what is missing so that ours says what the broker's says; orders it does not have end here."""
        now = utc_now()
        ours = dict(await self._b.db.tuples(broker_queries.OUR_HOLDINGS, (self._account_id,)))
        theirs = {one.symbol: one for one in book.positions}
        async with self._b.db.transaction() as connection:
            await connection.execute(broker_queries.LOCK_ACCOUNT, (self._account_id,))
            ((cash, _),) = await (await connection.execute(broker_queries.OUR_BOOK, (self._account_id,))).fetchall()
            if cash != book.cash:
                text = f"Cash follows the broker: {money_text(cash)} to {money_text(book.cash)}"
                booking = book_adjustment(text, self._currency, book.cash - cash, is_cash=True)
                await write_booking(connection, self._account_id, booking, venue_at=now, now=now)
                await connection.execute(broker_queries.MOVE_CASH, self._cash(book.cash - cash))
            for symbol in sorted(ours.keys() | theirs.keys()):
                other = theirs.get(symbol)
                mine, qty = ours.get(symbol, ZERO), other.signed_qty if other else ZERO
                if mine != qty:
                    text = f"{symbol} follows the broker: {plain(mine)} to {plain(qty)} shares"
                    booking = book_adjustment(text, symbol, qty - mine, is_cash=False)
                    await write_booking(connection, self._account_id, booking, venue_at=now, now=now)
                    await self._put_holding(connection, symbol, qty, other.cost_basis if other else ZERO, now)
        log.warning("the broker's book was accepted", account_id=str(self._account_id))

    async def _put_holding(
        self, connection: Connection, symbol: str, qty: Decimal, cost_basis: Decimal, now: datetime
    ) -> None:
        held = await (await connection.execute(broker_queries.LOCK_HOLDING, (self._account_id, symbol))).fetchone()
        await connection.execute(
            broker_queries.PUT_HOLDING,
            {
                "account": self._account_id,
                "symbol": symbol,
                "qty": qty,
                "cost_basis": cost_basis,
                "realized_pl": held[2] if held else ZERO,
                "release_qty": ZERO,
                "opened": not held or held[0] == 0,
                "at": now,
            },
        )

    async def _store(self, book: BrokerBook, differences: Sequence[Difference]) -> None:
        external = sum(1 for one in book.open_orders if not self._is_ours(one))
        words = "Cash, positions and orders agree with the broker's." if not differences else FROZEN_APART
        params = {"account": self._account_id, "reason": FROZEN_APART}
        change, action = (
            (broker_queries.FREEZE_APART, "account.frozen")
            if differences
            else (broker_queries.THAW_APART, "account.thawed")
        )
        async with self._b.db.transaction() as connection:
            if (await connection.execute(change, params)).rowcount:
                about = {"reason": FROZEN_APART, "differences": [one.subject for one in differences][:20]}
                await note(connection, SYSTEM, action, ("account", self._account_id), after=about)
        await self._b.db.run(
            broker_queries.SET_BROKER_STATE,
            {
                "account": self._account_id,
                "state": "apart" if differences else "ready",
                "words": words,
                "differences": orjson.dumps([asdict(one) for one in differences]).decode(),
                "external": external,
                "checked_at": utc_now(),
            },
        )
        if differences:
            subjects = [one.subject for one in differences][:5]
            log.warning("books differ", account_id=str(self._account_id), subjects=subjects)

    def _is_ours(self, order: BrokerOrder) -> bool:
        known = order.broker_order_id in self._followed  # since the book was read
        return known or order_id_of(order.client_order_id) is not None

    def _cash(self, cash: Decimal) -> dict[str, object]:
        return {"cash": cash, "release": ZERO, "account": self._account_id}


def _words(activity: CashActivity) -> str:
    """What it was, with the symbol it was of: the ledger keeps no other trace of that."""
    symbol = activity.symbol
    return activity.text if not symbol or symbol in activity.text.split() else f"{symbol}: {activity.text}"
