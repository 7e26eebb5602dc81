"""What is proposed is decided on the screen: by another role, by oneself with a fresh proof, in time, or not at all."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.walk import EMAIL, PASSPHRASE, SECS, Walk
from tests.security.product import COOKIE, Product

pytestmark = [pytest.mark.browser, pytest.mark.process]


@pytest.fixture
def analyst(walk: Walk, browser: Browser, product: Product) -> Iterator[Walk]:
    """Somebody whom the owner lets look at the account, and no more."""
    grace = product.person("analyst", name="Grace Hopper")
    walk.open("/settings/accounts")
    page = walk.page
    page.get_by_label("Address they sign in with").fill(grace.email)
    page.get_by_role("button", name="Share this account").click()
    row = page.get_by_role("region", name="People who see your accounts").locator("tbody tr")
    row = row.filter(has_text=grace.email)
    expect(row).to_contain_text("Looks", timeout=10 * SECS)
    hers = Walk.begin(browser, walk.url)
    hers.context.add_cookies([{"name": COOKIE, "value": grace.token, "url": walk.url}])
    hers.open("/settings/accounts")
    shared = hers.page.get_by_role("region", name="Your accounts").locator("tbody tr")
    shared.filter(has_text="of Ada Lovelace").get_by_role("button", name="Show").click()
    expect(hers.page.get_by_role("button", name="Leave this account")).to_be_visible(timeout=10 * SECS)
    yield hers
    assert hers.complaints == []
    hers.context.close()
    walk.open("/settings/accounts")
    row.get_by_role("button", name="End").click()
    expect(row).to_have_count(0, timeout=10 * SECS)


def propose(walk: Walk, qty: str, why: str) -> Locator:
    """Put a purchase of AAPL before whoever decides; its card."""
    page = walk.page
    walk.open("/approvals")
    page.locator("#approval-symbol").fill("AAPL")
    page.locator("#approval-qty").fill(qty)
    page.locator("#approval-limit").fill("1.00")
    page.locator("#approval-thesis").fill(why)
    page.locator("#approval-invalidation").fill("It does not.")
    page.get_by_role("button", name="Propose").click()
    card = card_of(page, why)
    expect(card).to_be_visible(timeout=10 * SECS)
    return card


def asked(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Confirm it is you")


def prove(walk: Walk, owner: Walk, why: str) -> None:
    """Answer the dialog, and the order follows. The cookie changes, also for the owner's first window."""
    dialog = asked(walk.page)
    dialog.get_by_label("Your passphrase").fill(PASSPHRASE)
    dialog.get_by_role("button", name="Confirm").click()
    expect(dialog).to_have_count(0, timeout=10 * SECS)
    owner.context.add_cookies(walk.context.cookies())  # type: ignore[arg-type]
    expect(card_of(walk.page, why)).to_have_count(0, timeout=10 * SECS)
    expect(decided(walk.page, why)).to_contain_text("ordered")
    # The socket was opened anew for it, which reads the page again: what was said stays.
    note = walk.page.locator(".note.good").filter(has_text="order taken")
    expect(note).to_be_visible(timeout=10 * SECS)
    walk.settle()
    expect(note).to_be_visible()


def card_of(page: Page, why: str) -> Locator:
    return page.locator("article.approval").filter(has_text=why)


def decided(page: Page, why: str) -> Locator:
    return page.get_by_role("region", name="Decided proposals").locator("tbody tr").filter(has_text=why)


def change(product: Product, why: str, assignments: str) -> None:
    """As if time had passed, or the price had moved, since it was proposed."""
    with product.database() as connection:
        done = connection.execute(f"UPDATE approval SET {assignments} WHERE thesis = %s", (why,))  # type: ignore[arg-type]
    assert done.rowcount == 1


def orders_of(product: Product, qty: str) -> int:
    with product.database() as connection:
        row = connection.execute(
            "SELECT count(*) FROM trade_order o JOIN app_user u ON u.id = o.placed_by"
            " WHERE u.email = %s AND o.qty = %s AND o.limit_price = 1",
            (EMAIL, qty),
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_what_an_analyst_proposes_is_confirmed_by_the_owner_with_a_fresh_proof(
    walk: Walk, owner: Walk, analyst: Walk, product: Product
) -> None:
    page, why = walk.page, "An analyst says so"
    card = propose(analyst, "3", why)
    expect(card.get_by_role("button", name="Withdraw")).to_be_visible()
    expect(card.get_by_role("button", name="Confirm")).to_have_count(0)
    walk.open("/approvals")
    mine = card_of(page, why)
    expect(mine).to_contain_text("Grace Hopper")
    assert violations(page, "dark") == []
    product.prove(EMAIL, minutes_ago=6)
    mine.get_by_role("button", name="Confirm: Buy 3 AAPL at 1.00").click()
    expect(asked(page)).to_be_visible(timeout=10 * SECS)
    assert orders_of(product, "3") == 0
    prove(walk, owner, why)
    assert orders_of(product, "3") == 1
    expect(decided(analyst.page, why)).to_be_visible(timeout=10 * SECS)  # she is told without asking


def test_ones_own_is_confirmed_by_a_fresh_proof_and_not_without(walk: Walk, owner: Walk, product: Product) -> None:
    page = walk.page
    card = propose(walk, "4", "My own idea")
    product.prove(EMAIL, minutes_ago=6)
    card.get_by_role("button", name="Confirm: Buy 4 AAPL").click()
    expect(asked(page)).to_be_visible(timeout=10 * SECS)
    page.keyboard.press("Escape")
    expect(asked(page)).to_have_count(0)
    assert orders_of(product, "4") == 0
    card.get_by_role("button", name="Withdraw").click()
    expect(card).to_have_count(0, timeout=10 * SECS)
    expect(decided(page, "My own idea")).to_contain_text("withdrawn")
    second = propose(walk, "4", "My own idea again")
    product.prove(EMAIL, minutes_ago=6)
    second.get_by_role("button", name="Confirm: Buy 4 AAPL").click()
    prove(walk, owner, "My own idea again")
    assert orders_of(product, "4") == 1


def test_a_price_that_moved_and_a_time_that_ran_out_order_nothing(walk: Walk, product: Product) -> None:
    page = walk.page
    card = propose(walk, "5", "The price is right")
    change(product, "The price is right", "reference_price = reference_price * 1.05")
    product.prove(EMAIL)
    card.get_by_role("button", name="Confirm: Buy 5 AAPL").click()
    said = page.locator(".note.bad").filter(has_text="is more than the 1 % this account allows")
    expect(said).to_be_visible(timeout=10 * SECS)
    change(product, "The price is right", "reference_price = reference_price / 1.05, expires_at = now()")
    card.get_by_role("button", name="Confirm: Buy 5 AAPL").click()
    expect(page.locator(".note.bad").filter(has_text="has expired")).to_be_visible(timeout=10 * SECS)
    expect(card).to_have_count(0)
    expect(decided(page, "The price is right")).to_contain_text("expired")
    # Confirmed, and not ordered within its two minutes: it has expired as well, and is not offered again.
    late = propose(walk, "5", "Too late")
    change(
        product,
        "Too late",
        "decision = 'confirmed', decided_by = proposed_by, decided_at = now() - interval '121 seconds',"
        " valid_until = now() - interval '1 second', created_at = created_at - interval '5 minutes'",
    )
    late.get_by_role("button", name="Confirm: Buy 5 AAPL").click()
    expect(page.locator(".note.bad").filter(has_text="has expired")).to_be_visible(timeout=10 * SECS)
    expect(decided(page, "Too late")).to_contain_text("expired")
    assert orders_of(product, "5") == 0
