"""Reports in a browser: one is looked at, saved and shared; whoever has the link reads it without signing in."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import THEMES, violations
from tests.browser.names import NAMELESS
from tests.browser.walk import DESKTOP, PHONE, SECS, Walk
from tests.portfolio.history import give_past, market_past
from tests.portfolio.report_figures import pdf_text
from tests.security.product import COOKIE, Person, Product

pytestmark = [pytest.mark.browser, pytest.mark.process]

PICTURES = os.environ.get("STARKMATTER_PICTURES")
PAGE = "/portfolio/reports"


@pytest.fixture(scope="module")
def holder(product: Product) -> Person:
    """Somebody with half a year behind them."""
    person = product.person("trader", "Grace Hopper")
    with product.client(person) as http:
        account = http.post("/api/v1/accounts", json={"name": "Retirement", "cash": "100000"}).json()["id"]
    with product.database() as stored:
        row = stored.execute(
            "SELECT min(venue_at) FROM equity_snapshot WHERE account_id = %s", (UUID(account),)
        ).fetchone()
        assert row is not None
        days = market_past(stored, 120, row[0])
        give_past(stored, UUID(account), days, opened_at=days[0].closes_at - timedelta(hours=5))
    return person


@pytest.fixture
def window(product: Product, holder: Person, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Walk]:
    """Their window; its console stays silent."""
    url = f"http://localhost:{product.instance.port}"
    opened = Walk.begin(browser, url, size=getattr(request, "param", None))
    opened.context.add_cookies([{"name": COOKIE, "value": holder.token, "url": url}])
    yield opened
    opened.context.close()
    assert opened.complaints == []


def test_a_report_is_looked_at_saved_and_shared_with_somebody_who_reads_it(
    window: Walk, browser: Browser, product: Product
) -> None:
    page = window.page
    window.open(PAGE)
    page.get_by_label("Period").select_option(label="Since the account was opened")
    page.get_by_role("button", name="Preview").click()
    shown = page.frame_locator("iframe[title='Preview of the report']")
    expect(shown.get_by_role("heading", name="Allocation")).to_be_visible(timeout=20 * SECS)
    expect(shown.get_by_role("table", name="How the value changed")).to_contain_text("Paid in")
    for theme in THEMES:
        _look(window, f"reports-preview-{theme}", theme)
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.get_by_role("button", name="Preview").click()
    expect(shown.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)", timeout=20 * SECS)
    with page.expect_download(timeout=30 * SECS) as waiting:
        page.get_by_role("button", name="Save as PDF").click()
    assert waiting.value.suggested_filename.endswith(".pdf")
    assert "How the value changed" in pdf_text(waiting.value.path().read_bytes())
    page.get_by_label("Figures").select_option("false")
    page.get_by_role("textbox", name="Whom it is for").fill("My adviser")
    page.get_by_role("button", name="Make a link").click()
    url = page.locator("code[data-shared]").inner_text(timeout=15 * SECS)
    page.get_by_role("button", name="I have kept it").click()
    links = page.get_by_role("region", name="Links")
    expect(links).to_contain_text("My adviser")
    expect(links).to_contain_text("percentages only")
    visitor = Walk.begin(browser, window.url)
    visitor.page.goto(url)
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("Retirement")
    expect(visitor.page.get_by_text("This report shows percentages only.")).to_be_visible()
    assert "100,000" not in visitor.page.content()
    assert visitor.context.cookies() == []
    for scheme, size in (("dark", DESKTOP), ("light", PHONE)):
        visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        visitor.page.set_viewport_size(size)
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(visitor.page, scheme) == []
        _whole(visitor, f"shared-{scheme}")
    page.get_by_role("button", name="Revoke the link: My adviser").click()
    expect(page.get_by_text("No link is out")).to_be_visible(timeout=10 * SECS)
    assert visitor.page.goto(url).status == 404  # type: ignore[union-attr]
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("There is no report at this address.")
    visitor.context.close()
    assert url.rpartition("/")[2] not in product.instance.text


@pytest.mark.nightly
@pytest.mark.parametrize("window", [DESKTOP, PHONE], indirect=True, ids=["desk", "phone"])
def test_the_page_fits_is_named_and_mails(window: Walk) -> None:
    page = window.page
    window.open(PAGE)
    page.get_by_role("combobox", name="How often").select_option("quarter")
    page.get_by_role("button", name="Mail it").click()
    expect(page.get_by_role("region", name="Reports by mail")).to_contain_text("Quarterly", timeout=15 * SECS)
    size = page.viewport_size
    assert size is not None
    wide = page.evaluate("Math.max(document.body.scrollWidth, document.querySelector('main').scrollWidth)")
    assert wide <= size["width"]
    assert page.evaluate(NAMELESS) == []
    for theme in THEMES:
        assert violations(page, theme) == []
        _look(window, f"reports-{size['width']}-{theme}", theme)
    page.get_by_role("button", name="Stop mailing: Quarterly").first.click()
    expect(page.get_by_text("Nothing is mailed")).to_be_visible(timeout=10 * SECS)


def test_a_period_that_says_nothing_is_told_on_the_page(window: Walk) -> None:
    page = window.page
    window.open(PAGE)
    page.get_by_label("Period").select_option("days")
    expect(page.get_by_role("button", name="Preview")).to_be_disabled()
    page.get_by_label("From", exact=True).fill("1999-01-01")
    page.get_by_label("To", exact=True).fill("1999-02-01")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_contain_text("the account was opened on", timeout=10 * SECS)
    window.complaints[:] = [one for one in window.complaints if "422" not in one]


@pytest.mark.nightly
def test_a_report_is_held_against_a_blend(window: Walk) -> None:
    page = window.page
    window.open(PAGE)
    page.get_by_label("Benchmark").select_option("A blend …")
    for name in ("Preview", "Mail it"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    page.get_by_label("Blend", exact=True).fill("60 AAPL, 30 KO")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_contain_text("percentages that add up to 100", timeout=20 * SECS)
    page.get_by_label("Blend", exact=True).fill("60 AAPL, 40 KO")
    for theme in THEMES:
        assert violations(page, theme) == []
        _look(window, f"reports-blend-{theme}", theme)
    page.get_by_role("button", name="Preview").click()
    shown = page.frame_locator("iframe[title='Preview of the report']")
    expect(shown.locator("body")).to_contain_text("60 AAPL, 40 KO", timeout=30 * SECS)
    window.complaints[:] = [one for one in window.complaints if "422" not in one]


def _look(window: Walk, name: str, theme: str) -> None:
    """A picture for whoever wants to see it (STARKMATTER_PICTURES=folder)."""
    if PICTURES:
        window.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        before = window.page.viewport_size
        assert before is not None
        height = window.page.locator("main").evaluate("(one) => one.scrollHeight")
        window.page.set_viewport_size({"width": before["width"], "height": min(height + 160, 4_000)})
        window.page.wait_for_timeout(400)
        window.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))
        window.page.set_viewport_size(before)


def _whole(walk: Walk, name: str) -> None:
    if PICTURES:
        walk.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)
