"""Every adapter's row, and the page of the documentation that is made of them: `make docs` writes it."""

from starkmatter.accounts.oidc.connections import CAPABILITIES as SIGN_IN
from starkmatter.alerts.notifiers.smtp import CAPABILITY as SMTP
from starkmatter.assistant.models.claude import CAPABILITY as CLAUDE
from starkmatter.connections.catalog import BY_KIND
from starkmatter.domain.instruments import CLASS_WORDS
from starkmatter.egress.capability import Capability, Port
from starkmatter.market.providers.alpaca import CAPABILITY as ALPACA_DATA
from starkmatter.market.providers.alphavantage import CAPABILITY as ALPHAVANTAGE
from starkmatter.market.providers.ecb import CAPABILITY as ECB
from starkmatter.market.providers.finnhub import CAPABILITY as FINNHUB
from starkmatter.market.providers.massive import CAPABILITY as MASSIVE
from starkmatter.market.providers.openfigi import CAPABILITY as OPENFIGI
from starkmatter.market.providers.twelvedata import CAPABILITY as TWELVEDATA
from starkmatter.market.providers.yahoo import CAPABILITY as YAHOO
from starkmatter.market.source_order import BY_DEFAULT, in_order
from starkmatter.news.sources.newsapi import CAPABILITY as NEWSAPI
from starkmatter.news.sources.rss import CAPABILITY as RSS
from starkmatter.news.sources.sample import CAPABILITY as SAMPLE
from starkmatter.trading.brokers.alpaca import CAPABILITY as ALPACA
from starkmatter.trading.brokers.etrade import CAPABILITY as ETRADE
from starkmatter.trading.brokers.ib import CAPABILITY as IB
from starkmatter.trading.brokers.schwab import CAPABILITY as SCHWAB

_OF_MARKET_DATA = {one.adapter: one for one in (ALPACA_DATA, MASSIVE, FINNHUB, TWELVEDATA, YAHOO, ALPHAVANTAGE)}
MARKET_DATA = tuple(_OF_MARKET_DATA[adapter] for adapter in in_order(_OF_MARKET_DATA, BY_DEFAULT))
CAPABILITIES: tuple[Capability, ...] = (
    *MARKET_DATA,
    OPENFIGI,
    ECB,
    ALPACA,
    SCHWAB,
    ETRADE,
    IB,
    NEWSAPI,
    RSS,
    SAMPLE,
    CLAUDE,
    SMTP,
    *SIGN_IN,
)
PORTS: dict[Port, str] = {
    "market data": "Market data (asked in this order, unless an admin chooses another)",
    "identifiers": "Identifiers",
    "exchange rates": "Exchange rates",
    "broker": "Brokers",
    "news": "News",
    "model": "Models",
    "mail": "Mail",
    "sign-in": "Sign-in elsewhere",
}
HEAD = """# Providers

Made from the adapters' own records (`starkmatter/connections/providers.py`): change those, then `make docs`.
How to add one is in [CONTRIBUTING](../CONTRIBUTING.md). The replay market needs none of these.
"""
TABLE = "| adapter | vendor | through | key | gives | limits | notes |\n|---|---|---|---|---|---|---|\n"
CLOSED = (
    "| – | IEX Cloud | – | – | – | closed on 2024-08-31 | Its service ended; prices of the exchange IEX come as "
    "the feed `iex` of Alpaca's market data. |\n"
)


def providers_page() -> str:
    """The page in Markdown, ending in a line break."""
    parts = [HEAD]
    for port, title in PORTS.items():
        parts.append(f"\n## {title}\n\n{TABLE}")
        parts += [_row(one) for one in CAPABILITIES if one.port == port]
        if port == "market data":
            parts.append(CLOSED)
    return "".join(parts)


def _row(one: Capability) -> str:
    key = "none" if one.connection is None else BY_KIND[one.connection].title
    kinds = ", ".join(words for kind, words in CLASS_WORDS.items() if kind in one.classes)
    gives = ", ".join(one.gives) + (f"; of {kinds}" if one.port == "market data" else "")
    cells = (f"`{one.adapter}`", one.vendor, one.client, key, gives, one.limits, one.notes)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(providers_page())
