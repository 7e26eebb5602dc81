"""One symbol's page: what its days say, how it moves with what the person has, and where it can be put."""

from datetime import date, datetime
from decimal import Decimal
from functools import partial
from operator import itemgetter

import reflex as rx

from starkmatter.backends import backends
from starkmatter.clock import utc_now
from starkmatter.domain.actions import dividend_words, expected_words, hour_words, pay_words, split_words
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.pairs import meant_by
from starkmatter.domain.quotes import Quote, Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import NotFound, StarkMatterError
from starkmatter.market.actions.reading import Actions, load_actions
from starkmatter.market.board import QuoteBoard
from starkmatter.market.key_figures import MAX_SYMBOLS, KeyFigures, correlations, key_figures
from starkmatter.market.lookup import SYMBOL, look_at_bars, open_instrument
from starkmatter.market.service import load_bars
from starkmatter.market.watchlists.service import add_symbol_to, list_watchlists
from starkmatter.news.service import list_news
from starkmatter.portfolio.valuation import clock_or_none, list_positions
from starkmatter.ui import format as show
from starkmatter.ui.lines import line_points
from starkmatter.ui.state.correlated import coefficient_cell
from starkmatter.ui.state.frame import chosen_account, chosen_venue
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.markets import _key
from starkmatter.ui.state.news import _rows as news_rows
from starkmatter.ui.state.rows import Row

YEAR, WINDOW, NEWS, ACTIONS = 252, 120, 6, 12
LINE_WIDTH, LINE_HEIGHT = 800, 200
NO_FIGURES: Row = dict.fromkeys(
    ("last", "change", "change_pct", "bid", "ask", "volume", "average", "relative", "volatility", "beta", "open"),
    show.NOTHING,
) | dict.fromkeys(("dir", "range", "low", "high", "day_low", "day_high", "place", "beta_of", "note", "line"), "")
NOBODY: Row = dict.fromkeys(
    ("name", "sector", "exchange", "kind", "pair", "currency", "tick", "lot", "trade", "data", "isin", "figi"), ""
)
KIND_WORDS = {"equity": "Share", "etf": "Fund", "index": "Index", "fx": "Currency pair", "crypto": "Coin"}


class SymbolState(rx.State):
    """The symbol of the address."""

    ready: bool = False
    symbol: str = ""
    about: Row = NOBODY
    figures: Row = NO_FIGURES
    returns: list[Row] = []
    news: list[Row] = []
    related: list[Row] = []
    actions: list[Row] = []
    actions_note: str = ""
    lists: list[Row] = []
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self):
        """Read everything about the symbol."""
        asked = meant_by(str(self.router.url.path).rstrip("/").rsplit("/", 1)[-1].replace("%5E", "^"))
        self.said = ""
        if not SYMBOL.fullmatch(asked):
            return rx.redirect("/markets")
        if asked != self.symbol:
            self.ready, self.news, self.related, self.actions = False, [], [], []
        b, venue = backends(), await chosen_venue(self)
        try:
            one = await open_instrument(b.db, b.cache, venue, asked)
            self.symbol, self.about, self.problem = one.symbol, _about(one), ""
            await self._read(one, venue)
        except NotFound:
            self.symbol, self.problem = "", f"There is no symbol {asked} on this market."
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True
        return None

    @rx.event
    @allow("user")
    async def add_to(self, form: dict[str, str]) -> None:
        """Put the symbol into one of the person's lists."""
        b, caller = backends(), await caller_of(self)
        try:
            done = await add_symbol_to(b.db, b.cache, caller.user_id, _key(form.get("list", "")), self.symbol)
        except StarkMatterError as error:
            self.problem, self.said = error.text, ""
            return
        self.said, self.problem = f"{self.symbol} is in “{done.name}”.", ""

    async def _read(self, one: Instrument, venue: Venue) -> None:
        b, caller = backends(), await caller_of(self)
        clock = await clock_or_none(b, venue)
        quote = (await QuoteBoard(b.cache).quotes(venue, [one.symbol])).get(one.symbol)
        lists = await list_watchlists(b.db, caller.user_id, venue)
        self.lists = [{"id": str(known.id), "name": known.name} for known in lists]
        found = await list_news(b, caller, venue=venue, symbols=[one.symbol], limit=NEWS)
        self.news = await news_rows(found, venue)
        if venue == "market":
            await look_at_bars(b.cache, one.symbol, "1d")
        known = await load_actions(b.db, venue, one.symbol)
        self.actions, self.actions_note = action_rows(known, exchange_day(utc_now())), _told(one, known, venue)
        if clock is None:
            self.figures, self.returns = NO_FIGURES, []
            return
        until = clock.venue_now
        figures = await key_figures(b.db, venue, one.symbol, until)
        closes = [bar.close for bar in await load_bars(b.db, venue, one.symbol, "1d", limit=YEAR, until=until)]
        self.figures = figure_row(one.symbol, figures, quote) | {"line": line_points(closes, LINE_WIDTH, LINE_HEIGHT)}
        self.returns = [
            {"period": name, "text": show.percent(_pct(value)), "dir": show.direction(value)}
            for name, value in figures.returns.items()
        ]
        listed = lists[0].symbols if lists else []
        self.related = await self._related(one.symbol, listed, venue, until)

    async def _related(self, symbol: str, listed: list[str], venue: Venue, until: datetime) -> list[Row]:
        """How it moved with what is held, then with the first watchlist, as far as a table goes."""
        b, caller = backends(), await caller_of(self)
        try:
            positions = await list_positions(b, caller, await chosen_account(self))
        except StarkMatterError:
            positions = []
        held = [one.symbol for one in positions if one.qty]
        others = [known for known in dict.fromkeys([*held, *listed]) if known != symbol][: MAX_SYMBOLS - 1]
        if not others:
            return []
        table = (await correlations(b.db, venue, [symbol, *others], WINDOW, until)).table[0]
        return [
            coefficient_cell(value) | {"symbol": name, "held": "yes" if name in held else ""}
            for name, value in zip(others, table[1:], strict=True)
        ]


