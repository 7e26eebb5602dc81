"""Feeds on loopback: RSS 2.0, Atom, nothing new, garbage, too much, entities that multiply, redirects, silence."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

ETAG = '"v1-canary"'
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE bomb [<!ENTITY l0 "ha">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    + ']><rss version="2.0"><channel><title>Bomb</title><item><title>&l9;</title></item></channel></rss>'
)
FILE_READER = (
    '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    '<rss version="2.0"><channel><title>Reader</title><item><title>before &x; after</title></item></channel></rss>'
)


@dataclass
class Entry:
    """One item. Texts go out as they are, escaped once as XML wants it."""

    title: str
    url: str = "https://news.example.org/1"
    summary: str = ""
    at: datetime | None = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=1))


@dataclass
class Feeds:
    """`entries` by path; the other paths misbehave as they are called. `asked` keeps path and headers."""

    port: int = 0
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    redirect_to: str = ""
    hang_secs: float = 1.0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def allow(self) -> str:
        """For STARKMATTER_EGRESS_ALLOW."""
        return f"127.0.0.1:{self.port}"

    def count(self, path: str) -> int:
        return sum(one == path for one, _ in self.asked)


def rss(entries: list[Entry], title: str = "Example wire") -> bytes:
    items = "".join(
        f"<item><title>{escape(one.title)}</title><link>{escape(one.url)}</link>"
        f"<description>{escape(one.summary)}</description>"
        + (f"<pubDate>{format_datetime(one.at)}</pubDate>" if one.at else "")
        + "</item>"
        for one in entries
    )
    head = f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>{escape(title)}</title>'
    return f"{head}<link>https://news.example.org</link>{items}</channel></rss>".encode()


def atom(entries: list[Entry], title: str = "Example atom") -> bytes:
    items = "".join(
        f'<entry><title type="html">{escape(one.title)}</title><link href="{escape(one.url)}"/>'
        f'<summary type="html">{escape(one.summary)}</summary>'
        + (f"<updated>{one.at.isoformat()}</updated>" if one.at else "")
        + "</entry>"
        for one in entries
    )
    head = f'<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>{title}</title>'
    return f"{head}{items}</feed>".encode()


class _Handler(BaseHTTPRequestHandler):
    feeds: Feeds
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        feeds, path = self.feeds, urlsplit(self.path).path
        feeds.asked.append((path, {name.lower(): value for name, value in self.headers.items()}))
        if path in feeds.raw:
            return self._answer(200, feeds.raw[path])
        if path in feeds.entries:
            if self.headers.get("If-None-Match") == ETAG:
                return self._answer(304, b"")
            body = atom(feeds.entries[path]) if path.endswith(".atom") else rss(feeds.entries[path])
            return self._answer(200, body, {"ETag": ETAG, "Last-Modified": "Mon, 02 Nov 2026 10:00:00 GMT"})
        status = path.strip("/")
        if status.isdigit():
            more = {"Retry-After": "7"} if status == "429" else {}
            return self._answer(int(status), b"<html>No.</html>", more)
        if path == "/redirect":
            return self._answer(302, b"", {"Location": feeds.redirect_to})
        if path == "/hang":
            time.sleep(feeds.hang_secs)
            return self._answer(200, rss([]))
        if path == "/huge":
            return self._answer(200, b"<rss>" + b"x" * 3_000_000)
        return self._answer(404, b"")

    def _answer(self, status: int, body: bytes, more: dict[str, str] | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/xml; charset=utf-8", **(more or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the play."""


@contextmanager
def feed_server() -> Iterator[Feeds]:
    """A running server; its `port` is free to be named in STARKMATTER_EGRESS_ALLOW, or not."""
    feeds = Feeds()
    server = QuietServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"feeds": feeds}))
    feeds.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield feeds
    finally:
        server.shutdown()
        server.server_close()
