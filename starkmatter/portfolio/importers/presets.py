"""What importers of tables share: a heading that shows whose file it is, and a function that reads one row."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from starkmatter.portfolio.importers.amounts import DecimalMark, number, shown
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind, Remark
from starkmatter.portfolio.importers.tables import Row, heading_in, refused, rows_under

COMMA_DECIMALS = re.compile(r"-?[\d.]*\d,(?:\d{1,2}|\d{4,})")
POINT_DECIMALS = re.compile(r"-?[\d,]*\d\.(?:\d{1,2}|\d{4,})")
OPTIONS = "options are not read yet"


@dataclass(frozen=True, slots=True)
class TableImporter:
    """A format that is one table: `required` are columns that no other format has together, in small letters."""

    name: str
    title: str
    required: frozenset[str]
    read_row: Callable[[Row], Iterable[Item]]

    def recognizes(self, source: Source) -> bool:
        return heading_in(source.head, self.required) is not None

    def read(self, source: Source) -> Iterator[Item]:
        yield from read_table(source, self.required, self.read_row)


def read_table(source: Source, required: Iterable[str], read_row: Callable[[Row], Iterable[Item]]) -> Iterator[Item]:
    """Each row read by `read_row`; a row of several records gives all of them or a problem."""
    for row in rows_under(source.text, source.mark, required):
        if isinstance(row, Remark):
            yield row
            continue
        try:
            yield from list(read_row(row))
        except BadLineError as error:
            yield refused(row.line_no, error)


def note(row: Row, text: str) -> Remark:
    """A row that is left out on purpose."""
    return Remark(row.line_no, text, "note")


def kind_of(words: str, kinds: Mapping[str, Kind], what: str = "kind of line") -> Kind:
    """The kind these words stand for, compared in small letters; BadLineError when they are not known."""
    kind = kinds.get(" ".join(words.lower().split()))
    if kind is None:
        raise BadLineError(f"{shown(words)} is not a {what} that is read")
    return kind


def cash_kind(amount: Decimal | None) -> Kind:
    """Money that came in or went out, by its sign."""
    return "withdrawal" if amount is not None and amount < 0 else "deposit"


def decimal_mark(cells: Iterable[str], otherwise: DecimalMark) -> DecimalMark:
    """What stands before decimals in these cells; `otherwise` where they leave it open, such as in 1,234."""
    comma = point = 0
    for cell in cells:
        comma += bool(COMMA_DECIMALS.fullmatch(cell.strip()))
        point += bool(POINT_DECIMALS.fullmatch(cell.strip()))
    return "," if comma > point else "." if point > comma else otherwise


def positive(value: Decimal | None) -> Decimal | None:
    """Without its sign: of files that write shares or costs as what they change."""
    return None if value is None else abs(value)


def total_of(row: Row, *names: str) -> Decimal:
    """The sum of several columns of costs, each without its sign."""
    return sum((abs(number(row.get(name)) or Decimal(0)) for name in names), Decimal(0))
