"""What every source must do with a currency pair and a coin: its own spelling, exact figures, bars in sessions."""

import asyncio
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from starkmatter.domain.instruments import class_of
from starkmatter.domain.market_hours import RULED, rule_of
from starkmatter.domain.quotes import Interval
from starkmatter.domain.sessions import SessionCalendar
from starkmatter.egress.failures import VendorFailure
from starkmatter.market.border import bar_refusal_of, depth_refusal_of, refusal_of
from starkmatter.market.failover import Failover, NoSource
from starkmatter.market.health import Health
from starkmatter.market.history.market_bars import on_grid
from starkmatter.market.ports import BookSource, Quotes
from starkmatter.market.providers.finnhub import FinnhubProvider
from starkmatter.settings import load_settings
from tests.market.test_provider_contract import WIDE, Vendor, vendor  # noqa: F401
from tests.standins.finnhub import KEY as FINNHUB_KEY
from tests.standins.finnhub import finnhub
from tests.standins.pairs import PRICES
from tests.standins.yahoo import THEIRS

WATCHED = ("EUR-USD", "USD-JPY", "BTC-USD", "SHIB-USD")
DAYS_ONLY = {"alphavantage"}
NO_PREV_CLOSE = {"alphavantage"}


def _name(vendor: Vendor) -> str:  # noqa: F811
    return vendor.provider.capability.adapter


def _served(vendor: Vendor) -> list[str]:  # noqa: F811
    return [symbol for symbol in WATCHED if class_of(symbol) in vendor.provider.capability.classes]


async def test_pairs_and_coins_come_with_every_decimal(vendor: Vendor) -> None:  # noqa: F811
    found = await vendor.provider.quotes([*WATCHED, "AAPL"])
    assert set(found) == {*_served(vendor), "AAPL"}
    now = datetime.now(UTC)
    for symbol in _served(vendor):
        quote = found[symbol]
        assert abs(quote.last - Decimal(repr(PRICES[symbol]))) < Decimal("1e-9"), symbol
        assert refusal_of(quote, venue_now=now, asked=symbol) is None
        assert (quote.prev_close is None) == (_name(vendor) in NO_PREV_CLOSE)
        assert quote.volume is None or class_of(symbol) == "crypto"
        assert quote.bid is None or (quote.ask is not None and quote.bid < quote.last < quote.ask)


@pytest.mark.parametrize("interval", ["1d", "1h", "5m"])
async def test_bars_lie_in_sessions_without_a_hole(vendor: Vendor, interval: Interval) -> None:  # noqa: F811
    now = datetime.now(UTC)
    start = now - timedelta(days=30 if interval == "1d" else 4)
    for symbol in _served(vendor):
        bars = await vendor.provider.bars(symbol, interval, start, now)
        if interval != "1d" and _name(vendor) in DAYS_ONLY:
            assert bars == []
            continue
        assert [bar.starts_at for bar in bars] == sorted({bar.starts_at for bar in bars})
        assert all(bar_refusal_of(bar, now) is None for bar in bars)
        assert all(bar.volume is None or class_of(symbol) == "crypto" for bar in bars)
        placed = on_grid(bars, SessionCalendar([]))
        if interval == "1d":
            sessions = RULED[class_of(symbol)].between(start + timedelta(days=1), now)
            assert {one.session_on for one in sessions} <= {
                rule_of(symbol).day_of(one.bar.starts_at + timedelta(hours=12)) for one in placed
            }
        else:
            assert len(placed) >= 20
            assert abs(placed[-1].bar.close / Decimal(repr(PRICES[symbol])) - 1) < Decimal("0.0001")


async def test_a_book_has_its_best_prices_first_on_both_sides(vendor: Vendor) -> None:  # noqa: F811
    provider = vendor.provider
    assert isinstance(provider, BookSource) == ("depth" in provider.capability.gives)
    if not isinstance(provider, BookSource):
        return
    assert await provider.depth(["AAPL", "EUR-USD"]) == {}
    found = await provider.depth(["BTC-USD", "SHIB-USD", "AAPL", "NOPE-USD"])
    assert set(found) == {"BTC-USD", "SHIB-USD"}
    vendor.there.fault = "empty"
    assert await provider.depth(["BTC-USD"]) == {}
    for symbol, book in found.items():
        assert depth_refusal_of(book, now=datetime.now(UTC), asked=[symbol]) is None
        assert (len(book.bids), len(book.asks), book.provider) == (50, 50, _name(vendor))
        assert book.bids[0].price < Decimal(repr(PRICES[symbol])) < book.asks[0].price
        assert (book.bids[0].size, book.asks[1].size) == (Decimal("0.5"), Decimal("0.5"))


