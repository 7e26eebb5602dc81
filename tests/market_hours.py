"""A wall-clock market that is open whenever the test runs, with its sources on loopback."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.sessions import exchange_day
from starkmatter.settings import Settings, load_settings
from tests.builders import SESSION
from tests.standins.alpaca_data import AlpacaData, alpaca_data
from tests.standins.yahoo import Yahoo, yahoo_finance

DEAD_STREAM = "ws://127.0.0.1:9"
HOURS = timedelta(hours=6, minutes=30)


async def open_now(db: Database, *, since: timedelta = timedelta(hours=2), days: int = 4) -> list[datetime]:
    """Store sessions, the present one opened `since` ago (negative: it opens then); their opens, the oldest first."""
    opens = [utc_now().replace(microsecond=0) - since + timedelta(days=day) for day in range(1 - days, 3)]
    for opens_at in opens:
        await db.run(SESSION, (exchange_day(opens_at), opens_at, opens_at + HOURS))
    return opens[:days]


@dataclass
class Vendors:
    """The sources' stand-ins, and settings that lead there."""

    alpaca: AlpacaData
    yahoo: Yahoo
    settings: Settings

    def trade_on(self, days: list[datetime]) -> None:
        """Let both have bars of these sessions."""
        self.alpaca.days, self.yahoo.days = days, days


@contextmanager
def vendors_at(home: Path) -> Iterator[Vendors]:
    """Both sources, until the block ends."""
    with ExitStack() as stack:
        alpaca, yahoo = stack.enter_context(alpaca_data()), stack.enter_context(yahoo_finance())
        urls = {**alpaca.urls, "yahoo": yahoo.url, "yahoo-stream": DEAD_STREAM}
        yield Vendors(alpaca, yahoo, load_settings({"STARKMATTER_HOME": str(home), "STARKMATTER_VENDOR_URLS": urls}))
