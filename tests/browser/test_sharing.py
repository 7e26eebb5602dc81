"""One person lets another look at their account, on the screen of both."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.walk import SECS, Walk
from tests.security.product import COOKIE, Product

pytestmark = [pytest.mark.browser, pytest.mark.process]


def test_an_account_is_shared_looked_at_and_taken_back(walk: Walk, browser: Browser, product: Product) -> None:
    viewer = product.person("trader", name="Grace Hopper")
    walk.open("/settings/accounts")
    page = walk.page
    page.get_by_label("Address they sign in with").fill(viewer.email)
    page.get_by_role("button", name="Share this account").click()
    row = page.get_by_role("region", name="People who see your accounts").locator("tbody tr")
    expect(row.filter(has_text="Grace Hopper")).to_contain_text("Looks", timeout=10 * SECS)

    hers = Walk.begin(browser, walk.url)
    hers.context.add_cookies([{"name": COOKIE, "value": viewer.token, "url": walk.url}])
    hers.open("/settings/accounts")
    shared = (
        hers.page.get_by_role("region", name="Your accounts").locator("tbody tr").filter(has_text="of Ada Lovelace")
    )
    expect(shared).to_contain_text("READ-ONLY", timeout=10 * SECS)
    shared.get_by_role("button", name="Show").click()
    expect(hers.page.get_by_role("button", name="Leave this account")).to_be_visible(timeout=10 * SECS)
    hers.open("/trade/AAPL")
    expect(hers.page.get_by_role("region", name="Order ticket")).to_contain_text(
        "Ada Lovelace lets you look at it", timeout=10 * SECS
    )

    row.filter(has_text="Grace Hopper").get_by_role("button", name="End").click()
    expect(page.get_by_text("Nobody else sees an account of yours.")).to_be_visible(timeout=10 * SECS)
    hers.open("/settings/accounts")
    expect(hers.page.get_by_text("of Ada Lovelace")).to_have_count(0, timeout=10 * SECS)
    assert hers.complaints == []
    hers.context.close()
