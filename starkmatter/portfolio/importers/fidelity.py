"""Fidelity: the CSV of Activity & Orders > History > Download.

Columns as Fidelity's export is described by others, not held against an account's:
Run Date, Action, Symbol, Description, Type, Quantity, Price ($), Commission ($),
Fees ($), Accrued Interest ($), Amount ($), Cash Balance ($), Settlement Date, in either order of price and quantity,
with or without "($)". What happened stands at the beginning of Action. Two blank lines stand above, disclaimers
below. Days are New York's, sold shares negative. It states no total.
"""

from collections.abc import Iterable

from starkmatter.portfolio.importers.amounts import number, shown
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.moments import NEW_YORK, moment
from starkmatter.portfolio.importers.presets import OPTIONS, TableImporter, cash_kind, positive, total_of
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind
from starkmatter.portfolio.importers.tables import Row

# The longer beginning stands before the shorter one that it contains.
BEGINNINGS: tuple[tuple[str, Kind], ...] = (
    ("YOU BOUGHT", "buy"),
    ("YOU SOLD", "sell"),
    ("REINVESTMENT", "buy"),
    ("DIVIDEND RECEIVED", "dividend"),
    ("LONG-TERM CAP GAIN", "dividend"),
    ("SHORT-TERM CAP GAIN", "dividend"),
    ("RETURN OF CAPITAL", "dividend"),
    ("INTEREST", "interest"),
    ("MARGIN INTEREST", "interest"),
    ("FOREIGN TAX PAID", "tax"),
    ("ADJ FOREIGN TAX PAID", "tax"),
    ("NON-RESIDENT TAX", "tax"),
    ("ADJ NON-RESIDENT TAX", "tax"),
    ("FEE CHARGED", "fee"),
    ("ADVISORY FEE", "fee"),
    ("IN LIEU OF FRX SHARE", "other"),
    ("REVERSE SPLIT", "split"),
    ("DISTRIBUTION", "split"),
    *(
        (words, "deposit")
        for words in (
            "ELECTRONIC FUNDS TRANSFER", "DIRECT DEPOSIT", "DIRECT DEBIT", "CHECK RECEIVED", "CHECK PAID",
            "BILL PAYMENT", "WIRE TRANSFER", "TRANSFERRED FROM", "TRANSFERRED TO", "TRANSFER OF ASSETS",
            "CASH CONTRIBUTION", "PARTIC CONTR", "CO CONTR", "DEBIT CARD PURCHASE", "JOURNALED",
        )
    ),
)  # fmt: skip


def _row(row: Row) -> Iterable[Item]:
    action = row.get("action")
    if any(word in action.upper() for word in ("OPENING TRANSACTION", "CLOSING TRANSACTION", "EXPIRED", "ASSIGNED")):
        raise BadLineError(OPTIONS)
    kind = next((kind for words, kind in BEGINNINGS if action.upper().startswith(words)), None)
    if kind is None:
        raise BadLineError(f"{shown(action)} is not an action that is read")
    if number(row.get("accrued interest ($)", "accrued interest")):
        raise BadLineError("bonds, which trade with accrued interest, are not read yet")
    qty, amount = number(row.get("quantity")), number(row.get("amount ($)", "amount"))
    if kind == "deposit":
        kind = ("transfer_out" if qty < 0 else "transfer_in") if qty else cash_kind(amount)
    price = number(row.get("price ($)", "price"))
    if qty and kind in {"transfer_in", "transfer_out"}:
        # An amount beside shares that moved is what they were worth, no cash.
        price, amount = price or (abs(amount / qty) if amount else None), None
    trade = kind in {"buy", "sell"}
    yield make_record(
        kind,
        moment(row.get("run date"), "mdy", NEW_YORK),
        "USD",
        row.line_no,
        symbol=row.get("symbol"),
        qty=positive(qty) if trade or kind.startswith("transfer") else qty if kind == "split" else None,
        price=price if trade or kind.startswith("transfer") else None,
        amount=amount,
        fees=total_of(row, "commission ($)", "commission", "fees ($)", "fees") if trade else None,
        text=action,
    )


FIDELITY = TableImporter("fidelity", "Fidelity", frozenset({"run date", "action", "symbol", "quantity"}), _row)
