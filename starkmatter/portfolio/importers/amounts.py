"""Numbers as files write them: exact, with the decimal mark their format has, never through a float."""

import re
from decimal import Decimal
from typing import Literal

from starkmatter.portfolio.importers.records import BadLineError

DecimalMark = Literal[".", ","]
# What the database holds: twelve digits before the point, and room after it for what files state.
MOST_BEFORE, MOST_AFTER = 12, 12
CURRENCY_SIGNS = re.compile(r"^(?:US\$|[$€£¥]|[A-Z]{3}\s)|(?:[$€£]|\s[A-Z]{3})$")
POINT = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+")
COMMA = re.compile(r"\d{1,3}(?:[. '’]\d{3})+(?:,\d+)?|\d+(?:,\d*)?|,\d+")
PLAIN = re.compile(r"-?\d{1,12}(?:\.\d{1,12})?", re.ASCII)
EMPTY = frozenset({"", "-", "--", "n/a", "N/A", "not available", "Not available"})


def number(text: str, mark: DecimalMark = ".") -> Decimal | None:
    """The number, None where there is none. `$1,234.50`, `(1.00)` and `5-` are read; BadLineError says what is not."""
    if mark == "." and PLAIN.fullmatch(text):
        return Decimal(text) + 0
    rest = text.strip().replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-")
    if rest in EMPTY:
        return None
    negative = False
    if rest.startswith("(") and rest.endswith(")"):
        negative, rest = True, rest[1:-1].strip()
    # The sign stands before or after the currency: -$5, $-5, 5-.
    for _ in range(2):
        if rest[:1] in {"-", "+"}:
            if negative:
                raise BadLineError(f"{shown(text)} has two signs")
            negative, rest = rest[0] == "-", rest[1:].strip()
        rest = CURRENCY_SIGNS.sub("", rest).strip()
    if rest.endswith("-") and not negative:
        negative, rest = True, rest[:-1].strip()
    if not rest.isascii() and mark == ".":
        raise BadLineError(f"{shown(text)} is not a number")
    if not (POINT if mark == "." else COMMA).fullmatch(rest):
        raise BadLineError(f"{shown(text)} is not a number with “{mark}” before its decimals")
    plain = rest.replace(",", "") if mark == "." else re.sub(r"[. '’]", "", rest).replace(",", ".")
    whole, _, decimals = plain.partition(".")
    if len(whole.lstrip("0")) > MOST_BEFORE or len(decimals.rstrip("0")) > MOST_AFTER:
        raise BadLineError(f"{shown(text)} has more digits than the books keep")
    value = Decimal(plain)
    return -value if negative and value else value


def shown(text: str) -> str:
    """A cell in a sentence: quoted, on one line, not too long."""
    flat = " ".join(text.split())
    return f"“{flat[:60]}…”" if len(flat) > 60 else f"“{flat}”"
