"""A person looks for the euro and for Bitcoin: finds, charts and keeps them, and is told what is not offered."""

import os
import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from starkmatter.domain.market_hours import RULED
from tests.browser.axe import THEMES, violations
from tests.browser.market import MarketToday, first_window, market_of, show_account
from tests.browser.walk import PHONE, SECS, Walk

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.nightly]
PICTURES = os.environ.get("STARKMATTER_PICTURES", "")
BARS = "document.querySelector('.chart .canvas').chartView.bars"


@pytest.fixture(scope="module")
def market(request: pytest.FixtureRequest) -> MarketToday:
    return market_of(request.config)


@pytest.fixture(scope="module")
def first(market: MarketToday, browser: Browser) -> Walk:
    """The owner with an account on the market of today; the console must stay silent to the end."""
    walk = Walk.begin(browser, market.url)
    if market.has_owner:
        yahoo = market.vendors.yahoo
        yahoo.fault = yahoo.stream_fault = None
        yahoo.late_secs = 0
        walk.sign_in()
        show_account(walk, "Market paper")
        # Yahoo did not answer at the end of the tests before: it is asked again after half a minute.
        expect(walk.page.locator("[data-strip=feed]")).to_have_text("Prices live · yahoo", timeout=90 * SECS)
    else:
        first_window(walk, market)
        walk.page.locator("#start-market").click()
        walk.page.wait_for_url(re.compile(r"^[^?]*//[^/]+/$"), timeout=20 * SECS)
        walk.settle()
    return walk


def picture(walk: Walk, name: str) -> None:
    """Kept where somebody wants to look at them."""
    if PICTURES:
        walk.page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def find(walk: Walk, text: str, symbol: str) -> None:
    """By the search, from anywhere."""
    page = walk.page
    page.keyboard.press("/")
    page.locator(".palette input").fill(text)
    expect(page.locator(".palette .list a").first).to_contain_text(symbol, timeout=10 * SECS)
    page.locator(".palette .list a").first.click()
    page.wait_for_url(re.compile(f"/trade/{symbol}"), timeout=10 * SECS)
    walk.settle()


def bars_of(walk: Walk, length: str) -> None:
    """Show bars of this length and wait for them."""
    walk.page.get_by_role("group", name="Bar length").get_by_role("button", name=length, exact=True).click()
    expect(walk.page.locator(".legend").first).to_contain_text(f"· {length}", timeout=20 * SECS)
    expect(walk.page.locator(".chart .wait")).to_have_count(0, timeout=20 * SECS)


def bars_reach(walk: Walk, count: int) -> None:
    """Until the chart has so many bars: the first are made by quotes, a source tells of those before them."""
    for _ in range(200):
        if walk.page.evaluate(f"{BARS}.length") >= count:
            return
        walk.page.wait_for_timeout(100)
    raise AssertionError(f"{walk.page.evaluate(f'{BARS}.length')} bars, not {count}")


def test_euro_leads_to_the_pair_and_its_chart_with_every_decimal(market: MarketToday, first: Walk) -> None:
    page = first.page
    find(first, "euro", "EUR-USD")
    expect(page.locator(".quotehead h1")).to_have_text("EUR-USD")
    expect(page.locator(".quotehead .name")).to_contain_text("Euro / US dollar")
    expect(page.locator(".quotehead .last")).to_have_text("1.08345", timeout=20 * SECS)
    expect(page.locator(".ownhours")).to_contain_text("17:00 ET", timeout=10 * SECS)
    expect(page.locator(".sheet")).to_contain_text("orders for pairs are not offered yet")
    expect(page.locator(".legend").first).to_contain_text("C 1.08345", timeout=20 * SECS)
    bars_of(first, "1h")
    weekend = page.evaluate(f"{BARS}.filter((bar) => [6].includes(new Date(bar.time * 1000).getUTCDay())).length")
    assert weekend == 0
    bars_of(first, "1d")
    bars_reach(first, 31)
    days = page.evaluate(f"{BARS}.map((bar) => new Date(bar.time * 1000).getUTCDay())")
    assert len(days) > 30
    assert set(days) == {1, 2, 3, 4, 5}
    picture(first, "pair-chart")


def test_a_pair_moves_on_its_own_hours(market: MarketToday, first: Walk) -> None:
    page = first.page
    first.open("/trade/EUR-USD")
    expect(page.locator(".quotehead .last")).to_have_text("1.08345", timeout=20 * SECS)
    dot = page.locator(".quotehead .dot")
    if RULED["fx"].session_at(datetime.now(UTC)) is None:
        expect(dot).to_have_attribute("title", re.compile("The market is closed"), timeout=10 * SECS)
        return
    market.vendors.yahoo.prices["EURUSD=X"] = 1.0851
    expect(page.locator(".quotehead .last")).to_have_text("1.08510", timeout=20 * SECS)
    expect(page.locator(".legend").first).to_contain_text("C 1.08510", timeout=20 * SECS)
    expect(dot).to_have_attribute("title", re.compile(r"old · yahoo"))


