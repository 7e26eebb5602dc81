"""NewsAPI on loopback: /v2/everything and /v2/top-headlines in its wire format, misbehaving as told."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.standins.feeds import QuietServer

KEY = "newsapi-canary-key-0f31c2"
ERRORS = {
    401: "apiKeyInvalid",
    426: "parameterInvalid",
    429: "rateLimited",
    500: "unexpectedError",
}


def article(title: str, **more: Any) -> dict[str, Any]:
    """One article as the vendor sends it."""
    at = datetime.now(UTC) - timedelta(hours=30)
    return {
        "source": {"id": None, "name": "Example Times"},
        "author": "A. Writer",
        "title": title,
        "description": "What happened, in a sentence.",
        "url": "https://times.example.org/a",
        "urlToImage": "https://tracker.example.org/pixel.gif",
        "publishedAt": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "content": "What happened, in a sentence and a bit more… [+1234 chars]",
        **more,
    }


@dataclass
class NewsApi:
    """`articles` is what every question is answered with. `faults` are used up front to back: a status or a word of
    `hang`, `garbage`, `html`, `drop`, `deep`, `huge`, `redirect`, `wrong-types`."""

    port: int = 0
    articles: list[dict[str, Any]] = field(default_factory=list)
    faults: list[int | str] = field(default_factory=list)
    asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = field(default_factory=list)
    hang_secs: float = 1.0

    @property
    def urls(self) -> dict[str, str]:
        """For STARKMATTER_VENDOR_URLS."""
        return {"newsapi": f"http://127.0.0.1:{self.port}"}


class _Handler(BaseHTTPRequestHandler):
    api: NewsApi

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.api.asked.append((parts.path, parse_qs(parts.query), headers))
        fault = self.api.faults.pop(0) if self.api.faults else None
        if isinstance(fault, int):
            body = {"status": "error", "code": ERRORS.get(fault, "unexpectedError"), "message": f"Because of {KEY}."}
            return self._answer(fault, json.dumps(body).encode(), {"Retry-After": "30"} if fault == 429 else {})
        if fault == "hang":
            time.sleep(self.api.hang_secs)
        if fault == "drop":
            self.close_connection = True
            return None
        raw = {
            "garbage": b'{"status":"ok","articles":[{"title":',
            "html": b"<html>502</html>",
            "deep": b"[" * 200_000,
            "huge": b'{"a":"' + b"x" * 3_000_000 + b'"}',
            "wrong-types": b'{"status":"ok","articles":{"0":"x"}}',
        }.get(str(fault))
        if raw is not None:
            return self._answer(200, raw)
        if fault == "redirect":
            return self._answer(302, b"", {"Location": "http://127.0.0.1:9/"})
        if headers.get("authorization") != KEY:
            return self._answer(401, b'{"status":"error","code":"apiKeyInvalid","message":"no"}')
        found = {"status": "ok", "totalResults": len(self.api.articles), "articles": self.api.articles}
        return self._answer(200, json.dumps(found).encode())

    def _answer(self, status: int, body: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def news_api() -> Iterator[NewsApi]:
    api = NewsApi()
    server = QuietServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": api}))
    api.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
