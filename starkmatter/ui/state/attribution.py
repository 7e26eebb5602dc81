"""By which sectors and currencies the account did better or worse, for the period of the performance page."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

import reflex as rx

from starkmatter.backends import backends
from starkmatter.domain.attribution import Effect
from starkmatter.errors import StarkMatterError
from starkmatter.portfolio.attribution import SectorAttribution, attribute_by_sector
from starkmatter.portfolio.currency_attribution import ByCurrency, attribute_by_currency
from starkmatter.ui import format as show
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.performance import PerformanceState
from starkmatter.ui.state.rows import Row

Found = TypeVar("Found", SectorAttribution, ByCurrency)
TRADING = "Trading in the day, fees, income"
NOTHING_YET: Row = dict.fromkeys(("words", "own", "market", "excess", "excess_dir", "shown"), "")


class WorkedOut(rx.State, mixin=True):
    """What is worked out when somebody asks, of the period and the accounts that the performance page shows."""

    head: Row = NOTHING_YET
    rows: list[Row] = []
    notes: list[str] = []
    problem: str = ""

    async def _work_out(
        self,
        attribute: Callable[..., Awaitable[Found]],
        head_of: Callable[[Found], Row],
        rows_of: Callable[[Found], list[Row]],
    ) -> None:
        page = await self.get_state(PerformanceState)
        caller = await caller_of(self)
        self._forget()
        try:
            start, end = await page._dates(caller)
            found = await attribute(backends(), caller, **await page._book(), start=start, end=end)
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.head, self.rows, self.notes = head_of(found), rows_of(found), found.notes

    def _forget(self) -> None:
        self.head, self.rows, self.notes, self.problem = NOTHING_YET, [], [], ""


class AttributionState(WorkedOut, rx.State):
    """Against the market, by sector: it reads every stock's closes."""

    @rx.event
    @allow("user")
    async def work_out(self) -> None:
        """The effects of the period that the page shows."""
        await self._work_out(attribute_by_sector, head_row, effect_rows)

    @rx.event
    @allow("user")
    def load(self) -> None:
        """Another account may be shown now."""
        self._forget()


class CurrencyState(WorkedOut, rx.State):
    """What each currency brought."""

    @rx.event
    @allow("user")
    async def work_out(self) -> None:
        """The currencies of the period and accounts that the page shows."""
        await self._work_out(attribute_by_currency, currency_head, currency_rows)

    @rx.event
    @allow("user")
    def load(self) -> None:
        """Another account may be shown now."""
        self._forget()


def currency_head(found: ByCurrency) -> Row:
    """The whole of it in a sentence."""
    if found.start_on is None or found.end_on is None:
        return NOTHING_YET | {"shown": "yes"}
    return NOTHING_YET | {
        "shown": "yes",
        "words": f"{_percent(found.ratio)} in {found.currency} over {found.days} "
        f"{'day' if found.days == 1 else 'days'} from the close of {show.day(found.start_on)} to "
        f"{show.day(found.end_on)}: prices {_percent(found.price)}, exchange rates {_percent(found.fx)}.",
    }


def currency_rows(found: ByCurrency) -> list[Row]:
    """A line for each currency, and one for what none brought."""
    if found.trading is None:
        return []
    rows = [
        {
            "name": one.name,
            "weight": f"{show.money(one.weight * 100, 1)} %",
            "price": _percent(one.price),
            "fx": _percent(one.currency),
            "total": _percent(one.total),
            "total_dir": _direction(one.total),
        }
        for one in found.effects
    ]
    last = {"name": TRADING, "weight": "", "price": "", "fx": ""}
    return [*rows, last | {"total": _percent(found.trading), "total_dir": _direction(found.trading)}]


def head_row(found: SectorAttribution) -> Row:
    """What was compared with what."""
    if found.start_on is None or found.end_on is None:
        return NOTHING_YET | {"shown": "yes"}
    return {
        "shown": "yes",
        "words": f"{found.days} {'day' if found.days == 1 else 'days'} from the close of {show.day(found.start_on)} to "
        f"{show.day(found.end_on)}, against equal parts of {found.stocks} stocks.",
        "own": _percent(found.ratio),
        "market": _percent(found.market_ratio),
        "excess": _percent(found.excess),
        "excess_dir": _direction(found.excess),
    }


def effect_rows(found: SectorAttribution) -> list[Row]:
    """A line for each sector, and one for what no sector brought."""
    if found.trading is None:
        return []
    last = dict.fromkeys(("weight", "market", "allocation", "selection", "interaction"), "")
    last |= {"name": TRADING, "total": _percent(found.trading), "total_dir": _direction(found.trading)}
    return [*[_effect(one) for one in found.effects], last]


def _effect(one: Effect) -> Row:
    return {
        "name": one.name,
        "weight": f"{show.money(one.weight * 100, 1)} %",
        "market": f"{show.money(one.market_weight * 100, 1)} %",
        "allocation": _percent(one.allocation),
        "selection": _percent(one.selection),
        "interaction": _percent(one.interaction),
        "total": _percent(one.total),
        "total_dir": _direction(one.total),
    }


def _percent(ratio: Decimal | None) -> str:
    return show.percent(None if ratio is None else ratio * 100)


def _direction(ratio: Decimal | None) -> str:
    return show.direction(None if ratio is None else ratio.quantize(Decimal("0.0001")))
