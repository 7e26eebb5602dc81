"""The sources of market data as they are connected now: the installation's keys first, then what needs none."""

from starkmatter.accounts.vault import open_secret
from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs
from starkmatter.errors import ConfigError, Unavailable
from starkmatter.market.failover import Failover
from starkmatter.market.ports import MarketDataProvider
from starkmatter.market.providers.alpaca import KIND as ALPACA
from starkmatter.market.providers.alpaca import AlpacaProvider
from starkmatter.market.providers.yahoo import YahooProvider

LOOK_SECS = 5.0


class MarketSources:
    """`current` gives the same objects until keys change. Nothing of an SDK is imported before a source is asked."""

    def __init__(self, b: Backends) -> None:
        self._b = b
        self._yahoo = YahooProvider(b.settings)
        self._failover = Failover([self._yahoo])
        self._fingerprint = ""
        self._looked_at = float("-inf")

    async def current(self) -> Failover:
        """The sources in order; keys are looked at every few seconds."""
        now = monotonic_secs()
        if now - self._looked_at < LOOK_SECS:
            return self._failover
        try:
            keys = await open_secret(self._b, ALPACA)
        except ConfigError:
            keys = None  # The connection's page says that it cannot be opened.
        except Unavailable:
            self._looked_at = now  # What keeps the keys does not answer: go on with those of before.
            return self._failover
        self._looked_at = now
        fingerprint = keys.fingerprint if keys else ""
        if fingerprint != self._fingerprint:
            with_key: list[MarketDataProvider] = [AlpacaProvider(self._b.settings, keys)] if keys else []
            self._failover, self._fingerprint = Failover([*with_key, self._yahoo]), fingerprint
        return self._failover
