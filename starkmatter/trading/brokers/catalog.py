"""Which real brokers there are, by the name an account and a connection carry."""

from collections.abc import Callable, Mapping

from starkmatter.accounts.vault import Secrets
from starkmatter.domain.orders import AccountMode, OrderRequest
from starkmatter.settings import Settings
from starkmatter.trading.brokers.alpaca import CAPABILITY as ALPACA
from starkmatter.trading.brokers.alpaca import AlpacaBroker
from starkmatter.trading.brokers.alpaca_words import refusals as alpaca_refusals
from starkmatter.trading.brokers.etrade import CAPABILITY as ETRADE
from starkmatter.trading.brokers.etrade import ETradeBroker
from starkmatter.trading.brokers.etrade import refusals as etrade_refusals
from starkmatter.trading.brokers.ib import CAPABILITY as IB
from starkmatter.trading.brokers.ib import IbBroker
from starkmatter.trading.brokers.ib import refusals as ib_refusals
from starkmatter.trading.brokers.schwab import CAPABILITY as SCHWAB
from starkmatter.trading.brokers.schwab import SchwabBroker
from starkmatter.trading.brokers.schwab import refusals as schwab_refusals
from starkmatter.trading.ports import Broker, SentOrders

OPENERS: dict[str, Callable[[Settings, Secrets, SentOrders], Broker]] = {
    ALPACA.adapter: AlpacaBroker,
    SCHWAB.adapter: SchwabBroker,
    ETRADE.adapter: ETradeBroker,
    IB.adapter: IbBroker,
}
TITLES = {one.adapter: one.vendor for one in (ALPACA, SCHWAB, ETRADE, IB)}
REFUSALS: dict[str, Callable[[OrderRequest], list[str]]] = {
    ALPACA.adapter: alpaca_refusals,
    SCHWAB.adapter: schwab_refusals,
    ETRADE.adapter: etrade_refusals,
    IB.adapter: ib_refusals,
}
# What an account there is, for whoever opens it.
OFFERS = {
    ALPACA.adapter: "paper, or real money",
    SCHWAB.adapter: "real money",
    ETRADE.adapter: "sandbox, or real money",
    IB.adapter: "paper, or real money",
}
# What a connection is of, paper or real money, by what of it is no secret.
MODES: dict[str, Callable[[Mapping[str, str]], AccountMode]] = {
    ALPACA.adapter: lambda shown: "live" if shown.get("environment") == "live" else "paper",
    SCHWAB.adapter: lambda _: "live",
    ETRADE.adapter: lambda shown: "live" if shown.get("environment") == "live" else "paper",
    IB.adapter: lambda shown: "live" if shown.get("mode") == "live" else "paper",
}
