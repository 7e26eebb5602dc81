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
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from starkmatter.domain.money import plain
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.importers.catalog import GENERIC, named_importer, read_file, recognize
from starkmatter.portfolio.importers.decoding import text_of
from starkmatter.portfolio.importers.generic import guessed
from starkmatter.portfolio.importers.mapping import from_data, to_data
from starkmatter.portfolio.importers.planning import Plan, Planned, plan_import
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.records import Record, Remark
from starkmatter.portfolio.importing.totals import kind_totals, stated_totals

CPU_SECS = 60
MEMORY_BYTES = 1_500_000_000
MOST_UNNAMED = 200
SHOWN_ROWS, SHOWN_COLUMNS, CELL_CHARS = 6, 60, 60
COMES_FIRST = frozenset({"deposit", "transfer_in", "buy"})

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
    plan = plan_import(reading, asked["currency"], frozenset(asked["known"]))
    yield from _lines(plan)
    yield from _bookings(plan)
    moments = [one.at for one in reading.records]
    yield [
        "summary",
        {
            "format": reading.format,
            "title": chosen.title if chosen is not None else GENERIC.title,
            "counts": {
                "booked": len(plan.booked),
                "known": len(plan.known),
                "not_booked": len(plan.not_booked),
                "problem": len(plan.unread),
                "note": len(plan.notes),
            },
            "cash": plain(plan.cash),
            "first_at": min(moments).isoformat() if moments else None,
            "last_at": max(moments).isoformat() if moments else None,
            "kinds": [[one.kind, one.currency, one.count, plain(one.cash)] for one in kind_totals(reading.records)],
            "stated": [
                [one.name, one.currency, plain(one.stated), _text(one.come), one.agrees]
                for one in stated_totals(reading)
            ],
            "totals_off": list(plan.totals_off),
            "unnamed": unnamed(reading.records),
        },
    ]


def _named(record: Record, symbols: dict[str, str]) -> Record:
    """Under the symbol it has here; its fingerprint stays that of the file."""
    symbol = symbols.get(record.symbol or record.isin or "")
    return record if symbol is None else replace(record, symbol=symbol)


def unnamed(records: Iterable[Record]) -> list[list[str]]:
    """Securities that the file knows by their ISIN alone, each with what it says of one of their lines."""
    found: dict[str, str] = {}
    for one in records:
        if one.isin and not one.symbol and one.qty:
            found.setdefault(one.isin, one.text)
    return [[isin, words] for isin, words in sorted(found.items())][:MOST_UNNAMED]


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


def _lines(plan: Plan) -> Iterator[Said]:
    for place, booked in enumerate(plan.booked):
        yield ["line", "booked", place, *_facts(booked.record), booked.is_repeat, _entry_words(booked)]
    for place, known in enumerate(plan.known):
        words = "It stands in the file before." if known.in_this_file else "It was booked before."
        yield ["line", "known", place, *_facts(known.record), False, words]
    for place, left in enumerate(plan.not_booked):
        yield ["line", "not_booked", place, *_facts(left.record), False, left.reason]
    remarks: tuple[tuple[str, tuple[Remark, ...]], ...] = (("problem", plan.unread), ("note", plan.notes))
    for outcome, found in remarks:
        for place, remark in enumerate(found):
            words = remark.text[:1].upper() + remark.text[1:]
            yield ["line", outcome, place, remark.line_no, *[None] * 8, False, words]


def _facts(record: Record) -> list[Any]:
    return [
        record.line_no,
        record.kind,
        record.at.isoformat(),
        record.symbol or record.isin or "",
        _text(record.qty),
        _text(record.price),
        plain(record.amount),
        record.currency,
        record.text,
    ]


def _entry_words(booked: Planned) -> str:
    return "; ".join(booking.description for booking in booked.bookings)


def _bookings(plan: Plan) -> Iterator[Said]:
    for turn, place in enumerate(in_time(plan.booked)):
        one = plan.booked[place]
        for part, booking in enumerate(one.bookings):
            yield [
                "booking",
                place,
                part,
                turn,
                one.fingerprint,
                booking.kind,
                booking.description,
                one.record.at.isoformat(),
                [leg.account for leg in booking.legs],
                [leg.commodity for leg in booking.legs],
                [plain(leg.amount) for leg in booking.legs],
            ]


def in_time(booked: tuple[Planned, ...]) -> list[int]:
    """The places of the records in the order of time; at one instant what comes in goes before what goes out.

    A file that lists the newest first is turned round, so that what its days have no time for keeps its order.
    """
    places = list(range(len(booked)))
    if booked and booked[0].record.at > booked[-1].record.at:
        places.reverse()

    def turn(place: int) -> tuple[datetime, bool]:
        record = booked[place].record
        return record.at, record.kind not in COMES_FIRST

    return sorted(places, key=turn)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


if __name__ == "__main__":
    main()
