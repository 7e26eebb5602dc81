"""Open tax lots and a year's realized gains of the chosen account, as their pages draw them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import get_args

import reflex as rx

from starkmatter.backends import backends
from starkmatter.domain.lots import LotPick
from starkmatter.domain.tax_report import TaxLine, TaxTotals
from starkmatter.errors import StarkMatterError
from starkmatter.portfolio.lots.picking import pick_lots, sale_lots
from starkmatter.portfolio.lots.records import (
    AccountMethod,
    Gains,
    LotChoice,
    LotView,
    MethodChoice,
    OpenLots,
    OrderLots,
    OrderMethod,
    Sale,
    SaleLots,
)
from starkmatter.portfolio.lots.service import choose_method, open_lots, realized_gains
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

METHOD_NAMES: dict[AccountMethod, str] = {
    "fifo": "First in, first out",
    "lifo": "Last in, first out",
    "hifo": "Highest cost first",
    "average": "Average cost",
}
METHOD_MEANS: dict[AccountMethod, str] = {
    "fifo": "A sale takes the oldest shares. What US tax law takes for granted when nothing else was said.",
    "lifo": "A sale takes the newest shares.",
    "hifo": "A sale takes the shares that cost most, so that the least gain shows now.",
    "average": "Every share costs the average of all that are held; the oldest go.",
}
ORDER_METHODS: tuple[OrderMethod, ...] = get_args(OrderMethod)
OF_ITS_DAY = "Can be chosen until the day of its last sale ends; single lots are picked under Realized gains."
UNKNOWN_DAY = "Not known"
SHOWN_LOTS, SHOWN_LINES = 500, 500
QTY_CHARS = 30
NO_LOTS: Row = dict.fromkeys(("cost", "value", "pl", "short_pl", "long_pl"), show.NOTHING) | dict.fromkeys(
    ("pl_dir", "short_dir", "long_dir", "method", "method_name", "may_choose", "csv", "more", "on"), ""
)
NO_GAINS: Row = dict.fromkeys(("short", "long", "total", "washed", "proceeds", "cost"), show.NOTHING) | dict.fromkeys(
    ("short_dir", "long_dir", "total_dir", "year", "method_name", "csv", "pdf", "more", "has_washed"), ""
)


NO_PICKING: Row = dict.fromkeys(("entry", "title", "method", "problem"), "")


class LotsState(rx.State):
    """What is open, and how the next sale finds its lots."""

    ready: bool = False
    figures: Row = NO_LOTS
    lots: list[Row] = []
    changes: list[Row] = []
    notes: list[str] = []
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read the lots of the chosen account."""
        self.said = ""
        await self._read()
        self.ready = True

    @rx.event
    @allow("trader")
    async def choose(self, method: str) -> None:
        """Let sales from now on find their lots another way."""
        try:
            chosen = await choose_method(backends(), await caller_of(self), await chosen_account(self), method)
            said = f"From now on: {METHOD_NAMES[chosen].lower()}. What was sold before keeps its lots."
        except StarkMatterError as error:
            self.problem, self.said = error.text, ""
            return
        await self._read()
        self.said = said

    async def _read(self) -> None:
        try:
            found = await open_lots(backends(), await caller_of(self), await chosen_account(self))
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.figures = lots_row(found)
        self.lots = [lot_row(one) for one in found.lots[:SHOWN_LOTS]]
        self.changes = [change_row(one) for one in reversed(found.changes)]
        self.notes, self.problem = found.notes, ""


