"""News as a person sees it: samples on the replay, and a poisoned feed whose headline is nothing but text."""

import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.walk import EMAIL, SECS, Walk
from tests.security.product import Product
from tests.standins.feeds import Entry

pytestmark = [pytest.mark.browser, pytest.mark.process]

POISON = (
    "<img src=https://evil.example/x onerror=alert(1)><script>alert(2)</script>Poisoned &lt;svg onload=alert(3)&gt;"
    "headline {{7*7}} \u202eabout Netflix"
)
LINK = "https://news.example.org/poison?utm_source=feed&id=7"


@pytest.fixture
def market_account(product: Product) -> Iterator[UUID]:
    """An account on the market, as another room opens it."""
    account_id = uuid4()
    with product.database() as connection:
        connection.execute(
            "INSERT INTO account (id, user_id, name, venue, broker, mode, currency, preset, cash, reserved, created_at,"
            " opened_venue_at) SELECT %s, id, 'World', 'market', 'paper', 'paper', 'USD', 'realistic', 0, 0, now(),"
            " now() FROM app_user WHERE email = %s",
            (account_id, EMAIL),
        )
        yield account_id
        connection.execute("DELETE FROM account WHERE id = %s", (account_id,))


@pytest.fixture
def own_feeds(product: Product) -> Iterator[None]:
    """Without the feeds that are on the internet, and as before afterwards."""
    with product.database() as connection:
        connection.execute("UPDATE news_feed SET enabled = false")
        yield
        connection.execute("DELETE FROM news_feed WHERE NOT shipped")
        connection.execute("UPDATE news_feed SET enabled = true")


def choose(page: Page, account: str) -> None:
    page.locator("details.account-menu summary").click()
    page.get_by_role("button", name=account).click()


def test_samples_are_seen_as_samples_and_lead_to_their_symbol(walk: Walk) -> None:
    page = walk.page
    walk.open("/news")
    first = page.locator(".story").first
    expect(first).to_be_visible(timeout=20 * SECS)
    count = page.locator(".story").count()
    assert page.locator(".story .badge.sample").count() == count
    expect(first.locator("h3")).to_contain_text("Sample: ")
    assert page.locator(".story h3 a").count() == 0
    assert first.locator("time").get_attribute("title").endswith("ET")
    page.get_by_role("button", name="Older").click()
    expect(page.locator(".story")).not_to_have_count(count, timeout=10 * SECS)

    page.get_by_role("button", name="One symbol").click()
    page.get_by_label("Symbol", exact=True).fill("aapl")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".story").first.locator(".tag", has_text="AAPL")).to_be_visible(timeout=10 * SECS)
    page.locator(".story .tag", has_text="AAPL").first.click()
    page.wait_for_url(re.compile(r"/trade/AAPL/?$"), timeout=10 * SECS)
    panel = page.locator("section.panel").filter(has=page.get_by_role("heading", name="News", exact=True))
    expect(panel.locator(".story").first).to_contain_text("SAMPLE", timeout=10 * SECS)
    assert panel.locator(".story").count() <= 5


def test_news_is_a_key_and_a_palette_line_away(walk: Walk) -> None:
    walk.open("/")
    expect(walk.page.get_by_role("heading", name="News on your holdings")).to_be_visible()
    walk.page.keyboard.press("g")
    walk.page.keyboard.press("n")
    walk.page.wait_for_url(re.compile(r"/news/?$"), timeout=10 * SECS)
    expect(walk.page.get_by_role("heading", name="News", exact=True)).to_have_count(1)


def test_a_poisoned_feed_that_an_admin_adds_is_text_and_nothing_else(
    walk: Walk, product: Product, market_account: UUID, own_feeds: None
) -> None:
    page, dialogs = walk.page, []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    product.feeds.entries["/poison"] = [
        Entry(POISON, LINK, "<p onclick=alert(4)>Body <a href='javascript:alert(5)'>here</a></p>"),
        Entry("Link that is none, about Walmart", "javascript:alert(6)"),
    ]
    walk.open("/settings/news")
    page.get_by_label("Address").fill(product.feeds.origin + "/poison")
    page.get_by_label("Name").fill("Poison wire")
    page.get_by_role("button", name="Read and add it").click()
    row = page.get_by_role("region", name="Feeds").locator("tbody tr", has_text="Poison wire")
    expect(row).to_contain_text("answered", timeout=20 * SECS)

    walk.open("/news")
    choose(page, "World")
    story = page.locator(".story", has_text="Netflix")
    for _ in range(20):
        if story.count():
            break
        page.wait_for_timeout(1_000)
        walk.open("/news")
    expect(story.locator("h3")).to_have_text("Poisoned headline {{7*7}} about Netflix")
    expect(story.locator("p")).to_have_text("Body here")
    link = story.locator("h3 a")
    assert link.get_attribute("href") == "https://news.example.org/poison?id=7"
    assert (link.get_attribute("rel"), link.get_attribute("target")) == ("noopener noreferrer", "_blank")
    expect(page.locator(".story", has_text="Walmart").locator("h3 a")).to_have_count(0)
    assert page.locator(".story img, .story script, .story svg").count() == 0
    expect(page.locator(".health li", has_text="Poison wire")).to_contain_text("answered")

    walk.open("/settings/news")
    page.get_by_role("button", name="Pause Poison wire").click()
    expect(row).to_contain_text("paused", timeout=10 * SECS)
    page.get_by_role("button", name="Remove Poison wire").click()
    expect(row).to_have_count(0, timeout=10 * SECS)
    assert dialogs == []
    assert [url for url in walk.asked if not url.startswith((walk.url, "data:", "blob:"))] == []
