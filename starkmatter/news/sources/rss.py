"""RSS and Atom feeds: fetched by the guarded client, asked only for what is new, parsed in a process with little power.

A feed's address is its own, so there is no name for it in STARKMATTER_VENDOR_URLS; one on a private network must be
named in STARKMATTER_EGRESS_ALLOW.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.guard import TIMEOUT_SECS, Fetched, allowed_destinations, fetch
from starkmatter.egress.line import Line
from starkmatter.errors import InvalidInput
from starkmatter.news.ports import RawItem
from starkmatter.ops.outside import run_python
from starkmatter.settings import Settings

CAPABILITY = Capability(
    port="news",
    adapter="rss",
    vendor="RSS and Atom feeds",
    client="feedparser",
    connection=None,
    gives=("headlines", "summaries", "links"),
    limits="each feed at most every 15 minutes, 1 MB and 100 entries an answer; etag and last-modified are honored",
    notes="Two official feeds come with the product; an admin adds others. Only headline, summary and link are kept.",
)

MAX_FEED_BYTES = 1_000_000
PER_MIN = 10
PARSE_SECS = 8.0
PARSER = Path(__file__).with_name("feed_text.py")
ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
MAX_LINES = 200

_lines: dict[str, Line] = {}


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """Where a feed is, and what it said of its last answer; both are empty for a feed never read."""

    url: str
    title: str = ""
    etag: str = ""
    last_modified: str = ""


class RssSource:
    """One feed. After `fetch`, `etag` and `last_modified` are what to ask with next time, `title` its own name."""

    capability = CAPABILITY

    def __init__(
        self, settings: Settings, feed: FeedAddress, *, tries: int = 1, timeout_secs: float = TIMEOUT_SECS
    ) -> None:
        self._feed = feed
        self._allowed = allowed_destinations(settings.egress_allow)
        self._timeout_secs = timeout_secs
        self.host = (urlsplit(feed.url).hostname or "this address")[:80]
        # The next collection is the retry.
        self._line = _line_to(feed.url, self.host, tries, timeout_secs)
        self.title, self.etag, self.last_modified = feed.title, feed.etag, feed.last_modified

    async def fetch(self, names: Sequence[str] = ()) -> list[RawItem]:
        """See the port. Empty also when nothing changed since the last answer."""
        answer = await self._line.read(self._ask)
        if answer.status == 304:
            return []
        read = await self._parse(answer)
        self.title = self.title or read["title"]
        self.etag = answer.headers.get("etag", "")[:200]
        self.last_modified = answer.headers.get("last-modified", "")[:100]
        return [self._item(entry, answer.url) for entry in read["entries"]]

    async def _ask(self) -> Fetched:
        headers = {"Accept": ACCEPT}
        if self._feed.etag:
            headers["If-None-Match"] = self._feed.etag
        if self._feed.last_modified:
            headers["If-Modified-Since"] = self._feed.last_modified
        return await fetch(
            self._feed.url,
            allowed=self._allowed,
            headers=headers,
            max_bytes=MAX_FEED_BYTES,
            timeout_secs=self._timeout_secs,
        )

    async def _parse(self, answer: Fetched) -> dict[str, Any]:
        content_type = answer.headers.get("content-type", "")[:100]
        read = await parsed(answer.body, content_type)
        if read is None:
            raise VendorFailure(self.host, "garbage", f"{self.host} sends something that cannot be read as a feed.")
        if not read["feed"]:
            raise VendorFailure(self.host, "garbage", f"{self.host} answers, but not with an RSS or Atom feed.")
        return read

    def _item(self, entry: dict[str, Any], base: str) -> RawItem:
        at = entry["at"]
        return RawItem(
            title=entry["title"],
            summary=entry["summary"],
            url=_absolute(base, entry["url"]),
            source=entry["source"] or self.title or self.host,
            published_at=_instant(at) if at is not None else None,
        )


async def parsed(body: bytes, content_type: str, *, within_secs: float = PARSE_SECS) -> dict[str, Any] | None:
    """What the parser's process made of it; None when it gave up, was too slow or asked for too much."""
    done = await run_python(["-I", str(PARSER), content_type], body, within_secs=within_secs)
    if done is None or done.exit_code != 0:
        return None
    read: dict[str, Any] = json.loads(done.out)
    return read


def _line_to(url: str, host: str, tries: int, timeout_secs: float) -> Line:
    """One line per feed, kept between runs: a dead one is left alone for a while and stops no other."""
    if url not in _lines:
        if len(_lines) >= MAX_LINES:
            _lines.pop(next(iter(_lines)))
        _lines[url] = Line(host, per_min=PER_MIN, tries=tries, timeout_secs=timeout_secs * 2)
    return _lines[url]


def _absolute(base: str, url: str) -> str:
    try:
        return urljoin(base, url) if url else ""
    except ValueError:
        return ""


def _instant(secs: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(secs, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def check_address(url: str) -> str:
    """The address of a feed as it is kept; InvalidInput when it is none that could be fetched."""
    text = url.strip()
    parts = urlsplit(text) if text.isprintable() and " " not in text else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or len(text) > 500:
        raise InvalidInput("A feed's address starts with https:// or http://.")
    if parts.username is not None:
        raise InvalidInput("An address with a user name in it is not kept here.")
    return text
