"""Lots, realized gains, income and the explanation of a change, as somebody who traded finds them in a browser."""

import os
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import THEMES, violations
from tests.browser.names import NAMELESS
from tests.browser.walk import DESKTOP, PHONE, SECS, Walk
from tests.browser.windows import SIZES, is_for_everybody
from tests.portfolio.history import give_past, market_past
from tests.security.product import COOKIE, Person, Product

pytestmark = [pytest.mark.browser, pytest.mark.process]

PICTURES = os.environ.get("STARKMATTER_PICTURES")
PAGES = ("/portfolio/lots", "/portfolio/gains", "/portfolio/income", "/portfolio/actions", "/portfolio/performance")
# As the worker writes it.
SPLIT = """
INSERT INTO action_posting (account_id, action_id, revision, turn, undoing, symbol, ex_on, kind, words, figures,
                            entry_ids, venue_at, booked_at)
VALUES (%s, 'split/AAPL/2020-08-31', 1, 1, false, 'AAPL', '2020-08-31', 'split',
        'AAPL split 4:1 on 2020-08-31: 10 AAPL became 40. Together they cost 4000.00 USD as before, a share 100.00 '
        'instead of 400.00.',
        '[{"symbol": "AAPL", "qty_before": "10", "qty_after": "40", "cost_basis_before": "4000",
           "cost_basis_after": "4000", "realized_pl_before": "0", "realized_pl_after": "0"}]', '{}', now(), now())
"""
ORDER = """
INSERT INTO action_order (order_id, action_id, revision, account_id, verb, why, before, after, filled_more_qty,
                          venue_at, booked_at)
SELECT id, 'split/AAPL/2020-08-31', 1, account_id, 'change',
       'AAPL split 4:1 on 2020-08-31: 10 at limit 380.00 became 40 at limit 95.00.',
       '{"symbol": "AAPL", "side": "buy"}', '{}', 0, now(), now() FROM trade_order WHERE account_id = %s LIMIT 1
"""
ORDERS = ("buy AAPL 10", "buy MSFT 7", "sell AAPL 4", "buy AAPL 3", "sell MSFT 7")
FILL_WITHIN_SECS = 90


@pytest.fixture(scope="module")
def trader(product: Product) -> Person:
    """Somebody with half a year behind them who trades today."""
    person = product.person("trader")
    with product.client(person) as http:
        account = http.post("/api/v1/accounts", json={"name": "Trading", "cash": "100000"}).json()["id"]
        with product.database() as stored:
            row = stored.execute(
                "SELECT min(venue_at) FROM equity_snapshot WHERE account_id = %s", (UUID(account),)
            ).fetchone()
            assert row is not None
            days = market_past(stored, 120, row[0])
            give_past(stored, UUID(account), days, opened_at=days[0].closes_at - timedelta(hours=5))
        for number, (side, symbol, qty) in enumerate(text.split() for text in ORDERS):
            body = {"account_id": account, "symbol": symbol, "side": side, "type": "market", "qty": qty}
            body |= {"time_in_force": "day", "acknowledge": ["wash_sale", "good_faith", "duplicate"]}
            answer = http.post("/api/v1/orders", json=body, headers={"idempotency-key": f"lots-{person.id}-{number}"})
            assert answer.status_code == 201, answer.text
            until = time.monotonic() + FILL_WITHIN_SECS
            while http.get(f"/api/v1/orders/{answer.json()['id']}").json()["status"] != "filled":
                assert time.monotonic() < until, "the order did not fill"
                time.sleep(0.3)
        with product.database() as stored:
            for statement in (SPLIT, ORDER):
                stored.execute(statement, (UUID(account),))
    return person


@pytest.fixture
def window(product: Product, trader: Person, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Walk]:
    """Their window, of the size the test asks for; its console stays silent."""
    url = f"http://localhost:{product.instance.port}"
    opened = Walk.begin(browser, url, size=getattr(request, "param", None))
    opened.context.add_cookies([{"name": COOKIE, "value": trader.token, "url": url}])
    yield opened
    opened.context.close()
    assert opened.complaints == []


def test_lots_and_gains_are_found_and_the_method_is_changed(window: Walk) -> None:
    page = window.page
    window.open("/portfolio")
    tabs = page.get_by_role("navigation", name="Portfolio pages")
    tabs.get_by_role("link", name="Lots").click()
    page.wait_for_url("**/portfolio/lots**", timeout=15 * SECS)
    window.settle()
    lots = page.get_by_role("region", name="Open lots")
    expect(lots.locator("tbody tr")).to_have_count(2)
    expect(lots).to_contain_text("AAPL")
    expect(lots).to_contain_text("long from")
    page.get_by_role("group", name="How sales find their lots").get_by_role("button", name="Highest cost first").click()
    expect(page.get_by_role("status").filter(has_text="From now on")).to_be_visible(timeout=10 * SECS)
    expect(page.get_by_role("region", name="Changes of the method")).to_contain_text("Highest cost first")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the lots as CSV").click()
    assert waiting.value.suggested_filename.startswith("starkmatter-lots-")
    tabs.get_by_role("link", name="Realized gains").click()
    page.wait_for_url("**/portfolio/gains**", timeout=15 * SECS)
    window.settle()
    expect(page.get_by_role("region", name="Sales of the year").locator("tbody tr")).to_have_count(2)
    expect(page.get_by_text("Form 8949")).to_be_visible()


