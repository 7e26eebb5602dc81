"""One running product and one browser for the tests of this room."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.walk import EMAIL, Walk, chromium
from tests.ops.instance import Instance
from tests.security.product import Product, product_of


@pytest.fixture(scope="session")
def product(request: pytest.FixtureRequest) -> Product:
    """The product of this run, shared with the security tests."""
    return product_of(request.config)


@pytest.fixture(scope="session")
def instance(product: Product) -> Instance:
    return product.instance


@pytest.fixture(scope="package")
def started_browser() -> Iterator[Browser]:
    """Closed with the last test of this room: while it is open, no asynchronous test can run in this process."""
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def browser(started_browser: Browser) -> Iterator[Browser]:
    """For a module, which finds it without windows: one that is left open goes on drawing prices."""
    yield started_browser
    for context in started_browser.contexts:
        context.close()


@pytest.fixture(scope="module")
def owner(product: Product, browser: Browser) -> Walk:
    """The owner's first window: set up with the printed link, or signed in when that was done before."""
    walk = Walk.begin(browser, f"http://localhost:{product.instance.port}")
    if product.knows(EMAIL):
        walk.sign_in()
    else:
        walk.set_up(product.setup_link())
    walk.rest()
    return walk


@pytest.fixture
def walk(owner: Walk, browser: Browser, product: Product) -> Iterator[Walk]:
    """Another window of the owner's, who has just proven who they are: its console stays silent, and every answer is a
    good one.
    """
    product.prove(EMAIL)
    state = owner.context.storage_state()
    opened = Walk.begin(browser, owner.url, state=state)
    yield opened
    opened.context.close()
    assert opened.complaints == []
