"""Charles Schwab: the CSV of Accounts > History > Export.

Columns as Schwab's export is described by others, not held against an account's,
as it has been since 2021: Date, Action, Symbol, Description, Quantity, Price,
Fees & Comm, Amount. Older files have a title line above and end with a row "Transactions Total", which is checked.
Days are New York's, shares have no sign, amounts have one. A day "01/16/2024 as of 01/12/2024" counts as its first.
"""

from collections.abc import Iterable

from starkmatter.portfolio.importers.amounts import number
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.moments import NEW_YORK, moment
from starkmatter.portfolio.importers.presets import OPTIONS, TableImporter, cash_kind, kind_of
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind, Total
from starkmatter.portfolio.importers.tables import Row

CURRENCY = "USD"
KINDS: dict[str, Kind] = {
    "buy": "buy",
    "sell": "sell",
    "sell short": "sell",
    "buy to cover": "buy",
    "reinvest shares": "buy",
    **dict.fromkeys(
        (
            "cash dividend", "qualified dividend", "non-qualified div", "special dividend", "special qual div",
            "special non qual div", "pr yr cash div", "pr yr special div", "pr yr div reinvest", "reinvest dividend",
            "qual div reinvest", "long term cap gain", "short term cap gain", "long term cap gain reinvest",
            "short term cap gain reinvest", "return of capital",
        ),
        "dividend",
    ),
    **dict.fromkeys(("bank interest", "credit interest", "bond interest", "margin interest"), "interest"),
    **dict.fromkeys(("service fee", "adr mgmt fee", "misc cash entry fee"), "fee"),
    **dict.fromkeys(("foreign tax paid", "nra tax adj", "nra withholding", "tax withholding"), "tax"),
    **dict.fromkeys(
        (
            "moneylink transfer", "moneylink deposit", "moneylink adj", "wire funds", "wire received", "wire sent",
            "wire funds received", "wire funds adj", "funds received", "funds paid", "journal", "internal transfer",
            "journaled shares", "security transfer", "stock plan activity", "atm withdrawal", "visa purchase",
        ),
        "deposit",
    ),
    "cash in lieu": "other",
    "misc credits": "other",
    "misc cash entry": "other",
    "stock split": "split",
    "reverse split": "split",
}  # fmt: skip


def _row(row: Row) -> Iterable[Item]:
    day, action = row.get("date"), row.get("action")
    amount = number(row.get("amount"))
    if day.lower() == "transactions total" or action.lower() == "transactions total":
        if amount is not None:
            yield Total("cash_change", amount, CURRENCY, row.line_no)
        return
    if action.lower().endswith((" to open", " to close")) or action.lower() in {
        "expired",
        "assigned",
        "exchange or exercise",
    }:
        raise BadLineError(OPTIONS)
    kind = kind_of(action, KINDS, "kind of action")
    qty = number(row.get("quantity"))
    if kind == "deposit":
        out = (amount is not None and amount < 0) or (not amount and qty is not None and qty < 0)
        kind = ("transfer_out" if out else "transfer_in") if qty else cash_kind(amount)
    price = number(row.get("price"))
    if qty and kind in {"transfer_in", "transfer_out"}:
        # An amount beside shares that moved is what they were worth, no cash.
        price, amount = price or (abs(amount / qty) if amount else None), None
    moves = kind in {"buy", "sell", "split", "transfer_in", "transfer_out"}
    yield make_record(
        kind,
        moment(day.lower().split(" as of ")[0], "mdy", NEW_YORK),
        CURRENCY,
        row.line_no,
        symbol=row.get("symbol"),
        qty=qty if kind == "split" else abs(qty) if moves and qty is not None else None,
        price=price if moves else None,
        amount=amount,
        fees=number(row.get("fees & comm")),
        text=f"{action}: {row.get('description')}",
    )


SCHWAB = TableImporter(
    "schwab",
    "Charles Schwab",
    frozenset({"date", "action", "symbol", "description", "quantity", "price", "fees & comm", "amount"}),
    _row,
)
