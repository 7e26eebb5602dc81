"""Backends with a home of their own, instruments to link to, and the feeds of a test."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.backends import Backends
from starkmatter.db.database import Database
from starkmatter.news.sources import newsapi, rss
from starkmatter.settings import load_settings
from tests.builders import INSTRUMENT
from tests.standins.feeds import Feeds, feed_server
from tests.standins.newsapi import NewsApi, news_api

COMPANIES = (("AAPL", "Apple Inc."), ("MSFT", "Microsoft Corporation"), ("KO", "The Coca-Cola Company"))


@dataclass
class Wires:
    """A room with its two stand-ins."""

    b: Backends
    feeds: Feeds
    api: NewsApi


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    with feed_server() as started:
        yield started


@pytest.fixture
def api() -> Iterator[NewsApi]:
    with news_api() as started:
        yield started


@pytest.fixture(autouse=True)
def _fresh_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """No breaker or bucket of a test before."""
    monkeypatch.setattr(rss, "_lines", {})
    monkeypatch.setattr(newsapi, "_shared", {})
    monkeypatch.setattr(newsapi, "PER_MIN", 600)
    monkeypatch.setattr(rss, "PER_MIN", 600)


@pytest.fixture
async def wires(database: Database, cache: Redis, tmp_path: Path, feeds: Feeds, api: NewsApi) -> Wires:
    """Nobody uses the market yet, and the feeds that came with the product are gone: they are on the internet."""
    settings = load_settings(
        {
            "STARKMATTER_HOME": str(tmp_path),
            "STARKMATTER_EGRESS_ALLOW": feeds.allow,
            "STARKMATTER_VENDOR_URLS": api.urls,
        }
    )
    await database.run("DELETE FROM news_feed")
    for symbol, name in COMPANIES:
        await database.run(INSTRUMENT, (symbol, name, "equity", True))
    return Wires(Backends(settings, database, cache), feeds, api)
