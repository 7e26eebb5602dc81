"""Weights asked for, waited for, and taken over targets into a basket, as a person does it in a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.walk import SECS, Walk
from tests.browser.windows import SIZES, is_for_everybody, window_of
from tests.security.product import Person, Product

pytestmark = [pytest.mark.browser, pytest.mark.process]

PATH = "/portfolio/optimize"


@pytest.fixture(scope="module")
def trader(product: Product) -> Person:
    """Somebody with an account of cash alone, and a list of four symbols."""
    person = product.person("trader")
    with product.client(person) as http:
        answer = http.post("/api/v1/accounts", json={"name": "Weighed", "cash": "100000"})
        assert answer.status_code == 201, answer.text
        listed = {"venue": "replay", "name": "Four", "symbols": ["AAPL", "MSFT", "JPM", "XOM"]}
        answer = http.post("/api/v1/watchlists", json=listed)
        assert answer.status_code == 201, answer.text
    return person


@pytest.fixture
def window(product: Product, trader: Person, browser: Browser) -> Iterator[Walk]:
    """Their window."""
    with window_of(browser, product, trader) as opened:
        yield opened


def test_from_a_question_over_weights_to_a_basket(window: Walk) -> None:
    page = window.page
    window.open(PATH)
    ask = page.get_by_role("button", name="Look for weights")
    page.get_by_label("Of", exact=True).select_option(label="Four (4)")
    page.get_by_label("Equal risk").check()
    page.get_by_label("Each at most, %").fill("20")
    ask.click()
    expect(page.get_by_role("alert").first).to_contain_text("come to 80 %: allow more of each", timeout=10 * SECS)
    expect(page.get_by_label("Each at most, %")).to_have_value("20")
    page.get_by_label("Each at most, %").fill("40")
    page.get_by_label("Kept in cash, %").fill("10")
    ask.click()
    weights = page.get_by_role("table", name="Weights now and as proposed")
    expect(weights.locator("tbody tr")).to_have_count(4, timeout=60 * SECS)
    expect(page.get_by_role("table", name="Estimates").locator("tbody tr")).to_have_count(3)
    expect(page.get_by_text("Past returns tell very little")).to_be_visible()
    page.get_by_role("button", name="Make these the targets").click()
    page.wait_for_url("**/portfolio/allocation*", timeout=15 * SECS)
    expect(page.get_by_label("Cash, in percent")).to_have_value("10", timeout=10 * SECS)
    page.get_by_role("button", name="Propose trades").click()
    expect(page.get_by_role("table", name="Proposed trades").locator("tbody tr")).to_have_count(4, timeout=10 * SECS)
    page.get_by_role("button", name="Review as a basket").click()
    page.wait_for_url("**/baskets*", timeout=15 * SECS)


@pytest.mark.nightly
def test_the_page_is_for_everybody_in_every_size_and_theme(window: Walk) -> None:
    page = window.page
    for name, size in SIZES:
        page.set_viewport_size(size)
        window.open(PATH)
        expect(page.get_by_role("table", name="Weights now and as proposed")).to_be_visible(timeout=10 * SECS)
        is_for_everybody(window, f"optimize-{name}")
