"""A person connects brokers that want a sign-in: keys, their page, what it gives, the account, what is refused."""

import os
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.axe import THEMES, violations
from tests.browser.market import MarketToday, market_today
from tests.browser.walk import EMAIL, NAME, PASSPHRASE, PHONE, SECS, Walk
from tests.standins import etrade as etrade_standin
from tests.standins import schwab as schwab_standin
from tests.standins.ib import tws

pytestmark = [pytest.mark.browser, pytest.mark.process]
# A device that keeps passkeys and lets its owner in.
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
LATE_SECS = 3.5  # a ticket is estimated anew every three
PICTURES = os.environ.get("STARKMATTER_PICTURES", "")
SCHWAB_SECRETS = (schwab_standin.SECRET, schwab_standin.REFRESH, schwab_standin.CODE)
ETRADE_SECRETS = (etrade_standin.SECRET, etrade_standin.TOKEN, etrade_standin.TOKEN_SECRET)


@pytest.fixture(scope="module")
def market() -> Iterator[MarketToday]:
    with market_today() as running:
        yield running


@pytest.fixture(scope="module")
def first(market: MarketToday, browser: Browser) -> Walk:
    """The owner with an account on the market of today; the console must stay silent to the end."""
    walk = Walk.begin(browser, market.url)
    page = walk.page
    page.goto(market.url + "/setup" + market.link[market.link.index("?") :])
    page.get_by_label("Your name").fill(NAME)
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
    page.get_by_role("button", name="Create the owner").click()
    page.wait_for_url(re.compile(r"/welcome/?$"), timeout=20 * SECS)
    page.locator("#start-market").click()
    page.wait_for_url(re.compile(r"^[^?]*//[^/]+/$"), timeout=20 * SECS)
    walk.settle()
    return walk


def turn_on_factor(page: Page, keep: list[str]) -> None:
    """A second factor, and the recovery codes that go with it: each counts once, and none has to be waited for."""
    page.get_by_role("button", name="Turn on the second factor").click()
    secret = page.locator(".qr code").inner_text(timeout=20 * SECS).replace(" ", "")
    page.get_by_label("Six digits").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn it on").click()
    codes = page.locator(".codes li")
    expect(codes).to_have_count(10, timeout=20 * SECS)
    keep += codes.all_inner_texts()
    page.get_by_role("button", name="I have kept them").click()


def card_of(walk: Walk, kind: str) -> Locator:
    walk.open("/settings/connections")
    return walk.page.locator(f"[data-connection={kind}]")


def open_account(walk: Walk, broker: str, name: str) -> None:
    walk.open("/settings/accounts")
    walk.page.locator("#broker-account-broker").select_option(broker)
    walk.page.locator("#broker-account-name").fill(name)
    walk.page.get_by_role("button", name="Open the account at the broker").click()
    walk.page.wait_for_url(re.compile(r"^[^?]*//[^/]+/$"), timeout=20 * SECS)
    walk.settle()


def at_the_broker(walk: Walk) -> Locator:
    walk.open("/portfolio")
    return walk.page.locator(".panel").filter(has=walk.page.get_by_role("heading", name="At the broker"))


def looked_at(walk: Walk, browser: Browser, path: str, name: str, ready: str = "") -> None:
    """Both themes, wide and narrow: nothing that axe objects to, and a picture for whoever wants to see it.

    A window of each size is loaded once: what depends on the theme is drawn anew when it changes.
    """
    for size in (None, PHONE):
        other = Walk.begin(browser, walk.url, size=size, state=walk.context.storage_state())
        other.open(path)
        if ready:
            expect(other.page.locator(ready).first).to_be_visible(timeout=20 * SECS)
        for theme in THEMES:
            other.page.emulate_media(color_scheme=theme)
            assert violations(other.page, theme) == []
            if PICTURES:
                where = Path(PICTURES) / f"{name}-{theme}-{'phone' if size else 'desktop'}.png"
                other.page.screenshot(path=where, full_page=True)
        assert other.complaints == []
        other.context.close()


