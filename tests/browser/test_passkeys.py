"""A passkey is added, proves who it is and signs in; what was asked for goes on after the proof, in every tab."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.walk import EMAIL, PASSPHRASE, PHONE, SECS, Walk
from tests.security.product import COOKIE, Product

pytestmark = [pytest.mark.browser, pytest.mark.process]

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def grace(owner: Walk, browser: Browser, product: Product) -> Iterator[Walk]:
    """Another admin, with the owner's passphrase and a device that can keep passkeys."""
    email = product.person("admin", "Grace").email
    with product.database() as connection:
        connection.execute(
            "UPDATE app_user SET passphrase_hash = (SELECT passphrase_hash FROM app_user WHERE email = %s)"
            " WHERE email = %s",
            (EMAIL, email),
        )
    walk = Walk.begin(browser, owner.url)
    device = walk.context.new_cdp_session(walk.page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    walk.email = email  # type: ignore[attr-defined]
    walk.sign_in(email, PASSPHRASE)
    yield walk
    walk.context.close()


def grow_stale(walk: Walk, product: Product) -> None:
    product.prove(walk.email, minutes_ago=6)  # type: ignore[attr-defined]


def token_of(walk: Walk) -> str:
    return next(one["value"] for one in walk.context.cookies() if one["name"] == COOKIE)


def prove(page: Page, passphrase: str = PASSPHRASE) -> None:
    dialog = page.get_by_role("dialog", name="Confirm it is you")
    expect(dialog).to_be_visible(timeout=10 * SECS)
    expect(page.get_by_label("Your passphrase")).to_be_focused()
    page.get_by_label("Your passphrase").fill(passphrase)
    page.keyboard.press("Enter")


def test_a_passkey_is_added_proves_who_it_is_and_signs_in(grace: Walk, product: Product) -> None:
    page = grace.page
    grace.open("/settings/security")
    another = grace.context.new_page()
    another.goto(grace.url + "/settings")
    expect(another.get_by_label("Your name")).to_have_value("Grace", timeout=10 * SECS)
    page.bring_to_front()  # a browser asks for a passkey in the tab that is seen
    grow_stale(grace, product)
    before = token_of(grace)

    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_label("Name of this passkey").fill("Test device")
    page.get_by_role("button", name="Go on").click()
    prove(page, "not the passphrase")
    expect(page.get_by_role("alert")).to_have_text("The passphrase is not right.", timeout=10 * SECS)
    page.get_by_label("Your passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status").filter(has_text="Added.")).to_be_visible(timeout=10 * SECS)
    expect(page.get_by_role("list", name="Passkeys")).to_contain_text("Test device")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert token_of(grace) != before

    another.get_by_label("Your name").fill("Grace Hopper")  # the other tab has the new cookie as well
    another.get_by_role("button", name="Save").click()
    expect(another.get_by_text("Saved.")).to_be_visible(timeout=10 * SECS)
    another.close()

    other = product.person("trader", "Mallory")
    page.goto(grace.url + "/admin/people")
    row = page.get_by_role("region", name="People").locator("tbody tr").filter(has_text=other.email)
    grow_stale(grace, product)
    keep_out = row.get_by_role("button", name="Keep out")
    keep_out.click()
    dialog = page.get_by_role("dialog", name="Confirm it is you")
    expect(dialog.get_by_role("button", name="Use a passkey")).to_be_visible(timeout=10 * SECS)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(keep_out).to_be_focused()
    expect(row.get_by_text("kept out")).to_have_count(0)
    keep_out.click()
    dialog.get_by_role("button", name="Use a passkey").click()
    expect(row.get_by_text("kept out")).to_be_visible(timeout=10 * SECS)
    expect(dialog).to_have_count(0)

    page.set_viewport_size(PHONE)
    grace.context.clear_cookies()
    page.goto(grace.url + "/login")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(re.compile(r"/admin/people/?$"), timeout=20 * SECS)
    page.goto(grace.url + "/settings/security")
    page.get_by_role("button", name="Remove Test device").click()
    expect(page.get_by_text("This is all that stands beside your passphrase")).to_be_visible()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("status").filter(has_text="Removed.")).to_be_visible(timeout=10 * SECS)
    # Without its cookie the page that was still open lost its stream.
    expected = ("403", "api/v1/stream' failed: HTTP Authentication failed")
    assert [one for one in grace.complaints if not any(words in one for words in expected)] == []


@pytest.mark.nightly
def test_under_a_bare_number_it_is_said_where_passkeys_work(grace: Walk) -> None:
    right, grace.url = grace.url, grace.url.replace("localhost", "127.0.0.1")
    grace.page.goto(grace.url + "/login")
    expect(grace.page.get_by_role("button", name="Sign in", exact=True)).to_be_visible(timeout=10 * SECS)
    expect(grace.page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
    grace.sign_in(grace.email, PASSPHRASE)  # type: ignore[attr-defined]
    grace.open("/settings/security")
    expect(grace.page.get_by_text("Passkeys belong to one address.")).to_be_visible(timeout=10 * SECS)
    expect(grace.page.get_by_role("link", name=right, exact=True)).to_be_visible()
    expect(grace.page.get_by_role("button", name="Add a passkey")).to_have_count(0)
