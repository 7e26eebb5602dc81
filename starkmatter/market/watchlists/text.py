"""Symbols out of a text somebody brings: a CSV with a column of symbols, or plain lists. Nothing is guessed.

A list may have commas, semicolons, blanks or lines between symbols, `NASDAQ:AAPL` and comments after `#`. Size and
number of lines are bounded, and whatever is no symbol is refused by its line.
"""

import csv
import re

from starkmatter.domain.pairs import meant_by
from starkmatter.errors import InvalidInput
from starkmatter.market.lookup import SYMBOL
from starkmatter.market.watchlists.records import RefusedLine

MAX_CHARS = 50_000
MAX_LINES = 1_000
MAX_SAID_CHARS = 40
HEADS = {"symbol", "symbols", "ticker"}
_BETWEEN = re.compile(r"[,;\s]+")


def parse_symbols(text: str) -> tuple[list[tuple[int, str]], list[RefusedLine]]:
    """(line, symbol) in order, each symbol once, and what is refused. InvalidInput when the text is too large."""
    if len(text) > MAX_CHARS:
        raise InvalidInput(f"An import has {MAX_CHARS:,} characters at most.")
    lines = text.lstrip("\ufeff").splitlines()
    if len(lines) > MAX_LINES:
        raise InvalidInput(f"An import has {MAX_LINES:,} lines at most.")
    return _gather(_cells(lines))


def _cells(lines: list[str]) -> list[tuple[int, str]]:
    """(line, text) of everything that stands where a symbol should."""
    table = _column(lines)
    if table is not None:
        return table
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip().startswith("#"):
            found += [(number, part) for part in _BETWEEN.split(line.strip()) if part and not part.startswith("#")]
    return found


def _column(lines: list[str]) -> list[tuple[int, str]] | None:
    """The column of symbols of a CSV whose first line names it; None when there is no such line."""
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return None
    delimiter = ";" if lines[first].count(";") > lines[first].count(",") else ","
    heads = [cell.strip().lower() for cell in next(csv.reader([lines[first]], delimiter=delimiter), [])]
    place = next((number for number, head in enumerate(heads) if head in HEADS), None)
    if place is None:
        return None
    found = []
    for number, line in enumerate(lines[first + 1 :], first + 2):
        cells = next(csv.reader([line], delimiter=delimiter), []) if line.strip() else []
        if cells:
            found.append((number, cells[place] if place < len(cells) else ""))
    return found


def _gather(cells: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], list[RefusedLine]]:
    taken: list[tuple[int, str]] = []
    refused: list[RefusedLine] = []
    seen: set[str] = set()
    for line, cell in cells:
        said = cell.strip()
        # A table of ours puts an apostrophe before what a spreadsheet could take for a formula.
        symbol = said.removeprefix("'").rpartition(":")[2].strip().upper()
        symbol = meant_by(symbol) if "/" in symbol else symbol
        if not SYMBOL.fullmatch(symbol):
            refused.append(RefusedLine(line, _short(said), "it is no symbol" if said else "the cell is empty"))
        elif symbol in seen:
            refused.append(RefusedLine(line, symbol, "it is named twice"))
        else:
            seen.add(symbol)
            taken.append((line, symbol))
    return taken, refused


def _short(said: str) -> str:
    shown = "".join(char if char.isprintable() else "�" for char in said)
    return shown if len(shown) <= MAX_SAID_CHARS else f"{shown[:MAX_SAID_CHARS]}…"