def test_a_schwab_account_is_signed_in_shown_and_its_orders_refused(
    market: MarketToday, first: Walk, browser: Browser
) -> None:
    there, page = market.vendors.schwab, first.page
    there.positions["KO"], there.prices["KO"] = (Decimal(20), Decimal(1100)), Decimal(56)
    card = card_of(first, "schwab")
    expect(card).to_contain_text("orders for it are refused")
    card.get_by_text("Connect", exact=True).click()
    card.get_by_label("App key").fill(schwab_standin.KEY)
    card.get_by_label("App secret").fill(schwab_standin.SECRET)
    card.get_by_role("button", name="Save and test").click()
    expect(card.locator(".status")).to_have_text("Not signed in", timeout=20 * SECS)
    card.get_by_role("button", name="Sign in at Schwab").click()
    link = card.get_by_role("link", name="Open Schwab's page")
    expect(link).to_be_visible(timeout=20 * SECS)
    asked = parse_qs(urlsplit(link.get_attribute("href") or "").query)
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "sign-in-under-way.png", full_page=True)
    assert violations(page, "dark") == []
    back = urlencode({"code": schwab_standin.CODE, "state": asked["state"][0]})
    card.get_by_label("Address you ended at").fill(f"{schwab_standin.CALLBACK}/?{back}")
    card.get_by_role("button", name="Finish").click()
    expect(card.locator(".status")).to_have_text("Connected", timeout=20 * SECS)
    expect(card).to_contain_text("Signed in until")
    open_account(first, "schwab", "Family")
    expect(page.locator(".badge.live").first).to_have_text("LIVE · SCHWAB")
    broker = at_the_broker(first)
    expect(broker.locator("header .status")).to_have_text("Agrees", timeout=30 * SECS)
    expect(page.get_by_role("region", name="Positions")).to_contain_text("KO", timeout=10 * SECS)
    looked_at(first, browser, "/settings/connections", "connections", "[data-connection=schwab] .status")
    first.open("/trade/AAPL")
    page.locator("#qty").fill("1")
    expect(page.get_by_label("Order ticket").locator(".note.bad")).to_contain_text(
        "Live trading is off", timeout=20 * SECS
    )
    expect(page.locator("#review")).to_be_disabled()
    assert there.posts == []
    assert first.complaints == []


def with_second_factor(page: Page, code: str) -> None:
    """What the dialog asks for, once it says what is at stake."""
    dialog = page.get_by_role("dialog", name="Confirm it is you")
    expect(dialog.locator(".note.live")).to_contain_text("real money", timeout=20 * SECS)
    dialog.get_by_label("Your passphrase").fill(PASSPHRASE)
    dialog.get_by_label("Code of your authenticator app").fill(code)
    dialog.get_by_role("button", name="Confirm").click()
    expect(dialog).to_have_count(0, timeout=20 * SECS)


def the_answer_is_late(route: Route) -> None:
    """Events are under way with the token before the proof while its answer is on the way."""
    answer = route.fetch()
    time.sleep(LATE_SECS)
    route.fulfill(response=answer)


def test_an_order_of_real_money_is_sent_with_a_second_factor_and_the_frame_says_live(
    market: MarketToday, first: Walk, browser: Browser
) -> None:
    there, page = market.vendors.schwab, first.page
    first.open("/settings/security")
    turn_on_factor(page, keep := [])
    first.open("/settings/limits")
    expect(page).to_have_title(re.compile("^LIVE · "))
    expect(page.locator(".liveline")).to_contain_text("REAL MONEY")
    panel = page.locator("[data-live-trading]")
    expect(panel).to_contain_text("Off.")
    panel.get_by_label("Type the account's name").fill("Family")
    panel.get_by_role("button", name="Turn live trading on").click()
    with_second_factor(page, keep[0])
    expect(panel.locator(".badge.live")).to_have_text("On", timeout=20 * SECS)
    looked_at(first, browser, "/settings/limits", "live-limits", "[data-live-trading=on]")
    first.open("/trade/AAPL")
    first.write_ticket("buy", "1", "AAPL")
    expect(page.locator("#send")).to_have_text("Buy 1 AAPL", timeout=20 * SECS)
    expect(page.locator("[data-live=review]")).to_contain_text("moves real money", timeout=20 * SECS)
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "live-review.png", full_page=True)
    assert violations(page, "dark") == []
    page.locator("#send").click()
    expect(page.get_by_role("dialog", name="Confirm it is you")).to_be_visible(timeout=20 * SECS)
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "live-dialog.png", full_page=True)
    assert violations(page, "dark") == []
    assert there.posts == []
    page.route("**/auth/step-up", the_answer_is_late)
    with_second_factor(page, keep[1])
    page.unroute("**/auth/step-up")
    expect(page.locator(".ticket .note.good, .ticket .note.bad").first).to_contain_text(
        "order taken", timeout=20 * SECS
    )
    market.instance.wait(lambda: len(there.orders) == 1, "the order at the broker")
    assert len(there.posts) == 1
    looked_at(first, browser, "/trade/AAPL", "live-trade")
    a_passkey_confirms_the_next_one(market, first, keep[2])
    first.open("/settings/limits")
    expect(page.locator("[data-live-day]")).not_to_contain_text(" 0.00 USD", timeout=20 * SECS)
    page.get_by_role("button", name="Turn live trading off").click()
    expect(page.locator("[data-live-trading]")).to_contain_text("Off.", timeout=20 * SECS)
    # The one answer that asked for the second factor is an error to the console.
    first.complaints[:] = [one for one in first.complaints if not ("403" in one and "/live-trading" in one)]
    assert first.complaints == []


