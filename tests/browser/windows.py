"""What walks of one person's pages share: their window, pictures of it, and what every page owes everybody."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.axe import THEMES, violations
from tests.browser.names import NAMELESS
from tests.browser.walk import DESKTOP, PHONE, Walk
from tests.security.product import COOKIE, Person, Product

PICTURES = os.environ.get("STARKMATTER_PICTURES")
SIZES = (("desktop", DESKTOP), ("phone", PHONE))
HIGHEST = 4_000
FITS = "Math.max(document.documentElement.scrollWidth, document.querySelector('main').scrollWidth) <= window.innerWidth"


@contextmanager
def window_of(browser: Browser, product: Product, person: Person, size: dict[str, int] | None = None) -> Iterator[Walk]:
    """A signed-in window; its console stays silent."""
    url = f"http://localhost:{product.instance.port}"
    opened = Walk.begin(browser, url, size=size)
    opened.context.add_cookies([{"name": COOKIE, "value": person.token, "url": url}])
    yield opened
    opened.context.close()
    assert opened.complaints == []


def look(window: Walk, name: str) -> None:
    """A picture of the whole page for whoever wants to see it (STARKMATTER_PICTURES=folder)."""
    if not PICTURES:
        return
    before = window.page.viewport_size
    assert before is not None
    height = window.page.locator("main").evaluate("(one) => one.scrollHeight")
    window.page.set_viewport_size({"width": before["width"], "height": min(height + 160, HIGHEST)})
    window.page.wait_for_timeout(400)
    window.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))
    window.page.set_viewport_size(before)


def is_for_everybody(window: Walk, name: str) -> None:
    """As it stands: nothing without a name, nothing wider than the window, and readable in either theme."""
    assert window.page.evaluate(NAMELESS) == [], name
    assert window.page.evaluate(FITS), name
    for theme in THEMES:
        assert violations(window.page, theme) == [], (name, theme)
        look(window, f"{name}-{theme}")
