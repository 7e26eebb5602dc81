"""Robinhood: the CSV of Account > Reports and statements > Reports.

Columns after Robinhood's own report: Activity Date, Process Date, Settle Date, Instrument, Description, Trans Code,
Quantity, Price, Amount. Negative amounts stand in parentheses, descriptions go over several lines, the last row is a
disclaimer. Fees of the exchange are what the amount lacks; shares that a reverse split takes end with S. Days are New
York's. It states no total.
"""

from collections.abc import Iterable

from starkmatter.portfolio.importers.amounts import number
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.moments import NEW_YORK, moment
from starkmatter.portfolio.importers.presets import OPTIONS, TableImporter, cash_kind, kind_of, note
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind
from starkmatter.portfolio.importers.tables import Row

OPTION_CODES = frozenset({"BTO", "BTC", "STO", "STC", "OEXP", "OASGN", "OEXCS", "OCA"})
KINDS: dict[str, Kind] = {
    "buy": "buy",
    "sell": "sell",
    **dict.fromkeys(("cdiv", "mdiv", "sdiv", "qdiv", "roc"), "dividend"),
    **dict.fromkeys(("int", "mint", "slip"), "interest"),
    **dict.fromkeys(("gold", "afee", "dfee", "gmpc", "wfee"), "fee"),
    **dict.fromkeys(("dtax", "nrat", "tax"), "tax"),
    **dict.fromkeys(("ach", "rtp", "xent", "xent_cc", "dcf", "itrf", "wire", "dd", "acati", "acato", "rec"), "deposit"),
    **dict.fromkeys(("cil", "misc", "reb"), "other"),
    **dict.fromkeys(("spl", "spr"), "split"),
}
SHARE_CODES = frozenset({"ACATO"})


def _row(row: Row) -> Iterable[Item]:
    code, day = row.get("trans code"), row.get("activity date")
    if not code and not day:
        yield note(row, "A line without a day and a code is left out: Robinhood's disclaimer.")
        return
    if code.upper() in OPTION_CODES:
        raise BadLineError(OPTIONS)
    kind = kind_of(code, KINDS, "code")
    shares = row.get("quantity")
    taken = shares.upper().endswith("S")
    qty = number(shares[:-1] if taken else shares)
    amount = number(row.get("amount"))
    if kind == "deposit":
        out = taken or code.upper() in SHARE_CODES
        kind = ("transfer_out" if out else "transfer_in") if qty else cash_kind(amount)
    moves = kind in {"buy", "sell", "split", "transfer_in", "transfer_out"}
    if kind == "split" and qty is not None:
        qty = -qty if taken else qty
    yield make_record(
        kind,
        moment(day, "mdy", NEW_YORK),
        "USD",
        row.line_no,
        symbol=row.get("instrument"),
        qty=qty if moves else None,
        price=number(row.get("price")) if kind in {"buy", "sell"} else None,
        amount=amount,
        text=row.get("description"),
        hidden_fees=True,
    )


ROBINHOOD = TableImporter(
    "robinhood", "Robinhood", frozenset({"activity date", "process date", "instrument", "trans code", "amount"}), _row
)
