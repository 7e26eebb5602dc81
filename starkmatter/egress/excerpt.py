"""The beginning of something a vendor sent, fit to be kept and shown: short, one line, and nothing secret in it."""

import re
from collections.abc import Iterable
from urllib.parse import quote

from starkmatter.ops.logging import MASK, redact

MAX_CHARS = 200
# What is cut must be looked through whole: a key that begins in it may end behind it.
LOOKED_AT_CHARS = 4_000
SPACES = re.compile(r"[^\x21-\x7e]+")


def excerpt_of(sent: bytes | str, hide: Iterable[str] = ()) -> str:
    """At most MAX_CHARS of `sent`, printable; whatever `hide` holds (keys) is masked, however it is written."""
    text = sent.decode("utf-8", "replace") if isinstance(sent, bytes) else sent
    text = SPACES.sub(" ", text[:LOOKED_AT_CHARS]).strip()
    for secret in hide:
        for written in {secret, quote(secret, safe="")}:
            if len(written) >= 4:
                text = re.sub(re.escape(written), MASK, text, flags=re.IGNORECASE)
    return redact(text)[:MAX_CHARS]
