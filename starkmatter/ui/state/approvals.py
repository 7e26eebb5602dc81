"""Proposed orders that wait for a decision, and those that were decided about."""

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from uuid import UUID

import reflex as rx

from starkmatter.accounts.step_up import FactorNeeded
from starkmatter.backends import backends
from starkmatter.clock import utc_now
from starkmatter.domain.orders import OrderRequest
from starkmatter.errors import StarkMatterError
from starkmatter.trading.approvals.records import ApprovalView
from starkmatter.trading.approvals.service import (
    confirm,
    decline,
    get_approval,
    list_approvals,
    propose,
    set_drift,
)
from starkmatter.trading.guarding.cautions import Unacknowledged
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState, chosen_account
from starkmatter.ui.state.guard import StepUpState, allow, caller_of
from starkmatter.ui.state.notices import NoticeState
from starkmatter.ui.state.reopened import is_reopened, note_said
from starkmatter.ui.state.rows import Row

SOURCES = {"person": "", "program": "by a program of ", "assistant": "by the analyst, sent by "}
MAX_INPUT = 24
MAX_TEXT = 1_000


class ApprovalsState(rx.State):
    """`asked` is the proposal whose warnings have to be read before it is confirmed."""

    ready: bool = False
    waiting: list[Row] = []
    decided: list[Row] = []
    asked: Row = {}
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read them."""
        if not await is_reopened(self):
            self.said, self.problem, self.asked = "", "", {}
        await self._read()
        self.ready = True

    @rx.event
    @allow("user")
    async def refresh(self) -> None:
        """Something changed."""
        await self._read()

    @rx.event
    @allow("trader", fresh=True)
    async def confirm(self, approval_id: str, ticket_hash: str) -> None:
        """Order exactly what is shown."""
        await self._confirm(approval_id, ticket_hash, [])

    @rx.event
    @allow("trader", fresh=True)
    async def confirm_read(self) -> None:
        """The same, with the warnings that are shown read."""
        if self.asked:
            await self._confirm(self.asked["id"], self.asked["hash"], self.asked["codes"].split())

    @rx.event
    @allow("user")
    def leave(self) -> None:
        """Not now."""
        self.asked = {}

    @rx.event
    @allow("user")
    async def decline(self, approval_id: str, ticket_hash: str) -> None:
        """Say no, or withdraw one's own."""
        await self._do(decline(backends(), await caller_of(self), _id(approval_id), ticket_hash), "It is off the list.")

    @rx.event
    @allow("user")
    async def propose(self, form: dict[str, str]) -> None:
        """Put an order before those who trade on the account that is shown."""
        try:
            request = _request(form)
        except (InvalidOperation, ValueError):
            self.said, self.problem = "", "Give quantity and limit as figures, such as 10 or 99.50."
            return
        account_id = await chosen_account(self)
        reasons = {name: str(form.get(name, ""))[: MAX_TEXT + 1] for name in ("thesis", "invalidation")}
        hours = str(form.get("hours", "24"))
        lives = timedelta(hours=int(hours) if hours.isascii() and hours.isdecimal() and len(hours) < 4 else 24)
        asked = propose(backends(), await caller_of(self), account_id, request, lives=lives, **reasons)
        await self._do(asked, "Proposed. Nothing is ordered before somebody confirms it.")

    @rx.event
    @allow("trader")
    async def choose_drift(self, form: dict[str, str]) -> None:
        """How far the price may move until somebody confirms."""
        try:
            drift = Decimal(str(form.get("drift", ""))[:MAX_INPUT])
        except InvalidOperation:
            self.said, self.problem = "", "Give the percentage as a figure, such as 1 or 0.5."
            return
        await self._do(set_drift(backends(), await caller_of(self), await chosen_account(self), drift), "Saved.")

    async def _confirm(self, approval_id: str, ticket_hash: str, codes: list[str]) -> None:
        b, caller = backends(), await caller_of(self)
        asked, shown = {"approval_id": approval_id, "ticket_hash": ticket_hash}, self.asked
        self.asked = {}
        try:
            order = await confirm(b, caller, _id(approval_id), ticket_hash, acknowledged=codes)
            refused = order.reject_reason or ""
            words = f"{order.side.capitalize()} {show.quantity(order.qty)} {order.symbol}"
            self.said = "" if refused else f"{words}: order taken."
            self.problem = refused
        except FactorNeeded as needed:
            name, payload = ("confirm_read", {}) if codes else ("confirm", asked)
            if codes:
                self.asked = shown
            step_up = await self.get_state(StepUpState)
            step_up._wait_for_factor(f"{self.get_full_name()}.{name}", payload, needed.text)
        except Unacknowledged as error:
            told = error.details["warnings"]
            assert isinstance(told, list)
            found = await get_approval(b, caller, _id(approval_id))
            self.said, self.problem = "", ""
            self.asked = _row(found, caller.user_id) | {
                "codes": " ".join(one["code"] for one in told),
                "text": error.text,
            }
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
        await note_said(self)
        await self._read()

    async def _do(self, action, words: str) -> None:
        try:
            await action
            self.said, self.problem = words, ""
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
        await self._read()

    async def _read(self) -> None:
        caller = await caller_of(self)
        try:
            found = await list_approvals(backends(), caller)
        except StarkMatterError as error:
            self.problem = error.text
            return
        now = utc_now()
        self.waiting = [_row(one, caller.user_id) for one in found if one.state_at(now) == "waiting"]
        self.decided = [_row(one, caller.user_id) for one in found if one.state_at(now) != "waiting"]
        await (await self.get_state(NoticeState))._read()
        await (await self.get_state(FrameState))._read_accounts(caller)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _request(form: dict[str, str]) -> OrderRequest:
    typed = {name: str(form.get(name, "")).strip().replace(",", "")[:MAX_INPUT] for name in ("qty", "limit")}
    qty, limit = Decimal(typed["qty"]), Decimal(typed["limit"]) if typed["limit"] else None
    if not qty.is_finite() or (limit is not None and not limit.is_finite()):
        raise ValueError
    return OrderRequest(
        symbol=str(form.get("symbol", "")).strip().upper()[:20],
        side="sell" if form.get("side") == "sell" else "buy",
        type="market" if limit is None else "limit",
        qty=qty,
        time_in_force="gtc" if form.get("tif") == "gtc" else "day",
        limit_price=limit,
    )


def _row(one: ApprovalView, user_id: UUID) -> Row:
    price = "at the market" if one.limit_price is None else f"at {show.money(one.limit_price)}"
    return {
        "id": str(one.id),
        "hash": one.ticket_hash,
        "ticket": f"{one.side.capitalize()} {show.quantity(one.qty)} {one.symbol} {price}",
        "symbol": one.symbol,
        "tif": "until canceled" if one.time_in_force == "gtc" else "for the day",
        "account": one.account_name,
        "by": f"{SOURCES[one.source]}{one.proposed_by_name}",
        "thesis": one.thesis,
        "invalidation": one.invalidation,
        "reference": show.money(one.reference_price),
        "drift": f"{show.plain_number(one.drift_pct.normalize())} %",
        "since": show.wall_time(one.created_at),
        "until": show.wall_time(one.expires_at),
        "state": one.state_at(utc_now()),
        "decided": one.decided_by_name,
        "order": str(one.order_id) if one.order_id else "",
        "confirms": "yes" if one.may_confirm else "",
        "mine": "yes" if one.proposed_by == user_id else "",
    }
