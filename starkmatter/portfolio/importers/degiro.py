"""DEGIRO: Transactions.csv of Inbox > Transactions > Export, in English, Dutch or German.

Columns as DEGIRO's export is described by others, not held against an account's:
Date, Time, Product, ISIN, Reference exchange, Venue, Quantity, Price, (its
currency), Local value, (its currency), Value, (its currency), Exchange rate, Transaction and/or third party fees,
(its currency), Total, (its currency), Order ID; since 2025 Value EUR, AutoFX Fee, Transaction and/or third party fees
EUR, Total EUR. A currency without a name stands right of its number. Decimals follow a comma or a point, as the cells
show. Times are Amsterdam's, sold shares negative; there is an ISIN and no symbol. One order in parts is one line for
each. Dividends and deposits stand in Account.csv, which is not read. It states no total.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice

from starkmatter.domain.money import ZERO, plain
from starkmatter.portfolio.importers.amounts import DecimalMark, number
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.moments import AMSTERDAM, moment
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.presets import decimal_mark, read_table
from starkmatter.portfolio.importers.records import BadLineError, Item
from starkmatter.portfolio.importers.tables import Row, heading_in, rows_under

COLUMNS = ("date", "time", "product", "qty", "price", "rate")
ENGLISH = dict(zip(COLUMNS, ("date", "time", "product", "quantity", "price", "exchange rate"), strict=True))
DUTCH = dict(zip(COLUMNS, ("datum", "tijd", "product", "aantal", "koers", "wisselkoers"), strict=True))
GERMAN = dict(zip(COLUMNS, ("datum", "uhrzeit", "produkt", "anzahl", "kurs", "wechselkurs"), strict=True))
VALUES, TOTALS = ("value", "waarde", "wert"), ("total", "totaal", "gesamt")
FEES = (
    "autofx", "transaction and", "transaction costs", "transactiekosten", "transaktionsgebühren", "transaktionskosten",
)  # fmt: skip
SAMPLE_ROWS = 200


class DegiroImporter:
    """The table of trades, whatever its language."""

    name, title = "degiro", "DEGIRO"

    def recognizes(self, source: Source) -> bool:
        return self._words(source) is not None

    def read(self, source: Source) -> Iterator[Item]:
        words = self._words(source) or ENGLISH
        required = {words["date"], words["time"], words["qty"], words["price"], "isin"}
        first = islice(rows_under(source.text, source.mark, required), SAMPLE_ROWS)
        cells = [cell for row in first if isinstance(row, Row) for cell in row.cells]
        mark = decimal_mark(cells, "." if words is ENGLISH else ",")
        yield from read_table(source, required, lambda row: _row(row, words, mark))

    def _words(self, source: Source) -> dict[str, str] | None:
        for words in (ENGLISH, DUTCH, GERMAN):
            places = heading_in(source.head, {*words.values(), "isin"})
            if places is not None and any(name.startswith("order id") for name in places):
                return words
        return None


def _row(row: Row, words: dict[str, str], mark: DecimalMark) -> Iterable[Item]:
    qty, price = number(row.get(words["qty"]), mark), number(row.get(words["price"]), mark)
    if qty is None or price is None:
        raise BadLineError("it does not say shares and a price")
    total, currency = _money(row, TOTALS, mark)
    _, value_currency = _money(row, VALUES, mark)
    if total is None:
        raise BadLineError("it does not say its total")
    fees = ZERO
    for column in row.places:
        if column.startswith(FEES):
            cost, unit = _cell(row, column, mark)
            if cost and unit and unit != currency:
                raise BadLineError(f"its fees are in {unit}, its total in {currency}")
            fees += -cost if cost else ZERO
    price_unit = row.after(words["price"]).upper()
    note = row.get(words["product"])
    if price_unit != currency or value_currency != currency:
        note += f", at {plain(price)} {price_unit}"
    yield make_record(
        "buy" if qty > 0 else "sell",
        moment(row.get(words["date"]), "dmy", AMSTERDAM, row.get(words["time"])),
        currency,
        row.line_no,
        isin=row.get("isin"),
        qty=abs(qty),
        price=price if price_unit == currency else None,
        amount=total,
        fees=fees,
        text=note,
        # An order that was filled in parts has one number for all of them, so that it is none of a line.
        source_id="",
    )


def _money(row: Row, names: tuple[str, ...], mark: DecimalMark) -> tuple[Decimal | None, str]:
    for column in row.places:
        if column in names or (column[:-4] in names and column[-4:-3] == " "):
            return _cell(row, column, mark)
    return None, ""


def _cell(row: Row, column: str, mark: DecimalMark) -> tuple[Decimal | None, str]:
    """A number and its currency: the end of the column's name, or the cell beside it."""
    unit = column[-3:].upper() if column.endswith((" eur", " usd", " gbp", " chf")) else row.after(column).upper()
    return number(row.get(column), mark), unit if len(unit) == 3 and unit.isalpha() else ""
