"""Trading 212: the CSV of History > Export.

Columns as Trading 212's export is described by others, not held against an account's,
which has those that its lines need: Action, Time, ISIN, Ticker, Name, No. of
shares, Price / share, Currency (Price / share), Exchange rate, Result, Total, Withholding tax, Notes, ID, and the
fees that were taken (Currency conversion fee, Stamp duty reserve tax, ...). A currency stands in a column beside
("Currency (Total)") or, in older files, in the name ("Total (EUR)"). Times are UTC. Shares priced in another currency
than the total are told at what they cost in the total's; pence (GBX) are hundredths of a pound. It states no total.
"""

import re
from collections.abc import Iterable
from datetime import UTC
from decimal import Decimal
from functools import lru_cache

from starkmatter.domain.money import ZERO, plain
from starkmatter.portfolio.importers.amounts import number, shown
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.moments import moment
from starkmatter.portfolio.importers.presets import TableImporter
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind
from starkmatter.portfolio.importers.tables import Row

NAMED_CURRENCY = re.compile(r"(.+) \(([a-z]{3})\)")
FEES = ("currency conversion fee", "transaction fee", "finra fee", "ptm levy")
TAXES = (
    "stamp duty reserve tax",
    "stamp duty",
    "french transaction tax",
    "italian transaction tax",
    "spanish transaction tax",
)
PENCE = "GBX"
KINDS: dict[str, Kind] = {
    "deposit": "deposit",
    "withdrawal": "withdrawal",
    "card debit": "withdrawal",
    "card credit": "deposit",
    "new card cost": "fee",
    "interest on cash": "interest",
    "lending interest": "interest",
    "share lending interest": "interest",
    "spending cashback": "other",
    "cashback": "other",
    "currency conversion": "other",
    "result adjustment": "other",
    "stock split open": "split",
    "stock split close": "split",
}


@lru_cache(maxsize=256)
def _named(column: str) -> tuple[str, str] | None:
    """Of a column such as `total (eur)` its name and its currency."""
    found = NAMED_CURRENCY.fullmatch(column)
    return (found[1], found[2].upper()) if found else None


def _money(row: Row, name: str) -> tuple[Decimal | None, str]:
    """A number and its currency, wherever that stands."""
    if name in row.places:
        return number(row.get(name)), row.get(f"currency ({name})").upper()
    for column in row.places:
        found = _named(column)
        if found and found[0] == name and row.get(column):
            return number(row.get(column)), found[1]
    return None, ""


def _costs(row: Row, names: Iterable[str], currency: str) -> Decimal:
    total = ZERO
    for name in names:
        cost, unit = _money(row, name)
        if cost:
            if unit and unit != currency:
                raise BadLineError(f"its {name} is in {unit}, its total in {currency}")
            total += abs(cost)
    return total


def _kind(action: str) -> Kind:
    words = action.lower()
    if words.endswith(" buy"):
        return "buy"
    if words.endswith(" sell"):
        return "sell"
    if words.startswith("dividend"):
        return "dividend"
    if words not in KINDS:
        raise BadLineError(f"{shown(action)} is not an action that is read")
    return KINDS[words]


def _row(row: Row) -> Iterable[Item]:
    action = row.get("action")
    kind = _kind(action)
    total, currency = _money(row, "total")
    price, price_unit = _money(row, "price / share")
    qty = number(row.get("no. of shares"))
    trade = kind in {"buy", "sell"}
    if not currency:
        raise BadLineError("it does not say the currency of its total")
    words = [f"{action}: {row.get('name')}" if row.get("name") else action, row.get("notes")]
    tax = _costs(row, TAXES, currency) if trade else ZERO
    withheld, withheld_unit = _money(row, "withholding tax")
    if kind == "dividend" and withheld:
        tax = abs(withheld) if withheld_unit == currency else ZERO
        words += [] if tax else [f"{plain(abs(withheld))} {withheld_unit} withheld"]
    if trade and price is not None:
        if price_unit == PENCE and currency == "GBP":
            price = price / 100
        elif price_unit != currency:
            words.append(f"at {plain(price)} {price_unit}")
            price = None
    if total is not None:
        total = (
            -abs(total)
            if kind in {"buy", "withdrawal", "fee"}
            else abs(total)
            if kind in {"sell", "deposit"}
            else total
        )
    yield make_record(
        kind,
        moment(row.get("time"), "ymd", UTC),
        currency,
        row.line_no,
        symbol=row.get("ticker"),
        isin=row.get("isin"),
        qty=-qty
        if kind == "split" and qty and action.lower().endswith("close")
        else qty
        if trade or kind == "split"
        else None,
        price=price if trade else None,
        amount=total,
        fees=_costs(row, FEES, currency) if trade else None,
        tax=tax,
        text=", ".join(word for word in words if word),
        source_id=row.get("id"),
    )


TRADING212 = TableImporter(
    "trading212", "Trading 212", frozenset({"action", "time", "isin", "ticker", "no. of shares"}), _row
)
