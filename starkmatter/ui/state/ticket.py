"""The ticket of the trade page: an order that is being written, its live preview, its review, and how it went."""

from contextlib import suppress
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from uuid import UUID, uuid4

import reflex as rx

from starkmatter.accounts.step_up import FactorNeeded
from starkmatter.assistant.proposals import open_proposal, ticket_hash, use_proposal
from starkmatter.backends import backends
from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import OPEN, OrderRequest
from starkmatter.errors import StarkMatterError, Unavailable
from starkmatter.portfolio.accounts import get_account
from starkmatter.trading.orders import get_order
from starkmatter.trading.preview import preview_order
from starkmatter.trading.replace import GROUP_STAYS, Terms, cancel_before_replacing, replace_order
from starkmatter.trading.submit import require_confirmed, submit_order
from starkmatter.ui import format as show
from starkmatter.ui.state import trade_rows as rows
from starkmatter.ui.state.cautions import CautionState
from starkmatter.ui.state.frame import FrameState, chosen_account, chosen_venue
from starkmatter.ui.state.guard import StepUpState, allow, caller_of
from starkmatter.ui.state.rows import NO_PREVIEW, Row
from starkmatter.ui.state.terms import (
    CHOSEN,
    KINDS,
    NOTHING_SAID,
    OTHER_TIMES,
    TIMES,
    TYPED,
    TermsState,
    by_money,
    figure_of,
    kind_of,
    request_of,
    said_of,
    side_of,
    size_words,
    time_words,
    type_words,
)
from starkmatter.ui.state.trade import TradeState

MAX_INPUT_CHARS = 24
PERCENTS = (25, 50, 75, 100)
SIDES = ("buy", "sell", "short")


