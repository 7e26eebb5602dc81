"""The texts of API and refresh tokens: a mark that scanners know, 256 random bits in base 62, and a checksum."""

import secrets
import string
from zlib import crc32

API_MARK = "smk_"
REFRESH_MARK = "smr_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_CHARS = 43  # 62^43 > 2^256
CHECKSUM_CHARS = 6  # 62^6 > 2^32
SHOWN_CHARS = 4


def new_text(mark: str) -> str:
    """A fresh token with that mark."""
    body = mark + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARS))
    return body + _checksum(body)


def is_text(text: str, mark: str) -> bool:
    """Whether it could be one of ours: mark, length and checksum fit. Tells nothing of whether it counts."""
    body, checksum = text[:-CHECKSUM_CHARS], text[-CHECKSUM_CHARS:]
    return (
        text.isascii()
        and text.startswith(mark)
        and len(body) == len(mark) + RANDOM_CHARS
        and checksum == _checksum(body)
    )


def hint_of(text: str) -> str:
    """How a token begins: enough to tell one's own apart."""
    return text[: len(API_MARK) + SHOWN_CHARS] + "…"


def _checksum(body: str) -> str:
    rest, digits = crc32(body.encode()), ""
    for _ in range(CHECKSUM_CHARS):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
