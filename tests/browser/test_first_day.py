"""A person's first day, as it is seen: set up, buy, look at the receipt and the ledger, cancel, sign out."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Request, expect

from tests.browser.walk import EMAIL, PASSPHRASE, SECS, Walk
from tests.ops.instance import Instance

pytestmark = [pytest.mark.browser, pytest.mark.process]


def figure(text: str) -> Decimal:
    """`▲ +1,234.50` as a number."""
    return Decimal(re.sub(r"[^0-9.\-]", "", text.replace("−", "-")))


def row_of(walk: Walk, table: str, *words: str):
    found = walk.page.get_by_role("region", name=table).locator("tbody tr")
    for word in words:
        found = found.filter(has_text=word)
    return found.first


def test_set_up_then_buy_ten_shares(owner: Walk) -> None:
    page = owner.page
    owner.open("/")
    expect(page.get_by_text("Place your first paper trade")).to_be_visible()
    expect(page.locator(".badge.replay")).to_contain_text("REPLAY")
    expect(page.locator(".badge.paper").first).to_be_visible()

    owner.trade("buy", "10", "AAPL")
    expect(page.get_by_role("region", name="Fills").locator("tbody tr")).to_have_count(1, timeout=20 * SECS)
    price = figure(row_of(owner, "Fills", "Buy").locator("td").nth(3).inner_text())

    owner.open("/portfolio")
    expect(row_of(owner, "Positions", "AAPL").locator("td").nth(1)).to_have_text("10")
    cash = page.locator(".rows > div", has_text="Cash").first.locator("span").last
    expect(cash).to_have_text(f"{Decimal(100_000) - 10 * price:,.2f}")
    expect(page.get_by_role("region", name="Ledger")).to_contain_text("AAPL")

    owner.open("/orders")
    row_of(owner, "Orders", "AAPL").get_by_role("button", name="AAPL", exact=True).click()
    receipt = page.get_by_role("region", name="Receipt")
    expect(receipt).to_contain_text("ms old, from replay")
    expect(receipt).to_contain_text("Participation cap")
    expect(receipt.locator("tbody tr")).to_have_count(3)
    expect(receipt.locator("tbody")).to_contain_text("Frictionless")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert owner.complaints == []
    owner.rest()


def test_a_limit_order_waits_and_can_be_canceled(walk: Walk) -> None:
    walk.open("/trade/KO")
    last = figure(walk.page.locator('[data-live="KO"][data-field="last"]').first.inner_text())
    walk.trade("buy", "5", "KO", limit=f"{last * Decimal('0.9'):.2f}", tif="Until canceled")
    order = row_of(walk, "Orders", "KO")
    expect(order).to_contain_text("working", timeout=15 * SECS)
    order.get_by_role("button", name="Cancel KO").click()
    expect(walk.page.get_by_role("region", name="Orders")).to_have_count(0, timeout=15 * SECS)
    walk.open("/orders")
    expect(row_of(walk, "Orders", "KO")).to_contain_text("canceled")


def test_an_order_that_cannot_be_paid_is_refused_before_it_is_sent(walk: Walk) -> None:
    walk.open("/trade/MSFT")
    walk.page.locator("#qty").fill("900000")
    expect(walk.page.get_by_label("Order ticket").locator(".note.bad")).to_contain_text("Buying power")
    expect(walk.page.locator("#review")).to_be_disabled()


def test_figures_change_without_a_reload(walk: Walk) -> None:
    walk.open("/")
    cell = walk.page.get_by_role("region", name="Watchlist").locator('[data-live="AAPL"][data-field="last"]')
    before = cell.inner_text()
    walk.page.evaluate("window.stillHere = true")
    expect(cell).not_to_have_text(before, timeout=20 * SECS)
    assert walk.page.evaluate("window.stillHere")
    expect(walk.page.locator("[data-strip=feed]")).to_have_text("Feed live")


def test_a_fill_reaches_the_other_window_by_itself(walk: Walk, owner: Walk) -> None:
    walk.open("/orders")
    rows = walk.page.get_by_role("region", name="Orders").locator("tbody tr")
    before = rows.count()
    owner.trade("buy", "1", "BAC")
    expect(rows).to_have_count(before + 1, timeout=15 * SECS)
    expect(walk.page.locator(".toast").first).to_contain_text("BAC")


def test_the_keyboard_is_enough_to_find_a_symbol(walk: Walk) -> None:
    walk.open("/")
    walk.page.keyboard.press("/")
    dialog = walk.page.get_by_role("dialog")
    expect(dialog.get_by_role("searchbox")).to_be_focused()
    walk.page.keyboard.type("microsoft")
    walk.page.keyboard.press("Enter")
    walk.page.wait_for_url("**/trade/MSFT", timeout=10 * SECS)
    expect(walk.page).to_have_title("MSFT · Trade · StarkMatter")
    walk.settle()
    walk.page.keyboard.press("s")
    sell = walk.page.get_by_role("group", name="Side").get_by_role("button", name="Sell")
    expect(sell).to_have_attribute("aria-pressed", "true")
    walk.page.keyboard.press("?")
    expect(walk.page.get_by_role("dialog", name="Keys")).to_be_visible()
    walk.page.keyboard.press("Escape")
    expect(walk.page.get_by_role("dialog")).to_have_count(0)


def test_the_theme_is_there_before_the_first_paint_and_follows_the_person(walk: Walk, browser: Browser) -> None:
    walk.open("/settings")
    walk.page.get_by_role("group", name="Theme").get_by_role("button", name="Light").click()
    expect(walk.page.locator("html")).to_have_attribute("data-theme", "light")
    walk.page.goto(walk.url + "/orders", wait_until="commit")
    expect(walk.page.locator("html")).to_have_attribute("data-theme", "light")
    elsewhere = Walk.begin(browser, walk.url)
    elsewhere.sign_in(EMAIL, PASSPHRASE)
    expect(elsewhere.page.locator("html")).to_have_attribute("data-theme", "light")
    elsewhere.context.close()
    walk.open("/settings")
    walk.page.get_by_role("group", name="Theme").get_by_role("button", name="Dark").click()
    expect(walk.page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_stranger_sees_the_door_and_comes_back_to_the_page_asked_for(owner: Walk, browser: Browser) -> None:
    stranger = Walk.begin(browser, owner.url)
    stranger.page.goto(owner.url + "/portfolio")
    stranger.page.wait_for_url("**/login**", timeout=15 * SECS)
    stranger.page.get_by_label("E-mail").fill(EMAIL)
    stranger.page.get_by_label("Passphrase", exact=True).fill("not the passphrase at all")
    stranger.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(stranger.page.get_by_role("alert")).to_be_visible()
    stranger.page.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
    stranger.page.get_by_role("button", name="Sign in", exact=True).click()
    stranger.page.wait_for_url("**/portfolio**", timeout=15 * SECS)
    stranger.settle()
    stranger.page.locator("summary", has_text="Your menu").click()
    loads: list[str] = []

    def load(asked: Request) -> None:
        if asked.is_navigation_request() and asked.redirected_from is None:
            loads.append(asked.url)

    stranger.page.on("request", load)
    stranger.page.get_by_role("button", name="Sign out").click()
    expect(stranger.page.get_by_label("Passphrase", exact=True)).to_be_visible(timeout=15 * SECS)
    stranger.page.wait_for_load_state("networkidle")
    # The form and the closed stream both lead there: the page is loaded once, or one load cuts off the other.
    assert loads == [owner.url + "/login"]
    stranger.page.goto(owner.url + "/")
    stranger.page.wait_for_url("**/login**", timeout=15 * SECS)
    stranger.context.close()


def test_a_door_leads_only_into_this_house(owner: Walk, browser: Browser) -> None:
    for lure in ("https://example.org/", "//example.org/", "/\\example.org", "javascript:alert(1)"):
        stranger = Walk.begin(browser, owner.url)
        stranger.sign_in(EMAIL, PASSPHRASE, after=lure)
        assert stranger.page.url.startswith(owner.url)
        stranger.context.close()


def test_a_page_outlives_a_restart_of_the_server(owner: Walk, browser: Browser, instance: Instance) -> None:
    window = Walk.begin(browser, owner.url, state=owner.context.storage_state())
    window.open("/trade/AAPL")
    web = instance.child("web")
    assert web is not None
    web.kill()
    expect(window.page.get_by_text("Connection lost")).to_be_visible(timeout=10 * SECS)
    expect(window.page.get_by_text("Connection lost")).to_be_hidden(timeout=30 * SECS)
    cell = window.page.locator('[data-live="AAPL"][data-field="last"]').first
    before = cell.inner_text()
    expect(cell).not_to_have_text(before, timeout=20 * SECS)
    expect(window.page.get_by_label("Order ticket").get_by_text("Est. cost")).to_be_visible()
    expect(window.page.locator(".account b").first).not_to_contain_text("–", timeout=15 * SECS)
    window.context.close()
