"""A person opens a margin account, sells short, reads why it filled as it did, and buys back."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.axe import THEMES, violations
from tests.browser.walk import DESKTOP, PHONE, SECS, Walk

pytestmark = [pytest.mark.browser, pytest.mark.process]

SYMBOL = "KO"
PICTURES = os.environ.get("STARKMATTER_PICTURES")
SIZES = {"desktop": DESKTOP, "phone": PHONE}


def ticket(window: Walk) -> Locator:
    return window.page.get_by_label("Order ticket")


def panel(window: Walk, name: str) -> Locator:
    heading = window.page.get_by_role("heading", name=name, exact=True)
    return window.page.locator("section.panel").filter(has=heading)


def side(window: Walk, name: str) -> None:
    ticket(window).get_by_role("group", name="Side").get_by_role("button", name=name, exact=True).click()


def look(window: Walk, name: str) -> None:
    """Both themes by axe, and a picture of each for whoever wants to see it (STARKMATTER_PICTURES=folder)."""
    window.page.wait_for_timeout(800)  # Colors come to rest, also on a machine with much else to do.
    for theme in THEMES:
        assert violations(window.page, theme) == [], name
        if PICTURES:
            window.page.screenshot(path=str(Path(PICTURES) / f"lending-{name}-{theme}.png"), full_page=True)


def review_and_send(window: Walk, qty: str, *words: str) -> None:
    window.page.locator("#qty").fill(qty)
    window.page.wait_for_timeout(800)
    review = ticket(window).get_by_role("button", name="Review order")
    expect(review).to_be_enabled(timeout=10 * SECS)
    review.click()
    expect(ticket(window).locator("#send")).to_be_visible(timeout=10 * SECS)
    for one in words:
        expect(ticket(window)).to_contain_text(one)


@pytest.fixture(scope="module")
def lent(owner: Walk, browser: Browser) -> Walk:
    """The owner's window on a margin account that they have just opened."""
    window = Walk.begin(browser, owner.url, state=owner.context.storage_state())
    window.open("/settings/accounts")
    form = panel(window, "Open an account")
    for title in ("Replay", "Margin", "alpaca/1", "harsh/1"):
        form.get_by_text(title, exact=True).click()
    form.get_by_label("Name").fill("Borrower")
    look(window, "opening")
    form.get_by_role("button", name="Open account").click()
    expect(window.page.locator(".skeleton")).to_have_count(0, timeout=20 * SECS)
    window.page.wait_for_url(lambda url: "/settings" not in url, timeout=20 * SECS)
    return window


def choose_borrower(window: Walk) -> None:
    """Each window looks at the account it chose; the newest one is shown first."""
    expect(window.page.locator("body")).to_contain_text("Borrower", timeout=15 * SECS)


def test_a_short_sale_says_what_it_borrows_fills_and_is_bought_back(lent: Walk) -> None:
    lent.open(f"/trade/{SYMBOL}")
    choose_borrower(lent)
    side(lent, "Sell short")
    lent.page.locator("#qty").fill("10")
    expect(ticket(lent)).to_contain_text("It sells 10 KO short", timeout=15 * SECS)
    expect(ticket(lent)).to_contain_text("Has to be kept after")
    look(lent, "ticket")
    review_and_send(lent, "10", "Sell short 10 KO", "This sells shares that are borrowed")
    look(lent, "review")
    lent.send()
    expect(ticket(lent).locator(".note.good")).to_contain_text("Sell short 10 KO", timeout=15 * SECS)
    link = ticket(lent).get_by_role("link", name="Read its receipt")
    expect(link).to_be_visible(timeout=60 * SECS)
    expect(panel(lent, "Position")).to_contain_text("Shares, short")
    look(lent, "position")
    link.click()
    receipt = lent.page.get_by_role("region", name="Receipt", exact=True)
    for words in ("harsh/1", "Commission"):
        expect(receipt).to_contain_text(words, timeout=15 * SECS)
    lent.open("/portfolio")
    cash = panel(lent, "Cash, USD")
    for words in ("Value of shares sold short", "Has to be kept", "Equity above it", "harsh/1"):
        expect(cash).to_contain_text(words, timeout=15 * SECS)
    expect(panel(lent, "Positions")).to_contain_text("−10")
    look(lent, "portfolio")
    lent.open(f"/trade/{SYMBOL}")
    side(lent, "Buy")
    review_and_send(lent, "10", "It buys back 10 of the 10 KO that you are short")
    lent.send()
    expect(panel(lent, "Position")).to_have_count(0, timeout=60 * SECS)
    assert lent.complaints == []


