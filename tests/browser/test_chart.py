"""The chart in a real browser: lengths, indicators, drawings, keys, an order's line, the table, and who it is for."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.names import NAMELESS
from tests.browser.walk import PHONE, SECS, Walk

pytestmark = [pytest.mark.browser, pytest.mark.process]

VIEW = "document.querySelector('.chart .canvas').chartView"
RANGE = f"{VIEW}.chart.timeScale().getVisibleLogicalRange()"


@pytest.fixture(scope="module")
def chart(owner: Walk, browser: Browser) -> Iterator[Walk]:
    """One window for all of these, on the days of a stock nobody else here draws on."""
    window = Walk.begin(browser, owner.url, state=owner.context.storage_state())
    window.open("/trade/KO")
    window.page.get_by_role("group", name="Bar length").get_by_role("button", name="1d", exact=True).click()
    expect(window.page.locator(".legend").first).to_contain_text("KO · 1d", timeout=20 * SECS)
    expect(window.page.locator(".chart .wait")).to_have_count(0, timeout=20 * SECS)
    yield window
    window.context.close()


def until(window: Walk, script: str, wanted: Any) -> None:
    """Ask again and again: the page's policy lets nothing wait inside it."""
    for _ in range(100):
        if window.page.evaluate(script) == wanted:
            return
        window.page.wait_for_timeout(100)
    assert window.page.evaluate(script) == wanted


def click(window: Walk, x: float, y: float) -> None:
    box = window.page.locator(".chart .canvas").bounding_box()
    assert box is not None
    window.page.mouse.click(box["x"] + x, box["y"] + y)
    window.page.wait_for_timeout(150)


@pytest.mark.nightly
def test_rolled_lengths_are_drawn(chart: Walk) -> None:
    for length in ("1w", "1mo", "1d"):
        chart.page.get_by_role("button", name=length, exact=True).click()
        expect(chart.page.locator(".legend").first).to_contain_text(f"KO · {length}", timeout=20 * SECS)
        expect(chart.page.locator(".chart .wait")).to_have_count(0, timeout=20 * SECS)
    assert chart.page.evaluate(f"{VIEW}.bars.length") >= 100


def test_an_indicator_is_searched_added_changed_and_removed(chart: Walk) -> None:
    page = chart.page
    page.get_by_role("button", name="Indicators").click()
    page.get_by_role("searchbox", name="Search indicators").fill("relative strength")
    page.get_by_role("button", name="Relative strength index points").click()
    expect(page.locator(".legend", has_text="Relative strength index 14")).to_be_visible(timeout=20 * SECS)
    page.get_by_role("spinbutton", name="Period").fill("7")
    expect(page.locator(".legend", has_text="Relative strength index 7")).to_be_visible(timeout=20 * SECS)
    assert page.evaluate(f"{VIEW}.chart.panes().length") == 2
    assert page.evaluate(NAMELESS) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Indicators")).to_be_focused()
    page.locator(".legend").get_by_role("button", name="Remove Relative strength index 7").click()
    until(chart, f"{VIEW}.chart.panes().length", 1)


def test_a_drawing_is_made_kept_found_again_and_deleted_with_a_key(chart: Walk) -> None:
    page = chart.page
    page.get_by_role("button", name="Trend line").click()
    until(chart, f"{VIEW}.drawings?.tool", "trend")
    click(chart, 300, 120)
    click(chart, 450, 200)
    until(chart, f"!!{VIEW}.drawings.items[0]?.id", True)
    page.reload()
    chart.settle()
    until(chart, f"{VIEW}.drawings?.items.length ?? 0", 1)
    page.get_by_role("button", name="Drawings on this chart").click()
    page.get_by_role("region", name="Drawings").get_by_role("button", name="Trend line").first.click()
    page.keyboard.press("Escape")
    page.locator(".chart .canvas").focus()
    page.keyboard.press("Delete")
    until(chart, f"{VIEW}.drawings.items.length", 0)
    page.get_by_role("button", name="Rectangle").click()
    page.locator(".chart .canvas").focus()
    page.keyboard.press("Escape")
    until(chart, f"{VIEW}.drawings.tool", None)


def _after(window: Walk, key: str) -> dict[str, float]:
    """What is visible once a key has had its frame."""
    window.page.keyboard.press(key)
    window.page.wait_for_timeout(200)
    return window.page.evaluate(RANGE)


