"""What a source of market data must do, whoever the vendor is: quotes, bars, corporate actions, a search, a stream.

Every method raises VendorFailure when the vendor fails, in words; it never answers with something empty instead. A
symbol the vendor does not know, or will not name a price for, is absent from an answer that is good otherwise. A figure
that is none is handed over as NaN, an instant as one that has not happened and a day as one that never comes:
`market.failover` turns them away at the border and counts them. So it does with a symbol that was not asked for.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from starkmatter.domain.actions import CorporateAction, EarningsDate
from starkmatter.domain.depth import Depth
from starkmatter.domain.fx import ReferenceRate
from starkmatter.domain.instruments import InstrumentKind
from starkmatter.domain.quotes import Bar, Interval, Quote
from starkmatter.egress.capability import Capability
from starkmatter.market.identifiers import Identifier

Quotes = dict[str, Quote]
# Quotes come again in a moment: they wait no longer than this for their turn at a vendor.
QUOTE_WAIT_SECS = 0.5
OnQuotes = Callable[[Quotes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Found:
    """A symbol the vendor offers, in our spelling (BRK.B, ^GSPC), as it describes it."""

    symbol: str
    name: str
    kind: InstrumentKind
    exchange: str
    currency: str
    sector: str = ""
    isin: str | None = None
    figi: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """What an identifier stands for in the United States, in our spelling; `figi` that of all its listings there."""

    symbol: str
    name: str
    figi: str | None


class IdentifierSource(Protocol):
    """Who knows what an ISIN or a FIGI stands for."""

    async def named(self, identifier: Identifier) -> Named | None:
        """None when it stands for nothing that is listed in the United States. VendorFailure when nobody answers."""
        ...


class RateSource(Protocol):
    """Who sets reference rates of the euro. What is no rate comes as NaN, for the border to count."""

    @property
    def capability(self) -> Capability: ...

    async def newest(self) -> list[ReferenceRate]:
        """Those of the last day that is published. VendorFailure when there are none."""
        ...

    async def history(self) -> list[ReferenceRate]:
        """Those of all days. VendorFailure when there are none."""
        ...


@runtime_checkable
class BookSource(Protocol):
    """A vendor of market data that also tells what waits in its book: `depth` in `capability.gives`."""

    @property
    def capability(self) -> Capability: ...

    async def depth(self, symbols: Sequence[str]) -> dict[str, Depth]:
        """The book of each symbol that has one there, in one request; the others are absent. Raises VendorFailure."""
        ...


class MarketDataProvider(Protocol):
    """One vendor. `capability.gives` says which of quotes, bars, actions, earnings, search and stream it offers."""

    @property
    def capability(self) -> Capability: ...

    def every_secs(self, symbols: int) -> float:
        """How often the plan allows that so many symbols are asked for, all through a session."""
        ...

    async def ready(self) -> None:
        """Have what asking needs: the first import of an SDK takes longer than an answer may. Asks nobody."""
        ...

    async def quotes(self, symbols: Sequence[str]) -> Quotes:
        """The newest quote of each symbol, in one request where the vendor can; unknown ones are absent."""
        ...

    async def bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        """Finished and growing bars with start <= starts_at < end, oldest first; empty when there are none.

        Adjusted for splits, not for dividends. `starts_at` of a day is any instant of it in exchange time; bars inside
        a day may be finer than asked, never coarser, and may lie outside the session: the caller puts them on its grid.
        """
        ...

    async def actions(self, symbol: str) -> list[CorporateAction]:
        """Every split and cash dividend it knows of a symbol, also those that are announced; empty when there are none.

        As declared, in shares of the ex-date. Only where `gives` has it.
        """
        ...

    async def earnings(self, symbol: str) -> list[EarningsDate]:
        """Days on which the company reported or is expected to; empty when none is known. Only where `gives` has it."""
        ...

    async def search(self, text: str) -> list[Found]:
        """Symbols whose name or ticker matches, the best first; empty when nothing does. Only where `gives` has it."""
        ...

    async def stream(self, symbols: Sequence[str], on_quotes: OnQuotes) -> None:
        """Tell of every change until the connection ends, which is a VendorFailure; the caller tries again later.

        The first call of `on_quotes` has what is known now. Several changes within a moment come as one. Only where
        `gives` has it.
        """
        ...
