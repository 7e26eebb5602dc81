"""E*TRADE: the CSV of Accounts > Transactions > Download, in both of its forms.

Columns as E*TRADE's export is described by others, not held against an account's:
until 2025 TransactionDate, TransactionType, SecurityType, Symbol, Quantity,
Amount, Price, Commission, Description, below a line "For Account:"; since then Activity/Trade Date, Transaction Date,
Settlement Date, Activity Type, Description, Symbol, Cusip, Quantity #, Price $, Amount $, Commission, Category, Note.
Neither states a total nor the fees of the exchange, which are what the amount lacks. Days are New York's, sold shares
negative.
"""

from collections.abc import Iterable, Iterator

from starkmatter.portfolio.importers.amounts import number
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.moments import NEW_YORK, moment
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.presets import OPTIONS, cash_kind, kind_of, positive, read_table
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind
from starkmatter.portfolio.importers.tables import Row, heading_in

OLD = frozenset({"transactiondate", "transactiontype", "securitytype", "symbol", "quantity", "amount", "price"})
NEW = frozenset({"activity/trade date", "activity type", "quantity #", "price $", "amount $"})
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("bought", "bought to cover"), "buy"),
    **dict.fromkeys(("sold", "sold short"), "sell"),
    **dict.fromkeys(
        ("dividend", "qualified dividend", "lt cap gain distribution", "st cap gain distribution"), "dividend"
    ),
    **dict.fromkeys(("interest", "interest income", "margin interest"), "interest"),
    **dict.fromkeys(("fee", "service fee", "adr fee", "misc trade"), "fee"),
    **dict.fromkeys(("foreign tax", "tax withholding", "non-resident tax"), "tax"),
    **dict.fromkeys(
        (
            "transfer", "online transfer", "wire", "wire in", "wire out", "check", "deposit", "withdrawal",
            "direct debit",
        ),
        "deposit",
    ),
    **dict.fromkeys(("adjustment", "cash in lieu", "reorganization"), "other"),
    "stock split": "split",
}  # fmt: skip


def _row(row: Row) -> Iterable[Item]:
    words = row.get("activity type", "transactiontype")
    if row.get("securitytype").upper() in {"OPTN", "OPT"} or words.lower().startswith("option"):
        raise BadLineError(OPTIONS)
    kind = kind_of(words, KINDS, "kind of transaction")
    qty, amount = number(row.get("quantity #", "quantity")), number(row.get("amount $", "amount"))
    # A dividend that bought shares is told as one with shares and a negative amount.
    if kind == "dividend" and qty and amount is not None and amount < 0:
        kind = "buy"
    elif kind == "deposit" and qty and amount:
        raise BadLineError("it moves shares and money at once")
    elif kind == "deposit":
        kind = ("transfer_out" if qty < 0 else "transfer_in") if qty and not amount else cash_kind(amount)
    trade = kind in {"buy", "sell"}
    price = number(row.get("price $", "price"))
    yield make_record(
        kind,
        moment(row.get("activity/trade date", "transactiondate"), "mdy", NEW_YORK),
        "USD",
        row.line_no,
        symbol=row.get("symbol"),
        qty=positive(qty) if trade or kind.startswith("transfer") else qty if kind == "split" else None,
        price=(price or None) if trade else None,
        amount=amount,
        fees=positive(number(row.get("commission"))),
        text=f"{words}: {row.get('description')}",
        hidden_fees=True,
    )


class EtradeImporter:
    """Either form, told by its heading."""

    name, title = "etrade", "E*TRADE"

    def recognizes(self, source: Source) -> bool:
        return any(heading_in(source.head, form) is not None for form in (OLD, NEW))

    def read(self, source: Source) -> Iterator[Item]:
        form = OLD if heading_in(source.head, OLD) is not None else NEW
        yield from read_table(source, form, _row)
