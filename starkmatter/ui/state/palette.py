"""What lies over the page: the palette that finds symbols and pages, and the list of keys."""

import reflex as rx

from starkmatter.backends import backends
from starkmatter.clock import monotonic_secs
from starkmatter.errors import StarkMatterError
from starkmatter.market.lookup import find_symbols
from starkmatter.ui.state.frame import chosen_venue
from starkmatter.ui.state.guard import allow
from starkmatter.ui.state.rows import Row

LIMIT = 8
MAX_QUERY_CHARS = 60
QUIET_SECS = 20.0
PAGES = (
    ("/", "Dashboard", "Overview of your account"),
    ("/markets", "Markets", "Your watchlists"),
    ("/markets/map", "Heat map", "The market by sector, and its movers"),
    ("/markets/screener", "Screener", "Symbols by their figures and indicators"),
    ("/markets/correlation", "Correlation", "How symbols move together"),
    ("/markets/sessions", "Sessions", "Hours, holidays and half days"),
    ("/trade/AAPL", "Trade", "Chart and ticket"),
    ("/portfolio", "Portfolio", "Value, positions, ledger"),
    ("/portfolio/performance", "Performance", "Returns, drawdown, allocation"),
    ("/portfolio/allocation", "Allocation", "Parts, targets, drift, rebalancing"),
    ("/portfolio/optimize", "Optimize", "Minimum variance, risk parity, maximum Sharpe ratio"),
    ("/portfolio/lots", "Lots", "Open tax lots, cost, terms"),
    ("/portfolio/gains", "Realized gains", "A year's sales, wash sales, Form 8949"),
    ("/portfolio/actions", "Corporate actions", "Splits, dividends and new names, before and after"),
    ("/portfolio/income", "Income", "Dividends, interest, what is to come"),
    ("/portfolio/reports", "Reports", "PDF, HTML, by mail, by link"),
    ("/orders", "Orders", "Orders, fills and receipts"),
    ("/baskets", "Baskets", "Several orders looked at and sent as one"),
    ("/news", "News", "Stories on the market and your holdings"),
    ("/assistant", "Assistant", "Ask about your book; briefs of symbols"),
    ("/alerts", "Alerts", "Rules on prices, what fired, mail"),
    ("/settings", "Settings", "Profile, sessions, appearance"),
    ("/settings/accounts", "Accounts", "Your accounts; open another one"),
)


class PaletteState(rx.State):
    """Which overlay is open and what the palette found."""

    overlay: str = ""
    query: str = ""
    found: list[Row] = []
    words: str = ""
    _quiet_until: float = 0.0

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
    async def search(self, text: str):
        """Find symbols and pages: at once what is known here, then what a source of the market offers."""
        self.query = str(text)[:MAX_QUERY_CHARS]
        await self._search()
        return PaletteState.search_sources if await chosen_venue(self) == "market" else None

    @rx.event
    @allow("user")
    async def search_sources(self) -> None:
        """Add what a source offers for the text, if it was not changed or closed meanwhile."""
        if self.overlay == "palette":
            await self._search(asking=True)

    @rx.event
    @allow("user")
    async def follow(self, form: dict[str, str]):
        """Enter opens the first line for what was typed, even when typing was faster than the list."""
        text = str(form.get("query", ""))[:MAX_QUERY_CHARS]
        if text != self.query:
            self.query = text
            await self._search(asking=True)
        self.overlay = ""
        return rx.redirect(self.found[0]["href"]) if self.found else None

    async def _search(self, *, asking: bool = False) -> None:
        text = self.query.strip()
        b, venue = backends(), await chosen_venue(self)
        pages = [
            {"href": href, "key": title, "text": about, "kind": "Page"}
            for href, title, about in PAGES
            if text.lower() in title.lower()
        ]
        self.words = ""
        try:
            # Asked again and again while nobody answers, each letter would wait for three seconds.
            ask = asking and monotonic_secs() >= self._quiet_until
            hits, self.words = await find_symbols(b.db, b.cache, venue, text, LIMIT, ask_sources=ask)
            if self.words and ask:
                self._quiet_until = monotonic_secs() + QUIET_SECS
        except StarkMatterError as error:
            hits, self.words = [], error.text
        symbols = [
            {"href": f"/trade/{one.symbol}", "key": one.symbol, "text": one.name, "kind": one.about} for one in hits
        ]
        self.found = symbols + pages if text else pages + symbols
