"""One sitting with every vendor at hand: keys in, quotes streaming, an order filled at the broker, news with a mood,
the analyst's answer and its proposal, an alert by mail. And no key comes out again, anywhere."""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Locator, expect
from redis import Redis

from starkmatter.ops.frontend import built_frontend
from starkmatter.settings import load_settings
from tests.browser.analyst import analyst
from tests.browser.market import MarketToday, market_today, open_alpacas_account
from tests.browser.walk import EMAIL, SECS, Walk
from tests.ops.instance import starkmatter
from tests.security.flood import LONGEST_SECS, WORK, flood
from tests.standins import (
    alpaca_data,
    alpaca_trading,
    alphavantage,
    claude,
    finnhub,
    massive,
    newsapi,
    smtp,
    twelvedata,
)

pytestmark = [pytest.mark.browser, pytest.mark.process]

HEADLINE = "Apple shares surge as profit beats forecasts"
SECRETS = {
    "the broker's secret": alpaca_trading.SECRET,
    "the data secret": alpaca_data.SECRET,
    "the news key": newsapi.KEY,
    "the analyst's key": claude.KEY,
    "the mail password": smtp.PASSWORD,
    "the broker's key id": alpaca_trading.KEY_ID,
    "the data key id": alpaca_data.KEY_ID,
    "Massive's key": massive.KEY,
    "Finnhub's key": finnhub.KEY,
    "Twelve Data's key": twelvedata.KEY,
    "Alpha Vantage's key": alphavantage.KEY,
}
FRAMES: list[str] = []
# Whoever answers well that there is nothing.
HAS_NOTHING = {"newsapi"}


@pytest.fixture(scope="module")
def market() -> Iterator[MarketToday]:
    with market_today() as running:
        running.vendors.claude.script = analyst
        running.vendors.newsapi.articles = [newsapi.article(HEADLINE, url="https://times.example.org/apple")]
        yield running


@pytest.fixture(scope="module")
def sitting(market: MarketToday, browser: Browser) -> Walk:
    """The owner's window; every frame that reaches it is kept, and its console must stay silent to the end."""
    walk = Walk.begin(browser, market.url)
    walk.page.on("websocket", lambda line: line.on("framereceived", lambda payload: FRAMES.append(str(payload))))
    walk.set_up(market.link)
    return walk


def connect(walk: Walk, kind: str, values: dict[str, str], choices: dict[str, str] | None = None) -> Locator:
    """Enter a vendor's keys as an admin does; they work."""
    walk.open("/settings/connections")
    card = walk.page.locator(f"[data-connection={kind}]")
    card.get_by_text("Connect", exact=True).click()
    for label, value in values.items():
        card.get_by_label(label).fill(value)
    for label, value in (choices or {}).items():
        card.get_by_label(label).select_option(value)
    card.get_by_role("button", name="Save and test").click()
    expect(card.locator(".status")).to_have_text("Connected", timeout=20 * SECS)
    return card


def test_keys_of_every_vendor_are_entered_and_found_good(market: MarketToday, sitting: Walk) -> None:
    there = market.vendors
    connect(sitting, "alpaca", {"Key ID": alpaca_trading.KEY_ID, "Secret key": alpaca_trading.SECRET})
    connect(sitting, "alpaca-data", {"Key ID": alpaca_data.KEY_ID, "Secret key": alpaca_data.SECRET}, {"Feed": "iex"})
    for kind, key in (
        ("massive", massive.KEY),
        ("finnhub", finnhub.KEY),
        ("twelvedata", twelvedata.KEY),
        ("alphavantage", alphavantage.KEY),
    ):
        connect(sitting, kind, {"API key": key})
    connect(sitting, "newsapi", {"API key": newsapi.KEY})
    connect(sitting, "claude", {"API key": claude.KEY})
    server = {"Server": "127.0.0.1", "Port": str(there.mail.port), "User name": smtp.USER, "Password": smtp.PASSWORD}
    connect(sitting, "smtp", server | {"Sender": "desk@example.org"}, {"Encryption": "none"})
    sitting.open("/settings/connections")
    expect(sitting.page.locator(".connection .status[data-status=filled]")).to_have_count(9)
    assert [name for name, secret in SECRETS.items() if secret in sitting.page.content()] == []


