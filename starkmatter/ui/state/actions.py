"""What corporate actions did to the chosen account and its orders, as their page draws it."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

import reflex as rx

from starkmatter.backends import backends
from starkmatter.domain.money import to_micros
from starkmatter.errors import StarkMatterError
from starkmatter.trading.corporate.reading import (
    ActionView,
    OrderActionView,
    leave_as_it_is,
    list_actions,
    list_order_actions,
    problem_of,
)
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

SHOWN = 200
KIND_NAMES = {
    "split": "Split",
    "stock_dividend": "Stock dividend",
    "dividend": "Dividend",
    "symbol_change": "New symbol",
    "delisting": "Delisting",
    "spin_off": "Spin-off",
}


class ActionsState(rx.State):
    """The record before and after, what orders followed, and a problem that waits for somebody."""

    ready: bool = False
    actions: list[Row] = []
    orders: list[Row] = []
    waiting: str = ""
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read all of it."""
        try:
            await self._read(await chosen_account(self))
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True

    @rx.event
    @allow("trader")
    async def leave(self) -> None:
        """Let what waits not count for this account."""
        self.said = ""
        try:
            account_id = await chosen_account(self)
            await leave_as_it_is(backends(), await caller_of(self), account_id)
            await self._read(account_id)
        except StarkMatterError as error:
            self.problem = error.text
        else:
            self.problem, self.said = "", "What was booked stays as it is, and the account trades on."

    async def _read(self, account_id: UUID) -> None:
        caller = await caller_of(self)
        found = await list_actions(backends(), caller, account_id, limit=SHOWN)
        orders = await list_order_actions(backends(), caller, account_id, limit=SHOWN)
        self.waiting = await problem_of(backends(), caller, account_id)
        self.actions = [action_row(one) for one in found]
        self.orders = [order_row(one) for one in orders]


def action_row(one: ActionView) -> Row:
    """A line of the record; `what` is the change in figures, `state` says when it does not stand any more."""
    return {
        "id": str(one.id),
        "on": show.day(one.ex_on),
        "symbol": one.symbol,
        "kind": KIND_NAMES.get(one.kind, one.kind),
        "words": one.words,
        "what": "; ".join(figure_words(figures) for figures in one.figures),
        "state": "Taken back" if one.undone else "Takes back" if one.undoing else "",
        "booked": show.wall_time(one.booked_at),
    }


def figure_words(figures: Mapping[str, str]) -> str:
    """`AAPL 10 at 400.00 → 40 at 100.00`."""

    def side(when: str) -> str:
        qty, cost = Decimal(figures[f"qty_{when}"]), Decimal(figures[f"cost_basis_{when}"])
        return f"{show.quantity(qty)} at {show.money(to_micros(cost / qty))}" if qty else "none"

    return f"{figures['symbol']} {side('before')} → {side('after')}"


def order_row(one: OrderActionView) -> Row:
    """What an action made of an order."""
    before = one.before
    return {
        "id": f"{one.order_id}-{one.action_id}-{one.revision}",
        "order_id": str(one.order_id),
        "order": f"{str(before['side']).capitalize()} {before['symbol']}",
        "verb": "Ended" if one.verb == "cancel" else "Changed",
        "why": one.why,
        "booked": show.wall_time(one.booked_at),
    }
