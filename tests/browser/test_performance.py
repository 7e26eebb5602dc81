"""The performance page in a real browser: figures, charts, periods, download; nothing of it on any other page."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.names import NAMELESS
from tests.browser.walk import PHONE, SECS, Walk
from tests.portfolio.history import give_past, market_past
from tests.security.product import COOKIE, Person, Product

pytestmark = [pytest.mark.browser, pytest.mark.process]

PATH = "/portfolio/performance"
PAGE_MAX_KB = 620
BASE_PAGE_MAX_KB = 230
SESSIONS = 120
LIBRARY_KB = 300
ACCENT = """() => {
  const probe = document.createElement("i");
  probe.style.color = "var(--accent)";
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}"""


@pytest.fixture(scope="module")
def investor(product: Product) -> Person:
    """Somebody whose account has half a year behind it."""
    person = product.person("trader")
    with product.client(person) as http:
        opened = http.post("/api/v1/accounts", json={"name": "Half a year", "cash": "100000"})
        assert opened.status_code == 201
        account_id = UUID(opened.json()["id"])
    with product.database() as stored:
        row = stored.execute(
            "SELECT min(venue_at) FROM equity_snapshot WHERE account_id = %s", (account_id,)
        ).fetchone()
        assert row is not None
        days = market_past(stored, SESSIONS, row[0])
        give_past(stored, account_id, days, opened_at=days[0].closes_at - timedelta(hours=5))
    return person


@pytest.fixture
def window(product: Product, investor: Person, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Walk]:
    """Their window, of the size the test asks for; its console stays silent."""
    url = f"http://localhost:{product.instance.port}"
    opened = Walk.begin(browser, url, size=getattr(request, "param", None))
    opened.context.add_cookies([{"name": COOKIE, "value": investor.token, "url": url}])
    yield opened
    opened.context.close()
    assert opened.complaints == []


def weights(window: Walk, path: str) -> Counter[str]:
    """Kilobytes on the wire by file, without what the page asks of the API."""
    wire = window.context.new_cdp_session(window.page)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    asked: dict[str, str] = {}
    sizes: Counter[str] = Counter()
    wire.on("Network.requestWillBeSent", lambda event: asked.update({event["requestId"]: event["request"]["url"]}))
    wire.on(
        "Network.loadingFinished",
        lambda event: sizes.update(
            {urlsplit(asked.get(event["requestId"], "?")).path: int(event["encodedDataLength"])}
        ),
    )
    window.open(path)
    window.page.wait_for_timeout(1_000)
    wire.detach()
    return sizes


def test_a_person_walks_the_page(window: Walk, tmp_path: Path) -> None:
    page = window.page
    window.open("/portfolio")
    page.get_by_role("navigation", name="Portfolio pages").get_by_role("link", name="Performance").click()
    page.wait_for_url(f"**{PATH}**", timeout=15 * SECS)
    window.settle()
    expect(page.get_by_role("heading", level=1)).to_have_text("Performance")
    for name in ("Time-weighted (TWR)", "Money-weighted (MWR)", "Simple", "S&P 500 (^GSPC)"):
        card = page.locator(".return", has=page.get_by_role("heading", name=name, exact=True))
        expect(card.locator(".v")).to_contain_text(" %")
    expect(page.locator(".why")).to_contain_text("came in and 30,000.00 USD went out")
    charts = page.locator(".figurebox .main-svg .scatterlayer .trace")
    expect(charts.first).to_be_attached(timeout=20 * SECS)
    expect(page.locator(".figurebox .wait")).to_have_count(0)
    assert page.evaluate(NAMELESS) == []

    whole = page.locator(".return .v").first.inner_text()
    page.get_by_role("group", name="Period").get_by_role("button", name="1M").click()
    expect(page.locator(".return .v").first).not_to_have_text(whole, timeout=10 * SECS)
    page.get_by_label("First day").fill("2020-12-01")
    page.get_by_label("Last day").fill("2020-12-31")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("region", name="Monthly returns").locator("tbody tr")).to_have_count(1, timeout=10 * SECS)
    page.get_by_label("A blend of symbols, in percent").fill("60 ^GSPC, 40 AAPL")
    page.keyboard.press("Enter")
    expect(page.locator(".return").last).to_contain_text("With the same money on the same days", timeout=10 * SECS)
    expect(page.get_by_role("heading", name="60 % S&P 500, 40 % Apple Inc.")).to_be_visible()
    page.get_by_label("Against").select_option("")
    expect(page.locator(".return")).to_have_count(3, timeout=10 * SECS)

    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download these days as CSV").click()
    waiting.value.save_as(tmp_path / "days.csv")
    rows = list(csv.DictReader((tmp_path / "days.csv").open(newline="")))
    assert (rows[0]["date"], rows[-1]["date"]) == ("2020-11-30", "2020-12-31")
    window.open("/portfolio")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the ledger as CSV").click()
    assert waiting.value.suggested_filename.startswith("starkmatter-ledger-")


def test_the_charts_are_drawn_in_the_colors_of_the_theme(window: Walk) -> None:
    window.open(PATH)
    line = window.page.locator(".figurebox .scatterlayer .trace path.js-line").first
    expect(line).to_be_attached(timeout=20 * SECS)
    found = set()
    for theme in ("dark", "light"):
        window.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        window.page.wait_for_timeout(800)
        color = line.evaluate("(one) => getComputedStyle(one).stroke")
        assert color == window.page.evaluate(ACCENT)
        found.add(color)
    assert len(found) == 2


def test_a_day_is_read_off_a_chart_with_its_sign(window: Walk) -> None:
    window.open(PATH)
    chart = window.page.get_by_role("img", name="Time-weighted return of the account")
    expect(chart.locator(".main-svg").first).to_be_attached(timeout=20 * SECS)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    window.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.3)
    expect(chart.locator(".hoverlayer")).to_contain_text(re.compile(r"Account : [+−]\d+\.\d\d %"), timeout=10 * SECS)
    assert window.page.evaluate("document.documentElement.scrollHeight <= innerHeight")


@pytest.mark.nightly
@pytest.mark.parametrize("window", [PHONE], indirect=True, ids=["phone"])
def test_the_page_fits_a_phone_and_stands_named(window: Walk) -> None:
    window.open(PATH)
    expect(window.page.locator(".figurebox .main-svg").first).to_be_attached(timeout=20 * SECS)
    wide = window.page.evaluate("Math.max(document.body.scrollWidth, document.querySelector('main').scrollWidth)")
    assert wide <= PHONE["width"]
    assert window.page.evaluate(NAMELESS) == []


@pytest.mark.nightly
def test_the_library_is_loaded_here_and_nowhere_else(window: Walk) -> None:
    here = weights(window, PATH)
    library = max(here, key=lambda name: here[name])
    assert here[library] / 1e3 > LIBRARY_KB
    assert sum(here.values()) / 1e3 <= PAGE_MAX_KB
    for path in ("/portfolio", "/"):
        elsewhere = weights(window, path)
        assert library not in elsewhere
        assert sum(elsewhere.values()) / 1e3 <= BASE_PAGE_MAX_KB
