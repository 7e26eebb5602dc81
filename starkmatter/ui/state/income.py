"""The income of the chosen account, as its page draws it."""

from decimal import Decimal

import reflex as rx

from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.portfolio.income import ComingView, Income, MonthIncome, SymbolIncome, income_of
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.returns import MONTHS
from starkmatter.ui.state.rows import Row

SHOWN_MONTHS = 36
NO_INCOME: Row = dict.fromkeys(("received", "received_12m", "expected_12m", "yield"), show.NOTHING) | {
    "csv": "",
    "withheld": "",
}


class IncomeState(rx.State):
    """What came, and what is to come."""

    ready: bool = False
    figures: Row = NO_INCOME
    months: list[Row] = []
    symbols: list[Row] = []
    coming: list[Row] = []
    notes: list[str] = []
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read all of it."""
        try:
            found = await income_of(backends(), await caller_of(self), await chosen_account(self))
        except StarkMatterError as error:
            self.problem = error.text
        else:
            self.figures = income_row(found)
            self.months = month_rows(found.months[:SHOWN_MONTHS])
            self.symbols = [symbol_row(one) for one in found.symbols]
            self.coming = [coming_row(one) for one in found.coming]
            self.notes, self.problem = found.notes, ""
        self.ready = True


def income_row(found: Income) -> Row:
    """The head of the page."""
    return NO_INCOME | {
        "received": show.money(found.received),
        "received_12m": show.money(found.received_12m),
        "expected_12m": show.money(found.expected_12m),
        "yield": _yield(found.yield_on_cost),
        "withheld": show.money(found.withheld) if found.withheld else "",
        "csv": f"/api/v1/portfolio/income.csv?account_id={found.account_id}",
    }


def month_rows(months: list[MonthIncome]) -> list[Row]:
    """The newest first, each with a bar as long as its share of the largest."""
    largest = max((one.total for one in months), default=Decimal(0))
    return [
        {
            "month": f"{MONTHS[one.month - 1]} {one.year}",
            "dividends": show.money(one.dividends),
            "interest": show.money(one.interest),
            "total": show.money(one.total),
            "width": _share(one.total, largest),
        }
        for one in months
    ]


def symbol_row(one: SymbolIncome) -> Row:
    """A symbol; income that no symbol was said of stands under words."""
    return {
        "symbol": one.symbol,
        "name": one.symbol or "Not said of what",
        "received": show.money(one.received),
        "received_12m": show.money(one.received_12m),
        "expected": show.money(one.expected_12m),
        "on_cost": _yield(one.yield_on_cost),
        "now": _yield(one.yield_now),
    }


def coming_row(one: ComingView) -> Row:
    """A line of the calendar."""
    return {
        "symbol": one.symbol,
        "ex": show.day(one.ex_on),
        "pay": show.day(one.pay_on) if one.pay_on else show.NOTHING,
        "per_share": show.money(one.per_share, 4),
        "qty": show.quantity(one.qty),
        "value": show.money(one.value),
        "kind": "as last year" if one.estimated else "announced",
    }


def _yield(ratio: Decimal | None) -> str:
    return show.NOTHING if ratio is None else f"{show.money(ratio * 100)} %"


def _share(part: Decimal, whole: Decimal) -> str:
    if part <= 0 or whole <= 0:
        return "0%"
    return f"{show.plain_number((part / whole * 100).quantize(Decimal('0.1')))}%"
