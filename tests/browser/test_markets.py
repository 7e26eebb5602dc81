"""What a person does in Markets: order a list by keys and by pointer, add, import, walk the map, screen."""

import pytest
from playwright.sync_api import expect

from tests.browser.walk import SECS, Walk

pytestmark = [pytest.mark.browser, pytest.mark.process]


def expect_order(walk: Walk, *first: str) -> None:
    row = walk.page.locator("[data-sort=rows] [data-key]")
    for place, symbol in enumerate(first):
        expect(row.nth(place)).to_have_attribute("data-key", symbol, timeout=10 * SECS)


def test_a_list_is_made_filled_ordered_and_brought_from_elsewhere(walk: Walk) -> None:
    page = walk.page
    walk.open("/markets")
    page.locator("#new-list").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("Walk")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_text("This list is empty")).to_be_visible(timeout=10 * SECS)
    search = page.get_by_role("searchbox", name="Add a symbol or company")
    for typed, symbol in (("apple", "AAPL"), ("MSFT", "MSFT"), ("KO", "KO")):
        search.fill(typed)
        expect(page.locator(".hits button", has_text=symbol).first).to_be_visible(timeout=10 * SECS)
        search.press("Enter")
        expect(page.locator(f"[data-key={symbol}]")).to_be_visible(timeout=10 * SECS)
    expect_order(walk, "AAPL", "MSFT", "KO")
    expect(page.locator("[data-key=AAPL] [data-field=last]")).not_to_have_text("–", timeout=10 * SECS)

    page.locator("[data-key=KO] .grip").focus()
    page.keyboard.press("ArrowUp")
    expect_order(walk, "AAPL", "KO", "MSFT")
    expect(page.locator("[data-key=KO] .grip")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect_order(walk, "KO", "AAPL", "MSFT")

    grip, last = page.locator("[data-key=KO] .grip").bounding_box(), page.locator("[data-key=MSFT]").bounding_box()
    assert grip is not None
    assert last is not None
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(grip["x"] + 8, last["y"] + last["height"] - 2, steps=6)
    page.mouse.up()
    expect_order(walk, "AAPL", "MSFT", "KO")

    page.get_by_label("More for this list").click()
    page.get_by_role("button", name="Import symbols").click()
    page.get_by_label("Or the symbols themselves").fill("NVDA\nNOPE\nAAPL")
    page.get_by_role("button", name="Import", exact=True).click()
    told = page.locator(".refused li")
    expect(told).to_have_count(2, timeout=10 * SECS)
    expect(told.first).to_contain_text("Line 2: NOPE")
    page.keyboard.press("Escape")
    expect_order(walk, "AAPL", "MSFT", "KO", "NVDA")
    page.get_by_role("button", name="Take MSFT out of the list").click()
    expect_order(walk, "AAPL", "KO", "NVDA")

    page.get_by_label("More for this list").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("“Walk” is deleted.")).to_be_visible(timeout=10 * SECS)


def test_the_map_is_walked_with_arrows_and_read_as_a_table(walk: Walk) -> None:
    page = walk.page
    walk.open("/markets/map")
    tiles = page.locator(".heatmap a")
    expect(tiles.first).to_be_visible(timeout=20 * SECS)
    assert tiles.count() == 25
    tiles.first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.matches('.heatmap a') && document.activeElement.tabIndex === 0")
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("region", name="The market").locator("tbody tr")).to_have_count(25)


def test_a_screen_is_built_sorted_and_opens_a_ticket(walk: Walk) -> None:
    page = walk.page
    walk.open("/markets/screener")
    page.get_by_label("Number").fill("1")
    page.get_by_role("button", name="Add condition").click()
    expect(page.locator(".condition")).to_have_text("RSI(14) above 1", timeout=10 * SECS)
    rows = page.get_by_role("region", name="Symbols that fit").locator("tbody tr")
    expect(rows).to_have_count(26, timeout=10 * SECS)
    head = page.get_by_role("columnheader", name="RSI(14)")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending", timeout=10 * SECS)
    rows.first.get_by_role("link", name="Trade").click()
    expect(page.locator("#qty")).to_be_visible(timeout=20 * SECS)
