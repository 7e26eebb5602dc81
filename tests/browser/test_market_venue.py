"""A person on the market of today: opens an account, sees prices move, buys, and is told when a source goes away."""

import re
from decimal import Decimal

import httpx
import pytest
from playwright.sync_api import Browser, expect

from starkmatter.domain.sessions import exchange_day
from tests.browser.market import MarketToday, first_window, market_of, open_alpacas_account, show_account
from tests.browser.walk import PHONE, SECS, Walk
from tests.standins.alpaca_data import KEY_ID, SECRET
from tests.standins.alpaca_trading import KEY_ID as TRADING_KEY_ID
from tests.standins.alpaca_trading import SECRET as TRADING_SECRET

pytestmark = [pytest.mark.browser, pytest.mark.process]


@pytest.fixture(scope="module")
def market(request: pytest.FixtureRequest) -> MarketToday:
    return market_of(request.config)


@pytest.fixture(scope="module")
def first(market: MarketToday, browser: Browser) -> Walk:
    """The owner's first window, at the welcome page; its console must stay silent to the end."""
    walk = Walk.begin(browser, market.url)
    first_window(walk, market)
    return walk


def watched(walk: Walk, symbol: str):
    """The symbol's row of the watchlist."""
    return walk.page.get_by_role("region", name="Watchlist").locator("tr").filter(has_text=symbol).first


def test_nobody_is_asked_before_somebody_wants_the_market(market: MarketToday, first: Walk) -> None:
    first.page.wait_for_timeout(1_500)
    assert market.vendors.yahoo.asked == market.vendors.alpaca_data.asked == []


def test_the_welcome_opens_an_account_whose_prices_move_without_a_reload(market: MarketToday, first: Walk) -> None:
    page, yahoo = first.page, market.vendors.yahoo
    page.locator("#start-market").click()
    page.wait_for_url(re.compile(r"^[^?]*//[^/]+/$"), timeout=20 * SECS)
    first.settle()
    expect(page.locator(".badge.market")).to_contain_text("MARKET")
    expect(page.locator(".badge.replay")).to_have_count(0)
    expect(page.locator("[data-clock=state]").first).to_contain_text("Open · closes")
    expect(watched(first, "AAPL")).to_contain_text("190.12", timeout=20 * SECS)
    page.evaluate("window.sameDocument = true")
    yahoo.prices["AAPL"] = 191.37
    expect(watched(first, "AAPL")).to_contain_text("191.37", timeout=20 * SECS)
    dot = watched(first, "AAPL").locator(".dot")
    expect(dot).to_have_attribute("data-fresh", "live")
    expect(dot).to_have_attribute("title", re.compile(r"old · yahoo"))
    expect(page.locator("[data-strip=feed]")).to_have_text("Prices live · yahoo")
    assert page.evaluate("window.sameDocument")


def test_paper_shares_are_bought_at_a_live_quote_and_drawn_on_the_chart(market: MarketToday, first: Walk) -> None:
    first.trade("buy", "10", "AAPL")
    page = first.page
    expect(page.get_by_role("region", name="Fills").locator("tbody tr")).to_have_count(1, timeout=20 * SECS)
    expect(page.get_by_role("region", name="Fills")).to_contain_text("191.39")
    expect(page.locator(".legend")).to_contain_text("C 191.37", timeout=20 * SECS)
    market.vendors.yahoo.prices["AAPL"] = 192.5
    expect(page.locator(".legend")).to_contain_text("C 192.50", timeout=20 * SECS)
    first.open("/portfolio")
    expect(page.get_by_role("region", name="Positions")).to_contain_text("1,925.00", timeout=20 * SECS)
    first.open("/orders")
    expect(page.get_by_role("region", name="Orders")).to_contain_text("Filled", ignore_case=True)
    first.open("/portfolio/performance")
    expect(page.get_by_text("Time-weighted (TWR)")).to_be_visible()


