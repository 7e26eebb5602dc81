"""The board and the feed that fills it: newest value wins, a dead Valkey delays and loses nothing."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.domain.quotes import VenueClock
from starkmatter.errors import Unavailable
from starkmatter.market.board import QuoteBoard, age_ms, quotes_key
from starkmatter.market.feed import Feed
from tests.market.test_border import NOW, quote

CLOCK = VenueClock("replay", NOW, "open", NOW.date(), None, NOW + timedelta(hours=6), speed=10, run_id=1, seed=7)


async def test_the_board_gives_back_what_was_published(cache):
    board = QuoteBoard(cache)
    await board.publish("replay", {"AAPL": quote()}, clock=CLOCK, now=NOW)
    assert await board.quotes("replay") == {"AAPL": quote()}
    assert await board.quotes("replay", ["AAPL", "NOPE"]) == {"AAPL": quote()}
    assert await board.quotes("replay", []) == {}
    assert await board.venue_clock("replay") == CLOCK
    assert await board.heard_at("replay") == NOW


async def test_the_two_venues_do_not_share_quotes(cache):
    board = QuoteBoard(cache)
    await board.publish("replay", {"AAPL": quote()}, clock=CLOCK, now=NOW)
    assert await board.quotes("market") == {}
    with pytest.raises(Unavailable, match="not started"):
        await board.venue_clock("market")
    assert await board.heard_at("market") is None


async def test_a_broken_entry_of_the_board_is_left_out_and_the_others_remain(cache):
    board = QuoteBoard(cache)
    await board.publish("replay", {"AAPL": quote()}, clock=CLOCK, now=NOW)
    await cache.hset(quotes_key("replay"), mapping={"BAD": b"<html>", "NAN": b'{"last":"NaN"}'})
    assert list(await board.quotes("replay")) == ["AAPL"]


async def test_a_dead_valkey_is_unavailable_not_an_empty_board():
    board = QuoteBoard(Redis.from_url("redis://127.0.0.1:1"))
    with pytest.raises(Unavailable):
        await board.quotes("replay")


def test_age_is_counted_on_our_clock_and_never_negative():
    assert age_ms(quote(), NOW + timedelta(milliseconds=253)) == 250
    assert age_ms(quote(), NOW - timedelta(seconds=5)) == 0


def test_the_feed_keeps_no_refused_quote_and_counts_it(cache):
    feed = Feed("replay", QuoteBoard(cache), lambda: NOW)
    admitted = feed.admit({"AAPL": quote(), "MSFT": quote()}, NOW)
    assert list(admitted) == ["AAPL"]
    assert feed.refused_count == 1
    assert "MSFT" not in feed.newest


class FlakyBoard(QuoteBoard):
    """A board whose Valkey is away at first."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.away = True
        self.published: list[list[str]] = []

    async def publish(self, venue, changed, **options):
        if self.away:
            raise Unavailable("away")
        self.published.append(list(changed))
        await super().publish(venue, changed, **options)


async def test_what_piles_up_while_valkey_is_away_goes_out_merged_with_the_newest_value(cache):
    board = FlakyBoard(cache)
    feed, stop = Feed("replay", board, lambda: datetime.now(UTC)), asyncio.Event()
    publishing = asyncio.create_task(feed.publish_until(stop))
    for cents in range(5):
        feed.admit({"AAPL": quote(f"100.0{cents}")}, NOW)
        feed.announce()
        await asyncio.sleep(0.01)
    board.away = False
    deadline = time.monotonic() + 10
    while not board.published and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert (await board.quotes("replay"))["AAPL"].last == Decimal("100.04")
    assert sum(symbols.count("AAPL") for symbols in board.published) == 1
    stop.set()
    publishing.cancel()
    with suppress(asyncio.CancelledError):
        await publishing
