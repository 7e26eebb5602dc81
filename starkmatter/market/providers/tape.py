"""What a stream has told: the newest quote of each symbol, and which of them nobody was told of yet.

What the border would turn away is handed to it as it is, so that it is counted, and is not built upon.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from starkmatter.clock import utc_now
from starkmatter.domain.money import ZERO
from starkmatter.domain.quotes import Quote
from starkmatter.market.border import refusal_of
from starkmatter.market.ports import OnQuotes, Quotes

EARLY_MAX = 5_000
GATHER_SECS = 0.2
Change = Callable[[Quote], Quote]


class Tape:
    """Begins with quotes that were asked for; what is told before they came is kept, and taken where it is newer."""

    def __init__(self) -> None:
        self.newest: Quotes = {}
        self.changed: set[str] = set()
        self.odd: Quotes = {}
        self.woken = asyncio.Event()
        self._early: deque[tuple[str, datetime, Change]] | None = deque(maxlen=EARLY_MAX)

    def know(self, quotes: Quotes) -> None:
        """Begin with these."""
        self.newest, self.changed = dict(quotes), set(quotes)
        early, self._early = self._early or (), None
        for symbol, at, change in early:
            known = self.newest.get(symbol)
            if known is not None and known.observed_at < at:
                self._take(symbol, at, change)
        self.woken.set()

    def take_touch(
        self,
        symbol: str,
        at: datetime,
        touch: tuple[Decimal | None, Decimal | None],
        sizes: tuple[Decimal | None, Decimal | None],
    ) -> None:
        """A new bid and ask; sizes in shares."""
        bid, ask = touch
        bid_size, ask_size = sizes if bid is not None else (None, None)
        self._take(symbol, at, lambda quote: replace(quote, bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size))

    def take_trade(
        self,
        symbol: str,
        at: datetime,
        price: Decimal,
        size: Decimal | None = None,
        volume: Decimal | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """A new last price; its shares add to the day's volume, or `volume` is the day's.

        `alone`: this stream tells no bid and ask, so those known stay only while the price lies between them.
        """

        def change(quote: Quote) -> Quote:
            added = None if quote.volume is None else quote.volume + (size or ZERO)
            changed = replace(quote, last=price, volume=added if volume is None else volume)
            if alone and not _between(quote, price):
                changed = replace(changed, bid=None, ask=None, bid_size=None, ask_size=None)
            return changed

        self._take(symbol, at, change)

    def _take(self, symbol: str, at: datetime, change: Change) -> None:
        if self._early is not None:
            self._early.append((symbol, at, change))
            return
        before = self.newest.get(symbol)
        if before is None:
            return
        now = utc_now()
        changed = replace(change(before), observed_at=max(before.observed_at, at), received_at=now)
        if refusal_of(changed, venue_now=now, asked=symbol) is None:
            self.newest[symbol] = changed
            self.changed.add(symbol)
        else:
            self.odd[symbol] = changed
        self.woken.set()

    def taken(self) -> Quotes:
        """What changed since the last call."""
        changed, self.changed = self.changed, set()
        self.woken.clear()
        return {symbol: self.newest[symbol] for symbol in changed}

    async def tell(self, on_quotes: OnQuotes) -> None:
        """Hand over what changes, several changes within a moment as one; for ever."""
        while True:
            await self.woken.wait()
            odd, self.odd = self.odd, {}
            if odd:
                await on_quotes(odd)
            await on_quotes(self.taken())
            await asyncio.sleep(GATHER_SECS)


def _between(quote: Quote, price: Decimal) -> bool:
    if quote.bid is None or quote.ask is None or not price.is_finite():
        return False
    return quote.bid <= price <= quote.ask