def test_the_markets_room_shows_the_market_of_today(first: Walk) -> None:
    page = first.page
    first.open("/markets")
    expect(watched(first, "AAPL")).to_contain_text("192.50", timeout=20 * SECS)
    page.get_by_role("searchbox", name="Add a symbol or company").fill("visa")
    expect(page.locator(".hits")).to_contain_text(re.compile("Visa|No symbol is called that"), timeout=10 * SECS)
    for _ in range(20):  # days are fetched one symbol after the other
        first.open("/markets/map")
        if page.locator(".heatmap a", has_text="AAPL").count():
            break
        page.wait_for_timeout(1_000)
    expect(page.locator(".heatmap a", has_text="AAPL")).to_be_visible(timeout=20 * SECS)
    first.open("/markets/AAPL")
    expect(page.locator(".symbolhead .last")).to_have_text("192.50", timeout=20 * SECS)
    expect(page.get_by_role("region", name="Price returns")).to_contain_text("%", timeout=20 * SECS)


@pytest.mark.nightly
def test_the_chart_shows_prices_as_they_were_traded_and_what_the_shares_went_through(
    market: MarketToday, first: Walk
) -> None:
    yahoo, page = market.vendors.yahoo, first.page
    split_on = exchange_day(yahoo.days[-20])
    yahoo.splits = {"TSLA": [(split_on.isoformat(), 10, 1)]}
    first.open("/trade/TSLA")
    page.get_by_role("group", name="Bar length").get_by_role("button", name="1d", exact=True).click()
    expect(page.locator(".legend").first).to_contain_text("TSLA · 1d", timeout=20 * SECS)
    for _ in range(30):  # back-filling lets quotes and bars go first
        first.open("/markets/TSLA")
        page.wait_for_timeout(1_500)
        if "10:1" in page.locator("main").inner_text():
            break
    expect(page.get_by_role("region", name="Corporate actions")).to_contain_text("10:1")
    first.open("/trade/TSLA")
    expect(page.locator(".legend").first).to_contain_text("TSLA · 1d", timeout=20 * SECS)
    expect(page.locator(".chart .wait")).to_have_count(0, timeout=20 * SECS)
    oldest = "(document.querySelector('.chart .canvas').chartView.bars[0]?.close ?? 0)"
    adjusted = page.evaluate(oldest)
    page.get_by_role("combobox", name="Price adjustment").select_option("raw")
    expect(page.locator(".legend").first).to_contain_text("Prices as traded", timeout=20 * SECS)
    for _ in range(100):
        if page.evaluate(f"{oldest} > {adjusted * 9}"):
            break
        page.wait_for_timeout(100)
    assert abs(page.evaluate(oldest) - adjusted * 10) < 0.01
    page.get_by_role("combobox", name="Price adjustment").select_option("splits")


def test_an_isin_leads_to_its_symbol_and_a_wrong_one_to_words(first: Walk) -> None:
    page = first.page
    first.open("/")
    page.keyboard.press("/")
    page.locator(".palette input").fill("US0378331006")
    expect(page.locator(".palette")).to_contain_text("is no ISIN", timeout=10 * SECS)
    page.locator(".palette input").fill("US0378331005")
    expect(page.locator(".palette .list a").first).to_contain_text("AAPL", timeout=10 * SECS)
    page.keyboard.press("Escape")
    first.open("/markets/AAPL")
    expect(page.locator("dl.facts")).to_contain_text("US0378331005", timeout=20 * SECS)


def test_a_company_is_found_at_the_source_and_opened(first: Walk) -> None:
    first.open("/")
    page = first.page
    page.keyboard.press("/")
    page.locator(".palette input").fill("berkshire")
    expect(page.locator(".palette .list a").first).to_contain_text("BRK.B", timeout=10 * SECS)
    page.locator(".palette .list a").first.click()
    page.wait_for_url(re.compile(r"/trade/BRK\.B"), timeout=10 * SECS)
    first.settle()
    expect(page.locator(".quotehead h1")).to_have_text("BRK.B")
    expect(page.locator(".quotehead .last")).to_have_text("440.25", timeout=20 * SECS)
    expect(page.locator(".legend")).to_contain_text("C 4", timeout=20 * SECS)


def test_on_a_phone_the_badge_says_whether_the_market_is_open(first: Walk, browser: Browser) -> None:
    phone = Walk.begin(browser, first.url, size=PHONE, state=first.context.storage_state())
    phone.open("/")
    expect(phone.page.locator(".badge.market")).to_contain_text("open")
    phone.context.close()
    assert phone.complaints == []