def test_quotes_stream_and_an_order_fills_at_the_broker(market: MarketToday, sitting: Walk) -> None:
    page, there = sitting.page, market.vendors.alpaca_trading
    open_alpacas_account(sitting)
    sitting.open("/trade/AAPL")
    dot = page.locator(".quotehead .dot")
    expect(dot).to_have_attribute("title", re.compile("alpaca"), timeout=30 * SECS)
    market.instance.wait(lambda: bool(market.vendors.alpaca_data._sockets), "a stream of quotes")
    page.evaluate("window.sameDocument = true")
    for price in (190.31, 191.07):
        market.vendors.alpaca_data.trade("AAPL", price)
        expect(page.locator(".quotehead .last")).to_have_text(f"{price:.2f}", timeout=20 * SECS)
    assert page.evaluate("window.sameDocument")
    sitting.trade("buy", "5", "AAPL")
    market.instance.wait(lambda: bool(there.orders), "the order at the broker")
    [client_id] = there.orders
    there.fill(client_id, "2", "191.05")
    there.fill(client_id, "3", "191.10")
    expect(page.get_by_role("region", name="Fills").locator("tbody tr")).to_have_count(2, timeout=20 * SECS)
    sitting.open("/portfolio")
    expect(page.get_by_role("region", name="Positions")).to_contain_text("AAPL", timeout=10 * SECS)
    assert len(there.posts) == 1


def test_news_on_the_holding_is_read_with_its_mood(market: MarketToday, sitting: Walk) -> None:
    page = sitting.page
    market.instance.wait(lambda: bool(market.vendors.newsapi.asked), "the first question to NewsAPI", 60)
    story = page.locator(".story", has_text=HEADLINE)
    for _ in range(20):
        sitting.open("/news")
        if story.count():
            break
    expect(story.locator(".mood")).to_contain_text(re.compile(r"Bullish \+0\.\d"))
    expect(story.locator(".tag")).to_have_text("AAPL")
    expect(story.locator(".source")).to_contain_text("Example Times")
    page.get_by_role("button", name="My holdings").click()
    expect(story).to_be_visible(timeout=10 * SECS)


def test_the_analyst_answers_as_it_writes_and_its_proposal_goes_through_the_ticket(
    market: MarketToday, sitting: Walk
) -> None:
    page, there = sitting.page, market.vendors.alpaca_trading
    sitting.open("/assistant")
    page.get_by_label("Your question").fill("How is my book?")
    page.keyboard.press("Enter")
    expect(page.locator(".written.streaming")).to_contain_text("Let me look", timeout=20 * SECS)
    answer = page.locator(".answered .written:not(.streaming)")
    expect(answer.locator("strong").first).to_contain_text("USD", timeout=30 * SECS)
    expect(page.locator(".cost")).to_contain_text(re.compile(r"0\.\d+ USD"))
    page.get_by_label("Your question").fill("Buy 3 AAPL for me")
    page.keyboard.press("Enter")
    card = page.get_by_role("article", name="Proposed order: Buy 3 AAPL")
    expect(card).to_contain_text("Est. cost", timeout=30 * SECS)
    assert len(there.posts) == 1
    card.get_by_role("link", name="Review").click()
    page.wait_for_url(re.compile(r"/trade/AAPL/?\?proposal="), timeout=20 * SECS)
    sitting.settle()
    sheet = page.get_by_label("Order ticket")
    expect(page.locator("#qty")).to_have_value("3")
    sheet.get_by_role("button", name="Review order").click()
    expect(sheet.locator("#send")).to_have_text("Buy 3 AAPL")
    assert len(there.posts) == 1
    sitting.send()
    market.instance.wait(lambda: len(there.posts) > 1, "the proposed order at the broker")
    with database(market) as connection:
        [client_id] = connection.execute(
            "SELECT 'sm-' || order_id FROM order_proposal WHERE order_id IS NOT NULL"
        ).fetchone()
    assert there.posts[-1]["client_order_id"] == client_id
    assert [float(post["qty"]) for post in there.posts] == [5, 3]


