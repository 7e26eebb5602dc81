"""What the screen says is what REST and the ledger say, to the cent; a session ends where and when it should."""

import re
from decimal import ROUND_HALF_EVEN, Decimal

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_first_day import figure, row_of
from tests.browser.walk import EMAIL, PASSPHRASE, PHONE, SECS, Walk
from tests.security.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.process]

CENT = Decimal("0.01")


def rest_of(walk: Walk) -> httpx.Client:
    """REST with the cookie of that window."""
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in walk.context.cookies())
    return httpx.Client(base_url=walk.url + "/api/v1", headers={"cookie": cookie, "origin": walk.url}, timeout=10)


def cents(text: str) -> Decimal:
    return Decimal(text).quantize(CENT, ROUND_HALF_EVEN)


def test_fill_position_cash_and_ledger_agree_with_rest_to_the_cent(walk: Walk) -> None:
    walk.trade("buy", "10", "JPM")
    expect(walk.page.get_by_role("region", name="Fills").locator("tbody tr")).to_have_count(1, timeout=20 * SECS)
    shown = row_of(walk, "Fills", "Buy").locator("td")
    price, fees = figure(shown.nth(3).inner_text()), figure(shown.nth(4).inner_text())
    with rest_of(walk) as rest:
        account = rest.get("/accounts").json()["items"][0]
        order = next(one for one in rest.get("/orders").json()["items"] if one["symbol"] == "JPM")
        fill = rest.get(f"/orders/{order['id']}/fills").json()["items"][0]
        positions = rest.get("/positions", params={"account_id": account["id"]}).json()["items"]
        ledger = rest.get(f"/accounts/{account['id']}/ledger", params={"limit": 500}).json()["items"]
    assert (order["status"], Decimal(order["filled_qty"])) == ("filled", 10)
    assert (cents(fill["price"]), cents(fill["fees"])) == (price, fees)
    booked = [
        Decimal(leg["amount"]) for entry in ledger for leg in entry["postings"] if leg["account"].endswith("cash")
    ]
    assert sum(booked) == Decimal(account["cash"])
    for entry in ledger:
        for commodity in {leg["commodity"] for leg in entry["postings"]}:
            assert sum(Decimal(leg["amount"]) for leg in entry["postings"] if leg["commodity"] == commodity) == 0

    walk.open("/portfolio")
    rows = walk.page.locator(".rows > div")
    for name, value in (("Cash", "cash"), ("Reserved for open orders", "reserved"), ("Buying power", "buying_power")):
        assert figure(rows.filter(has_text=name).first.locator("span").last.inner_text()) == cents(account[value]), name
    held = next(one for one in positions if one["symbol"] == "JPM")
    cells = row_of(walk, "Positions", "JPM").locator("td")
    assert figure(cells.nth(1).inner_text()) == Decimal(held["qty"]) == 10
    assert figure(cells.nth(2).inner_text()) == cents(held["avg_price"])
    first = row_of(walk, "Ledger", "JPM")
    assert re.search(r"Bought 10 JPM", first.inner_text())


def test_ending_this_session_in_settings_leads_to_the_sign_in_page(owner: Walk, browser: Browser) -> None:
    window = Walk.begin(browser, owner.url)
    window.sign_in(EMAIL, PASSPHRASE)
    window.open("/settings/security")
    with rest_of(window) as rest:
        assert rest.get("/auth/me").status_code == 200
        row_of(window, "Sessions", "this one").get_by_role("button", name="End").click()
        window.page.wait_for_url("**/login**", timeout=10 * SECS)
        assert rest.get("/auth/me").status_code == 401
    another = window.context.new_page()
    another.goto(owner.url + "/orders")
    another.wait_for_url("**/login**", timeout=10 * SECS)
    window.context.close()


def test_ending_all_other_sessions_throws_out_the_other_window_by_itself(owner: Walk, browser: Browser) -> None:
    here, there = Walk.begin(browser, owner.url), Walk.begin(browser, owner.url)
    here.sign_in(EMAIL, PASSPHRASE)
    state = here.context.storage_state()
    there.sign_in(EMAIL, PASSPHRASE)
    there.open("/orders")
    with rest_of(there) as rest, rest_of(here) as own:
        mine = [one for one in own.get("/auth/sessions").json()["items"] if one["current"]]
        other = [one for one in rest.get("/auth/sessions").json()["items"] if one["current"]]
        assert own.delete(f"/auth/sessions/{other[0]['id']}").status_code == 204
        there.page.wait_for_url("**/login**", timeout=10 * SECS)
        assert [one["id"] for one in own.get("/auth/sessions").json()["items"] if one["current"]] == [mine[0]["id"]]
    assert state["cookies"]
    here.context.close()
    there.context.close()


