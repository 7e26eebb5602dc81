"""Baskets of the chosen account: made from typed lines, looked at as one, and sent by one action."""

from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import UUID

import reflex as rx

from starkmatter.accounts.records import Caller
from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.trading.baskets.records import Basket, BasketReview, LineReview
from starkmatter.trading.baskets.reviewing import review_of
from starkmatter.trading.baskets.sending import send_basket
from starkmatter.trading.baskets.service import drop_basket, get_basket, list_baskets, make_basket, put_lines
from starkmatter.trading.baskets.text import read_lines, text_of
from starkmatter.trading.guarding.cautions import Unacknowledged
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState, chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

STATES = {"draft": "not sent", "waiting": "partly sent", "sent": "sent", "closed": "closed"}
SOURCES = {"person": "", "program": "by a program of ", "rebalance": "to rebalance, by "}
MAX_TEXT = 5_001
NO_CHOICE: Row = dict.fromkeys(
    (
        "id",
        "hash",
        "name",
        "state",
        "text",
        "outcome",
        "cost",
        "fees",
        "power",
        "after",
        "currency",
        "sums",
        "to_send",
        "cautions",
    ),
    "",
)


class BasketsState(rx.State):
    """`chosen` is the basket under review; `read`: its cautions were ticked off."""

    ready: bool = False
    baskets: list[Row] = []
    chosen: Row = NO_CHOICE
    lines: list[Row] = []
    notes: list[str] = []
    read: bool = False
    turn: int = 0
    sending: bool = False
    said: str = ""
    problem: str = ""
    _codes: dict[int, list[str]] = {}
    _seen: dict[int, Decimal] = {}

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read them; the address may name the one to look at."""
        self.said, self.problem, self.sending = "", "", False
        await self._show(str(self.router.url.query_parameters.get("basket", "")))
        self.ready = True

    @rx.event
    @allow("user")
    async def refresh(self) -> None:
        """Something happened to an order."""
        await self._show(self.chosen["id"])

    @rx.event
    @allow("user")
    async def choose(self, basket_id: str) -> None:
        """Look at this one."""
        self.said, self.problem = "", ""
        await self._show(basket_id)

    @rx.event
    @allow("user")
    async def leave(self) -> None:
        """Look at none."""
        self.said, self.problem = "", ""
        await self._show("")

    @rx.event
    @allow("user")
    def tick(self, read: bool) -> None:
        """The cautions were read, or not."""
        self.read = read

    @rx.event
    @allow("trader")
    async def make(self, form: dict[str, str]) -> None:
        """A new basket from typed lines; what was typed stays when it cannot be read."""
        b, caller = backends(), await caller_of(self)
        try:
            requests = read_lines(str(form.get("lines", ""))[:MAX_TEXT])
            made = await make_basket(b, caller, await chosen_account(self), str(form.get("name", ""))[:200], requests)
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
            return
        self.said, self.problem, self.turn = "Nothing is ordered yet: look at it below and send it.", "", self.turn + 1
        await self._show(str(made.head.id))

    @rx.event
    @allow("trader")
    async def change(self, form: dict[str, str]) -> None:
        """Other lines for the basket under review."""
        b, caller = backends(), await caller_of(self)
        try:
            requests = read_lines(str(form.get("lines", ""))[:MAX_TEXT])
            await put_lines(b, caller, _id(self.chosen["id"]), requests, self.chosen["hash"])
            self.said, self.problem = "Changed. Nothing is ordered yet.", ""
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
            return
        await self._show(self.chosen["id"])

    @rx.event
    @allow("trader")
    async def send(self) -> AsyncIterator[None]:
        """Send what is shown, with the cautions read if they were ticked off."""
        b, caller = backends(), await caller_of(self)
        read = self._codes if self.read else {}
        self.said, self.problem, self.sending = "", "", True
        yield
        try:
            done = await send_basket(b, caller, _id(self.chosen["id"]), self.chosen["hash"], read, self._seen)
            whole = done.state == "sent" and all(one.status not in {"risk_rejected", "rejected"} for one in done.lines)
            self.said, self.problem = (done.outcome, "") if whole else ("", done.outcome)
        except Unacknowledged as error:
            self.problem = f"Read this first. {error.text}"
        except StarkMatterError as error:
            self.problem = error.text
        self.sending = False
        await self._show(self.chosen["id"])
        await (await self.get_state(FrameState))._read_accounts(caller)

    @rx.event
    @allow("trader")
    async def drop(self) -> None:
        """Delete it, or close what was partly sent."""
        try:
            await drop_basket(backends(), await caller_of(self), _id(self.chosen["id"]))
            self.said, self.problem = "It is off the list.", ""
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
        await self._show("")

    async def _show(self, basket_id: str) -> None:
        b, caller = backends(), await caller_of(self)
        self.read, self._codes, self._seen = False, {}, {}
        try:
            account_id = await chosen_account(self)
            found = [one for one in await list_baskets(b, caller, account_id) if one.state != "closed"]
            self.baskets = [basket_row(one) for one in found]
            if not basket_id:
                self.chosen, self.lines, self.notes = NO_CHOICE, [], []
                return
            await self._review(caller, await get_basket(b, caller, _id(basket_id)))
        except StarkMatterError as error:
            self.problem = self.problem or error.text
            self.chosen, self.lines, self.notes = NO_CHOICE, [], []

    async def _review(self, caller: Caller, basket: Basket) -> None:
        if not (basket.head.may_send and caller.may_trade):
            self.chosen = chosen_row(basket, None)
            self.lines, self.notes = [line_row(LineReview(one, None, [])) for one in basket.lines], []
            return
        review = await review_of(backends(), caller, basket)
        self.chosen, self.notes = chosen_row(basket, review), review.notes
        self.lines = [line_row(one) for one in review.lines]
        self._seen = {
            one.line.place: one.preview.est_price
            for one in review.lines
            if one.preview is not None and one.preview.est_price is not None
        }
        self._codes = {
            one.line.place: [caution.code for caution in one.preview.cautions]
            for one in review.lines
            if one.preview is not None and one.preview.cautions
        }


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def basket_row(one: Basket) -> Row:
    """A line of the list."""
    return {
        "id": str(one.head.id),
        "name": one.head.name,
        "state": STATES[one.state],
        "orders": str(len(one.lines)),
        "by": f"{SOURCES[one.head.source]}{one.head.made_by_name}",
        "since": show.wall_time(one.head.created_at),
    }


def chosen_row(basket: Basket, review: BasketReview | None) -> Row:
    """The basket under review with its sums; without them for somebody who only looks."""
    row = NO_CHOICE | {
        "id": str(basket.head.id),
        "hash": basket.hash,
        "name": basket.head.name,
        "state": basket.state,
        "outcome": basket.outcome,
        "text": text_of([one.request for one in basket.lines]),
    }
    if review is None:
        return row
    going = [one for one in review.lines if one.preview is not None and not one.refusals]
    return row | {
        "cost": show.change(-review.est_cost),
        "fees": show.money(review.est_fees),
        "power": show.money(review.buying_power),
        "after": show.money(review.buying_power_after),
        "currency": review.currency,
        "sums": "" if review.buying_power is None else "yes",
        "to_send": str(len(going)) if going else "",
        "cautions": "yes" if any(one.preview and one.preview.cautions for one in going) else "",
    }


def line_row(one: LineReview) -> Row:
    """A line with its preview, or with what became of it."""
    line, seen = one.line, one.preview
    at = "at the market" if line.limit_price is None else f"at {show.price(line.symbol, line.limit_price)}"
    refused = line.reject_reason or ("" if line.sent else line.words)
    told = [*one.refusals] if seen is not None else [refused] if refused else []
    read = [] if seen is None else [*[caution.text for caution in seen.cautions], *seen.warnings]
    return {
        "place": str(line.place),
        "symbol": line.symbol,
        "ticket": f"{line.side.capitalize()} {show.quantity(line.qty)} {line.symbol}",
        "terms": f"{at}, {'until canceled' if line.time_in_force == 'gtc' else 'for the day'}",
        "price": show.price(line.symbol, seen.est_price if seen else line.avg_price),
        "cash": show.change(-seen.est_cost if seen and seen.est_cost is not None else None),
        "fees": show.money(seen.est_fees if seen else None),
        "realized": show.change(seen.realized_pl) if seen and seen.realized_pl is not None else "",
        "realized_dir": show.direction(seen.realized_pl if seen else None),
        "bad": " ".join(told),
        "warn": " ".join(read),
        "notes": " ".join(seen.notes) if seen else "",
        "state": line.status or "not sent",
        "order": str(line.order_id) if line.sent else "",
    }
