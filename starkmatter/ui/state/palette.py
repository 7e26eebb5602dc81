"""What lies over the page: the palette that finds symbols and pages, and the list of keys."""

import reflex as rx

from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.market.service import list_instruments
from starkmatter.ui.state.guard import allow
from starkmatter.ui.state.rows import Row

LIMIT = 8
MAX_QUERY_CHARS = 60
PAGES = (
    ("/", "Dashboard", "Overview of your account"),
    ("/trade/AAPL", "Trade", "Chart and ticket"),
    ("/portfolio", "Portfolio", "Value, positions, ledger"),
    ("/portfolio/performance", "Performance", "Returns, drawdown, allocation"),
    ("/orders", "Orders", "Orders, fills and receipts"),
    ("/news", "News", "Stories on the market and your holdings"),
    ("/alerts", "Alerts", "Rules on prices, what fired, mail"),
    ("/settings", "Settings", "Profile, sessions, appearance"),
)


class PaletteState(rx.State):
    """Which overlay is open and what the palette found."""

    overlay: str = ""
    query: str = ""
    found: list[Row] = []

    @rx.event
    @allow("user")
    async def key(self, name: str) -> None:
        """A key that belongs to the frame."""
        if name == "palette":
            await self.open_palette()
        else:
            self.overlay = "keys" if name == "keys" else ""

    @rx.event
    @allow("user")
    async def open_palette(self) -> None:
        """The search box was clicked."""
        self.overlay, self.query = "palette", ""
        await self._search()

    @rx.event
    @allow("user")
    def close_overlay(self) -> None:
        """Close whatever lies over the page."""
        self.overlay = ""

    @rx.event
    @allow("user")
    async def search(self, text: str) -> None:
        """Find symbols and pages."""
        self.query = str(text)[:MAX_QUERY_CHARS]
        await self._search()

    @rx.event
    @allow("user")
    async def follow(self, form: dict[str, str]):
        """Enter opens the first line for what was typed, even when typing was faster than the list."""
        text = str(form.get("query", ""))[:MAX_QUERY_CHARS]
        if text != self.query:
            self.query = text
            await self._search()
        self.overlay = ""
        return rx.redirect(self.found[0]["href"]) if self.found else None

    async def _search(self) -> None:
        text = self.query.strip()
        pages = [
            {"href": href, "key": title, "text": about, "kind": "Page"}
            for href, title, about in PAGES
            if text.lower() in title.lower()
        ]
        try:
            instruments = await list_instruments(backends().db, text, LIMIT)
        except StarkMatterError:
            instruments = []
        symbols = [
            {"href": f"/trade/{one.symbol}", "key": one.symbol, "text": one.name, "kind": one.sector or one.kind}
            for one in instruments
        ]
        self.found = symbols + pages if text else pages + symbols
