"""By which sectors the account did better or worse than its market, for the period of the performance page."""

from decimal import Decimal

import reflex as rx

from starkmatter.backends import backends
from starkmatter.domain.attribution import Effect
from starkmatter.errors import StarkMatterError
from starkmatter.portfolio.attribution import SectorAttribution, attribute_by_sector
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.performance import PerformanceState
from starkmatter.ui.state.rows import Row

TRADING = "Trading in the day, fees, income"
NOTHING_YET: Row = dict.fromkeys(("words", "own", "market", "excess", "excess_dir", "shown"), "")


class AttributionState(rx.State):
    """Worked out when somebody asks: it reads every stock's closes."""

    head: Row = NOTHING_YET
    rows: list[Row] = []
    notes: list[str] = []
    problem: str = ""

    @rx.event
    @allow("user")
    async def work_out(self) -> None:
        """The effects of the period that the page shows."""
        page = await self.get_state(PerformanceState)
        caller = await caller_of(self)
        try:
            account_id = await chosen_account(self)
            start, end = await page._dates(caller, account_id)
            found = await attribute_by_sector(backends(), caller, account_id, start=start, end=end)
        except StarkMatterError as error:
            self.problem, self.head, self.rows, self.notes = error.text, NOTHING_YET, [], []
            return
        self.problem, self.notes = "", found.notes
        self.head, self.rows = head_row(found), effect_rows(found)

    @rx.event
    @allow("user")
    def load(self) -> None:
        """Another account may be shown now."""
        self.head, self.rows, self.notes, self.problem = NOTHING_YET, [], [], ""


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
