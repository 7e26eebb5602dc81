"""When two reports are one story: the same address in other clothes, or the same headline within two days."""

import re
import unicodedata
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

SAME_STORY_WITHIN = timedelta(days=2)
TELLING_WORDS = 4
WORDS = re.compile(r"[^\W_]+")
# "Headline - Publisher", as aggregators write it.
PUBLISHER = re.compile(r"\s+[-–—|]\s+([^-–—|]{2,40})$")
MAX_PUBLISHER_WORDS = 4


def url_key(url: str) -> str:
    """What two spellings of one address share: no scheme, no `www.`, no slash at the end, parameters in order."""
    if not url:
        return ""
    parts = urlsplit(url)
    host = (parts.netloc or "").lower().removeprefix("www.").removeprefix("m.")
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    path = re.sub(r"/(amp|index\.html?)?/?$", "", parts.path)
    return f"{host}{path}" + (f"?{query}" if query else "")


def title_key(title: str, source: str) -> str:
    """The headline's words without case, accents, punctuation and publisher.

    A headline of few words ("Press release") is not telling: it is the same story only within its source.
    """
    text = title
    ending = PUBLISHER.search(title)
    if ending and (_words(ending[1]) == _words(source) or 0 < len(_words(ending[1])) < MAX_PUBLISHER_WORDS):
        text = title[: ending.start()]
    words = _words(text) or _words(title)
    key = " ".join(words)
    return key if len(words) >= TELLING_WORDS else f"{key} | {' '.join(_words(source))}"


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return WORDS.findall(
        "".join(char for char in plain if not unicodedata.combining(char)).replace("'", "").replace("’", "")
    )
