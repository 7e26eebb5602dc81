"""Reads one file in a process of its own: a line of JSON and then the file on stdin, lines of JSON on stdout.

Files are foreign and a parser is patient with them. Here it has little time, little memory, no network, no secret and
two streams; whoever started it can end it at any moment. What it says:

    ["progress", items]                         so many were read
    ["columns", {heading, rows, mapping}]       of a table: what a mapping can choose from, and the one that was guessed
    ["line", outcome, place, ...]               a line of the dry run
    ["booking", place, part, turn, ...]         an entry that booking it would write, in the ledger's own legs
    ["summary", {...}]                          the end: counts and totals
    ["problem", code, words]                    the end: the file as a whole was refused
"""

import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from starkmatter.errors import InvalidInput
from starkmatter.portfolio.importers.catalog import GENERIC, named_importer, read_file, recognize
from starkmatter.portfolio.importers.decoding import text_of
from starkmatter.portfolio.importers.generic import guessed
from starkmatter.portfolio.importers.mapping import from_data, to_data
from starkmatter.portfolio.importers.planning import plan_import
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.records import Record
from starkmatter.portfolio.importing.dry_run import bookings_of_plan, lines_of, summary_of
from starkmatter.portfolio.importing.own_journal import is_own_journal, journal_told

CPU_SECS = 60
MEMORY_BYTES = 1_500_000_000
SHOWN_ROWS, SHOWN_COLUMNS, CELL_CHARS = 6, 60, 60

Said = list[Any]


def main() -> None:
    """One file from stdin; the last line that is said is its summary or its problem."""
    for limit, value in ((resource.RLIMIT_CPU, CPU_SECS), (resource.RLIMIT_AS, MEMORY_BYTES)):
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
    asked = orjson.loads(sys.stdin.buffer.readline())
    for said in told(asked, sys.stdin.buffer.read()):
        sys.stdout.buffer.write(orjson.dumps(said) + b"\n")


def told(asked: dict[str, Any], content: bytes) -> Iterator[Said]:
    """Everything that is said of a file; `asked` has the account's currency, format, mapping and known fingerprints."""
    try:
        source = Source(text_of(content))
        if is_own_journal(source.text):
            yield from journal_told(asked, source.text)
            return
        if source.is_table:
            yield ["columns", columns_of(source)]
        yield from _read(asked, content, source)
    except InvalidInput as error:
        yield ["problem", error.code, error.text]
    except (MemoryError, RecursionError):
        yield ["problem", "import_too_large", "The file takes more memory than one file may. Export a shorter period."]


def _read(asked: dict[str, Any], content: bytes, source: Source) -> Iterator[Said]:
    mapping = None if asked["mapping"] is None else from_data(asked["mapping"])
    chosen = GENERIC if mapping else named_importer(asked["format"]) if asked["format"] else recognize(source)

    def progress(done: int, _: int | None) -> None:
        # It is told inside of reading, where nothing can be handed on: it goes out at once.
        sys.stdout.buffer.write(orjson.dumps(["progress", done]) + b"\n")
        sys.stdout.buffer.flush()

    format_name = asked["format"] or None
    reading = read_file(content, format_name=format_name, mapping=mapping, progress=progress)
    reading = replace(reading, records=tuple(_named(one, asked["symbols"]) for one in reading.records))
    until = datetime.fromisoformat(asked["now"])
    plan = plan_import(reading, asked["currency"], frozenset(asked["known"]), until)
    yield from (["line", *line] for line in lines_of(plan))
    yield from (["booking", *booking] for booking in bookings_of_plan(plan))
    title = chosen.title if chosen is not None else GENERIC.title
    yield ["summary", summary_of(reading, plan, title)]


def _named(record: Record, symbols: dict[str, str]) -> Record:
    """Under the symbol it has here; its fingerprint stays that of the file."""
    symbol = symbols.get(record.symbol or record.isin or "")
    return record if symbol is None else replace(record, symbol=symbol)


def columns_of(source: Source) -> dict[str, Any]:
    """The heading of a table, its first rows, and the mapping that they suggest (None when they suggest none)."""
    rows = [[cell.strip()[:CELL_CHARS] for cell in cells[:SHOWN_COLUMNS]] for _, cells in source.head]
    mapping = guessed(source)
    heading = 0
    if mapping is not None:
        for place, cells in enumerate(rows):
            if mapping.required <= {" ".join(cell.split()).lower() for cell in cells}:
                heading = place
                break
    else:
        # The first row that is as wide as the table; titles before it are narrow.
        widest = max((len([cell for cell in cells if cell]) for cells in rows), default=0)
        heading = next((n for n, cells in enumerate(rows) if len([cell for cell in cells if cell]) == widest), 0)
    return {
        "heading": rows[heading] if rows else [],
        "rows": rows[heading + 1 : heading + 1 + SHOWN_ROWS],
        "mapping": None if mapping is None else to_data(mapping),
    }


if __name__ == "__main__":
    main()