def a_passkey_confirms_the_next_one(market: MarketToday, first: Walk, code: str) -> None:
    """A device is added as another second factor, and is all that the next order of real money asks for."""
    there, page = market.vendors.schwab, first.page
    device = first.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    first.open("/settings/security")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_label("Name of this passkey").fill("Test device")
    page.get_by_role("button", name="Go on").click()
    dialog = page.get_by_role("dialog", name="Confirm it is you")
    added = page.get_by_role("status").filter(has_text="Added.")
    expect(dialog.or_(added).first).to_be_visible(timeout=20 * SECS)
    if dialog.count():
        dialog.get_by_label("Your passphrase").fill(PASSPHRASE)
        dialog.get_by_label("Code of your authenticator app").fill(code)
        dialog.get_by_role("button", name="Confirm").click()
        expect(added).to_be_visible(timeout=20 * SECS)
    before = len(there.orders)
    first.open("/trade/AAPL")
    first.write_ticket("buy", "2", "AAPL")
    page.locator("#send").click()
    expect(dialog.locator(".note.live")).to_contain_text("real money", timeout=20 * SECS)
    assert len(there.orders) == before
    dialog.get_by_role("button", name="Use a passkey").click()
    expect(dialog).to_have_count(0, timeout=20 * SECS)
    market.instance.wait(lambda: len(there.orders) == before + 1, "the order at the broker")
    assert there.posts[-1]["orderLegCollection"][0]["quantity"] == 2
    device.send("WebAuthn.disable")
    first.complaints[:] = [one for one in first.complaints if not ("403" in one and "/passkeys" in one)]


@pytest.mark.nightly
def test_a_sign_in_that_ended_is_seen_and_says_what_to_do(market: MarketToday, first: Walk, browser: Browser) -> None:
    market.vendors.schwab.end_sign_in()
    broker = at_the_broker(first)
    expect(broker.locator("header .status")).to_have_text("Signed out", timeout=100 * SECS)
    expect(broker).to_contain_text("sign in again under Settings, Connections")
    looked_at(first, browser, "/portfolio", "signed-out")
    broker.get_by_role("link", name="Sign in again").click()
    first.page.wait_for_url(re.compile("/settings/connections"), timeout=20 * SECS)
    first.settle()
    card = first.page.locator("[data-connection=schwab]")
    card.get_by_role("button", name="Sign in at Schwab anew").click()
    link = card.get_by_role("link", name="Open Schwab's page")
    expect(link).to_be_visible(timeout=20 * SECS)
    state = parse_qs(urlsplit(link.get_attribute("href") or "").query)["state"][0]
    back = urlencode({"code": schwab_standin.CODE, "state": state})
    card.get_by_label("Address you ended at").fill(f"{schwab_standin.CALLBACK}/?{back}")
    card.get_by_role("button", name="Finish").click()
    expect(card.locator(".note.good")).to_contain_text("Account …1234", timeout=20 * SECS)
    expect(at_the_broker(first).locator("header .status")).to_have_text("Agrees", timeout=30 * SECS)
    assert first.complaints == []


