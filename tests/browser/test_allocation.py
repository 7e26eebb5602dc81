"""Targets set, a proposal looked at, handed over as a basket, reviewed and sent, as a person does it in a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import THEMES, violations
from tests.browser.walk import SECS, Walk
from tests.browser.windows import SIZES, is_for_everybody, look, window_of
from tests.security.product import Person, Product

pytestmark = [pytest.mark.browser, pytest.mark.process]

PAGES = ("/portfolio/allocation", "/baskets")


@pytest.fixture(scope="module")
def trader(product: Product) -> Person:
    """Somebody with an account of cash alone."""
    person = product.person("trader")
    with product.client(person) as http:
        answer = http.post("/api/v1/accounts", json={"name": "Balanced", "cash": "100000"})
        assert answer.status_code == 201, answer.text
    return person


@pytest.fixture
def window(product: Product, trader: Person, browser: Browser) -> Iterator[Walk]:
    """Their window."""
    with window_of(browser, product, trader) as opened:
        yield opened


def test_from_targets_over_a_basket_to_filled_orders(window: Walk, product: Product, trader: Person) -> None:
    page = window.page
    window.open("/portfolio/allocation")
    page.get_by_label("Targets, in percent").fill("AAPL 40\nMSFT 50")
    page.get_by_label("Cash, in percent").fill("11")
    page.get_by_role("button", name="Save targets").click()
    expect(page.get_by_role("alert").first).to_contain_text("add up to 101 %", timeout=10 * SECS)
    expect(page.get_by_label("Targets, in percent")).to_have_value("AAPL 40\nMSFT 50")
    page.get_by_label("Cash, in percent").fill("10")
    page.get_by_role("button", name="Save targets").click()
    expect(page.get_by_role("heading", name="Drift")).to_be_visible(timeout=10 * SECS)
    page.get_by_role("button", name="Propose trades").click()
    expect(page.get_by_role("table", name="Proposed trades").locator("tbody tr")).to_have_count(2, timeout=10 * SECS)
    look(window, "proposal")
    page.get_by_role("button", name="Review as a basket").click()
    page.wait_for_url("**/baskets*", timeout=15 * SECS)
    send = page.get_by_role("button", name="Send 2 orders")
    expect(send).to_be_visible(timeout=10 * SECS)
    with product.client(trader) as http:
        assert http.get("/api/v1/orders").json()["items"] == []
    look(window, "review")
    send.click()
    expect(page.get_by_role("status").filter(has_text="2 of 2 orders were taken.")).to_be_visible(timeout=20 * SECS)
    expect(page.locator("[data-status=filled], [data-status=partial]").first).to_be_visible(timeout=90 * SECS)
    look(window, "sent")


def test_targets_are_tried_on_a_branch_that_stands_beside_its_original(window: Walk, product: Product) -> None:
    page = window.page
    window.open("/portfolio/allocation")
    page.get_by_label("Targets, in percent").fill("AAPL 60\nMSFT 20")
    page.get_by_label("Cash, in percent").fill("20")
    page.get_by_role("button", name="Save targets").click()
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible(timeout=10 * SECS)
    page.get_by_role("button", name="Propose trades").click()
    page.get_by_role("button", name="Try on a branch").click(timeout=10 * SECS)
    page.wait_for_url("**/baskets*", timeout=15 * SECS)
    expect(page.get_by_text("Balanced, what if").first).to_be_visible(timeout=10 * SECS)
    expect(page.get_by_role("button", name="Send 2 orders")).to_be_visible(timeout=10 * SECS)
    page.get_by_role("link", name="Portfolio").first.click()
    page.get_by_role("navigation", name="Portfolio pages").get_by_role("link", name="Allocation").click()
    results = page.get_by_role("table", name="Results since the branch began")
    expect(results.locator("tbody tr")).to_have_count(5, timeout=10 * SECS)
    expect(page.get_by_role("table", name="Weights of original and branch").locator("tbody tr")).to_have_count(3)
    for name, size in SIZES:
        page.set_viewport_size(size)
        results.scroll_into_view_if_needed()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        for theme in THEMES:
            assert violations(page, theme) == [], (name, theme)
            results.scroll_into_view_if_needed()
            look(window, f"beside-{name}-{theme}")


@pytest.mark.nightly
def test_both_pages_are_for_everybody_in_every_size_and_theme(window: Walk) -> None:
    page = window.page
    for path in PAGES:
        for name, size in SIZES:
            page.set_viewport_size(size)
            window.open(path)
            expect(page.locator("main table").first).to_be_visible(timeout=10 * SECS)
            is_for_everybody(window, f"{path.rsplit('/', 1)[-1]}-{name}")
