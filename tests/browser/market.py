"""An own instance of the product whose market is open at any hour, with its sources on loopback."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from playwright.sync_api import Locator, expect

from starkmatter.domain.sessions import exchange_day
from tests.browser.walk import EMAIL, NAME, PASSPHRASE, SECS, Walk
from tests.ops.instance import Instance, running_instance
from tests.prepared import lay_out
from tests.ram import home_folder
from tests.security.product import SETUP_LINK
from tests.standins.all import Standins, all_standins, vendor_urls

HOURS = timedelta(hours=10)
_KEY = pytest.StashKey["MarketToday"]()
_STACK = pytest.StashKey[ExitStack]()


@dataclass
class MarketToday:
    """The product, its sources, and the link that sets it up."""

    instance: Instance
    vendors: Standins
    link: str

    @property
    def has_owner(self) -> bool:
        """Whether somebody has set it up."""
        web = self.instance.child("web")
        assert web is not None
        with psycopg.connect(web.environ()["DATABASE_URL"], autocommit=True) as connection:
            return connection.execute("SELECT 1 FROM app_user").fetchone() is not None

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
            "STARKMATTER_REPLAY_SPEED": "1",  # nobody looks at that market here
        }
        lay_out(folder / "home", with_market=True)
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


def market_of(config: pytest.Config) -> MarketToday:
    """The one that the tests of a few files share, started when the first of them needs it."""
    if _KEY not in config.stash:
        stack = config.stash[_STACK] = ExitStack()
        config.add_cleanup(stack.close)
        config.stash[_KEY] = stack.enter_context(market_today())
    return config.stash[_KEY]


def end_market(config: pytest.Config) -> None:
    """Stop it, if it was started; the next test that needs one starts another."""
    if _STACK in config.stash:
        config.stash[_STACK].close()
        del config.stash[_STACK]
    if _KEY in config.stash:
        del config.stash[_KEY]


def first_window(walk: Walk, market: MarketToday) -> None:
    """Set the product up as its owner, up to the welcome page."""
    page = walk.page
    page.goto(market.url + "/setup" + market.link[market.link.index("?") :])
    page.get_by_label("Your name").fill(NAME)
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
    page.get_by_role("button", name="Create the owner").click()
    page.wait_for_url(re.compile(r"/welcome/?$"), timeout=20 * SECS)


def open_alpacas_account(walk: Walk) -> None:
    """Open the account behind the person's keys, and look at it."""
    walk.open("/settings/accounts")
    walk.page.get_by_role("button", name="Open the account at the broker").click()
    walk.page.wait_for_url(re.compile(r"^[^?]*//[^/]+/$"), timeout=20 * SECS)
    walk.settle()
    expect(walk.page.locator(".badge.paper").first).to_have_text("PAPER · ALPACA")


def show_account(walk: Walk, name: str) -> None:
    """Choose one of the person's accounts, if it is not the one that is shown."""
    walk.open("/settings/accounts")
    page = walk.page
    if name in page.locator(".account-menu .account").inner_text():
        return
    rows = page.get_by_role("region", name="Your accounts").locator("tr")
    shown, wanted = rows.filter(has_text="Shown"), rows.filter(has_text=name)
    show = wanted.get_by_role("button", name="Show")
    if _market_of(shown) == _market_of(wanted):
        show.click()
    else:
        with page.expect_navigation(timeout=20 * SECS):  # the page of another market starts anew
            show.click()
        walk.settle()
    expect(page.locator(".account-menu .account")).to_contain_text(name, timeout=10 * SECS)


def _market_of(account: Locator) -> str:
    """What a row of the list of accounts says of its market."""
    return account.locator("td").nth(1).inner_text()