def test_keys_for_live_quotes_take_effect_while_it_runs(market: MarketToday, first: Walk) -> None:
    first.open("/")
    page = first.page
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in first.context.cookies())
    headers = {"cookie": cookie, "origin": first.url}
    body = {"values": {"key_id": KEY_ID, "secret": SECRET, "feed": "iex"}}
    with httpx.Client(base_url=first.url + "/api/v1", headers=headers, timeout=15) as rest:
        told = rest.put("/connections/alpaca-data", json=body).json()
        assert told["ok"], told
        expect(watched(first, "MSFT").locator(".dot")).to_have_attribute(
            "title", re.compile("alpaca"), timeout=30 * SECS
        )
        market.instance.wait(lambda: bool(market.vendors.alpaca_data._sockets), "a stream")
        market.vendors.alpaca_data.trade("MSFT", 415.25)
        expect(watched(first, "MSFT")).to_contain_text("415.25", timeout=20 * SECS)
        [quote] = rest.get("/quotes", params={"symbols": "MSFT", "venue": "market"}).json()["items"]
        assert (quote["last"], quote["provider"]) == ("415.25", "alpaca")
        assert rest.get("/bars", params={"symbol": "MSFT", "venue": "market"}).json()["items"]
        there, dot = market.vendors.alpaca_data, watched(first, "MSFT").locator(".dot")
        there.fault = there.stream_fault = "drop"
        there.drop_stream()
        expect(dot).to_have_attribute("title", re.compile("yahoo"), timeout=30 * SECS)
        strip = page.locator("[data-strip=sources]")
        expect(strip).to_have_text("Alpaca market data does not answer; Yahoo Finance stands in", timeout=10 * SECS)
        there.fault = there.stream_fault = None
        expect(dot).to_have_attribute("title", re.compile("alpaca"), timeout=60 * SECS)
        expect(strip).to_have_text("", timeout=10 * SECS)
        rest.delete("/connections/alpaca-data")
    expect(watched(first, "MSFT").locator(".dot")).to_have_attribute("title", re.compile("yahoo"), timeout=40 * SECS)


def test_an_order_at_a_broker_goes_out_fills_and_both_books_agree(market: MarketToday, first: Walk) -> None:
    there, page = market.vendors.alpaca_trading, first.page
    there.positions["KO"], there.prices["KO"] = (Decimal(20), Decimal(1100)), Decimal(56)
    first.open("/settings/connections")
    card = page.locator("[data-connection=alpaca]")
    card.get_by_text("Connect", exact=True).click()
    card.get_by_label("Key ID").fill("AKLIVE0000000001")
    card.get_by_label("Secret key").fill(TRADING_SECRET)
    card.get_by_role("button", name="Save and test").click()
    expect(card.get_by_role("alert")).to_contain_text("keys of a live account", timeout=20 * SECS)
    first.complaints[:] = [one for one in first.complaints if "422" not in one]
    card.get_by_label("Key ID").fill(TRADING_KEY_ID)
    card.get_by_label("Secret key").fill(TRADING_SECRET)
    card.get_by_role("button", name="Save and test").click()
    expect(card.locator(".status")).to_have_text("Connected", timeout=20 * SECS)
    open_alpacas_account(first)
    first.open("/portfolio")
    broker = page.locator(".panel").filter(has=page.get_by_role("heading", name="At the broker"))
    expect(broker.locator("header .status")).to_have_text("Agrees", timeout=30 * SECS)
    expect(page.get_by_role("region", name="Positions")).to_contain_text("KO", timeout=10 * SECS)
    first.open("/trade/AAPL")
    first.trade("buy", "5", "AAPL")
    market.instance.wait(lambda: bool(there.orders), "the order at the broker")
    [client_id] = there.orders
    there.fill(client_id, "2", "191.05")
    there.fill(client_id, "3", "191.10")
    fills = page.get_by_role("region", name="Fills").locator("tbody tr")
    expect(fills).to_have_count(2, timeout=20 * SECS)
    first.open("/orders")
    page.get_by_role("region", name="Orders").locator("tbody tr").first.locator("button").first.click()
    page.get_by_role("dialog", name="Order").get_by_role("button", name=re.compile("receipt", re.I)).first.click()
    expect(page.get_by_role("dialog", name="Order")).to_contain_text("The broker reported")
    there.cash -= Decimal(25)
    worker = market.instance.child("worker")
    assert worker is not None
    worker.terminate()
    first.open("/portfolio")
    expect(broker.locator("header .status")).to_have_text("Differs", timeout=60 * SECS)
    broker.get_by_role("button", name="Accept the broker's book").click()
    expect(broker.locator("header .status")).to_have_text("Agrees", timeout=90 * SECS)
    show_account(first, "Market paper")
    assert TRADING_SECRET not in page.content()
    assert TRADING_SECRET not in market.instance.text
    assert first.complaints == []


