"""The sources of market data as they are connected now, in the order an admin chose."""

from collections.abc import Callable, Mapping

from starkmatter.accounts.vault import open_secret, stored_secrets
from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs
from starkmatter.errors import ConfigError, InvalidInput, Unavailable
from starkmatter.market.failover import Failover
from starkmatter.market.health import Health
from starkmatter.market.ports import MarketDataProvider
from starkmatter.market.providers import alpaca, alphavantage, finnhub, massive, twelvedata, yahoo
from starkmatter.market.source_order import chosen_order
from starkmatter.settings import Settings

LOOK_SECS = 5.0
Opener = Callable[[Settings, Mapping[str, str]], MarketDataProvider]
# Adapter: the kind of its connection, and how it is made. `source_order` says who is asked first.
KEYED: dict[str, tuple[str, Opener]] = {
    alpaca.NAME: (alpaca.KIND, alpaca.AlpacaProvider),
    massive.NAME: (massive.KIND, massive.MassiveProvider),
    finnhub.NAME: (finnhub.KIND, finnhub.FinnhubProvider),
    twelvedata.NAME: (twelvedata.KIND, twelvedata.TwelveDataProvider),
    alphavantage.NAME: (alphavantage.KIND, alphavantage.AlphaVantageProvider),
}


class MarketSources:
    """`current` gives the same objects until keys or the order change. No SDK is imported before a source is asked."""

    def __init__(self, b: Backends) -> None:
        self._b = b
        self.health = Health()
        self._open: dict[str, MarketDataProvider] = {yahoo.NAME: yahoo.YahooProvider(b.settings)}
        self._fingerprints: dict[str, str] = {}
        self._failover = Failover([self._open[yahoo.NAME]], self.health)
        self._looked_at = float("-inf")

    async def current(self) -> Failover:
        """The sources in order; keys and order are looked at every few seconds."""
        now = monotonic_secs()
        if now - self._looked_at < LOOK_SECS:
            return self._failover
        self._looked_at = now
        try:
            stored = await stored_secrets(self._b, None)
            order = await chosen_order(self._b.db)
            for adapter, (kind, opener) in KEYED.items():
                await self._look(adapter, kind, opener, there=kind in stored)
        except Unavailable:
            return self._failover  # What keeps them does not answer: go on with those of before.
        providers = [self._open[adapter] for adapter in order if adapter in self._open]
        if tuple(providers) != self._failover.providers:
            self._failover = Failover(providers, self.health)
        return self._failover

    async def _look(self, adapter: str, kind: str, opener: Opener, *, there: bool) -> None:
        """Have that source open with the keys that are kept for it, or not at all."""
        try:
            keys = await open_secret(self._b, kind) if there else None
            if keys is None:
                self._close(adapter)
            elif keys.fingerprint != self._fingerprints.get(adapter):
                self._open[adapter] = opener(self._b.settings, keys)
                self._fingerprints[adapter] = keys.fingerprint
        except (ConfigError, InvalidInput):
            self._close(adapter)  # The connection's page says what is wrong with it.

    def _close(self, adapter: str) -> None:
        self._open.pop(adapter, None)
        self._fingerprints.pop(adapter, None)
