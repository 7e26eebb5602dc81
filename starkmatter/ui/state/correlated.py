"""How symbols move together, as a table of numbers with colors; and the days of the exchange."""

from typing import Any

import reflex as rx

from starkmatter.backends import backends
from starkmatter.domain.pairs import meant_by
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import EXCHANGE_ZONE, Session
from starkmatter.errors import StarkMatterError, Unavailable
from starkmatter.market.exceptional_days import ExceptionalDay, coming_sessions
from starkmatter.market.key_figures import MAX_SYMBOLS, MIN_SYMBOLS, WINDOWS, correlations
from starkmatter.market.lookup import SYMBOL, open_instrument
from starkmatter.market.watchlists.service import list_watchlists
from starkmatter.portfolio.valuation import clock_or_none, list_positions
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import chosen_account, chosen_venue
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

FIRST = 8
STEPS = (0.2, 0.4, 0.6, 0.8)
STRONG, SOME = 0.7, 0.3


class CorrelationState(rx.State):
    """The chosen symbols and how they moved together."""

    ready: bool = False
    symbols: list[str] = []
    window: str = "60"
    rows: list[Row] = []
    cells: list[list[Row]] = []
    words: str = ""
    problem: str = ""
    _venue: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Begin with what is held and watched, on a market that was not looked at yet."""
        venue = await chosen_venue(self)
        if venue != self._venue or len(self.symbols) < MIN_SYMBOLS:
            self.symbols, self._venue = await self._first(), venue
        await self._read()
        self.ready = True

    @rx.event
    @allow("user")
    async def choose_window(self, window: str) -> None:
        """How many sessions are looked at."""
        if window in {str(one) for one in WINDOWS}:
            self.window = window
            await self._read()

    @rx.event
    @allow("user")
    async def add(self, form: dict[str, str]) -> None:
        """One more symbol."""
        symbol = meant_by(form.get("symbol", ""))
        b = backends()
        if len(self.symbols) >= MAX_SYMBOLS:
            self.problem = f"A table has {MAX_SYMBOLS} symbols at most. Take one out first."
            return
        try:
            if not SYMBOL.fullmatch(symbol):
                raise Unavailable("A symbol is a word such as AAPL.")
            await open_instrument(b.db, b.cache, await chosen_venue(self), symbol)
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.symbols = [*(one for one in self.symbols if one != symbol), symbol]
        await self._read()

    @rx.event
    @allow("user")
    async def remove(self, symbol: str) -> None:
        """One symbol less."""
        self.symbols = [one for one in self.symbols if one != symbol]
        await self._read()

    async def _first(self) -> list[str]:
        b, caller, venue = backends(), await caller_of(self), await chosen_venue(self)
        try:
            positions = await list_positions(b, caller, await chosen_account(self))
            lists = await list_watchlists(b.db, caller.user_id, venue)
        except StarkMatterError as error:
            self.problem = error.text
            return []
        held = [one.symbol for one in positions if one.qty]
        return list(dict.fromkeys([*held, *(lists[0].symbols if lists else [])]))[:FIRST]

    async def _read(self) -> None:
        await caller_of(self)
        b, venue = backends(), await chosen_venue(self)
        self.problem, self.rows, self.cells, self.words = "", [], [], ""
        if len(self.symbols) < MIN_SYMBOLS:
            return
        clock = await clock_or_none(b, venue)
        if clock is None:
            self.problem = "The market has not started yet. Try again in a moment."
            return
        try:
            found = await correlations(b.db, venue, self.symbols, int(self.window), clock.venue_now)
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.rows = [{"symbol": one} for one in found.symbols]
        self.cells = [[coefficient_cell(value) for value in row] for row in found.table]
        self.words = _extremes(found.symbols, found.table)


def coefficient_cell(value: float | None) -> Row:
    """`0.83` with the step of its color and what it means."""
    if value is None:
        return {"text": show.NOTHING, "tint": "", "words": "too few common sessions"}
    step = sum(abs(value) >= least for least in STEPS)
    strength = "strongly" if abs(value) >= STRONG else "somewhat" if abs(value) >= SOME else "hardly"
    way = "" if strength == "hardly" else " with it" if value > 0 else " against it"
    return {
        "text": _coefficient(value),
        "tint": f"{'up' if value > 0 else 'down'}{step}" if step else "",
        "words": f"moves {strength}{way}",
    }


def _extremes(symbols: list[str], table: list[list[float | None]]) -> str:
    pairs = [
        (value, f"{symbols[row]} and {symbols[column]}")
        for row in range(len(symbols))
        for column in range(row)
        if (value := table[row][column]) is not None
    ]
    if not pairs:
        return "Too few common sessions are stored."
    most, least = max(pairs), min(pairs)
    return f"Most alike: {most[1]} ({_coefficient(most[0])}). Least: {least[1]} ({_coefficient(least[0])})."


def _coefficient(value: float) -> str:
    """`−0.14`."""
    sign = show.MINUS if round(value, 2) < 0 else ""
    return f"{sign}{abs(value):.2f}"


class SessionsState(rx.State):
    """The days of the exchange from the venue's now on."""

    ready: bool = False
    coming: list[Row] = []
    exceptions: list[Row] = []
    words: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read the stored calendar."""
        await caller_of(self)
        b, venue = backends(), await chosen_venue(self)
        clock: Any = await clock_or_none(b, venue)
        try:
            if clock is None:
                raise Unavailable("The market has not started yet. Try again in a moment.")
            found = await coming_sessions(b.db, clock.venue_now, clock.ends_on)
            self.coming = [_session_row(one) for one in found.coming]
            self.exceptions = [_exception_row(one) for one in found.exceptions]
            until = f" Known until {show.day(found.known_until)}." if found.known_until else ""
            self.words = f"New York Stock Exchange, in New York's time.{until}{_others(clock.venue)}"
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True


def _others(venue: Venue) -> str:
    if venue != "market":
        return ""
    return " Currencies trade from Sunday 17:00 to Friday 17:00 in New York, coins always; a coin's day is UTC's."


def _session_row(one: Session) -> Row:
    return {
        "day": f"{one.session_on:%A}, {show.day(one.session_on)}",
        "opens": f"{one.opens_at.astimezone(EXCHANGE_ZONE):%H:%M}",
        "closes": f"{one.closes_at.astimezone(EXCHANGE_ZONE):%H:%M}",
        "opens_utc": f"{one.opens_at:%H:%M}",
        "closes_utc": f"{one.closes_at:%H:%M}",
    }


def _exception_row(one: ExceptionalDay) -> Row:
    closes = "" if one.session is None else f"{one.session.closes_at.astimezone(EXCHANGE_ZONE):%H:%M}"
    return {
        "day": f"{one.on:%A}, {show.day(one.on)}",
        "name": one.name,
        "what": f"Closes at {closes}" if closes else "Closed",
        "half": "yes" if closes else "",
    }
