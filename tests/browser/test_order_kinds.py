"""A person does each kind of order on the replay and reads its receipt; on one product with the other browser tests."""

import os
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Locator, Page, expect

from tests.browser.axe import THEMES, violations
from tests.browser.market import show_account
from tests.browser.names import NAMELESS
from tests.browser.walk import DESKTOP, PHONE, SECS, Walk
from tests.security.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.process]

SYMBOL = "PG"
TRIES = 5
LIVELY_SPEED = 10
PICTURES = os.environ.get("STARKMATTER_PICTURES")


@pytest.fixture(scope="module")
def lively(product: Product) -> Iterator[None]:
    """Prices that reach a stop soon."""
    with product.at_speed(LIVELY_SPEED):
        yield


@pytest.fixture(scope="module")
def window(owner: Walk, browser: Browser, lively: None) -> Iterator[Walk]:
    """One window for all of these, at a symbol nobody else here trades, with shares of it to sell."""
    opened = Walk.begin(browser, owner.url, state=owner.context.storage_state())
    show_account(opened, "Practice")
    opened.open(f"/trade/{SYMBOL}")
    opened.trade("Buy", "30", SYMBOL)
    position = opened.page.locator("section").filter(
        has=opened.page.get_by_role("heading", name="Position", exact=True)
    )
    expect(position).to_contain_text(re.compile(r"Shares30(?!\d)"), timeout=60 * SECS)  # all parts of it, to sell
    yield opened
    assert opened.complaints == []
    opened.context.close()


def ticket(window: Walk) -> Locator:
    return window.page.get_by_label("Order ticket")


def choose(window: Walk, group: str, name: str) -> None:
    button = ticket(window).get_by_role("group", name=group, exact=True).get_by_role("button", name=name, exact=True)
    try:
        button.click()
    except Error as error:
        raise AssertionError(f"{error.message}\n{window.page.locator('body').inner_text()}") from None


def write(window: Walk, **fields: str) -> None:
    for name, text in fields.items():
        ticket(window).locator(f"#{name}").fill(text)


def may_send(window: Walk) -> bool:
    """Whether the ticket as written is not refused; a price that moved on since it was read may refuse it."""
    window.page.wait_for_timeout(600)
    try:
        expect(ticket(window).get_by_role("button", name="Review order")).to_be_enabled(timeout=5 * SECS)
    except AssertionError:
        return False
    return True


def send(window: Walk, words: str, answer: str = ".note.good") -> None:
    """Review, see that it says these words, and send."""
    assert may_send(window), ticket(window).inner_text()
    ticket(window).get_by_role("button", name="Review order").click()
    expect(ticket(window).locator("#send")).to_be_visible(timeout=10 * SECS)
    expect(ticket(window)).to_contain_text(words)
    window.send(answer)


def prices(window: Walk) -> tuple[Decimal, Decimal]:
    """Bid and ask as the page shows them now."""
    shown = [
        window.page.locator(f'[data-live="{SYMBOL}"][data-field="{field}"]').first.inner_text()
        for field in ("bid", "ask")
    ]
    bid, ask = (Decimal(text.replace(",", "")) for text in shown)
    return bid, ask


def begin(window: Walk, side: str, kind: str) -> None:
    """The ticket as a person finds it; a review that was left open stays open, as it should."""
    window.open(f"/trade/{SYMBOL}")
    if (back := ticket(window).get_by_role("button", name="Back", exact=True)).count():
        back.click()
    choose(window, "Side", side)
    choose(window, "Type", kind)
    choose(window, "Time in force", "Day")


def read_receipt(window: Walk, *words: str | re.Pattern[str]) -> None:
    """The receipt behind the note of the ticket, once the order has filled."""
    link = ticket(window).get_by_role("link", name="Read its receipt")
    expect(link).to_be_visible(timeout=120 * SECS)
    link.click()
    receipt = window.page.get_by_role("region", name="Receipt")
    for one in words:
        expect(receipt).to_contain_text(one, timeout=15 * SECS)
    assert window.page.evaluate(NAMELESS) == []


def take_back(row: Locator) -> None:
    """Cancel the open order of a row; it may fill meanwhile."""
    cancel = row.get_by_role("button", name=f"Cancel {SYMBOL}")
    cancel.click()
    expect(cancel).to_have_count(0, timeout=20 * SECS)


