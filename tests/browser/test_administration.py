"""Inviting somebody, their second factor, a vendor's keys and the timetable, as people do it on the screen."""

import re
import time

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.walk import SECS, Walk
from tests.security.product import Product
from tests.standins.smtp import PASSWORD, USER, mail_server

pytestmark = [pytest.mark.browser, pytest.mark.process]

HERS = "quiet lantern folds seven rivers"
AGAIN = "marble kites borrow winter"


def invitation(walk: Walk) -> str:
    walk.open("/admin/people")
    walk.page.get_by_role("button", name="Make an invitation").click()
    note = walk.page.get_by_role("status").filter(has_text="Send this link")
    expect(note).to_be_visible(timeout=10 * SECS)
    link = re.search(r"http\S+invite=[\w-]+", note.inner_text().replace("\n", ""))
    assert link is not None
    return link.group()


def turn_on_factor(page: Page) -> str:
    page.get_by_role("button", name="Turn on the second factor").click()
    picture = page.get_by_alt_text("QR code of the key below")
    expect(picture).to_be_visible(timeout=10 * SECS)
    assert picture.evaluate("one => one.complete && one.naturalWidth > 0")
    secret = page.locator(".qr code").inner_text().replace(" ", "")
    page.get_by_label("Six digits").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn it on").click()
    expect(page.locator(".codes li")).to_have_count(10, timeout=10 * SECS)
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("The second factor is on. 10 of 10 recovery codes are left.")).to_be_visible()
    return secret


def test_an_invited_person_registers_and_signs_in_with_two_factors(
    walk: Walk, browser: Browser, product: Product
) -> None:
    link = invitation(walk)
    email = f"vera-{time.monotonic_ns()}@example.org"
    hers = Walk.begin(browser, walk.url)
    hers.page.goto(link)
    hers.page.get_by_label("Your name").fill("Vera")
    hers.page.get_by_label("E-mail").fill(email)
    hers.page.get_by_label("Passphrase", exact=True).fill(HERS)
    hers.page.get_by_role("button", name="Create").click()
    hers.page.wait_for_url(re.compile(r"/welcome/?$"), timeout=20 * SECS)
    hers.open("/settings/security")
    secret = turn_on_factor(hers.page)
    assert secret not in hers.page.content()
    hers.page.goto(walk.url + "/admin")
    expect(hers.page.get_by_text("For admins")).to_be_visible(timeout=10 * SECS)
    assert hers.complaints == []
    hers.context.close()

    again = Walk.begin(browser, walk.url)
    page = again.page
    page.goto(walk.url + "/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Passphrase", exact=True).fill(HERS)
    page.get_by_role("button", name="Sign in", exact=True).click()
    code = page.get_by_label("Code of your authenticator app")
    expect(code).to_be_visible(timeout=10 * SECS)
    code.fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("does not fit", timeout=10 * SECS)
    # The code that turned it on is used up: take that of the step after it.
    code.fill(pyotp.TOTP(secret).at(int(time.time()) + 30))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/login" not in url, timeout=20 * SECS)
    again.context.close()
    walk.open("/admin/people")
    row = walk.page.get_by_role("region", name="People").locator("tbody tr").filter(has_text=email)
    expect(row.locator("td").nth(2)).to_have_text("on")


