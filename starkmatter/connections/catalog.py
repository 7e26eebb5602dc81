"""Every vendor that can be connected, in the order of the settings page."""

from starkmatter.accounts.connections import ConnectionKind
from starkmatter.accounts.mail import CONNECTION as SMTP
from starkmatter.accounts.oidc.connections import SIGN_IN
from starkmatter.assistant.models.claude import CONNECTION as CLAUDE
from starkmatter.connections.market_data import MARKET_DATA
from starkmatter.news.sources.newsapi import CONNECTION as NEWSAPI
from starkmatter.trading.brokers.alpaca_keys import CONNECTION as ALPACA
from starkmatter.trading.brokers.etrade_sign_in import CONNECTION as ETRADE
from starkmatter.trading.brokers.ib_connection import CONNECTION as IB
from starkmatter.trading.brokers.schwab_sign_in import CONNECTION as SCHWAB

CATALOG: tuple[ConnectionKind, ...] = (ALPACA, SCHWAB, ETRADE, IB, *MARKET_DATA, NEWSAPI, CLAUDE, SMTP, *SIGN_IN)
BY_KIND = {one.kind: one for one in CATALOG}
