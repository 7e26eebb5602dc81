"""Two accounts of two currencies as one book in a real browser: value, returns, exchange rates, the base currency."""

import time
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.walk import PHONE, SECS, Walk
from tests.browser.windows import is_for_everybody, look, window_of
from tests.security.product import Person, Product

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.nightly]

PATH = "/portfolio/performance"
RATE = """
INSERT INTO fx_rate (day, currency, per_euro, source, observed_at) VALUES (%s, 'USD', %s, 'test', now())
    ON CONFLICT (day, currency) DO UPDATE SET per_euro = excluded.per_euro
"""
DAYS = 40


@pytest.fixture(scope="module")
def saver(product: Product) -> Person:
    """Somebody with a tracked account in dollars and one in euro, and rates that rise a little each day."""
    person = product.person("trader")
    today = date.today()
    with product.database() as stored:
        for number in range(DAYS + 1):
            stored.execute(RATE, (today - timedelta(days=DAYS - number), f"{1.05 + number / 400:.4f}"))
    with product.client(person) as http:
        for name, currency in (("At home", "USD"), ("In euro", "EUR")):
            body = {"name": name, "broker": "tracked", "currency": currency}
            assert http.post("/api/v1/accounts", json=body).status_code == 201
        home = next(one for one in http.get("/api/v1/accounts").json()["items"] if one["name"] == "At home")
        entry = {"kind": "deposit", "on": (today - timedelta(days=30)).isoformat(), "amount": "1000"}
        assert http.post(f"/api/v1/accounts/{home['id']}/entries", json=entry).status_code == 202
        for _ in range(60):
            if http.get(f"/api/v1/accounts/{home['id']}").json()["cash"] == "1000.00":
                break
            time.sleep(0.5)
    return person


@pytest.fixture
def window(product: Product, saver: Person, browser: Browser) -> Iterator[Walk]:
    """Their window."""
    with window_of(browser, product, saver) as opened:
        yield opened


def test_a_person_sees_all_accounts_together_and_changes_the_base_currency(window: Walk) -> None:
    page = window.page
    window.open("/portfolio/import")
    page.get_by_label("Tracked account").select_option(label="In euro, EUR")
    page.get_by_label("On", exact=True).fill((date.today() - timedelta(days=28)).isoformat())
    page.get_by_label("What happened").select_option("deposit")
    page.locator("#entry-amount").fill("2000")
    page.get_by_role("button", name="Book it").click()
    former = page.get_by_role("region", name="Former imports").locator("tbody tr").first
    expect(former).to_contain_text("Deposited 2000.00 EUR", timeout=20 * SECS)
    expect(former).to_contain_text("Booked", timeout=20 * SECS)
    page.wait_for_timeout(3 * SECS)  # the worker tells former days' values
    _choose(window, "In euro")
    window.open(PATH)
    expect(page.locator("#book-currency")).to_have_value("EUR", timeout=10 * SECS)
    _whole(window)
    expect(page.locator("#book-currency")).to_have_value("USD", timeout=10 * SECS)
    sums = page.locator("section", has=page.get_by_role("heading", name="This period, USD"))
    expect(sums).to_contain_text("Exchange rates, in the result", timeout=10 * SECS)
    expect(sums).to_contain_text("1 EUR was")
    fx = sums.locator(".rows > div", has_text="Exchange rates, in the result").locator(".mono").last.inner_text()
    assert fx.startswith("+")
    assert fx != "+0.00"
    for name in ("Time-weighted (TWR)", "Money-weighted (MWR)", "Simple"):
        card = page.locator(".return", has=page.get_by_role("heading", name=name, exact=True))
        expect(card.locator(".v")).to_contain_text(" %")
    page.get_by_role("button", name="Tell apart").click()
    table = page.get_by_role("region", name="Effects by currency")
    expect(table).to_contain_text("EUR", timeout=20 * SECS)
    expect(table).to_contain_text("USD")
    is_for_everybody(window, "books")
    page.get_by_role("button", name="Explain").click()
    drawer = page.get_by_role("dialog", name="Where the change came from")
    step = drawer.locator("tr", has_text="Exchange rates").first
    expect(step).to_contain_text(fx, timeout=20 * SECS)
    expect(drawer).to_contain_text("to the cent")
    look(window, "books-explain")
    drawer.get_by_role("button", name="Close").click()

    window.open("/settings")
    page.get_by_label("Base currency").select_option("EUR")
    page.wait_for_timeout(SECS)
    look(window, "books-settings")
    window.open(PATH)
    _whole(window)
    expect(page.locator("#book-currency")).to_have_value("EUR", timeout=10 * SECS)
    expect(page.get_by_role("heading", name="This period, EUR")).to_be_visible(timeout=10 * SECS)
    page.set_viewport_size(PHONE)
    window.open(PATH)
    _whole(window)
    is_for_everybody(window, "books-phone")


def _choose(window: Walk, name: str) -> None:
    window.open("/portfolio")
    window.page.get_by_text("Choose an account").locator("..").click()
    window.page.locator(".account-menu .list button", has_text=name).click()
    window.page.wait_for_timeout(SECS)


def _whole(window: Walk) -> None:
    """All accounts, and their figures."""
    whose = window.page.get_by_role("group", name="Accounts").get_by_role("button", name="All accounts")
    whose.click()
    expect(whose).to_have_attribute("aria-pressed", "true", timeout=10 * SECS)
