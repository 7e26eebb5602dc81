"""Workers of these tests find a home that was lived in: what a first start does is tested elsewhere, and takes long."""

from collections.abc import Iterator

import pytest

from tests.engines import TestEngines, fresh_database


@pytest.fixture
def database_url(engines: TestEngines, replay_template: str) -> Iterator[str]:
    """A fresh database with a prepared replay market, as the product's role."""
    with fresh_database(engines, replay_template) as url:
        yield url
