"""Portfolio Performance: the CSV of File > Export > All transactions (or of one account), in English or German.

Columns after its manual's pages on CSV ("Account Transactions", "Portfolio Transactions"): Date, Type, Value,
Transaction Currency, Gross Amount, Currency Gross Amount, Exchange Rate, Fees, Taxes, Shares, ISIN, WKN, Ticker
Symbol, Security Name, Note; in German Datum, Typ, Wert, Buchungswährung, ..., Gebühren, Steuern, Stück, ... Value is
what moved, fees and taxes included, with or without its sign: the type says which way. There is no price, it is told
from value and shares. A day without a time, which it writes as its midnight, is Berlin's. It states no total.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice

from starkmatter.domain.money import ZERO
from starkmatter.portfolio.importers.amounts import DecimalMark, number
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.moments import BERLIN, moment
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.presets import decimal_mark, kind_of, read_table
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind
from starkmatter.portfolio.importers.tables import Row, heading_in, rows_under

COLUMNS = ("date", "type", "value", "currency", "fees", "taxes", "shares", "symbol", "name", "note")
ENGLISH_NAMES = (
    "date", "type", "value", "transaction currency", "fees", "taxes", "shares", "ticker symbol", "security name",
    "note",
)  # fmt: skip
GERMAN_NAMES = (
    "datum", "typ", "wert", "buchungswährung", "gebühren", "steuern", "stück", "ticker-symbol", "wertpapiername",
    "notiz",
)  # fmt: skip
ENGLISH = dict(zip(COLUMNS, ENGLISH_NAMES, strict=True))
GERMAN = dict(zip(COLUMNS, GERMAN_NAMES, strict=True))
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("buy", "kauf"), "buy"),
    **dict.fromkeys(("sell", "verkauf"), "sell"),
    **dict.fromkeys(("dividend", "dividende"), "dividend"),
    **dict.fromkeys(("interest", "zinsen", "interest charge", "zinsbelastung"), "interest"),
    **dict.fromkeys(("fees", "gebühren", "fees refund", "gebührenerstattung"), "fee"),
    **dict.fromkeys(("taxes", "steuern", "tax refund", "steuerrückerstattung"), "tax"),
    **dict.fromkeys(("deposit", "einlage"), "deposit"),
    **dict.fromkeys(("removal", "withdrawal", "entnahme"), "withdrawal"),
    **dict.fromkeys(("delivery (inbound)", "einlieferung", "transfer (inbound)", "umbuchung (eingang)"), "transfer_in"),
    **dict.fromkeys(
        ("delivery (outbound)", "auslieferung", "transfer (outbound)", "umbuchung (ausgang)"), "transfer_out"
    ),
}
OUTGOING = frozenset(
    {
        "buy", "kauf", "interest charge", "zinsbelastung", "fees", "gebühren", "taxes", "steuern", "removal",
        "withdrawal", "entnahme", "transfer (outbound)", "umbuchung (ausgang)",
    }
)  # fmt: skip
DELIVERIES = frozenset({"delivery (inbound)", "einlieferung", "delivery (outbound)", "auslieferung"})
SAMPLE_ROWS = 200


class PortfolioPerformanceImporter:
    """Its transactions, whichever of its two languages they are in."""

    name, title = "portfolio_performance", "Portfolio Performance"

    def recognizes(self, source: Source) -> bool:
        return self._words(source) is not None

    def read(self, source: Source) -> Iterator[Item]:
        words = self._words(source) or ENGLISH
        required = {words[name] for name in ("date", "type", "value", "currency", "fees", "taxes", "shares")}
        first = islice(rows_under(source.text, source.mark, required), SAMPLE_ROWS)
        cells = [row.get(words[name]) for row in first if isinstance(row, Row) for name in ("value", "fees", "taxes")]
        mark = decimal_mark(cells, "." if words is ENGLISH else ",")
        yield from read_table(source, required, lambda row: _row(row, words, mark))

    def _words(self, source: Source) -> dict[str, str] | None:
        for words in (ENGLISH, GERMAN):
            if (
                heading_in(source.head, {words[name] for name in ("date", "type", "value", "currency", "shares")})
                is not None
            ):
                return words
        return None


def _row(row: Row, words: dict[str, str], mark: DecimalMark) -> Iterable[Item]:
    said = row.get(words["type"])
    kind = kind_of(said, KINDS, "type")
    value = number(row.get(words["value"]), mark)
    if value is None:
        raise BadLineError("it does not say its value")
    shares = number(row.get(words["shares"]), mark)
    amount = -abs(value) if said.lower() in OUTGOING else abs(value)
    trade, delivery = kind in {"buy", "sell"}, said.lower() in DELIVERIES
    price: Decimal | None = None
    if delivery:
        # What is delivered is worth its value, and no cash moves.
        if not shares:
            raise BadLineError("it does not say how many shares")
        price, amount = abs(value) / abs(shares), ZERO
    text = ": ".join(part for part in (row.get(words["name"]), row.get(words["note"])) if part)
    yield make_record(
        kind,
        moment(row.get(words["date"]).removesuffix("T00:00"), "dmy" if words is GERMAN else "ymd", BERLIN),
        row.get(words["currency"]).upper(),
        row.line_no,
        symbol=row.get(words["symbol"]),
        isin=row.get("isin"),
        qty=abs(shares) if shares and (trade or delivery) else None,
        price=price,
        amount=amount,
        fees=_cost(row, words["fees"], mark) if trade else None,
        tax=_cost(row, words["taxes"], mark) if trade or kind == "dividend" else None,
        text=text or said,
    )


def _cost(row: Row, column: str, mark: DecimalMark) -> Decimal:
    return abs(number(row.get(column), mark) or ZERO)