def test_on_a_phone_the_ticket_is_a_sheet_and_buys(owner: Walk, browser: Browser) -> None:
    phone = Walk.begin(browser, owner.url, size=PHONE, state=owner.context.storage_state())
    phone.open("/trade/KO")
    tabs = phone.page.locator("nav.tabbar")
    expect(tabs).to_be_visible()
    expect(phone.page.locator("nav.rail")).to_be_hidden()
    expect(phone.page.locator(".sheet")).to_have_attribute("data-open", "false")
    phone.page.locator(".buybar").get_by_role("button", name="Buy").click()
    sheet = phone.page.locator(".sheet[data-open=true]")
    expect(sheet).to_be_visible()
    phone.page.locator("#qty").fill("3")
    phone.page.wait_for_timeout(600)
    sheet.get_by_role("button", name="Review order").click()
    expect(phone.page.locator("#send")).to_have_text("Buy 3 KO", timeout=10 * SECS)
    phone.page.keyboard.press("Escape")
    expect(phone.page.locator(".sheet")).to_have_attribute("data-open", "false")
    phone.page.locator(".buybar").get_by_role("button", name="Buy").click()
    sheet.get_by_role("button", name="Review order").click()
    phone.page.locator("#send").click()
    fills = phone.page.get_by_role("region", name="Fills").locator("tbody tr")
    expect(fills).not_to_have_count(0, timeout=20 * SECS)
    tabs.get_by_role("link", name="Portfolio").click()
    phone.page.wait_for_url("**/portfolio**", timeout=10 * SECS)
    expect(row_of(phone, "Positions", "KO")).to_be_visible(timeout=10 * SECS)
    phone.context.close()
    assert phone.complaints == []


LURES = (
    "https://evil.test/",
    "HTTPS://evil.test",
    "http:evil.test",
    "http:/evil.test",
    "http:///evil.test",
    "//evil.test",
    "///evil.test",
    "////evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "\\/evil.test",
    "/%5cevil.test/..",
    "/%2fevil.test",
    "%2f%2fevil.test",
    "//evil.test@localhost/",
    "//localhost:1@evil.test",
    "/.evil.test",
    ".evil.test",
    "evil.test",
    "javascript:document.title='caught'",
    "JaVaScRiPt:document.title='caught'",
    "java\tscript:document.title='caught'",
    "\x01javascript:document.title='caught'",
    "data:text/html,<title>caught</title>",
    "vbscript:x",
    "blob:http://evil.test/x",
    "file:///etc/passwd",
    "ftp://evil.test",
    " //evil.test",
    "\t//evil.test",
    "\n//evil.test",
    "/\t/evil.test",
    "/\n/evil.test",
    "/\r/evil.test",
    "/\\\\evil.test",
    "/;@evil.test",
    "/@evil.test",
    "?next=//evil.test",
    "#//evil.test",
    "//[::ffff:127.0.0.1]",
    "//①②⑦.⓪.⓪.①",
    "/%0d%0aLocation:%20//evil.test",
    "",
)
assert len(LURES) >= 40


@pytest.mark.parametrize("lures", [LURES[::8], pytest.param(LURES, marks=pytest.mark.nightly)], ids=["some", "all"])
def test_no_lure_leads_out_of_this_house(
    owner: Walk, browser: Browser, product: Product, lures: tuple[str, ...]
) -> None:
    stranger = Walk.begin(browser, owner.url)
    page = stranger.page
    page.route("**/api/v1/auth/login", lambda route: route.fulfill(status=200, json={}))
    for lure in lures:
        page.goto(owner.url + "/login")
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Passphrase", exact=True).fill("anything at all")
        page.evaluate("lure => history.replaceState(null, '', '/login?next=' + encodeURIComponent(lure))", lure)
        stranger.asked.clear()
        with page.expect_navigation(wait_until="commit", timeout=10 * SECS):
            page.get_by_role("button", name="Sign in", exact=True).click()
        assert page.url.startswith(owner.url + "/"), lure
        assert "caught" not in page.title(), lure
        assert [url for url in stranger.asked if "evil" in url and not url.startswith(owner.url + "/")] == [], lure
    stranger.context.close()
