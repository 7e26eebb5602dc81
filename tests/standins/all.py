"""Where the running product finds the vendors during tests: at a stand-in, or at a port where nobody answers."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.standins.alpaca_data import AlpacaData, alpaca_data
from tests.standins.alpaca_trading import AlpacaTrading, alpaca_trading
from tests.standins.alphavantage import AlphaVantage, alphavantage
from tests.standins.claude import ClaudeStandIn, claude_server
from tests.standins.ecb import Ecb, ecb
from tests.standins.etrade import ETrade, etrade
from tests.standins.feeds import Feeds, feed_server
from tests.standins.finnhub import Finnhub, finnhub
from tests.standins.massive import Massive, massive
from tests.standins.newsapi import NewsApi, news_api
from tests.standins.openfigi import OpenFigi, openfigi
from tests.standins.schwab import Schwab, schwab
from tests.standins.smtp import Mailbox, mail_server
from tests.standins.twelvedata import TwelveData, twelvedata
from tests.standins.yahoo import Yahoo, yahoo_finance

NOBODY = "http://127.0.0.1:9"
MARKET_DATA = ("yahoo", "alpaca-data", "massive", "finnhub", "twelvedata", "alphavantage", "ecb", "openfigi")
NAMES = (
    *MARKET_DATA,
    "alpaca-trading",
    "alpaca-live-trading",
    "schwab",
    "etrade",
    "claude",
    "newsapi",
    "google",
    "microsoft",
    "github",
    "github-api",
)
STREAMS = (
    "alpaca-stream",
    "alpaca-trading-stream",
    "alpaca-live-trading-stream",
    "massive-stream",
    "finnhub-stream",
    "yahoo-stream",
)


@dataclass
class Standins:
    """The vendors on loopback. A new one is added here and in `vendor_urls`. Yahoo's stream is left out: without one,
    prices move when they are asked for.
    """

    yahoo: Yahoo
    alpaca_data: AlpacaData
    massive: Massive
    finnhub: Finnhub
    twelvedata: TwelveData
    alphavantage: AlphaVantage
    ecb: Ecb
    openfigi: OpenFigi
    alpaca_trading: AlpacaTrading
    schwab: Schwab
    etrade: ETrade
    claude: ClaudeStandIn
    newsapi: NewsApi
    feeds: Feeds
    mail: Mailbox


def vendor_urls(there: Standins | None = None) -> dict[str, str]:
    """Addresses for STARKMATTER_VENDOR_URLS; without stand-ins every vendor is unreachable at once."""
    urls = dict.fromkeys(NAMES, NOBODY) | dict.fromkeys(STREAMS, NOBODY.replace("http", "ws"))
    if there is not None:
        urls |= {"yahoo": there.yahoo.url, "claude": there.claude.url}
        urls |= {**there.alpaca_data.urls, **there.alpaca_trading.urls, **there.newsapi.urls}
        urls |= {**there.massive.urls, **there.finnhub.urls, **there.twelvedata.urls, **there.alphavantage.urls}
        urls |= {**there.schwab.urls, **there.etrade.urls}
        urls |= {**there.ecb.urls, **there.openfigi.urls}
    return urls


@contextmanager
def all_standins() -> Iterator[Standins]:
    """Every stand-in, until the block ends."""
    with ExitStack() as stack:
        yield Standins(
            yahoo=stack.enter_context(yahoo_finance()),
            alpaca_data=stack.enter_context(alpaca_data()),
            massive=stack.enter_context(massive()),
            finnhub=stack.enter_context(finnhub()),
            twelvedata=stack.enter_context(twelvedata()),
            alphavantage=stack.enter_context(alphavantage()),
            ecb=stack.enter_context(ecb()),
            openfigi=stack.enter_context(openfigi()),
            alpaca_trading=stack.enter_context(alpaca_trading()),
            schwab=stack.enter_context(schwab()),
            etrade=stack.enter_context(etrade()),
            claude=stack.enter_context(claude_server()),
            newsapi=stack.enter_context(news_api()),
            feeds=stack.enter_context(feed_server()),
            mail=stack.enter_context(mail_server()),
        )
