"""A person in front of a browser: set up, sign in, look and trade, in the words of the screen."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.chromium import find

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
NAME = "Ada Lovelace"
EMAIL = "ada@example.org"
PASSPHRASE = "violet harbor counts nine engines"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
SECS = 1_000
MARKETS = (
    "/markets",
    "/markets/map",
    "/markets/screener",
    "/markets/correlation",
    "/markets/sessions",
    "/markets/AAPL",
)
MORE = (
    "/news",
    "/alerts",
    "/assistant",
    "/approvals",
    "/settings/accounts",
    "/settings/limits",
    "/settings/news",
    "/settings/security",
    "/settings/programs",
    "/settings/connections",
    "/admin",
    "/admin/people",
    "/admin/audit",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser that asks nobody on the internet anything."""
    path = find()
    if path is None:
        raise RuntimeError("The browser tests need Chromium. Run: make chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=ARGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Walk:
    """One browser window and everything its console complained about."""

    url: str
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @classmethod
    def begin(
        cls, browser: Browser, url: str, *, size: dict[str, int] | None = None, theme: str = "dark", state=None
    ) -> "Walk":
        """A new window; `state` is the storage of one that is signed in."""
        context = browser.new_context(viewport=size or DESKTOP, color_scheme=theme, storage_state=state)
        walk = cls(url.rstrip("/"), context, context.new_page())
        walk.page.on("console", walk._listen)
        walk.page.on("pageerror", lambda error: walk.complaints.append(str(error)))
        walk.page.on("request", lambda request: walk.asked.append(request.url))
        walk.page.on("response", walk._judge)
        return walk

    def _listen(self, message) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _judge(self, response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def open(self, path: str) -> None:
        """Load a page and wait until its state has arrived."""
        self.page.goto(self.url + path, wait_until="load")
        self.settle()

    def settle(self) -> None:
        """Until the page's data and its first quotes are there."""
        expect(self.page.locator("main")).to_have_count(1, timeout=20 * SECS)
        expect(self.page.locator(".skeleton")).to_have_count(0, timeout=20 * SECS)
        self.page.wait_for_timeout(700)

    def rest(self) -> None:
        """Leave the product until `open`: a page that nobody looks at takes a quarter of a core."""
        self.page.goto("about:blank")

    def set_up(self, link: str) -> None:
        """Create the owner with the printed link and take the practice account."""
        self.page.goto(self.url + "/setup" + link[link.index("?") :])
        self.page.get_by_label("Your name").fill(NAME)
        self.page.get_by_label("E-mail").fill(EMAIL)
        self.page.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
        self.page.get_by_role("button", name="Create the owner").click()
        self.page.wait_for_url(re.compile(r"/welcome/?$"), timeout=20 * SECS)
        self.page.locator("#start-replay").click()
        self.page.wait_for_url(re.compile(r"^[^?]*//[^/]+/$"), timeout=20 * SECS)
        self.settle()

    def sign_in(self, email: str = EMAIL, passphrase: str = PASSPHRASE, after: str = "/") -> None:
        """Sign in with the form."""
        self.page.goto(f"{self.url}/login?next={after}")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Passphrase", exact=True).fill(passphrase)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(lambda url: "/login" not in url, timeout=20 * SECS)
        self.settle()

    def write_ticket(self, side: str, qty: str, symbol: str, limit: str | None = None, tif: str = "Day") -> None:
        """Fill in the ticket, up to the review."""
        if not self.page.url.rstrip("/").endswith(f"/trade/{symbol}"):
            self.open(f"/trade/{symbol}")
        ticket = self.page.get_by_label("Order ticket")
        ticket.get_by_role("group", name="Side").get_by_role("button", name=side.capitalize()).click()
        kind = "Market" if limit is None else "Limit"
        ticket.get_by_role("group", name="Type").get_by_role("button", name=kind).click()
        self.page.locator("#qty").fill(qty)
        if limit is not None:
            self.page.locator("#limit").fill(limit)
            ticket.get_by_role("button", name=tif, exact=True).click()
        review = ticket.get_by_role("button", name="Review order")
        self.page.wait_for_timeout(600)
        expect(review).to_be_enabled(timeout=10 * SECS)
        review.click()
        expect(ticket.locator("#send")).to_be_visible(timeout=10 * SECS)

    def send(self, answer: str = ".note.good") -> None:
        """Send what the review shows and wait for the answer in words."""
        if (read := self.page.locator("#cautions-read")).count():
            read.check()
        self.page.locator("#send").click()
        expect(self.page.get_by_label("Order ticket").locator(answer)).to_be_visible(timeout=15 * SECS)

    def trade(self, side: str, qty: str, symbol: str, limit: str | None = None, tif: str = "Day") -> None:
        """The whole ticket."""
        self.write_ticket(side, qty, symbol, limit, tif)
        self.send()
