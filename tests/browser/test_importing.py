"""Somebody new imports a file of each program, sees what it would do, and finds the totals that the file states."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.names import NAMELESS
from tests.browser.walk import PHONE, SECS, Walk
from tests.browser.windows import is_for_everybody, look, window_of
from tests.portfolio.importing import SAMPLES
from tests.portfolio.test_importers import WHOLE
from tests.security.product import Person, Product

pytestmark = [pytest.mark.browser, pytest.mark.process]

# One file of each program; what its lines come to, by the currency of the account it goes into.
ONE_OF_EACH = [
    (name, currency, cash)
    for name, _, comes_to, *_ in WHOLE
    for currency, cash in comes_to.items()
    if name
    not in {"alpaca.csv", "ibkr_flex.csv", "etrade.csv", "degiro_2025.csv", "portfolio_performance_en.csv", "bank.ofx"}
]
SOME = [one for one in ONE_OF_EACH if one[0] == "schwab.csv"]
OPEN_QUESTION = b"Day;What;Ticker;Pieces;Each;Money\n01/02/2024;aankoop;KO;10;60.00;-600.00\n03/02/2024;div;KO;;;4.60\n"


@pytest.fixture(scope="module")
def newcomer(product: Product) -> Person:
    return product.person("trader")


@pytest.fixture
def window(product: Product, newcomer: Person, browser: Browser) -> Iterator[Walk]:
    """Their window."""
    with window_of(browser, product, newcomer) as opened:
        yield opened


@pytest.mark.parametrize(
    "files", [SOME, pytest.param(ONE_OF_EACH, marks=pytest.mark.nightly)], ids=["some", "one of each"]
)
def test_a_file_of_each_program_is_imported_with_the_totals_that_it_states(
    window: Walk, files: list[tuple[str, str, str]]
) -> None:
    page = window.page
    window.open("/portfolio")
    page.get_by_role("navigation", name="Portfolio pages").get_by_role("link", name="Import").click()
    page.wait_for_url("**/portfolio/import**", timeout=15 * SECS)
    window.settle()
    look(window, "import-empty")
    for currency in ("EUR", "USD"):
        if currency == "USD":
            page.locator("summary", has_text="New tracked account").click()
        page.get_by_label("Name", exact=True).fill(f"Elsewhere {currency}")
        page.get_by_label("Currency of its books").select_option(currency)
        page.get_by_role("button", name="Open it").click()
        expect(page.get_by_label("Tracked account").locator("option:checked")).to_have_text(
            f"Elsewhere {currency}, {currency}", timeout=10 * SECS
        )
    for name, currency, cash in files:
        page.get_by_label("Tracked account").select_option(label=f"Elsewhere {currency}, {currency}")
        page.set_input_files("#import-file", SAMPLES / name)
        totals = page.get_by_role("region", name="Totals")
        expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=20 * SECS)
        expect(totals).to_contain_text(_shown(cash), timeout=20 * SECS)
        expect(totals).not_to_contain_text("differs")
        if page.get_by_role("button", name="Use these symbols").count():
            for number, box in enumerate(page.get_by_role("textbox", name="Symbol of").all()):
                box.fill(f"EU{number}")
            page.get_by_role("button", name="Use these symbols").click()
            expect(page.get_by_role("button", name="Use these symbols")).to_have_count(0, timeout=20 * SECS)
        if name == "schwab.csv":
            is_for_everybody(window, "import-dry-run")
        page.locator("#import-confirm").click(timeout=20 * SECS)
        done = page.locator(".note.good", has_text="Booked.")
        expect(done).to_be_visible(timeout=20 * SECS)
        page.locator("#import-done").click()
        former = page.get_by_role("region", name="Former imports").locator("tbody tr").first
        expect(former).to_contain_text(name, timeout=10 * SECS)
        expect(former).to_contain_text("Booked")


def test_a_table_that_leaves_something_open_is_mapped_booked_and_taken_back(window: Walk) -> None:
    page = window.page
    window.open("/portfolio/import")
    page.get_by_label("Tracked account").select_option(label="Elsewhere USD, USD")
    page.set_input_files("#import-file", {"name": "own.csv", "mimeType": "text/csv", "buffer": OPEN_QUESTION})
    expect(page.get_by_role("heading", name="Which column holds what")).to_be_visible(timeout=20 * SECS)
    assert page.evaluate(NAMELESS) == []
    for field, heading in (("at", "day"), ("kind", "what"), ("symbol", "ticker"), ("qty", "pieces"), ("price", "each")):
        page.locator(f"#map-column-{field}").select_option(heading)
    page.locator("#map-column-amount").select_option("money")
    page.locator("#map-date_order").select_option("dmy")
    page.locator("#map-kinds").fill("aankoop = buy")
    page.locator("#map-name").fill("My own table")
    look(window, "import-mapping")
    page.get_by_role("button", name="Read it this way").click()
    expect(page.get_by_role("region", name="Totals")).to_contain_text("−595.40", timeout=20 * SECS)
    page.locator("#import-confirm").click()
    expect(page.locator(".note.good", has_text="Booked.")).to_be_visible(timeout=20 * SECS)
    page.get_by_role("button", name="Take it back").click()
    former = page.get_by_role("region", name="Former imports").locator("tbody tr").first
    expect(former).to_contain_text("Taken back", timeout=20 * SECS)
    page.get_by_label("On", exact=True).fill("2024-05-01")
    page.get_by_label("What happened").select_option("deposit")
    page.locator("#entry-amount").fill("250")
    page.get_by_role("button", name="Book it").click()
    expect(former).to_contain_text("Deposited 250.00 USD", timeout=20 * SECS)
    expect(former).to_contain_text("Booked", timeout=20 * SECS)
    page.set_viewport_size(PHONE)
    window.open("/portfolio/import")
    is_for_everybody(window, "import-phone")


def _shown(cash: str) -> str:
    """`+3,423.88`, as the page shows it."""
    value = Decimal(cash)
    return f"{'+' if value > 0 else '−'}{abs(value):,.2f}"
