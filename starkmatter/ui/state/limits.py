"""Settings, Limits: the kill switch and the person's own rules."""

from decimal import Decimal, InvalidOperation
from uuid import UUID

import reflex as rx

from starkmatter.backends import backends
from starkmatter.domain.limits import LIMIT_KINDS, LimitKind
from starkmatter.errors import StarkMatterError
from starkmatter.trading.guarding.records import RuleView, Scope, Stop
from starkmatter.trading.guarding.rules import list_rules, set_rule, withdraw_loosening
from starkmatter.trading.guarding.stops import list_stops, turn_off, turn_on
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.live import LiveState
from starkmatter.ui.state.notices import NoticeState
from starkmatter.ui.state.reopened import is_reopened, note_said
from starkmatter.ui.state.rows import Row

NO_RULE: Row = {"value": "", "shown": "No limit", "set": "", "pending": "", "loosens": ""}
SCOPES: tuple[Scope, ...] = ("account", "mine", "everybody")


class LimitsState(rx.State):
    """What is on, what binds, and what of it loosens when. `scope`: rules of `all` accounts or of the one shown."""

    ready: bool = False
    stops: list[Row] = []
    rules: dict[str, Row] = dict.fromkeys(LIMIT_KINDS, NO_RULE)
    scope: str = "all"
    reducing: bool = False
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read both."""
        if not await is_reopened(self):
            self.said = self.problem = ""
        await self._read()
        self.ready = True

    @rx.event
    @allow("user")
    async def refresh(self) -> None:
        """Another account is shown."""
        await self._read()

    @rx.event
    @allow("user")
    async def choose_scope(self, scope: str) -> None:
        """Rules of all accounts, or of the one that is shown."""
        if scope in {"all", "account"}:
            self.scope, self.said = scope, ""
            await self._read()

    @rx.event
    @allow("user")
    def toggle_reducing(self) -> None:
        """Whether the next switch lets positions be reduced."""
        self.reducing = not self.reducing

    @rx.event
    @allow("user")
    async def stop(self, scope: str) -> None:
        """Turn a switch on: `account` (the one shown), `mine` or `everybody`."""
        chosen = next((one for one in SCOPES if one == scope), None)
        if chosen is None:
            return
        try:
            account_id = await self._shown() if chosen == "account" else None
            done = await turn_on(
                backends(), await caller_of(self), chosen, account_id=account_id, allows_reducing=self.reducing
            )
            orders = "No order was open." if not done.canceled else f"Open orders asked back: {done.canceled}."
            self.said, self.problem = f"It is on. {orders}", ""
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
        await self._read()

    @rx.event
    @allow("user", fresh=True)
    async def turn_off(self, stop_id: str) -> None:
        """Take orders again."""
        try:
            await turn_off(backends(), await caller_of(self), UUID(stop_id))
            self.said, self.problem = "It is off: orders are taken again.", ""
        except ValueError:
            self.problem = "There is no such switch."
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
        await note_said(self)
        await self._read()

    @rx.event
    @allow("user")
    async def put(self, kind: str, form: dict[str, str]) -> None:
        """Set a rule to what was typed; nothing typed ends it."""
        typed = str(form.get("value", "")).strip().replace(",", "")[:20]
        try:
            value = Decimal(typed) if typed else None
        except InvalidOperation:
            self.problem, self.said = "Type the figure in digits, such as 5 or 250.00.", ""
            return
        await self._change(kind, value)

    @rx.event
    @allow("user")
    async def end(self, kind: str) -> None:
        """End a rule, which waits its day."""
        await self._change(kind, None)

    @rx.event
    @allow("user")
    async def withdraw(self, kind: str) -> None:
        """Take back a loosening that waits."""
        try:
            account_id = await self._shown() if self.scope == "account" else None
            await withdraw_loosening(backends(), await caller_of(self), _kind(kind), account_id)
            self.said, self.problem = "Withdrawn: the rule stays as it is.", ""
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
        await self._read()

    async def _change(self, kind: str, value: Decimal | None) -> None:
        try:
            account_id = await self._shown() if self.scope == "account" else None
            rule = await set_rule(backends(), await caller_of(self), _kind(kind), value, account_id)
            waits = rule.pending and rule.loosens_at is not None
            until = show.wall_time(rule.loosens_at) if waits and rule.loosens_at else ""
            self.said = f"That is looser: it counts from {until} on, and not before." if waits else "It counts now."
            self.problem = ""
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
        await self._read()

    async def _shown(self) -> UUID:
        frame = await self.get_state(FrameState)
        return UUID(frame.account["id"]) if frame.account["id"] else UUID(int=0)

    async def _read(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            self.stops = [_stop_row(one, caller.user_id, caller.is_admin) for one in await list_stops(b, caller)]
            account_id = await self._shown() if self.scope == "account" else None
            found = [one for one in await list_rules(b, caller) if one.account_id == account_id]
            self.rules = dict.fromkeys(LIMIT_KINDS, NO_RULE) | {one.kind: _rule_row(one) for one in found}
        except StarkMatterError as error:
            self.problem = error.text
        await (await self.get_state(NoticeState))._read()
        await (await self.get_state(LiveState))._read()


def _kind(text: str) -> LimitKind:
    return next((kind for kind in LIMIT_KINDS if kind == text), text)  # type: ignore[return-value]


def _stop_row(one: Stop, user_id: UUID, is_admin: bool) -> Row:
    whom = {"account": one.account_name, "mine": "All accounts", "everybody": "Everybody"}[one.scope]
    mine = is_admin if one.scope == "everybody" else user_id in {one.user_id, one.account_owner}
    return {
        "id": str(one.id),
        "whom": f"{one.broker.capitalize()}: {whom}" if one.broker else whom,
        "takes": "Only what reduces a position" if one.allows_reducing else "No new orders",
        "by": one.set_by_name,
        "since": show.wall_time(one.set_at),
        "reason": one.reason,
        "mine": "yes" if mine else "",
    }


def _rule_row(one: RuleView) -> Row:
    value, pending = one.in_force, one.pending
    loosens = ""
    if pending and one.loosens_at is not None:
        loosens = f"{_figure(one.kind, one.loosens_to)} from {show.wall_time(one.loosens_at)}"
    return {
        "value": "" if value is None else show.plain_number(value.normalize()),
        "shown": _figure(one.kind, value),
        "set": "" if value is None else "yes",
        "pending": "yes" if pending else "",
        "loosens": loosens,
    }


def _figure(kind: LimitKind, value: Decimal | None) -> str:
    if value is None:
        return "No limit"
    match kind:
        case "no_averaging_down":
            return "On"
        case "position_pct":
            return f"{show.plain_number(value.normalize())} %"
        case "cooldown_mins":
            return f"{value:,.0f} min"
        case "trades_per_day":
            return f"{value:,.0f}"
        case _:
            return show.money(value)
