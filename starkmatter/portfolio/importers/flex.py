"""Interactive Brokers: Flex queries of the kind "Activity", as XML or CSV.

Sections and fields after IBKR's Flex Query reference: Trades (tradeID, transactionID, dateTime, buySell, quantity,
tradePrice, ibCommission, taxes, netCash, levelOfDetail ...), CashTransactions (type, amount, dateTime,
transactionID), CorporateActions (FS and RS), Transfers and CashReport, whose startingCash and endingCash are the
totals that are checked. In CSV the same fields have the names of the web page (CurrencyPrimary, Buy/Sell ...), each
section its heading, and with "headers and trailers" a row EOS counts its rows. Times are New York's unless the query
says otherwise, sold shares negative. Currencies, options, futures and bonds are told as problems; any other section
as a note.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from starkmatter.portfolio.importers.amounts import shown
from starkmatter.portfolio.importers.flex_entries import ENTRIES, read_entry
from starkmatter.portfolio.importers.flex_xml import elements_of
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.records import BadLineError, Item, Remark
from starkmatter.portfolio.importers.tables import lines_of, named, refused

ACCOUNT = "clientaccountid"
# The names of the web page and of CSV, in small letters, beside those of XML.
NAMES = {
    "currencyprimary": "currency", "currency": "currency", "assetclass": "assetCategory", "symbol": "symbol",
    "description": "description", "isin": "isin", "tradeid": "tradeID", "transactionid": "transactionID",
    "ibexecid": "ibExecID", "datetime": "dateTime", "date/time": "dateTime", "tradedate": "tradeDate",
    "date": "date", "reportdate": "reportDate", "buy/sell": "buySell", "quantity": "quantity",
    "tradeprice": "tradePrice", "price": "price", "ibcommission": "ibCommission", "commission": "ibCommission",
    "ibcommissioncurrency": "ibCommissionCurrency", "commissioncurrency": "ibCommissionCurrency", "taxes": "taxes",
    "tax": "taxes", "netcash": "netCash", "levelofdetail": "levelOfDetail", "type": "type", "amount": "amount",
    "direction": "direction", "positionamount": "positionAmount", "cashtransfer": "cashTransfer",
    "dividends": "dividends", "paymentinlieu": "paymentInLieu", "brokerinterest": "brokerInterest",
    "bondinterest": "bondInterest", "withholdingtax": "withholdingTax", "startingcash": "startingCash",
    "endingcash": "endingCash", "proceeds": "proceeds",
}  # fmt: skip


class FlexImporter:
    """Either form of a Flex query."""

    name, title = "ibkr_flex", "Interactive Brokers (Flex query)"

    def recognizes(self, source: Source) -> bool:
        if not source.is_table:
            return source.beginning.startswith("<") and "<FlexQueryResponse" in source.beginning
        return any(ACCOUNT in named(cells) for _, cells in source.head)

    def read(self, source: Source) -> Iterator[Item]:
        left_out: Counter[str] = Counter()
        first_line: dict[str, int] = {}
        entries = _of_csv(source) if source.is_table else elements_of(source.text)
        for line_no, name, fields in entries:
            if isinstance(fields, Remark):
                yield fields
                continue
            if name not in ENTRIES:
                left_out[name] += 1
                first_line.setdefault(name, line_no)
                continue
            try:
                items = list(read_entry(name, fields, line_no))
            except BadLineError as error:
                items = [refused(line_no, error)]
            yield from items
        for name, count in left_out.items():
            yield Remark(first_line[name], f"{count:,} of {shown(name)} are not needed and left out.", "note")


def _of_csv(source: Source) -> Iterator[tuple[int, str, Mapping[str, str] | Remark]]:
    """Every row as an entry of the section that its heading shows."""
    columns: list[str] = []
    name = ""
    count = 0
    for line_no, cells in lines_of(source.text, source.mark):
        first = cells[0].strip()
        if first in {"BOF", "BOA", "EOA", "EOF", "BOS", "MSG"}:
            columns, count = [], 0
            if first == "MSG":
                yield line_no, "", Remark(line_no, f"IBKR says: {shown(' '.join(cells[1:]))}.", "note")
            continue
        if first == "EOS":
            stated = cells[2].strip() if len(cells) > 2 else ""
            if stated.isdecimal() and len(stated) < 10 and int(stated) != count:
                yield line_no, "", Remark(line_no, f"The section says that it has {stated} rows, it has {count:,}.")
            continue
        if first.lower() == ACCOUNT:
            columns, count = [cell.strip().lower() for cell in cells], 0
            name = _section(set(columns))
            continue
        if not columns:
            yield line_no, "", Remark(line_no, f"{shown(' '.join(cells))} stands outside of a table.", "note")
            continue
        count += 1
        if len(cells) != len(columns):
            yield line_no, "", Remark(line_no, f"This line has {len(cells)} cells, the heading has {len(columns)}.")
            continue
        yield line_no, name, {NAMES[c]: cell.strip() for c, cell in zip(columns, cells, strict=True) if c in NAMES}


def _section(columns: set[str]) -> str:
    if "buy/sell" in columns and columns & {"tradeprice", "price"}:
        return "Trade"
    if "startingcash" in columns:
        return "CashReportCurrency"
    if "direction" in columns and "cashtransfer" in columns:
        return "Transfer"
    if {"type", "amount", "transactionid"} <= columns and "actionid" not in columns:
        return "CashTransaction"
    if {"type", "actionid", "quantity"} <= columns:
        return "CorporateAction"
    return "rows of another section"
