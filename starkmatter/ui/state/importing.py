"""The import wizard: where to, the file that is looked at with its dry run, and former imports."""

from typing import Any
from uuid import UUID

import reflex as rx

from starkmatter.accounts.records import Caller
from starkmatter.backends import backends
from starkmatter.errors import NotFound, StarkMatterError
from starkmatter.portfolio.importers.catalog import IMPORTERS
from starkmatter.portfolio.importing.mappings import drop_mapping, keep_mapping, list_mappings
from starkmatter.portfolio.importing.records import OUTCOMES
from starkmatter.portfolio.importing.service import (
    cancel_import,
    confirm_import,
    get_import,
    import_lines,
    list_imports,
    read_again,
    undo_import,
)
from starkmatter.trading.facts import TRACKED
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.import_rows import (
    NO_IMPORT,
    NO_MAPPING,
    field_rows,
    headings_of,
    history_row,
    import_row,
    kind_rows,
    line_row,
    mapping_of,
    mapping_row,
    sample_of,
    total_rows,
    warnings_of,
)
from starkmatter.ui.state.rows import Row

SHOWN_LINES, SHOWN_IMPORTS = 50, 50
MOST_PLACE = 2**30


class ImportState(rx.State):
    """One file at a time; everything is read anew from the database whenever something may have changed."""

    ready: bool = False
    target: Row = {"id": "", "name": "", "currency": ""}
    targets: list[Row] = []
    current: Row = NO_IMPORT
    moving: bool = False
    kinds: list[Row] = []
    totals: list[Row] = []
    warnings: list[str] = []
    unnamed: list[Row] = []
    outcome: str = "booked"
    lines: list[Row] = []
    more: Row = {"from": "", "before": "", "after": ""}
    history: list[Row] = []
    problem: str = ""
    said: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """The page was opened: accounts, former imports, and whatever is still under way."""
        self.problem = self.said = ""
        caller = await caller_of(self)
        await self._read_targets()
        await self._read_history(caller)
        if self.current["id"]:
            await self._show(caller, self.current["id"])
        else:
            waiting = next((one for one in await list_imports(backends(), caller, limit=5) if one.is_moving), None)
            if waiting is not None:
                await self._show(caller, str(waiting.id))
        self.ready = True

    @rx.event
    @allow("user")
    async def choose_target(self, account_id: str) -> None:
        """Import into another account."""
        self.target = next((one for one in self.targets if one["id"] == account_id), self.target)

    @rx.event
    @allow("user")
    async def opened(self) -> None:
        """A tracked account was made: take the newest."""
        await (await self.get_state(FrameState))._read_accounts(await caller_of(self))
        await self._read_targets(newest=True)
        self.problem, self.said = "", f"{self.target['name']} is ready: give it a file, or type an entry in."

    @rx.event
    @allow("user")
    async def show(self, import_id: str) -> None:
        """Look at an import."""
        self.problem = self.said = ""
        self.outcome = "booked"
        await self._show(await caller_of(self), import_id)

    @rx.event
    @allow("user")
    async def entered(self) -> None:
        """An entry was typed in: follow it."""
        caller = await caller_of(self)
        newest = await list_imports(backends(), caller, limit=1)
        if newest:
            self.outcome = "booked"
            await self._show(caller, str(newest[0].id))
        await self._read_history(caller)

    @rx.event
    @allow("user")
    async def look(self) -> Any:
        """Look again while the worker has it; when it is done, everything else may be different too."""
        if not self.current["id"]:
            self.moving = False
            return None
        caller = await caller_of(self)
        await self._show(caller, self.current["id"])
        if self.moving:
            return None
        await self._read_history(caller)
        return FrameState.refresh

    @rx.event
    @allow("user")
    async def close(self) -> None:
        """Look at none."""
        self._empty()
        await self._read_history(await caller_of(self))

    @rx.event
    @allow("user")
    async def choose_outcome(self, outcome: str) -> None:
        """Lines with that outcome, from the first."""
        if outcome in OUTCOMES:
            self.outcome = outcome
            await self._read_lines(await caller_of(self), 0)

    @rx.event
    @allow("user")
    async def turn_page(self, after: str) -> None:
        """Lines from that place on."""
        if after.isascii() and after.isdigit() and int(after) < MOST_PLACE:
            await self._read_lines(await caller_of(self), int(after))

    @rx.event
    @allow("trader")
    async def confirm(self) -> None:
        """Book what the dry run shows."""
        await self._step(confirm_import)

    @rx.event
    @allow("trader")
    async def cancel(self) -> None:
        """Leave it."""
        await self._step(cancel_import)

    @rx.event
    @allow("trader")
    async def undo(self, import_id: str) -> None:
        """Take a booked import back."""
        self.current = {**NO_IMPORT, "id": import_id}
        self.outcome = "booked"
        await self._step(undo_import)

    @rx.event
    @allow("trader")
    async def read_as(self, format_name: str) -> None:
        """Read the file as another format; empty, as what it shows to be."""
        known = {one.name for one in IMPORTERS}

        async def again(b: Any, caller: Caller, import_id: UUID) -> Any:
            return await read_again(b, caller, import_id, format_name=format_name if format_name in known else None)

        await self._step(again)

    @rx.event
    @allow("trader")
    async def name_symbols(self, form: dict[str, str]) -> None:
        """Say what securities are called that the file knows by their ISIN."""
        names = {name.removeprefix("symbol-"): text for name, text in form.items() if name.startswith("symbol-")}
        mapping = (await self.get_state(MappingState))._mapping

        async def again(b: Any, caller: Caller, import_id: UUID) -> Any:
            return await read_again(b, caller, import_id, symbols=names, mapping=mapping)

        await self._step(again)

    async def _step(self, step: Any) -> None:
        self.problem = self.said = ""
        caller = await caller_of(self)
        try:
            await step(backends(), caller, _id_of(self.current["id"]))
        except StarkMatterError as error:
            self.problem = error.text
        await self._show(caller, self.current["id"])
        await self._read_history(caller)

    async def _show(self, caller: Caller, import_id: str) -> None:
        try:
            found = await get_import(backends(), caller, _id_of(import_id))
        except StarkMatterError as error:
            self._empty()
            self.problem = error.text
            return
        self.current, self.moving = import_row(found), found.is_moving
        summary = found.summary or {}
        self.kinds, self.totals, self.warnings = kind_rows(summary), total_rows(summary), warnings_of(summary)
        self.unnamed = [{"name": name, "words": words} for name, words in summary.get("unnamed", [])]
        if not self.moving:
            (await self.get_state(MappingState))._show(found.columns, found.mapping, found.words)
            await self._read_lines(caller, 0)

    async def _read_lines(self, caller: Caller, after: int) -> None:
        try:
            found = await import_lines(
                backends(), caller, _id_of(self.current["id"]), self.outcome, after=after, limit=SHOWN_LINES + 1
            )
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.lines = [line_row(one) for one in found[:SHOWN_LINES]]
        self.more = {
            "from": str(after),
            "before": str(max(0, after - SHOWN_LINES)) if after else "",
            "after": str(found[SHOWN_LINES].place) if len(found) > SHOWN_LINES else "",
        }

    async def _read_targets(self, *, newest: bool = False) -> None:
        frame = await self.get_state(FrameState)
        rows = [one for one in frame.accounts if one["broker"] == TRACKED and one["access"] == "own"]
        self.targets = [{"id": one["id"], "name": one["name"], "currency": one["currency"]} for one in rows]
        chosen = [one for one in self.targets if one["id"] in {self.target["id"], frame.account["id"]}]
        self.target = (
            (self.targets[:1] if newest or not chosen else chosen) or [{"id": "", "name": "", "currency": ""}]
        )[0]

    async def _read_history(self, caller: Caller) -> None:
        try:
            self.history = [history_row(one) for one in await list_imports(backends(), caller, limit=SHOWN_IMPORTS)]
        except StarkMatterError as error:
            self.problem = error.text

    def _empty(self) -> None:
        self.current, self.moving, self.outcome = NO_IMPORT, False, "booked"
        self.kinds, self.totals, self.warnings, self.unnamed, self.lines = [], [], [], [], []
        self.more = {"from": "", "before": "", "after": ""}


