"""The page that looks for weights: what is asked of the worker, what it found, and making that the targets."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import reflex as rx

from starkmatter.backends import backends
from starkmatter.errors import InvalidInput, NotFound, StarkMatterError
from starkmatter.market.watchlists.service import list_watchlists
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.optimizing.records import Estimate, Goal, GroupBy, Optimization, OptimizingWish
from starkmatter.portfolio.optimizing.service import (
    CAUTION,
    ask_optimization,
    get_optimization,
    list_optimizations,
    take_as_targets,
)
from starkmatter.portfolio.optimizing.text import read_bounds
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

MAX_INPUT, MAX_TEXT = 40, 2_001
GOAL_NAMES: dict[Goal, str] = {
    "least_risk": "Least risk",
    "equal_risk": "Equal risk",
    "best_ratio": "Best return for its risk",
}
STATES = {"waiting": "Waits for the worker …", "running": "Being worked on …", "done": "Done", "failed": "No weights"}
NOTHING: Row = dict.fromkeys(
    (
        "id", "goal", "state", "stage", "words", "window", "return_now", "return_new", "volatility_now",
        "volatility_new", "sharpe_now", "sharpe_new", "cash", "note",
    ),
    "",
)  # fmt: skip


class OptimizingState(rx.State):
    """One question at a time is looked at; former ones can be looked at again."""

    ready: bool = False
    moving: bool = False
    lists: list[Row] = []
    current: Row = NOTHING
    parts: list[Row] = []
    history: list[Row] = []
    caution: str = CAUTION
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """The newest question of the account, and the person's lists."""
        self.problem, self.current, self.parts, self.moving = "", NOTHING, [], False
        await self._read(newest=True)
        self.ready = True

    @rx.event
    @allow("trader")
    async def ask(self, form: dict[str, Any]) -> None:
        """Have weights looked for."""
        try:
            wish = wish_of(form)
            asked = await ask_optimization(backends(), await caller_of(self), await chosen_account(self), wish)
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.problem = ""
        self._show(asked)
        await self._read()

    @rx.event
    @allow("user")
    async def look(self) -> None:
        """Look again while the worker has it."""
        if not self.moving:
            return
        await self._open(self.current["id"])
        if not self.moving:
            await self._read()

    @rx.event
    @allow("user")
    async def open(self, optimization_id: str) -> None:
        """Look at a former one."""
        self.problem = ""
        await self._open(optimization_id)

    @rx.event
    @allow("trader")
    async def take(self):
        """Make the weights the account's targets and go where trades are proposed from them."""
        try:
            await take_as_targets(backends(), await caller_of(self), _id_of(self.current["id"]))
        except StarkMatterError as error:
            self.problem = error.text
            return None
        return rx.redirect("/portfolio/allocation")

    async def _open(self, optimization_id: str) -> None:
        try:
            self._show(await get_optimization(backends(), await caller_of(self), _id_of(optimization_id)))
        except StarkMatterError as error:
            self.problem, self.moving = error.text, False

    async def _read(self, *, newest: bool = False) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            account = await get_account(b, caller, await chosen_account(self))
            found = await list_optimizations(b, caller, account.id)
            self.history = [history_row(one) for one in found]
            lists = await list_watchlists(b.db, caller.user_id, account.venue)
            self.lists = [{"id": str(one.id), "name": f"{one.name} ({len(one.symbols)})"} for one in lists]
        except StarkMatterError as error:
            self.problem = error.text
            return
        if newest and found:
            self._show(found[0])

    def _show(self, one: Optimization) -> None:
        self.current, self.parts, self.moving = current_row(one), part_rows(one), one.is_moving


