"""What every source of market data must do, held to its SDK against a stand-in that speaks the vendor's wire format."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from starkmatter.domain.quotes import Interval
from starkmatter.domain.sessions import EXCHANGE_ZONE, Session, exchange_day
from starkmatter.egress.failures import FailureKind, VendorFailure
from starkmatter.egress.plan import Plan
from starkmatter.market.border import refusal_of
from starkmatter.market.ports import MarketDataProvider, Quotes
from starkmatter.market.providers.alpaca import AlpacaProvider
from starkmatter.market.providers.alphavantage import AlphaVantageProvider
from starkmatter.market.providers.finnhub import FinnhubProvider
from starkmatter.market.providers.massive import MassiveProvider
from starkmatter.market.providers.replay import ReplayHistory, build_day
from starkmatter.market.providers.twelvedata import TwelveDataProvider
from starkmatter.market.providers.yahoo import YahooProvider
from starkmatter.settings import load_settings
from tests.standins.alpaca_data import KEY_ID, SECRET, alpaca_data
from tests.standins.alphavantage import KEY as ALPHAVANTAGE_KEY
from tests.standins.alphavantage import alphavantage
from tests.standins.finnhub import KEY as FINNHUB_KEY
from tests.standins.finnhub import finnhub
from tests.standins.massive import KEY as MASSIVE_KEY
from tests.standins.massive import massive
from tests.standins.twelvedata import KEY as TWELVEDATA_KEY
from tests.standins.twelvedata import twelvedata
from tests.standins.yahoo import yahoo_finance

# A busy machine answers late: only who waits for silence is impatient.
PATIENT_SECS, IMPATIENT_SECS = 8.0, 0.5


@dataclass
class Vendor:
    """One adapter, a way to make it anew (with how many seconds it waits), and the stand-in behind it."""

    there: Any
    make: Callable[[float], MarketDataProvider]
    provider: MarketDataProvider


WIDE = Plan(per_min=60_000)


def _yahoo(stack: ExitStack, home: Path) -> Vendor:
    there = stack.enter_context(yahoo_finance())
    settings = load_settings({"STARKMATTER_HOME": str(home), "STARKMATTER_VENDOR_URLS": there.urls})

    def make(secs: float) -> MarketDataProvider:
        return YahooProvider(settings, tries=1, read_secs=secs, mute_secs=secs, plan=WIDE)

    return Vendor(there, make, make(PATIENT_SECS))


def _with_keys(adapter: Any, standin: Any, keys: dict[str, str]) -> Callable[[ExitStack, Path], Vendor]:
    def start(stack: ExitStack, home: Path) -> Vendor:
        there = stack.enter_context(standin())
        settings = load_settings({"STARKMATTER_HOME": str(home), "STARKMATTER_VENDOR_URLS": there.urls})

        def make(secs: float) -> MarketDataProvider:
            provider: MarketDataProvider = adapter(
                settings, keys, tries=1, read_secs=secs, plan=WIDE, **({"mute_secs": secs} if streams else {})
            )
            return provider

        return Vendor(there, make, make(PATIENT_SECS))

    streams = "stream" in adapter.capability.gives
    return start


ALPACA_KEYS = {"key_id": KEY_ID, "secret": SECRET, "feed": "iex"}
VENDORS = {
    "yahoo": _yahoo,
    "alpaca": _with_keys(AlpacaProvider, alpaca_data, ALPACA_KEYS),
    "massive": _with_keys(MassiveProvider, massive, {"api_key": MASSIVE_KEY}),
    "twelvedata": _with_keys(TwelveDataProvider, twelvedata, {"api_key": TWELVEDATA_KEY}),
    "alphavantage": _with_keys(AlphaVantageProvider, alphavantage, {"api_key": ALPHAVANTAGE_KEY}),
    "finnhub": _with_keys(FinnhubProvider, finnhub, {"api_key": FINNHUB_KEY}),
}
SECRETS = (KEY_ID, SECRET, MASSIVE_KEY, TWELVEDATA_KEY, ALPHAVANTAGE_KEY, FINNHUB_KEY)
# What a vendor does not tell at all.
NO_TOUCH = {"twelvedata", "alphavantage", "finnhub"}
NO_VOLUME = {"finnhub"}
DAYS_ONLY = {"alphavantage"}
ONE_BY_ONE = {"alphavantage", "finnhub"}


@pytest.fixture(params=VENDORS.values(), ids=VENDORS)
def vendor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vendor]:
    """A new adapter is added by one more entry."""
    with ExitStack() as stack:
        yield request.param(stack, tmp_path)


def _name(vendor: Vendor) -> str:
    return vendor.provider.capability.adapter


def _ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


async def test_quotes_come_in_one_request_exact_and_fit_to_enter(vendor: Vendor) -> None:
    vendor.there.asked.clear()
    found = await vendor.provider.quotes(["AAPL", "MSFT", "BRK.B"])
    assert set(found) == {"AAPL", "MSFT", "BRK.B"}
    quote = found["AAPL"]
    assert quote.last == Decimal(str(vendor.there.prices["AAPL"]))
    if _name(vendor) in NO_TOUCH:
        assert (quote.bid, quote.ask) == (None, None)
    else:
        assert quote.bid is not None
        assert quote.ask is not None
        assert quote.bid < quote.last < quote.ask
    assert quote.provider == vendor.provider.capability.adapter
    assert quote.prev_close is not None
    assert (quote.volume is None) == (_name(vendor) in NO_VOLUME)
    assert all(refusal_of(one, venue_now=datetime.now(UTC), asked=symbol) is None for symbol, one in found.items())
    asked = [path for path in vendor.there.asked if "crumb" not in path and path not in {"", "/"}]
    assert len(asked) == (3 if _name(vendor) in ONE_BY_ONE else 1)


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
    if _name(vendor) == "alphavantage":  # It tells the day only: a quote is the close of that one.
        assert quote.observed_at.astimezone(EXCHANGE_ZONE).time() == time(16, 0)
        return
    assert 890 < (quote.received_at - quote.observed_at).total_seconds() < 910


@pytest.mark.parametrize("interval", ["1d", "5m", "1h"])
async def test_bars_are_ordered_within_what_was_asked_and_exact_to_the_cent(vendor: Vendor, interval: Interval) -> None:
    start, end = _ago(60), _ago(0)
    bars = await vendor.provider.bars("AAPL", interval, start, end)
    if interval != "1d" and _name(vendor) in DAYS_ONLY:
        assert bars == []
        return
    assert len(bars) > 5
    assert [bar.starts_at for bar in bars] == sorted({bar.starts_at for bar in bars})
    assert {bar.interval for bar in bars} == {interval}
    if interval == "1d":  # Some say the date alone, and noon stands for it.
        assert all(exchange_day(start) <= exchange_day(bar.starts_at) <= exchange_day(end) for bar in bars)
    else:
        assert all(start <= bar.starts_at < end for bar in bars)
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
        "depth": lambda one: one.depth(["BTC-USD"]),
    }
    for name, ask in asks.items():
        if name not in vendor.provider.capability.gives:
            continue
        with pytest.raises(VendorFailure) as caught:
            await ask(vendor.make(IMPATIENT_SECS if fault == "hang" else PATIENT_SECS))
        assert caught.value.kind == kind, name
        told = caught.value.text + caught.value.excerpt
        assert not any(secret in told for secret in SECRETS)
        assert "127.0.0.1" not in told


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
    assert set(got[0]) - {"^GSPC"} == {"AAPL", "MSFT"}
    await _until(lambda: vendor.there.subscribed != [] and bool(vendor.there._sockets))
    volume = got[0]["AAPL"].volume
    vendor.there.trade("AAPL", 191.5, size=40)
    await _until(lambda: any(one.get("AAPL") and one["AAPL"].last == Decimal("191.5") for one in got))
    quote = got[-1]["AAPL"]
    if hasattr(vendor.there, "quote"):
        assert volume is not None
        vendor.there.quote("AAPL", 191.48, 191.53)
        await _until(lambda: any(one.get("AAPL") and one["AAPL"].ask == Decimal("191.53") for one in got))
        quote = got[-1]["AAPL"]
        assert (quote.last, quote.bid, quote.volume) == (Decimal("191.5"), Decimal("191.48"), volume + 40)
    else:  # Trades alone: a bid and ask that the price has left are no longer known.
        assert (quote.bid, quote.ask) == (None, None)
    assert refusal_of(quote, venue_now=datetime.now(UTC), asked="AAPL") is None
    vendor.there.drop_stream()
    with pytest.raises(VendorFailure) as caught:
        await running
    assert caught.value.kind == "unreachable"


async def test_what_happens_while_a_stream_is_connecting_is_known_at_its_beginning(vendor: Vendor) -> None:
    if "stream" not in vendor.provider.capability.gives:
        pytest.skip("this vendor has no stream")
    vendor.there.on_subscribe = lambda: vendor.there.prices.update(AAPL=193.25)
    before = vendor.there.prices["AAPL"]
    # These confirm no subscription, so they may read one after the question that follows it.
    for _ in range(3 if _name(vendor) in {"finnhub", "yahoo"} else 1):
        vendor.there.prices["AAPL"] = before
        got: list[Quotes] = []
        first = asyncio.Event()
        running = asyncio.create_task(_streamed(vendor, got, first))
        await asyncio.wait_for(first.wait(), 10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if got[0]["AAPL"].last == Decimal("193.25"):
            break
    assert got[0]["AAPL"].last == Decimal("193.25")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("406", "refused"), ("405", "refused"), ("mute", "unreachable"), ("drop", "unreachable"), ("garbage", "garbage")],
)
async def test_a_stream_that_fails_says_how(vendor: Vendor, fault: str, kind: FailureKind) -> None:
    if "stream" not in vendor.provider.capability.gives:
        pytest.skip("this vendor has no stream")
    if _name(vendor) == "yahoo" and fault.isdigit():
        pytest.skip("without a key nobody is refused")
    vendor.there.stream_fault = fault
    asked = vendor.make(IMPATIENT_SECS) if fault == "mute" else vendor.provider
    with pytest.raises(VendorFailure) as caught:
        await asyncio.wait_for(_streamed(replace(vendor, provider=asked), [], asyncio.Event()), 10)
    assert caught.value.kind == kind
    assert not any(secret in caught.value.text + caught.value.excerpt for secret in SECRETS)


KEYED = {
    "alpaca": (AlpacaProvider, alpaca_data, {"key_id": "PKWRONG", "secret": "wrong-secret", "feed": "iex"}),
    "massive": (MassiveProvider, massive, {"api_key": "wrong-key"}),
    "twelvedata": (TwelveDataProvider, twelvedata, {"api_key": "wrong-key"}),
    "alphavantage": (AlphaVantageProvider, alphavantage, {"api_key": "wrong-key"}),
    "finnhub": (FinnhubProvider, finnhub, {"api_key": "wrong-key"}),
}


@pytest.mark.parametrize("name", KEYED)
async def test_a_wrong_key_is_refused_in_words(name: str, tmp_path: Path) -> None:
    adapter, standin, keys = KEYED[name]
    with standin() as there:
        settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": there.urls})
        provider = adapter(settings, keys, tries=1)
        with pytest.raises(VendorFailure) as caught:
            await provider.quotes(["AAPL"])
        assert caught.value.kind == "refused"
        assert "wrong" not in caught.value.text + caught.value.excerpt
        if "stream" in provider.capability.gives and name != "alpaca":
            with pytest.raises(VendorFailure) as caught:
                await asyncio.wait_for(provider.stream(["AAPL"], _nobody), 10)
            assert caught.value.kind == "refused"


async def _nobody(quotes: Quotes) -> None:
    """Hears nothing."""


async def test_bars_around_a_split_are_in_shares_of_today(vendor: Vendor) -> None:
    there = vendor.there
    there.split = (there.days[-10], 4)
    bars = await vendor.provider.bars("AAPL", "1d", _ago(40), _ago(0))
    assert {bar.close for bar in bars if bar.starts_at < there.days[-10]}
    assert {bar.close for bar in bars} == {Decimal(str(there.prices["AAPL"]))} or _name(vendor) == "yahoo"
    assert all(abs(bar.close / bars[0].close - 1) < Decimal("0.05") for bar in bars)


async def test_nothing_of_a_key_is_logged(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the level: the key of some vendors is in the address that libraries like to tell."""
    caplog.set_level(logging.DEBUG)
    await vendor.provider.quotes(["AAPL"])
    vendor.there.fault = 500
    with pytest.raises(VendorFailure):
        await vendor.make(PATIENT_SECS).quotes(["AAPL"])
    vendor.there.fault = None
    if "stream" in vendor.provider.capability.gives:
        vendor.there.stream_fault = "drop"
        with pytest.raises(VendorFailure):
            await asyncio.wait_for(_streamed(vendor, [], asyncio.Event()), 10)
    # The stand-in itself logs what it was asked.
    told = [one.getMessage() for one in caplog.records if not one.name.startswith("websockets.server")]
    assert not any(secret in text for secret in SECRETS for text in told)
    assert not any(secret in repr(vendor.provider) for secret in SECRETS)


