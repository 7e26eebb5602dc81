"""What a person reads when a sign-in elsewhere did not work: a whole page, since they come as a whole page."""

from html import escape
from typing import Any

from starlette.responses import HTMLResponse

from starkmatter.errors import StarkMatterError

STARTED: dict[int | str, dict[str, Any]] = {303: {"description": "To the provider."}}
ENDED: dict[int | str, dict[str, Any]] = {
    303: {"description": "Signed in, linked or registered; or to the second step."},
    400: {"description": "It does not count; a page says why.", "content": {"text/html": {}}},
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · StarkMatter</title>
<script src="/theme.js"></script>
<link rel="stylesheet" href="/app.css">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
</head>
<body>
<main class="door"><div class="place"><div class="card">
<div class="brand"><img src="/icon.svg" width="20" height="20" alt=""><span>StarkMatter</span></div>
<h1>{title}</h1>
<div class="note bad" role="alert">{text}</div>
<a class="btn primary wide" href="{href}">{back}</a>
</div></div></main>
</body>
</html>
"""


def refusal_page(error: StarkMatterError, *, signed_in: bool = False) -> HTMLResponse:
    """The error's sentence and the way back: to the sign-in, or to Settings for somebody who is signed in."""
    href, back = ("/settings/security", "Back to Settings") if signed_in else ("/login", "Back to the sign-in")
    wait = error.details.get("retry_after_secs")
    return HTMLResponse(
        _PAGE.format(title="This sign-in did not work", text=escape(error.text), href=href, back=back),
        error.status,
        {} if wait is None else {"Retry-After": str(wait)},
    )
