"""Asking the analyst in a browser: with and without a key, live, and from a proposal to an order."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.analyst import analyst
from tests.browser.walk import SECS, Walk
from tests.security.product import COOKIE, Product
from tests.standins.claude import KEY, ClaudeStandIn, say

pytestmark = [pytest.mark.browser, pytest.mark.process]


@pytest.fixture
def claude(product: Product) -> Iterator[ClaudeStandIn]:
    """The product's vendor, playing an analyst; without a key before and after."""
    _forget_key(product)
    product.claude.script = analyst
    yield product.claude
    product.claude.script = lambda _: say("Hello.")
    _forget_key(product)


def _forget_key(product: Product) -> None:
    with product.database() as connection:
        connection.execute("DELETE FROM vault_secret WHERE kind = 'claude'")
        connection.execute("DELETE FROM symbol_brief")


def connect(walk: Walk) -> None:
    walk.open("/settings/connections")
    card = walk.page.locator("[data-connection=claude]")
    card.get_by_text("Connect", exact=True).click()
    card.get_by_label("API key").fill(KEY)
    card.get_by_role("button", name="Save and test").click()
    expect(card.locator(".status")).to_have_text("Connected", timeout=20 * SECS)
    assert KEY not in walk.page.content()


def ask(page: Page, text: str) -> None:
    page.get_by_label("Your question").fill(text)
    page.keyboard.press("Enter")


def test_without_a_key_the_page_says_what_it_would_do_and_gives_the_local_brief(
    walk: Walk, claude: ClaudeStandIn
) -> None:
    walk.open("/assistant")
    page = walk.page
    expect(page.get_by_role("heading", name="The analyst is not connected")).to_be_visible()
    expect(page.get_by_role("link", name="Add a key")).to_have_attribute("href", re.compile("/settings/connections"))
    brief = page.locator("[data-brief]")
    expect(brief).to_contain_text("Local brief - computed here, no AI", timeout=10 * SECS)
    expect(brief).to_contain_text("closed at")
    page.get_by_label("Another symbol").fill("msft")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("[data-brief=MSFT]")).to_contain_text("Microsoft", timeout=10 * SECS)
    assert claude.turns == [] or all("msft" not in asked.raw for asked in claude.turns)


def test_a_question_is_answered_live_with_footnotes_cost_and_tool_calls(walk: Walk, claude: ClaudeStandIn) -> None:
    connect(walk)
    walk.open("/assistant?about=AAPL")
    page = walk.page
    expect(page.get_by_label("Your question")).to_have_value(re.compile("about AAPL"))
    ask(page, "How is my book?")
    streaming = page.locator(".written.streaming")
    expect(streaming).to_contain_text("Let me look", timeout=10 * SECS)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(streaming).to_contain_text("**")
    answer = page.locator(".answered .written:not(.streaming)")
    expect(answer.locator("strong").first).to_contain_text("USD", timeout=20 * SECS)
    assert "<script" not in answer.inner_html()
    assert page.locator(".answered img").count() == 0
    assert not any("example.org" in url for url in walk.asked)
    expect(answer.get_by_role("link", name="link")).to_have_attribute("rel", "noopener noreferrer")
    expect(page.locator(".cost")).to_contain_text("1 footnote pointed to nothing")
    expect(page.locator(".cost")).to_contain_text(
        re.compile(r"0\.\d+ USD · the cache saved 0\.\d+ USD · claude-sonnet")
    )
    expect(page.locator("#spending")).to_contain_text(re.compile(r"This month 0\.0[1-9]"), timeout=10 * SECS)
    answer.locator("sup a").first.click()
    fact = page.locator("#fact-1")
    expect(fact).to_be_visible()
    expect(fact).to_be_focused()
    expect(fact).to_contain_text("equity")
    walk.open("/assistant")
    page.locator(".analyst aside nav button", has_text="How is my book?").first.click()
    expect(page.locator(".answered .written").first).to_contain_text("Your book is worth", timeout=10 * SECS)
    page.reload()
    expect(page.locator(".answered .written").first).to_contain_text("Your book is worth", timeout=10 * SECS)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Really delete?").click()
    expect(page.get_by_role("heading", name="New conversation")).to_be_visible(timeout=10 * SECS)