def test_one_order_takes_other_lots_than_its_account(window: Walk) -> None:
    page = window.page
    window.open("/orders")
    page.get_by_role("row", name=re.compile("Sell.*4.*AAPL|AAPL.*Sell.*4")).get_by_role("button", name="AAPL").click()
    drawer = page.get_by_role("dialog", name="Order")
    choice = drawer.get_by_role("combobox", name="How it finds its lots")
    expect(choice).to_be_visible(timeout=10 * SECS)
    assert choice.evaluate("(one) => [...one.options].map((option) => option.value)") == ["", "fifo", "lifo", "hifo"]
    choice.select_option("lifo")
    expect(choice).to_have_value("lifo", timeout=10 * SECS)
    choice.scroll_into_view_if_needed()
    for theme in THEMES:
        assert violations(page, theme) == []
        _look(window, f"order-{theme}")
    page.set_viewport_size(PHONE)
    assert drawer.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    _look(window, "order-phone")
    page.set_viewport_size(DESKTOP)
    drawer.get_by_role("button", name="Close").click()
    page.get_by_role("row", name=re.compile("Buy.*7.*MSFT|MSFT.*Buy.*7")).get_by_role("button", name="MSFT").click()
    expect(drawer.get_by_role("region", name="Receipt")).to_be_visible(timeout=10 * SECS)
    expect(drawer.get_by_role("region", name="Tax lots")).to_have_count(0)
    window.open("/portfolio/gains")
    expect(page.get_by_role("region", name="Sales of today")).to_contain_text("last in, first out", timeout=10 * SECS)


@pytest.mark.nightly
def test_the_lots_of_a_sale_of_today_are_chosen(window: Walk) -> None:
    page = window.page
    window.open("/portfolio/gains")
    sales = page.get_by_role("region", name="Sales of today")
    sales.get_by_role("button", name="Choose the lots of 4 AAPL").click()
    drawer = page.get_by_role("dialog", name="Choose lots")
    expect(drawer.get_by_role("textbox")).to_have_count(1, timeout=10 * SECS)
    drawer.get_by_role("textbox").fill("3")
    drawer.get_by_role("button", name="Take these lots").click()
    expect(drawer.get_by_role("alert")).to_contain_text("add up to 3, but 4 are closed", timeout=10 * SECS)
    for theme in THEMES:
        assert violations(page, theme) == []
        _look(window, f"choose-{theme}")
    drawer.get_by_role("textbox").fill("4")
    drawer.get_by_role("button", name="Take these lots").click()
    expect(drawer).to_have_count(0, timeout=10 * SECS)
    expect(sales).to_contain_text("picked")


def test_a_change_is_explained_down_to_its_entries_and_closed_by_escape(window: Walk) -> None:
    page = window.page
    window.open("/portfolio/performance")
    page.get_by_role("group", name="Period").get_by_role("button", name="1W").click()
    page.get_by_role("button", name="Explain").click()
    drawer = page.get_by_role("dialog", name="Where the change came from")
    expect(drawer.get_by_role("row", name="Fees")).to_be_visible(timeout=10 * SECS)
    drawer.get_by_role("button", name="MSFT").click()
    entries = drawer.get_by_role("region", name="Ledger entries behind it")
    expect(entries).to_contain_text("Bought 7 MSFT")
    expect(entries).to_contain_text("Sold 7 MSFT")
    assert page.evaluate(NAMELESS) == []
    assert drawer.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    for theme in THEMES:
        assert violations(page, theme) == []
        _look(window, f"explain-{theme}")
    page.set_viewport_size(PHONE)
    assert drawer.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    _look(window, "explain-phone")
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)


def test_what_a_split_did_is_read_before_and_after(window: Walk) -> None:
    page = window.page
    window.open("/portfolio")
    page.get_by_role("navigation", name="Portfolio pages").get_by_role("link", name="Actions").click()
    page.wait_for_url("**/portfolio/actions**", timeout=15 * SECS)
    record = page.get_by_role("region", name="Corporate actions, the newest first")
    expect(record).to_contain_text("AAPL split 4:1 on 2020-08-31: 10 AAPL became 40.", timeout=10 * SECS)
    expect(record).to_contain_text("AAPL 10 at 400.00 → 40 at 100.00")
    expect(page.get_by_role("region", name="Orders that followed an action")).to_contain_text(
        "became 40 at limit 95.00"
    )


