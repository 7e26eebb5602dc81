"""CSV as tables: which mark separates cells, where the heading stands, and each row by the names of its columns."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from starkmatter.portfolio.importers.amounts import shown
from starkmatter.portfolio.importers.bounds import (
    HEAD_LINES,
    MAX_CELL_CHARS,
    MAX_COLUMNS,
    MAX_LINE_CHARS,
    MAX_ROWS,
    too_large,
    unreadable,
)
from starkmatter.portfolio.importers.records import BadLineError, Remark

MARKS = (",", ";", "\t", "|")
# Lines beyond the limit of records: headings, sections, disclaimers.
SPARE_ROWS = 2_000
# Blank lines say nothing but have to be walked over.
MOST_LINES = 4 * MAX_ROWS


@dataclass(frozen=True, slots=True)
class Row:
    """One row: where it begins in the file, its cells, and the place of each column by its name."""

    line_no: int
    cells: Sequence[str]
    places: dict[str, int]

    def get(self, *names: str) -> str:
        """The cell of the first of these columns that the table has, stripped; "" when it has none."""
        for name in names:
            place = self.places.get(name)
            if place is not None:
                return self.cells[place].strip()
        return ""

    def after(self, name: str) -> str:
        """The cell right of a column: some files give the currency of a number there, without a name."""
        place = self.places.get(name)
        return "" if place is None or place + 1 >= len(self.cells) else self.cells[place + 1].strip()


def lines_of(text: str, mark: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line it begins at; InvalidInput when one goes past a limit."""
    reader = csv.reader(_bounded(text), delimiter=mark, strict=True)
    before, lines, count = 0, 0, 0
    try:
        for cells in reader:
            line_no, before = before + 1, reader.line_num
            lines += 1
            if lines > MOST_LINES:
                raise too_large(f"The file has more than {MOST_LINES:,} lines, most of them blank.")
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MAX_ROWS + SPARE_ROWS:
                raise too_large(f"The file has more than {MAX_ROWS:,} rows. Export a shorter period.")
            if len(cells) > MAX_COLUMNS:
                raise too_large(f"Line {line_no:,} has more than {MAX_COLUMNS} columns.")
            if any(len(cell) > MAX_CELL_CHARS for cell in cells):
                raise too_large(f"Line {line_no:,} has a cell of more than {MAX_CELL_CHARS:,} characters.")
            yield line_no, cells
    except csv.Error:
        raise unreadable(
            f"Line {reader.line_num:,} cannot be split into cells: a quote is not closed, or words follow one."
        ) from None


def _bounded(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end + 1
        if end - start > MAX_LINE_CHARS:
            raise too_large(f"A line of the file has more than {MAX_LINE_CHARS:,} characters.")
        yield text[start:end]
        start = end


def mark_of(text: str) -> str:
    """What separates the cells: the mark that stands most often, outside quotes, in the widest of the first lines."""
    head = text[:MAX_LINE_CHARS].split("\n", HEAD_LINES)[:HEAD_LINES]
    most = {mark: max((_outside_quotes(line).count(mark) for line in head), default=0) for mark in MARKS}
    return max(MARKS, key=lambda mark: most[mark])


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def named(cells: Iterable[str]) -> dict[str, int]:
    """The place of each column by its name in small letters; the first of two with one name."""
    places: dict[str, int] = {}
    for place, cell in enumerate(cells):
        name = " ".join(cell.replace("\ufeff", "").split()).lower()
        if name:
            places.setdefault(name, place)
    return places


def heading_in(head: Sequence[tuple[int, list[str]]], required: Iterable[str]) -> dict[str, int] | None:
    """The columns of the first row that has all `required` ones, None when no row does."""
    wanted = set(required)
    for _, cells in head:
        places = named(cells)
        if wanted <= set(places):
            return places
    return None


def rows_under(text: str, mark: str, required: Iterable[str]) -> Iterator[Row | Remark]:
    """Every row below the heading that has all `required` columns; what stands above it is noted.

    A row that has fewer cells than the heading is text around the table when only its first cell says something, and a
    problem otherwise; one with more is a problem.
    """
    wanted = set(required)
    places: dict[str, int] = {}
    heading: list[str] = []
    width = 0
    for line_no, cells in lines_of(text, mark):
        if not heading:
            found = named(cells)
            if wanted <= set(found):
                places, heading, width = found, cells, len(cells)
            else:
                yield Remark(line_no, f"{shown(' '.join(cells))} stands above the table.", "note")
            continue
        if cells == heading:
            yield Remark(line_no, "The heading stands here again.", "note")
            continue
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            yield Remark(line_no, f"This line has {len(cells)} cells, the heading has {width}.")
            continue
        if len(cells) < width:
            if not any(cell.strip() for cell in cells[1:]) and not cells[0].strip()[:1].isdecimal():
                yield Remark(line_no, f"{shown(cells[0])} is no line of the table.", "note")
                continue
            # Blank cells at the end of a row may be left out, no others.
            if len(cells) < width - _blank_end(places, width):
                yield Remark(line_no, f"This line has {len(cells)} cells, the heading has {width}.")
                continue
            cells = [*cells, *[""] * (width - len(cells))]
        yield Row(line_no, cells, places)
    if not heading:
        raise unreadable("The heading of the table was not found.")


def _blank_end(places: dict[str, int], width: int) -> int:
    """How many columns at the end of the heading have no name."""
    return width - 1 - max(places.values(), default=width - 1)


def refused(line_no: int, error: BadLineError) -> Remark:
    """The problem of a line, as a sentence."""
    words = str(error)
    return Remark(line_no, f"{words[:1].upper()}{words[1:]}.")