@pytest.fixture
def trader(product: Product, owner: Walk, browser: Browser) -> Iterator[Walk]:
    """Somebody with a book of their own, so that the owner's stays as other tests know it."""
    cookie = {"name": COOKIE, "value": product.person("trader").token, "domain": "localhost", "path": "/"}
    opened = Walk.begin(browser, owner.url, state={"cookies": [cookie], "origins": []})
    yield opened
    opened.context.close()
    assert opened.complaints == []


def test_a_proposal_becomes_an_order_only_when_the_person_sends_it(
    walk: Walk, trader: Walk, product: Product, claude: ClaudeStandIn
) -> None:
    connect(walk)
    trader.open("/assistant")
    page = trader.page
    with product.database() as connection:
        before = connection.execute("SELECT count(*) FROM trade_order").fetchone()
    ask(page, "Buy 3 AAPL for me")
    card = page.get_by_role("article", name="Proposed order: Buy 3 AAPL")
    expect(card).to_contain_text("Est. cost", timeout=20 * SECS)
    expect(card).to_contain_text("You asked for three shares of AAPL.")
    with product.database() as connection:
        assert connection.execute("SELECT count(*) FROM trade_order").fetchone() == before
    card.get_by_role("link", name="Review").click()
    page.wait_for_url(re.compile(r"/trade/AAPL/?\?proposal="), timeout=20 * SECS)
    trader.settle()
    sheet = page.get_by_label("Order ticket")
    expect(sheet.locator("[data-proposal=open]")).to_contain_text("Filled in by the analyst", timeout=10 * SECS)
    expect(page.locator("#qty")).to_have_value("3")
    sheet.get_by_role("button", name="Review order").click()
    expect(sheet.locator("#send")).to_have_text("Buy 3 AAPL")
    trader.send()
    with product.database() as connection:
        row = connection.execute(
            "SELECT o.qty, p.used_at IS NOT NULL FROM order_proposal p JOIN trade_order o ON o.id = p.order_id"
            " ORDER BY p.created_at DESC LIMIT 1"
        ).fetchone()
    assert row == (3, True)
    trader.open("/orders")
    expect(page.locator("table.data tbody tr").first).to_contain_text("AAPL")
    trader.open("/assistant")
    page.locator(".analyst aside nav button", has_text="Buy 3 AAPL").first.click()
    expect(page.get_by_role("article").first).to_contain_text("You sent it.", timeout=10 * SECS)


def test_a_stopped_answer_keeps_what_was_said(walk: Walk, claude: ClaudeStandIn) -> None:
    connect(walk)
    claude.released.clear()
    claude.script = lambda _: say("One two three four five six seven eight nine ten", pause_secs=30)
    walk.open("/assistant")
    page = walk.page
    ask(page, "Count to ten.")
    expect(page.locator(".written.streaming")).to_contain_text("One two", timeout=10 * SECS)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("You stopped this answer.")).to_be_visible(timeout=10 * SECS)
    expect(page.locator(".answered .written")).to_contain_text("One two")


def test_the_model_writes_a_brief_when_asked_and_says_what_it_cost(
    walk: Walk, browser: Browser, claude: ClaudeStandIn
) -> None:
    connect(walk)
    walk.open("/trade/AAPL")
    page = walk.page
    brief = page.locator("[data-brief=AAPL]")
    expect(brief).to_contain_text("computed here, no AI", timeout=10 * SECS)
    expect(page.get_by_role("link", name="Ask the analyst about AAPL")).to_have_attribute(
        "href", re.compile(r"/assistant/?\?about=AAPL")
    )
    brief.get_by_role("button", name="Have the analyst write one").click()
    expect(brief).to_contain_text("Brief by claude-sonnet-5-5", timeout=20 * SECS)
    expect(brief).to_contain_text("near its high of the year")
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.get_by_label("Your question")).to_be_visible(timeout=10 * SECS)