# --- the replay -------------------------------------------------------------------------------------------------------
# It asks nobody: what applies of the contract is what its quotes are, a symbol it does not know, an end, and splits.

SPLIT_DAYS = {"AAPL": date(2020, 8, 31), "NVDA": date(2021, 7, 20), "AMZN": date(2022, 6, 6), "GOOG": date(2022, 7, 18)}


def _session(day: date) -> Session:
    opens_at, closes_at = (datetime.combine(day, at, EXCHANGE_ZONE).astimezone(UTC) for at in (time(9, 30), time(16)))
    return Session(day, opens_at, closes_at)


def test_every_quote_of_the_replay_is_fit_to_enter(history: ReplayHistory) -> None:
    session = _session(date(2021, 3, 1))
    day = build_day(history, 7, session)
    for step in (0, 1_000, day.last_step):
        now = session.opens_at + timedelta(seconds=step + 1)
        found = day.snapshot(step, now)
        assert set(found) == set(history.symbols)
        assert {one.provider for one in found.values()} == {"replay"}
        assert all(refusal_of(one, venue_now=now, asked=symbol) is None for symbol, one in found.items())
    assert "NOPE" not in found


def test_a_symbol_whose_history_is_over_is_halted_at_its_last_close_and_stale(history: ReplayHistory) -> None:
    session = _session(date(2023, 3, 1))
    day = build_day(history, 7, session)
    closed_at = {on: _session(on).closes_at for on, _ in day.halted.values()}
    quotes = day.halted_quotes(closed_at, session.opens_at)
    assert quotes["KO"].condition == "halted"
    assert session.opens_at - quotes["KO"].observed_at > timedelta(days=30)
    assert all(refusal_of(one, venue_now=session.opens_at, asked=symbol) is None for symbol, one in quotes.items())


def test_a_day_without_figures_is_empty(history: ReplayHistory) -> None:
    assert build_day(history, 7, _session(date(2012, 12, 31))).snapshot(0, datetime.now(UTC)) == {}


@pytest.mark.parametrize("symbol", SPLIT_DAYS)
def test_the_replay_knows_no_jump_on_a_split_day(symbol: str, history: ReplayHistory) -> None:
    one, day = history.symbols[symbol], SPLIT_DAYS[symbol]
    figures, before = one.on(day), one.before(day)
    assert figures is not None
    assert before is not None
    assert abs(figures.open / before[1].close - 1) < 0.1
