"""The wall-clock market's feed against a real Valkey, a real database and its sources on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.freshness import is_stale
from starkmatter.domain.quotes import Quote, VenueClock
from starkmatter.egress.plan import Plan
from starkmatter.errors import NotFound, Unavailable
from starkmatter.market.board import QuoteBoard
from starkmatter.market.errands import CHANNEL, ask
from starkmatter.market.failover import HEDGE_SECS, Failover
from starkmatter.market.health import Health, newest_refusals, read_sources
from starkmatter.market.lookup import find_symbols, first_look_at_bars, open_instrument
from starkmatter.market.market_feed import InPlay, MarketFeed, Pace
from starkmatter.market.providers.alpaca import AlpacaProvider
from starkmatter.market.providers.yahoo import YahooProvider
from starkmatter.market.service import list_instruments, load_bars
from starkmatter.market.streaming import StreamPace
from starkmatter.market.wanted import want
from tests.market_hours import Vendors, open_now, vendors_at
from tests.standins.alpaca_data import KEY_ID, SECRET, alpaca_data

QUICK = Pace(
    books_secs=0.1,
    quotes_secs={"open": 0.2, "pre": 0.2, "closed": 0.2, "ended": 0.2},
    streamed_secs=600.0,
    longest_secs=0.4,
    look_secs=0.05,
    play_secs=0.1,
    store_secs=0.1,
    stream=StreamPace(reconnect_secs=(0.1, 0.2), refused_secs=5.0),
    actions_secs=0.1,
)
WIDE = Plan(per_min=6_000)
KEYS = {"key_id": KEY_ID, "secret": SECRET, "feed": "iex"}


@pytest.fixture
def vendors(tmp_path: Path) -> Iterator[Vendors]:
    with vendors_at(tmp_path) as started:
        yield started


@dataclass
class Seen:
    """What the feed handed over, and what accounts have in play."""

    batches: list[tuple[VenueClock, dict[str, Quote]]] = field(default_factory=list)
    play: InPlay = field(default_factory=lambda: InPlay([], accounts=False))

    async def on_batch(self, clock: VenueClock, quotes: dict[str, Quote]) -> None:
        self.batches.append((clock, quotes))

    async def in_play(self) -> InPlay:
        return self.play


@asynccontextmanager
async def running(
    db: Database,
    cache: Redis,
    vendors: Vendors,
    *,
    alpaca: bool = False,
    play: InPlay | None = None,
    pace: Pace = QUICK,
    health: Health | None = None,
) -> AsyncIterator[Seen]:
    """The feed, until the block ends."""
    seen = Seen()
    if play is not None:
        seen.play = play
    yahoo = YahooProvider(vendors.settings, tries=1, read_secs=2.0, plan=WIDE)
    first = [AlpacaProvider(vendors.settings, KEYS, tries=1, read_secs=2.0, plan=WIDE)] if alpaca else []
    health = health or Health()
    failover = Failover([*first, yahoo], health)

    async def sources() -> Failover:
        return failover

    stop = asyncio.Event()
    feed = MarketFeed(db, cache, sources, seen.in_play, seen.on_batch, pace=pace, health=health)
    task = asyncio.create_task(feed.run(stop))
    try:
        await until(lambda: _served(cache), "the feed")
        yield seen
        assert not task.done(), task
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(20):
            while not await true():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what}") from None


async def _served(cache: Redis) -> bool:
    [(_, count)] = await cache.pubsub_numsub(CHANNEL)
    return bool(count)


async def quoted(cache: Redis, symbol: str = "AAPL") -> Quote | None:
    return (await QuoteBoard(cache).quotes("market", [symbol])).get(symbol)


async def quote_where(cache: Redis, true: Callable[[Quote], bool], symbol: str = "AAPL") -> Quote:
    found: list[Quote] = []

    async def there() -> bool:
        one = await quoted(cache, symbol)
        if one is not None and true(one):
            found.append(one)
        return bool(found)

    await until(there, f"such a quote of {symbol}")
    return found[0]


async def test_with_nobody_wanting_anything_no_vendor_is_asked(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    async with running(database, cache, vendors, alpaca=True) as seen:
        await asyncio.sleep(0.5)
    assert vendors.yahoo.asked == vendors.alpaca.asked == vendors.alpaca.subscribed == []
    assert seen.batches == []
    assert {"SPY", "AAPL", "^GSPC"} <= {one.symbol for one in await list_instruments(database, "", venue="market")}
    assert await list_instruments(database, "") == []


async def test_what_somebody_wants_is_asked_for_shown_and_handed_over(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    async with running(database, cache, vendors) as seen:
        await want(cache, ["AAPL"], utc_now())
        quote = await quote_where(cache, lambda one: True)
        assert (quote.provider, quote.last, quote.condition) == ("yahoo", Decimal("190.12"), "normal")
        clock = await QuoteBoard(cache).venue_clock("market")
        assert (clock.venue, clock.state, clock.speed) == ("market", "open", 1)
        assert await QuoteBoard(cache).heard_at("market") is not None
        vendors.yahoo.prices["AAPL"] = 191.0
        await quote_where(cache, lambda one: one.last == Decimal("191.0"))
        assert any("AAPL" in quotes for _, quotes in seen.batches)


async def test_what_accounts_hold_is_asked_for_although_nobody_looks(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    async with running(database, cache, vendors, play=InPlay(["MSFT"], accounts=True)):
        await quote_where(cache, lambda one: one.last == Decimal("410.5"), "MSFT")


async def test_without_any_answer_the_clock_goes_on_and_quotes_keep_their_age(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    async with running(database, cache, vendors, play=InPlay(["AAPL"], accounts=True)) as seen:
        before = await quote_where(cache, lambda one: True)
        vendors.yahoo.fault = "drop"
        await asyncio.sleep(0.5)
        last = await quoted(cache)
        mark = len(seen.batches)
        await asyncio.sleep(0.5)
        assert last is not None
        assert last == await quoted(cache)
        assert last.observed_at >= before.observed_at
        clock, nothing = seen.batches[-1]
        assert len(seen.batches) > mark
        assert (clock.state, nothing) == ("open", {})
        vendors.yahoo.fault, vendors.yahoo.prices["AAPL"] = None, 192.0
        # The line rests after several failures in a row; its own rest is longer than this test.


async def test_the_second_source_takes_over_and_is_named_until_the_first_is_back(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    vendors.alpaca.stream_fault = "406"
    async with running(database, cache, vendors, alpaca=True, play=InPlay(["AAPL"], accounts=True)):
        await quote_where(cache, lambda one: one.provider == "alpaca")
        vendors.alpaca.fault = 429
        await quote_where(cache, lambda one: one.provider == "yahoo")
        vendors.alpaca.fault = None
        await quote_where(cache, lambda one: one.provider == "alpaca")


def test_a_dead_source_is_left_within_five_seconds() -> None:
    """The figures that decide it; the second source's answer has what is left."""
    pace = Pace()
    assert pace.quotes_secs["open"] + pace.due_secs + HEDGE_SECS < 4.75