def test_a_coin_is_always_open_and_counts_its_days_by_utc(market: MarketToday, first: Walk) -> None:
    page = first.page
    find(first, "bitcoin", "BTC-USD")
    expect(page.locator(".quotehead .last")).to_have_text("64,250.50", timeout=20 * SECS)
    expect(page.locator(".ownhours")).to_have_text("Always open", timeout=10 * SECS)
    market.vendors.yahoo.prices["BTC-USD"] = 64311.25
    expect(page.locator(".quotehead .last")).to_have_text("64,311.25", timeout=20 * SECS)
    bars_of(first, "4h")
    bars_reach(first, 13)
    hours = page.evaluate(f"{BARS}.map((bar) => new Date(bar.starts * 1000).getUTCHours() % 4)")
    assert set(hours) == {0}
    bars_of(first, "1d")
    bars_reach(first, 31)
    assert set(page.evaluate(f"{BARS}.map((bar) => new Date(bar.time * 1000).getUTCDay())")) == set(range(7))
    bars_of(first, "15m")
    expect(page.locator(".legend").first).to_contain_text("UTC")
    bars_of(first, "5m")
    bars_reach(first, 300)
    page.locator(".chart .canvas").focus()
    page.keyboard.press("Home")  # The past as one scrolls into it.
    bars_reach(first, 601)
    starts = page.evaluate(f"{BARS}.map((bar) => bar.starts)")
    assert {after - before for before, after in pairwise(starts)} == {300}
    page.keyboard.press("End")
    page.wait_for_timeout(500)
    picture(first, "coin-chart")


def test_a_watchlist_holds_them_and_the_symbols_page_shows_no_nonsense(market: MarketToday, first: Walk) -> None:
    page = first.page
    first.open("/markets")
    search = page.get_by_role("searchbox", name="Add a symbol or company")
    for typed, symbol in (("EUR/USD", "EUR-USD"), ("bitcoin", "BTC-USD"), ("SHIBUSD", "SHIB-USD"), ("yen", "USD-JPY")):
        search.fill(typed)
        expect(page.locator(".hits")).to_contain_text(symbol, timeout=10 * SECS)
        search.press("Enter")
        expect(page.locator("main")).to_contain_text(f"{symbol} is in the list", timeout=20 * SECS)
    rows = page.locator("main tbody tr")
    expect(rows.filter(has_text="SHIB-USD").first).to_contain_text("0.00000812", timeout=60 * SECS)
    expect(rows.filter(has_text="USD-JPY").first).to_contain_text("151.237", timeout=20 * SECS)
    expect(rows.filter(has_text="BTC-USD").first).to_contain_text("64,311.25", timeout=20 * SECS)
    picture(first, "pair-watchlist")
    first.open("/markets/BTC-USD")
    facts = page.locator("dl.facts")
    expect(facts).to_contain_text("Coin", timeout=20 * SECS)
    expect(facts).not_to_contain_text("Beta")
    expect(facts).not_to_contain_text("Sector")
    expect(page.locator("main")).to_contain_text("have no splits, dividends or earnings")
    picture(first, "coin-page")
    first.open("/markets/EURUSD")
    expect(page.locator("h2.symbolname")).to_have_text("EUR-USD")
    expect(page.locator("dl.facts")).not_to_contain_text("Volume")
    picture(first, "pair-page")


def test_pages_of_pairs_are_fit_for_everybody(first: Walk, browser: Browser) -> None:
    found = []
    for path in ("/trade/EUR-USD", "/markets/BTC-USD", "/markets", "/markets/sessions", "/markets/screener"):
        first.open(path)
        for theme in THEMES:
            found += [f"{path}: {one}" for one in violations(first.page, theme)]
            picture(first, f"{path.strip('/').replace('/', '-')}-{theme}")
    phone = Walk.begin(browser, first.url, size=PHONE, theme="light", state=first.context.storage_state())
    for path in ("/trade/EUR-USD", "/markets/BTC-USD", "/markets"):
        phone.open(path)
        found += [f"phone {path}: {one}" for one in violations(phone.page, "light")]
        picture(phone, f"phone-{path.strip('/').replace('/', '-')}")
        assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.context.close()
    assert found == []
    assert phone.complaints == []


def test_the_console_and_the_log_stay_clean(market: MarketToday, first: Walk) -> None:
    assert first.complaints == []
    assert "Traceback" not in market.instance.text
