"""What every source of market data must do, held to its SDK against a stand-in that speaks the vendor's wire format."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from starkmatter.domain.quotes import Interval
from starkmatter.egress.failures import FailureKind, VendorFailure
from starkmatter.market.border import refusal_of
from starkmatter.market.ports import MarketDataProvider, Quotes
from starkmatter.market.providers.alpaca import AlpacaProvider
from starkmatter.market.providers.yahoo import YahooProvider
from starkmatter.settings import load_settings
from tests.standins.alpaca_data import KEY_ID, SECRET, alpaca_data
from tests.standins.yahoo import yahoo_finance

READ_SECS = 0.5


@dataclass
class Vendor:
    """One adapter, a way to make it anew, and the stand-in behind it."""

    there: Any
    make: Callable[[], MarketDataProvider]
    provider: MarketDataProvider


def _yahoo(stack: ExitStack, home: Path) -> Vendor:
    there = stack.enter_context(yahoo_finance())
    settings = load_settings({"STARKMATTER_HOME": str(home), "STARKMATTER_VENDOR_URLS": {"yahoo": there.url}})

    def make() -> MarketDataProvider:
        return YahooProvider(settings, tries=1, read_secs=READ_SECS)

    return Vendor(there, make, make())


def _alpaca(stack: ExitStack, home: Path) -> Vendor:
    there = stack.enter_context(alpaca_data())
    settings = load_settings({"STARKMATTER_HOME": str(home), "STARKMATTER_VENDOR_URLS": there.urls})
    keys = {"key_id": KEY_ID, "secret": SECRET, "feed": "iex"}

    def make() -> MarketDataProvider:
        return AlpacaProvider(settings, keys, tries=1, read_secs=READ_SECS, mute_secs=0.5)

    return Vendor(there, make, make())


@pytest.fixture(params=[_yahoo, _alpaca], ids=["yahoo", "alpaca"])
def vendor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vendor]:
    """A new adapter is added by one more parameter."""
    with ExitStack() as stack:
        yield request.param(stack, tmp_path)


def _ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


async def test_quotes_come_in_one_request_exact_and_fit_to_enter(vendor: Vendor) -> None:
    vendor.there.asked.clear()
    found = await vendor.provider.quotes(["AAPL", "MSFT", "BRK.B"])
    assert set(found) == {"AAPL", "MSFT", "BRK.B"}
    quote = found["AAPL"]
    assert quote.last == Decimal(str(vendor.there.prices["AAPL"]))
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < quote.last < quote.ask
    assert quote.provider == vendor.provider.capability.adapter
    assert quote.prev_close is not None
    assert quote.volume is not None
    assert all(refusal_of(one, venue_now=datetime.now(UTC), asked=symbol) is None for symbol, one in found.items())
    assert len([path for path in vendor.there.asked if "quote" in path or "snapshots" in path]) == 1


async def test_an_unknown_symbol_is_absent_and_spoils_nothing(vendor: Vendor) -> None:
    found = await vendor.provider.quotes(["NOPE", "AAPL", "^NOPE"])
    assert set(found) == {"AAPL"}
    assert await vendor.provider.bars("NOPE", "1d", _ago(30), _ago(0)) == []


async def test_nothing_found_is_an_answer(vendor: Vendor) -> None:
    vendor.there.fault = "empty"
    assert await vendor.provider.quotes(["AAPL"]) == {}
    assert await vendor.provider.bars("AAPL", "1d", _ago(30), _ago(0)) == []


async def test_a_late_quote_keeps_the_time_at_which_it_was_seen(vendor: Vendor) -> None:
    vendor.there.late_secs = 900
    quote = (await vendor.provider.quotes(["AAPL"]))["AAPL"]
    assert 890 < (quote.received_at - quote.observed_at).total_seconds() < 910


@pytest.mark.parametrize("interval", ["1d", "5m", "1h"])
async def test_bars_are_ordered_within_what_was_asked_and_exact_to_the_cent(vendor: Vendor, interval: Interval) -> None:
    start, end = _ago(60), _ago(0)
    bars = await vendor.provider.bars("AAPL", interval, start, end)
    assert len(bars) > 5
    assert [bar.starts_at for bar in bars] == sorted({bar.starts_at for bar in bars})
    assert all(start <= bar.starts_at < end and bar.interval == interval for bar in bars)
    assert all(bar.low <= bar.open <= bar.high and bar.low <= bar.close <= bar.high for bar in bars)
    assert all(bar.close == round(bar.close, 2) for bar in bars)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (429, "rate_limited"),
        (500, "broken"),
        (503, "broken"),
        ("garbage", "garbage"),
        ("wrong", "garbage"),
        ("hang", "unreachable"),
        ("drop", "unreachable"),
    ],
)
async def test_a_failure_is_a_failure_and_never_an_empty_answer(
    vendor: Vendor, fault: int | str, kind: FailureKind
) -> None:
    vendor.there.fault = fault
    asks = {
        "quotes": lambda one: one.quotes(["AAPL"]),
        "bars": lambda one: one.bars("AAPL", "1d", _ago(30), _ago(0)),
        "search": lambda one: one.search("apple"),
    }
    for name, ask in asks.items():
        if name not in vendor.provider.capability.gives:
            continue
        with pytest.raises(VendorFailure) as caught:
            await ask(vendor.make())
        assert caught.value.kind == kind, name
        assert SECRET not in caught.value.text
        assert "127.0.0.1" not in caught.value.text


async def test_a_limit_is_obeyed_without_asking_again(vendor: Vendor) -> None:
    vendor.there.fault = 429
    with pytest.raises(VendorFailure):
        await vendor.provider.quotes(["AAPL"])
    asked = len(vendor.there.asked)
    vendor.there.fault = None
    with pytest.raises(VendorFailure) as caught:
        await vendor.provider.quotes(["AAPL"])
    assert caught.value.kind == "rate_limited"
    assert len(vendor.there.asked) == asked


async def test_search_finds_what_can_be_traded_in_dollars(vendor: Vendor) -> None:
    if "search" not in vendor.provider.capability.gives:
        pytest.skip("this vendor has no search")
    found = await vendor.provider.search("v")
    assert {"NVDA"} <= {one.symbol for one in found}
    assert not any(one.symbol.startswith("VOD") for one in found)
    assert [(one.symbol, one.kind) for one in await vendor.provider.search("berkshire")] == [("BRK.B", "equity")]
    assert await vendor.provider.search("zzzz") == []


async def _streamed(vendor: Vendor, got: list[Quotes], first: asyncio.Event) -> None:
    async def on_quotes(quotes: Quotes) -> None:
        got.append(quotes)
        first.set()

    await vendor.provider.stream(["AAPL", "MSFT", "^GSPC"], on_quotes)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_stream_begins_with_what_is_known_and_tells_of_every_change(vendor: Vendor) -> None:
    if "stream" not in vendor.provider.capability.gives:
        pytest.skip("this vendor has no stream")
    got: list[Quotes] = []
    first = asyncio.Event()
    running = asyncio.create_task(_streamed(vendor, got, first))
    await asyncio.wait_for(first.wait(), 10)
    assert set(got[0]) == {"AAPL", "MSFT"}
    await _until(lambda: vendor.there.subscribed != [] and bool(vendor.there._sockets))
    volume = got[0]["AAPL"].volume
    assert volume is not None
    vendor.there.trade("AAPL", 191.5, size=40)
    vendor.there.quote("AAPL", 191.48, 191.53)
    await _until(lambda: any(one.get("AAPL") and one["AAPL"].ask == Decimal("191.53") for one in got))
    quote = got[-1]["AAPL"]
    assert (quote.last, quote.bid, quote.volume) == (Decimal("191.5"), Decimal("191.48"), volume + 40)
    vendor.there.drop_stream()
    with pytest.raises(VendorFailure) as caught:
        await running
    assert caught.value.kind == "unreachable"


async def test_what_happens_while_a_stream_is_connecting_is_known_at_its_beginning(vendor: Vendor) -> None:
    if "stream" not in vendor.provider.capability.gives:
        pytest.skip("this vendor has no stream")
    vendor.there.on_subscribe = lambda: vendor.there.prices.update(AAPL=193.25)
    got: list[Quotes] = []
    first = asyncio.Event()
    running = asyncio.create_task(_streamed(vendor, got, first))
    await asyncio.wait_for(first.wait(), 10)
    assert got[0]["AAPL"].last == Decimal("193.25")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("406", "refused"), ("405", "refused"), ("mute", "unreachable"), ("drop", "unreachable"), ("garbage", "garbage")],
)
async def test_a_stream_that_fails_says_how(vendor: Vendor, fault: str, kind: FailureKind) -> None:
    if "stream" not in vendor.provider.capability.gives:
        pytest.skip("this vendor has no stream")
    vendor.there.stream_fault = fault
    with pytest.raises(VendorFailure) as caught:
        await asyncio.wait_for(_streamed(vendor, [], asyncio.Event()), 10)
    assert caught.value.kind == kind
    assert SECRET not in caught.value.text


async def test_a_wrong_key_is_refused_in_words(tmp_path: Path) -> None:
    with alpaca_data() as there:
        settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": there.urls})
        provider = AlpacaProvider(settings, {"key_id": "PKWRONG", "secret": "wrong", "feed": "iex"}, tries=1)
        with pytest.raises(VendorFailure) as caught:
            await provider.quotes(["AAPL"])
        assert caught.value.kind == "refused"