async def test_a_killed_first_source_is_left_for_the_second_and_is_first_again_when_it_returns(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    board = QuoteBoard(cache)

    async def note() -> str:
        return (await board.venue_clock("market")).note

    with ExitStack() as kill, ExitStack() as back:
        there = kill.enter_context(alpaca_data())
        urls = {**vendors.settings.vendor_urls, **there.urls}
        vendors.settings = vendors.settings.model_copy(update={"vendor_urls": urls})
        pace = Pace(stream=StreamPace(reconnect_secs=(0.2, 0.5)), play_secs=0.1)
        async with running(database, cache, vendors, alpaca=True, play=InPlay(["AAPL"], accounts=True), pace=pace):
            await quote_where(cache, lambda one: one.provider == "alpaca")
            assert await note() == ""
            there.fault = "drop"  # for connections that are open still
            kill.close()
            await quote_where(cache, lambda one: one.provider == "yahoo")
            await until(lambda: _true_of(note, "Alpaca market data does not answer; Yahoo Finance stands in"), "a note")

            async def seen_everywhere() -> bool:
                told = await read_sources(cache)
                return told is not None and (told.first, told.lead) == ("alpaca", "yahoo")

            await until(seen_everywhere, "who stands in, told to all processes")
            back.enter_context(alpaca_data(port=there.port, stream_port=there.stream_port))
            await quote_where(cache, lambda one: one.provider == "alpaca")
            await until(lambda: _true_of(note, ""), "no note")


async def _true_of(text: Callable[[], Awaitable[str]], wanted: str) -> bool:
    return await text() == wanted


async def test_a_silent_first_source_is_not_waited_for(database: Database, cache: Redis, vendors: Vendors) -> None:
    await open_now(database)
    vendors.alpaca.stream_fault, vendors.alpaca.hang_secs = "406", 30.0
    health = Health()
    async with running(database, cache, vendors, alpaca=True, play=InPlay(["AAPL"], accounts=True), health=health):
        await quote_where(cache, lambda one: one.provider == "alpaca")
        vendors.alpaca.fault = "hang"
        await quote_where(cache, lambda one: one.provider == "yahoo")
        assert "Yahoo Finance stands in" in health.note


async def test_what_is_refused_is_kept_counted_and_told(database: Database, cache: Redis, vendors: Vendors) -> None:
    await open_now(database)
    vendors.yahoo.prices |= {"AAPL": -5.0}
    quick = replace(QUICK, health_secs=0.1)
    async with running(database, cache, vendors, play=InPlay(["AAPL", "NVDA"], accounts=True), pace=quick):
        await quote_where(cache, lambda one: True, "NVDA")

        async def kept() -> bool:
            return bool(await newest_refusals(database))

        await until(kept, "a row")
        [row] = await newest_refusals(database)
        assert (row.provider, row.symbol, row.what, row.reason) == ("yahoo", "AAPL", "quote", "last … is not a price")
        assert "last -5.0" in row.excerpt

        async def more() -> bool:
            [now] = await newest_refusals(database)
            return now.times > row.times

        await until(more, "its like in the same row")
        told = await read_sources(cache)
        assert told is not None
        [yahoo] = told.sources
        assert yahoo.refused > 0
        assert yahoo.answers > 0
        assert yahoo.newest_at is not None


async def test_a_stream_moves_the_board_and_its_loss_is_made_good(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    there = vendors.alpaca
    async with running(database, cache, vendors, alpaca=True, play=InPlay(["AAPL", "^GSPC"], accounts=True)):
        await until(lambda: _true(bool(there._sockets)), "a stream")
        assert there.subscribed[0] == ["AAPL"]
        there.trade("AAPL", 193.25)
        await quote_where(cache, lambda one: one.last == Decimal("193.25"))
        assert (await quote_where(cache, lambda one: True, "^GSPC")).provider == "yahoo"
        there.drop_stream()
        await until(lambda: _true(len(there.subscribed) > 1 and bool(there._sockets)), "another stream")
        there.trade("AAPL", 194.5)
        await quote_where(cache, lambda one: one.last == Decimal("194.5"))


async def _true(value: bool) -> bool:
    return value


async def test_a_jump_is_suspect_until_a_second_source_bears_it_out(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    vendors.alpaca.stream_fault = "406"
    async with running(database, cache, vendors, alpaca=True, play=InPlay(["AAPL"], accounts=True)) as seen:
        await quote_where(cache, lambda one: one.provider == "alpaca")
        vendors.alpaca.prices["AAPL"] = 250.0
        await quote_where(cache, lambda one: one.condition == "suspect")
        mark = len(seen.batches)
        await asyncio.sleep(0.5)
        later = [quotes["AAPL"].condition for _, quotes in seen.batches[mark:] if "AAPL" in quotes]
        assert set(later) == {"suspect"}
        vendors.yahoo.prices["AAPL"] = 249.5
        await quote_where(cache, lambda one: one.condition == "normal" and one.last == Decimal("250.0"))


async def test_garbage_never_reaches_the_board(database: Database, cache: Redis, vendors: Vendors) -> None:
    await open_now(database)
    vendors.yahoo.prices |= {"AAPL": -5.0, "MSFT": 1e12}
    async with running(database, cache, vendors, play=InPlay(["AAPL", "MSFT", "NVDA"], accounts=True)):
        await quote_where(cache, lambda one: True, "NVDA")
        assert await QuoteBoard(cache).quotes("market", ["AAPL", "MSFT"]) == {}


async def test_a_late_source_gives_quotes_that_are_stale(database: Database, cache: Redis, vendors: Vendors) -> None:
    await open_now(database)
    vendors.yahoo.late_secs = 900
    async with running(database, cache, vendors, play=InPlay(["AAPL"], accounts=True)) as seen:
        quote = await quote_where(cache, lambda one: True)
        assert is_stale(quote, seen.batches[-1][0])


async def test_an_answer_that_is_older_than_what_is_shown_changes_nothing(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    async with running(database, cache, vendors, play=InPlay(["AAPL"], accounts=True)):
        shown = await quote_where(cache, lambda one: one.last == Decimal("190.12"))
        vendors.yahoo.late_secs, vendors.yahoo.prices["AAPL"] = 120, 150.0
        asked = len(vendors.yahoo.asked)
        await until(lambda: _more_than(vendors.yahoo.asked, asked + 3), "three more answers")
        late = await quoted(cache)
        assert late is not None
        assert (late.last, late.observed_at >= shown.observed_at) == (Decimal("190.12"), True)


async def _more_than(asked: list[str], count: int) -> bool:
    return len(asked) > count


async def test_the_first_look_fetches_bars_and_quotes_let_them_grow(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    days = await open_now(database)
    vendors.trade_on(days)
    async with running(database, cache, vendors):
        await first_look_at_bars(cache, "AAPL", "1d")
        bars = await load_bars(database, "market", "AAPL", "1d", until=utc_now())
        assert [bar.starts_at for bar in bars[:-1]] == days[:-1]
        assert {bar.provider for bar in bars} == {"yahoo"}
        vendors.yahoo.prices["AAPL"] = 195.75
        await want(cache, ["AAPL"], utc_now())

        async def grown() -> bool:
            now = await load_bars(database, "market", "AAPL", "1d", until=utc_now())
            return len(now) == len(days) and now[-1].close == Decimal("195.75") and now[-1].starts_at == days[-1]

        await until(grown, "a growing day")
        asked = vendors.yahoo.asked.count("/v8/finance/chart/AAPL")
        await first_look_at_bars(cache, "AAPL", "1d")
        assert vendors.yahoo.asked.count("/v8/finance/chart/AAPL") == asked
        await first_look_at_bars(cache, "AAPL", "5m")
        minutes = await load_bars(database, "market", "AAPL", "5m", until=utc_now())
        assert {bar.starts_at.minute % 5 for bar in minutes} == {days[-1].minute % 5}
        steps = {b.starts_at - a.starts_at for a, b in zip(minutes[-10:], minutes[-9:], strict=False)}
        assert steps == {timedelta(minutes=5)}


async def test_a_split_has_everything_fetched_anew(database: Database, cache: Redis, vendors: Vendors) -> None:
    days = await open_now(database)
    vendors.trade_on(days)
    async with running(database, cache, vendors):
        await first_look_at_bars(cache, "AAPL", "1d")
        vendors.yahoo.prices["AAPL"] = 95.06
        await database.run("UPDATE bar_coverage SET fetched_at = fetched_at - interval '3 hours'")
        await first_look_at_bars(cache, "AAPL", "1d")
        bars = await load_bars(database, "market", "AAPL", "1d", until=utc_now())
        assert len(bars) == len(days)
        assert all(bar.close < 100 for bar in bars[:-1])


async def test_a_symbol_is_found_at_the_source_and_known_from_its_first_use(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    async with running(database, cache, vendors):
        hits, words = await find_symbols(database, cache, "market", "berkshire", 8)
        assert ([one.symbol for one in hits], words) == (["BRK.B"], "")
        assert await list_instruments(database, "berkshire", venue="market") == []
        opened = await open_instrument(database, cache, "market", "BRK.B")
        assert (opened.name, opened.kind, opened.tradable) == ("Berkshire Hathaway Inc.", "equity", True)
        with pytest.raises(NotFound):
            await open_instrument(database, cache, "market", "VOD.L")
        with pytest.raises(NotFound):
            await open_instrument(database, cache, "replay", "BRK.B")
        vendors.yahoo.fault = 500
        hits, words = await find_symbols(database, cache, "market", "apple", 8)
        assert [one.symbol for one in hits] == ["AAPL"]
        assert "Yahoo" in words


async def test_without_a_worker_a_search_falls_back_at_once(database: Database, cache: Redis) -> None:
    with pytest.raises(Unavailable):
        await ask(cache, {"kind": "search", "text": "apple"})
    hits, words = await find_symbols(database, cache, "market", "apple", 8)
    assert (hits, "known here" in words) == ([], True)


async def test_after_a_restart_the_known_quotes_are_there_again(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    await open_now(database)
    async with running(database, cache, vendors, play=InPlay(["AAPL"], accounts=True)):
        await quote_where(cache, lambda one: True)
    vendors.yahoo.fault = 503
    async with running(database, cache, vendors, play=InPlay(["AAPL"], accounts=True)) as seen:
        await until(lambda: _true(bool(seen.batches)), "a batch")
        assert "AAPL" in seen.batches[0][1]
