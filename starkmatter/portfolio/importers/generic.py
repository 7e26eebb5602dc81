"""Any table, by a mapping of its columns: a person's own spreadsheet, a program without an importer, our own export.

Without a mapping one is guessed from the headings and first rows; what cannot be told from them has to be chosen,
never assumed: days and months that could be either way, and lines that nothing says the kind of.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from decimal import Decimal
from io import StringIO

from starkmatter.domain.money import plain
from starkmatter.portfolio.importers.amounts import number, shown
from starkmatter.portfolio.importers.bounds import unreadable
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.mapping import CANONICAL, FIELDS, KIND_WORDS, ColumnMapping, guess_mapping
from starkmatter.portfolio.importers.moments import moment, zone_of
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.presets import cash_kind, read_table
from starkmatter.portfolio.importers.records import TRADES, BadLineError, Item, Kind, Record
from starkmatter.portfolio.importers.tables import Row

COSTS: frozenset[Kind] = frozenset({"buy", "fee", "tax", "withdrawal"})
UNSURE = {
    "date_order": "whether its dates begin with the day or the month",
    "decimal_mark": "whether a point or a comma stands before its decimals",
    "kind": "which column says what happened (buy, sell, dividend, ...)",
}


class GenericImporter:
    """A table by a mapping, given or guessed."""

    name, title = "csv", "CSV with columns of your choice"

    def __init__(self, mapping: ColumnMapping | None = None) -> None:
        self.mapping = mapping

    def recognizes(self, source: Source) -> bool:
        return guessed(source) is not None

    def read(self, source: Source) -> Iterator[Item]:
        mapping = self.mapping or guessed(source)
        if mapping is None:
            raise unreadable(
                "No column of the file could be told to be a date with an amount or shares. Map its columns."
            )
        if mapping.unsure:
            raise unreadable(
                f"Say {' and '.join(UNSURE.get(one, one) for one in mapping.unsure)}: the file leaves it open."
            )
        if "at" not in mapping.columns:
            raise unreadable("Say which column holds the date.")
        zone = zone_of(mapping.zone)
        if zone is None:
            raise unreadable(f"{shown(mapping.zone)} is not a time zone.")
        yield from read_table(source, mapping.required, lambda row: [_record(row, mapping, zone)])


def guessed(source: Source) -> ColumnMapping | None:
    """The mapping that the file itself suggests, None for what is no such table."""
    for place, (_, cells) in enumerate(source.head):
        names = {cell.strip().lower() for cell in cells}
        if CANONICAL.required <= names:
            return CANONICAL
        mapping = guess_mapping(cells, (row for _, row in source.head[place + 1 :]))
        if mapping is not None:
            return mapping
    return None


def _record(row: Row, mapping: ColumnMapping, zone: tzinfo) -> Record:
    def cell(name: str) -> str:
        column = mapping.columns.get(name)
        return row.get(column) if column else ""

    def value(name: str) -> Decimal | None:
        return number(cell(name), mapping.decimal_mark)

    qty, price, amount, fees, tax = (value(name) for name in ("qty", "price", "amount", "fees", "tax"))
    kind = _kind(cell("kind"), mapping, qty, amount)
    if kind in TRADES or kind.startswith("transfer"):
        qty = abs(qty) if qty is not None else None
    if amount is not None and not mapping.signed:
        amount = -abs(amount) if kind in COSTS else abs(amount) if kind in {"sell", "deposit"} else amount
    fees = abs(fees) if fees is not None else None
    return make_record(
        kind,
        moment(cell("at"), mapping.date_order, zone, cell("time")),
        (cell("currency") or mapping.currency).upper(),
        row.line_no,
        symbol=cell("symbol"),
        isin=cell("isin"),
        qty=qty,
        price=price,
        amount=amount,
        fees=fees,
        tax=abs(tax) if tax is not None else None,
        text=cell("text"),
        source_id=cell("source_id"),
    )


def _kind(words: str, mapping: ColumnMapping, qty: Decimal | None, amount: Decimal | None) -> Kind:
    """What the line says, or (in a table without kinds) what its shares and money say."""
    if "kind" not in mapping.columns:
        if qty:
            return "buy" if qty > 0 else "sell"
        return cash_kind(amount)
    small = " ".join(words.split()).lower()
    kind = mapping.kinds.get(small) or KIND_WORDS.get(small)
    if kind is None:
        raise BadLineError(f"{shown(words)} is not a kind that is known: map it")
    return kind


def generic_csv(records: Iterable[Record]) -> str:
    """Records as a table that reads back as the same records (but for their lines)."""
    written = StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    names = [name for name in FIELDS if name != "time"]
    writer.writerow(names)
    for one in records:
        cells = {
            "at": one.at.isoformat(), "kind": one.kind, "symbol": one.symbol, "isin": one.isin or "",
            "qty": _text(one.qty), "price": _text(one.price), "amount": plain(one.amount), "fees": plain(one.fees),
            "tax": plain(one.tax), "currency": one.currency, "text": one.text, "source_id": one.source_id,
        }  # fmt: skip
        writer.writerow([cells[name] for name in names])
    return written.getvalue()


def _text(value: Decimal | None) -> str:
    return "" if value is None else plain(value)
