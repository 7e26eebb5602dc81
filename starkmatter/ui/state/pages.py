"""The pages that mostly read: dashboard, portfolio and orders."""

from uuid import UUID

import reflex as rx

from starkmatter.accounts.records import Caller
from starkmatter.backends import backends
from starkmatter.domain.orders import OPEN
from starkmatter.domain.quotes import Venue
from starkmatter.errors import StarkMatterError
from starkmatter.market.watchlists.service import list_watchlists
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.lots.ordering import choose_for_order, order_lots
from starkmatter.portfolio.records import EquityPoint
from starkmatter.portfolio.valuation import clock_or_none, equity_series, list_positions
from starkmatter.trading.guarding.sweeping import cancel_all
from starkmatter.trading.orders import get_fill, list_fills, list_orders, order_events
from starkmatter.trading.records import FillView
from starkmatter.ui import format as show
from starkmatter.ui.lines import value_chart
from starkmatter.ui.state.frame import FrameState, cancel_words, chosen_account, chosen_venue
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.lots import order_lots_row
from starkmatter.ui.state.markets import watch_rows
from starkmatter.ui.state.receipts import alternative_rows, fee_rows, receipt_lines, receipt_row
from starkmatter.ui.state.rows import Row, entry_rows, fill_row, order_row, position_row

DASHBOARD_POINTS = 400
PORTFOLIO_POINTS = 2_000
WATCHED = 40
LEDGER_PAGE = 30


class DashboardState(rx.State):
    """The first page after sign-in."""

    ready: bool = False
    positions: list[Row] = []
    orders: list[Row] = []
    watch: list[Row] = []
    watch_name: str = "Watchlist"
    steps: list[Row] = []
    steps_left: int = 0
    chart: Row = {}
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read everything the page shows."""
        await self._read()
        await self._read_watch(await chosen_venue(self))
        self.ready = True

    @rx.event
    @allow("user")
    async def refresh(self) -> None:
        """An order changed."""
        await self._read()

    @rx.event
    @allow("trader")
    async def cancel(self, order_id: str) -> None:
        """Ask for an order back."""
        self.problem = await cancel_words(self, order_id)
        await self._read()

    async def _read(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            account_id = await chosen_account(self)
            self.positions = [position_row(one) for one in await list_positions(b, caller, account_id) if one.qty]
            self.orders = [order_row(one) for one in await list_orders(b, caller, account_id, OPEN, 50)]
            fills = await list_fills(b, caller, account_id=account_id, limit=1)
            self.chart = value_chart(await _values(caller, account_id, DASHBOARD_POINTS))
            await self._read_steps(bool(fills), str(fills[0].order_id) if fills else "")
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text

    async def _read_steps(self, traded: bool, order_id: str) -> None:
        frame = await self.get_state(FrameState)
        steps = (
            ("Place your first paper trade", "/trade/AAPL", traded),
            ("Read the receipt of its fill", f"/orders?order={order_id}" if order_id else "/orders", frame.saw_receipt),
            ("See it booked in the ledger", "/portfolio", traded and frame.saw_ledger),
        )
        self.steps = [{"text": text, "href": href, "done": "true" if done else "false"} for text, href, done in steps]
        self.steps_left = sum(not done for _, _, done in steps)

    async def _read_watch(self, venue: Venue) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            lists = await list_watchlists(b.db, caller.user_id, venue)
            self.watch = await watch_rows(venue, lists[0].symbols[:WATCHED]) if lists else []
            self.watch_name = lists[0].name if lists else "Watchlist"
        except StarkMatterError as error:
            self.problem = error.text


class PortfolioState(rx.State):
    """Value, positions, cash and the ledger of the chosen account."""

    ready: bool = False
    positions: list[Row] = []
    closed: list[Row] = []
    ledger: list[Row] = []
    more: bool = False
    chart: Row = {}
    problem: str = ""
    _oldest: int = 0

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read everything the page shows."""
        b, caller = backends(), await caller_of(self)
        try:
            account_id = await chosen_account(self)
            rows = await list_positions(b, caller, account_id)
            self.positions = [position_row(one) for one in rows if one.qty]
            self.closed = [position_row(one) for one in rows if not one.qty]
            self.chart = value_chart(await _values(caller, account_id, PORTFOLIO_POINTS))
            self.ledger = []
            await self._read_ledger(account_id, None)
            frame = await self.get_state(FrameState)
            frame.saw_ledger = any(row["description"].startswith(("Bought", "Sold")) for row in self.ledger)
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True

    @rx.event
    @allow("user")
    async def older(self) -> None:
        """Read on in the ledger."""
        try:
            await self._read_ledger(await chosen_account(self), self._oldest)
        except StarkMatterError as error:
            self.problem = error.text

    async def _read_ledger(self, account_id: UUID, before: int | None) -> None:
        entries = await list_entries(backends(), await caller_of(self), account_id, LEDGER_PAGE, before)
        self.ledger = [*self.ledger, *(row for one in entries for row in entry_rows(one))]
        self.more = len(entries) == LEDGER_PAGE
        self._oldest = entries[-1].id if entries else 0


