"""Which column of a table means what, as data that is kept: guessed from headings, confirmed by a person."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from starkmatter.portfolio.importers.amounts import DecimalMark, shown
from starkmatter.portfolio.importers.bounds import unreadable
from starkmatter.portfolio.importers.checking import CURRENCY
from starkmatter.portfolio.importers.moments import DAY, DateOrder, zone_of
from starkmatter.portfolio.importers.presets import decimal_mark
from starkmatter.portfolio.importers.records import KINDS, Kind
from starkmatter.portfolio.importers.tables import named

FIELDS = (
    "at", "time", "kind", "symbol", "isin", "qty", "price", "amount", "fees", "tax", "currency", "text", "source_id",
)  # fmt: skip
# What headings say, in small letters, the surest first.
WORDS: dict[str, tuple[str, ...]] = {
    "at": (
        "at", "date", "trade date", "transaction date", "activity date", "run date", "datum", "fecha", "data", "day",
    ),
    "time": ("time", "trade time", "tijd", "uhrzeit", "hora"),
    "kind": (
        "kind", "type", "action", "transaction type", "activity", "side", "typ", "buchungstyp", "buy/sell",
    ),
    "symbol": ("symbol", "ticker", "ticker symbol", "instrument", "security", "stock", "asset"),
    "isin": ("isin", "isin code"),
    "qty": ("qty", "quantity", "shares", "units", "no. of shares", "aantal", "anzahl", "stück", "cantidad"),
    "price": (
        "price", "unit price", "price per share", "price / share", "share price", "koers", "kurs", "preis", "precio",
    ),
    "amount": ("amount", "net amount", "total", "value", "net", "betrag", "bedrag", "totaal", "gesamt", "importe"),
    "fees": ("fees", "fee", "commission", "commissions", "costs", "kosten", "gebühren", "gebühr", "charges"),
    "tax": ("tax", "taxes", "withholding tax", "steuern", "steuer", "belasting"),
    "currency": ("currency", "ccy", "währung", "valuta", "moneda"),
    "text": ("text", "description", "note", "notes", "memo", "comment", "beschreibung", "omschrijving"),
    "source_id": ("source_id", "id", "transaction id", "reference", "order id", "trade id"),
}  # fmt: skip
KIND_WORDS: dict[str, Kind] = {
    **{kind: kind for kind in KINDS},
    **dict.fromkeys(("b", "bought", "purchase", "bot", "kauf", "koop", "market buy", "limit buy", "reinvest"), "buy"),
    **dict.fromkeys(("s", "sold", "sale", "sld", "verkauf", "verkoop", "market sell", "limit sell"), "sell"),
    **dict.fromkeys(("div", "cash dividend", "dividends", "dividende"), "dividend"),
    **dict.fromkeys(("int", "zinsen", "rente"), "interest"),
    **dict.fromkeys(("fees", "commission", "gebühr", "gebühren", "kosten"), "fee"),
    **dict.fromkeys(("taxes", "withholding", "withholding tax", "steuer", "steuern"), "tax"),
    **dict.fromkeys(("cash in", "einlage", "einzahlung", "storting"), "deposit"),
    **dict.fromkeys(("withdraw", "cash out", "removal", "entnahme", "auszahlung", "opname"), "withdrawal"),
    **dict.fromkeys(("stock split", "reverse split"), "split"),
    **dict.fromkeys(("transfer in", "transfer-in"), "transfer_in"),
    **dict.fromkeys(("transfer out", "transfer-out"), "transfer_out"),
}
NUMBERS = ("qty", "price", "amount", "fees", "tax")
# One thousand and something, or one and some thousandths.
EITHER_WAY = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+\)?")
FIRST_PARTS = re.compile(r"\s*(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})\b")


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How a table is read. `columns` gives for a field the heading of its column, in small letters.

    `kinds` are words of the table beside those that are known anyway. With `signed` amounts, quantities of sales and
    costs say by their sign which way they went; without, the kind does, and a fee or a tax is always a cost.
    `currency` is that of lines that do not say one. `unsure` names what could not be guessed: it has to be chosen.
    """

    columns: Mapping[str, str]
    date_order: DateOrder = "ymd"
    decimal_mark: DecimalMark = "."
    zone: str = "UTC"
    currency: str = "USD"
    signed: bool = True
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()

    @property
    def required(self) -> frozenset[str]:
        return frozenset(self.columns.values())


CANONICAL = ColumnMapping({name: name for name in FIELDS if name != "time"})


