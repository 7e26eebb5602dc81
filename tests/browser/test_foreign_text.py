"""A hundred and fifty payloads in everything that shows a text somebody else may have written: none of them runs."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from starkmatter.accounts.audit import queries as audit_queries
from starkmatter.accounts.audit.records import Actor
from starkmatter.accounts.audit.trail import event
from tests.browser.test_assistant import _forget_key, ask, connect
from tests.browser.walk import EMAIL, SECS, Walk
from tests.security.payloads import PAYLOADS
from tests.security.product import Product
from tests.standins.claude import say

pytestmark = [pytest.mark.browser, pytest.mark.process]

WATCH = """
if (top === window) {
  window.caught = [];
  window.hit = (number) => { window.caught.push("ran " + number); };
} else { window.hit = (number) => top.hit(number); }
window.alert = window.confirm = window.prompt = () => top.hit("a dialog");
document.addEventListener("securitypolicyviolation", (event) =>
  top.caught.push([event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber].join(" ")));
"""
MARK = "planted"
CHUNK = 10
ENOUGH = 80


@pytest.fixture
def planted(product: Product) -> Iterator[None]:
    """Each payload in a row of its own wherever a person, a vendor or a model may write a text."""
    chunks = [" ".join(PAYLOADS[at : at + CHUNK]) for at in range(0, len(PAYLOADS), CHUNK)]
    me = "(SELECT id FROM app_user WHERE email = %s)"
    with product.database() as connection:
        run = connection.cursor().executemany
        run(
            "INSERT INTO app_user (id, email, display_name, role, passphrase_hash, created_at)"
            " VALUES (%s, %s, %s, 'viewer', 'none', now())",
            [(uuid4(), f"{MARK}-{number}@example.org", text) for number, text in enumerate(PAYLOADS)],
        )
        run(
            "INSERT INTO account (id, user_id, name, venue, broker, mode, currency, preset, cash, reserved, created_at,"
            " opened_venue_at)"
            f" SELECT %s, {me}, %s, 'market', 'paper', 'paper', 'USD', 'realistic', 0, 0, now(), now()",
            [(uuid4(), EMAIL, f"Account {number} {text}") for number, text in enumerate(chunks)],
        )
        run(
            "INSERT INTO alert (id, user_id, venue, symbol, kind, threshold, note, by_mail, repeats, active, armed,"
            f" created_at, updated_at) SELECT %s, {me}, 'replay', 'AAPL', 'price_above', 999999, %s, false, false,"
            " false, false, now(), now()",
            [(uuid4(), EMAIL, text) for text in PAYLOADS],
        )
        run(
            "INSERT INTO chat (id, owner_id, title, created_at, updated_at, has_outside_text, stop_asked)"
            f" SELECT %s, {me}, %s, now(), now(), false, false",
            [(uuid4(), EMAIL, text) for text in PAYLOADS],
        )
        run(
            "INSERT INTO news_item (id, venue, title, summary, url, url_key, title_key, source, sources, symbols,"
            " published_at, received_at, sentiment, mood, sample) VALUES (%s, 'market', %s, %s, %s, %s, %s, %s,"
            " ARRAY[%s], ARRAY['AAPL'], now(), now(), 0, 'neutral', false)",
            [
                (uuid4(), text, text, f"javascript:hit({n})", f"{MARK}{n}", f"{MARK}{n}", text, text)
                for n, text in enumerate(PAYLOADS)
            ],
        )
        run(
            "INSERT INTO news_feed (id, url, title, shipped, enabled, etag, last_modified, failure, created_at)"
            " VALUES (%s, %s, %s, false, false, '', '', %s, now())",
            [
                (uuid4(), f"https://{MARK}-{number}.example.org/{text}", text, text)
                for number, text in enumerate(PAYLOADS)
            ],
        )
        run(
            "INSERT INTO api_token (id, user_id, token_hash, name, hint, scopes, networks, created_at, expires_at,"
            f" last_used_at, last_used_ip) SELECT %s, {me}, %s, %s, 'smk_', ARRAY['read'], ARRAY[%s], now(),"
            " now() + interval '1 hour', now(), %s",
            [(uuid4(), EMAIL, f"{MARK}{number}".encode(), text, text, text) for number, text in enumerate(PAYLOADS)],
        )
        run(
            "INSERT INTO passkey (id, user_id, credential_id, public_key, sign_count, name, created_at)"
            f" SELECT %s, {me}, %s, 'x', 0, %s, now()",
            [(uuid4(), EMAIL, f"{MARK}{number}".encode(), text) for number, text in enumerate(PAYLOADS)],
        )
        run(
            "INSERT INTO user_session (id, user_id, token_hash, created_at, last_seen_at, expires_at, ip, user_agent)"
            f" SELECT %s, {me}, %s, now(), now(), now() + interval '1 hour', %s, %s",
            [(uuid4(), EMAIL, f"{MARK}{number}".encode(), text[:60], text) for number, text in enumerate(PAYLOADS)],
        )
        told = [
            event(
                Actor("visitor", text[:60]),
                "session.opened",
                ("session", text),
                before={"was": text},
                after={"browser": text},
            )
            for text in PAYLOADS
        ]
        connection.execute(audit_queries.APPEND, (json.dumps(told, default=str),))
        name = connection.execute("SELECT display_name FROM app_user WHERE email = %s", (EMAIL,)).fetchone()
        connection.execute("UPDATE app_user SET display_name = %s WHERE email = %s", (chunks[0], EMAIL))
        try:
            yield
        finally:
            connection.execute("UPDATE app_user SET display_name = %s WHERE email = %s", (*(name or ("",)), EMAIL))
            connection.execute("DELETE FROM app_user WHERE email LIKE %s", (f"{MARK}-%",))
            connection.execute("DELETE FROM account WHERE name LIKE 'Account %'")
            connection.execute("DELETE FROM alert WHERE threshold = 999999")
            connection.execute("DELETE FROM chat WHERE title = ANY(%s)", (list(PAYLOADS),))
            connection.execute("DELETE FROM news_item WHERE title_key LIKE %s", (f"{MARK}%",))
            connection.execute("DELETE FROM news_feed WHERE url LIKE %s", (f"https://{MARK}-%",))
            for table in ("api_token", "user_session"):
                connection.execute(f"DELETE FROM {table} WHERE encode(token_hash, 'escape') LIKE %s", (f"{MARK}%",))
            connection.execute("DELETE FROM passkey WHERE encode(credential_id, 'escape') LIKE %s", (f"{MARK}%",))


@contextmanager
def harmless(walk: Walk, url: str) -> Iterator[Page]:
    """Whatever ran, was blocked, asked for a dialog or for another host until the block ends is a failure."""
    walk.open(url)
    yield walk.page
    walk.page.wait_for_timeout(300)
    assert walk.page.evaluate("window.caught") == [], url
    assert [asked for asked in walk.asked if not asked.startswith((walk.url, "data:", "blob:"))] == [], url


@pytest.fixture
def watched(walk: Walk) -> Walk:
    walk.page.on("dialog", lambda dialog: (walk.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    walk.context.add_init_script(WATCH)
    return walk


def test_the_payloads_are_live_where_nothing_stands_against_them(browser: Browser, product: Product) -> None:
    """The watch sees them run in a bare document, and sees our policy stop them on a page of ours."""
    context = browser.new_context()
    context.add_init_script(WATCH)
    context.route("**/*", lambda route: route.abort())
    context.route("http://bare.example.org/", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    page = context.new_page()
    page.goto("http://bare.example.org/")
    draw = """(all) => { for (const one of all) { const frame = document.createElement("iframe");
        frame.srcdoc = one; document.body.append(frame); } }"""
    page.evaluate(draw, list(PAYLOADS))
    ran: set[str] = set()
    for _ in range(40):
        page.wait_for_timeout(250)
        ran = {one for one in page.evaluate("window.caught") if one.startswith("ran ")}
        if len(ran) > ENOUGH:
            break
    context.close()
    assert len(ran) > ENOUGH, sorted(ran)
    context = browser.new_context()
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(f"http://localhost:{product.instance.port}/login")
    page.evaluate("(all) => all.forEach((one) => document.body.insertAdjacentHTML('beforeend', one))", list(PAYLOADS))
    page.wait_for_timeout(1_000)
    caught = page.evaluate("window.caught")
    context.close()
    assert [one for one in caught if one.startswith("ran ")] == []
    assert len(caught) > 40, "the policy reports nothing"


def test_no_stored_text_runs_on_any_page(watched: Walk, product: Product, planted: None) -> None:
    lists = {
        "/settings/security": ".panel",
        "/settings/programs": ".panel",
        "/settings/accounts": ".panel",
        "/settings/news": ".panel",
        "/alerts": ".panel",
        "/assistant": "aside nav button",
        "/admin/people": ".panel",
        "/admin/audit": ".panel",
        "/": ".panel",
    }
    shown = {}
    for url, part in lists.items():
        with harmless(watched, url) as page:
            expect(page.locator(part).first).to_be_visible(timeout=10 * SECS)
            if url == "/admin/audit":
                for row in page.locator("tbody tr button").all()[:10]:
                    row.click()
            shown[url] = page.locator("body").inner_text()
    # They were there to be seen, as they were written.
    for url in ("/settings/security", "/settings/programs", "/settings/news", "/alerts", "/admin/people"):
        assert shown[url].count("onerror=hit(") > 40, url
    assert "onerror=hit(" in shown["/assistant"]
    assert "hit(" in shown["/admin/audit"]
    assert "onerror=hit(" in shown["/"], "the account's name"


def test_no_headline_runs(watched: Walk, planted: None) -> None:
    with harmless(watched, "/news") as page:
        page.locator("details.account-menu summary").click()
        page.get_by_role("button", name="Account 3").click()
        expect(page.locator(".story").first).to_be_visible(timeout=10 * SECS)
        seen = set()
        for _ in range(12):
            page.wait_for_timeout(300)
            seen |= set(page.locator(".story h3").all_inner_texts())
            older = page.get_by_role("button", name="Older")
            if not older.count() or older.is_disabled():
                break
            older.click()
        assert sum("hit(" in one for one in seen) > 100
        assert page.locator(".story a[href^='javascript']").count() == 0


def test_no_answer_of_the_analyst_runs(watched: Walk, product: Product) -> None:
    _forget_key(product)
    connect(watched)
    product.claude.script = lambda _: say("\n\n".join(PAYLOADS))
    try:
        with harmless(watched, "/assistant") as page:
            ask(page, " ".join(PAYLOADS[:5]))
            answer = page.locator(".answered .written:not(.streaming)")
            expect(answer).to_contain_text("hit(", timeout=30 * SECS)
            assert answer.locator("script, img, svg, iframe, style, form, input, [onerror], [onload]").count() == 0
            hrefs = answer.locator("a").evaluate_all("(all) => all.map((one) => one.getAttribute('href'))")
            assert [href for href in hrefs if not href.startswith(("http://", "https://", "#"))] == []
    finally:
        product.claude.script = lambda _: say("Hello.")
        _forget_key(product)


def test_no_text_that_is_typed_or_in_the_address_runs(watched: Walk) -> None:
    type_and_ask(watched, PAYLOADS[::50])


@pytest.mark.nightly
def test_none_of_all_texts_that_are_typed_or_in_the_address_runs(watched: Walk) -> None:
    type_and_ask(watched, PAYLOADS)


@pytest.mark.nightly
def test_no_name_runs_in_the_frame(watched: Walk, product: Product) -> None:
    with product.database() as connection:
        name = connection.execute("SELECT display_name FROM app_user WHERE email = %s", (EMAIL,)).fetchone()
        try:
            for text in PAYLOADS:
                connection.execute("UPDATE app_user SET display_name = %s WHERE email = %s", (text, EMAIL))
                with harmless(watched, "/settings/security") as page:
                    page.locator("summary", has_text="Your menu").click()
        finally:
            connection.execute("UPDATE app_user SET display_name = %s WHERE email = %s", (*(name or ("",)), EMAIL))


def type_and_ask(watched: Walk, texts: Sequence[str]) -> None:
    """Each text as a symbol in the address, in a form, and in the palette's search."""
    for text in texts:
        one_line = " ".join(text.split("\n"))  # an address with a line's end in it is no page's
        with harmless(watched, f"/trade/{quote(one_line, safe='')}"):
            pass
        with harmless(watched, f"/alerts?symbol={quote(text)}") as page:
            page.locator("#alert-level").fill(text.replace("\n", " "))
            page.get_by_role("button", name="Watch it").click()
            page.keyboard.press("Control+k")
            page.get_by_role("dialog").get_by_role("searchbox").fill(text.replace("\n", " "))
            page.wait_for_timeout(300)
            page.keyboard.press("Escape")
    # What was refused is meant to be refused.
    watched.complaints[:] = [one for one in watched.complaints if not one.startswith(("4", "error: Failed to load"))]


def test_no_refusal_over_rest_is_a_page(product: Product) -> None:
    with product.client(product.person("trader")) as http:
        for text in PAYLOADS:
            for answer in (
                http.get("/api/v1/instruments", params={"query": text}),
                http.get("/api/v1/quotes", params={"symbols": text}),
                http.post("/api/v1/alerts", json={"symbol": text, "kind": text, "threshold": text}),
            ):
                assert answer.headers["content-type"].startswith(("application/json", "application/problem+json"))
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["content-security-policy"].startswith("default-src 'self'; script-src 'self';")
