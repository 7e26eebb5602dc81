"""The trade page: one symbol, the orders of one's own in it, its position and fills."""

from functools import partial

import reflex as rx

from starkmatter.backends import backends
from starkmatter.domain.instruments import untradable_words
from starkmatter.domain.orders import OPEN
from starkmatter.domain.pairs import meant_by
from starkmatter.domain.quotes import SHOWN_INTERVALS
from starkmatter.errors import NotFound, StarkMatterError
from starkmatter.market.board import QuoteBoard
from starkmatter.market.lookup import SYMBOL, open_instrument
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.orders import list_fills, list_orders
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import cancel_words, chosen_account, chosen_venue
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import NO_SYMBOL, Row, fill_row, order_row, position_row
from starkmatter.ui.state.trade_rows import day_bar, line_row, streams

INTERVALS = SHOWN_INTERVALS
FILLS_SHOWN = 8


class TradeState(rx.State):
    """The symbol of the page and what belongs to it."""

    symbol_shown: str = ""
    about: Row = NO_SYMBOL
    interval: str = "5m"
    position: Row = {}
    orders: list[Row] = []
    fills: list[Row] = []
    lines: list[Row] = []
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self):
        """Read the symbol of the address and everything the person has in it."""
        asked = meant_by(str(self.router.url.path).rstrip("/").rsplit("/", 1)[-1].replace("%5E", "^"))
        if not SYMBOL.fullmatch(asked):
            return rx.redirect("/trade/AAPL")
        b, venue = backends(), await chosen_venue(self)
        try:
            one = await open_instrument(b.db, b.cache, venue, asked)
        except NotFound:
            self.problem = f"There is no symbol {asked} on this market."
            self.symbol_shown = ""
            return None
        except StarkMatterError as error:
            self.problem, self.symbol_shown = error.text, ""
            return None
        self.symbol_shown, self.problem = one.symbol, ""
        try:
            quote = (await QuoteBoard(b.cache).quotes(venue, [one.symbol])).get(one.symbol)
            day = await day_bar(venue, one.symbol)
        except StarkMatterError as error:
            quote, day, self.problem = None, None, error.text
        price = partial(show.price, one.symbol)
        self.about = {
            "venue": venue,
            "name": one.name,
            "sector": one.sector,
            "exchange": one.exchange,
            "note": one.data_note,
            "tradable": "yes" if one.tradable else "no",
            "fx": "yes" if one.kind == "fx" else "",
            "why_not": "" if one.tradable else untradable_words(one.symbol),
            "last": price(quote.last if quote else None),
            "bid": price(quote.bid if quote else None),
            "ask": price(quote.ask if quote else None),
            "open": price(day.open if day else None),
            "range": f"{price(day.low)} – {price(day.high)}" if day else show.NOTHING,
            "low": show.plain_number(day.low) if day else "",
            "high": show.plain_number(day.high) if day else "",
            "polled": "yes" if venue == "market" and one.tradable and not await streams(b) else "",
        }
        await self._read_own()
        return None

    @rx.event
    @allow("user")
    async def refresh(self) -> None:
        """An order changed: read own orders, position and fills again."""
        if self.symbol_shown:
            await self._read_own()

    @rx.event
    @allow("user")
    def set_bars(self, interval: str) -> None:
        """Show bars of another length."""
        if interval in INTERVALS:
            self.interval = interval

    @rx.event
    @allow("trader")
    async def cancel(self, order_id: str) -> None:
        """Ask for an order back."""
        self.problem = await cancel_words(self, order_id)
        await self._read_own()

    async def _read_own(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            account_id = await chosen_account(self)
            held = [one for one in await list_positions(b, caller, account_id) if one.symbol == self.symbol_shown]
            orders = [
                one for one in await list_orders(b, caller, account_id, OPEN, 200) if one.symbol == self.symbol_shown
            ]
            fills = await list_fills(b, caller, account_id=account_id, symbol=self.symbol_shown, limit=100)
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.position = position_row(held[0]) if held and held[0].qty else {}
        self.orders = [order_row(one) for one in orders]
        self.fills = [fill_row(one) for one in fills[:FILLS_SHOWN]]
        self.lines = [row for one in orders if (row := line_row(one, caller.may_trade)) is not None]
