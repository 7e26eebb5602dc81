"""The page of watchlists: the lists on the market of the account, their rows with small lines, and the search."""

from collections.abc import Awaitable
from uuid import UUID

import reflex as rx

from starkmatter.backends import backends
from starkmatter.clock import monotonic_secs
from starkmatter.domain.quotes import Quote, Venue
from starkmatter.errors import StarkMatterError
from starkmatter.market.board import QuoteBoard
from starkmatter.market.lookup import find_symbols, look_at_bars
from starkmatter.market.service import instruments_named
from starkmatter.market.watchlists import service
from starkmatter.market.watchlists.lines import mini_lines
from starkmatter.market.watchlists.records import MiniLine, Watchlist
from starkmatter.portfolio.valuation import clock_or_none
from starkmatter.ui import format as show
from starkmatter.ui.lines import line_points
from starkmatter.ui.state.frame import chosen_venue
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

SPARK_WIDTH, SPARK_HEIGHT = 92, 26
LINES_EVERY_SECS = 15.0
HITS = 8
MAX_QUERY_CHARS = 60
ASKED_BARS = 20
DIALOGS = ("", "new", "rename", "delete", "import")


class WatchState(rx.State):
    """Which lists there are, the chosen one with its rows, and what is open over them."""

    ready: bool = False
    lists: list[Row] = []
    chosen: str = ""
    name: str = ""
    rows: list[Row] = []
    query: str = ""
    found: list[Row] = []
    words: str = ""
    dialog: str = ""
    said: str = ""
    problem: str = ""
    _venue: str = ""
    _drawn_at: float = 0.0

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read everything anew; a list named in the address is chosen."""
        self.said, self.dialog, self.query, self.found, self.words = "", "", "", [], ""
        asked = str(self.router.url.query_parameters.get("list", ""))
        await self._read(asked or self.chosen)
        self.ready = True

    @rx.event
    @allow("user")
    async def follow_account(self) -> None:
        """Another account was chosen, perhaps of the other market."""
        await self._read(self.chosen)

    @rx.event
    @allow("user")
    async def choose(self, list_id: str) -> None:
        """Show another list."""
        self.said = ""
        await self._read(list_id)

    @rx.event
    @allow("user")
    async def pulse(self) -> None:
        """Draw the small lines on, now and then."""
        if self.ready and monotonic_secs() - self._drawn_at >= LINES_EVERY_SECS:
            await self._read(self.chosen)

    @rx.event
    @allow("user")
    async def search(self, text: str):
        """What may be added: at once what is known here, then what a source offers."""
        self.query = text[:MAX_QUERY_CHARS]
        await self._search(asking=False)
        return WatchState.search_sources if self._venue == "market" and len(self.query.strip()) > 1 else None

    @rx.event
    @allow("user")
    async def search_sources(self) -> None:
        """Add what a source of the market offers for the text."""
        if self.query.strip():
            await self._search(asking=True)

    @rx.event
    @allow("user")
    async def add_first(self, form: dict[str, str]) -> None:
        """Enter adds the symbol that was typed, else the first that was found."""
        typed = form.get("query", "").strip()[:MAX_QUERY_CHARS]
        if typed != self.query.strip():
            self.query = typed
            await self._search(asking=self._venue == "market")
        exact = next((row["symbol"] for row in self.found if row["symbol"] == typed.upper()), None)
        symbol = exact or (self.found[0]["symbol"] if self.found else "")
        if symbol:
            await self._add(symbol)
        elif typed:
            self.problem = f"No symbol is called “{typed}”. Try a company's name."

    @rx.event
    @allow("user")
    async def add(self, symbol: str) -> None:
        """Put a found symbol into the list."""
        await self._add(symbol)

    @rx.event
    @allow("user")
    async def remove(self, symbol: str) -> None:
        """Take a symbol out of the list."""
        b, caller, key = backends(), await caller_of(self), _key(self.chosen)
        await self._change(service.remove_symbol_from(b.db, caller.user_id, key, symbol), f"{symbol} taken out.")

    @rx.event
    @allow("user")
    async def move(self, symbol: str, place: int) -> None:
        """Put a symbol at another place of the list."""
        b, caller, key = backends(), await caller_of(self), _key(self.chosen)
        await self._change(service.move_symbol_in(b.db, caller.user_id, key, symbol, place), "")
        placed = next((number for number, row in enumerate(self.rows, 1) if row["symbol"] == symbol), 0)
        if placed and not self.problem:
            self.said = f"{symbol} is number {placed} now."

    @rx.event
    @allow("user")
    async def move_list(self, list_id: str, place: int) -> None:
        """Put a list at another place among the lists."""
        b, caller = backends(), await caller_of(self)
        changed = service.change_watchlist(b.db, b.cache, caller.user_id, _key(list_id), place=max(0, place))
        await self._change(changed, "", keep=True)

    @rx.event
    @allow("user")
    def open_dialog(self, name: str) -> None:
        """Ask for a name, for consent or for a text."""
        if name in DIALOGS:
            self.dialog, self.said, self.problem = name, "", ""

    @rx.event
    @allow("user")
    async def make(self, form: dict[str, str]) -> None:
        """A new list, empty, which is shown then."""
        b, caller = backends(), await caller_of(self)
        venue = await chosen_venue(self)
        made = service.make_watchlist(b.db, b.cache, caller.user_id, venue, form.get("name", ""))
        await self._change(made, "")

    @rx.event
    @allow("user")
    async def rename(self, form: dict[str, str]) -> None:
        """Give the list another name."""
        b, caller, key = backends(), await caller_of(self), _key(self.chosen)
        changed = service.change_watchlist(b.db, b.cache, caller.user_id, key, name=form.get("name", ""))
        await self._change(changed, "")

    @rx.event
    @allow("user")
    async def delete(self) -> None:
        """Forget the list."""
        try:
            await service.delete_watchlist(backends().db, (await caller_of(self)).user_id, _key(self.chosen))
        except StarkMatterError as error:
            self.problem, self.dialog = error.text, ""
            return
        self.said, self.dialog = f"“{self.name}” is deleted.", ""
        await self._read("")

    @rx.event
    @allow("user")
    async def imported(self) -> None:
        """An import over REST is done."""
        await self._read(self.chosen)

    async def _add(self, symbol: str) -> None:
        b, caller, key = backends(), await caller_of(self), _key(self.chosen)
        self.query, self.found, self.words = "", [], ""
        added = service.add_symbol_to(b.db, b.cache, caller.user_id, key, symbol[:20])
        await self._change(added, f"{symbol[:20]} is in the list.")

    async def _change(self, change: Awaitable[Watchlist], words: str, *, keep: bool = False) -> None:
        self.said = ""
        try:
            changed = await change
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.dialog = ""
        await self._read(self.chosen if keep else str(changed.id))
        self.said = words

    async def _search(self, *, asking: bool) -> None:
        text = self.query.strip()
        if not text:
            self.found, self.words = [], ""
            return
        b, venue = backends(), await chosen_venue(self)
        try:
            hits, self.words = await find_symbols(b.db, b.cache, venue, text, HITS, ask_sources=asking)
        except StarkMatterError as error:
            hits, self.words = [], error.text
        inside = {row["symbol"] for row in self.rows}
        self.found = [
            {"symbol": one.symbol, "name": one.name, "about": one.about, "in": "yes" if one.symbol in inside else ""}
            for one in hits
        ]

    async def _read(self, asked: str) -> None:
        b, caller, venue = backends(), await caller_of(self), await chosen_venue(self)
        self._venue, self._drawn_at = venue, monotonic_secs()
        try:
            lists = await service.list_watchlists(b.db, caller.user_id, venue)
            one = next((known for known in lists if str(known.id) == asked), lists[0] if lists else None)
            self.lists = [
                {
                    "id": str(known.id),
                    "name": known.name,
                    "count": str(len(known.symbols)),
                    "here": "yes" if known is one else "",
                }
                for known in lists
            ]
            self.chosen, self.name = (str(one.id), one.name) if one else ("", "")
            self.rows = await watch_rows(venue, one.symbols) if one else []
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text


async def watch_rows(venue: Venue, symbols: list[str]) -> list[Row]:
    """Rows of these symbols with quotes and small lines; bars that are missing on the market are asked for."""
    b = backends()
    named = await instruments_named(b.db, venue, symbols)
    quotes = await QuoteBoard(b.cache).quotes(venue, symbols)
    clock = await clock_or_none(b, venue)
    lines = await mini_lines(b.db, venue, symbols, clock.venue_now) if clock else {}
    missing = [symbol for symbol in symbols if not lines.get(symbol, _NO_LINE).closes]
    for symbol in missing[:ASKED_BARS] if venue == "market" else []:
        await look_at_bars(b.cache, symbol, "1d")
    return [
        _row(symbol, named[symbol].name if symbol in named else "", quotes.get(symbol), lines.get(symbol, _NO_LINE))
        for symbol in symbols
    ]


_NO_LINE = MiniLine([], "", days=False)


def _row(symbol: str, name: str, quote: Quote | None, line: MiniLine) -> Row:
    moved = quote.last - quote.prev_close if quote and quote.prev_close else None
    pct = moved / quote.prev_close * 100 if quote and quote.prev_close and moved is not None else None
    drawn = line.closes[-1] - line.closes[0] if line.closes else None
    last = quote.last if quote else None
    way = drawn if moved is None or line.days else moved
    return {
        "symbol": symbol,
        "name": name,
        "last": show.price(symbol, last),
        "change": show.price_change(symbol, moved, last),
        "change_pct": show.percent(pct),
        "dir": show.direction(moved),
        "bid": show.price(symbol, quote.bid if quote else None),
        "ask": show.price(symbol, quote.ask if quote else None),
        "volume": show.money(quote.volume if quote else None, 0),
        "spark": line_points(line.closes, SPARK_WIDTH, SPARK_HEIGHT),
        "spark_dir": show.direction(way),
        "spark_words": f"{line.words}: {show.price_change(symbol, drawn, last)}" if line.closes else "No bars yet",
    }


def _key(list_id: str) -> UUID:
    """The id of a list as the page has it; of one that is no id, an id that nobody has."""
    try:
        return UUID(list_id)
    except ValueError:
        return UUID(int=0)