def set_a_stop(window: Walk, side: str) -> None:
    """Send a stop just beyond the touch; where the price went through it while it was written, one farther off."""
    for cents in range(1, TRIES + 1):
        begin(window, side, "Stop")
        bid, ask = prices(window)
        off = Decimal(cents) / 100
        write(window, qty="10", stop=f"{ask + off if side == 'Buy' else bid - off:.2f}")
        try:
            send(window, "then at the market")
        except AssertionError:
            if cents == TRIES:
                raise
        else:
            return


def test_a_stop_is_reached_and_its_receipt_tells_by_what(window: Walk) -> None:
    """A price may leave one stop behind for an hour, but not one on either side of it."""
    begin(window, "Buy", "Stop")
    expect(ticket(window).locator(".note.bad").first).to_contain_text("Enter the stop price")
    set_a_stop(window, "Sell")
    set_a_stop(window, "Buy")
    window.open("/orders")
    rows = window.page.get_by_role("region", name="Orders").locator("tbody tr").filter(has_text=SYMBOL)
    stops = rows.filter(has_text="Stop")
    expect(stops.filter(has_text="filled")).not_to_have_count(0, timeout=80 * SECS)
    stops.filter(has_text="filled").first.get_by_role("button", name=SYMBOL, exact=True).click()
    receipt = window.page.get_by_role("region", name="Receipt")
    for words in ("was reached", "Last trade", "stop at touch"):
        expect(receipt).to_contain_text(words, timeout=15 * SECS)
    assert window.page.evaluate(NAMELESS) == []
    window.page.keyboard.press("Escape")
    while (open_ones := stops.filter(has=window.page.get_by_role("button", name=f"Cancel {SYMBOL}"))).count():
        take_back(open_ones.first)


def test_a_trail_follows_and_its_receipt_tells_the_best_trade(window: Walk) -> None:
    begin(window, "Sell", "Trailing")
    choose(window, "Trail measured in", "Money")
    write(window, qty="2", trail="0.01")
    send(window, "Trailing stop, 0.01 USD behind")
    read_receipt(window, "Best trade followed", "trailing stop at touch")


def test_an_amount_of_money_buys_parts_of_a_share(window: Walk) -> None:
    begin(window, "Buy", "Market")
    choose(window, "Size", "In money")
    write(window, amount="250")
    expect(ticket(window)).to_contain_text("250.00", timeout=10 * SECS)
    send(window, "Buy 250.00 USD of")
    read_receipt(window, "market at touch", re.compile(r"Buy \d+\.\d+ |Bought|Value"))


def test_what_is_not_there_at_once_is_canceled(window: Walk) -> None:
    begin(window, "Buy", "Limit")
    bid, _ = prices(window)
    write(window, qty="10", limit=f"{bid * Decimal('0.95'):.2f}")
    choose(window, "Time in force", "Other")
    ticket(window).get_by_label("Another time in force").select_option("ioc")
    # What it says first, that the order went out, may be gone again before anybody looks.
    send(window, "At once, cancel the rest", answer=".note.bad")
    expect(ticket(window).locator(".note.bad").filter(has_text="canceled")).to_be_visible(timeout=20 * SECS)


@pytest.mark.parametrize(
    ("time", "words"),
    [("gtd", "Until"), ("opg", "At the open"), ("cls", "At the close")],
)
def test_an_order_for_later_waits_in_words_and_is_taken_back(window: Walk, time: str, words: str) -> None:
    begin(window, "Buy", "Limit")
    bid, _ = prices(window)
    write(window, qty="1", limit=f"{bid * Decimal('0.9'):.2f}")
    choose(window, "Time in force", "Other")
    ticket(window).get_by_label("Another time in force").select_option(time)
    if time == "gtd":
        on = window.page.evaluate(
            "fetch('/api/v1/clock').then(r => r.json()).then(c => (c.clocks ?? c.items ?? [c])"
            ".find(one => one.venue === 'replay').venue_now.slice(0, 10))"
        )
        write(window, until=on)
    send(window, words)
    window.open("/orders")
    window.page.keyboard.press("Escape")  # the order that was looked at last
    row = window.page.get_by_role("region", name="Orders").locator("tbody tr").first
    expect(row).to_contain_text(words)
    row.get_by_role("button", name=f"Cancel {SYMBOL}").click()
    expect(row).to_contain_text("canceled", timeout=20 * SECS)