def wish_of(form: Mapping[str, Any]) -> OptimizingWish:
    """What the form asks for; InvalidInput for what is no figure."""
    typed = {name: str(form.get(name, ""))[:MAX_INPUT].strip() for name in form}
    goal: Goal | None = next((one for one in GOAL_NAMES if one == typed.get("goal")), None)
    if goal is None:
        raise InvalidInput("Choose what the weights are to be good for.")
    by: GroupBy = "sector" if typed.get("by") == "sector" else "class" if typed.get("by") == "class" else ""
    days = typed.get("days", "")
    if not re.fullmatch(r"\d{1,4}", days, re.ASCII):
        raise InvalidInput("Days to look back on: give a whole number, such as 504.")
    of = typed.get("of", "")
    return OptimizingWish(
        goal=goal,
        watchlist_id=_id_of(of) if of else None,
        days=int(days),
        least_pct=_percent(typed.get("least", ""), "Each at least", "0"),
        most_pct=_percent(typed.get("most", ""), "Each at most", "100"),
        by=by,
        bounds=read_bounds(str(form.get("bounds", ""))[:MAX_TEXT]) if by else (),
        cash_pct=_percent(typed.get("cash", ""), "Cash", "0"),
        risk_free=_percent(typed.get("free", ""), "Risk-free rate", "0") / 100,
    )


def _percent(typed: str, what: str, default: str) -> Decimal:
    text = typed.removesuffix("%").strip() or default
    if not re.fullmatch(r"\d{1,3}(\.\d{1,4})?", text, re.ASCII):
        raise InvalidInput(f"{what}: give a percentage as a figure, such as 5 or 2.5.")
    return Decimal(text)


def _id_of(text: str) -> UUID:
    try:
        return UUID(text[:MAX_INPUT])
    except ValueError:
        raise NotFound("There is no such thing here.") from None


def history_row(one: Optimization) -> Row:
    """One of the former ones."""
    return {
        "id": str(one.id),
        "goal": GOAL_NAMES[one.wish.goal],
        "state": STATES[one.state],
        "at": show.day(one.created_at),
    }


def current_row(one: Optimization) -> Row:
    """The one that is looked at. `stage` says which part of the page it is in: moving, done, failed."""
    row = NOTHING | {
        "id": str(one.id),
        "goal": GOAL_NAMES[one.wish.goal],
        "state": STATES[one.state],
        "stage": "moving" if one.is_moving else one.state,
        "words": one.words,
        "note": " ".join(one.notes),
        "cash": f"{show.money(one.wish.cash_pct, 2)} %" if one.wish.cash_pct else "",
    }
    found = one.found
    if found is None:
        return row
    row["window"] = f"{found.days:,} days, {found.first_on:%Y-%m-%d} to {found.last_on:%Y-%m-%d}"
    for name, estimate in (("now", found.now), ("new", found.proposed)):
        row |= {
            f"return_{name}": _ratio(None if estimate is None else estimate.expected_return, sign=True),
            f"volatility_{name}": _ratio(None if estimate is None else estimate.volatility),
            f"sharpe_{name}": _sharpe(estimate),
        }
    return row


def _ratio(value: Decimal | None, *, sign: bool = False) -> str:
    if value is None:
        return show.NOTHING
    return f"{show.change(value * 100) if sign else show.money(value * 100)} %"


def _sharpe(one: Estimate | None) -> str:
    return show.NOTHING if one is None or one.sharpe is None else show.change(one.sharpe)


def part_rows(one: Optimization) -> list[Row]:
    """Each symbol, the largest share first."""
    found = one.found
    return [
        {
            "symbol": part.symbol,
            "group": part.group,
            "now": show.NOTHING if part.now_pct is None else f"{show.money(part.now_pct)} %",
            "proposed": f"{show.money(part.proposed_pct)} %",
            "change": show.NOTHING if part.now_pct is None else show.change(part.proposed_pct - part.now_pct),
            "risk": f"{show.money(part.risk_pct)} %",
            "width": f"{part.proposed_pct:.2f}%",
        }
        for part in ([] if found is None else found.parts)
    ]
