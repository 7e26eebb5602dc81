"""One source after the other, each named on what it gave; and doubt about a price that jumped."""

import asyncio
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
from starkmatter.market.providers.alphavantage import AlphaVantageProvider
from starkmatter.market.providers.yahoo import YahooProvider
from starkmatter.settings import load_settings
from tests.builders import quote
from tests.standins.alpaca_data import KEY_ID, SECRET, AlpacaData, alpaca_data
from tests.standins.alphavantage import KEY as ALPHAVANTAGE_KEY
from tests.standins.alphavantage import alphavantage
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


async def test_a_slow_source_is_left_alone_until_it_has_answered(
    vendors: tuple[Failover, AlpacaData, Yahoo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starkmatter.market.failover.HEDGE_SECS", 0.1)
    failover, alpaca, _ = vendors
    await failover.quotes(["AAPL", "^GSPC"])
    alpaca.fault, alpaca.hang_secs = "hang", 0.6
    assert (await failover.quotes(["AAPL"]))["AAPL"].provider == "yahoo"
    assert failover.health.note == "Alpaca market data does not answer; Yahoo Finance stands in"
    asked = len(alpaca.asked)
    assert (await failover.quotes(["AAPL"]))["AAPL"].provider == "yahoo"
    assert len(alpaca.asked) == asked
    alpaca.fault = None
    async with asyncio.timeout(10):
        while (await failover.quotes(["AAPL"]))["AAPL"].provider != "alpaca":
            await asyncio.sleep(0.05)
    assert failover.health.note == ""


async def test_a_source_that_refuses_is_left_in_peace_for_a_while(
    vendors: tuple[Failover, AlpacaData, Yahoo],
) -> None:
    failover, alpaca, yahoo = vendors
    alpaca.fault = 403
    for _ in range(3):
        assert (await failover.quotes(["AAPL"]))["AAPL"].provider == "yahoo"
    assert len(alpaca.asked) == 1
    assert failover.health.note == "Alpaca market data refuses the key or the plan; Yahoo Finance stands in"
    alpaca.fault, failover._rests["alpaca"] = None, 0.0
    assert (await failover.quotes(["AAPL"]))["AAPL"].provider == "alpaca"
    alpaca.fault = yahoo.fault = 403
    for _ in range(2):
        with pytest.raises(NoSource):
            await failover.quotes(["AAPL"])


async def test_what_a_source_did_not_know_it_is_not_asked_again_at_once(
    vendors: tuple[Failover, AlpacaData, Yahoo],
) -> None:
    failover, alpaca, yahoo = vendors
    assert set(await failover.quotes(["AAPL", "NOPE"])) == {"AAPL"}
    asked = len(yahoo.asked), len(alpaca.asked)
    assert set(await failover.quotes(["AAPL", "NOPE"])) == {"AAPL"}
    assert (len(yahoo.asked), len(alpaca.asked)) == (asked[0], asked[1] + 1)
    failover._unknown = dict.fromkeys(failover._unknown, 0.0)
    await failover.quotes(["AAPL", "NOPE"])
    assert len(yahoo.asked) > asked[0]


async def test_what_the_border_refuses_comes_from_the_next_source_and_is_counted(
    vendors: tuple[Failover, AlpacaData, Yahoo],
) -> None:
    failover, alpaca, yahoo = vendors
    alpaca.prices["AAPL"] = 1e12
    found = await failover.quotes(["AAPL", "MSFT"])
    assert {symbol: one.provider for symbol, one in found.items()} == {"AAPL": "yahoo", "MSFT": "alpaca"}
    [refused] = failover.health.take_refusals()
    assert (refused.provider, refused.symbol, refused.what, refused.times) == ("alpaca", "AAPL", "quote", 1)
    assert failover.health.of("alpaca").refused == 1
    yahoo.prices["AAPL"] = -1.0
    assert set(await failover.quotes(["AAPL", "MSFT"])) == {"MSFT"}


async def test_an_answer_that_cannot_be_read_is_counted_with_its_beginning(
    vendors: tuple[Failover, AlpacaData, Yahoo],
) -> None:
    failover, _, yahoo = vendors
    yahoo.fault = "wrong"
    assert set(await failover.quotes(["AAPL", "^GSPC"])) == {"AAPL"}
    [refused] = failover.health.take_refusals()
    assert (refused.provider, refused.what) == ("yahoo", "answer")
    assert "surprise" in refused.excerpt
    assert failover.health.of("yahoo").failure == "garbage"


async def test_bars_that_cannot_be_are_left_out_and_counted(vendors: tuple[Failover, AlpacaData, Yahoo]) -> None:
    failover, alpaca, _ = vendors
    alpaca.prices["AAPL"] = 0.5  # its low is then below zero
    bars = await failover.bars("AAPL", "1d", NOW - timedelta(days=60), NOW)
    assert {bar.provider for bar in bars} == {"yahoo"}
    assert failover.health.of("alpaca").refused > 10
    assert {one.reason for one in failover.health.take_refusals()} == {"low … is not a price"}


async def test_a_plan_too_small_for_what_is_wanted_is_asked_last(
    vendors: tuple[Failover, AlpacaData, Yahoo], tmp_path: Path
) -> None:
    _, _, yahoo = vendors
    with alphavantage() as there:
        settings = load_settings(
            {"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": there.urls | yahoo.urls}
        )
        small = AlphaVantageProvider(settings, {"api_key": ALPHAVANTAGE_KEY})
        failover = Failover([small, YahooProvider(settings, tries=1)])
        assert [one.capability.adapter for one in failover.for_quotes(1)] == ["yahoo", "alphavantage"]
        assert (await failover.quotes(["AAPL"]))["AAPL"].provider == "yahoo"
        yahoo.fault = 500
        assert (await failover.quotes(["AAPL"]))["AAPL"].provider == "alphavantage"
        large = AlphaVantageProvider(settings, {"api_key": ALPHAVANTAGE_KEY, "per_min": "600", "per_day": "0"})
        assert Failover([large, YahooProvider(settings)]).for_quotes(10)[0] is large


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