def test_a_margin_call_is_shown_on_every_page(lent: Walk, product) -> None:
    with product.database() as connection:
        connection.execute(
            "INSERT INTO margin_call (id, account_id, called_at, due_at, equity, maintenance, state, created_at)"
            " SELECT gen_random_uuid(), id, opened_venue_at, opened_venue_at + interval '1 day', 1, 2, 'open', now()"
            " FROM account WHERE name = 'Borrower'"
        )
        # It keeps enough, so the worker ends the call within a second or two: it is held open for the look.
        connection.execute(
            "CREATE RULE held AS ON UPDATE TO margin_call WHERE NEW.ended_at IS NOT NULL DO INSTEAD NOTHING"
        )
        try:
            for path in ("/", "/portfolio"):
                lent.open(path)
                expect(lent.page.locator("main")).to_contain_text("Margin call:", timeout=15 * SECS)
            look(lent, "call")
        finally:
            connection.execute("DROP RULE held ON margin_call")


@pytest.mark.nightly
def test_the_phone_has_room_for_a_short_sale(lent: Walk, browser: Browser) -> None:
    window = Walk.begin(browser, lent.url, size=PHONE, state=lent.context.storage_state())
    window.open(f"/trade/{SYMBOL}")
    window.page.get_by_role("button", name="Sell", exact=True).last.click()
    expect(ticket(window)).to_have_attribute("data-open", "true", timeout=10 * SECS)
    side(window, "Sell short")
    expect(ticket(window)).to_contain_text("short: they are borrowed", timeout=15 * SECS)
    look(window, "phone")
    window.open("/portfolio")
    look(window, "phone-portfolio")
    assert window.complaints == []
    window.context.close()


@pytest.mark.nightly
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_an_account_is_branched_and_begun_anew(lent: Walk, browser: Browser, size: str) -> None:
    window = Walk.begin(browser, lent.url, size=SIZES[size], state=lent.context.storage_state())
    window.open("/settings/accounts")
    fork, name = panel(window, "Branch this account"), f"What if {size}"
    fork.get_by_label("Name of the branch").fill(name)
    look(window, f"branching-{size}")
    fork.get_by_role("button", name="Open the branch").click()
    window.page.wait_for_url(lambda url: "/settings" not in url, timeout=20 * SECS)
    window.open("/settings/accounts")
    rows = window.page.get_by_role("region", name="Your accounts").locator("tbody tr")
    expect(rows.filter(has_text=name).first).to_contain_text("branch of", timeout=15 * SECS)
    reset = panel(window, "Begin anew")
    expect(reset).to_contain_text(f"Ends {name}")
    reset.get_by_label("Type the account's name to confirm").fill(name)
    reset.get_by_role("button", name="End it and begin anew").click()
    window.page.wait_for_url(lambda url: "/settings" not in url, timeout=20 * SECS)
    window.open("/settings/accounts")
    expect(rows.filter(has_text=name)).to_have_count(2, timeout=15 * SECS)
    expect(rows.filter(has_text=name).filter(has_text="READ-ONLY")).to_have_count(1)
    expect(rows.filter(has_text="begun anew").first).to_be_visible()
    look(window, f"anew-{size}")
    assert window.complaints == []
    window.context.close()
    if size == "phone":
        lent.context.close()