class GainsState(rx.State):
    """One year's sales as the tax office asks for them."""

    ready: bool = False
    asked: str = ""
    years: list[str] = []
    figures: Row = NO_GAINS
    lines: list[Row] = []
    sales: list[Row] = []
    picking: Row = NO_PICKING
    choices: list[Row] = []
    notes: list[str] = []
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """The present year, or the one that was chosen before."""
        await self._read()
        self.ready = True

    @rx.event
    @allow("user")
    async def choose_year(self, year: str) -> None:
        """Another year of those with sales."""
        if year in self.years:
            self.asked = year
            await self._read()

    @rx.event
    @allow("user")
    async def choose_lots(self, entry: str) -> None:
        """Show which lots a sale of today may take and takes now."""
        if entry in {row["entry"] for row in self.sales}:
            await self._show_sale(int(entry))

    @rx.event
    @allow("user")
    def leave_lots(self) -> None:
        """Back to the year."""
        self.picking, self.choices = NO_PICKING, []

    @rx.event
    @allow("trader")
    async def take_lots(self, form: dict[str, str]) -> None:
        """Let the sale take the quantities that were typed, by lot."""
        try:
            picks = picks_of(form, [row["lot"] for row in self.choices])
        except InvalidOperation:
            self.picking = {**self.picking, "problem": "Give each quantity as a number, such as 2.5."}
            return
        await self._take(picks)

    @rx.event
    @allow("trader")
    async def take_by_method(self) -> None:
        """Let the sale take the lots of the account's method again."""
        await self._take([])

    async def _take(self, picks: list[LotPick]) -> None:
        entry = self.picking["entry"]
        if not entry:
            return
        try:
            await pick_lots(backends(), await caller_of(self), await chosen_account(self), int(entry), picks)
        except StarkMatterError as error:
            self.picking = {**self.picking, "problem": error.text}
            return
        self.picking, self.choices = NO_PICKING, []
        await self._read()

    async def _show_sale(self, entry: int) -> None:
        try:
            found = await sale_lots(backends(), await caller_of(self), await chosen_account(self), entry)
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.picking, self.choices = picking_row(found), [choice_row(one) for one in found.lots]

    async def _read(self) -> None:
        try:
            asked = int(self.asked) if self.asked else None
            found = await realized_gains(backends(), await caller_of(self), await chosen_account(self), asked)
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.asked = str(found.year)
        self.years = [str(year) for year in sorted({*found.years, found.year}, reverse=True)]
        self.figures = gains_row(found)
        self.lines = [line_row(one) for one in found.lines[:SHOWN_LINES]]
        self.sales = [sale_row(one) for one in found.sales if one.may_pick]
        self.notes, self.problem = found.notes, ""


def order_lots_row(found: OrderLots) -> Row:
    """How one order finds its lots."""
    account = METHOD_NAMES[found.account_method].lower()
    own = METHOD_NAMES[found.chosen] if found.chosen else ""
    return {
        "order": str(found.order_id),
        "chosen": found.chosen or "",
        "by_account": f"As the account: {account}",
        "by": f"{own}, for this order alone." if own else f"As the account: {account}.",
        "may_choose": "yes" if found.may_choose else "",
        "note": OF_ITS_DAY if found.may_choose else found.why_not,
        "problem": "",
    }


def lots_row(found: OpenLots) -> Row:
    """The head of the page of lots: sums, also by the term of a sale today."""
    of_term = {
        term: sum((one.unrealized_pl for one in found.lots if one.term == term), start=found.cost * 0)
        for term in ("short", "long")
    }
    return NO_LOTS | {
        "cost": show.money(found.cost),
        "value": show.money(found.market_value),
        "pl": show.change(found.unrealized_pl),
        "pl_dir": show.direction(found.unrealized_pl),
        "short_pl": show.change(of_term["short"]),
        "short_dir": show.direction(of_term["short"]),
        "long_pl": show.change(of_term["long"]),
        "long_dir": show.direction(of_term["long"]),
        "method": found.method,
        "method_name": METHOD_NAMES[found.method],
        "may_choose": "yes" if found.may_choose else "",
        "csv": f"/api/v1/portfolio/lots.csv?account_id={found.account_id}",
        "more": _more(len(found.lots), SHOWN_LOTS, "lots"),
        "on": show.day(found.on),
    }


def lot_row(one: LotView) -> Row:
    """A line of the table of lots."""
    return {
        "symbol": one.symbol,
        "acquired": show.day(one.acquired_on) if one.acquired_on else UNKNOWN_DAY,
        "held_since": show.day(one.held_since) if one.acquired_on not in (None, one.held_since) else "",
        "term": "Long" if one.term == "long" else "Short",
        "turns": _turns(one),
        "qty": show.quantity(one.qty),
        "unit_cost": show.money(one.unit_cost),
        "cost": show.money(one.cost),
        "value": show.money(one.market_value),
        "pl": show.change(one.unrealized_pl),
        "pl_dir": show.direction(one.unrealized_pl),
        "washed": show.money(one.washed) if one.washed else "",
    }


