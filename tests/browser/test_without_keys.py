"""No key, no network: each page is of use and says in a sentence what a key would add; nothing hangs or floods."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from starkmatter.connections.catalog import CATALOG
from tests.browser.walk import SECS, Walk
from tests.security.product import COOKIE, Person, Product, tracebacks

pytestmark = [pytest.mark.browser, pytest.mark.process]

SAYS = {
    "/trade/AAPL": "with Alpaca keys prices stream as they happen",
    "/news": "A NewsAPI key adds headlines on what you hold",
    "/assistant": "With a key for Claude it answers questions about your accounts",
    "/alerts": "With a mail server alerts also reach you outside this page",
    "/settings/accounts": "With Alpaca's paper keys its account opens here",
}
QUIET_SECS, QUIET_LINES = 12, 12


@pytest.fixture(scope="module")
def newcomer(product: Product) -> Person:
    """An admin of their own, with a practice account and one on the market of today."""
    person = product.person("admin")
    with product.client(person) as http:
        for venue, name in (("replay", "Practice"), ("market", "Today")):
            made = http.post("/api/v1/accounts", json={"name": name, "venue": venue})
            assert made.status_code == 201, made.text
    return person


@pytest.fixture(scope="module")
def hers(owner: Walk, newcomer: Person, browser: Browser) -> Iterator[Walk]:
    """Her window, on the market account."""
    cookie = {"name": COOKIE, "value": newcomer.token, "domain": "localhost", "path": "/"}
    opened = Walk.begin(browser, owner.url, state={"cookies": [cookie], "origins": []})
    opened.open("/settings/accounts")
    row = opened.page.get_by_role("region", name="Your accounts").locator("tr").filter(has_text="Today")
    expect(row).to_be_visible(timeout=10 * SECS)
    show = row.get_by_role("button", name="Show")
    if show.count():  # not when it is shown already
        show.click()
    expect(opened.page.locator(".badge.market")).to_contain_text("MARKET", timeout=20 * SECS)
    yield opened
    opened.context.close()


@pytest.mark.parametrize("path", SAYS)
def test_a_page_says_in_one_sentence_what_a_key_adds(hers: Walk, path: str) -> None:
    hers.open(path)
    expect(hers.page.get_by_text(SAYS[path]).first).to_be_visible(timeout=10 * SECS)
    expect(hers.page.locator("main [role=alert]")).to_have_count(0)
    assert hers.complaints == []


def test_every_vendor_says_what_it_adds_before_it_is_connected(hers: Walk) -> None:
    hers.open("/settings/connections")
    for kind in CATALOG:
        card = hers.page.locator(f"[data-connection={kind.kind}]")
        expect(card).to_contain_text("Not connected")
        expect(card).to_contain_text(kind.adds)
    assert hers.complaints == []


def test_without_the_network_the_market_waits_and_the_replay_goes_on(hers: Walk, owner: Walk, product: Product) -> None:
    page = hers.page
    hers.open("/trade/AAPL")
    mark = product.log_mark
    before = owner.page.request.get(owner.url + "/api/v1/quotes?symbols=AAPL&venue=replay").json()["items"][0]
    page.wait_for_timeout(QUIET_SECS * SECS)
    said = [line for line in product.log_since(mark).splitlines() if '"process": "worker"' in line]
    assert len(said) <= QUIET_LINES, said
    assert tracebacks(product.log_since(mark)) == []
    after = owner.page.request.get(owner.url + "/api/v1/quotes?symbols=AAPL&venue=replay").json()["items"][0]
    assert after["observed_at"] > before["observed_at"], "the replay's prices move"
    expect(page.locator("[data-strip=connection]")).to_have_text("Connected")
    expect(page.locator("[data-strip=feed]")).not_to_contain_text("live")
    page.locator("#qty").fill("1")
    expect(page.get_by_label("Order ticket").locator(".note.bad")).to_contain_text("AAPL", timeout=15 * SECS)
    expect(page.locator("#review")).to_be_disabled()
    hers.open("/")
    expect(page.locator(".head .figure").first).to_contain_text("100,000.00", timeout=10 * SECS)
    assert hers.complaints == []