def test_who_forgot_their_passphrase_comes_back_with_an_admins_link_and_changes_it_again(
    walk: Walk, browser: Browser
) -> None:
    link = invitation(walk)
    email = f"otto-{time.monotonic_ns()}@example.org"
    his = Walk.begin(browser, walk.url)
    page = his.page
    page.goto(link)
    page.get_by_label("Your name").fill("Otto")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Passphrase", exact=True).fill("summer2026summer")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_contain_text("too easy to guess", timeout=10 * SECS)
    page.get_by_label("Passphrase", exact=True).fill(HERS)
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(re.compile(r"/welcome/?$"), timeout=20 * SECS)
    his.context.clear_cookies()

    page.goto(walk.url + "/login")
    page.get_by_role("link", name="I have forgotten my passphrase").click()
    page.wait_for_url(re.compile(r"/forgot/?$"), timeout=10 * SECS)
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("status")).to_contain_text("an admin can make you one", timeout=10 * SECS)

    walk.open("/admin/people")
    walk.page.get_by_label("Who", exact=True).select_option(f"Otto ({email})")
    walk.page.get_by_role("button", name="Make a link").click()
    note = walk.page.get_by_role("status").filter(has_text="Send this link to Otto")
    expect(note).to_be_visible(timeout=10 * SECS)
    found = re.search(r"http\S+/reset\S+", note.inner_text().replace("\n", ""))
    assert found is not None

    page.goto(found.group())
    page.get_by_label("New passphrase").fill(AGAIN)
    page.get_by_role("button", name="Set the passphrase").click()
    page.wait_for_url("**/login**", timeout=20 * SECS)
    his.sign_in(email, AGAIN)
    his.open("/settings/security")
    page.get_by_label("Present passphrase").fill(AGAIN)
    page.get_by_label("New passphrase").fill(HERS)
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("status").filter(has_text="Your passphrase is changed")).to_be_visible(timeout=10 * SECS)
    assert page.locator("#password").input_value() == page.locator("#new_password").input_value() == ""
    page.goto(found.group())
    page.get_by_label("New passphrase").fill(AGAIN)
    page.get_by_role("button", name="Set the passphrase").click()
    expect(page.get_by_role("alert")).to_contain_text("was used or is too old", timeout=10 * SECS)
    assert [one for one in his.complaints if "422" not in one and "403" not in one] == []
    his.context.close()


def test_keys_are_entered_tested_masked_and_forgotten(walk: Walk) -> None:
    with mail_server() as box:
        walk.open("/settings/connections")
        card = walk.page.locator("[data-connection=smtp]")
        card.get_by_text("Connect", exact=True).click()
        values = {"Server": "127.0.0.1", "Port": str(box.port), "User name": USER, "Password": PASSWORD}
        for label, value in (values | {"Sender": "desk@example.org"}).items():
            card.get_by_label(label).fill(value)
        card.get_by_label("Encryption").select_option("none")
        card.get_by_role("button", name="Save and test").click()
        expect(card.locator(".status")).to_have_text("Connected", timeout=20 * SECS)
        expect(card.get_by_label("Password")).to_have_attribute("placeholder", "kept: …d-77")
        assert PASSWORD not in walk.page.content()
    card.get_by_role("button", name="Test", exact=True).click()
    expect(card.locator(".status")).to_have_text("Not working", timeout=20 * SECS)
    card.get_by_role("button", name="Forget the keys").click()
    expect(card.get_by_text("Not connected")).to_be_visible(timeout=10 * SECS)


def test_a_job_runs_when_an_admin_asks(walk: Walk) -> None:
    walk.open("/admin")
    table = walk.page.get_by_role("region", name="Timetable")
    row = table.locator("tbody tr").filter(has=walk.page.get_by_role("button", name="forget old runs"))
    row.get_by_role("button", name="Run now").click()
    expect(row.get_by_text("done")).to_be_visible(timeout=20 * SECS)
    expect(row).to_contain_text("runs forgotten")


def test_a_sign_in_is_in_the_audit_log_and_a_filter_finds_it(walk: Walk) -> None:
    walk.open("/admin/audit")
    log = walk.page.get_by_role("region", name="Audit log")
    walk.page.get_by_label("Action begins with").fill("session.")
    walk.page.get_by_role("button", name="Show", exact=True).click()
    expect(log.locator("tr[data-action]:not([data-action^='session.'])")).to_have_count(0, timeout=10 * SECS)
    row = log.locator("tr[data-action='session.opened']").first
    row.get_by_role("button", name="session: opened").click()
    expect(log.get_by_text("browser")).to_be_visible(timeout=10 * SECS)
    expect(log.get_by_text("127.0.0.1 (session)")).to_be_visible()
    walk.page.get_by_label("Action begins with").fill("nothing.")
    walk.page.get_by_role("button", name="Show", exact=True).click()
    expect(walk.page.get_by_text("Nothing like that")).to_be_visible(timeout=10 * SECS)
    expect(walk.page.locator("[data-standing]")).to_contain_text("events")
