"""An account elsewhere is linked on the screen, opens the door, and is unlinked again."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, WebSocket, expect

from tests.browser.walk import PASSPHRASE, SECS, Walk
from tests.security.product import Product
from tests.standins.oidc_provider import CLIENT_SECRET, OidcProvider

pytestmark = [pytest.mark.browser, pytest.mark.process]


@pytest.fixture
def elsewhere(product: Product) -> Iterator[OidcProvider]:
    """The provider. Whatever becomes of the test, nobody is connected with it afterwards."""
    yield product.elsewhere
    with product.database() as connection:
        connection.execute("DELETE FROM vault_secret WHERE kind = 'sign_in_oidc'")
        connection.execute("DELETE FROM oidc_identity")


def test_an_admin_connects_a_provider_and_a_person_links_signs_in_and_unlinks(
    walk: Walk, browser: Browser, elsewhere: OidcProvider
) -> None:
    frames: list[str] = []

    def listen(socket: WebSocket) -> None:
        for event in ("framesent", "framereceived"):
            socket.on(event, lambda payload: frames.append(str(payload)))

    page, provider = walk.page, elsewhere
    page.on("websocket", listen)
    provider.redirect_uri = f"{walk.url}/api/v1/auth/oidc/oidc/callback"
    walk.open("/settings/connections")
    card = page.locator("[data-connection=sign_in_oidc]")
    card.locator("summary").click()
    for label, text in (
        ("Its name on the button", "Home ID"),
        ("Issuer", provider.url),
        ("Client ID", provider.fields["client_id"]),
        ("Client secret", CLIENT_SECRET),
    ):
        card.get_by_label(label, exact=True).fill(text)
    card.get_by_role("button", name="Save and test").click()
    expect(card).to_contain_text(f"redirect address for us: {provider.redirect_uri}", timeout=15 * SECS)

    walk.open("/settings/security")
    panel = page.locator(".panel").filter(has_text="Linked sign-ins")
    expect(panel).to_contain_text("Nothing is linked")
    panel.get_by_role("button", name="Link Home ID").click()
    row = page.get_by_role("region", name="Linked sign-ins").locator("tbody tr")
    expect(row).to_contain_text("ada@elsewhere.example", timeout=20 * SECS)
    assert page.url.rstrip("/") == f"{walk.url}/settings/security"

    door = Walk.begin(browser, walk.url)
    door.page.goto(f"{walk.url}/login?next=/orders")
    door.page.get_by_role("link", name="Sign in with Home ID").click()
    door.page.wait_for_url(re.compile(r"/orders/?$"), timeout=20 * SECS)
    door.settle()
    expect(door.page.locator("h1")).to_have_text("Orders", timeout=10 * SECS)

    row.get_by_role("button", name="Unlink Home ID").click()
    expect(panel).to_contain_text("Nothing is linked", timeout=10 * SECS)
    assert door.complaints == []
    door.context.close()
    door = Walk.begin(browser, walk.url)
    door.page.goto(f"{walk.url}/login")
    door.page.get_by_role("link", name="Sign in with Home ID").click()
    expect(door.page.get_by_role("alert")).to_contain_text("Nobody here signs in with this account")
    door.page.get_by_role("link", name="Back to the sign-in").click()
    expect(door.page.get_by_label("E-mail")).to_be_visible(timeout=10 * SECS)
    door.context.close()

    walk.open("/settings/connections")
    card.get_by_role("button", name="Forget the keys").click()
    expect(card).to_contain_text("Not connected", timeout=10 * SECS)
    assert frames
    assert CLIENT_SECRET not in "".join(frames)
    assert PASSPHRASE not in "".join(frames)