def to_data(mapping: ColumnMapping) -> dict[str, Any]:
    """The mapping as plain data for JSON."""
    return {
        "columns": dict(mapping.columns),
        "date_order": mapping.date_order,
        "decimal_mark": mapping.decimal_mark,
        "zone": mapping.zone,
        "currency": mapping.currency,
        "signed": mapping.signed,
        "kinds": dict(mapping.kinds),
        "unsure": list(mapping.unsure),
    }


def from_data(data: Any) -> ColumnMapping:
    """A mapping that was kept or sent; InvalidInput says what is wrong with it."""
    if not isinstance(data, Mapping):
        raise unreadable("The mapping must be an object.")
    columns, kinds = data.get("columns"), data.get("kinds", {})
    if not isinstance(columns, Mapping) or not _texts(columns) or not set(columns) <= set(FIELDS):
        raise unreadable(f"The mapping's columns must be among: {', '.join(FIELDS)}.")
    if not isinstance(kinds, Mapping) or not _texts(kinds) or not set(kinds.values()) <= set(KINDS):
        raise unreadable(f"The mapping's kinds must be among: {', '.join(KINDS)}.")
    order, mark, zone = data.get("date_order", "ymd"), data.get("decimal_mark", "."), data.get("zone", "UTC")
    if order not in get_args(DateOrder):
        raise unreadable(f"The order of dates must be one of: {', '.join(get_args(DateOrder))}.")
    if mark not in get_args(DecimalMark):
        raise unreadable("The decimal mark must be a point or a comma.")
    if not isinstance(zone, str) or zone_of(zone) is None:
        raise unreadable(f"{shown(str(zone))} is not a time zone.")
    currency, signed, unsure = data.get("currency", "USD"), data.get("signed", True), data.get("unsure", [])
    if not isinstance(currency, str) or not CURRENCY.fullmatch(currency):
        raise unreadable("The currency must be three capital letters.")
    if (
        not isinstance(signed, bool)
        or not isinstance(unsure, Sequence)
        or not all(isinstance(one, str) for one in unsure)
    ):
        raise unreadable("The mapping is not one that was kept here.")
    names = {name: _small(column) for name, column in columns.items()}
    words = {_small(word): kind for word, kind in kinds.items()}
    return ColumnMapping(names, order, mark, zone, currency, signed, words, tuple(unsure))


def guess_mapping(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> ColumnMapping | None:
    """What the headings and the first rows suggest, None when no column can be a date or nothing says what happened."""
    places = named(heading)
    columns: dict[str, str] = {}
    for name, words in WORDS.items():
        found = next((word for word in words if word in places and word not in columns.values()), None)
        if found:
            columns[name] = found
    if "at" not in columns or not ({"amount", "qty"} & columns.keys()):
        return None
    sample = [list(row) for row in rows]
    cells = {
        name: [row[places[column]].strip() for row in sample if places[column] < len(row)]
        for name, column in columns.items()
    }
    unsure = []
    order = _date_order(cells["at"])
    if order is None:
        unsure.append("date_order")
    if "kind" not in columns and not any(cell.startswith(("-", "(")) for cell in cells.get("qty", [])):
        unsure.append("kind")
    numbers = [cell for name in NUMBERS for cell in cells.get(name, [])]
    mark = decimal_mark(numbers, ".")
    if mark != decimal_mark(numbers, ",") and any(EITHER_WAY.fullmatch(cell.lstrip("$€-( ")) for cell in numbers):
        unsure.append("decimal_mark")
    mapping = ColumnMapping(
        columns,
        order or "ymd",
        mark,
        signed=any(cell.startswith(("-", "(", "$-", "-$")) for cell in cells.get("amount", [])),
    )
    return replace(mapping, unsure=tuple(unsure))


def _date_order(cells: Iterable[str]) -> DateOrder | None:
    """The order of day and month that all cells admit, None when both do."""
    orders: set[DateOrder] = {"dmy", "mdy"}
    for cell in cells:
        if (found := FIRST_PARTS.match(cell)) is None:
            if DAY.match(cell):
                return "ymd"
            continue
        if "." in cell[: found.end()]:
            return "dmy"
        if int(found[1]) > 12:
            orders.discard("mdy")
        if int(found[2]) > 12:
            orders.discard("dmy")
    if len(orders) == 1:
        return orders.pop()
    return None if orders else "ymd"


def _texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items())


def _small(text: str) -> str:
    return " ".join(text.split()).lower()
