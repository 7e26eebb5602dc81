"""The drawer that says where the change of the period on the performance page came from."""

from decimal import Decimal

import reflex as rx

from starkmatter.backends import backends
from starkmatter.domain.symbol_gains import SymbolGain
from starkmatter.domain.waterfall import Step, StepKey
from starkmatter.errors import StarkMatterError
from starkmatter.portfolio.explaining import STEP_NAMES, EntryLine, Explanation, explain_change
from starkmatter.ui import format as show
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.performance import PerformanceState
from starkmatter.ui.state.rows import Row

# Shown also when nothing of it happened: what somebody looks for should say zero.
ALWAYS: tuple[StepKey, ...] = ("paid_in", "taken_out", "realized", "unrealized", "dividends", "fees", "fx")
BY_SYMBOL: tuple[StepKey, ...] = ("realized", "unrealized", "fx")
SHOWN_ENTRIES = 200
NO_CHANGE: Row = dict.fromkeys(
    ("start", "end", "start_value", "end_value", "change", "change_dir", "exact", "chosen", "more", "currency", "fx"),
    "",
)


class ExplainState(rx.State):
    """Steps, gains by symbol, and the entries behind the one that is open."""

    open: bool = False
    head: Row = NO_CHANGE
    steps: list[Row] = []
    symbols: list[Row] = []
    entries: list[Row] = []
    notes: list[str] = []
    problem: str = ""
    _found: Explanation | None = None

    @rx.event
    @allow("user")
    async def explain(self) -> None:
        """Open the drawer for the period that the page shows."""
        page = await self.get_state(PerformanceState)
        caller = await caller_of(self)
        try:
            start, end = await page._dates(caller)
            found = await explain_change(backends(), caller, **await page._book(), start=start, end=end)
        except StarkMatterError as error:
            self.problem, self._found = error.text, None
            self.head, self.steps, self.symbols, self.entries, self.notes = NO_CHANGE, [], [], [], []
        else:
            self._found, self.problem = found, ""
            self.head, self.steps = change_row(found), step_rows(found)
            self.symbols = [symbol_row(one) for one in found.symbols if one.gain or one.entry_ids]
            self.entries, self.notes = [], found.notes
        self.open = True

    @rx.event
    @allow("user")
    def close(self) -> None:
        """Back to the page."""
        self.open, self._found = False, None
        self.entries, self.head = [], {**self.head, "chosen": ""}

    @rx.event
    @allow("user")
    def show_entries(self, name: str) -> None:
        """The ledger entries behind a step or a symbol; once more closes them."""
        found = self._found
        if found is None or name == self.head["chosen"]:
            self.entries, self.head = [], {**self.head, "chosen": ""}
            return
        ids = next((one.entry_ids for one in (*found.steps, *found.symbols) if _name(one) == name), ())
        lines = [one for one in found.entries if one.id in set(ids)]
        self.entries = [entry_row(one) for one in reversed(lines[-SHOWN_ENTRIES:])]
        left = len(ids) - len(self.entries)
        self.head = {**self.head, "chosen": name, "more": f"and {left:,} older ones in the ledger" if left > 0 else ""}


def change_row(found: Explanation) -> Row:
    """The two ends."""
    return NO_CHANGE | {
        "start": ("Opening, " if found.since_opening else "Close, ") + show.exchange_minute(found.start_at),
        "end": ("Now, " if found.ends_now else "Close, ") + show.exchange_minute(found.end_at),
        "start_value": show.money(found.start_value),
        "end_value": show.money(found.end_value),
        "change": show.change(found.change),
        "change_dir": show.direction(found.change),
        "exact": "yes" if found.exact else "",
        "currency": found.currency,
        "fx": "yes" if any(one.key == "fx" and one.value for one in found.steps) else "",
    }


def step_rows(found: Explanation) -> list[Row]:
    """The bars of the waterfall: each begins where the one before ended."""
    shown = [one for one in found.steps if one.value or one.key in ALWAYS]
    levels = [found.start_value]
    for one in shown:
        levels.append(levels[-1] + one.value)
    low = min(levels)
    span = max(levels) - low
    rows = []
    for number, one in enumerate(shown):
        left, right = sorted(levels[number : number + 2])
        rows.append(
            {
                "key": one.key,
                "name": STEP_NAMES[one.key],
                "value": show.change(one.value),
                "dir": show.direction(one.value),
                "entries": str(len(one.entry_ids)) if one.entry_ids and one.key not in BY_SYMBOL else "",
                "left": _percent_of(left - low, span),
                "width": _percent_of(right - left, span),
            }
        )
    return rows


def symbol_row(one: SymbolGain) -> Row:
    """What one symbol's price brought."""
    return {
        "symbol": one.symbol,
        "qty": f"{show.quantity(one.start.qty)} → {show.quantity(one.end.qty)}",
        "realized": show.change(one.realized),
        "unrealized": show.change(one.unrealized),
        "fx": show.change(one.fx),
        "gain": show.change(one.gain),
        "gain_dir": show.direction(one.gain),
        "from": f"{show.money(one.start.value)} at the start, {show.money(one.end.value)} at the end; "
        f"bought for {show.money(one.bought)}, sold for {show.money(one.sold)}",
        "entries": str(len(one.entry_ids)) if one.entry_ids else "",
    }


def entry_row(one: EntryLine) -> Row:
    """A ledger entry."""
    return {"id": str(one.id), "at": show.exchange_minute(one.at), "description": one.description}


def _name(one: Step | SymbolGain) -> str:
    return one.symbol if isinstance(one, SymbolGain) else one.key


def _percent_of(part: Decimal, whole: Decimal) -> str:
    if not whole:
        return "0%"
    return f"{show.plain_number((part / whole * 100).quantize(Decimal('0.01')))}%"
