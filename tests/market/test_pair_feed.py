"""Pairs and coins on the market of today while the exchange is closed: found, priced, drawn, and refused in words."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import NotFound
from starkmatter.market.failover import Failover, NoSource
from starkmatter.market.health import Health
from starkmatter.market.key_figures import correlations, key_figures
from starkmatter.market.lookup import find_symbols, first_look_at_bars, open_instrument
from starkmatter.market.providers.alpaca import AlpacaProvider
from starkmatter.market.providers.yahoo import YahooProvider
from starkmatter.market.service import list_instruments, load_bars
from starkmatter.market.wanted import want
from starkmatter.market.watchlists.lines import mini_lines
from starkmatter.news.link import Linker
from tests.market.test_market_feed import KEYS, QUICK, WIDE, quote_where, running, until, vendors  # noqa: F401
from tests.market_hours import Vendors, open_now

CLOSED = timedelta(hours=-3)  # The exchange opens in three hours.
PATIENT = replace(QUICK, quotes_secs={"open": 0.2, "pre": 600.0, "closed": 600.0, "ended": 600.0}, longest_secs=600.0)


async def test_a_coin_moves_while_the_exchange_is_closed_and_is_not_taken_for_a_share(
    database: Database,
    cache: Redis,
    vendors: Vendors,  # noqa: F811
) -> None:
    await open_now(database, since=CLOSED)
    async with running(database, cache, vendors, alpaca=True) as seen:
        assert (await open_instrument(database, cache, "market", "btc/usd")).symbol == "BTC-USD"
        await want(cache, ["BTC-USD", "AAPL"], utc_now())
        quote = await quote_where(cache, lambda one: True, "BTC-USD")
        assert (quote.last, quote.provider) == (Decimal("64250.5"), "alpaca")
        vendors.alpaca.prices["BTC-USD"] = 64300.25
        await quote_where(cache, lambda one: one.last == Decimal("64300.25"), "BTC-USD")
        await first_look_at_bars(cache, "BTC-USD", "1h")
        bars = await load_bars(database, "market", "BTC-USD", "1h", until=utc_now())
        assert len(bars) > 24
        assert all(one.starts_at.minute == 0 for one in bars)
        # A price seen at night has made a bar of the coin, and none of the share.
        await until(lambda: _forms(database, "BTC-USD"), "a growing bar")
        assert not await _forms(database, "AAPL")
    clock, _ = seen.batches[-1]
    assert clock.state == "closed"


@pytest.mark.parametrize("another_answers", [False, True])
async def test_a_first_price_that_could_not_be_had_is_asked_for_again_before_a_closed_markets_turn(
    database: Database,
    cache: Redis,
    vendors: Vendors,  # noqa: F811
    another_answers: bool,
) -> None:
    await open_now(database, since=CLOSED)
    del vendors.alpaca.prices["MSFT"]
    vendors.yahoo.fault = 500
    quotes = "/v7/finance/quote"
    async with running(database, cache, vendors, alpaca=another_answers, pace=PATIENT):
        await want(cache, ["MSFT"], utc_now())
        await until(lambda: _asked(vendors, quotes), "a question")
        vendors.yahoo.fault = None
        assert (await quote_where(cache, lambda one: True, "MSFT")).last == Decimal("410.5")
        # With a price it waits for its turn like every other of a market that is closed.
        vendors.yahoo.asked.clear()
        await asyncio.sleep(1)
        assert quotes not in vendors.yahoo.asked


async def _asked(vendors: Vendors, path: str) -> bool:  # noqa: F811
    return path in vendors.yahoo.asked


async def test_a_book_is_told_for_as_long_as_somebody_looks(
    database: Database,
    cache: Redis,
    vendors: Vendors,  # noqa: F811
) -> None:
    await open_now(database, since=CLOSED)
    books = "/v1beta3/crypto/us/latest/orderbooks"
    async with running(database, cache, vendors, alpaca=True), cache.pubsub(ignore_subscribe_messages=True) as heard:
        await heard.subscribe("depth:market", "bars:market")
        assert books not in vendors.alpaca.asked
        await want(cache, ["depth:BTC-USD", "depth:AAPL", "BTC-USD"], utc_now())
        told: dict[str, dict[str, Any]] = {}
        async with asyncio.timeout(20):
            while len(told) < 2:
                message = await heard.get_message(timeout=1)
                if message is not None:
                    told |= {message["channel"].decode(): one for one in orjson.loads(message["data"])}
        book, bar = told["depth:market"], told["bars:market"]
        assert (book["symbol"], book["provider"], len(book["bids"])) == ("BTC-USD", "alpaca", 50)
        assert Decimal(book["bids"][0][0]) < Decimal("64250.5") < Decimal(book["asks"][0][0])
        assert (bar["symbol"], bar["close"], bar["finished"]) == ("BTC-USD", "64250.5", False)
        vendors.alpaca.fault = 500
        await asyncio.sleep(0.3)
        vendors.alpaca.fault = None
        await until(lambda: _told(heard, "depth:market"), "the book again")


async def _told(heard: PubSub, channel: str) -> bool:
    message = await heard.get_message(timeout=0.1)
    return message is not None and message["channel"].decode() == channel


async def _forms(db: Database, symbol: str) -> bool:
    return bool(await db.value("SELECT count(*) FROM bar_forming WHERE symbol = %s AND interval = '1m'", (symbol,)))


async def test_what_a_source_has_not_comes_from_the_next_and_nobody_stands_in_for_it(
    database: Database,
    cache: Redis,
    vendors: Vendors,  # noqa: F811
) -> None:
    await open_now(database)
    health = Health()
    async with running(database, cache, vendors, alpaca=True, health=health):
        await open_instrument(database, cache, "market", "EURUSD")
        await want(cache, ["EUR-USD"], utc_now())
        assert (await quote_where(cache, lambda one: True, "EUR-USD")).provider == "yahoo"
    assert health.note == ""


async def test_no_source_of_pairs_is_said_in_words(vendors: Vendors) -> None:  # noqa: F811
    failover = Failover([AlpacaProvider(vendors.settings, KEYS, tries=1, plan=WIDE)])
    with pytest.raises(NoSource, match="Alpaca market data has no currency pairs here"):
        await failover.quotes(["EUR-USD"])
    with pytest.raises(NoSource, match="has no currency pairs here"):
        await failover.bars("EUR-USD", "1d", utc_now() - timedelta(days=9), utc_now())
    assert vendors.alpaca.asked == []


async def test_pairs_and_coins_are_found_by_name_and_code_whoever_is_connected(
    database: Database,
    cache: Redis,
    vendors: Vendors,  # noqa: F811
) -> None:
    await open_now(database)
    async with running(database, cache, vendors):
        for text, first in {"euro": "EUR-USD", "EUR/USD": "EUR-USD", "eurusd": "EUR-USD", "bitcoin": "BTC-USD"}.items():
            hits, words = await find_symbols(database, cache, "market", text, 8)
            assert (hits[0].symbol, words) == (first, "")
        apple, _ = await find_symbols(database, cache, "market", "apple", 8)
        assert apple[0].symbol == "AAPL"
        shib = await open_instrument(database, cache, "market", "SHIB-USD")
        assert (shib.kind, shib.tick_size, shib.tradable) == ("crypto", Decimal("0.00000001"), False)
        euro = await open_instrument(database, cache, "market", "EUR-JPY")
        assert (euro.name, euro.kind, euro.currency, euro.tick_size) == (
            "Euro / Japanese yen",
            "fx",
            "JPY",
            Decimal("0.001"),
        )
        assert (await find_symbols(database, cache, "market", "EURJPY", 8))[0][0].about == "Currency pair"
        with pytest.raises(NotFound, match="on the market of today"):
            await open_instrument(database, cache, "replay", "EUR-USD")
        assert (await find_symbols(database, cache, "replay", "euro", 8)) == ([], "")
    assert {one.symbol for one in await list_instruments(database, "-", venue="market")} == {"SHIB-USD", "EUR-JPY"}


async def test_key_figures_count_by_the_years_of_their_market_and_know_no_beta(
    database: Database,
    cache: Redis,
    vendors: Vendors,  # noqa: F811
) -> None:
    await open_now(database)
    async with running(database, cache, vendors):
        for symbol in ("EUR-USD", "BTC-USD", "AAPL"):
            await open_instrument(database, cache, "market", symbol)
            await first_look_at_bars(cache, symbol, "1d")
    now = utc_now()
    coin, pair = [await key_figures(database, "market", one, now) for one in ("BTC-USD", "EUR-USD")]
    assert (coin.beta, coin.beta_of, pair.beta) == (None, "", None)
    assert coin.sessions > pair.sessions > 30
    assert coin.returns["1 month"] is not None
    table = (await correlations(database, "market", ["EUR-USD", "BTC-USD"], 20, now)).table
    assert table[0][1] is not None
    lines = await mini_lines(database, "market", ["BTC-USD"], now)
    assert lines["BTC-USD"].closes


def test_stories_are_linked_by_what_pairs_and_coins_are_called() -> None:
    linker = Linker([("BTC-USD", "Bitcoin / US dollar"), ("EUR-USD", "Euro / US dollar"), ("AAPL", "Apple Inc.")])
    assert linker.symbols_in("Bitcoin slides as the dollar gains") == ("BTC-USD",)
    assert linker.symbols_in("EUR/USD holds above 1.08", "and $BTC falls") == ("EUR-USD", "BTC-USD")
    assert linker.symbols_in("Euro zone inflation slows") == ()
    assert Linker([("BTC", "A fund"), ("BTC-USD", "Bitcoin / US dollar")]).symbols_in("$BTC") == ("BTC",)


async def test_a_pair_is_known_although_nobody_answers(database: Database, cache: Redis) -> None:
    assert (await open_instrument(database, cache, "market", "EURUSD")).symbol == "EUR-USD"
    assert (await open_instrument(database, cache, "market", "BTCUSD")).kind == "crypto"


async def test_what_no_source_knows_is_no_failure_of_theirs(vendors: Vendors) -> None:  # noqa: F811
    """Asked for again within the minute nobody is asked, which is an answer of nothing and no silence."""
    yahoo = YahooProvider(vendors.settings, tries=1, plan=WIDE)
    failover = Failover([AlpacaProvider(vendors.settings, KEYS, tries=1, plan=WIDE), yahoo])
    for _ in range(2):
        assert await failover.quotes(["EUR-ZAR"]) == {}
    vendors.yahoo.fault = 500
    with pytest.raises(NoSource, match=r"Yahoo Finance.*Alpaca market data has no currency pairs here"):
        await failover.quotes(["EUR-USD"])