def action_rows(known: Actions, today: date) -> list[Row]:
    """What is announced, the nearest last, then what has happened, the newest first; at most ACTIONS of it."""
    found = [(one.ex_on, "Split", split_words(one), "") for one in known.splits]
    found += [(one.ex_on, "Dividend", dividend_words(one), pay_words(one)) for one in known.dividends]
    found += [(one.reports_on, "Earnings", hour_words(one), expected_words(one, today)) for one in known.earnings]
    found.sort(key=itemgetter(0), reverse=True)
    return [
        {"day": f"{on:%b %-d, %Y}", "kind": kind, "text": text, "more": more, "ahead": "yes" if on >= today else ""}
        for on, kind, text, more in found[:ACTIONS]
    ]


def _told(one: Instrument, known: Actions, venue: Venue) -> str:
    if one.kind in {"fx", "crypto"}:
        return "Currency pairs and coins have no splits, dividends or earnings."
    if venue != "market":
        return "The replay's history came adjusted and names no splits, dividends or earnings."
    if known.asked_at is None:
        return "Sources are asked when a symbol is first looked at, and each day after that."
    return "No source knows of any."


def figure_row(symbol: str, found: KeyFigures, quote: Quote | None) -> Row:
    """The figures in words and numbers; `place` is where the last price lies in the 52 weeks, 0 to 100."""
    day, last = found.day, quote.last if quote else (found.day.close if found.day else None)
    before = quote.prev_close if quote and quote.prev_close else found.before
    moved = last - before if last is not None and before else None
    high = max(found.high, last) if found.high is not None and last is not None else found.high
    low = min(found.low, last) if found.low is not None and last is not None else found.low
    place = (last - low) / (high - low) * 100 if last is not None and high and low and high > low else None
    volume = quote.volume if quote and quote.volume is not None else (day.volume if day else None)
    average = found.average_volume
    price = partial(show.price, symbol)
    return NO_FIGURES | {
        "last": price(last),
        "change": show.price_change(symbol, moved, last),
        "change_pct": show.percent(moved / before * 100 if moved is not None and before else None),
        "dir": show.direction(moved),
        "bid": price(quote.bid if quote else None),
        "ask": price(quote.ask if quote else None),
        "open": price(day.open if day else None),
        "range": f"{price(day.low)} – {price(day.high)}" if day else show.NOTHING,
        "day_low": show.plain_number(day.low) if day else "",
        "day_high": show.plain_number(day.high) if day else "",
        "low": price(low),
        "high": price(high),
        "place": f"{float(place):.1f}" if place is not None else "",
        "volume": show.money(volume, 0),
        "average": show.money(average, 0),
        "relative": f"{show.money(volume / average)}×" if volume is not None and average else show.NOTHING,
        "volatility": show.NOTHING if found.volatility is None else f"{show.money(found.volatility * 100)} %",
        "beta": show.money(found.beta),
        "beta_of": found.beta_of,
        "note": f"of {found.sessions} stored sessions" if found.sessions else "No days are stored yet.",
    }


def _about(one: Instrument) -> Row:
    return {
        "name": one.name,
        "sector": one.sector,
        "exchange": one.exchange,
        "kind": KIND_WORDS.get(one.kind, one.kind),
        "pair": "yes" if one.kind in {"fx", "crypto"} else "",
        "currency": one.currency,
        "tick": show.quantity(one.tick_size),
        "lot": show.quantity(one.lot_size),
        "trade": "yes" if one.tradable else "",
        "data": one.data_note,
        "isin": one.isin or "",
        "figi": one.figi or "",
    }


def _pct(value: Decimal | None) -> Decimal | None:
    return None if value is None else value * 100
