"""What axe-core finds wrong with a page, in one line for each place."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

THEMES = ("dark", "light")
_script = Axe().axe_script
_RUN = "axe.run({resultTypes: ['violations']}).then((found) => found.violations)"


def violations(page: Page, theme: str) -> list[str]:
    """In that theme, after colors have come to rest: rule, element, and what would mend it."""
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    page.wait_for_timeout(300)
    if not page.evaluate("'axe' in window"):  # half a megabyte, once for each page that is loaded
        page.evaluate(_script)
    found = page.evaluate(_RUN)
    return [
        f"{theme}: {one['id']} at {node['target']}: {node['failureSummary']}" for one in found for node in one["nodes"]
    ]