@pytest.mark.nightly
def test_an_order_goes_to_etrades_sandbox_and_fills(market: MarketToday, first: Walk, browser: Browser) -> None:
    there, page = market.vendors.etrade, first.page
    card = card_of(first, "etrade")
    card.get_by_text("Connect", exact=True).click()
    card.get_by_label("Consumer key").fill(etrade_standin.KEY)
    card.get_by_label("Consumer secret").fill(etrade_standin.SECRET)
    card.get_by_role("button", name="Save and test").click()
    expect(card.locator(".status")).to_have_text("Not signed in", timeout=20 * SECS)
    card.get_by_role("button", name="Sign in at E*TRADE").click()
    expect(card.get_by_role("link", name="Open E*TRADE's page")).to_be_visible(timeout=20 * SECS)
    card.get_by_label("Code that its page shows").fill(etrade_standin.CODE)
    card.get_by_role("button", name="Finish").click()
    expect(card.locator(".status")).to_have_text("Connected", timeout=20 * SECS)
    open_account(first, "etrade", "Sandbox")
    expect(page.locator(".badge.paper").first).to_have_text("PAPER · ETRADE")
    expect(at_the_broker(first).locator("header .status")).to_have_text("Agrees", timeout=30 * SECS)
    first.open("/trade/AAPL")
    first.trade("buy", "5", "AAPL")
    market.instance.wait(lambda: bool(there.orders), "the order at the broker")
    [number] = there.orders
    there.fill(number, "5", "191.05")
    expect(page.get_by_role("region", name="Fills").locator("tbody tr")).to_have_count(1, timeout=20 * SECS)
    looked_at(first, browser, "/settings/accounts", "accounts", "#broker-account-broker")
    for secret in (*SCHWAB_SECRETS, *ETRADE_SECRETS):
        assert secret not in page.content()
        assert secret not in market.instance.text
    assert first.complaints == []


@pytest.mark.nightly
def test_an_account_at_interactive_brokers_trades_and_a_restart_of_tws_is_seen(
    market: MarketToday, first: Walk, browser: Browser
) -> None:
    page = first.page
    with tws() as there:
        card = card_of(first, "ib")
        card.get_by_text("Connect", exact=True).click()
        card.get_by_label("Port").fill(str(there.port))
        card.get_by_role("button", name="Save and test").click()
        expect(card.locator(".status")).to_have_text("Connected", timeout=20 * SECS)
        expect(card.locator(".note.good")).to_contain_text("answers (version 178)")
        open_account(first, "ib", "Gateway")
        expect(page.locator(".badge.paper").first).to_have_text("PAPER · IB")
        expect(at_the_broker(first).locator("header .status")).to_have_text("Agrees", timeout=30 * SECS)
        first.open("/trade/AAPL")
        first.trade("buy", "3", "AAPL")
        market.instance.wait(lambda: bool(there.orders), "the order at TWS")
        [number] = there.orders
        there.fill(number, "3", "191.05")
        fills = page.get_by_role("region", name="Fills").locator("tbody tr")
        expect(fills).to_have_count(1, timeout=20 * SECS)
        expect(fills).to_contain_text("191.05")
        # TWS goes down, as it does once a day; what fills meanwhile is made good.
        first.trade("buy", "2", "AAPL", limit="150.00")
        market.instance.wait(lambda: len(there.orders) == 2, "the second order at TWS")
        there.fault("connect", *["no"] * 10_000)
        there.drop_all()
        broker = at_the_broker(first)
        expect(broker).to_contain_text("It restarts once a day", timeout=30 * SECS)
        expect(broker.locator("header .status")).not_to_have_text("Agrees")
        looked_at(first, browser, "/portfolio", "ib-away", ".panel")
        refused = page.goto(first.url + "/trade/AAPL")
        assert refused is not None
        page.locator("#qty").fill("1")
        expect(page.get_by_label("Order ticket").locator(".note.bad")).to_contain_text(
            "No order can be sent now", timeout=20 * SECS
        )
        there.fill(list(there.orders)[1], "2", "149.50")
        there.faults.clear()
        expect(at_the_broker(first).locator("header .status")).to_have_text("Agrees", timeout=60 * SECS)
        first.open("/trade/AAPL")
        expect(fills).to_have_count(2, timeout=20 * SECS)
        looked_at(first, browser, "/trade/AAPL", "ib-trade")
    assert first.complaints == []
