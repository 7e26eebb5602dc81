"""Every adapter's row, and the page of the documentation that is made of them: `make docs` writes it."""

from starkmatter.accounts.oidc.connections import CAPABILITIES as SIGN_IN
from starkmatter.alerts.notifiers.smtp import CAPABILITY as SMTP
from starkmatter.assistant.models.claude import CAPABILITY as CLAUDE
from starkmatter.connections.catalog import BY_KIND
from starkmatter.egress.capability import Capability, Port
from starkmatter.market.providers.alpaca import CAPABILITY as ALPACA_DATA
from starkmatter.market.providers.yahoo import CAPABILITY as YAHOO
from starkmatter.news.sources.newsapi import CAPABILITY as NEWSAPI
from starkmatter.news.sources.rss import CAPABILITY as RSS
from starkmatter.news.sources.sample import CAPABILITY as SAMPLE
from starkmatter.trading.brokers.alpaca import CAPABILITY as ALPACA

CAPABILITIES: tuple[Capability, ...] = (ALPACA_DATA, YAHOO, ALPACA, NEWSAPI, RSS, SAMPLE, CLAUDE, SMTP, *SIGN_IN)
PORTS: dict[Port, str] = {
    "market data": "Market data (asked in this order)",
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
CLOSED = """
IEX Cloud closed on 2024-08-31; IEX prices come as the `iex` feed of Alpaca's market data.
"""


def providers_page() -> str:
    """The page in Markdown, ending in a line break."""
    parts = [HEAD]
    for port, title in PORTS.items():
        parts.append(f"\n## {title}\n\n{TABLE}")
        parts += [_row(one) for one in CAPABILITIES if one.port == port]
    return "".join([*parts, CLOSED])


def _row(one: Capability) -> str:
    key = "none" if one.connection is None else BY_KIND[one.connection].title
    cells = (f"`{one.adapter}`", one.vendor, one.client, key, ", ".join(one.gives), one.limits, one.notes)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(providers_page())