class MappingState(rx.State):
    """How the table that is looked at is read, and the person's saved ways of reading tables."""

    headings: list[str] = []
    sample: list[list[str]] = []
    fields: list[Row] = []
    mapping: Row = NO_MAPPING
    saved: list[Row] = []
    round: int = 0
    said: str = ""
    problem: str = ""
    _mapping: dict[str, Any] | None = None

    def _show(self, columns: dict[str, Any] | None, mapping: dict[str, Any] | None, words: str) -> None:
        data = mapping or (columns or {}).get("mapping")
        self._mapping = mapping
        self.headings, self.sample = headings_of(columns), sample_of(columns)
        self.fields, self.mapping = field_rows(data), mapping_row(data, words)
        self.round += 1

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read the saved ones."""
        await self._read()

    @rx.event
    @allow("trader")
    async def read(self, form: dict[str, str]) -> Any:
        """Read the file by what was chosen; with a name, keep that for other files."""
        self.problem = self.said = ""
        b, caller = backends(), await caller_of(self)
        data = mapping_of(form)
        try:
            if name := str(form.get("name", "")).strip():
                await keep_mapping(b, caller, name, data)
                self.said = f"Kept as “{name}”."
            importing = await self.get_state(ImportState)
            await read_again(b, caller, _id_of(importing.current["id"]), mapping=data)
        except StarkMatterError as error:
            self.problem = error.text
            return None
        await self._read()
        return ImportState.look

    @rx.event
    @allow("user")
    async def use(self, mapping_id: str) -> None:
        """Fill the form with a saved one."""
        found = await list_mappings(backends(), await caller_of(self))
        chosen = next((one for one in found if str(one.id) == mapping_id), None)
        if chosen is not None:
            self.fields, self.mapping = field_rows(chosen.mapping), mapping_row(chosen.mapping, "")
            self.round += 1

    @rx.event
    @allow("trader")
    async def drop(self, mapping_id: str) -> None:
        """Forget a saved one."""
        self.problem = self.said = ""
        try:
            await drop_mapping(backends(), await caller_of(self), _id_of(mapping_id))
        except StarkMatterError as error:
            self.problem = error.text
        await self._read()

    async def _read(self) -> None:
        try:
            found = await list_mappings(backends(), await caller_of(self))
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.saved = [{"id": str(one.id), "name": one.name} for one in found]


def _id_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("There is no such import.") from None