def test_keys_move_through_time(chart: Walk) -> None:
    page = chart.page
    page.locator(".chart .canvas").focus()
    before, panned, zoomed = (_after(chart, key) for key in ("End", "ArrowLeft", "+"))
    assert panned["from"] < before["from"]
    assert zoomed["to"] - zoomed["from"] < panned["to"] - panned["from"]
    count = page.evaluate(f"{VIEW}.bars.length")
    page.keyboard.press("Home")
    for _ in range(100):
        if page.evaluate(f"{VIEW}.bars.length") > count:
            break
        page.wait_for_timeout(100)
    assert page.evaluate(f"{VIEW}.bars.length") > count, "the past was not loaded"
    page.keyboard.press("End")


def test_the_table_says_what_the_chart_shows(chart: Walk) -> None:
    page = chart.page
    page.get_by_role("button", name="Table", exact=True).click()
    rows = page.get_by_role("region", name="Figures of the chart").get_by_role("row")
    expect(rows).to_have_count(61, timeout=10 * SECS)
    assert page.evaluate(NAMELESS) == []
    page.get_by_role("button", name="Close", exact=True).click()
    label = page.locator(".chart .canvas").get_attribute("aria-label") or ""
    assert "bars from" in label
    assert "highest" in label


def test_an_orders_line_is_dragged_into_a_review(chart: Walk) -> None:
    page = chart.page
    low = page.evaluate(f"{VIEW}.main.coordinateToPrice({VIEW}.chart.panes()[0].getHeight() * 0.72)")
    chart.trade("buy", "5", "KO", limit=f"{low:.2f}", tif="Until canceled")
    until(chart, f"{VIEW}.orders.orders.length", 1)
    y = page.evaluate(f"{VIEW}.main.priceToCoordinate(+{VIEW}.orders.orders[0].price)")
    page.locator(".chart .canvas").scroll_into_view_if_needed()
    box = page.locator(".chart .canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + y)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + y + 25, steps=5)
    page.mouse.up()
    ticket = page.get_by_label("Order ticket")
    expect(ticket.locator("[data-replaces]")).to_contain_text("In place of your resting order", timeout=10 * SECS)
    chart.send()
    until(chart, f"{VIEW}.orders.orders.length", 1)
    assert float(page.evaluate(f"{VIEW}.orders.orders[0].price")) < round(low, 2)
    page.get_by_role("button", name="Cancel").first.click()
    until(chart, f"{VIEW}.orders.orders.length", 0)


def test_a_template_is_kept_and_taken(chart: Walk) -> None:
    page = chart.page
    page.get_by_label("Chart style").select_option("area")
    page.get_by_role("button", name="Templates").click()
    page.get_by_label("Name of the template").fill("Plain area")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Plain area area")).to_be_visible(timeout=10 * SECS)
    page.get_by_label("Chart style").select_option("bars")
    page.get_by_role("button", name="Plain area area").click()
    expect(page.get_by_label("Chart style")).to_have_value("area")
    page.get_by_role("button", name="Templates").click()
    page.get_by_role("button", name="Delete the template Plain area").click()
    expect(page.get_by_role("button", name="Plain area area")).to_have_count(0)
    page.keyboard.press("Escape")


def test_the_picture_is_saved_and_the_console_stays_silent(chart: Walk) -> None:
    with chart.page.expect_download() as saved:
        chart.page.get_by_role("button", name="Image", exact=True).click()
    assert saved.value.suggested_filename == "KO-1d.png"
    assert chart.complaints == []


def test_on_a_phone_the_tools_unfold_and_nothing_is_wider_than_the_screen(owner: Walk, browser: Browser) -> None:
    window = Walk.begin(browser, owner.url, size=PHONE, state=owner.context.storage_state())
    window.open("/trade/KO")
    window.page.get_by_role("button", name="Draw", exact=True).click()
    expect(window.page.get_by_role("button", name="Fibonacci retracement")).to_be_visible()
    wide = window.page.evaluate("Math.max(document.body.scrollWidth, document.querySelector('main').scrollWidth)")
    assert wide <= PHONE["width"]
    assert window.page.evaluate(NAMELESS) == []
    window.context.close()
