"""A benchmark of several instruments: how it is written, and what it comes to day by day.

The weights are those of each close: what moved apart within a day is brought back to them at its end, without cost.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

MIX = re.compile(r"\s*(\d{1,3}(?:\.\d{1,4})?)\s*%?\s+(\S{1,20})\s*")
WHOLE = Decimal(100)
MOST_PARTS = 10
HOW = "A blend is written as 60 SPY, 40 AGG: percentages that add up to 100, at most ten symbols, each once."


def parse_blend(text: str) -> tuple[tuple[Decimal, str], ...] | None:
    """The percentages and symbols; None for what is a symbol alone. ValueError in words for what is meant and wrong."""
    if "," not in text and not MIX.fullmatch(text):
        return None
    found = [MIX.fullmatch(part) for part in text.split(",")]
    parts = tuple((Decimal(one[1]), one[2].upper()) for one in found if one is not None)
    symbols = {symbol for _, symbol in parts}
    whole = sum((percent for percent, _ in parts), Decimal(0))
    if len(parts) != len(found) or len(symbols) != len(parts) or len(parts) > MOST_PARTS or whole != WHOLE:
        raise ValueError(HOW)
    if any(percent <= 0 for percent, _ in parts):
        raise ValueError(HOW)
    return parts


def blend_text(parts: Sequence[tuple[Decimal, str]]) -> str:
    """As it is written."""
    return ", ".join(f"{percent.normalize():f} {symbol}" for percent, symbol in parts)


def blended(parts: Sequence[tuple[Decimal, Mapping[date, Decimal]]]) -> dict[date, Decimal]:
    """The blend's closes, 100 on the first day that all parts have one; a day that one of them lacks has none."""
    days = sorted(set.intersection(*(set(closes) for _, closes in parts))) if parts else []
    found: dict[date, Decimal] = {}
    value = WHOLE
    for number, day in enumerate(days):
        if number:
            before = days[number - 1]
            value *= sum((percent * closes[day] / closes[before] for percent, closes in parts), Decimal(0)) / WHOLE
        found[day] = value
    return found
