"""Small changes to one function of the database, one at a time, made on its text."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.mutation.python import Mutant

# Strings and comments are left alone; everything else is a candidate, and what the server cannot read is not counted.
QUIET = re.compile(r"'(?:[^']|'')*'|--[^\n]*")
SWAPPED = (
    (r"(?<![<>:!=])>=", (">", "<")),
    (r"(?<![<>:!=])<=", ("<", ">")),
    (r"<>", ("=",)),
    (r"(?<![<>:!=])>(?![>=])", (">=", "<=")),
    (r"(?<![<>:!=])<(?![<>=])", ("<=", ">=")),
    (r"(?<![<>:!=])=(?![>=])", ("<>",)),
    (r"(?<= )\+(?= )", ("-",)),
    (r"(?<= )-(?= )", ("+",)),
    (r"(?<= )\*(?= )", ("/",)),
    (r"(?<= )/(?= )", ("*",)),
    (r"(?<=[ (,])-(?=[a-z(])", ("",)),
    (r"\bAND\b", ("OR",)),
    (r"\bOR\b(?! REPLACE)", ("AND",)),
    (r"\bNOT (?!NULL|NOTHING|MATERIALIZED|VALID)", ("",)),
    (r"\bIS NULL\b", ("IS NOT NULL",)),
    (r"\bIS NOT NULL\b", ("IS NULL",)),
    (r"\bIS DISTINCT FROM\b", ("IS NOT DISTINCT FROM",)),
    (r"\bTRUE\b|\btrue\b", ("false",)),
    (r"\bFALSE\b|\bfalse\b", ("true",)),
    (r"\bgreatest\b", ("least",)),
    (r"\bleast\b", ("greatest",)),
    (r"\bANY\b", ("ALL",)),
    (r"\bALL\b", ("ANY",)),
    (r"(?<![\w.$'])0(?![\w.])", ("1",)),
    (r"(?<![\w.$'])[1-9]\d*(?![\w.])", ("0",)),
    (r"\bCONTINUE;", ("",)),
    (r"\bFOR (?:NO KEY )?UPDATE(?: OF \w+)?\b", ("",)),
    (r"\bON CONFLICT[^;]*?DO NOTHING", ("",)),
    (r"\bORDER BY [\w., ]+(?=[;)\n])", ("",)),
)
ENDS = re.compile(r"\b(?:AND|OR|THEN|RETURNING|ORDER|GROUP|FOR|ON|LOOP|ELSE|WHEN|WHERE|UNION|LIMIT)\b|[;)]")


def changed_texts(text: str) -> list[str]:
    """A statement that a module keeps as a text, each time with one change that leaves it readable."""
    quiet = [found.span() for found in QUIET.finditer(text)]
    return [
        text[:start] + new + text[end:]
        for start, end, new in sorted(set(_swaps(text)))
        if not any(begin <= start < stop for begin, stop in quiet) and not _sets(text, start, new)
    ]


def _sets(text: str, start: int, new: str) -> bool:
    """Whether it is no comparison that is changed but what a column is set to."""
    before = re.findall(r"\b(?:SET|SELECT|FROM|WHERE|AND|OR|ON|WHEN|CASE)\b", text[:start])
    return new == "<>" and before[-1:] == ["SET"]


def mutants(text: str) -> "Iterator[Mutant]":
    """Every mutant of the function, in the order of its lines."""
    from tests.mutation.python import Mutant

    quiet = [found.span() for found in QUIET.finditer(text)]
    body = text.index("AS $")
    found = [
        (start, end, new)
        for start, end, new in [*_swaps(text), *_dropped(text), *_statements(text)]
        if start >= body and not any(begin <= start < stop for begin, stop in quiet)
    ]
    for start, end, new in sorted(set(found)):
        was = " ".join(text[start:end].split())
        line_start = text.rfind("\n", 0, start) + 1
        context = text[line_start : text.find("\n", start)].strip()
        what = f"{was}  ->  {new or 'nothing'}   in   {context}"
        yield Mutant(text.count("\n", 0, start) + 1, what, text[:start] + new + text[end:])


def _swaps(text: str) -> Iterator[tuple[int, int, str]]:
    for pattern, others in SWAPPED:
        for found in re.finditer(pattern, text):
            for other in others:
                yield found.start(), found.end(), other


def _dropped(text: str) -> Iterator[tuple[int, int, str]]:
    """Each condition that others are joined to, or that is the first of them, counted as met."""
    for found in re.finditer(r"\b(?:AND|WHERE|IF|OR|WHEN)\s+", text):
        depth, place = 0, found.end()
        while place < len(text):
            if text[place] == "(":
                depth += 1
            elif depth == 0 and ENDS.match(text, place):
                break
            elif text[place] == ")":
                depth -= 1
            place += 1
        neutral = "false" if found.group().startswith("OR") else "true"
        yield found.end(), place, f"{neutral} "


def _statements(text: str) -> Iterator[tuple[int, int, str]]:
    for found in re.finditer(r"\b(?:PERFORM|RAISE EXCEPTION|DELETE FROM)\b[^;]*;", text):
        yield found.start(), found.end(), "NULL;"