@pytest.mark.parametrize(
    "side",
    [
        "5",
        '"text"',
        '{"p": 1}',
        "[5]",
        "[null]",
        "null",
        '[{"p": "1", "s": 1}]',
        '[{"p": -1, "s": 1}]',
        '[{"p": 1}]',
        '[{"s": 1}]',
        '[{"p": 1e9, "s": 1}]',
        '[{"p": 1, "s": -1}]',
        '[{"p": 1, "s": 1}, {"p": 2, "s": 1}]',
        '[{"p": 70000, "s": 1}]',
        '[{"p": 1, "s": true}]',
    ],
)
async def test_a_book_of_nonsense_is_turned_away_and_counted(vendor: Vendor, side: str) -> None:  # noqa: F811
    if not isinstance(vendor.provider, BookSource):
        return
    start = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    vendor.there.spoil = lambda _: (
        f'{{"orderbooks": {{"BTC/USD": {{"t": "{start}", "b": {side}, "a": [{{"p": 64000, "s": 1}}]}}}}}}'.encode()
    )
    health = Health()
    failover = Failover([vendor.provider], health)
    with suppress(NoSource):
        assert await failover.depth(["BTC-USD"]) == {}
    assert health.take_refusals() or health.of(_name(vendor)).failure is not None


async def test_what_is_no_pair_of_theirs_is_absent(vendor: Vendor) -> None:  # noqa: F811
    assert set(await vendor.provider.quotes(["NOPE-USD", "AAPL"])) == {"AAPL"}
    assert await vendor.provider.bars("NOPE-USD", "1d", datetime.now(UTC) - timedelta(days=9), datetime.now(UTC)) == []
    assert await _actions(vendor, "BTC-USD") == []


async def _actions(vendor: Vendor, symbol: str) -> list[object]:  # noqa: F811
    return list(await vendor.provider.actions(symbol))


async def test_streams_tell_of_the_kinds_they_say(vendor: Vendor) -> None:  # noqa: F811
    capability = vendor.provider.capability
    assert set(capability.streams) <= set(capability.classes)
    wanted = [symbol for symbol in ("EUR-USD", "BTC-USD") if class_of(symbol) in capability.streams]
    if "stream" not in capability.gives or not wanted:
        assert not wanted
        return
    got: list[Quotes] = []

    async def on_quotes(quotes: Quotes) -> None:
        got.append(quotes)

    running = asyncio.create_task(vendor.provider.stream(["AAPL", *wanted], on_quotes))
    async with asyncio.timeout(10):
        while not (got and vendor.there._sockets):
            await asyncio.sleep(0.02)
        there = THEIRS["BTC-USD"] if _name(vendor) == "yahoo" else "COINBASE:BTC-USD"
        vendor.there.trade(there, 64999.25)
        while not any(one.get("BTC-USD") and one["BTC-USD"].last == Decimal("64999.25") for one in got):
            await asyncio.sleep(0.02)
    assert set(got[0]) == {"AAPL", *wanted}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_plan_without_pairs_leaves_them_to_the_next_source(tmp_path: Path) -> None:
    """A refusal of one kind of symbol is none of the key: shares are answered, and the source does not rest."""
    with finnhub(paid=False) as there:
        settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": there.urls})
        provider = FinnhubProvider(settings, {"api_key": FINNHUB_KEY}, tries=1, plan=WIDE)
        assert set(await provider.quotes(["EUR-USD", "BTC-USD", "AAPL"])) == {"BTC-USD", "AAPL"}
        assert await provider.quotes(["EUR-USD"]) == {}


async def test_a_price_that_is_none_is_handed_to_the_border_and_not_dropped(vendor: Vendor) -> None:  # noqa: F811
    """A parser neither leaves a broken figure out silently nor makes one up: the border counts it."""
    price = re.compile(rb'"?64250\.50*"?')
    vendor.there.spoil = lambda body: price.sub(b"null", body)
    found = await vendor.provider.quotes(["BTC-USD"])
    assert set(found) == {"BTC-USD"}
    assert refusal_of(found["BTC-USD"], venue_now=datetime.now(UTC), asked="BTC-USD") is not None
    vendor.there.spoil = lambda body: b'{"surprise": [1, 2, 3]}'
    with pytest.raises(VendorFailure):
        await vendor.provider.quotes(["BTC-USD"])