def test_a_bracket_wakes_its_target_and_stop_which_are_taken_back(window: Walk) -> None:
    begin(window, "Buy", "Market")
    choose(window, "Size", "In shares")
    _, ask = prices(window)
    ticket(window).get_by_role("button", name="Target and stop behind it").click()
    write(window, qty="3", target=f"{ask * Decimal('1.2'):.2f}", protect=f"{ask * Decimal('0.97'):.2f}")
    expect(ticket(window)).to_contain_text("What one sells the other no longer has", timeout=10 * SECS)
    _look(window, "bracket")
    send(window, "As it fills, sales of as many shares follow")
    orders = window.page.get_by_role("region", name="Orders").locator("tbody tr")
    expect(orders).to_have_count(2, timeout=30 * SECS)
    expect(orders.filter(has_text="Stop ")).to_have_count(1)
    expect(orders.filter(has_text="Target")).to_have_count(1)
    for _ in range(2):
        count = orders.count()
        orders.first.get_by_role("button", name=f"Cancel {SYMBOL}").click()
        expect(orders).to_have_count(count - 1, timeout=20 * SECS)


def test_an_order_waits_for_another_symbol(window: Walk) -> None:
    begin(window, "Buy", "Market")
    choose(window, "Size", "In shares")
    choose(window, "Time in force", "Until canceled")
    ticket(window).get_by_role("button", name="Wait for a price").click()
    write(window, qty="1", when_symbol="KO", when_price="1")
    choose(window, "Relation to that price", "At or below")
    send(window, "It is sent once the last trade of KO is at or below 1.00.")
    orders = window.page.get_by_role("region", name="Orders").locator("tbody tr")
    expect(orders.first).to_contain_text("waiting", timeout=20 * SECS)
    orders.first.get_by_role("button", name=f"Cancel {SYMBOL}").click()
    expect(orders).to_have_count(0, timeout=20 * SECS)


KINDS: dict[str, Callable[[Walk], None]] = {
    "stop": lambda window: choose(window, "Type", "Stop"),
    "trailing": lambda window: choose(window, "Type", "Trailing"),
    "other_time": lambda window: choose(window, "Time in force", "Other"),
    "behind": lambda window: _open_all(window),
}


def _open_all(window: Walk) -> None:
    for name in ("Target and stop behind it", "Wait for a price"):
        ticket(window).get_by_role("button", name=name).click()


@pytest.mark.nightly
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_field_of_the_ticket_has_a_name_and_room(owner: Walk, browser: Browser, size: dict[str, int]) -> None:
    window = Walk.begin(browser, owner.url, size=size, state=owner.context.storage_state())
    for name, show in KINDS.items():
        window.open("/trade/XOM")
        if size is PHONE and ticket(window).get_attribute("data-open") != "true":
            window.page.get_by_role("button", name="Buy", exact=True).last.click()
            expect(ticket(window)).to_have_attribute("data-open", "true", timeout=10 * SECS)
        show(window)
        window.page.wait_for_timeout(500)
        assert _beyond(window.page) == []
        for theme in THEMES:
            assert violations(window.page, theme) == []
            _look(window, f"{name}-{size['width']}-{theme}")
    assert window.complaints == []
    window.context.close()


def _beyond(page: Page) -> list[str]:
    """What of the ticket stands out of it sideways."""
    return page.evaluate(
        "() => { const panel = document.querySelector('[aria-label=\"Order ticket\"]');"
        " const room = panel.getBoundingClientRect().right + 1;"
        " return [...panel.querySelectorAll('button, input, select, p, label, span')]"
        ".filter(one => one.offsetParent && one.getBoundingClientRect().right > room)"
        ".map(one => one.outerHTML.slice(0, 90)); }"
    )


def _look(window: Walk, name: str) -> None:
    """A picture for whoever wants to see it (STARKMATTER_PICTURES=folder)."""
    if PICTURES:
        window.page.screenshot(path=str(Path(PICTURES) / f"ticket-{name}.png"))
