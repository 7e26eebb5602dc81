"""The screener: conditions that are put together one by one, the symbols that fit, and screens kept under a name."""

from typing import Any
from urllib.parse import quote as quoted
from uuid import UUID

import orjson
import reflex as rx

from starkmatter.backends import backends
from starkmatter.domain.screening import Screen, parse_condition, parse_figure, parse_screen, screen_json
from starkmatter.errors import InvalidInput, StarkMatterError
from starkmatter.market.screener import service
from starkmatter.market.watchlists.service import import_symbols, list_watchlists, make_watchlist
from starkmatter.ui.state.frame import chosen_venue
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.markets import _key
from starkmatter.ui.state.rows import Row
from starkmatter.ui.state.screened import (
    PRESETS,
    as_of_words,
    columns_of,
    default_parameters,
    figure_text,
    result_rows,
    result_values,
)

SHOWN = 100
MAX_FORM_CHARS = 60
NUMBER = "number"
NEW_LIST = "new"


class ScreenerState(rx.State):
    """The screen as it is put together, and what fits it now."""

    ready: bool = False
    conditions: list[Row] = []
    columns: list[Row] = []
    rows: list[Row] = []
    values: list[list[Row]] = []
    count: int = 0
    words: str = ""
    csv: str = ""
    kind: str = ""
    sector: str = ""
    sectors: list[str] = []
    left: str = "rsi"
    left_parameters: str = "14"
    left_lines: list[str] = []
    right: str = NUMBER
    right_parameters: str = ""
    right_lines: list[str] = []
    saved: list[Row] = []
    chosen: str = ""
    name: str = ""
    lists: list[Row] = []
    dialog: str = ""
    said: str = ""
    problem: str = ""
    _kept: str = "{}"  # the screen as JSON

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Show what fits the screen as it was left."""
        self.said, self.dialog = "", ""
        await self._read_saved()
        await self._run(self._screen(), all_sectors=True)
        self.ready = True

    @rx.event
    @allow("user")
    async def choose_left(self, name: str) -> None:
        """Another figure to the left: its parameters are filled in."""
        self.left, self.left_parameters, self.left_lines = name[:40], *default_parameters(name)

    @rx.event
    @allow("user")
    async def choose_right(self, name: str) -> None:
        """A number, or another figure, to the right."""
        self.right, self.right_parameters, self.right_lines = name[:40], *default_parameters(name)

    @rx.event
    @allow("user")
    async def add(self, form: dict[str, str]) -> None:
        """One more condition."""
        part = {name: value.strip()[:MAX_FORM_CHARS] for name, value in form.items()}
        left = figure_text(part, "left")
        right = part.get("number", "") if part.get("right") == NUMBER else figure_text(part, "right")
        try:
            if not right:
                raise InvalidInput("Give the number to compare with, such as 30.")
            made = parse_condition(left, part.get("op", ""), right)
        except StarkMatterError as error:
            self.problem = error.text
            return
        raw = screen_json(self._screen())
        raw["conditions"] += screen_json(Screen((made,)))["conditions"]
        if made.left.text not in raw["columns"] and len(raw["columns"]) < 10:
            raw["columns"] += [made.left.text]
        await self._try(raw)

    @rx.event
    @allow("user")
    async def drop(self, place: int) -> None:
        """Take a condition away."""
        raw = screen_json(self._screen())
        if 0 <= place < len(raw["conditions"]):
            del raw["conditions"][place]
            await self._try(raw)

    @rx.event
    @allow("user")
    async def clear(self) -> None:
        """Begin anew: every symbol, the first columns."""
        self.chosen, self.name = "", ""
        await self._try({})

    @rx.event
    @allow("user")
    async def take_preset(self, name: str) -> None:
        """A screen that many begin with."""
        if name in PRESETS:
            self.chosen, self.name = "", ""
            await self._try(PRESETS[name])

    @rx.event
    @allow("user")
    async def choose_kind(self, kind: str) -> None:
        """Only shares, only funds, or all."""
        await self._try(screen_json(self._screen()) | {"kinds": [kind[:20]] if kind else []})

    @rx.event
    @allow("user")
    async def choose_sector(self, sector: str) -> None:
        """Only one sector, or all."""
        await self._try(screen_json(self._screen()) | {"sectors": [sector[:60]] if sector else []})

    @rx.event
    @allow("user")
    async def sort(self, figure: str) -> None:
        """Order by a column; once more turns the order around."""
        screen = self._screen()
        raw = screen_json(screen)
        if figure in raw["columns"]:
            turned = not screen.descending if screen.sort.text == figure else True
            await self._try(raw | {"sort": figure, "descending": turned})

    @rx.event
    @allow("user")
    async def add_column(self, form: dict[str, str]) -> None:
        """One more column."""
        part = {name: value.strip()[:MAX_FORM_CHARS] for name, value in form.items()}
        raw = screen_json(self._screen())
        try:
            text = parse_figure(figure_text(part, "column")).text
        except StarkMatterError as error:
            self.problem = error.text
            return
        await self._try(raw | {"columns": [*(one for one in raw["columns"] if one != text), text]})

    @rx.event
    @allow("user")
    async def drop_column(self, figure: str) -> None:
        """One column less; the last one stays."""
        raw = screen_json(self._screen())
        left = [one for one in raw["columns"] if one != figure]
        if left and len(left) < len(raw["columns"]):
            await self._try(raw | {"columns": left} | ({"sort": left[0]} if raw["sort"] == figure else {}))

    @rx.event
    @allow("user")
    async def open_saved(self, screen_id: str) -> None:
        """Show a kept screen; an empty id begins anew."""
        if not screen_id:
            self.chosen, self.name = "", ""
            await self._try({})
            return
        try:
            found = await service.get_screen(backends().db, (await caller_of(self)).user_id, _key(screen_id))
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.chosen, self.name = str(found.id), found.name
        await self._try(found.screen)

    @rx.event
    @allow("user")
    def open_dialog(self, name: str) -> None:
        """Ask for a name."""
        if name in {"", "save", "delete"}:
            self.dialog, self.problem, self.said = name, "", ""

    @rx.event
    @allow("user")
    async def save(self, form: dict[str, str]) -> None:
        """Keep the screen under a new name."""
        b, caller = backends(), await caller_of(self)
        await self._keep(
            service.save_screen(b.db, caller.user_id, form.get("name", "")[:80], screen_json(self._screen()))
        )

    @rx.event
    @allow("user")
    async def update(self) -> None:
        """Keep what is shown under the name it was opened with."""
        b, caller = backends(), await caller_of(self)
        await self._keep(
            service.change_screen(b.db, caller.user_id, _key(self.chosen), screen=screen_json(self._screen()))
        )

    @rx.event
    @allow("user")
    async def delete(self) -> None:
        """Forget the kept screen; what is shown stays."""
        try:
            await service.delete_screen(backends().db, (await caller_of(self)).user_id, _key(self.chosen))
        except StarkMatterError as error:
            self.problem, self.dialog = error.text, ""
            return
        self.said, self.dialog, self.chosen, self.name = f"“{self.name}” is deleted.", "", "", ""
        await self._read_saved()

    @rx.event
    @allow("user")
    async def collect(self, form: dict[str, str]) -> None:
        """Put every symbol that is shown into a watchlist, a new one unless one is chosen."""
        b, caller = backends(), await caller_of(self)
        symbols = [row["symbol"] for row in self.rows]
        try:
            list_id: UUID = _key(form.get("list", ""))
            if form.get("list", NEW_LIST) == NEW_LIST:
                name = (self.name or "Screen")[:30]
                taken = {row["name"] for row in self.lists}
                free = next(text for text in (name, *(f"{name} {n}" for n in range(2, 99))) if text not in taken)
                list_id = (await make_watchlist(b.db, b.cache, caller.user_id, await chosen_venue(self), free)).id
            done = await import_symbols(b.db, b.cache, caller.user_id, list_id, "\n".join(symbols))
        except StarkMatterError as error:
            self.problem = error.text
            return
        left = f" {len(done.refused)} not: {done.refused[0].why}." if done.refused else ""
        self.said, self.problem = f"{len(done.added)} symbols added to “{done.watchlist.name}”.{left}", ""
        await self._read_saved()

    def _screen(self) -> Screen:
        return parse_screen(orjson.loads(self._kept))

    async def _keep(self, kept: Any) -> None:
        try:
            found = await kept
        except StarkMatterError as error:
            self.problem, self.said = error.text, ""
            return
        self.chosen, self.name, self.dialog, self.problem = str(found.id), found.name, "", ""
        self.said = f"Saved as “{found.name}”."
        await self._read_saved()

    async def _try(self, raw: dict[str, Any]) -> None:
        """Run another screen; one that cannot be leaves what is shown as it is."""
        try:
            screen = parse_screen(raw)
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.said = ""
        await self._run(screen)

    async def _run(self, screen: Screen, *, all_sectors: bool = False) -> None:
        await caller_of(self)
        venue = await chosen_venue(self)
        try:
            found = await service.screen_venue(backends().cache, venue, screen, SHOWN)
            if all_sectors:
                self.sectors = found["sectors"]
        except StarkMatterError as error:
            self.problem = error.text
            return
        self._kept = orjson.dumps(screen_json(screen)).decode()
        self.conditions = [{"place": str(n), "words": one.words} for n, one in enumerate(screen.conditions)]
        self.columns = columns_of(screen)
        self.rows, self.values = result_rows(found), result_values(screen, found)
        self.count = found["count"]
        self.words = as_of_words(found, SHOWN)
        self.kind = screen.kinds[0] if screen.kinds else ""
        self.sector = screen.sectors[0] if screen.sectors else ""
        self.csv = f"/api/v1/screener.csv?venue={venue}&screen={quoted(self._kept)}"
        self.problem = ""

    async def _read_saved(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            self.saved = [
                {"id": str(one.id), "name": one.name} for one in await service.list_screens(b.db, caller.user_id)
            ]
            lists = await list_watchlists(b.db, caller.user_id, await chosen_venue(self))
            self.lists = [{"id": str(one.id), "name": one.name} for one in lists]
        except StarkMatterError as error:
            self.problem = error.text