class TicketState(rx.State):
    """The order that is being written, what it would do, and how it went."""

    symbol: str = ""
    side: str = "buy"
    kind: str = "market"
    qty: str = "10"
    limit: str = ""
    tif: str = "day"
    preview: Row = NO_PREVIEW
    refusals: list[str] = []
    warnings: list[str] = []
    review: bool = False
    sheet: bool = False
    sending: bool = False
    result: Row = {}
    proposal: Row = {}
    replaces: Row = {}
    _key: str = ""
    _account: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """After the page's symbol was read: a ticket for it, filled in where the address names a proposal."""
        shown = (await self.get_state(TradeState)).symbol_shown
        if shown:
            await self._start(shown)
            await self._fill_in(str(self.router.url.query_parameters.get("proposal", "")))

    @rx.event
    @allow("user")
    async def follow(self) -> None:
        """An order changed: say what became of the one that was sent, and estimate again."""
        if (await self.get_state(TradeState)).symbol_shown:
            await self._follow()
            await self._look()

    @rx.event
    @allow("user")
    async def choose(self, field: str, value: str) -> None:
        """One of the fixed choices of the ticket."""
        allowed = {"side": SIDES, "kind": [kind for kind, _ in KINDS], "tif": (*TIMES, "other")}
        if not self.review and value in allowed.get(field, ()):
            if value == "other":
                value = self.tif if self.tif in dict(OTHER_TIMES) else OTHER_TIMES[0][0]
            setattr(self, field, value)
            if field == "kind" and value == "limit" and not self.limit:
                with suppress(Unavailable):
                    self.limit = await rows.touch_text(await chosen_venue(self), self.symbol, self.side)
            await self._look()

    @rx.event
    @allow("user")
    async def write_qty(self, text: str) -> None:
        """The quantity, as typed; nothing changes while the order is under review."""
        if self.review:
            return
        self.qty = str(text)[:MAX_INPUT_CHARS]
        await self._look()

    @rx.event
    @allow("user")
    async def write_limit(self, text: str) -> None:
        """The limit price, as typed; nothing changes while the order is under review."""
        if self.review:
            return
        self.limit = str(text)[:MAX_INPUT_CHARS]
        await self._look()

    @rx.event
    @allow("user")
    async def say(self, field: str, text: str) -> None:
        """One of the terms that only some orders have, typed or chosen; nothing changes under review."""
        if self.review or not (field in TYPED or text in CHOSEN.get(field, ())):
            return
        terms = await self.get_state(TermsState)
        terms.said = {**terms.said, field: text[:MAX_INPUT_CHARS]}
        await self._look()

    @rx.event
    @allow("user")
    async def look(self) -> None:
        """The market moved: estimate again, with what the order would do now."""
        if not self.sending:
            await self._look()

    @rx.event
    @allow("user")
    async def take_percent(self, percent: int) -> None:
        """A part of the buying power, or of the shares held when selling."""
        if self.review or percent not in PERCENTS:
            return
        try:
            one, account_id = await self._request(qty=Decimal(1)), await chosen_account(self)
            qty = await rows.part_of(await caller_of(self), account_id, one, Decimal(percent) / 100)
        except StarkMatterError as error:
            self.refusals = [error.text]
            return
        terms = await self.get_state(TermsState)
        if by_money(self.kind, terms.said) and self.side == "buy":
            money = await rows.money_part_of(await caller_of(self), account_id, Decimal(percent) / 100)
            terms.said = {**terms.said, "amount": show.plain_number(money)}
        else:
            terms.said = {**terms.said, "by": "shares"}
            self.qty = str(max(qty, ZERO).to_integral_value(ROUND_DOWN))
        await self._look()

    @rx.event
    @allow("user")
    async def open_sheet(self, side: str) -> None:
        """On a phone the ticket comes up as a sheet."""
        if side in {"buy", "sell"}:
            self.side, self.sheet = side, True
            await self._look()

    @rx.event
    @allow("user")
    def close_sheet(self) -> None:
        """Put the sheet away."""
        self.sheet = self.review = False
        self.replaces = {}

    @rx.event
    @allow("trader")
    async def start_review(self, form: dict[str, str]) -> None:
        """Show exactly what will be sent. The key is made here, so sending twice cannot order twice.

        What stands in the fields counts, even when it was typed faster than the preview followed.
        """
        if self.review:
            return
        for field in ("qty", "limit"):
            if (text := form.get(field)) is not None:  # a field that is not shown comes as null
                setattr(self, field, text[:MAX_INPUT_CHARS])
        terms = await self.get_state(TermsState)
        terms.said = {**terms.said, **{name: form[name][:MAX_INPUT_CHARS] for name in TYPED if form.get(name)}}
        await self._look()
        if not self.refusals:
            self._key = await self._proposal_key() or f"ticket-{uuid4()}"
            self._account = str(await chosen_account(self))
            self.review, self.result = True, {}

    @rx.event
    @allow("trader")
    async def move_order(self, order_id: str, price: str) -> None:
        """A resting order's line was dragged: review the order that would take its place. Nothing is sent here."""
        if self.sending:
            return
        self.review, self.result, self.proposal, self.replaces, self.sheet = False, {}, {}, {}, True
        try:
            order = await get_order(backends(), await caller_of(self), UUID(order_id))
            moved = figure_of(str(price)[:MAX_INPUT_CHARS], "price")
        except (ValueError, StarkMatterError) as error:
            self.result = {"kind": "bad", "text": getattr(error, "text", "There is no such order.")}
            return
        field = rows.line_of(order)
        if order.symbol != self.symbol or field is None or order.status not in OPEN:
            self.result = {"kind": "bad", "text": "This order cannot be moved any more."}
            return
        account = await get_account(backends(), await caller_of(self), order.account_id)
        in_place = account.broker == "paper"
        if order.group_id is not None and not in_place:
            self.result = {"kind": "bad", "text": GROUP_STAYS}
            return
        terms = await self.get_state(TermsState)
        terms.said = said_of(replace(order, **{field: moved}))
        self.side, self.kind, self.tif = side_of(order), kind_of(order.type), order.time_in_force
        self.qty = show.plain_number((order.qty - order.filled_qty).normalize())
        self.limit = show.plain_number(moved.normalize()) if field == "limit_price" else ""
        await self._look(in_place=in_place)
        if not self.refusals:
            self._key, self._account = f"replace-{uuid4()}", str(order.account_id)
            self.review = True
            self.replaces = rows.replaced_row(order, field, moved, in_place=in_place)
            (await self.get_state(CautionState))._drop("duplicate")  # it is canceled first

    @rx.event
    @allow("user")
    def end_review(self) -> None:
        """Back to the ticket; nothing was sent."""
        self.review = False
        self.replaces = {}

    @rx.event
    @allow("trader")
    async def send(self):
        """Send what the review shows."""
        if not self.review or not self._key:
            return
        self.sending = True
        yield
        b, caller = backends(), await caller_of(self)
        if str(await chosen_account(self)) != self._account:
            self.sending = self.review = False
            words = "Another account is shown now than the one you reviewed the order for. Nothing was sent."
            self.replaces, self.result = {}, {"kind": "bad", "text": words}
            return
        if self.proposal.get("key") == self._key:
            try:
                await open_proposal(b, caller, UUID(self.proposal["id"]))
            except StarkMatterError as error:
                self.sending = self.review = False
                self.proposal, self.result = {}, {"kind": "bad", "text": error.text}
                return
        if self.replaces.get("in_place") == "yes":
            await self._change()
            return
        try:
            account_id, request = UUID(self._account), await self._request()
            await require_confirmed(b, caller, account_id, request, self._key)
        except FactorNeeded as needed:
            self.sending, self.result = False, {}
            step_up = await self.get_state(StepUpState)
            step_up._wait_for_factor(f"{self.get_full_name()}.send", {}, needed.text)
            return
        except StarkMatterError as error:
            self.sending, self.result = False, {"kind": "bad", "text": f"{error.text} Nothing was sent."}
            return
        try:
            if self.replaces:
                await cancel_before_replacing(b, caller, UUID(self.replaces["id"]), Decimal(self.replaces["filled"]))
        except StarkMatterError as error:
            self.sending = self.review = False
            self.replaces, self.result = {}, {"kind": "bad", "text": error.text}
            return
        try:
            read = (await self.get_state(CautionState))._codes()
            order = await submit_order(b, caller, account_id, request, self._key, acknowledged=read)
            if self.proposal:
                await use_proposal(b, caller, UUID(self.proposal["id"]), order)
        except StarkMatterError as error:
            self.sending = False
            self.result = {"kind": "bad", "text": f"{error.text} Nothing was ordered twice; you can send it again."}
            await self._look()
            return
        self.sending = self.review = False
        self._key, self.proposal, self.replaces = "", {}, {}
        if order.status == "risk_rejected":
            self.result = {"kind": "bad", "text": order.reject_reason or "The order was refused."}
        else:
            self.sheet = False
            self.result = {"kind": "good", "text": f"{rows.name_of(order)}: order taken.", "order_id": str(order.id)}
            # The next order has no target, stop or condition that nobody asked for.
            terms = await self.get_state(TermsState)
            terms.said = {**NOTHING_SAID, "by": terms.said["by"], "trail_in": terms.said["trail_in"]}
        trade = await self.get_state(TradeState)
        await trade._read_own()
        await self._look()

    async def _change(self) -> None:
        """Carry out the change of a resting order in its place."""
        terms = Terms(**{self.replaces["field"]: Decimal(self.replaces["price"])})
        try:
            order = await replace_order(backends(), await caller_of(self), UUID(self.replaces["id"]), terms)
        except StarkMatterError as error:
            self.result = {"kind": "bad", "text": error.text}
        else:
            self.sheet = False
            self.result = {"kind": "good", "text": f"{rows.name_of(order)}: changed.", "order_id": str(order.id)}
        self.sending = self.review = False
        self._key, self.replaces = "", {}
        trade = await self.get_state(TradeState)
        await trade._read_own()
        await self._look()

    async def _follow(self) -> None:
        """Say what became of the order that was sent last."""
        order_id = self.result.get("order_id")
        if not order_id:
            return
        try:
            order = await get_order(backends(), await caller_of(self), UUID(order_id))
        except StarkMatterError:
            return
        self.result |= rows.outcome_row(order)

    async def _start(self, symbol: str) -> None:
        frame = await self.get_state(FrameState)
        if self.side == "short" and frame.account["kind"] != "margin":
            self.side = "sell"
        if symbol != self.symbol:
            self.symbol, self.limit, self.kind, self.result = symbol, "", "market", {}
            self.review, self.replaces, self.tif = False, {}, "day"
            (await self.get_state(TermsState)).said = dict(NOTHING_SAID)
        await self._look()

    async def _fill_in(self, asked: str) -> None:
        """Take over a ticket that the analyst filled in; what stands in it comes from the server, by its id."""
        if self.review and self.proposal.get("id") == asked:
            return  # a step-up opened the socket anew: what is under review goes on
        self.proposal = {}
        if not asked or not self.symbol:
            return
        try:
            found = await open_proposal(backends(), await caller_of(self), UUID(asked))
        except ValueError:
            return
        except StarkMatterError as error:
            self.result = {"kind": "bad", "text": error.text}
            return
        frame = await self.get_state(FrameState)
        if found.symbol != self.symbol or not await frame._choose(str(found.account_id)):
            return
        self.review, self.result, self.sheet, self.replaces = False, {}, True, {}
        self.side, self.kind, self.tif = found.side, found.type, found.time_in_force
        self.qty = show.plain_number(found.qty.normalize())
        self.limit = show.plain_number(found.limit_price.normalize()) if found.limit_price is not None else ""
        (await self.get_state(TermsState)).said = dict(NOTHING_SAID)
        key = f"proposal-{found.id}"
        self.proposal = {"id": str(found.id), "why": found.why, "hash": found.ticket_hash, "key": key}
        await self._look()

    async def _proposal_key(self) -> str:
        """The proposal's own key while the ticket is exactly what was proposed: taken twice, it orders once."""
        if not self.proposal:
            return ""
        same = ticket_hash(await chosen_account(self), await self._request()) == self.proposal["hash"]
        return self.proposal["key"] if same else ""

    async def _request(self, qty: Decimal | None = None) -> OrderRequest:
        """The order as written; InvalidInput says which figure cannot be read."""
        said = (await self.get_state(TermsState)).said
        return request_of(
            self.symbol, self.side, self.kind, self.qty if qty is None else qty, self.limit, self.tif, said
        )

    async def _look(self, *, in_place: bool = False) -> None:
        """What the order as written would do. `in_place`: a resting order's money and shares are set aside already."""
        if not self.symbol:
            return
        terms = await self.get_state(TermsState)
        try:
            request = await self._request()
            seen = await preview_order(
                backends(), await caller_of(self), await chosen_account(self), request, in_place=in_place
            )
        except StarkMatterError as error:
            self.preview, self.refusals, self.warnings, terms.notes = NO_PREVIEW, [error.text], [], []
            (await self.get_state(CautionState))._show([])
            return
        self.preview = rows.preview_row(seen) | {
            "size": size_words(request),
            "type": type_words(request),
            "time": time_words(request),
        }
        self.refusals, self.warnings, terms.notes = seen.refusals, seen.warnings, seen.notes
        (await self.get_state(CautionState))._show(seen.cautions)
