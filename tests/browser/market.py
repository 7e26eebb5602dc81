"""An own instance of the product whose market is open at any hour, with its sources on loopback."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from playwright.sync_api import expect

from starkmatter.domain.sessions import exchange_day
from tests.browser.walk import SECS, Walk
from tests.ops.instance import Instance, running_instance
from tests.ram import home_folder
from tests.security.product import SETUP_LINK
from tests.standins.all import Standins, all_standins, vendor_urls

HOURS = timedelta(hours=10)


@dataclass
class MarketToday:
    """The product, its sources, and the link that sets it up."""

    instance: Instance
    vendors: Standins
    link: str

    @property
    def url(self) -> str:
        return f"http://localhost:{self.instance.port}"

    def open_now(self) -> None:
        """A session that began two hours ago and lasts longer than any test."""
        opens_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        web = self.instance.child("web")
        assert web is not None
        with psycopg.connect(web.environ()["DATABASE_URL"], autocommit=True) as connection:
            around = (opens_at - timedelta(hours=20), opens_at + HOURS + timedelta(hours=20))
            connection.execute("DELETE FROM market_session WHERE closes_at > %s AND opens_at < %s", around)
            connection.execute(
                "INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)",
                (exchange_day(opens_at), opens_at, opens_at + HOURS),
            )
            rows = connection.execute(
                "SELECT opens_at FROM market_session WHERE opens_at <= %s ORDER BY opens_at DESC LIMIT 60", (opens_at,)
            ).fetchall()
        days = [at for (at,) in rows][::-1]
        self.vendors.yahoo.days = self.vendors.alpaca_data.days = days


@contextmanager
def market_today() -> Iterator[MarketToday]:
    """Running, until the block ends; nobody has set it up yet."""
    with home_folder() as folder, all_standins() as vendors:
        more = {
            "STARKMATTER_VENDOR_URLS": json.dumps(vendor_urls(vendors)),
            "STARKMATTER_EGRESS_ALLOW": vendors.feeds.allow,
        }
        with running_instance(folder / "home", folder / "run.log", more=more) as instance:
            instance.wait_for_page()
            instance.wait_until_ready()
            instance.wait(lambda: SETUP_LINK.search(instance.text), "the set-up link")
            instance.wait(lambda: instance.get("/readyz") == 200, "a market with quotes", within_secs=60)
            found = SETUP_LINK.search(instance.text)
            assert found is not None
            market = MarketToday(instance, vendors, found.group())
            market.open_now()
            worker = instance.child("worker")
            assert worker is not None
            worker.terminate()  # It has read the exchange's own sessions; the next one reads ours.
            instance.wait(lambda: (one := instance.child("worker")) is not None and one.pid != worker.pid, "a worker")
            instance.wait(lambda: instance.get("/readyz") == 200, "a market with quotes again", within_secs=60)
            yield market


def open_alpacas_account(walk: Walk) -> None:
    """Open the account behind the person's keys, and look at it."""
    walk.open("/settings/accounts")
    walk.page.get_by_role("button", name="Open the account at the broker").click()
    walk.page.wait_for_url(re.compile(r"^[^?]*//[^/]+/$"), timeout=20 * SECS)
    walk.settle()
    expect(walk.page.locator(".badge.paper").first).to_have_text("PAPER · ALPACA")
