"""The map of the market and its movers, as the worker's universe has them."""

from decimal import Decimal
from typing import Any

import reflex as rx

from starkmatter.backends import backends
from starkmatter.clock import monotonic_secs
from starkmatter.errors import StarkMatterError
from starkmatter.market.screener.service import overview_of
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import chosen_venue
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

EVERY_SECS = 20.0
KNOWN_RATIO = Decimal("0.8")
AREAS, VIEWS = ("value", "equal"), ("map", "table")


class MapState(rx.State):
    """Tiles and movers. `area` is what is asked for, `area_shown` what can be shown."""

    ready: bool = False
    tiles: list[dict[str, str]] = []
    gainers: list[Row] = []
    losers: list[Row] = []
    active: list[Row] = []
    area: str = "value"
    view: str = "map"
    by_sector: bool = True
    words: str = ""
    sizes: str = ""
    problem: str = ""
    _found: dict[str, Any] = {}
    _read_at: float = 0.0
    _venue: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Ask for everything anew."""
        await self._read()

    @rx.event
    @allow("user")
    async def pulse(self) -> None:
        """Ask again now and then; prices move by themselves meanwhile."""
        if monotonic_secs() - self._read_at >= EVERY_SECS:
            await self._read()

    @rx.event
    @allow("user")
    def choose_area(self, area: str) -> None:
        """What the areas say."""
        if area in AREAS:
            self.area = area
            self._draw()

    @rx.event
    @allow("user")
    def choose_view(self, view: str) -> None:
        """The map, or the same as a table."""
        if view in VIEWS:
            self.view = view

    @rx.event
    @allow("user")
    def choose_groups(self, on: bool) -> None:
        """Sectors together, or all in one."""
        self.by_sector = on

    async def _read(self) -> None:
        await caller_of(self)
        venue = await chosen_venue(self)
        self._read_at = monotonic_secs()
        try:
            self._found = await overview_of(backends().cache, venue)
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
            if venue != self._venue:
                self._found = {}
        self._venue = venue
        self._draw()
        self.ready = True

    def _draw(self) -> None:
        found = self._found
        rows = found.get("tiles", [])
        known = [
            Decimal(row["traded_value"]) for row in rows if row["traded_value"] and Decimal(row["traded_value"]) > 0
        ]
        enough = bool(rows) and len(known) >= KNOWN_RATIO * len(rows)
        by_value = self.area == "value" and enough
        least = min(known, default=Decimal(1))
        self.tiles = [_tile(row, least if by_value else None) for row in rows]
        if by_value:
            self.sizes = "Areas: value traded a day, averaged over 20 sessions. Market values are not stored."
        elif self.area == "value" and rows:
            self.sizes = f"Equal areas: only {len(known)} of {len(rows)} symbols have a stored volume."
        else:
            self.sizes = "Equal areas." if rows else ""
        self.gainers, self.losers, self.active = (
            [mover_row(row) for row in found.get(name, [])] for name in ("gainers", "losers", "active")
        )
        current, symbols = found.get("current", 0), found.get("symbols", 0)
        missing = symbols - current
        self.words = f"{current} symbols" + (
            f"; {missing} without a bar of the newest session are left out" if missing > 0 else ""
        )


def _tile(row: dict[str, Any], least: Decimal | None) -> dict[str, str]:
    value = Decimal(row["traded_value"]) if row["traded_value"] else None
    size = Decimal(1) if least is None else max(value or least, least)
    shown = f"{show.short_money(value)} traded a day" if value else "traded value not known"
    return mover_row(row) | {
        "size": format(size, "f"),
        "change_pct": row["change_pct"] or "",
        "words": shown,
    }


def mover_row(row: dict[str, Any]) -> Row:
    """A symbol of the universe as tables list it."""
    pct = Decimal(row["change_pct"]) if row["change_pct"] else None
    value = Decimal(row["traded_value"]) if row["traded_value"] else None
    volume = Decimal(row["volume"]) if row["volume"] else None
    return {
        "symbol": row["symbol"],
        "name": row["name"],
        "sector": row["sector"],
        "last": show.money(Decimal(row["last"])) if row["last"] else show.NOTHING,
        "change": show.percent(pct),
        "dir": show.direction(pct),
        "volume": show.money(volume, 0),
        "value": show.short_money(value) if value else show.NOTHING,
    }
