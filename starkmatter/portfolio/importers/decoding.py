"""The bytes of a file as text: UTF-8, UTF-16 in either order, else Windows' and ISO's Latin 1."""

import codecs

from starkmatter.portfolio.importers.bounds import MAX_BYTES, too_large, unreadable

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
SAMPLE_BYTES = 4_000


def text_of(content: bytes) -> str:
    """The text with `\\n` as its only line end; InvalidInput for what is too large, empty or not text at all."""
    if len(content) > MAX_BYTES:
        raise too_large(f"The file is larger than {MAX_BYTES // 1024 // 1024} MB. Export a shorter period.")
    text = _decoded(content).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise unreadable("The file is empty.")
    if "\0" in text:
        raise unreadable("The file is not text. Spreadsheets have to be saved as CSV first.")
    return text


def _decoded(content: bytes) -> str:
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return _strictly(content[len(mark) :], encoding)
    guess = _utf16_without_mark(content[:SAMPLE_BYTES])
    if guess is not None:
        return _strictly(content, guess)
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise unreadable("The file says that it is Unicode but is broken. Export it again.") from None


def _utf16_without_mark(sample: bytes) -> str | None:
    """Western text in UTF-16 has a zero in every second byte."""
    if len(sample) < 4:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    most = len(sample) // 2 * 0.7
    if odd > most and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > most and odd == 0 else None
