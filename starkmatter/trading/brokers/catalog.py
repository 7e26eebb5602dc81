"""Which real brokers there are, by the name an account and a connection carry."""

from collections.abc import Callable

from starkmatter.accounts.vault import Secrets
from starkmatter.domain.orders import OrderRequest
from starkmatter.settings import Settings
from starkmatter.trading.brokers.alpaca import CAPABILITY as ALPACA
from starkmatter.trading.brokers.alpaca import AlpacaBroker
from starkmatter.trading.brokers.alpaca import refusals as alpaca_refusals
from starkmatter.trading.ports import Broker

OPENERS: dict[str, Callable[[Settings, Secrets], Broker]] = {ALPACA.adapter: AlpacaBroker}
TITLES = {ALPACA.adapter: ALPACA.vendor}
REFUSALS: dict[str, Callable[[OrderRequest], list[str]]] = {ALPACA.adapter: alpaca_refusals}
