"""Doubts a price that jumped until a second source bears it out, it comes back, or it has held for long enough (C6)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from starkmatter.domain.quotes import Quote
from starkmatter.market.border import MAX_JUMP_RATIO

HOLDS_AFTER = timedelta(minutes=10)
NEARBY_RATIO = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class _Jump:
    last: Decimal
    since: datetime


class Doubt:
    """What was believed last of each symbol, and since when a price far from it is seen."""

    def __init__(self) -> None:
        self._believed: dict[str, Decimal] = {}
        self._jumps: dict[str, _Jump] = {}

    def believe(self, quotes: Mapping[str, Quote]) -> None:
        """Start from these prices."""
        self._believed |= {symbol: quote.last for symbol, quote in quotes.items() if quote.condition == "normal"}

    def doubtful(self, quotes: Mapping[str, Quote]) -> list[str]:
        """The symbols whose price is far from what was believed: ask somebody else about them."""
        return [
            symbol
            for symbol, quote in quotes.items()
            if (last := self._believed.get(symbol)) is not None and not _near(quote.last, last, MAX_JUMP_RATIO)
        ]

    def judged(self, quotes: Mapping[str, Quote], second: Mapping[str, Quote], now: datetime) -> dict[str, Quote]:
        """The quotes, those in doubt marked `suspect`; `second` is what another source says of the doubtful ones."""
        doubtful = set(self.doubtful(quotes))
        judged: dict[str, Quote] = {}
        for symbol, quote in quotes.items():
            if symbol in doubtful and not self._borne_out(quote, second.get(symbol), now):
                judged[symbol] = replace(quote, condition="suspect")
                continue
            self._jumps.pop(symbol, None)
            if quote.condition == "normal":
                self._believed[symbol] = quote.last
            judged[symbol] = quote
        return judged

    def _borne_out(self, quote: Quote, second: Quote | None, now: datetime) -> bool:
        if second is not None and _near(quote.last, second.last, NEARBY_RATIO):
            return True
        jump = self._jumps.get(quote.symbol)
        if jump is None or not _near(quote.last, jump.last, MAX_JUMP_RATIO):
            self._jumps[quote.symbol] = _Jump(quote.last, now)
            return False
        return now - jump.since >= HOLDS_AFTER


def _near(price: Decimal, other: Decimal, ratio: Decimal) -> bool:
    return abs(price - other) <= ratio * other
