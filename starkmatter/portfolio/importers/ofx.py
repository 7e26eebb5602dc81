"""OFX and QFX (Quicken): the investment and bank statements of the standard, versions 1 and 2.

Elements after the OFX specification 2.3, chapters 11 (STMTRS, STMTTRN) and 13 (INVSTMTRS: BUYSTOCK, BUYMF, SELLSTOCK,
SELLMF, BUYOTHER, SELLOTHER, INCOME, REINVEST, INVEXPENSE, MARGININTEREST, RETOFCAP, TRANSFER, SPLIT, INVBANKTRAN;
SECLIST for the symbols). Times carry their zone, without one they are UTC as the standard says; eight digits are a
day. The cash at the end (AVAILCASH, LEDGERBAL) is told; without one at the start it cannot be checked. Options and
bonds are told as problems.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from starkmatter.portfolio.importers.amounts import number, shown
from starkmatter.portfolio.importers.checking import clean_isin, make_record
from starkmatter.portfolio.importers.moments import moment
from starkmatter.portfolio.importers.ofx_tags import Aggregate, tree_of
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.presets import OPTIONS, cash_kind, positive
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind, Record, Remark, Total
from starkmatter.portfolio.importers.tables import refused

INSTANT = re.compile(r"(\d{8})(?:(\d{6})(?:\.\d{1,6})?)?\s*(?:\[([+-]?\d{1,2})(?:\.(\d{1,2}))?(?::[A-Za-z]*)?\])?")
BUYS = ("BUYSTOCK", "BUYMF", "BUYOTHER")
SELLS = ("SELLSTOCK", "SELLMF", "SELLOTHER")
BONDS, OPTION_TAGS = ("BUYDEBT", "SELLDEBT"), ("BUYOPT", "SELLOPT", "CLOSUREOPT")
OTHERS = (
    "INCOME",
    "REINVEST",
    "INVEXPENSE",
    "MARGININTEREST",
    "RETOFCAP",
    "TRANSFER",
    "SPLIT",
    "INVBANKTRAN",
    "STMTTRN",
)
UNREAD = ("JRNLFUND", "JRNLSEC")
# INVBANKTRAN holds a STMTTRN, which find() does not give again.
TRANSACTIONS = (*BUYS, *SELLS, *BONDS, *OPTION_TAGS, *OTHERS, *UNREAD)
BANK_KINDS: dict[str, Kind] = {"INT": "interest", "DIV": "dividend", "FEE": "fee", "SRVCHG": "fee"}


class OfxImporter:
    """Every statement of the file, investment accounts and the cash beside them."""

    name, title = "ofx", "OFX or QFX (Quicken)"

    def recognizes(self, source: Source) -> bool:
        head = source.beginning.upper()
        return head.startswith(("OFXHEADER", "<")) and "<OFX>" in head

    def read(self, source: Source) -> Iterator[Item]:
        root = tree_of(source.text)
        shares = {
            info.get("UNIQUEID"): (info.get("TICKER"), info.get("UNIQUEIDTYPE"), info.get("SECNAME"))
            for info in root.find("STOCKINFO", "MFINFO", "OTHERINFO")
        }
        for statement in root.find("INVSTMTRS", "STMTRS", "CCSTMTRS"):
            currency = statement.get("CURDEF").upper()
            for entry in statement.find(*TRANSACTIONS):
                try:
                    items: list[Item] = list(_records(entry, currency, shares))
                except BadLineError as error:
                    items = [refused(entry.line_no, error)]
                yield from items
            yield from _balances(statement, currency)


def _records(entry: Aggregate, currency: str, shares: dict[str, tuple[str, str, str]]) -> Iterator[Record | Remark]:
    name, values = entry.name, entry.flat()

    def said(tag: str) -> str:
        return values.get(tag, "")

    if name in OPTION_TAGS:
        raise BadLineError(OPTIONS)
    if name in BONDS or name in UNREAD:
        raise BadLineError(f"{name} is not read yet")
    if said("CURSYM") and said("CURSYM").upper() != currency:
        raise BadLineError(f"it is in {shown(said('CURSYM'))}, the statement in {currency}")
    ticker, kind_of_id, title = shares.get(said("UNIQUEID"), ("", "", ""))
    isin = said("UNIQUEID") if (kind_of_id or said("UNIQUEIDTYPE")).upper() == "ISIN" else ""
    amounts = {tag: number(said(tag)) for tag in ("TOTAL", "TRNAMT", "UNITS", "UNITPRICE")}
    units, total = amounts["UNITS"], amounts["TOTAL"]
    costs = sum((number(said(tag)) or Decimal(0) for tag in ("COMMISSION", "FEES", "LOAD")), Decimal(0))
    at = _instant(said("DTTRADE") or said("DTPOSTED"))
    memo = said("MEMO") or said("NAME")
    text = ": ".join(part for part in (title, memo) if part)
    number_of = said("FITID")

    def record(
        kind: Kind,
        amount: Decimal | None,
        *,
        of_shares: bool = True,
        suffix: str = "",
        qty: Decimal | None = None,
        price: Decimal | None = None,
        fees: Decimal | None = None,
        tax: Decimal | None = None,
    ) -> Record:
        return make_record(
            kind,
            at,
            currency,
            entry.line_no,
            symbol=ticker if of_shares else "",
            isin=isin if of_shares else "",
            amount=amount,
            text=text,
            source_id=number_of + suffix if number_of else "",
            qty=qty,
            price=price,
            fees=fees,
            tax=tax,
        )

    clean_isin(isin)
    taxes = number(said("TAXES")) or Decimal(0)
    if name in (*BUYS, *SELLS):
        kind: Kind = "buy" if name in BUYS else "sell"
        yield record(kind, total, qty=positive(units), price=amounts["UNITPRICE"], fees=costs, tax=taxes)
    elif name == "REINVEST":
        if total is None:
            raise BadLineError("it does not say its total")
        yield record("dividend", abs(total), suffix="/income")
        yield record("buy", -abs(total), qty=positive(units), price=amounts["UNITPRICE"], fees=costs, tax=taxes)
    elif name == "INCOME":
        yield record("interest" if said("INCOMETYPE").upper() == "INTEREST" else "dividend", total)
    elif name == "RETOFCAP":
        yield record("dividend", total)
    elif name == "INVEXPENSE":
        yield record("fee", total)
    elif name == "MARGININTEREST":
        yield record("interest", total, of_shares=False)
    elif name == "TRANSFER":
        out = said("TFERACTION").upper() == "OUT" or (units is not None and units < 0)
        yield record("transfer_out" if out else "transfer_in", None, qty=units, price=amounts["UNITPRICE"])
    elif name == "SPLIT":
        old, new = number(said("OLDUNITS")), number(said("NEWUNITS"))
        if old is None or new is None:
            raise BadLineError("it does not say the shares before and after")
        yield record("split", None, qty=new - old)
    else:
        cash = amounts["TRNAMT"]
        yield record(BANK_KINDS.get(said("TRNTYPE").upper(), cash_kind(cash)), cash, of_shares=False)


def _balances(statement: Aggregate, currency: str) -> Iterator[Total]:
    for name, tag in (("INVBAL", "AVAILCASH"), ("LEDGERBAL", "BALAMT")):
        for balance in statement.find(name):
            try:
                cash = number(balance.get(tag))
            except BadLineError:
                cash = None
            if cash is not None:
                yield Total("cash_end", cash, currency, balance.line_no)


def _instant(text: str) -> datetime:
    """20240115120000.000[-5:EST] as UTC; a day alone is noon."""
    found = INSTANT.fullmatch(text.strip())
    if found is None:
        raise BadLineError(f"{shown(text)} is not a date of OFX")
    day, clock, hours, part = found.groups()
    away = timedelta(hours=int(hours or 0), minutes=int(60 * Decimal(f"0.{part}")) if part else 0)
    if abs(away) > timedelta(hours=14):
        raise BadLineError(f"{shown(text)} is not a date of OFX")
    # Many write a day as its midnight, which in another zone would be the day before.
    return moment(day, "ymd", UTC if not hours else timezone(away), "" if clock in {None, "000000"} else clock or "")