def test_an_alert_fires_once_is_told_on_the_page_and_by_mail(market: MarketToday, sitting: Walk) -> None:
    page, box = sitting.page, market.vendors.mail
    before = len(box.mails)
    sitting.open("/alerts?symbol=AAPL")
    page.locator("#alert-level").fill("a lot")
    page.get_by_role("button", name="Watch it").click()
    expect(page.get_by_role("alert")).to_contain_text("The level is a number", timeout=10 * SECS)
    page.locator("#alert-level").fill("195.00")
    page.locator("#alert-note").fill("Time to look again")
    page.locator("#alert-mail").check()
    page.get_by_role("button", name="Watch it").click()
    expect(page.get_by_role("status").filter(has_text="Watching:")).to_be_visible(timeout=10 * SECS)
    rules = page.get_by_role("region", name="Your alerts")
    expect(rules.locator("tbody tr")).to_have_count(1)
    expect(rules).to_contain_text("waiting")
    market.vendors.alpaca_data.trade("AAPL", 194.2)
    expect(page.get_by_role("region", name="What fired")).to_have_count(0)
    market.vendors.alpaca_data.trade("AAPL", 195.75)
    expect(page.locator(".toast").filter(has_text="Alert: AAPL")).to_be_visible(timeout=20 * SECS)
    fired = page.get_by_role("region", name="What fired")
    expect(fired.locator("tbody tr")).to_have_count(1, timeout=10 * SECS)
    expect(fired).to_contain_text("195.75")
    expect(rules).to_contain_text("fired")
    market.instance.wait(lambda: len(box.mails) > before, "the mail")
    [mail] = box.mails[before:]
    assert "AAPL" in mail["Subject"]
    assert box.recipients[-1] == [EMAIL]
    assert "Time to look again" in mail.get_content()
    bell = page.locator("details.centre summary")
    expect(bell).to_have_attribute("aria-label", "Alerts, 1 new")
    bell.click()
    expect(page.locator("details.centre .list")).to_contain_text("AAPL")
    sitting.open("/alerts")
    expect(bell).to_have_attribute("aria-label", "Alerts, none new")
    expect(fired).to_contain_text("mailed", timeout=20 * SECS)
    for price in (194.0, 196.0):
        market.vendors.alpaca_data.trade("AAPL", price)
    page.wait_for_timeout(2_000)
    assert len(box.mails) == before + 1


def spoil(market: MarketToday, kind: str, fault: int | str | None) -> None:
    """Have a vendor misbehave until told otherwise (None)."""
    there = market.vendors
    if kind == "alpaca":
        there.alpaca_trading.faults["account"] = [] if fault is None else [fault] * 50
    elif kind == "alpaca-data":
        there.alpaca_data.fault = fault
    elif kind == "newsapi":
        there.newsapi.hang_secs = 12.0  # longer than we wait
        there.newsapi.faults = [] if fault is None else [fault] * 50
    else:
        there.claude.count = {
            None: None,
            429: claude.Reply(status=429, error="rate_limit_error"),
            500: claude.Reply(status=500),
            "hang": claude.Reply(hang_secs=60, raw=b"{}"),
            "garbage": claude.Reply(raw=b"<html>not what you asked for"),
            "empty": claude.Reply(raw=b""),
        }[fault]


@pytest.mark.parametrize(
    "kind", ["alpaca", pytest.param("alpaca-data", marks=pytest.mark.nightly), "newsapi", "claude"]
)
def test_how_a_vendor_fails_is_said_on_the_screen_and_passes(market: MarketToday, sitting: Walk, kind: str) -> None:
    page = sitting.page
    sitting.open("/settings/connections")
    card = page.locator(f"[data-connection={kind}]")
    said = {}
    for fault in ("empty", "garbage", 500, "hang", 429):  # the last makes us wait for as long as the vendor says
        spoil(market, kind, fault)
        ok, said[fault] = press_test(market, kind, card)
        assert ok == (fault == "empty" and kind in HAS_NOTHING), (fault, said[fault])
        expect(card.locator(".status")).to_have_text("Connected" if ok else "Not working", timeout=10 * SECS)
        expect(card.locator("p[role=status]")).to_contain_text(said[fault])
    assert len(set(said.values())) >= 3, said
    spoil(market, kind, None)
    for _ in range(20):
        if press_test(market, kind, card)[0]:
            break
        page.wait_for_timeout(3_000)
    expect(card.locator(".status")).to_have_text("Connected", timeout=10 * SECS)
    assert sitting.complaints == []


