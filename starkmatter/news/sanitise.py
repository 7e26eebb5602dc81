"""Makes plain text, plain addresses and believable dates of whatever a source sent; what cannot be saved is refused.

Nothing that left this module is markup. It is shown as text all the same.
"""

import html
import re
import unicodedata
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from starkmatter.egress.guard import is_public

MAX_RAW_CHARS = 20_000
TITLE_CHARS = 240
SUMMARY_CHARS = 600
SOURCE_CHARS = 60
URL_CHARS = 1_000
ROUNDS = 4
MAX_MARKS = 2
CLOCK_SLACK = timedelta(hours=48)
OLDEST = timedelta(days=90)

# Letters by their category, but nothing to see: fillers and the blank of braille.
INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\ufffc\ufffd")
DROPPED = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
NUMBERS = re.compile(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*")
TRACKING = re.compile(
    r"(utm_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|twclid|igshid|mc_[ce]id|_hs\w+|ref_?src|cmpid|ocid|ns_\w+|"
    r"icid|src_id|guc\w+|soc_\w+|smid|partner|feedtype|feedname)",
    re.IGNORECASE,
)
# Where markup breaks the line, words must not grow together.
BLOCK = re.compile(r"</?(?:p|br|div|li|ul|ol|h[1-6]|tr|td|table|blockquote)\b", re.IGNORECASE)
FORBIDDEN_IN_URL = re.compile(r"[\x00-\x20\x7f\\<>\"^`{|}]")
SAFE_IN_PATH = "/:@!$&'()*+,;=-._~%"


def clean_text(raw: str, max_chars: int) -> str:
    """Plain text on one line, at most `max_chars` long, without markup, entities or characters nobody can see."""
    text = raw[:MAX_RAW_CHARS]
    for _ in range(ROUNDS):
        before, text = text, _stripped(text)
        if text == before:
            break
    return _shortened(" ".join(_visible(text).split()), max_chars)


def _stripped(text: str) -> str:
    """One layer of entities and markup less. Scripts and styles go with what they hold."""
    import nh3

    plain = html.unescape(text)
    if "<" not in plain:
        return plain
    return html.unescape(nh3.clean(BLOCK.sub(r" \g<0>", plain), tags=set(), clean_content_tags={"script", "style"}))


def _visible(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text):
        category = unicodedata.category(char)
        if category in {"Zs", "Zl", "Zp"} or char in "\t\n\r\v\f":
            kept.append(" ")
        elif category not in DROPPED and char not in INVISIBLE:
            marks = marks + 1 if category in {"Mn", "Me"} else 0
            if marks <= MAX_MARKS:
                kept.append(char)
    return "".join(kept)


def _shortened(text: str, max_chars: int) -> str:
    if len(text) <= max_chars:
        return text
    cut = text[: max_chars - 1]
    word = cut.rfind(" ")
    return (cut[:word] if word > max_chars // 2 else cut).rstrip(" ,.;:-") + "…"


def clean_url(raw: str) -> str:
    """An http(s) address without tracking, fragment or anything to be misread; empty when there is none to trust.

    Addresses of the reader's own network are not: a headline must not lead to a router.
    """
    text = html.unescape(raw[: URL_CHARS * 2]).strip()
    if FORBIDDEN_IN_URL.search(text) or not text.lower().startswith(("http://", "https://")):
        return ""
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return ""
    if not host or parts.username is not None or "@" in parts.netloc or not re.fullmatch(r"[a-z0-9.:_-]+", host):
        return ""
    if not _is_outside(host):
        return ""
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme.lower()]:
        netloc += f":{port}"
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not TRACKING.fullmatch(pair[0])]
    path = quote(parts.path, safe=SAFE_IN_PATH)
    found = urlunsplit((parts.scheme.lower(), netloc, path, urlencode(pairs), ""))
    return found if len(found) <= URL_CHARS else ""


def _is_outside(host: str) -> bool:
    """Whether a click there leaves the reader's own network: no private address in any form, no local name."""
    if ":" in host or NUMBERS.fullmatch(host):
        return is_public(host)
    return "." in host and not host.endswith((".local", ".localhost", ".internal", ".lan", ".home.arpa"))


def clean_instant(published_at: datetime | None, now: datetime) -> datetime | None:
    """When it was published, never later than `now`; None for what is too old or too far ahead to be believed.

    A report without a date is dated `now`; a date a little ahead (a wrong time zone, a wrong clock) becomes `now`.
    """
    if published_at is None:
        return now
    if not now - OLDEST <= published_at <= now + CLOCK_SLACK:
        return None
    return min(published_at, now)
