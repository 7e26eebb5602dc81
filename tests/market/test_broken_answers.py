"""Broken answers by the thousand, and any JSON at all, through every adapter: no crash, no bad row, each counted."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starkmatter.domain.quotes import Bar
from starkmatter.market.border import bar_refusal_of, refusal_of
from starkmatter.market.failover import Failover, NoSource
from starkmatter.market.ports import Quotes
from tests.market.corpus import broken
from tests.market.test_provider_contract import SECRETS, VENDORS, Vendor

CASES = 1_000
SLICE = 48
ASKED = ["AAPL", "MSFT"]
# What is not of figures, and where another text says something else that may be true, such as another currency.
KEEP = {
    "yahoo": frozenset({"meta", "error", "currency", "adjclose", "quoteType"}),
    "alpaca": frozenset({"next_page_token"}),
    "massive": frozenset({"resultsCount", "queryCount", "next_url"}),
    "twelvedata": frozenset({"meta"}),
    "alphavantage": frozenset({"Meta Data"}),
    "finnhub": frozenset({"d", "s"}),
}
NAMES = [
    "quoteResponse",
    "result",
    "chart",
    "tickers",
    "results",
    "values",
    "bars",
    "data",
    "symbol",
    "ticker",
    "close",
]
NAMES += ["c", "t", "p", "status", "code", "AAPL", "latestTrade", "regularMarketPrice", "Global Quote", "05. price"]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=25,
)


@dataclass
class Tried:
    """One vendor, its good answers, and a way to ask through the border."""

    vendor: Vendor
    runner: asyncio.Runner
    failover: Failover
    good: Quotes
    good_bars: dict[datetime, Bar]
    since: datetime

    @property
    def counted(self) -> int:
        """What was refused or failed so far."""
        health = self.failover.health
        return sum(one.refused + one.failures for one in health.sources.values())

    def quotes(self) -> Quotes:
        try:
            return self.runner.run(self.failover.quotes(ASKED))
        except NoSource:
            return {}

    def bars(self) -> list[Bar]:
        try:
            return self.runner.run(self.failover.bars("AAPL", "1d", self.since, datetime.now(UTC)))
        except NoSource:
            return []


@pytest.fixture(params=VENDORS, ids=VENDORS)
def tried(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tried]:
    # Nobody would be asked any more after five bad answers, which is right and not what is looked at here.
    monkeypatch.setattr("starkmatter.egress.line.BREAKER_THRESHOLD", 10**9)
    # Nor for a symbol that an answer left out.
    monkeypatch.setattr("starkmatter.market.failover.UNKNOWN_SECS", -1.0)
    with ExitStack() as stack, asyncio.Runner() as runner:
        vendor = VENDORS[request.param](stack, tmp_path)
        one = Tried(vendor, runner, Failover([vendor.provider]), {}, {}, datetime.now(UTC) - timedelta(days=20))
        one.good = one.quotes()
        one.good_bars = {bar.starts_at: bar for bar in one.bars()}
        assert set(one.good) == set(ASKED)
        assert len(one.good_bars) > 8
        yield one


def _spoil(tried: Tried, seed: int) -> list[str]:
    """Every answer from now on is broken; what was done is added to the list."""
    done: list[str] = []
    keep = KEEP[tried.vendor.provider.capability.adapter]

    def spoil(raw: bytes) -> bytes:
        name, body = broken(seed, raw, keep)
        done.append(name)
        return body

    tried.vendor.there.spoil = spoil
    return done


def _check_quotes(tried: Tried, said: object) -> None:
    before = tried.counted
    found = tried.quotes()
    for symbol, quote in found.items():
        assert refusal_of(quote, venue_now=datetime.now(UTC), asked=symbol) is None, said
        assert quote.last == tried.good[symbol].last, said
    if set(found) != set(ASKED):
        assert tried.counted > before, (said, "nothing was counted")


def _check_bars(tried: Tried, said: object) -> None:
    before = tried.counted
    found = tried.bars()
    for bar in found:
        assert bar_refusal_of(bar, datetime.now(UTC)) is None, said
        good = tried.good_bars.get(bar.starts_at)
        assert good is not None, said
        assert (bar.open, bar.high, bar.low, bar.close) == (good.open, good.high, good.low, good.close), said
    if len(found) != len(tried.good_bars):
        assert tried.counted > before, (said, "nothing was counted")


def _run(tried: Tried, seeds: range) -> None:
    for seed in seeds:
        done = _spoil(tried, seed)
        (_check_bars if seed % 3 == 0 else _check_quotes)(tried, (seed, done))
    excerpts = [one.excerpt + one.reason for one in tried.failover.health.take_refusals()]
    assert excerpts
    assert all(len(excerpt) <= 200 + 120 for excerpt in excerpts)
    assert not any(secret in excerpt for secret in SECRETS for excerpt in excerpts)


def test_a_slice_of_the_broken_answers_crashes_nothing_and_is_counted(tried: Tried) -> None:
    _run(tried, range(SLICE))


@pytest.mark.nightly
def test_all_broken_answers_crash_nothing_and_are_counted(tried: Tried) -> None:
    _run(tried, range(CASES))


def _any_json(tried: Tried, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(body=ANY_JSON)
    def run(body: object) -> None:
        tried.vendor.there.spoil = lambda raw: json.dumps(body).encode()
        for symbol, quote in tried.quotes().items():
            assert refusal_of(quote, venue_now=datetime.now(UTC), asked=symbol) is None
        assert all(bar_refusal_of(bar, datetime.now(UTC)) is None for bar in tried.bars())

    run()


def test_any_json_crashes_nothing(tried: Tried) -> None:
    _any_json(tried, 15)


@pytest.mark.nightly
def test_any_json_at_length_crashes_nothing(tried: Tried) -> None:
    _any_json(tried, 900)
