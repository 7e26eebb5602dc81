"""The wall-clock market at work: paper orders filled by live quotes, refused on stale ones, and its regular work."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import forget_secret, keep_secret
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput
from starkmatter.jobs.market import NOT_USED, corporate_actions, end_of_day, fx_rates, repair_bars
from starkmatter.jobs.sources import MarketSources
from starkmatter.jobs.venues import MarketVenue
from starkmatter.market import clocks
from starkmatter.market.actions.reading import load_actions
from starkmatter.market.board import QuoteBoard
from starkmatter.market.errands import CHANNEL
from starkmatter.market.wanted import want
from starkmatter.market.watchlists.service import list_watchlists
from starkmatter.portfolio.accounts import get_account, list_accounts
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import open_account
from starkmatter.portfolio.valuation import equity_series, list_positions
from starkmatter.settings import load_settings
from starkmatter.trading.orders import get_order, list_fills
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import submit_order
from tests.builders import make_caller, order
from tests.market_hours import Vendors, open_now, vendors_at
from tests.standins.alpaca_data import KEY_ID, SECRET
from tests.standins.ecb import ecb


class Leading:
    """This worker leads."""

    async def confirm(self) -> None:
        return


@pytest.fixture
def vendors(tmp_path: Path) -> Iterator[Vendors]:
    with vendors_at(tmp_path) as started:
        yield started


@asynccontextmanager
async def at_work(b: Backends) -> AsyncIterator[None]:
    """The venue in the worker, until the block ends."""
    stop = asyncio.Event()
    task = asyncio.create_task(MarketVenue(b, Leading()).run(stop))  # type: ignore[arg-type]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(30):
            while not await true():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what}") from None


async def _seat(database: Database, cache: Redis, vendors: Vendors) -> tuple[Backends, Caller, UUID]:
    b = Backends(vendors.settings, database, cache)
    caller = await make_caller(database, "trader")
    account = await open_account(b, caller, name="Market", venue="market")
    return b, caller, account.id


async def _quoted(b: Backends, symbol: str = "AAPL") -> bool:
    return symbol in await QuoteBoard(b.cache).quotes("market", [symbol])


async def _placed(b: Backends, caller: Caller, account_id: UUID, text: str) -> OrderView:
    return await submit_order(b, caller, account_id, order(text), f"key-{uuid4()}")


async def test_an_account_is_opened_at_any_time_without_a_quote(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    b, caller, account_id = await _seat(database, cache, vendors)
    account = await get_account(b, caller, account_id)
    assert (account.venue, account.broker, account.equity) == ("market", "paper", Decimal("100000.00"))
    assert len(await equity_series(b, caller, account_id)) == 1
    with pytest.raises(InvalidInput):
        await open_account(b, caller, name="Moon", venue="moon")


async def test_a_paper_order_is_filled_by_a_live_quote_and_its_receipt_names_the_source(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    b, caller, account_id = await _seat(database, cache, vendors)
    async with at_work(b):
        await want(cache, ["AAPL", "MSFT"], utc_now())
        await until(lambda: _quoted(b), "a quote")
        placed = await _placed(b, caller, account_id, "buy 10 AAPL")
        assert placed.status == "pending_submit", placed.reject_reason

        async def filled() -> bool:
            return (await get_order(b, caller, placed.id)).status == "filled"

        await until(filled, "the fill")
        [fill] = await list_fills(b, caller, order_id=placed.id)
        assert fill.price == Decimal("190.14")
        assert fill.receipt["quote"]["provider"] == "yahoo"
        assert "stand in" not in fill.receipt["explanation"]
        [held] = await list_positions(b, caller, account_id)
        assert (held.symbol, held.qty, held.last) == ("AAPL", Decimal(10), Decimal("190.12"))

        vendors.yahoo.prices["AAPL"] = 195.0

        async def worth_more() -> bool:
            return (await get_account(b, caller, account_id)).market_value == Decimal("1950.00")

        await until(worth_more, "the new value")
    assert await check_books(database) == []


async def test_a_quote_without_bid_and_ask_fills_around_the_last_trade_and_says_so(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    vendors.yahoo.with_touch = False
    b, caller, account_id = await _seat(database, cache, vendors)
    async with at_work(b):
        await want(cache, ["AAPL"], utc_now())
        await until(lambda: _quoted(b), "a quote")
        placed = await _placed(b, caller, account_id, "buy 10 AAPL")

        async def filled() -> bool:
            return (await get_order(b, caller, placed.id)).status == "filled"

        await until(filled, "the fill")
    [fill] = await list_fills(b, caller, order_id=placed.id)
    assert fill.price == Decimal("190.22")
    assert "no bid and ask" in fill.receipt["explanation"]


async def test_nothing_is_filled_on_a_stale_quote_and_a_market_order_is_refused_in_words(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    vendors.yahoo.late_secs = 900
    b, caller, account_id = await _seat(database, cache, vendors)
    async with at_work(b):
        await want(cache, ["AAPL"], utc_now())
        await until(lambda: _quoted(b), "a quote")
        refused = await _placed(b, caller, account_id, "buy 10 AAPL")
        assert refused.status == "risk_rejected"
        assert "15 minutes old (yahoo)" in str(refused.reject_reason)
        waiting = await _placed(b, caller, account_id, "buy 10 AAPL @ 200.00")
        await asyncio.sleep(1.0)
        assert (await get_order(b, caller, waiting.id)).status == "working"
        vendors.yahoo.late_secs = 0

        async def filled() -> bool:
            return (await get_order(b, caller, waiting.id)).status == "filled"

        await until(filled, "the fill once a fresh quote came")
    assert await check_books(database) == []


async def test_a_symbol_of_the_one_market_is_not_traded_on_the_other(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    b, caller, account_id = await _seat(database, cache, vendors)
    refused = await _placed(b, caller, account_id, "buy 10 AAPL")
    assert "no instrument AAPL on this market" in str(refused.reject_reason)


async def test_accounts_of_both_markets_are_valued_at_their_own_prices(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    b, caller, account_id = await _seat(database, cache, vendors)
    async with at_work(b):
        await want(cache, ["AAPL"], utc_now())
        await until(lambda: _quoted(b), "a quote")
        placed = await _placed(b, caller, account_id, "buy 10 AAPL")

        async def filled() -> bool:
            return (await get_order(b, caller, placed.id)).status == "filled"

        await until(filled, "the fill")
    run = "INSERT INTO account (id, user_id, name, venue, broker, mode, currency, preset, cash, reserved, created_at,"
    run += " opened_venue_at) VALUES (gen_random_uuid(), %s, 'Practice', 'replay', 'paper', 'paper', 'USD',"
    run += " 'realistic', 0, 0, now(), now())"
    await database.run(run, (caller.user_id,))  # type: ignore[arg-type]
    values = {one.venue: one.market_value for one in await list_accounts(b, caller)}
    assert values == {"replay": Decimal(0), "market": Decimal("1901.20")}


async def test_keys_change_the_sources_at_run_time(
    database: Database, cache: Redis, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starkmatter.jobs.sources.LOOK_SECS", 0.0)
    b = Backends(vendors.settings, database, cache)
    sources = MarketSources(b)

    async def names() -> list[str]:
        return [one.capability.adapter for one in (await sources.current()).providers]

    assert await names() == ["yahoo"]
    keys = {"key_id": KEY_ID, "secret": SECRET, "feed": "iex"}
    await keep_secret(b, "alpaca-data", None, keys, {"key_id", "secret"})
    assert await names() == ["alpaca", "yahoo"]
    assert await sources.current() is await sources.current()
    await forget_secret(b, "alpaca-data", None)
    assert await names() == ["yahoo"]


async def test_without_an_account_the_regular_work_asks_nobody(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    b = Backends(vendors.settings, database, cache)
    for work in (repair_bars, corporate_actions, fx_rates):
        assert await work(b) == NOT_USED
    assert vendors.yahoo.asked == []


async def test_the_end_of_the_day_records_values_at_the_official_close(
    database: Database, cache: Redis, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def known(*_: object) -> None:
        return

    monkeypatch.setattr("starkmatter.jobs.market.ensure_sessions", known)
    days = await open_now(database)
    vendors.trade_on(days)
    b, caller, account_id = await _seat(database, cache, vendors)
    async with at_work(b):
        await want(cache, ["AAPL"], utc_now())
        await until(lambda: _quoted(b), "a quote")
        placed = await _placed(b, caller, account_id, "buy 10 AAPL")

        async def filled() -> bool:
            return (await get_order(b, caller, placed.id)).status == "filled"

        await until(filled, "the fill before the close")
    closes_at = utc_now()
    moved = "UPDATE market_session SET closes_at = %s WHERE opens_at = %s"
    await database.run(moved, (closes_at, days[-1]))
    clocks._kept.clear()
    vendors.yahoo.prices["AAPL"] = 200.0
    async with at_work(b):
        await until(lambda: _served(cache), "the feed")
        words = await end_of_day(b)
        assert "values recorded at the close" in words, words
        repaired = await repair_bars(b)
        assert "fetched" in repaired
    account = await get_account(b, caller, account_id)
    at_close = [one.equity for one in await equity_series(b, caller, account_id) if one.at == closes_at]
    assert at_close == [account.cash + 2000]


async def test_corporate_actions_are_asked_for_once_a_day_of_what_is_watched(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    b, caller, _ = await _seat(database, cache, vendors)
    vendors.yahoo.splits = {"AAPL": [("2020-08-31", 4, 1)]}
    async with at_work(b):
        await until(lambda: _served(cache), "the feed")
        [watched] = await list_watchlists(database, caller.user_id, "market")
        put = "UPDATE watchlist SET symbols = %s WHERE id = %s"
        await database.run(put, (["AAPL", "MSFT", "^GSPC"], watched.id))
        assert await corporate_actions(b) == "2 symbols told, 1 rows new or changed, 0 failed"
        assert await corporate_actions(b) == "0 symbols told, 0 rows new or changed, 0 failed"
    assert len((await load_actions(database, "market", "AAPL")).splits) == 1


async def test_exchange_rates_come_from_the_bank_or_the_words_say_that_it_is_away(
    database: Database, cache: Redis, vendors: Vendors, tmp_path: Path
) -> None:
    await open_now(database)
    b, _, _ = await _seat(database, cache, vendors)
    with ecb() as bank:
        urls = {"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": bank.urls}
        b = Backends(load_settings(urls), database, cache)
        bank.fault = 403
        assert "no rates fetched: European Central Bank" in await fx_rates(b)
        bank.fault = None
        assert "17 rates new or changed" in await fx_rates(b)


async def _served(cache: Redis) -> bool:
    [(_, count)] = await cache.pubsub_numsub(CHANNEL)
    return bool(count)
