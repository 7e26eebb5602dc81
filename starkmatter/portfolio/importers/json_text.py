"""JSON whose numbers stay exact and whose depth is looked at before anything is built."""

import json
import re
from decimal import Decimal
from typing import Any

from starkmatter.portfolio.importers.bounds import MAX_CELL_CHARS, MAX_DEPTH, too_large, unreadable
from starkmatter.portfolio.importers.records import BadLineError

# A string that nobody closes goes to the end at once: tried from each of its quotes it would take for ever.
BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
MOST_DIGITS = 40


def loads(text: str) -> Any:
    """The value, numbers as Decimal; InvalidInput for what is no JSON, too deep, or has a number nobody writes."""
    depth = 0
    for found in BRACKETS.finditer(text):
        bracket = found[0]
        if bracket in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise too_large(f"The file is nested more than {MAX_DEPTH} deep.")
        elif bracket in "]}":
            depth -= 1
    try:
        return json.loads(text.lstrip("\ufeff"), parse_float=_number, parse_int=_number, parse_constant=_constant)
    except BadLineError as error:
        raise unreadable(f"The file holds a number that cannot be one: {error}.") from None
    except (ValueError, RecursionError):
        raise unreadable("The file looks like JSON but is not whole. Export it again.") from None


def _number(text: str) -> Decimal:
    if len(text) > MOST_DIGITS:
        raise BadLineError("it is too long")
    return Decimal(text)


def _constant(text: str) -> Decimal:
    raise BadLineError(text)


def word(entry: dict[str, Any], *names: str) -> str:
    """The first of these fields that says something, as text; "" when none does. BadLineError for what is no text."""
    for name in names:
        value = entry.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, (str, Decimal)):
            raise BadLineError(f"its {name} is neither text nor a number")
        text = format(value, "f") if isinstance(value, Decimal) and abs(value.adjusted()) < MOST_DIGITS else str(value)
        if len(text) > MAX_CELL_CHARS:
            raise BadLineError(f"its {name} is too long")
        return text.strip()
    return ""