@pytest.mark.nightly
@pytest.mark.parametrize("window", [DESKTOP, PHONE], indirect=True, ids=["desk", "phone"])
@pytest.mark.parametrize("path", PAGES)
def test_the_pages_fit_can_be_read_and_stand_named(window: Walk, path: str) -> None:
    window.open(path)
    size = window.page.viewport_size
    assert size is not None
    wide = window.page.evaluate("Math.max(document.body.scrollWidth, document.querySelector('main').scrollWidth)")
    assert wide <= size["width"]
    assert window.page.evaluate(NAMELESS) == []
    for theme in THEMES:
        assert violations(window.page, theme) == []
        _look(window, f"{path.rsplit('/', 1)[1]}-{size['width']}-{theme}")


def test_risk_is_shown_with_what_it_means_and_against_another_rate(window: Walk) -> None:
    page = window.page
    window.open("/portfolio/performance")
    risk = page.get_by_role("region", name="Figures of risk")
    expect(risk.locator("tbody tr")).to_have_count(14)
    sharpe = risk.get_by_role("row", name="Sharpe ratio")
    before = sharpe.locator("td").inner_text()
    page.get_by_label("Risk-free rate, % a year").fill("5")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(sharpe.locator("td")).not_to_have_text(before, timeout=10 * SECS)
    expect(page.get_by_role("img", name="Volatility, Sharpe ratio and beta")).to_be_visible(timeout=20 * SECS)


def test_shares_are_moved_to_another_account_and_taken_back(product: Product, trader: Person, window: Walk) -> None:
    """Refused in words first, then by picked lots; the other account has them, and both are as before in the end.

    The last one here: from now on the other account is the one that a new window shows.
    """
    page = window.page
    window.open("/portfolio/lots")
    with product.client(trader) as http:
        here = http.get("/api/v1/accounts").json()["items"][0]["id"]
        there = http.post("/api/v1/accounts", json={"name": "Retirement", "cash": "1000"}).json()["id"]
        before = http.get(f"/api/v1/portfolio/lots?account_id={here}").json()
        expect(page.get_by_text("Nothing was moved")).to_be_visible(timeout=10 * SECS)
        page.get_by_role("button", name="Move shares").click()
        drawer = page.get_by_role("dialog", name="Move shares")
        drawer.get_by_label("To").select_option("Retirement")
        drawer.get_by_label("How many").fill("999")
        drawer.get_by_role("button", name="Move them").click()
        expect(drawer.get_by_role("alert")).to_contain_text("AAPL are in", timeout=10 * SECS)
        drawer.get_by_label("Which lots").select_option("Pick the lots")
        boxes = drawer.get_by_role("textbox")
        expect(boxes).to_have_count(2, timeout=10 * SECS)
        boxes.last.fill("2")
        for name, size in SIZES:
            page.set_viewport_size(size)
            is_for_everybody(window, f"move-{name}")
        page.set_viewport_size(DESKTOP)
        drawer.get_by_role("button", name="Move them").click()
        expect(drawer).to_have_count(0, timeout=10 * SECS)
        expect(page.get_by_role("status").filter(has_text="It is no sale")).to_be_visible(timeout=10 * SECS)
        listed = page.get_by_role("region", name="Shares moved between accounts")
        expect(listed).to_contain_text("To Retirement")
        for name, size in SIZES:
            page.set_viewport_size(size)
            is_for_everybody(window, f"moved-{name}")
        page.set_viewport_size(DESKTOP)
        [lot] = http.get(f"/api/v1/portfolio/lots?account_id={there}").json()["items"]
        assert lot["qty"] == "2"
        listed.get_by_role("button", name="Take back the move of 2 AAPL").click()
        expect(listed).to_contain_text("Taken back", timeout=10 * SECS)
        after = http.get(f"/api/v1/portfolio/lots?account_id={here}").json()
        assert [(one["id"], one["qty"], one["cost"]) for one in after["items"]] == [
            (one["id"], one["qty"], one["cost"]) for one in before["items"]
        ]
        assert http.get(f"/api/v1/portfolio/lots?account_id={there}").json()["items"] == []


def _look(window: Walk, name: str) -> None:
    """A picture for whoever wants to see it (STARKMATTER_PICTURES=folder)."""
    if PICTURES:
        main = window.page.locator("main")
        height = main.evaluate("(one) => one.scrollHeight")
        before = window.page.viewport_size
        assert before is not None
        if not name.startswith(("explain", "choose")):
            window.page.set_viewport_size({"width": before["width"], "height": min(height + 160, 4_000)})
        window.page.wait_for_timeout(400)
        window.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))
        window.page.set_viewport_size(before)
