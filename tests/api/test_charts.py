"""Bars of every length, indicators, events, drawings and templates over REST."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.api.conftest import Api
from tests.market.test_rolled_bars import Store, days


@pytest.fixture
def store(database_url: str) -> Store:
    return Store(database_url)
