"""The sources that need a key, by the kind of their connection."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from starkmatter.accounts.vault import Secrets
from starkmatter.news.ports import NewsSource
from starkmatter.news.sources.newsapi import CAPABILITY as NEWSAPI
from starkmatter.news.sources.newsapi import MAX_A_DAY, NewsApiSource
from starkmatter.settings import Settings


@dataclass(frozen=True, slots=True)
class KeyedSource:
    """How to open it with its key (`turn` counts its questions of the day), and how often its plan lets us ask."""

    vendor: str
    open: Callable[[Settings, Secrets, int], NewsSource]
    a_day: int
    pause: timedelta


KEYED = {
    NEWSAPI.adapter: KeyedSource(
        NEWSAPI.vendor,
        lambda settings, secrets, turn: NewsApiSource(settings, secrets, turn=turn),
        MAX_A_DAY,
        timedelta(minutes=25),
    )
}