class OrdersState(rx.State):
    """Every order, its history, its fills and their receipts."""

    ready: bool = False
    only: str = "all"
    orders: list[Row] = []
    chosen: Row = {}
    events: list[Row] = []
    fills: list[Row] = []
    receipt: Row = {}
    lines: list[Row] = []
    fees: list[Row] = []
    alternatives: list[Row] = []
    lots: Row = {}
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read the list; an order named in the address is opened."""
        await self._read()
        self.ready = True
        asked = self.router.url.query_parameters.get("order", "")
        if asked:
            await self._open(asked)

    @rx.event
    @allow("user")
    async def refresh(self) -> None:
        """An order changed."""
        await self._read()
        if self.chosen:
            await self._open(self.chosen["id"], keep_receipt=True)

    @rx.event
    @allow("user")
    async def filter(self, only: str) -> None:
        """All orders, or those that still work."""
        if only in {"all", "open"}:
            self.only = only
            await self._read()

    @rx.event
    @allow("user")
    async def open(self, order_id: str) -> None:
        """Show one order's history and fills."""
        await self._open(order_id)

    @rx.event
    @allow("user")
    def close(self) -> None:
        """Back to the list."""
        self.chosen, self.receipt, self.lots = {}, {}, {}

    @rx.event
    @allow("trader")
    async def choose_lots(self, method: str) -> None:
        """Let what the order sells from today on take its lots that way; nothing: the account's way."""
        asked = self.lots.get("order", "")
        if not asked:
            return
        try:
            found = await choose_for_order(backends(), await caller_of(self), UUID(asked), method or None)
        except StarkMatterError as error:
            self.lots = {**self.lots, "problem": error.text}
            return
        self.lots = order_lots_row(found)

    @rx.event
    @allow("user")
    async def explain(self, fill_id: str) -> None:
        """Show the receipt of a fill."""
        try:
            fill = await get_fill(backends(), await caller_of(self), UUID(str(fill_id)))
        except (ValueError, StarkMatterError):
            self.problem = "There is no such fill."
            return
        self._show(fill)

    @rx.event
    @allow("trader")
    async def cancel(self, order_id: str) -> None:
        """Ask for an order back."""
        self.problem = await cancel_words(self, order_id)
        await self._read()

    @rx.event
    @allow("user")
    async def cancel_all(self) -> None:
        """Ask for every open order of the account back."""
        try:
            await cancel_all(backends(), await caller_of(self), await chosen_account(self))
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        await self._read()

    async def _read(self) -> None:
        try:
            found = await list_orders(
                backends(),
                await caller_of(self),
                await chosen_account(self),
                OPEN if self.only == "open" else None,
                200,
            )
            self.orders = [order_row(one) for one in found]
        except StarkMatterError as error:
            self.problem = error.text

    async def _open(self, order_id: str, *, keep_receipt: bool = False) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            key = UUID(str(order_id))
            events = await order_events(b, caller, key)
            fills = await list_fills(b, caller, order_id=key)
            found = [one for one in self.orders if one["id"] == str(key)]
            lots = await order_lots(b, caller, key)
        except (ValueError, StarkMatterError):
            self.problem = "There is no such order."
            return
        self.chosen = found[0] if found else {"id": str(key)}
        self.events = [
            {
                "sequence": str(one.sequence),
                "status": show.status_words(one.status),
                "at": show.exchange_time(one.venue_at),
                "reason": one.reason or "",
            }
            for one in events
        ]
        self.fills = [fill_row(one) for one in fills]
        self.lots = order_lots_row(lots) if lots.closes else {}
        if fills:
            frame = await self.get_state(FrameState)
            frame.saw_receipt = True
        if not keep_receipt:
            self.receipt = {}
        if len(fills) == 1 and not self.receipt:
            self._show(fills[0])

    def _show(self, fill: FillView) -> None:
        self.receipt, self.lines, self.fees = receipt_row(fill), receipt_lines(fill), fee_rows(fill)
        self.alternatives = alternative_rows(fill)


async def _values(caller: Caller, account_id: UUID, limit: int) -> list[EquityPoint]:
    """The stored values, and this moment's for an account that lives."""
    b = backends()
    points = await equity_series(b, caller, account_id, limit=limit)
    account = await get_account(b, caller, account_id)
    clock = await clock_or_none(b, account.venue)
    if clock is not None and not account.read_only and (not points or clock.venue_now > points[-1].at):
        points = [*points, EquityPoint(clock.venue_now, account.equity)]
    return points