def change_row(one: MethodChoice) -> Row:
    """A change of method, in the account's own time."""
    return {"at": show.exchange_time(one.venue_at)[: -len(":00")], "method": METHOD_NAMES[one.method]}


def gains_row(found: Gains) -> Row:
    """The head of the page of gains."""
    total = found.short.gain + found.long.gain
    return NO_GAINS | {
        "year": str(found.year),
        "short": show.change(found.short.gain),
        "short_dir": show.direction(found.short.gain),
        "long": show.change(found.long.gain),
        "long_dir": show.direction(found.long.gain),
        "total": show.change(total),
        "total_dir": show.direction(total),
        "washed": show.money(found.disallowed),
        "has_washed": "yes" if found.disallowed else "",
        "proceeds": show.money(_both(found.short, found.long, "proceeds")),
        "cost": show.money(_both(found.short, found.long, "cost")),
        "method_name": METHOD_NAMES[found.method],
        "csv": f"/api/v1/portfolio/gains.csv?account_id={found.account_id}&year={found.year}",
        "pdf": f"/api/v1/portfolio/gains.pdf?account_id={found.account_id}&year={found.year}",
        "more": _more(len(found.lines), SHOWN_LINES, "lines"),
    }


def line_row(one: TaxLine) -> Row:
    """A line of Form 8949."""
    return {
        "description": one.description,
        "acquired": show.day(one.acquired_on) if one.acquired_on else UNKNOWN_DAY,
        "sold": show.day(one.sold_on),
        "term": "Long" if one.term == "long" else "Short",
        "proceeds": show.money(one.proceeds),
        "cost": show.money(one.cost),
        "code": one.code,
        "adjustment": show.money(one.adjustment) if one.code else "",
        "gain": show.change(one.gain),
        "gain_dir": show.direction(one.gain),
    }


def _both(short: TaxTotals, long: TaxTotals, name: str):
    return getattr(short, name) + getattr(long, name)


def _turns(one: LotView) -> str:
    if one.term == "long" or one.long_term_on is None:
        return ""
    return f"long from {show.day(one.long_term_on)}"


def _more(count: int, shown: int, what: str) -> str:
    return f"The first {shown} of {count:,} {what}; the CSV has all of them." if count > shown else ""


def sale_row(one: Sale) -> Row:
    """A sale whose lots can still be picked."""
    method = "picked" if one.method == "specific" else METHOD_NAMES[one.method].lower()
    return {
        "entry": str(one.entry_id),
        "symbol": one.symbol,
        "qty": show.quantity(one.qty),
        "cash": show.money(one.cash),
        "method": method,
    }


def picking_row(found: SaleLots) -> Row:
    """What is being picked for."""
    sale = found.sale
    return NO_PICKING | {
        "entry": str(sale.entry_id),
        "title": f"Lots for {show.quantity(sale.qty)} {sale.symbol} of {show.day(sale.sold_on)}",
        "method": "yes" if sale.method == "specific" else "",
    }


def choice_row(one: LotChoice) -> Row:
    """A lot that was open before the sale."""
    return {
        "lot": one.lot_id,
        "acquired": show.day(one.acquired_on) if one.acquired_on else UNKNOWN_DAY,
        "qty": show.quantity(one.qty),
        "unit": show.money(abs(one.cost) / one.qty),
        "taken": show.plain_number(one.taken.normalize()) if one.taken else "",
    }


def picks_of(form: Mapping[str, str], lots: Sequence[str]) -> list[LotPick]:
    """What was typed for each lot; an empty field takes nothing. InvalidOperation for what is no number."""
    found = []
    for lot in lots:
        text = str(form.get(lot, "")).strip()[:QTY_CHARS]
        qty = Decimal(text or "0")
        if not qty.is_finite():
            raise InvalidOperation
        if qty:
            found.append(LotPick(lot, qty))
    return found
