"""Targets as a person types them: a name and a percentage a line, such as `AAPL 40` or `Health Care 12.5`."""

import re
from collections.abc import Mapping
from decimal import Decimal

from starkmatter.domain.money import plain
from starkmatter.errors import InvalidInput

MAX_CHARS = 5_000
_LINE = re.compile(r"(?P<name>\S.*?)[\s:=]+(?P<pct>\d{1,3}(?:\.\d{1,4})?)\s*%?", re.ASCII)


def read_targets(text: str) -> dict[str, Decimal]:
    """Percent by name; empty lines are skipped. InvalidInput names the line that cannot be read or comes twice."""
    if len(text) > MAX_CHARS:
        raise InvalidInput(f"Targets may have {MAX_CHARS:,} characters.")
    found: dict[str, Decimal] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise InvalidInput(f"Line {number}, “{line.strip()[:60]}”, is no target. Write it like: AAPL 40.")
        if match["name"] in found:
            raise InvalidInput(f"Line {number}: {match['name']} has a target already.")
        found[match["name"]] = Decimal(match["pct"])
    return found


def text_of(targets: Mapping[str, Decimal]) -> str:
    """The same as `read_targets` reads it."""
    return "\n".join(f"{name} {plain(pct)}" for name, pct in targets.items())


def read_percent(text: str, what: str) -> Decimal:
    """A percentage; empty is none. InvalidInput when it is no figure."""
    typed = text.strip().removesuffix("%").strip()
    if not typed:
        return Decimal(0)
    if not re.fullmatch(r"\d{1,3}(\.\d{1,4})?", typed, re.ASCII):
        raise InvalidInput(f"{what}: give a percentage as a figure, such as 5 or 2.5.")
    return Decimal(typed)
