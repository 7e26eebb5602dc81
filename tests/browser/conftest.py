"""One running product and one browser for the tests of this room."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.walk import Walk, chromium
from tests.ops.instance import Instance


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A fresh installation, ready and without an owner."""
    place = tmp_path_factory.mktemp("browser")
    started = Instance(place / "home", place / "run.log")
    try:
        started.wait_until_ready()
        yield started
    finally:
        started.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def owner(instance: Instance, browser: Browser) -> Walk:
    """The owner's first window, set up with the printed link."""
    walk = Walk.begin(browser, f"http://localhost:{instance.port}")
    link = re.search(r"http[^\s\"\\]*/setup\?token=[\w-]+", instance.text)
    assert link is not None, "no set-up link was printed"
    walk.set_up(link[0])
    return walk


@pytest.fixture
def walk(owner: Walk, browser: Browser) -> Iterator[Walk]:
    """Another window of the owner's, whose console must stay silent."""
    state = owner.context.storage_state()
    opened = Walk.begin(browser, owner.url, state=state)
    yield opened
    opened.context.close()
    assert opened.complaints == []
