"""One source after the other, each named on what it gave; and doubt about a price that jumped."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from starkmatter.market.doubt import HOLDS_AFTER, Doubt
from starkmatter.market.failover import Failover, NoSource
from starkmatter.market.providers.alpaca import AlpacaProvider
from starkmatter.market.providers.yahoo import YahooProvider
from starkmatter.settings import load_settings
from tests.builders import quote
from tests.standins.alpaca_data import KEY_ID, SECRET, AlpacaData, alpaca_data
from tests.standins.yahoo import Yahoo, yahoo_finance

NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)


@pytest.fixture
def vendors(tmp_path: Path) -> Iterator[tuple[Failover, AlpacaData, Yahoo]]:
    with ExitStack() as stack:
        alpaca, yahoo = stack.enter_context(alpaca_data()), stack.enter_context(yahoo_finance())
        urls = {**alpaca.urls, **yahoo.urls}
        settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": urls})
        keys = {"key_id": KEY_ID, "secret": SECRET, "feed": "iex"}
        first = AlpacaProvider(settings, keys, tries=1, read_secs=1.0)
        yield Failover([first, YahooProvider(settings, tries=1, read_secs=1.0)]), alpaca, yahoo


async def test_the_next_source_answers_while_the_first_is_gone_and_is_named(
    vendors: tuple[Failover, AlpacaData, Yahoo],
) -> None:
    failover, alpaca, _ = vendors
    assert (await failover.quotes(["AAPL"]))["AAPL"].provider == "alpaca"
    alpaca.fault = "drop"
    found = (await failover.quotes(["AAPL"]))["AAPL"]
    assert (found.provider, found.last) == ("yahoo", Decimal("190.12"))
    assert {bar.provider for bar in await failover.bars("AAPL", "1d", NOW - timedelta(days=60), NOW)} == {"yahoo"}
    alpaca.fault = None
    assert (await failover.quotes(["AAPL"]))["AAPL"].provider == "alpaca"


async def test_what_the_first_source_does_not_know_comes_from_the_next(
    vendors: tuple[Failover, AlpacaData, Yahoo],
) -> None:
    failover, _, yahoo = vendors
    found = await failover.quotes(["AAPL", "^GSPC"])
    assert {symbol: one.provider for symbol, one in found.items()} == {"AAPL": "alpaca", "^GSPC": "yahoo"}
    assert await failover.quotes(["NOPE"]) == {}
    yahoo.fault = 500
    assert set(await failover.quotes(["AAPL", "^GSPC"])) == {"AAPL"}


async def test_without_any_answer_each_source_is_named(vendors: tuple[Failover, AlpacaData, Yahoo]) -> None:
    failover, alpaca, yahoo = vendors
    alpaca.fault = yahoo.fault = 503
    with pytest.raises(NoSource) as caught:
        await failover.quotes(["AAPL"])
    assert "Alpaca" in caught.value.text
    assert "Yahoo" in caught.value.text


def _at(last: str) -> dict:
    return {"AAPL": replace(quote("AAPL 100.00/100.05"), last=Decimal(last))}


def test_a_jump_stays_in_doubt_until_it_comes_back() -> None:
    doubt = Doubt()
    doubt.believe(_at("100"))
    for _ in range(3):
        assert doubt.judged(_at("130"), {}, NOW)["AAPL"].condition == "suspect"
    assert doubt.judged(_at("101"), {}, NOW)["AAPL"].condition == "normal"


def test_a_jump_is_believed_when_another_source_sees_it_or_it_holds() -> None:
    doubt = Doubt()
    doubt.believe(_at("100"))
    assert doubt.doubtful(_at("130")) == ["AAPL"]
    assert doubt.judged(_at("130"), _at("100"), NOW)["AAPL"].condition == "suspect"
    assert doubt.judged(_at("130"), _at("131"), NOW)["AAPL"].condition == "normal"
    assert doubt.judged(_at("90"), {}, NOW)["AAPL"].condition == "suspect"
    assert doubt.judged(_at("91"), {}, NOW + HOLDS_AFTER)["AAPL"].condition == "normal"
    assert doubt.doubtful(_at("92")) == []
