"""Asks one source after the other, in order: what the first cannot give comes from the next, and says so itself.

A quote and a bar name their provider, so nothing is handed over silently.
"""

from collections.abc import Sequence
from datetime import datetime

from starkmatter.domain.quotes import Bar, Interval
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import Unavailable
from starkmatter.market.ports import Found, MarketDataProvider, Quotes


class NoSource(Unavailable):
    """No source of market data answered; the text says what each one said."""

    code = "no_market_data"


class Failover:
    """Sources in order of preference. Every method raises NoSource when none of them answered."""

    def __init__(self, providers: Sequence[MarketDataProvider]) -> None:
        self.providers = tuple(providers)

    def giving(self, what: str) -> list[MarketDataProvider]:
        """The sources that offer `what`, in order."""
        return [one for one in self.providers if what in one.capability.gives]

    async def quotes(self, symbols: Sequence[str], *, but: str = "") -> Quotes:
        """The newest quote of each symbol that any source knows; `but` is an adapter that is not asked."""
        found: Quotes = {}
        failures: list[VendorFailure] = []
        asked = 0
        for provider in self.giving("quotes"):
            missing = [symbol for symbol in symbols if symbol not in found]
            if not missing or provider.capability.adapter == but:
                continue
            asked += 1
            try:
                found |= await provider.quotes(missing)
            except VendorFailure as failure:
                failures.append(failure)
        if failures and len(failures) == asked:
            raise _none(failures)
        return found

    async def bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        """The bars of the first source that has any."""
        failures: list[VendorFailure] = []
        offering = self.giving("bars")
        for provider in offering:
            try:
                bars = await provider.bars(symbol, interval, start, end)
            except VendorFailure as failure:
                failures.append(failure)
                continue
            if bars:
                return bars
        if offering and len(failures) == len(offering):
            raise _none(failures)
        return []

    async def search(self, text: str) -> list[Found]:
        """What the first source that answers has found."""
        failures: list[VendorFailure] = []
        for provider in self.giving("search"):
            try:
                return await provider.search(text)
            except VendorFailure as failure:
                failures.append(failure)
        raise _none(failures)


def _none(failures: Sequence[VendorFailure]) -> NoSource:
    return NoSource(" ".join(dict.fromkeys(one.text for one in failures)) or "No source of market data offers this.")