def press_test(market: MarketToday, kind: str, card: Locator) -> tuple[bool, str]:
    """Press the button and wait until the vendor's answer is kept: whether it was good, and in words."""

    def kept() -> tuple:
        query = "SELECT tested_at, tested_ok, tested_text FROM vault_secret WHERE kind = %s"
        with database(market) as connection:
            return connection.execute(query, (kind,)).fetchone()

    before = kept()
    card.get_by_role("button", name="Test", exact=True).click()
    market.instance.wait(lambda: kept()[0] != before[0], f"the answer of {kind}", 60)
    return kept()[1:]


def database(market: MarketToday) -> psycopg.Connection:
    web = market.instance.child("web")
    assert web is not None
    return psycopg.connect(web.environ()["DATABASE_URL"], autocommit=True)


def leaks(content: bytes) -> list[str]:
    """Whose secret is in there, as it is or as hexadecimal digits."""
    return [
        name
        for name, secret in SECRETS.items()
        if secret.encode() in content or secret.encode().hex().encode() in content
    ]


def test_a_flood_on_one_socket_is_shut_out_while_everybody_works_on(market: MarketToday, sitting: Walk) -> None:
    """Not in the tests' shared product: there events may come as fast as a test can send them."""
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in sitting.context.cookies())
    mark, seen = len(market.instance.text), {}
    flood(market.instance.port, cookies, lambda what, figure: seen.update({what: figure}))
    assert seen["answered"] == WORK
    assert seen["sent"] > 500, "that was no flood"
    assert seen["closed"] < LONGEST_SECS, "the flood was not shut out"
    log = market.instance.text[mark:]
    assert "too many events" in log
    assert len(log) < 20_000, log[:2_000]


def test_no_key_is_in_a_frame_the_log_the_bundle_the_cache_or_a_dump(
    market: MarketToday, sitting: Walk, tmp_path: Path
) -> None:
    for path in ("/settings/connections", "/admin", "/assistant", "/alerts", "/news", "/settings/accounts"):
        sitting.open(path)
        assert leaks(sitting.page.content().encode()) == []
    frames = "".join(FRAMES)
    assert "connections" in frames
    assert leaks(frames.encode()) == []
    assert len(market.instance.text) > 1_000
    assert leaks(market.instance.text.encode()) == []
    built = built_frontend(load_settings({"STARKMATTER_HOME": str(market.instance.home)}))
    assert built is not None
    for file in (one for one in (built / "build" / "client").rglob("*") if one.is_file()):
        assert leaks(file.read_bytes()) == [], file
    web = market.instance.child("web")
    assert web is not None
    with Redis.from_url(web.environ()["REDIS_URL"]) as cache:
        kept = [cache.dump(key) or b"" for key in cache.scan_iter()]
    assert kept
    assert leaks(b"".join(kept)) == []
    with database(market) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in tables:
            with connection.cursor().copy(f"COPY (SELECT * FROM {name}) TO STDOUT") as rows:
                assert leaks(b"".join(bytes(row) for row in rows)) == [], name
    saved = starkmatter("backup", str(tmp_path / "b.tar"), home=market.instance.home, port=market.instance.port)
    assert saved.returncode == 0, saved.stderr
    with tarfile.open(tmp_path / "b.tar") as archive:
        for member in archive.getmembers():
            inside = archive.extractfile(member)
            assert inside is not None
            assert leaks(inside.read()) == [], member.name
    assert leaks((saved.stdout + saved.stderr).encode()) == []
    arguments = " ".join(" ".join(process.cmdline()) for process in market.instance.processes())
    assert leaks(arguments.encode()) == []
    assert sitting.complaints == []
