"""Bounds of groups as a person types them: one a line, such as `Technology 40` (at most) or `Health Care 10-30`."""

import re
from decimal import Decimal

from starkmatter.errors import InvalidInput
from starkmatter.portfolio.optimizing.records import Bound

MAX_CHARS = 2_000
_PCT = r"\d{1,3}(?:\.\d{1,4})?"
_LINE = re.compile(rf"(?P<group>\S.*?)[\s:=]+(?:(?P<least>{_PCT})\s*%?\s*-\s*)?(?P<most>{_PCT})\s*%?", re.ASCII)


def read_bounds(text: str) -> tuple[Bound, ...]:
    """Each line's bound; empty lines are skipped. InvalidInput names the line that cannot be read or comes twice."""
    if len(text) > MAX_CHARS:
        raise InvalidInput(f"Bounds may have {MAX_CHARS:,} characters.")
    found: dict[str, Bound] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip().replace("–", "-"))
        if match is None:
            raise InvalidInput(f"Line {number}, “{line.strip()[:60]}”, is no bound. Write it like: Technology 10-40.")
        group = " ".join(match["group"].split())
        if group in found:
            raise InvalidInput(f"Line {number}: {group} has a bound already.")
        found[group] = Bound(group, Decimal(match["least"] or 0), Decimal(match["most"]))
    return tuple(found.values())
