"""A broker on loopback and an account there."""

from collections.abc import Iterator

import pytest

from tests.standins.alpaca_trading import AlpacaTrading, alpaca_trading


@pytest.fixture
def alpaca() -> Iterator[AlpacaTrading]:
    with alpaca_trading() as broker:
        yield broker
