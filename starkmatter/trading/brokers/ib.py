"""Interactive Brokers as a broker: ib_async over the socket of one's own TWS or IB Gateway, nothing ever sent twice.

It keeps our id as an order's reference, so an order whose answer was lost is found by it; a repetition would still be a
second order. TWS and Gateway log out once a day by their rules: then the account is away for some minutes and goes on
by itself. Live accounts are only looked at in this version. The SDK is imported on first use, in the worker.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from starkmatter.accounts.vault import Secrets
from starkmatter.clock import utc_now
from starkmatter.domain.orders import Condition, OrderRequest
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.line import Line
from starkmatter.errors import Refused
from starkmatter.settings import Settings
from starkmatter.trading.brokers.ib_connection import KIND, check_place, chosen_account
from starkmatter.trading.brokers.ib_words import (
    ANSWERS,
    ENDED,
    VENDOR,
    Filled,
    brokers_order,
    commissions_of,
    contract_of,
    corrections_of,
    executed,
    figure_of,
    orders_of,
    price_condition,
    refusals,
    whole_group,
)
from starkmatter.trading.brokers.leaving import leaving
from starkmatter.trading.ports import (
    BrokerBook,
    BrokerOrder,
    BrokerPosition,
    CancelRefused,
    CashActivity,
    OnConnected,
    OnOrder,
    OrderRefused,
    SentOrders,
)

if TYPE_CHECKING:
    from ib_async import IB, PriceCondition

PER_MIN = 300.0
CONNECT_SECS, READ_SECS = 5.0, 10.0
PAPER_PREFIX = "D"
NOT_YET = frozenset({"PendingSubmit", "ApiPending", "ValidationError"})

CAPABILITY = Capability(
    port="broker",
    adapter=KIND,
    vendor=VENDOR,
    client="ib_async",
    connection=KIND,
    gives=(
        "cash and positions",
        "orders",
        "commissions",
        "order stream",
        "market, limit, stop, stop-limit and trailing stop orders, day, good till canceled, immediate, fill "
        "or kill, good till a date, auctions, extended hours, cancel",
        "brackets, OCO and OTO",
        "orders that wait for a price of another symbol",
    ),
    limits="50 messages a second; TWS or IB Gateway restarts once a day",
    notes="Through your own TWS or IB Gateway. Live accounts are real money: orders are refused until their owner "
    "turns live trading on. Dividends and interest are not told over this interface and show up as differences. "
    "Whole shares; groups begin with a purchase; no short sales.",
)
__all__ = ["CAPABILITY", "IbBroker", "refusals"]
T = TypeVar("T")


class IbBroker:
    """One account behind one TWS or IB Gateway. All of it runs on the event loop; the socket is one for all calls."""

    capability = CAPABILITY
    repeatable = False

    def __init__(self, settings: Settings, secrets: Secrets, _: SentOrders, *, tries: int = 3) -> None:
        check_place(settings, secrets)
        self._secrets = secrets
        self._line = Line(VENDOR, per_min=PER_MIN, tries=tries)
        self._ib: IB | None = None
        self._account = ""
        self._turn = asyncio.Lock()

    @property
    def live(self) -> bool:
        """See the port."""
        return self._secrets["mode"] == "live"

    async def read_book(self) -> BrokerBook:
        """See the port. Each part is asked for anew and ends with a word of its own; without that there is no book."""

        async def read() -> BrokerBook:
            async with self._session() as ib:
                positions = await _in_time(ib.reqPositionsAsync())
                await _in_time(ib.reqAccountUpdatesMultiAsync(self._account))
                open_trades = await _in_time(ib.reqAllOpenOrdersAsync())
                fills = executed(await self._fills(ib))
                values = {(one.tag, one.currency): one.value for one in ib.accountValues(self._account)}
                worth = {one.contract.conId: one.marketValue for one in ib.portfolio(self._account)}
            currency = next((currency for tag, currency in values if tag == "NetLiquidation"), "")
            if not currency or ("TotalCashBalance", currency) not in values:
                raise ANSWERS.garbage("balance")
            held = []
            for one in positions:
                if one.account != self._account or not one.position:
                    continue
                if one.contract.conId not in worth:
                    raise ANSWERS.garbage("value of a position")
                qty = figure_of(one.position)
                cost, value = qty * figure_of(one.avgCost), figure_of(worth[one.contract.conId])
                held.append(BrokerPosition(one.contract.symbol.replace(" ", "."), qty, cost, value))
            now = utc_now()
            orders = [brokers_order(one, fills.get(one.order.permId, Filled()), now) for one in self._own(open_trades)]
            return BrokerBook(
                number=self._account,
                currency=currency,
                cash=figure_of(values["TotalCashBalance", currency]),
                blocked=None,
                positions=tuple(held),
                open_orders=tuple(one for one in orders if one.status_text not in ENDED),
            )

        return await self._line.read(read)

    async def activities(self, after: datetime) -> list[CashActivity]:
        """See the port: commissions of the day. What else moved cash is not told here, and shows as a difference."""

        async def read() -> list[CashActivity]:
            async with self._session() as ib:
                return commissions_of(await self._fills(ib))

        return [one for one in await self._line.read(read) if one.happened_at >= after]

    async def find(self, client_order_id: str) -> BrokerOrder | None:
        """See the port: among open orders and those that ended since midnight, by our ids."""

        async def read() -> BrokerOrder | None:
            async with self._session() as ib:
                trades = self._own(await _in_time(ib.reqAllOpenOrdersAsync()))
                trades += self._own(await _in_time(ib.reqCompletedOrdersAsync(False)))
                fills = executed(await self._fills(ib))
            now = utc_now()
            found = {
                one.order.orderRef: brokers_order(one, fills.get(one.order.permId, Filled()), now)
                for one in reversed(trades)
            }
            return whole_group(client_order_id, found)

        return await self._line.read(read)

    async def submit(self, client_order_id: str, request: OrderRequest) -> BrokerOrder:
        """See the port: taken once it has their numbers for it and all that belongs to it."""

        async def send() -> BrokerOrder:
            async with self._session() as ib:
                contract = contract_of(request.symbol)
                orders = orders_of(client_order_id, self._account, request, ib.client.getReqId())
                if request.condition is not None:
                    orders[0].conditions = [await self._condition(ib, request.condition)]
                way.may_have_left = True
                # All in one breath: nothing else is written to the socket in between.
                trades = [ib.placeOrder(contract, one) for one in orders]
                await self._taken(ib, trades)
                fills, now = [fill for one in trades for fill in one.fills], utc_now()
                told = [brokers_order(one, executed(fills).get(one.order.permId, Filled()), now) for one in trades]
                return replace(told[0], legs=tuple(told[1:]))

        with leaving() as way:
            return await self._line.send(send)

    async def _condition(self, ib: "IB", condition: Condition) -> "PriceCondition":
        """Nothing was sent yet: what cannot be found is not waited for."""
        [found] = await _in_time(ib.qualifyContractsAsync(contract_of(condition.symbol)))
        if found is None or isinstance(found, list):
            raise OrderRefused(f"{VENDOR} has no {condition.symbol} whose price the order could wait for.")
        return price_condition(condition, found.conId)

    async def _taken(self, ib: "IB", trades: list[Any]) -> None:
        """Return once each has their number; OrderRefused when none was taken, VendorFailure when nobody knows."""
        news = asyncio.Event()

        def look(*_: Any) -> None:
            news.set()

        for trade in trades:
            trade.statusEvent += look
        ib.disconnectedEvent += look
        try:
            async with asyncio.timeout(READ_SECS):
                while True:
                    refused = [words for one in trades if (words := _refusal_of(one)) is not None]
                    if len(refused) == len(trades):
                        raise OrderRefused(f"{VENDOR} refused the order: {refused[0]}")
                    waits = [one for one in trades if _refusal_of(one) is None and not _number_of(one)]
                    if refused and not waits:
                        for one in trades:
                            if not one.isDone():
                                ib.cancelOrder(one.order)
                        words = f"{VENDOR} refused a part of the group ({refused[0]}); the rest is taken back."
                        raise VendorFailure(VENDOR, "broken", words)
                    if not waits:
                        break
                    if not ib.isConnected():
                        raise self._unreachable()
                    await news.wait()
                    news.clear()
        except TimeoutError:
            raise VendorFailure(VENDOR, "unreachable", f"{VENDOR} did not answer in time.") from None
        finally:
            for trade in trades:
                trade.statusEvent -= look
            ib.disconnectedEvent -= look
        for trade in trades:
            trade.order.permId = _number_of(trade)

    async def cancel(self, broker_order_id: str) -> None:
        """See the port. Orders of other programs at the same TWS cannot be canceled from here."""

        async def send() -> None:
            async with self._session() as ib:
                trades = self._own(await _in_time(ib.reqAllOpenOrdersAsync()))
                found = [one for one in trades if str(one.order.permId) == broker_order_id and not one.isDone()]
                if not found:
                    raise CancelRefused(f"{VENDOR}: this order is not open any more.")
                ib.cancelOrder(found[0].order)

        await self._line.send(send)

    async def listen(self, on_order: OnOrder, on_connected: OnConnected) -> None:
        """See the port: what the socket tells while it lasts."""
        news: asyncio.Queue[Any] = asyncio.Queue()
        async with self._session() as ib:
            pass

        def on_status(trade: Any) -> None:
            # After an error the SDK thinks an order has ended, which only the broker may say.
            if not (trade.log and trade.log[-1].errorCode):
                news.put_nowait(trade)

        def on_fill(trade: Any, *_: Any) -> None:
            news.put_nowait(trade)

        def on_end() -> None:
            news.put_nowait(None)

        ib.orderStatusEvent += on_status
        ib.commissionReportEvent += on_fill
        ib.disconnectedEvent += on_end
        try:
            for one in await self._corrected_today():
                await on_order(one)
            await on_connected()
            while ib.isConnected():
                trade = await news.get()
                if trade is None:
                    break
                if trade.order.permId and self._own([trade]):
                    filled = executed(trade.fills).get(trade.order.permId, Filled())
                    for one in corrections_of(brokers_order(trade, filled, utc_now()), filled):
                        await on_order(one)
        finally:
            ib.orderStatusEvent -= on_status
            ib.commissionReportEvent -= on_fill
            ib.disconnectedEvent -= on_end
        raise self._unreachable()

    async def close(self) -> None:
        """See the port: TWS has one program at a time under a client id."""
        self._drop()

    async def _corrected_today(self) -> list[BrokerOrder]:
        """Orders of which an execution was corrected: of one that has ended nobody else would ask again."""
        async with self._session() as ib:
            filled = executed(await self._fills(ib))
            if not any(one.corrected for one in filled.values()):
                return []
            trades = self._own(await _in_time(ib.reqAllOpenOrdersAsync()))
            trades += self._own(await _in_time(ib.reqCompletedOrdersAsync(False)))
        found = []
        for trade in trades:
            sum_of = filled.get(trade.order.permId, Filled())
            if sum_of.corrected:
                found += corrections_of(brokers_order(trade, sum_of, utc_now()), sum_of)
        return found

    async def _fills(self, ib: "IB") -> list[Any]:
        """Every execution of the day; those in the SDK's book have their commissions, those of the answer need not."""
        await _in_time(ib.reqExecutionsAsync())
        return [one for one in ib.fills() if one.execution.acctNumber == self._account]

    def _own(self, trades: list[Any]) -> list[Any]:
        return [one for one in trades if one.order.account in {"", self._account}]

    @asynccontextmanager
    async def _session(self) -> "AsyncIterator[IB]":
        """The connected SDK, for one caller at a time: its requests have no numbers of their own."""
        async with self._turn:
            try:
                if self._ib is None or not self._ib.isConnected():
                    self._ib, self._account = await self._connected()
                yield self._ib
            except (ConnectionError, TimeoutError, OSError):
                # Whatever was on its way is lost: the next one begins with a new connection.
                self._drop()
                raise self._unreachable() from None
            except VendorFailure:
                self._drop()
                raise

    async def _connected(self) -> "tuple[IB, str]":
        from ib_async import IB

        # What it would log, twice a second while TWS restarts, is told by our own failures.
        logging.getLogger("ib_async").setLevel(logging.CRITICAL)
        ib = IB()
        # The SDK skips a message it cannot read; then an order could be missing where none was said to be.
        ib.client.decoder.logger = _Alarm(ib)  # type: ignore[assignment]
        secrets = self._secrets
        await ib.connectAsync(
            secrets["host"],
            int(secrets["port"]),
            clientId=int(secrets["client"]),
            timeout=CONNECT_SECS,
            account=secrets.get("account", ""),
            raiseSyncErrors=True,
        )
        try:
            account = chosen_account(ib.managedAccounts(), secrets.get("account", ""))
            if account.startswith(PAPER_PREFIX) is self.live:
                kind = "a paper" if self.live else "a live"
                raise Refused(
                    f"{account} is {kind} account, but it was connected as {secrets['mode']}: say what it is."
                )
        except BaseException:
            ib.disconnect()
            raise
        return ib, account

    def _drop(self) -> None:
        if self._ib is not None:
            self._ib.disconnect()
            self._ib = None

    def _unreachable(self) -> VendorFailure:
        place = f"{self._secrets['host']}:{self._secrets['port']}"
        return VendorFailure(
            VENDOR,
            "unreachable",
            f"TWS or IB Gateway at {place} cannot be reached. It restarts once a day, then this goes on by itself "
            "within minutes; otherwise start it and log in there.",
        )


class _Alarm:
    """In the place of the decoder's logger: what cannot be read ends the connection, so that nothing is half read."""

    def __init__(self, ib: "IB") -> None:
        self._ib = ib

    def exception(self, *_: object) -> None:
        """See above."""
        self._ib.disconnect()


def _refusal_of(trade: Any) -> str | None:
    """Why it was not taken, when that is certain."""
    error = next((one for one in reversed(trade.log) if one.errorCode), None)
    if error is None or not trade.isDone() or trade.orderStatus.filled:
        return None
    return str(error.message)[:200]


def _number_of(trade: Any) -> int:
    """Their number for it, once they have taken it; zero until then."""
    taken = trade.orderStatus.status not in NOT_YET
    return (trade.order.permId or trade.orderStatus.permId) if taken else 0


async def _in_time(request: Awaitable[T]) -> T:
    return await asyncio.wait_for(request, READ_SECS)