def test_a_source_that_goes_away_is_seen_as_old_prices_and_nothing_breaks(market: MarketToday, first: Walk) -> None:
    yahoo, page = market.vendors.yahoo, first.page
    yahoo.late_secs = 300
    first.open("/trade/SHOP")
    expect(page.locator(".quotehead .dot")).to_have_attribute("data-fresh", "stale", timeout=30 * SECS)
    expect(page.locator(".quotehead .dot")).to_have_attribute("title", re.compile(r"5 min old · yahoo"))
    expect(page.get_by_label("Order ticket").locator(".note.bad")).to_contain_text(
        "5 minutes old (yahoo)", timeout=20 * SECS
    )
    yahoo.fault = "drop"
    first.open("/")
    expect(page.locator("[data-strip=feed]")).to_contain_text("Prices delayed", timeout=40 * SECS)
    expect(page.locator("[data-strip=connection]")).to_have_text("Connected")
    expect(page.locator(".head .figure").first).to_contain_text("100,011.10")
    mark = len(market.instance.text.splitlines())
    page.wait_for_timeout(6_000)
    assert len(market.instance.text.splitlines()) - mark < 10
    assert first.complaints == []


def test_the_other_market_is_one_click_away_and_knows_its_own_symbols(first: Walk) -> None:
    page = first.page
    first.open("/settings/accounts")
    row = page.get_by_role("region", name="Your accounts").locator("tr").filter(has_text="Practice")
    with page.expect_navigation(timeout=20 * SECS):  # the page of another market starts anew
        row.get_by_role("button", name="Show").click()
    first.settle()
    expect(page.locator(".badge.replay")).to_contain_text("REPLAY", timeout=20 * SECS)
    first.open("/trade/BRK.B")
    expect(page.locator(".note.bad")).to_contain_text("There is no symbol BRK.B on this market")
    assert first.complaints == []


@pytest.mark.nightly
def test_how_yahoo_fails_is_said_on_the_screen_and_passes(market: MarketToday, first: Walk) -> None:
    """The last of its file: after too many questions Yahoo is left alone for a while."""
    yahoo, page = market.vendors.yahoo, first.page
    yahoo.fault, yahoo.late_secs = None, 0
    if page.locator("#start-market").count():  # alone in its run: nobody has opened the account yet
        page.locator("#start-market").click()
        page.wait_for_url(re.compile(r"^[^?]*//[^/]+/$"), timeout=20 * SECS)
    first.open("/")
    if "Market paper" not in page.locator(".account-menu .account").inner_text():
        show_account(first, "Market paper")

    def told(words: str, tries: int = 30) -> None:
        """The page of connections says so of Yahoo within a minute and a half, or what else is asked for."""
        row = page.get_by_role("region", name="How vendors answer").locator("tr").filter(has_text="Yahoo Finance")
        for _ in range(tries):
            first.open("/settings/connections")
            shown = row.all_inner_texts()  # none before it was first asked
            if shown and re.search(words, shown[0]):
                return
            page.wait_for_timeout(2_000)
        raise AssertionError(f"{words!r} is not in {shown!r}")

    yahoo.hang_secs = 30.0  # longer than it is waited for
    yahoo.stream_fault = "drop"  # a stream would spare Yahoo most questions
    yahoo.drop_stream()
    told("Answers")
    yahoo.fault = "empty"
    first.open("/")
    expect(page.locator("[data-strip=feed]")).to_contain_text("Prices delayed", timeout=60 * SECS)
    for fault, words in (
        ("garbage", "not an answer"),
        (500, "problem"),
        ("hang", "in time"),
        (429, "limits how often|asked us to wait"),
    ):
        yahoo.fault = None
        told("Answers")
        yahoo.fault = fault
        told(words)
    yahoo.fault = None
    told("Answers", tries=120)  # it was asked to wait
    assert first.complaints == []
