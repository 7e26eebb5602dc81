"""The Content-Security-Policy: scripts are our own files, and on a page also those the build wrote into it, by hash."""

import os
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.+?)</script>", re.DOTALL | re.IGNORECASE)
FALLBACKS = ("/404.html", "/__spa-fallback.html")


class PagePolicies:
    """The policy of each prerendered page of a build: its own scripts by their hash, and no other page's.

    `of` takes the path of a request. What is not prerendered (a page of a symbol, or nothing) is answered with one of
    the build's fallbacks. Without a build no inline script runs.
    """

    def __init__(self, web: Path) -> None:
        root = web / "build" / "client"
        hashes = {
            "/" + page.relative_to(root).as_posix(): inline_script_hashes(page.read_text(encoding="utf-8"))
            for page in root.rglob("*.html")
        }
        by_path: dict[str, set[str]] = {}
        for file, found in hashes.items():
            # A page lies in two files, of which either may be served.
            for path in {file, file.removesuffix("index.html"), file.removesuffix(".html")}:
                by_path.setdefault(path.rstrip("/"), set()).update(found)
        fallbacks = {one for file in FALLBACKS for one in hashes.get(file, ())}
        self._else = content_policy(sorted(fallbacks)).encode()
        self._by_path = {path: content_policy(sorted(found)).encode() for path, found in by_path.items()}

    def of(self, path: str) -> bytes:
        """The policy of the page at `path`."""
        return self._by_path.get(path.rstrip("/"), self._else)


def inline_script_hashes(page: str) -> set[str]:
    """Sources for `script-src` of every script in a page."""
    return {
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in INLINE_SCRIPT.findall(page)
    }


def content_policy(hashes: list[str]) -> str:
    """The policy of an answer whose inline scripts have these hashes.

    Styles may be inline: the style attributes of React and the style sheets that charts bring are written at run time.
    """
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self'", *hashes)),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def served_build() -> Path:
    """The folder Reflex serves its pages from in this process."""
    return Path(os.environ.get("REFLEX_WEB_WORKDIR", ".web"))
