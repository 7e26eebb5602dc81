"""What every page owes: it stands still, asks nobody else, is light, fits a phone, can be read by all, stays silent."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import THEMES, violations
from tests.browser.names import NAMELESS
from tests.browser.walk import DESKTOP, MARKETS, MORE, PHONE, Walk

pytestmark = [pytest.mark.browser, pytest.mark.process]

PAGES = (
    "/",
    *MARKETS,
    "/trade/AAPL",
    "/portfolio",
    "/portfolio/performance",
    "/portfolio/lots",
    "/portfolio/gains",
    "/portfolio/income",
    "/portfolio/reports",
    "/portfolio/actions",
    "/portfolio/import",
    "/orders",
    "/settings",
    *MORE,
)
DOORS = ("/login", "/setup?token=x", "/forgot", "/reset?token=x", "/welcome", "/nowhere")
# By day every fourth page is seen on the desk in the dark and the rest on the phone in the light; by night all on both.
ON_THE_DESK = {*PAGES[::4], "/trade/AAPL"}
ON_DESKS = [one if one in ON_THE_DESK else pytest.param(one, marks=pytest.mark.nightly) for one in PAGES]
ON_PHONES = [pytest.param(one, marks=pytest.mark.nightly) if one in ON_THE_DESK else one for one in PAGES]
BASE_PAGE_MAX_KB = 230
TRADE_PAGE_MAX_KB = 320
LAYOUT_SHIFT_MAX = 0.1
WATCH_SHIFTS = (
    "window.shifted = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries())"
    " if (!entry.hadRecentInput) window.shifted += entry.value; }).observe({type: 'layout-shift', buffered: true});"
)


@pytest.mark.parametrize("path", ON_DESKS)
def test_a_page_on_a_desk(walk: Walk, path: str) -> None:
    """One visit with an empty cache; the window's fixture judges its console."""
    wire = walk.context.new_cdp_session(walk.page)
    wire.send("Network.enable")
    kinds, sizes = {}, {}
    wire.on("Network.responseReceived", lambda event: kinds.update({event["requestId"]: event["type"]}))
    wire.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    walk.page.add_init_script(WATCH_SHIFTS)
    walk.open(path)
    assert walk.page.evaluate("window.shifted") < LAYOUT_SHIFT_MAX
    assert "undefined" not in walk.page.locator("body").inner_text()
    assert [url for url in walk.asked if not url.startswith((walk.url, "data:", "blob:"))] == []
    assert walk.page.evaluate(NAMELESS) == []
    weight_kb = sum(size for request, size in sizes.items() if kinds.get(request) != "Fetch") / 1000
    assert weight_kb <= (TRADE_PAGE_MAX_KB if path.startswith("/trade") else BASE_PAGE_MAX_KB)
    assert violations(walk.page, "dark") == []


@pytest.fixture(scope="module")
def phone(owner: Walk, browser: Browser) -> Iterator[Walk]:
    """One phone for all pages, so that it loads the code once."""
    window = Walk.begin(browser, owner.url, size=PHONE, state=owner.context.storage_state())
    yield window
    window.context.close()


@pytest.mark.parametrize("path", ON_PHONES)
def test_a_page_on_a_phone(phone: Walk, path: str) -> None:
    phone.open(path)
    wide = phone.page.evaluate("Math.max(document.body.scrollWidth, document.querySelector('main').scrollWidth)")
    nameless = phone.page.evaluate(NAMELESS)
    assert wide <= PHONE["width"]
    assert nameless == []
    assert violations(phone.page, "light") == []
    assert phone.complaints == []


@pytest.mark.nightly
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("path", [*PAGES, *DOORS])
def test_a_page_in_both_themes(owner: Walk, browser: Browser, path: str, size: dict[str, int]) -> None:
    window = Walk.begin(browser, owner.url, size=size, state=owner.context.storage_state())
    window.open(path)
    found = [one for theme in THEMES for one in violations(window.page, theme)]
    window.context.close()
    assert found == []


@pytest.mark.parametrize("path", DOORS)
def test_a_door(owner: Walk, browser: Browser, path: str) -> None:
    window = Walk.begin(browser, owner.url)
    window.open(path)
    found = window.page.evaluate(NAMELESS) + violations(window.page, "dark")
    window.context.close()
    assert found == []
    assert [one for one in window.complaints if "404" not in one or path != "/nowhere"] == []


def test_the_palette_is_named_and_gives_the_focus_back(walk: Walk) -> None:
    walk.open("/orders")
    search = walk.page.get_by_role("button", name="Search symbols and pages")
    search.focus()
    for opener in ("Control+k", "Meta+k"):
        walk.page.keyboard.press(opener)
        expect(walk.page.get_by_role("dialog").get_by_role("searchbox")).to_be_focused()
        assert walk.page.evaluate(NAMELESS) == []
        for _ in range(40):
            walk.page.keyboard.press("Tab")
            assert walk.page.evaluate("document.activeElement.closest('[role=dialog]') !== null")
        walk.page.keyboard.press("Escape")
        expect(walk.page.get_by_role("dialog")).to_have_count(0)
        expect(search).to_be_focused()
