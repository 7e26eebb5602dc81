"""The Content-Security-Policy: scripts are our own files, and on a page also those the build wrote into it, by hash."""

import os
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.+?)</script>", re.DOTALL | re.IGNORECASE)


def inline_script_hashes(web: Path) -> list[str]:
    """Sources for `script-src` of every script in the prerendered pages of a build; none when there is no build."""
    pages = sorted((web / "build" / "client").rglob("*.html"))
    scripts = {script for page in pages for script in INLINE_SCRIPT.findall(page.read_text(encoding="utf-8"))}
    return sorted(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)


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
